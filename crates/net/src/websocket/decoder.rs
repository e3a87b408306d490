//! The other side's frames as a stream of bytes (RFC 6455 sections 5.4 to 5.6).
//!
//! MQTT does not care where frames begin and end `[MQTT-6.0.0-2]`, so messages are not put together: payload is handed on
//! as it comes, and the state between two reads is a handful of bytes.

use super::frame::{Header, Opcode, Side, append_close_answer, append_pong};
use super::mask::unmask_to;
use super::{CloseCode, Violation};

/// What stands between two reads of one connection.
#[derive(Debug)]
pub struct Decoder {
    /// The start of a header or of a control frame whose end has not come yet. Nearly always empty, without memory.
    cut: Vec<u8>,
    frame_size_max: u32,
    /// Which end we are.
    side: Side,
    /// Bytes of the current frame's payload still to come.
    remaining: u32,
    /// What the next of them is masked with, first.
    mask: [u8; 4],
    /// Fragments of a message have come, but not the last one.
    is_within_message: bool,
    has_ended: bool,
}

/// What came of the bytes of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// So many bytes of payload stand at the front of the buffer now. They count even when there is an end.
    pub length: usize,
    /// Nothing comes after this. The answers hold the close frame: write them, then close.
    pub end: Option<End>,
}

/// How the stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side closed the connection, with a code or without.
    Closed(Option<CloseCode>),
    /// The other side broke the rules.
    Violated(Violation),
}

impl Decoder {
    /// A server's decoder for the bytes behind the opening handshake. A frame has at most `frame_size_max` bytes of payload.
    pub const fn new(frame_size_max: u32) -> Decoder {
        Decoder::of_side(Side::Server, frame_size_max)
    }

    /// The same for a client.
    pub const fn for_client(frame_size_max: u32) -> Decoder {
        Decoder::of_side(Side::Client, frame_size_max)
    }

    const fn of_side(side: Side, frame_size_max: u32) -> Decoder {
        Decoder {
            cut: Vec::new(),
            frame_size_max,
            side,
            remaining: 0,
            mask: [0; 4],
            is_within_message: false,
            has_ended: false,
        }
    }

    /// Reads all of `bytes`, which came next, and leaves their payload at the front. Appends to `answers` what is to be
    /// sent between two of our own frames: pongs, and a close frame at the end. In all that is never more than was
    /// read, plus four bytes. Behind the end nothing is read any more.
    pub fn decode(&mut self, bytes: &mut [u8], answers: &mut Vec<u8>) -> Decoded {
        let mut place = Place { read: 0, kept: 0 };
        if self.has_ended {
            return Decoded { length: 0, end: None };
        }
        let end = self.decode_frames(bytes, &mut place, answers).err();
        if let Some(end) = end {
            let code = match end {
                End::Closed(code) => code,
                End::Violated(violation) => Some(violation.code),
            };
            append_close_answer(self.side, code, answers);
            self.has_ended = true;
        }
        Decoded { length: place.kept, end }
    }

    fn decode_frames(&mut self, bytes: &mut [u8], place: &mut Place, answers: &mut Vec<u8>) -> Result<(), End> {
        while place.read < bytes.len() {
            if self.remaining > 0 {
                self.keep_payload(bytes, place);
            } else if self.cut.is_empty() {
                let rest = &bytes[place.read..];
                match self.begin_frame(rest, answers)? {
                    Some(length) => place.read += length,
                    None => {
                        self.cut.extend_from_slice(rest);
                        place.read = bytes.len();
                    }
                }
            } else {
                self.mend_cut(bytes[place.read], answers)?;
                place.read += 1;
            }
        }
        Ok(())
    }

    #[inline]
    fn keep_payload(&mut self, bytes: &mut [u8], place: &mut Place) {
        let length = (bytes.len() - place.read).min(self.remaining as usize);
        self.mask = unmask_to(bytes, place.read, place.kept, length, self.mask);
        self.remaining -= length as u32;
        place.read += length;
        place.kept += length;
    }

    /// Takes one more byte of what was cut, and the memory away when that was the last. Byte by byte, because only the
    /// header tells how many are needed; there are never more than 131.
    fn mend_cut(&mut self, byte: u8, answers: &mut Vec<u8>) -> Result<(), End> {
        let mut cut = std::mem::take(&mut self.cut);
        cut.push(byte);
        if self.begin_frame(&cut, answers)?.is_none() {
            self.cut = cut;
        }
        Ok(())
    }

    /// Reads the header at the start of `bytes`, or the whole of a control frame; returns how many bytes that were, or
    /// `None` when the end is missing.
    #[inline]
    fn begin_frame(&mut self, bytes: &[u8], answers: &mut Vec<u8>) -> Result<Option<usize>, End> {
        let Some(header) = Header::decode(self.side, bytes, self.frame_size_max)? else { return Ok(None) };
        if header.opcode.is_control() {
            return take_control(self.side, header, bytes, answers);
        }
        if (header.opcode == Opcode::Continuation) != self.is_within_message {
            let message = if self.is_within_message {
                "a message begins within another one"
            } else {
                "continuation of no message"
            };
            return Err(Violation::protocol_error(message).into());
        }
        self.is_within_message = !header.is_final;
        self.remaining = header.payload_length;
        self.mask = header.mask;
        Ok(Some(header.length))
    }
}

/// Where decoding stands in the buffer: the next byte to read, and where the next one that is kept goes.
struct Place {
    read: usize,
    kept: usize,
}

fn take_control(side: Side, header: Header, bytes: &[u8], answers: &mut Vec<u8>) -> Result<Option<usize>, End> {
    let length = header.length + header.payload_length as usize;
    let Some(masked) = bytes.get(header.length..length) else { return Ok(None) };
    let mut buffer = [0; CONTROL_PAYLOAD_MAX];
    let payload = &mut buffer[..masked.len()];
    payload.copy_from_slice(masked);
    unmask_to(payload, 0, 0, masked.len(), header.mask);
    match header.opcode {
        Opcode::Ping => append_pong(side, payload, answers),
        Opcode::Close => return Err(close(payload)),
        _ => {} // A pong answers nothing: we send no pings (section 5.5.3).
    }
    Ok(Some(length))
}

/// The end that a close frame means: a code and a reason in UTF-8, or nothing at all (section 5.5.1).
fn close(payload: &[u8]) -> End {
    if payload.is_empty() {
        return End::Closed(None);
    }
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Violation::protocol_error("close frame with half a code").into();
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.may_be_sent() {
        return Violation::protocol_error("close code that must not be sent").into();
    }
    if std::str::from_utf8(reason).is_err() {
        return Violation { code: CloseCode::INVALID_PAYLOAD, message: "reason of a close frame is not UTF-8" }.into();
    }
    End::Closed(Some(code))
}

impl From<Violation> for End {
    fn from(violation: Violation) -> End {
        End::Violated(violation)
    }
}

const CONTROL_PAYLOAD_MAX: usize = 125;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_costs_little() {
        assert!(size_of::<Decoder>() <= 40);
    }

    #[test]
    fn what_was_cut_is_forgotten_with_its_end() {
        let mut decoder = Decoder::new(1000);
        let mut answers = Vec::new();
        decoder.decode(&mut [0x89, 0x81, 1, 2, 3], &mut answers);
        assert_eq!(decoder.cut.len(), 5);
        decoder.decode(&mut [4, 5], &mut answers);
        assert_eq!(decoder.cut.capacity(), 0);
        assert_eq!(answers, [0x8A, 1, 5 ^ 1]);
    }
}
