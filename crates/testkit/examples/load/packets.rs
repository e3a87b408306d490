//! The few MQTT Control Packets that load needs, 3.1.1 and 5.0: written straight into a connection's buffer, read in place.
//!
//! No more than the scenarios use, and not the wire of the conformance tests: that one checks everything and allocates.

/// The kinds, as in the upper half of a packet's first byte.
pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const DISCONNECT: u8 = 14;

/// The version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

/// What stands at the start of each payload, so that the receiver knows what should have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The stream (a publisher and a topic).
    pub(crate) stream: u32,
    /// The place in the stream, from 1.
    pub(crate) sequence: u32,
}

/// A message to be sent.
pub(crate) struct Publish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Not written for QoS 0.
    pub(crate) id: u16,
    pub(crate) stamp: Stamp,
    /// At least [`STAMP_BYTES`].
    pub(crate) payload_bytes: usize,
}

/// A packet that came.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a> {
    first: u8,
    body: &'a [u8],
    version: Version,
}

/// A message that came.
pub(crate) struct Received {
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) id: u16,
    pub(crate) stamp: Stamp,
}

impl<'a> Packet<'a> {
    /// The first packet of the bytes and its length, or nothing when it is not there in full.
    pub(crate) fn split(bytes: &'a [u8], version: Version) -> Option<(Packet<'a>, usize)> {
        let first = *bytes.first()?;
        let mut length = 0;
        let mut at = 1;
        loop {
            let byte = *bytes.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte < 0x80 {
                break;
            }
        }
        let body = bytes.get(at..at + length)?;
        Some((Packet { first, body, version }, at + length))
    }

    pub(crate) fn kind(self) -> u8 {
        self.first >> 4
    }

    /// The Packet Identifier of an acknowledgement or a SUBSCRIBE.
    pub(crate) fn id(self) -> u16 {
        number(self.body)
    }

    /// Whether a CONNACK, SUBACK, PUBACK or PUBREC says that all was granted.
    pub(crate) fn is_granted(self) -> bool {
        match self.kind() {
            CONNACK => self.body.get(1) == Some(&0),
            SUBACK => self.codes().iter().all(|code| *code < 0x80),
            _ => self.body.get(2).is_none_or(|code| *code < 0x80),
        }
    }

    /// Whether a CONNACK says that the Session was there.
    pub(crate) fn is_session_present(self) -> bool {
        self.body.first().is_some_and(|flags| flags & 1 == 1)
    }

    /// The Reason Codes of a SUBACK, one for each Topic Filter.
    pub(crate) fn codes(self) -> &'a [u8] {
        &self.body[self.behind_properties(2)..]
    }

    /// The Packet Identifier of a PUBLISH with QoS 1 or 2.
    pub(crate) fn publish_id(self) -> u16 {
        number(&self.body[2 + usize::from(number(self.body))..])
    }

    /// The message in a PUBLISH; nothing when it bears no stamp.
    pub(crate) fn received(self) -> Option<Received> {
        let qos = self.first >> 1 & 3;
        let mut at = 2 + usize::from(number(self.body));
        let id = if qos > 0 { self.publish_id() } else { 0 };
        at += if qos > 0 { 2 } else { 0 };
        let (stream, rest) = self.body[self.behind_properties(at)..].split_first_chunk()?;
        let (sequence, _) = rest.split_first_chunk()?;
        let stamp = Stamp { stream: u32::from_be_bytes(*stream), sequence: u32::from_be_bytes(*sequence) };
        Some(Received { qos, retain: self.first & 1 == 1, id, stamp })
    }

    /// Properties are passed over; here they are never longer than one byte of length can say.
    fn behind_properties(self, at: usize) -> usize {
        match self.version {
            Version::V3 => at,
            Version::V5 => at + 1 + usize::from(self.body[at]),
        }
    }
}

/// CONNECT without Keep Alive. The Session is new and ends with the connection, or goes on and outlives it.
pub(crate) fn connect(out: &mut Vec<u8>, client_id: &str, version: Version, is_durable: bool) {
    let level = if version == Version::V5 { 5 } else { 4 };
    let flags = if is_durable { 0 } else { CLEAN_START };
    let properties = if is_durable && version == Version::V5 { NEVER_EXPIRES } else { no_properties(version) };
    out.push(0x10);
    put_length(out, 10 + properties.len() + 2 + client_id.len());
    out.extend_from_slice(&[0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 0]);
    out.extend_from_slice(properties);
    put_text(out, client_id);
}

pub(crate) fn subscribe(out: &mut Vec<u8>, id: u16, filters: &[String], qos: u8, version: Version) {
    let properties = no_properties(version);
    out.push(0x82);
    put_length(out, 2 + properties.len() + filters.iter().map(|filter| 3 + filter.len()).sum::<usize>());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(properties);
    for filter in filters {
        put_text(out, filter);
        out.push(qos);
    }
}

pub(crate) fn publish(out: &mut Vec<u8>, publish: &Publish<'_>, version: Version) {
    let properties = no_properties(version);
    let id_bytes = if publish.qos > 0 { 2 } else { 0 };
    out.push(0x30 | publish.qos << 1 | u8::from(publish.retain));
    put_length(out, 2 + publish.topic.len() + id_bytes + properties.len() + publish.payload_bytes);
    put_text(out, publish.topic);
    if publish.qos > 0 {
        out.extend_from_slice(&publish.id.to_be_bytes());
    }
    out.extend_from_slice(properties);
    out.extend_from_slice(&publish.stamp.stream.to_be_bytes());
    out.extend_from_slice(&publish.stamp.sequence.to_be_bytes());
    out.resize(out.len() + publish.payload_bytes - STAMP_BYTES, b'.');
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub(crate) fn acknowledge(out: &mut Vec<u8>, kind: u8, id: u16) {
    let flags = if kind == PUBREL { 2 } else { 0 };
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[kind << 4 | flags, 2, high, low]);
}

pub(crate) fn disconnect(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xe0, 0]);
}

fn no_properties(version: Version) -> &'static [u8] {
    match version {
        Version::V3 => &[],
        Version::V5 => &[0],
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

pub(crate) const STAMP_BYTES: usize = 8;

/// Of the flags of CONNECT; in 3.1.1 it is called Clean Session.
const CLEAN_START: u8 = 2;

/// The properties of a CONNECT with a Session Expiry Interval without end, behind their length.
const NEVER_EXPIRES: &[u8] = &[5, 0x11, 0xff, 0xff, 0xff, 0xff];
