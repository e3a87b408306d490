//! Cost of the packets a Server handles by the million: PUBLISH and its acknowledgements.
//!
//! `cargo bench -p midge-codec`; add `--profile dist` for what is shipped.

use divan::{Bencher, black_box};
use midge_codec::{
    Acknowledgement, AcknowledgementKind, Packet, Publish, PublishOut, QoS, ReasonCode, Version,
    encode_acknowledgement, fixed_header,
};

const TOPIC: &[u8; 16] = b"sensor/kitchen/1";
const PAYLOAD: &[u8; 64] = &[b'x'; 64];
/// Payload Format Indicator, Content Type and one User Property.
const FORWARD: &[u8] = b"\x01\x01\x03\x00\x0Atext/plain\x26\x00\x04room\x00\x07kitchen";

fn main() {
    divan::main();
}

fn publish_out(version: Version, qos: QoS) -> PublishOut<'static> {
    PublishOut {
        version,
        dup: false,
        qos,
        retain: false,
        topic: TOPIC,
        packet_id: 7,
        topic_alias: None,
        message_expiry_interval_s: None,
        subscription_ids: &[],
        forward: &[],
        payload: PAYLOAD,
    }
}

fn bytes_of(out: &PublishOut<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    out.encode(&mut bytes);
    bytes
}

fn bench_decode(bencher: Bencher<'_, '_>, version: Version, bytes: &[u8]) {
    bencher.bench_local(|| {
        let bytes = black_box(bytes);
        let header = fixed_header(bytes).unwrap().unwrap();
        let publish = Publish::decode(black_box(version), header, &bytes[usize::from(header.length)..]).unwrap();
        black_box(publish.topic.len() + publish.payload.len())
    });
}

fn bench_encode(bencher: Bencher<'_, '_>, publish: PublishOut<'_>) {
    let mut out = Vec::with_capacity(1024);
    bencher.bench_local(|| {
        out.clear();
        black_box(&publish).encode(&mut out)
    });
}

#[divan::bench]
fn fixed_header_of_two_bytes(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| fixed_header(black_box(&[0x30, 0x52, 0x00, 0x10])));
}

#[divan::bench]
fn fixed_header_of_three_bytes(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| fixed_header(black_box(&[0x30, 0x80, 0x01, 0x00, 0x10])));
}

#[divan::bench]
fn publish_decode_v311(bencher: Bencher<'_, '_>) {
    bench_decode(bencher, Version::V311, &bytes_of(&publish_out(Version::V311, QoS::AtMostOnce)));
}

#[divan::bench]
fn publish_decode_v311_qos1(bencher: Bencher<'_, '_>) {
    bench_decode(bencher, Version::V311, &bytes_of(&publish_out(Version::V311, QoS::AtLeastOnce)));
}

#[divan::bench]
fn publish_decode_v311_topic_of_64(bencher: Bencher<'_, '_>) {
    let publish = PublishOut { topic: &[b't'; 64], ..publish_out(Version::V311, QoS::AtMostOnce) };
    bench_decode(bencher, Version::V311, &bytes_of(&publish));
}

#[divan::bench]
fn publish_decode_v5(bencher: Bencher<'_, '_>) {
    bench_decode(bencher, Version::V5, &bytes_of(&publish_out(Version::V5, QoS::AtMostOnce)));
}

#[divan::bench]
fn publish_decode_v5_alias_only(bencher: Bencher<'_, '_>) {
    let publish = PublishOut { topic: b"", topic_alias: Some(3), ..publish_out(Version::V5, QoS::AtMostOnce) };
    bench_decode(bencher, Version::V5, &bytes_of(&publish));
}

#[divan::bench]
fn publish_decode_v5_five_properties(bencher: Bencher<'_, '_>) {
    let publish = PublishOut {
        topic_alias: Some(3),
        message_expiry_interval_s: Some(60),
        forward: FORWARD,
        ..publish_out(Version::V5, QoS::AtMostOnce)
    };
    bench_decode(bencher, Version::V5, &bytes_of(&publish));
}

#[divan::bench]
fn publish_encode_v311(bencher: Bencher<'_, '_>) {
    bench_encode(bencher, publish_out(Version::V311, QoS::AtMostOnce));
}

#[divan::bench]
fn publish_encode_v311_qos1(bencher: Bencher<'_, '_>) {
    bench_encode(bencher, publish_out(Version::V311, QoS::AtLeastOnce));
}

#[divan::bench]
fn publish_encode_v5(bencher: Bencher<'_, '_>) {
    bench_encode(bencher, publish_out(Version::V5, QoS::AtMostOnce));
}

#[divan::bench]
fn publish_encode_v5_five_properties(bencher: Bencher<'_, '_>) {
    let publish = PublishOut {
        topic_alias: Some(3),
        message_expiry_interval_s: Some(60),
        forward: FORWARD,
        ..publish_out(Version::V5, QoS::AtLeastOnce)
    };
    bench_encode(bencher, publish);
}

#[divan::bench]
fn acknowledgement_decode(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let bytes = black_box(&[0x40, 2, 0, 7]);
        let header = fixed_header(bytes).unwrap().unwrap();
        Acknowledgement::decode(AcknowledgementKind::PubAck, black_box(Version::V5), header, &bytes[2..]).unwrap()
    });
}

#[divan::bench]
fn acknowledgement_decode_as_packet(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let bytes = black_box(&[0x40, 2, 0, 7]);
        let header = fixed_header(bytes).unwrap().unwrap();
        Packet::decode(black_box(Version::V5), header, &bytes[2..]).unwrap()
    });
}

#[divan::bench]
fn acknowledgement_encode(bencher: Bencher<'_, '_>) {
    let mut out = Vec::with_capacity(64);
    bencher.bench_local(|| {
        out.clear();
        encode_acknowledgement(
            AcknowledgementKind::PubAck,
            black_box(Version::V5),
            black_box(7),
            ReasonCode::SUCCESS,
            &mut out,
        );
    });
}
