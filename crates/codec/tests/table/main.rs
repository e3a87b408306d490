//! The codec's table: bytes, and the packet or the error they are, for all versions and both directions.
//!
//! Bytes are written as hexadecimal digits and `'text'`. `(…)` puts the two-byte length of its content in front, as
//! strings and binary data have it, `[…]` a length as Variable Byte Integer, as the whole packet and Properties have
//! it: `10 [ ('MQTT') 04 02 003C ('c1') ]` is `10 0E 00 04 4D 51 54 54 04 02 00 3C 00 02 63 31`.

mod acknowledgement;
mod connack;
mod connect;
mod disconnect;
mod notation;
mod properties;
mod publish;
mod publish_out;
mod reason_codes;
mod subscribe;

use midge_codec::Version::{V5, V31, V311};
use midge_codec::{
    DecodeError, DecodeErrorKind, Packet, PacketId, Properties, PropertiesBuf, Property, ReasonCode, Version,
    fixed_header,
};

const ALL: &[Version] = &Version::ALL;
const V3: &[Version] = &[V31, V311];
const SINCE_V311: &[Version] = &[V311, V5];

struct Row {
    name: &'static str,
    versions: &'static [Version],
    bytes: &'static str,
    expected: Expected,
}

enum Expected {
    /// The bytes are this packet, and the packet is these bytes.
    Both(Packet<'static>),
    /// The bytes are this packet, but there is a form of it that we rather write.
    Read(Packet<'static>),
    /// The bytes are no packet.
    Refused(ReasonCode),
}

fn both(versions: &'static [Version], name: &'static str, bytes: &'static str, packet: Packet<'static>) -> Row {
    Row { name, versions, bytes, expected: Expected::Both(packet) }
}

fn reads(versions: &'static [Version], name: &'static str, bytes: &'static str, packet: Packet<'static>) -> Row {
    Row { name, versions, bytes, expected: Expected::Read(packet) }
}

fn malformed(versions: &'static [Version], name: &'static str, bytes: &'static str) -> Row {
    refused(ReasonCode::MALFORMED_PACKET, versions, name, bytes)
}

fn protocol_error(versions: &'static [Version], name: &'static str, bytes: &'static str) -> Row {
    refused(ReasonCode::PROTOCOL_ERROR, versions, name, bytes)
}

fn refused(code: ReasonCode, versions: &'static [Version], name: &'static str, bytes: &'static str) -> Row {
    Row { name, versions, bytes, expected: Expected::Refused(code) }
}

fn check(rows: &[Row]) {
    for (index, row) in rows.iter().enumerate() {
        assert!(rows[..index].iter().all(|other| other.name != row.name), "two rows are named {:?}", row.name);
        for &version in row.versions {
            check_row(row, version);
        }
    }
}

fn check_row(row: &Row, version: Version) {
    let context = format!("{version:?}, {:?}: {}", row.name, row.bytes);
    let bytes = notation::bytes(row.bytes);
    let decoded = decode(version, &bytes);
    let packet = match row.expected {
        Expected::Refused(code) => {
            let error = decoded.expect_err(&context);
            assert_eq!(error.reason_code(), code, "{context}\n{}", error.message());
            return;
        }
        Expected::Both(packet) | Expected::Read(packet) => packet,
    };
    assert_eq!(decoded, Ok(packet), "{context}");
    let mut encoded = b"what is there already".to_vec();
    let start = encoded.len();
    packet.encode(version, &mut encoded);
    let encoded = &encoded[start..];
    if matches!(row.expected, Expected::Both(_)) {
        assert_eq!(encoded, bytes, "encoding {context}");
        check_ends(&bytes, version, &context);
    } else {
        assert_ne!(encoded, bytes, "a row for both directions: {context}");
        assert_eq!(decode(version, encoded), Ok(packet), "encoded and decoded again: {context}");
    }
}

/// The shortest form needs its every byte, and nothing may follow: whatever is cut or added, it is not this packet.
fn check_ends(bytes: &[u8], version: Version, context: &str) {
    let header = fixed_header(bytes).expect(context).expect(context);
    let whole = decode(version, bytes);
    let body = &bytes[usize::from(header.length)..];
    for len in 0..body.len() {
        let shorter = midge_codec::FixedHeader { remaining: len as u32, length: 2, ..header };
        let decoded = Packet::decode_from_server(version, shorter, &body[..len]);
        assert_ne!(decoded, whole, "cut to {len}: {context}");
    }
    let longer = [body, &[0xFF]].concat();
    let header = midge_codec::FixedHeader { remaining: longer.len() as u32, ..header };
    assert_ne!(Packet::decode_from_server(version, header, &longer), whole, "with a byte more: {context}");
}

/// At the Server's end, except for what only a Server sends.
fn decode(version: Version, bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let header = fixed_header(bytes)?.expect("a whole fixed header");
    assert_eq!(header.packet_len(), bytes.len(), "the row's Remaining Length");
    Packet::decode(version, header, &bytes[usize::from(header.length)..])
}

fn packet_id(value: u16) -> PacketId {
    PacketId::new(value).expect("not 0")
}

/// Properties that live as long as the test.
fn properties(list: &[Property<'_>]) -> Properties<'static> {
    let mut buf = PropertiesBuf::new();
    for &property in list {
        buf.push(property);
    }
    Box::leak(Box::new(buf)).as_properties()
}

#[test]
fn connect() {
    check(&connect::rows());
}

#[test]
fn connack() {
    check(&connack::rows());
}

#[test]
fn publish() {
    check(&publish::rows());
}

#[test]
fn acknowledgement() {
    check(&acknowledgement::rows());
}

#[test]
fn subscribe_and_unsubscribe() {
    check(&subscribe::rows());
}

#[test]
fn ping_disconnect_and_auth() {
    check(&disconnect::rows());
}

/// From the error of a CONNECT a Server can tell whether, and in which form, its sender would understand an answer.
#[test]
fn unknown_versions() {
    let kind = |text| match decode(V5, &notation::bytes(text)) {
        Err(error) => error.kind(),
        Ok(packet) => panic!("{packet:?}"),
    };
    let unknown_level = DecodeErrorKind::UnknownProtocolLevel;
    assert_eq!(kind("10 [ ('HTTP') 04 02 003C ('c1') ]"), DecodeErrorKind::UnknownProtocolName);
    assert_eq!(kind("10 [ ('MQTT') 03 02 003C ('c1') ]"), unknown_level(3));
    assert_eq!(kind("10 [ ('MQTT') 06 02 003C [] ('c1') ]"), unknown_level(6));
    assert_eq!(kind("10 [ ('MQTT') 86 02 003C [] ('c1') ]"), unknown_level(0x86));
    assert_eq!(kind("10 [ ('MQIsdp') 04 02 003C ('c1') ]"), unknown_level(4));
}
