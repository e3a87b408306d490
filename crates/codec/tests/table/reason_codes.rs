//! Which Reason Codes each packet of version 5 may carry: every number there is, in every packet that has one.

use midge_codec::Version::V5;
use midge_codec::{Packet, ReasonCode, fixed_header};

use crate::notation;

/// The codes of the tables in chapter 3. (0x8C in DISCONNECT stands only in section 2.4, and is what a failed
/// re-authentication is answered with.)
const PACKETS: [(&str, &str, &str, &str); 9] = [
    ("CONNACK", "20 [ 00 ", " 00 ]", "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"),
    ("PUBACK", "40 [ 0001 ", " ]", "00 10 80 83 87 90 91 97 99"),
    ("PUBREC", "50 [ 0001 ", " ]", "00 10 80 83 87 90 91 97 99"),
    ("PUBREL", "62 [ 0001 ", " ]", "00 92"),
    ("PUBCOMP", "70 [ 0001 ", " ]", "00 92"),
    ("SUBACK", "90 [ 0001 00 ", " ]", "00 01 02 80 83 87 8F 91 97 9E A1 A2"),
    ("UNSUBACK", "B0 [ 0001 00 ", " ]", "00 11 80 83 87 8F 91"),
    (
        "DISCONNECT",
        "E0 [ ",
        " ]",
        "00 04 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
    ),
    ("AUTH", "F0 [ ", " 00 ]", "00 18 19"),
];

#[test]
fn every_code_in_every_packet() {
    for (packet, before, behind, codes) in PACKETS {
        let allowed = notation::bytes(codes);
        for code in 0..=255 {
            let bytes = notation::bytes(&format!("{before}{code:02X}{behind}"));
            let header = fixed_header(&bytes).unwrap().unwrap();
            let decoded = Packet::decode(V5, header, &bytes[2..]).map(|packet| packet.packet_type().name());
            let expected = if allowed.contains(&code) { Ok(packet) } else { Err(ReasonCode::PROTOCOL_ERROR) };
            assert_eq!(decoded.map_err(|error| error.reason_code()), expected, "{code:#04x} in {packet}");
        }
    }
}

#[test]
fn every_code_that_is_sent_has_a_name() {
    for (packet, _, _, codes) in PACKETS {
        for code in notation::bytes(codes) {
            let code = ReasonCode(code);
            assert_ne!(code.name(), "Unknown", "{code:?} of {packet}");
            assert_eq!(code.is_error(), code.0 >= 0x80);
        }
    }
    assert_eq!(ReasonCode(0xFF).name(), "Unknown");
    assert_eq!(format!("{:?}", ReasonCode::NOT_AUTHORIZED), "0x87 Not authorized");
    assert_eq!(ReasonCode::NOT_AUTHORIZED.to_string(), "Not authorized");
}
