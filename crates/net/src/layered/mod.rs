//! A Network Connection with something between the socket and the bytes of MQTT: encryption, WebSocket.
//!
//! The layers are made of codecs that know no socket: bytes in, bytes out. Here they meet it. Outwards from the socket, and each
//! may be missing:
//!
//! ```text
//! socket ── ciphertext ── TLS ── frames ── WebSocket ── the caller
//! ```
//!
//! What must hold: nothing that is decoded stays here, so what [`Layered::read`] says of more to come is said of the socket
//! alone; an idle connection holds no buffer.

mod encryption;
mod framing;

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};

use self::encryption::Encryption;
use self::framing::Framing;
use crate::stream::{ROOM_BYTES_MIN, Received, Stream};
use crate::tls::{Outgoing, Tls};
use crate::websocket::{CloseCode, FrameHeader};

/// A socket and its layers.
#[derive(Debug)]
pub struct Layered {
    /// Without layers.
    pub(crate) socket: Stream,
    encryption: Option<Box<Encryption>>,
    /// From the end of the opening handshake on.
    framing: Option<Framing>,
    /// Encoded, and not taken by the socket yet.
    unsent: Vec<u8>,
}

impl Layered {
    pub(crate) fn new(socket: Stream, tls: Option<Tls>) -> Layered {
        let encryption = tls.map(|tls| Box::new(Encryption::new(tls)));
        Layered { socket, encryption, framing: None, unsent: Vec::new() }
    }

    /// The encryption, if there is one.
    pub fn tls(&self) -> Option<&Tls> {
        self.encryption.as_ref().map(|encryption| &encryption.tls)
    }

    /// Bytes that came and are not complete enough to be decrypted.
    pub(crate) fn undecoded(&self) -> usize {
        self.encryption.as_ref().map_or(0, |encryption| encryption.undecoded.len())
    }

    /// From here on bytes are payload of WebSocket frames. `early` came behind the opening handshake already.
    pub(crate) fn begin_frames(&mut self, early: &[u8]) {
        self.framing = Some(Framing::new(early));
    }

    /// What the other side is told when we end the connection, where it speaks WebSocket.
    pub(crate) fn set_close_code(&mut self, code: CloseCode) {
        if let Some(framing) = &mut self.framing {
            framing.close_code = code;
        }
    }

    /// Whether the other side was told what it did wrong, and has to get to read it.
    pub(crate) fn has_last_word(&self) -> bool {
        self.framing.as_ref().is_some_and(Framing::is_reproach)
    }

    /// Reads the socket once and decodes all that has come completely to the beginning of `room`.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<Received> {
        debug_assert!(room.len() >= ROOM_BYTES_MIN);
        let Some(framing) = &mut self.framing else { return self.read_bytes(room) };
        if let Some(received) = framing.take_end() {
            return received;
        }
        let early = framing.take_early(room);
        let (count, is_more) = match early {
            // What came meanwhile made its event before anybody could read it.
            Some(count) => (count, true),
            None => match self.read_bytes(room)? {
                Received::Bytes { count, is_more } => (count, is_more),
                Received::End => return Ok(Received::End),
            },
        };
        self.decode_frames(&mut room[..count], is_more)
    }

    fn decode_frames(&mut self, bytes: &mut [u8], is_more: bool) -> io::Result<Received> {
        FRAMES.with_borrow_mut(|answers| {
            answers.clear();
            let framing = self.framing.as_mut();
            let (count, has_end) = framing.map_or((bytes.len(), false), |framing| framing.decode(bytes, answers));
            // Who pings and does not read gets no more pongs than a socket and this hold (RFC 6455 section 5.5.3).
            if !answers.is_empty() && (has_end || self.unsent.len() < PONG_BYTES_MAX) {
                // What was decoded counts, even if an answer cannot be written any more: the next write tells.
                let _ = self.send_bytes(answers);
            }
            answers.shrink_to(FRAME_BYTES_KEPT);
            Ok(Received::Bytes { count, is_more: is_more || has_end })
        })
    }

    /// Reads what lies below the frames.
    fn read_bytes(&mut self, room: &mut [u8]) -> io::Result<Received> {
        let Layered { socket, encryption, unsent, .. } = self;
        match encryption {
            None => socket.read(room),
            Some(encryption) => encryption.read(&mut Wire { socket, unsent }, room),
        }
    }

    /// Encodes some of `pieces` and writes it once; what the socket does not take is kept until [`Layered::flush`], and so
    /// long nothing more is taken. How many bytes were.
    pub(crate) fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush()?;
        if !self.unsent.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let Layered { socket, encryption, unsent, framing } = self;
        let mut wire = Wire { socket, unsent };
        match (encryption, framing) {
            // Behind the last word nothing may be said.
            (_, Some(framing)) if framing.is_closed() => Ok(pieces.iter().map(|piece| piece.len()).sum()),
            (None, None) => wire.socket.write_vectored(pieces),
            (Some(encryption), None) => encryption.write(&mut wire, pieces),
            (encryption, Some(_)) => write_frame(&mut wire, encryption.as_deref_mut(), pieces),
        }
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
        let mut left = &mut [IoSlice::new(&self.unsent)][..];
        write_all_it_takes(&mut self.socket, &mut left)?;
        let left = left.iter().map(|part| part.len()).sum::<usize>();
        self.unsent.drain(..self.unsent.len() - left);
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

    /// Best effort: whoever does not read any more does not need it.
    fn say_goodbye(&mut self) {
        if !self.unsent.is_empty() {
            return;
        }
        if let Some(frame) = self.framing.as_mut().and_then(Framing::close) {
            let _ = self.send_bytes(&frame);
        }
        let Layered { socket, encryption, unsent, .. } = self;
        if let Some(encryption) = encryption {
            encryption.close(&mut Wire { socket, unsent });
        }
    }

    /// Sends bytes of frames, or keeps them.
    fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Layered { socket, encryption, unsent, .. } = self;
        let mut wire = Wire { socket, unsent };
        match encryption {
            None => wire.send(&mut [IoSlice::new(bytes)]),
            Some(encryption) => encryption.send(&mut wire, bytes),
        }
    }
}

/// Whoever closes says so: a client that waits for our end could not tell it from an attack otherwise.
impl Drop for Layered {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// Writes one frame with the bytes of `pieces`, as many as are written at once.
fn write_frame(wire: &mut Wire<'_>, encryption: Option<&mut Encryption>, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut parts = [IoSlice::new(&[]); FRAME_PARTS_MAX];
    let (mut count, mut length) = (1, 0);
    for (part, piece) in parts[1..].iter_mut().zip(pieces) {
        let taken = piece.len().min(WRITTEN_BYTES_MAX - length);
        *part = IoSlice::new(&piece[..taken]);
        (count, length) = (count + 1, length + taken);
    }
    let header = FrameHeader::binary(length);
    parts[0] = IoSlice::new(header.as_bytes());
    let parts = &mut parts[..count];
    match encryption {
        None => wire.send(parts)?,
        // One record for all of it, which is worth a copy.
        Some(encryption) => FRAMES.with_borrow_mut(|frame| {
            frame.clear();
            parts.iter().for_each(|part| frame.extend_from_slice(part));
            encryption.send(wire, frame)
        })?,
    }
    Ok(length)
}

/// The socket, and what it has not taken.
struct Wire<'a> {
    socket: &'a mut Stream,
    unsent: &'a mut Vec<u8>,
}

impl Wire<'_> {
    /// Writes `parts`, and keeps what the socket does not take.
    fn send(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut left = parts;
        if self.unsent.is_empty() {
            write_all_it_takes(self.socket, &mut left)?;
        }
        left.iter().for_each(|part| self.unsent.extend_from_slice(part));
        Ok(())
    }
}

thread_local! {
    /// What is encrypted for one connection, until it is written: one buffer for each event loop.
    static OUTGOING: RefCell<Outgoing> = RefCell::default();
    /// Frames that are put together for one connection.
    static FRAMES: RefCell<Vec<u8>> = RefCell::default();
}

/// Taken with one write: four full records. What of that the socket does not take is kept here, beside what the caller knows
/// to be waiting.
const WRITTEN_BYTES_MAX: usize = 64 * 1024;

/// A header, and pieces behind it.
const FRAME_PARTS_MAX: usize = 65;

/// Kept for frames: a full one.
const FRAME_BYTES_KEPT: usize = WRITTEN_BYTES_MAX + 16;

/// Answers that may wait for the socket before more of them are left out.
const PONG_BYTES_MAX: usize = 64 * 1024;

/// Writes until the socket takes no more: only then does the system tell when it does again. `left` is what it has not taken.
fn write_all_it_takes(socket: &mut Stream, left: &mut &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty parts in front do not count.
    IoSlice::advance_slices(left, 0);
    while !left.is_empty() {
        match socket.write_vectored(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(left, count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
