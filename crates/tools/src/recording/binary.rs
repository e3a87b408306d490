//! Records of bytes; `docs/recording-format.md` has them. Numbers are big-endian, as in MQTT.

use midge_codec::QoS;

use super::{Entry, Origin, Recorded};

/// The first bytes of a file, and the version of the format.
pub(super) const BEGINNING: &[u8; 10] = b"midgerec\x00\x01";

/// Without the version.
pub(super) const MAGIC: &[u8] = b"midgerec";

/// Bytes before and behind a record's content: its length, and its CRC-32C.
pub(super) const LENGTH_BYTES: usize = 4;
pub(super) const CHECKSUM_BYTES: usize = 4;

/// The content of a record that ends a recording: kind and time.
pub(super) const END_BYTES: usize = 9;

/// More than the largest packet of MQTT: a longer record is none.
pub(super) const RECORD_BYTES_MAX: usize = 300 << 20;

const ORIGIN: u8 = 1;
const MESSAGE: u8 = 2;
const GAP: u8 = 3;
const END: u8 = 4;

const RETAIN: u8 = 1;

/// What a record holds.
pub(super) enum Content {
    Origin(Origin),
    Entry(Entry),
    /// Of a kind that this version does not know.
    Unknown,
}

pub(super) fn push_origin(origin: &Origin, out: &mut Vec<u8>) {
    out.extend_from_slice(BEGINNING);
    push_record(out, |out| {
        out.push(ORIGIN);
        out.extend_from_slice(&origin.start_us.to_be_bytes());
        push_bytes(origin.server.as_bytes(), out);
        origin.filters.iter().for_each(|filter| push_bytes(filter.as_bytes(), out));
    });
}

pub(super) fn push(entry: &Entry, out: &mut Vec<u8>) {
    push_record(out, |out| match entry {
        Entry::Message { time_us, message } => {
            out.push(MESSAGE);
            out.extend_from_slice(&time_us.to_be_bytes());
            out.push(if message.retain { RETAIN } else { 0 } | ((message.qos as u8) << 1));
            push_bytes(message.topic.as_bytes(), out);
            push_bytes(&message.properties, out);
            out.extend_from_slice(&message.payload);
        }
        Entry::Gap { time_us, lasted_us } => {
            out.push(GAP);
            out.extend_from_slice(&time_us.to_be_bytes());
            out.extend_from_slice(&lasted_us.to_be_bytes());
        }
        Entry::End { time_us } => {
            out.push(END);
            out.extend_from_slice(&time_us.to_be_bytes());
        }
    });
}

/// The content between its length and its checksum.
fn push_record(out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    push(out);
    let content_at = start + LENGTH_BYTES;
    let length = (out.len() - content_at) as u32;
    out[start..content_at].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Reads the content of a record. `None`: it is none.
pub(super) fn content(bytes: &[u8]) -> Option<Content> {
    let mut rest = bytes;
    let kind = take(&mut rest, 1)?[0];
    let entry = match kind {
        ORIGIN => {
            let mut origin =
                Origin { start_us: take_u64(&mut rest)?, server: take_text(&mut rest)?, filters: Vec::new() };
            while !rest.is_empty() {
                origin.filters.push(take_text(&mut rest)?);
            }
            return Some(Content::Origin(origin));
        }
        MESSAGE => {
            let time_us = take_u64(&mut rest)?;
            let flags = take(&mut rest, 1)?[0];
            let topic = take_text(&mut rest)?;
            let properties = take_bytes(&mut rest)?.to_vec();
            let (retain, qos) = (flags & RETAIN != 0, QoS::from_u8(flags >> 1 & 3)?);
            Entry::Message { time_us, message: Recorded { topic, qos, retain, properties, payload: rest.to_vec() } }
        }
        GAP => Entry::Gap { time_us: take_u64(&mut rest)?, lasted_us: take_u64(&mut rest)? },
        END => Entry::End { time_us: take_u64(&mut rest)? },
        _ => return Some(Content::Unknown),
    };
    Some(Content::Entry(entry))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(taken)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.try_into().ok().map(u64::from_be_bytes)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(take(rest, 4)?.try_into().ok()?);
    take(rest, length as usize)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_bytes(rest)?.to_vec()).ok()
}
