//! PUBLISH as a Server sends it.

use midge_codec::Version::{V5, V31, V311};
use midge_codec::{Properties, PublishOut, QoS, Version, forward_will};

use crate::notation;

const PLAIN: PublishOut<'static> = PublishOut {
    version: V311,
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: b"a/b",
    packet_id: 0x1234,
    topic_alias: None,
    message_expiry_interval_s: None,
    subscription_ids: &[],
    forward: &[],
    payload: b"hi",
};

/// The packet's bytes, where its Packet Identifier stands, and that all ways to write it agree.
fn check(publish: PublishOut<'_>, bytes: &str, packet_id_offset: u32) {
    let bytes = notation::bytes(bytes);
    let mut out = b"before".to_vec();
    assert_eq!(publish.encode(&mut out), packet_id_offset, "offset in {publish:?}");
    assert_eq!(out[6..], bytes, "{publish:?}");
    assert_eq!(publish.encoded_len(), bytes.len(), "{publish:?}");
    let mut head = Vec::new();
    assert_eq!(publish.encode_head(&mut head), packet_id_offset, "offset in the head of {publish:?}");
    assert_eq!([&head, publish.payload].concat(), bytes, "head of {publish:?}");
}

#[test]
fn version_3_has_no_properties() {
    for version in [V31, V311] {
        let plain = PublishOut { version, ..PLAIN };
        check(plain, "30 [ ('a/b') 'hi' ]", 0);
        check(PublishOut { retain: true, ..plain }, "31 [ ('a/b') 'hi' ]", 0);
        check(PublishOut { qos: QoS::AtLeastOnce, ..plain }, "32 [ ('a/b') 1234 'hi' ]", 7);
        check(PublishOut { qos: QoS::ExactlyOnce, dup: true, ..plain }, "3C [ ('a/b') 1234 'hi' ]", 7);
        let with_all = PublishOut {
            topic_alias: Some(1),
            message_expiry_interval_s: Some(1),
            subscription_ids: &[1],
            forward: b"\x01\x01",
            ..plain
        };
        check(with_all, "30 [ ('a/b') 'hi' ]", 0);
    }
}

#[test]
fn version_5() {
    let plain = PublishOut { version: V5, ..PLAIN };
    check(plain, "30 [ ('a/b') [] 'hi' ]", 0);
    check(PublishOut { qos: QoS::AtLeastOnce, ..plain }, "32 [ ('a/b') 1234 [] 'hi' ]", 7);
    check(PublishOut { topic_alias: Some(1), ..plain }, "30 [ ('a/b') [ 23 0001 ] 'hi' ]", 0);
    check(PublishOut { topic_alias: Some(1), topic: b"", ..plain }, "30 [ () [ 23 0001 ] 'hi' ]", 0);
    check(PublishOut { message_expiry_interval_s: Some(60), ..plain }, "30 [ ('a/b') [ 02 0000003C ] 'hi' ]", 0);
    check(PublishOut { subscription_ids: &[1, 128, 1], ..plain }, "30 [ ('a/b') [ 0B 01 0B 8001 0B 01 ] 'hi' ]", 0);
    check(PublishOut { forward: b"\x01\x01", ..plain }, "30 [ ('a/b') [ 01 01 ] 'hi' ]", 0);
    let with_all = PublishOut {
        qos: QoS::ExactlyOnce,
        topic_alias: Some(0x0102),
        message_expiry_interval_s: Some(1),
        subscription_ids: &[268_435_455],
        forward: b"\x01\x01",
        ..plain
    };
    check(with_all, "34 [ ('a/b') 1234 [ 01 01 23 0102 02 00000001 0B FFFFFF7F ] 'hi' ]", 7);
}

#[test]
fn the_packet_identifier_moves_with_the_length_of_the_header() {
    for (version, payload_len, offset) in [
        (V311, 120, 7),
        (V311, 121, 8),
        (V5, 119, 7),
        (V5, 120, 8),
        (V311, 16_376, 8),
        (V311, 16_377, 9),
        (V311, 2_097_144, 9),
        (V311, 2_097_145, 10),
    ] {
        check_offset(version, payload_len, offset);
    }
}

fn check_offset(version: Version, payload_len: usize, offset: u32) {
    let payload = vec![0xFF; payload_len];
    let publish = PublishOut { version, qos: QoS::AtLeastOnce, payload: &payload, ..PLAIN };
    let mut out = Vec::new();
    assert_eq!(publish.encode(&mut out), offset, "{version:?} {payload_len}");
    assert_eq!(out.len(), publish.encoded_len());
    assert_eq!(out[offset as usize..][..2], [0x12, 0x34]);
}

#[test]
fn a_will_passes_on_all_but_its_delay_and_expiry() {
    for (will, forward) in [
        ("", ""),
        ("18 00000005", ""),
        ("18 00000005 02 00000001 01 01", "01 01"),
        ("26 ('a') ('1') 18 00000005 26 ('b') ('2') 02 00000001 03 ('t')", "26 ('a') ('1') 26 ('b') ('2') 03 ('t')"),
    ] {
        let mut out = Vec::new();
        forward_will(Properties::from_raw(&notation::bytes(will)), &mut out);
        assert_eq!(out, notation::bytes(forward), "{will}");
    }
}
