//! The layer of TLS.

use std::io::{self, ErrorKind, IoSlice};

use super::{OUTGOING, WRITTEN_BYTES_MAX, Wire};
use crate::stream::Received;
use crate::tls::{Outgoing, Tls, TlsFailure};

/// A session of TLS, and what is not complete enough for it.
#[derive(Debug)]
pub(super) struct Encryption {
    pub(super) tls: Tls,
    /// Came from the socket and is not complete enough to be decoded.
    pub(super) undecoded: Vec<u8>,
}

impl Encryption {
    pub(super) fn new(tls: Tls) -> Encryption {
        Encryption { tls, undecoded: Vec::new() }
    }

    /// Reads the socket once and decodes all that has come completely to the beginning of `room`.
    pub(super) fn read(&mut self, wire: &mut Wire<'_>, room: &mut [u8]) -> io::Result<Received> {
        if let Some(failure) = self.tls.failure() {
            return Err(failed(failure.clone()));
        }
        if self.tls.is_closed() {
            return Ok(Received::End);
        }
        let start = Tls::ROOM_BEFORE;
        let kept = start + self.undecoded.len();
        room[start..kept].copy_from_slice(&self.undecoded);
        let Received::Bytes { count, is_more } = wire.socket.read(&mut room[kept..])? else {
            // Without close_notify as often as with it: what is in MQTT packets was complete, the rest counts for nothing.
            return Ok(Received::End);
        };
        let end = kept + count;
        if self.tls.is_ended() {
            return Ok(Received::Bytes { count: 0, is_more });
        }
        // What was decoded counts, even if an answer cannot be written any more: the next write tells.
        let (decoded, _) = self.answer(wire, |tls, _, outgoing| tls.receive(&mut room[..end], start, outgoing));
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

    /// Encodes some of `pieces` and writes it once. How many bytes were taken.
    pub(super) fn write(&mut self, wire: &mut Wire<'_>, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let (taken, sent) = self.answer(wire, |tls, undecoded, outgoing| {
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

    /// Encodes all of `bytes` and writes it once.
    pub(super) fn send(&mut self, wire: &mut Wire<'_>, bytes: &[u8]) -> io::Result<()> {
        let (taken, sent) = self.answer(wire, |tls, undecoded, outgoing| tls.send(bytes, undecoded, outgoing));
        sent.and(taken)
    }

    /// Says that nothing more will be sent, if that can be said now.
    pub(super) fn close(&mut self, wire: &mut Wire<'_>) {
        let _ = self.answer(wire, Tls::close);
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
        wire: &mut Wire<'_>,
        act: impl FnOnce(&mut Tls, &mut [u8], &mut Outgoing) -> Result<T, TlsFailure>,
    ) -> (io::Result<T>, io::Result<()>) {
        OUTGOING.with_borrow_mut(|outgoing| {
            outgoing.clear();
            let result = act(&mut self.tls, &mut self.undecoded, outgoing);
            let sent = wire.send(&mut [IoSlice::new(outgoing.bytes())]);
            outgoing.shrink();
            let result = result.map_err(|failure| {
                let _ = wire.socket.shutdown_write();
                failed(failure)
            });
            (result, sent)
        })
    }
}

fn failed(failure: TlsFailure) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, failure)
}
