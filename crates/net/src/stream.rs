//! One accepted Network Connection as a stream of bytes.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::layered::Layered;
use crate::sys;
use crate::tls::Tls;
use crate::websocket::CloseCode;

/// A non-blocking stream. Small: idle connections are many.
#[derive(Debug)]
pub enum Stream {
    /// TCP, IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
    /// Either, with layers between it and the bytes.
    Layered(Box<Layered>),
}

/// What one read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Bytes.
    Bytes {
        /// So many; none where all that came was for a layer.
        count: usize,
        /// There may be more already, of which no event tells.
        is_more: bool,
    },
    /// The other side sends nothing any more.
    End,
}

impl Received {
    /// From a socket: a read that fills less than its room has emptied it, and the next byte makes an event.
    #[inline]
    fn of(count: usize, room: usize) -> Received {
        match count {
            0 => Received::End,
            count => Received::Bytes { count, is_more: count == room },
        }
    }
}

impl Stream {
    /// The same connection with room for layers: encryption, if there is any, and WebSocket from [`Stream::begin_frames`] on.
    /// Nothing may have been read or written yet.
    #[must_use]
    pub fn with_layers(self, tls: Option<Tls>) -> Stream {
        Stream::Layered(Box::new(Layered::new(self, tls)))
    }

    /// One end of a pair of sockets. It is made not to block.
    ///
    /// # Errors
    /// When the system does not take that.
    pub fn of_pair(end: std::os::unix::net::UnixStream) -> io::Result<Stream> {
        end.set_nonblocking(true)?;
        Ok(Stream::Unix(UnixStream::from_std(end)))
    }

    /// The encryption, if there is one.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Stream::Layered(layered) => layered.tls(),
            _ => None,
        }
    }

    /// The opening handshake of WebSocket is done: from here on bytes are the payload of frames. `early` came behind the
    /// handshake already. Only for a stream with layers.
    pub fn begin_frames(&mut self, early: &[u8]) {
        match self {
            Stream::Layered(layered) => layered.begin_frames(early),
            _ => debug_assert!(false, "no layers"),
        }
    }

    /// What the other side is told when we end the connection, where it speaks WebSocket.
    pub fn set_close_code(&mut self, code: CloseCode) {
        if let Stream::Layered(layered) = self {
            layered.set_close_code(code);
        }
    }

    /// Whether a layer has told the other side what it did wrong: closed at once, it might not get to read it.
    pub fn has_last_word(&self) -> bool {
        matches!(self, Stream::Layered(layered) if layered.has_last_word())
    }

    /// Bytes that came and are not complete enough for a layer.
    pub fn undecoded(&self) -> usize {
        match self {
            Stream::Layered(layered) => layered.undecoded(),
            _ => 0,
        }
    }

    /// Copies what waits in the socket to the beginning of `buffer` and leaves it there, below all layers. 0: the end.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        sys::peek(self.as_fd(), buffer)
    }

    /// Takes `count` bytes out of the socket, below all layers, of which [`Stream::peek`] has shown that they are there.
    pub fn skip(&self, count: usize) -> io::Result<()> {
        sys::skip(self.as_fd(), count)
    }

    /// Reads once into `buffer`, which has at least [`ROOM_BYTES_MIN`].
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let room = buffer.len();
        match self {
            Stream::Tcp(stream) => stream.read(buffer).map(|count| Received::of(count, room)),
            Stream::Unix(stream) => stream.read(buffer).map(|count| Received::of(count, room)),
            Stream::Layered(layered) => layered.read(buffer),
        }
    }

    /// Reads once into the spare room of `buffer`, after making at least `room` bytes of it. Layers decode in `scratch`.
    pub fn read_to_end_of(&mut self, buffer: &mut Vec<u8>, room: usize, scratch: &mut [u8]) -> io::Result<Received> {
        if let Stream::Layered(layered) = self {
            let received = layered.read(scratch)?;
            if let Received::Bytes { count, .. } = received {
                buffer.extend_from_slice(&scratch[..count]);
            }
            return Ok(received);
        }
        buffer.reserve(room);
        let room = buffer.capacity() - buffer.len();
        sys::read_spare(self.as_fd(), buffer).map(|count| Received::of(count, room))
    }

    /// Writes once; may take fewer bytes than given.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Layered(layered) => layered.write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    /// Writes several pieces with one system call; may take fewer bytes than given.
    pub fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write_vectored(pieces),
            Stream::Unix(stream) => stream.write_vectored(pieces),
            Stream::Layered(layered) => layered.write_vectored(pieces),
        }
    }

    /// Bytes that layers have made of what was written, and of their own, and which the socket has not taken yet. They are to
    /// be flushed when it takes bytes again.
    #[inline]
    pub fn unsent(&self) -> usize {
        match self {
            Stream::Layered(layered) => layered.unsent(),
            _ => 0,
        }
    }

    /// Writes what is unsent, as far as the socket takes it.
    #[inline]
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Layered(layered) => layered.flush(),
            _ => Ok(()),
        }
    }

    /// Tells the other side that nothing more will be sent, and keeps the stream open for reading.
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Layered(layered) => layered.shutdown_write(),
        }
    }

    /// Has the system acknowledge what it received at once, and what comes next without delay. Nothing to do for a Unix
    /// socket. A failure means that the connection is gone, which the next read tells better.
    #[inline]
    pub fn acknowledge_now(&self) {
        match self {
            Stream::Tcp(stream) => sys::set_quick_ack(stream.as_fd()),
            Stream::Layered(layered) => layered.socket.acknowledge_now(),
            Stream::Unix(_) => {}
        }
    }
}

/// Room for a read: layers need some to decode in.
pub const ROOM_BYTES_MIN: usize = 64 * 1024;

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Layered(layered) => layered.socket.as_fd(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(registry, token, interests),
            Stream::Unix(stream) => stream.register(registry, token, interests),
            Stream::Layered(layered) => layered.socket.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(registry, token, interests),
            Stream::Unix(stream) => stream.reregister(registry, token, interests),
            Stream::Layered(layered) => layered.socket.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Unix(stream) => stream.deregister(registry),
            Stream::Layered(layered) => layered.socket.deregister(registry),
        }
    }
}
