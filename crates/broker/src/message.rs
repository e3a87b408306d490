//! An Application Message, immutable and shared: one allocation behind a thin pointer, however many Sessions wait for it.
//!
//! Where there is a log, a message has an *identity*: the place of its record in the log. It is known when the record is
//! handed over, which is before anybody on another shard can see the message.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::record::IN_THIS_BATCH;
use crate::retained::StoredPayload;
use midge_codec::QoS;
use triomphe::ThinArc;

/// Topic Name, payload and properties of one published message. Cloning counts a reference.
#[derive(Clone)]
pub struct Message(ThinArc<Header, u8>);

/// What a [`Message`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct MessageParts<'a> {
    /// Topic Name, validated.
    pub topic: &'a str,
    /// The properties to be forwarded, as they stand on the wire (without their length).
    pub properties: &'a [u8],
    /// Application payload.
    pub payload: &'a [u8],
    /// QoS it was published with.
    pub qos: QoS,
    /// RETAIN it was published with.
    pub retain: bool,
    /// When it was received, in monotonic seconds. Kept only of messages that expire.
    pub received_s: u32,
    /// When it was received: nanoseconds since 1970, which no two messages of a server share. 0 where no service is among its
    /// receivers: nobody else asks.
    pub received_ns: u64,
    /// Message Expiry Interval. Every value is an ordinary number here, 0xFFFFFFFF too.
    pub expiry_interval_s: Option<u32>,
}

struct Header {
    topic_len: u16,
    flags: u8,
    properties_len: u32,
    /// 0: not in the log.
    identity: AtomicU64,
}

/// Two `u32` at the front of the bytes of a message that expires: when it was received, and its interval. Few do.
const EXPIRY_BYTES: usize = 8;

/// A `u64` behind that: when it was received, where a service wants to know.
const RECEIVED_BYTES: usize = 8;

/// One huge message does not make a shard keep a buffer of its size.
pub(crate) const SCRATCH_BYTES_KEPT: usize = 64 << 10;

const RETAIN: u8 = 1 << 2;
const EXPIRES: u8 = 1 << 3;
const WITHOUT_PAYLOAD: u8 = 1 << 4;
const FROM_RUN: u8 = 1 << 5;
const RECEIVED: u8 = 1 << 6;

/// What stands in the place of a payload that is left out: where it is, and its length.
const STORED_PAYLOAD_BYTES: usize = 12;

impl Message {
    /// Copies the parts into one allocation.
    pub fn new(parts: &MessageParts<'_>) -> Message {
        let length = parts.topic.len() + parts.properties.len() + parts.payload.len();
        Message::make(parts, 0, &mut Vec::with_capacity(EXPIRY_BYTES + RECEIVED_BYTES + length))
    }

    /// One that was read back from a run of a queue.
    pub(crate) fn from_run(parts: &MessageParts<'_>, identity: u64) -> Message {
        let length = parts.topic.len() + parts.properties.len() + parts.payload.len();
        let message = Message::make(parts, FROM_RUN, &mut Vec::with_capacity(EXPIRY_BYTES + RECEIVED_BYTES + length));
        message.set_identity(identity);
        message
    }

    /// The same, gathering the parts in `scratch`, whose content is lost: no allocation but the message's own.
    pub fn with_scratch(parts: &MessageParts<'_>, scratch: &mut Vec<u8>) -> Message {
        Message::make(parts, 0, scratch)
    }

    fn make(parts: &MessageParts<'_>, flags: u8, scratch: &mut Vec<u8>) -> Message {
        scratch.clear();
        if let Some(interval) = parts.expiry_interval_s {
            scratch.extend_from_slice(&parts.received_s.to_le_bytes());
            scratch.extend_from_slice(&interval.to_le_bytes());
        }
        if parts.received_ns != 0 {
            scratch.extend_from_slice(&parts.received_ns.to_le_bytes());
        }
        scratch.extend_from_slice(parts.topic.as_bytes());
        scratch.extend_from_slice(parts.properties);
        scratch.extend_from_slice(parts.payload);
        let header = Header {
            topic_len: parts.topic.len() as u16,
            flags: flags
                | parts.qos as u8
                | if parts.retain { RETAIN } else { 0 }
                | if parts.expiry_interval_s.is_some() { EXPIRES } else { 0 }
                | if parts.received_ns != 0 { RECEIVED } else { 0 },
            properties_len: parts.properties.len() as u32,
            identity: AtomicU64::new(0),
        };
        let message = Message(ThinArc::from_header_and_slice(header, scratch));
        if scratch.capacity() > SCRATCH_BYTES_KEPT {
            scratch.clear();
            scratch.shrink_to(SCRATCH_BYTES_KEPT);
        }
        message
    }

    /// The same without its payload, which stands in the log. For the retained store alone: nobody else looks for it there.
    pub(crate) fn without_payload(parts: &MessageParts<'_>, stored: StoredPayload) -> Message {
        let mut place = [0; STORED_PAYLOAD_BYTES];
        place[..8].copy_from_slice(&stored.at.to_le_bytes());
        place[8..].copy_from_slice(&stored.bytes.to_le_bytes());
        let mut scratch = Vec::new();
        let message = Message::make(&MessageParts { payload: &place, ..*parts }, WITHOUT_PAYLOAD, &mut scratch);
        message.set_identity(stored.identity);
        message
    }

    /// Where its payload is, if it was left out.
    pub(crate) fn stored_payload(&self) -> Option<StoredPayload> {
        if self.header().flags & WITHOUT_PAYLOAD == 0 {
            return None;
        }
        let (_, place) = self.0.slice.split_last_chunk::<STORED_PAYLOAD_BYTES>()?;
        let [a, b, c, d, e, f, g, h, bytes @ ..] = *place;
        let at = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Some(StoredPayload { identity: self.identity(), at, bytes: u32::from_le_bytes(bytes) })
    }

    /// Its parts, to be published or copied again.
    pub fn parts(&self) -> MessageParts<'_> {
        let (header, expiry) = (self.header(), self.expiry());
        let (topic, rest) = self.content().split_at(usize::from(header.topic_len));
        let (properties, payload) = rest.split_at(header.properties_len as usize);
        MessageParts {
            topic: text(topic),
            properties,
            payload,
            qos: self.qos(),
            retain: self.retain(),
            received_s: expiry.map_or(0, |expiry| expiry.0),
            received_ns: self.received_ns(),
            expiry_interval_s: expiry.map(|expiry| expiry.1),
        }
    }

    /// Where its record stands in the log; 0 where it has none.
    pub fn identity(&self) -> u64 {
        self.header().identity.load(Ordering::Relaxed)
    }

    /// The same, if that is known already: it is not while the turn of the shard that made the message goes on.
    pub(crate) fn place(&self) -> Option<u64> {
        Some(self.identity()).filter(|&identity| identity != 0 && identity & IN_THIS_BATCH == 0)
    }

    /// Says where its record stands. Done by the shard that made it, before it hands the message to others.
    pub fn set_identity(&self, identity: u64) {
        self.header().identity.store(identity, Ordering::Relaxed);
    }

    /// Topic Name.
    pub fn topic(&self) -> &str {
        text(self.topic_bytes())
    }

    /// Topic Name as bytes, unchecked and therefore cheap.
    pub fn topic_bytes(&self) -> &[u8] {
        &self.content()[..usize::from(self.header().topic_len)]
    }

    /// Forwarded properties as they stand on the wire.
    pub fn properties(&self) -> &[u8] {
        let start = usize::from(self.header().topic_len);
        &self.content()[start..start + self.header().properties_len as usize]
    }

    /// Application payload.
    pub fn payload(&self) -> &[u8] {
        &self.content()[usize::from(self.header().topic_len) + self.header().properties_len as usize..]
    }

    /// Topic, properties and payload together: what a limit in bytes counts.
    pub fn bytes(&self) -> usize {
        self.content().len()
    }

    /// QoS it was published with.
    pub fn qos(&self) -> QoS {
        match self.header().flags & 3 {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        }
    }

    /// RETAIN it was published with.
    pub fn retain(&self) -> bool {
        self.header().flags & RETAIN != 0
    }

    /// Whether it was read back from a run: its record may be older than the log that is replayed.
    pub(crate) fn is_from_run(&self) -> bool {
        self.header().flags & FROM_RUN != 0
    }

    /// Message Expiry Interval it was published with.
    pub fn expiry_interval_s(&self) -> Option<u32> {
        self.expiry().map(|expiry| expiry.1)
    }

    /// Monotonic second at which it expires, if it does.
    pub fn expires_at_s(&self) -> Option<u64> {
        self.expiry().map(|(received_s, interval_s)| u64::from(received_s) + u64::from(interval_s))
    }

    /// Whether its Message Expiry Interval has passed `[MQTT-3.3.2-5]`.
    pub fn is_expired(&self, now_s: u64) -> bool {
        self.expires_at_s().is_some_and(|at| at <= now_s)
    }

    /// The Message Expiry Interval to forward at `now_s`: what was received less the time spent here `[MQTT-3.3.2-6]`.
    pub fn expiry_left_s(&self, now_s: u64) -> Option<u32> {
        self.expires_at_s().map(|at| at.saturating_sub(now_s).min(u64::from(u32::MAX)) as u32)
    }

    /// When it was received and its interval, in seconds, if it expires.
    fn expiry(&self) -> Option<(u32, u32)> {
        if self.header().flags & EXPIRES == 0 {
            return None;
        }
        let (bytes, _) = self.0.slice.split_first_chunk::<EXPIRY_BYTES>()?;
        let [a, b, c, d, e, f, g, h] = *bytes;
        Some((u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])))
    }

    /// When it was received, in nanoseconds since 1970; 0 where no service was among its receivers.
    fn received_ns(&self) -> u64 {
        let flags = self.header().flags;
        if flags & RECEIVED == 0 {
            return 0;
        }
        let before = if flags & EXPIRES == 0 { 0 } else { EXPIRY_BYTES };
        self.0.slice[before..].first_chunk().copied().map_or(0, u64::from_le_bytes)
    }

    /// Topic, properties and payload.
    fn content(&self) -> &[u8] {
        let flags = self.header().flags;
        let left_out = if flags & WITHOUT_PAYLOAD == 0 { 0 } else { STORED_PAYLOAD_BYTES };
        let before = if flags & EXPIRES == 0 { 0 } else { EXPIRY_BYTES };
        let before = before + if flags & RECEIVED == 0 { 0 } else { RECEIVED_BYTES };
        &self.0.slice[before..self.0.slice.len() - left_out]
    }

    fn header(&self) -> &Header {
        &self.0.header.header
    }
}

/// It came in as `&str`; checking it again costs less than the unsafe word that would avoid it.
fn text(topic: &[u8]) -> &str {
    std::str::from_utf8(topic).unwrap_or_default()
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.topic(), self.payload().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> MessageParts<'static> {
        MessageParts {
            topic: "sensors/1",
            properties: &[1, 1],
            payload: b"21.5",
            qos: QoS::AtLeastOnce,
            retain: true,
            received_s: 100,
            received_ns: 0,
            expiry_interval_s: None,
        }
    }

    #[test]
    fn gives_back_what_it_was_made_of_through_one_thin_pointer() {
        let message = Message::new(&parts());
        assert_eq!(size_of::<Message>(), 8);
        assert_eq!(
            (message.topic(), message.properties(), message.payload()),
            ("sensors/1", &[1, 1][..], &b"21.5"[..])
        );
        assert_eq!((message.qos(), message.retain(), message.expires_at_s()), (QoS::AtLeastOnce, true, None));
    }

    #[test]
    fn expires_when_its_interval_has_passed_and_forwards_what_is_left() {
        let message = Message::new(&MessageParts { expiry_interval_s: Some(10), ..parts() });
        assert!(!message.is_expired(109));
        assert_eq!(message.expiry_left_s(103), Some(7));
        assert!(message.is_expired(110));
        assert_eq!((message.topic(), message.payload(), message.bytes()), ("sensors/1", &b"21.5"[..], 15));
        let timed = Message::new(&MessageParts { expiry_interval_s: Some(10), received_ns: 7, ..parts() });
        assert_eq!((timed.parts().received_ns, timed.expiry_left_s(103)), (7, Some(7)));
        assert_eq!((timed.topic(), timed.payload(), timed.bytes()), ("sensors/1", &b"21.5"[..], 15));
        let longest = Message::new(&MessageParts { expiry_interval_s: Some(u32::MAX), ..parts() });
        assert_eq!(longest.expires_at_s(), Some(100 + u64::from(u32::MAX)));
    }
}
