//! The layer of WebSocket, behind the opening handshake.

use std::io::{self, ErrorKind};

use crate::stream::Received;
use crate::websocket::{CloseCode, Decoded, Decoder, End, close_frame};

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    decoder: Decoder,
    /// Came together with the opening handshake.
    early: Vec<u8>,
    /// The end of what the client sends, until it was told.
    end: Option<End>,
    /// What it is told at our end.
    pub(super) close_code: CloseCode,
    /// The last word was said: ours, or the answer to the client's.
    is_closed: bool,
    /// It says what the client did wrong.
    is_reproach: bool,
}

impl Framing {
    pub(super) fn new(early: &[u8]) -> Framing {
        Framing {
            // Payload is handed on as it comes, so a large frame costs nothing; how large a packet may be is the caller's.
            decoder: Decoder::new(u32::MAX),
            early: early.to_vec(),
            end: None,
            close_code: CloseCode::NORMAL,
            is_closed: false,
            is_reproach: false,
        }
    }

    /// What is told once in place of more bytes.
    pub(super) fn take_end(&mut self) -> Option<io::Result<Received>> {
        self.end.take().map(|end| match end {
            End::Closed(_) => Ok(Received::End),
            End::Violated(violation) => Err(io::Error::new(ErrorKind::InvalidData, violation)),
        })
    }

    /// Moves what came too early to the beginning of `room`; how many bytes.
    pub(super) fn take_early(&mut self, room: &mut [u8]) -> Option<usize> {
        if self.early.is_empty() {
            return None;
        }
        let count = self.early.len().min(room.len());
        room[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        Some(count)
    }

    /// Leaves the payload at the front of `bytes`, and appends what is to be sent. How many bytes of payload, and whether an
    /// end comes behind them.
    pub(super) fn decode(&mut self, bytes: &mut [u8], answers: &mut Vec<u8>) -> (usize, bool) {
        if self.is_closed {
            return (0, false);
        }
        let Decoded { length, end } = self.decoder.decode(bytes, answers);
        self.is_closed = end.is_some();
        self.is_reproach = matches!(end, Some(End::Violated(_)));
        self.end = end;
        (length, self.is_closed)
    }

    /// The frame that ends what we send, the first time.
    pub(super) fn close(&mut self) -> Option<[u8; 4]> {
        (!std::mem::replace(&mut self.is_closed, true)).then(|| close_frame(self.close_code))
    }

    /// Whether the last word was said.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether it says what the client did wrong.
    pub(super) fn is_reproach(&self) -> bool {
        self.is_reproach
    }
}
