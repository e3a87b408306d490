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
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::stream::Received;
use crate::tls::{Outgoing, Tls, TlsFailure};

/// A socket and its layers.
#[derive(Debug)]
pub struct Layered {
    socket: Socket,
    tls: Tls,
    /// Came from the socket and is not complete enough to be decoded.
    undecoded: Vec<u8>,
    /// Encoded, and not taken by the socket yet.
    unsent: Vec<u8>,
}

/// What the bytes go through in the end.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Layered {
    pub(crate) fn new(socket: Socket, tls: Tls) -> Layered {
        Layered { socket, tls, undecoded: Vec::new(), unsent: Vec::new() }
    }

    /// The encryption.
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Reads the socket once and decodes all that has come completely to the beginning of `room`.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Received> {
        if self.tls.is_closed() {
            return Ok(Received::End);
        }
        let start = Tls::ROOM_BEFORE;
        let kept = start + self.undecoded.len();
        room[start..kept].copy_from_slice(&self.undecoded);
        let count = self.socket.read(&mut room[kept..])?;
        if count == 0 {
            // Without close_notify as often as with it: what is in MQTT packets was complete, the rest counts for nothing.
            return Ok(Received::End);
        }
        let end = kept + count;
        let is_more = end == room.len();
        if self.tls.is_ended() {
            return Ok(Received::Bytes { count: 0, is_more });
        }
        let decoded = self.answer(|tls, _, outgoing| tls.receive(&mut room[..end], start, outgoing))?;
        self.keep(&room[decoded.used..end]);
        match decoded.plaintext {
            0 if self.tls.is_closed() => Ok(Received::End),
            count => Ok(Received::Bytes { count, is_more: is_more || self.tls.is_closed() }),
        }
    }

    /// Encodes some of `pieces` and writes it once; what the socket does not take is kept until [`Layered::flush`], and so
    /// long nothing more is taken. How many bytes were.
    pub(crate) fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        if !self.unsent.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.answer(|tls, undecoded, outgoing| {
            let mut taken = 0;
            for piece in pieces {
                let part = &piece[..piece.len().min(WRITTEN_BYTES_MAX - taken)];
                tls.send(part, undecoded, outgoing)?;
                taken += part.len();
            }
            Ok(taken)
        })
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
        let sent = self.socket.write_all_it_takes(&self.unsent)?;
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

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
    }

    /// Does something that may have an answer, and writes that. After a failure the answer is an alert, and the last word.
    fn answer<T>(
        &mut self,
        act: impl FnOnce(&mut Tls, &mut [u8], &mut Outgoing) -> Result<T, TlsFailure>,
    ) -> io::Result<T> {
        OUTGOING.with_borrow_mut(|outgoing| {
            outgoing.clear();
            let result = act(&mut self.tls, &mut self.undecoded, outgoing);
            let sent = self.send(outgoing.bytes());
            outgoing.shrink();
            match result {
                Ok(value) => sent.map(|()| value),
                Err(failure) => {
                    let _ = self.socket.shutdown_write();
                    Err(io::Error::new(ErrorKind::InvalidData, failure))
                }
            }
        })
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.unsent.is_empty() { self.socket.write_all_it_takes(bytes)? } else { 0 };
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

thread_local! {
    /// What is encoded for one connection, until it is written: one buffer for each event loop.
    static OUTGOING: RefCell<Outgoing> = RefCell::default();
}

/// Taken with one write: four full records. What of that the socket does not take is kept here, beside what the caller knows
/// to be waiting.
const WRITTEN_BYTES_MAX: usize = 64 * 1024;

impl Socket {
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }

    /// Writes until the socket takes no more: only then does the system tell when it does again. How many bytes it took.
    fn write_all_it_takes(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            let written = match self {
                Socket::Tcp(stream) => stream.write(&bytes[sent..]),
                Socket::Unix(stream) => stream.write(&bytes[sent..]),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Socket::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl AsFd for Layered {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Source for Layered {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(stream) => stream.register(registry, token, interests),
            Socket::Unix(stream) => stream.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(stream) => stream.reregister(registry, token, interests),
            Socket::Unix(stream) => stream.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match &mut self.socket {
            Socket::Tcp(stream) => stream.deregister(registry),
            Socket::Unix(stream) => stream.deregister(registry),
        }
    }
}
