//! The header of a frame (RFC 6455 section 5.2), of the other side's to be read and of ours to be written.
//!
//! A length in more bytes than it needs is read all the same: for a stream of bytes it makes no difference where frames
//! end, and small clients that know one form only do exist.

use std::fmt;

use super::CloseCode;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Binary,
    Close,
    Ping,
    Pong,
}

/// Which end of the connection we are. Clients mask what they send, servers do not (section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// The header of a frame of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) is_final: bool,
    /// Zeros change nothing: a server's frame.
    pub(crate) mask: [u8; 4],
    /// Bytes of payload that follow.
    pub(crate) payload_length: u32,
    /// Bytes of the header itself, 2 to 14.
    pub(crate) length: usize,
}

/// What the other side did against the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What it is told.
    pub code: CloseCode,
    /// One clause for the log, without a full stop.
    pub message: &'static str,
}

/// The header of a frame that we send, ready to be written in front of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    bytes: [u8; 14],
    length: u8,
}

impl FrameHeader {
    /// The header of a server's binary frame, alone a message.
    #[inline]
    pub const fn binary(payload_length: usize) -> FrameHeader {
        FrameHeader::of_length(payload_length, 0)
    }

    /// The same of a client, whose payload is masked with these bytes ([`mask`](super::mask)).
    pub fn masked(payload_length: usize, mask: [u8; 4]) -> FrameHeader {
        let mut header = FrameHeader::of_length(payload_length, MASKED);
        let length = usize::from(header.length);
        header.bytes[length..length + 4].copy_from_slice(&mask);
        header.length += 4;
        header
    }

    #[inline]
    const fn of_length(payload_length: usize, masked: u8) -> FrameHeader {
        let first = FINAL | BINARY;
        if payload_length < LENGTH_IN_TWO_BYTES as usize {
            let second = masked | payload_length as u8;
            return FrameHeader { bytes: [first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 2 };
        }
        let [a, b, c, d, e, f, g, h] = (payload_length as u64).to_be_bytes();
        if payload_length <= u16::MAX as usize {
            let second = masked | LENGTH_IN_TWO_BYTES;
            FrameHeader { bytes: [first, second, g, h, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], length: 4 }
        } else {
            let second = masked | LENGTH_IN_EIGHT_BYTES;
            FrameHeader { bytes: [first, second, a, b, c, d, e, f, g, h, 0, 0, 0, 0], length: 10 }
        }
    }

    /// The bytes to write: 2 to 14.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The close frame with which the server ends a connection by itself (section 5.5.1).
pub const fn close_frame(code: CloseCode) -> [u8; 4] {
    let [high, low] = code.0.to_be_bytes();
    [FINAL | CLOSE, 2, high, low]
}

/// The same for a client.
pub const fn masked_close_frame(code: CloseCode) -> [u8; 8] {
    let [high, low] = code.0.to_be_bytes();
    [FINAL | CLOSE, MASKED | 2, 0, 0, 0, 0, high, low]
}

/// Appends the close frame that answers one of the other side: with the same code, or none.
pub(crate) fn append_close_answer(side: Side, code: Option<CloseCode>, answers: &mut Vec<u8>) {
    match code {
        Some(code) => append_answer(side, FINAL | CLOSE, &code.0.to_be_bytes(), answers),
        None => append_answer(side, FINAL | CLOSE, &[], answers),
    }
}

/// Appends the pong for a ping: it says the same (section 5.5.3). `payload` has at most 125 bytes.
pub(crate) fn append_pong(side: Side, payload: &[u8], answers: &mut Vec<u8>) {
    append_answer(side, FINAL | PONG, payload, answers);
}

fn append_answer(side: Side, first: u8, payload: &[u8], answers: &mut Vec<u8>) {
    match side {
        Side::Server => answers.extend_from_slice(&[first, payload.len() as u8]),
        // Masked with zeros: an answer repeats what the server itself has said, so there is nothing to hide.
        Side::Client => answers.extend_from_slice(&[first, MASKED | payload.len() as u8, 0, 0, 0, 0]),
    }
    answers.extend_from_slice(payload);
}

impl Opcode {
    pub(crate) const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }

    fn from_u8(value: u8) -> Result<Opcode, Violation> {
        match value {
            CONTINUATION => Ok(Opcode::Continuation),
            TEXT => Err(Violation { code: CloseCode::UNSUPPORTED_DATA, message: "text frame, where MQTT is binary" }),
            BINARY => Ok(Opcode::Binary),
            CLOSE => Ok(Opcode::Close),
            PING => Ok(Opcode::Ping),
            PONG => Ok(Opcode::Pong),
            _ => Err(Violation::protocol_error("unknown opcode")),
        }
    }
}

impl Header {
    /// Reads the header at the start of `bytes`. `None`: more bytes are needed. Two bytes are enough to refuse most of
    /// what is wrong.
    #[inline]
    pub(crate) fn decode(side: Side, bytes: &[u8], payload_length_max: u32) -> Result<Option<Header>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(Violation::protocol_error("reserved bits are set"));
        }
        let opcode = Opcode::from_u8(first & OPCODE)?;
        let is_masked = second & MASKED != 0;
        match side {
            Side::Server if !is_masked => return Err(Violation::protocol_error("client frame without mask")),
            Side::Client if is_masked => return Err(Violation::protocol_error("server frame with a mask")),
            _ => {}
        }
        let short_length = second & !MASKED;
        let is_final = first & FINAL != 0;
        if opcode.is_control() {
            check_control(is_final, short_length)?;
        }
        let Some((payload_length, rest)) = payload_length(short_length, rest) else { return Ok(None) };
        let payload_length = check_length(payload_length, payload_length_max)?;
        let (mask, rest) = match side {
            Side::Client => ([0; 4], rest),
            Side::Server => match rest.split_first_chunk() {
                Some((&mask, rest)) => (mask, rest),
                None => return Ok(None),
            },
        };
        Ok(Some(Header { opcode, is_final, mask, payload_length, length: bytes.len() - rest.len() }))
    }
}

/// Control frames have up to 125 bytes and are never fragmented (section 5.5).
fn check_control(is_final: bool, short_length: u8) -> Result<(), Violation> {
    if !is_final {
        return Err(Violation::protocol_error("fragmented control frame"));
    }
    if short_length >= LENGTH_IN_TWO_BYTES {
        return Err(Violation::protocol_error("control frame of more than 125 bytes"));
    }
    Ok(())
}

#[inline]
fn payload_length(short_length: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match short_length {
        LENGTH_IN_TWO_BYTES => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u64::from(u16::from_be_bytes(*length)), rest))
        }
        LENGTH_IN_EIGHT_BYTES => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*length), rest))
        }
        length => Some((u64::from(length), rest)),
    }
}

#[inline]
fn check_length(length: u64, length_max: u32) -> Result<u32, Violation> {
    if length > i64::MAX as u64 {
        return Err(Violation::protocol_error("length with the top bit set"));
    }
    match u32::try_from(length) {
        Ok(length) if length <= length_max => Ok(length),
        _ => Err(Violation { code: CloseCode::TOO_BIG, message: "frame is larger than allowed" }),
    }
}

impl Violation {
    pub(crate) const fn protocol_error(message: &'static str) -> Violation {
        Violation { code: CloseCode::PROTOCOL_ERROR, message }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Violation {}

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const LENGTH_IN_TWO_BYTES: u8 = 126;
const LENGTH_IN_EIGHT_BYTES: u8 = 127;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_form_of_a_length_is_written() {
        let check = |length: usize, bytes: &[u8]| assert_eq!(FrameHeader::binary(length).as_bytes(), bytes, "{length}");
        check(0, &[0x82, 0]);
        check(125, &[0x82, 125]);
        check(126, &[0x82, 126, 0, 126]);
        check(65_535, &[0x82, 126, 0xFF, 0xFF]);
        check(65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        let masked = |length| FrameHeader::masked(length, [1, 2, 3, 4]);
        assert_eq!(masked(125).as_bytes(), [0x82, 0x80 | 125, 1, 2, 3, 4]);
        assert_eq!(masked(126).as_bytes(), [0x82, 0x80 | 126, 0, 126, 1, 2, 3, 4]);
        assert_eq!(masked(65_536).as_bytes(), [0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_header_is_read_once_it_is_whole() {
        let check = |bytes: &[u8], payload_length: u32| {
            let header = Header::decode(Side::Server, bytes, u32::MAX).expect("a header").expect("a whole one");
            assert_eq!((header.payload_length, header.mask), (payload_length, [1, 2, 3, 4]));
            assert_eq!(header.length, bytes.len());
            for cut in 0..bytes.len() {
                assert_eq!(
                    Header::decode(Side::Server, &bytes[..cut], u32::MAX),
                    Ok(None),
                    "{bytes:02x?} cut to {cut}"
                );
            }
        };
        check(&[0x82, 0x80 | 125, 1, 2, 3, 4], 125);
        check(&[0x82, 0x80 | 126, 1, 0, 1, 2, 3, 4], 256);
        check(&[0x02, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], 65_536);
        check(&[0x80, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4], 7);
    }
}
