//! A Network Connection with something between the socket and the bytes of MQTT: encryption.
//!
//! The layers are made of codecs that know no socket: bytes in, bytes out. Here they meet it. Outwards from the socket:
//!
//! ```text
//! socket ── ciphertext ── TLS ── plaintext ── the caller
//! ```
//!
//! What must hold: nothing that is decoded stays here, so what [`Layered::read`] says of more to come is said of the socket
//! alone; an idle connection holds no buffer.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};

use crate::stream::{ROOM_BYTES_MIN, Received, Stream};
use crate::tls::{Outgoing, Tls, TlsFailure};

/// A socket and its layers.
#[derive(Debug)]
pub struct Layered {
    /// Without layers.
    pub(crate) socket: Stream,
    tls: Tls,
    /// Came from the socket and is not complete enough to be decoded.
    undecoded: Vec<u8>,
    /// Encoded, and not taken by the socket yet.
    unsent: Vec<u8>,
}

impl Layered {
    pub(crate) fn new(socket: Stream, tls: Tls) -> Layered {
        Layered { socket, tls, undecoded: Vec::new(), unsent: Vec::new() }
    }

    /// The encryption.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Reads the socket once and decodes all that has come completely to the beginning of `room`.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Received> {
        if let Some(failure) = self.tls.failure() {
            return Err(failed(failure.clone()));
        }
        if self.tls.is_closed() {
            return Ok(Received::End);
        }
        debug_assert!(room.len() >= ROOM_BYTES_MIN);
        let start = Tls::ROOM_BEFORE;
        let kept = start + self.undecoded.len();
        room[start..kept].copy_from_slice(&self.undecoded);
        let Received::Bytes { count, is_more } = self.socket.read(&mut room[kept..])? else {
            // Without close_notify as often as with it: what is in MQTT packets was complete, the rest counts for nothing.
            return Ok(Received::End);
        };
        let end = kept + count;
        if self.tls.is_ended() {
            return Ok(Received::Bytes { count: 0, is_more });
        }
        // What was decoded counts, even if an answer cannot be written any more: the next write tells.
        let (decoded, _) = self.answer(|tls, _, outgoing| tls.receive(&mut room[..end], start, outgoing));
        let decoded = decoded?;
        self.keep(&room[decoded.used..end]);
        match decoded.plaintext {
            0 if self.tls.is_closed() => Ok(Received::End),
            count => {
                let has_end = self.tls.is_closed() || self.tls.failure().is_some();
                Ok(Received::Bytes { count, is_more: is_more || has_end })
            }
        }
    }

    /// Encodes some of `pieces` and writes it once; what the socket does not take is kept until [`Layered::flush`], and so
    /// long nothing more is taken. How many bytes were.
    pub(crate) fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        if !self.unsent.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (taken, sent) = self.answer(|tls, undecoded, outgoing| {
            let mut taken = 0;
            for piece in pieces {
                let part = &piece[..piece.len().min(WRITTEN_BYTES_MAX - taken)];
                tls.send(part, undecoded, outgoing)?;
                taken += part.len();
            }
            Ok(taken)
        });
        sent.and(taken)
    }

    /// Bytes that were taken, and which the socket has not.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    /// Writes what the socket has not taken yet, as far as it does now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let sent = write_all_it_takes(&mut self.socket, &self.unsent)?;
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        Ok(())
    }

    /// Says that nothing more will be sent, as far as the socket takes that now, and ends our half of the stream.
    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        self.say_goodbye();
        self.socket.shutdown_write()
    }

    fn say_goodbye(&mut self) {
        if !self.unsent.is_empty() {
            return;
        }
        // Best effort: whoever does not read any more does not need it.
        let _ = self.answer(Tls::close);
    }

    /// Keeps what is to be decoded together with what comes next.
    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.undecoded = Vec::new();
        } else {
            self.undecoded.clear();
            self.undecoded.extend_from_slice(rest);
        }
    }

    /// Does something that may have an answer, and writes that: what came of it, and whether the socket is still good for
    /// writing. After a failure the answer is an alert, and the last word.
    fn answer<T>(
        &mut self,
        act: impl FnOnce(&mut Tls, &mut [u8], &mut Outgoing) -> Result<T, TlsFailure>,
    ) -> (io::Result<T>, io::Result<()>) {
        OUTGOING.with_borrow_mut(|outgoing| {
            outgoing.clear();
            let result = act(&mut self.tls, &mut self.undecoded, outgoing);
            let sent = self.send(outgoing.bytes());
            outgoing.shrink();
            let result = result.map_err(|failure| {
                let _ = self.socket.shutdown_write();
                failed(failure)
            });
            (result, sent)
        })
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.unsent.is_empty() { write_all_it_takes(&mut self.socket, bytes)? } else { 0 };
        if sent < bytes.len() {
            self.unsent.extend_from_slice(&bytes[sent..]);
        }
        Ok(())
    }
}

/// Whoever closes says so: a client that waits for our end could not tell it from an attack otherwise.
impl Drop for Layered {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

fn failed(failure: TlsFailure) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, failure)
}

thread_local! {
    /// What is encoded for one connection, until it is written: one buffer for each event loop.
    static OUTGOING: RefCell<Outgoing> = RefCell::default();
}

/// Taken with one write: four full records. What of that the socket does not take is kept here, beside what the caller knows
/// to be waiting.
const WRITTEN_BYTES_MAX: usize = 64 * 1024;

/// Writes until the socket takes no more: only then does the system tell when it does again. How many bytes it took.
fn write_all_it_takes(socket: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as BlockingUnixStream;
    use std::sync::Arc;
    use std::time::Duration;

    use mio::net::UnixStream;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, StreamOwned};

    use super::*;
    use crate::tls::TlsVersion;
    use crate::tls::tests::{client_config, plain_listener};

    type Client = StreamOwned<ClientConnection, BlockingUnixStream>;

    /// Both ends after the handshake.
    fn pair(version: TlsVersion) -> (Layered, Client) {
        let (server, mut client) = BlockingUnixStream::pair().expect("a pair");
        server.set_nonblocking(true).expect("set");
        let socket = Stream::Unix(UnixStream::from_std(server));
        let mut layered = Layered::new(socket, plain_listener().begin(None).expect("begun"));
        let name = ServerName::try_from("localhost").expect("a name");
        let mut connection = ClientConnection::new(Arc::new(client_config(version, None)), name).expect("a client");
        let shaker = std::thread::spawn(move || {
            while connection.is_handshaking() {
                connection.complete_io(&mut client).expect("a handshake");
            }
            StreamOwned::new(connection, client)
        });
        while !shaker.is_finished() {
            assert!(read(&mut layered).is_empty());
            std::thread::sleep(Duration::from_millis(1));
        }
        read(&mut layered);
        (layered, shaker.join().expect("no panic"))
    }

    /// All plaintext that there is.
    fn read(layered: &mut Layered) -> Vec<u8> {
        let mut room = vec![0; ROOM_BYTES_MIN];
        let mut all = Vec::new();
        loop {
            match layered.read(&mut room) {
                Ok(Received::Bytes { count, .. }) => all.extend_from_slice(&room[..count]),
                Ok(Received::End) => return all,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn what_the_socket_does_not_take_is_kept_and_flushed() {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let (mut layered, mut client) = pair(version);
            let much: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 3) as u8).collect();
            let expected = much.clone();
            let reader = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                let mut bytes = vec![0; expected.len()];
                client.read_exact(&mut bytes).expect("all of it");
                assert!(bytes == expected);
                client
            });
            let (mut written, mut was_full) = (0, false);
            while written < much.len() || layered.unsent() > 0 {
                let (one, other) = much[written..].split_at((much.len() - written) / 2);
                match layered.write_vectored(&[IoSlice::new(one), IoSlice::new(other)]) {
                    Ok(count) => {
                        assert!(count <= WRITTEN_BYTES_MAX);
                        written += count;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        was_full = true;
                        std::thread::sleep(Duration::from_millis(1));
                        layered.flush().expect("flushed");
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            assert!(was_full && layered.unsent.capacity() == 0);
            let mut client = reader.join().expect("the same bytes");
            client.write_all(b"thanks").expect("written");
            assert_eq!(read(&mut layered), b"thanks");
            assert_eq!(layered.undecoded.capacity(), 0);
        }
    }

    #[test]
    fn whoever_lets_go_says_so() {
        let (layered, mut client) = pair(TlsVersion::Tls13);
        drop(layered);
        assert_eq!(client.read(&mut [0; 8]).expect("close_notify and no broken end"), 0);
    }

    #[test]
    fn the_end_comes_behind_the_last_bytes() {
        let (mut layered, mut client) = pair(TlsVersion::Tls12);
        client.write_all(b"last").expect("written");
        client.conn.send_close_notify();
        client.flush().expect("flushed");
        let mut room = vec![0; ROOM_BYTES_MIN];
        assert_eq!(layered.read(&mut room).expect("bytes"), Received::Bytes { count: 4, is_more: true });
        assert_eq!(layered.read(&mut room).expect("the end"), Received::End);
        // Our half goes on until we end it, and what comes then is only thrown away.
        layered.write_vectored(&[IoSlice::new(b"bye")]).expect("written");
        layered.shutdown_write().expect("shut down");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("a whole answer");
        assert_eq!(answer, b"bye");
    }

    #[test]
    fn a_failure_is_told_with_an_alert() {
        let (mut layered, mut client) = pair(TlsVersion::Tls13);
        client.write_all(b"before").expect("written");
        client
            .sock
            .write_all(&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
            .expect("written");
        let mut room = vec![0; ROOM_BYTES_MIN];
        assert_eq!(layered.read(&mut room).expect("bytes"), Received::Bytes { count: 6, is_more: true });
        let error = layered.read(&mut room).expect_err("not from the client");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let answer = client.read(&mut [0; 8]).expect_err("an alert").to_string();
        assert!(answer.contains("BadRecordMac"), "{answer}");
    }
}
