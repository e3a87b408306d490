//! What a socket has not taken yet, in order: small pieces copied together, large payloads kept by reference, so that a
//! thousand slow readers of one large message do not hold a thousand copies.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use midge_broker::message::Message;
use midge_net::Stream;

/// A queue of bytes for one socket.
#[derive(Default)]
pub(super) struct Backlog {
    chunks: VecDeque<Chunk>,
    /// Of the first chunk, already written.
    written: usize,
    bytes: usize,
    copied: usize,
    packets: u32,
}

enum Chunk {
    Copied(Vec<u8>),
    Payload(Message),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Copied(bytes) => bytes,
            Chunk::Payload(message) => message.payload(),
        }
    }
}

/// Where the bytes go; a seam for the tests.
pub(super) trait Sink {
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Sink for Stream {
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Stream::write_vectored(self, pieces)
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those among them that this connection alone holds.
    pub(super) fn copied_bytes(&self) -> usize {
        self.copied
    }

    /// About how many packets wait: those that began since it was last empty.
    pub(super) fn packets(&self) -> u32 {
        self.packets
    }

    pub(super) fn add_packets(&mut self, packets: u32) {
        self.packets = self.packets.saturating_add(packets);
    }

    /// Adds bytes by copying them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.copied += bytes.len();
        match self.chunks.back_mut() {
            Some(Chunk::Copied(last)) if last.len() < CHUNK_BYTES => last.extend_from_slice(bytes),
            _ => self.chunks.push_back(Chunk::Copied(bytes.to_vec())),
        }
    }

    /// Adds the payload of a message, which is shared.
    pub(super) fn push_payload(&mut self, message: &Message) {
        self.bytes += message.payload().len();
        self.chunks.push_back(Chunk::Payload(message.clone()));
    }

    /// What waits, where nothing of it was written yet.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(Chunk::bytes)
    }

    /// Adds everything that another queue holds, of which nothing was written yet.
    pub(super) fn append(&mut self, other: &mut Backlog) {
        for chunk in other.chunks.drain(..) {
            match chunk {
                Chunk::Copied(bytes) if self.chunks.is_empty() => {
                    self.bytes += bytes.len();
                    self.copied += bytes.len();
                    self.chunks.push_back(Chunk::Copied(bytes));
                }
                Chunk::Copied(bytes) => self.push(&bytes),
                Chunk::Payload(message) => self.push_payload(&message),
            }
        }
        *other = Backlog::default();
    }

    /// Writes until all is written or the socket takes no more. Only then does the system promise to tell when it does
    /// again, so a short write is followed by another one.
    pub(super) fn write_to(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        while !self.is_empty() {
            match self.write_once(sink) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        *self = Backlog::default();
        Ok(())
    }

    fn write_once(&self, sink: &mut impl Sink) -> io::Result<usize> {
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        let mut skip = self.written;
        for (piece, chunk) in pieces.iter_mut().zip(&self.chunks) {
            *piece = IoSlice::new(&chunk.bytes()[skip..]);
            (skip, count) = (0, count + 1);
        }
        sink.write_vectored(&pieces[..count])
    }

    fn advance(&mut self, written: usize) {
        self.bytes -= written;
        self.written += written;
        while let Some(first) = self.chunks.front().filter(|first| self.written >= first.bytes().len()) {
            self.written -= first.bytes().len();
            if let Chunk::Copied(bytes) = first {
                self.copied -= bytes.len();
            }
            self.chunks.pop_front();
        }
    }
}

/// Small pieces are copied together up to this size; a larger buffer would be copied too often while it grows.
const CHUNK_BYTES: usize = 32 * 1024;

/// Pieces for one write: 64 chunks are 2 MiB, more than a socket takes at once.
const PIECES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use midge_broker::message::MessageParts;
    use midge_codec::QoS;

    use super::*;

    /// A socket that takes so many bytes with each of the next writes, and then none.
    struct Socket {
        takes: VecDeque<usize>,
        taken: Vec<u8>,
    }

    impl Sink for Socket {
        fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            let Some(room) = self.takes.pop_front() else { return Err(io::ErrorKind::WouldBlock.into()) };
            let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            let taken = &all[..room.min(all.len())];
            self.taken.extend_from_slice(taken);
            Ok(taken.len())
        }
    }

    fn socket(takes: &[usize]) -> Socket {
        Socket { takes: takes.iter().copied().collect(), taken: Vec::new() }
    }

    fn message(payload: &[u8]) -> Message {
        Message::new(&MessageParts {
            topic: "t",
            properties: &[],
            payload,
            qos: QoS::AtMostOnce,
            retain: false,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        })
    }

    /// Whatever the sizes of the writes, the same bytes come out in the same order.
    #[track_caller]
    fn check(takes: &[usize]) {
        let mut backlog = Backlog::default();
        let mut expected = Vec::new();
        for i in 0..5u8 {
            let copied = vec![i; 20_000];
            backlog.push(&copied);
            let message = message(&[100 + i; 30_000]);
            backlog.push_payload(&message);
            expected.extend_from_slice(&copied);
            expected.extend_from_slice(message.payload());
        }
        assert_eq!((backlog.bytes(), backlog.copied_bytes()), (250_000, 100_000));
        let mut socket = socket(takes);
        while !backlog.is_empty() {
            let before = backlog.bytes();
            backlog.write_to(&mut socket).expect("no error");
            assert_eq!(socket.taken.len() + backlog.bytes(), expected.len());
            assert!(backlog.bytes() < before, "progress");
            socket.takes = takes.iter().copied().collect();
        }
        assert!(socket.taken == expected, "bytes or order differ");
        assert_eq!((backlog.copied_bytes(), backlog.packets()), (0, 0));
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_socket_takes() {
        check(&[usize::MAX]);
        check(&[1, 20_000, 7]);
        check(&[19_999, 1, 30_000, 1]);
        check(&[65_536]);
    }

    #[test]
    fn small_pieces_share_a_chunk() {
        let mut backlog = Backlog::default();
        (0..10_000).for_each(|_| backlog.push(b"1234"));
        assert_eq!(backlog.chunks.len(), 2);
        assert_eq!(backlog.bytes(), 40_000);
    }

    #[test]
    fn an_error_of_the_socket_is_told() {
        let mut backlog = Backlog::default();
        backlog.push(b"1234");
        let error = backlog.write_to(&mut socket(&[0])).expect_err("it takes nothing and says so");
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }
}
