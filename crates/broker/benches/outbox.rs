//! The outbox without sockets: `cargo bench -p midge-broker --bench outbox`. One iteration is a turn: packets are encoded and
//! sent to connections, what each is to be written is gathered, and the outbox is cleared.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use midge_broker::ConnectionId;
use midge_broker::outbox::{After, Frame, Gathered, Outbox};
use midge_codec::{AcknowledgementKind, ReasonCode};
use midge_codec::{PublishOut, QoS, Version, encode_acknowledgement};

fn main() {
    divan::main();
}

const RECEIVERS: u32 = 1000;

fn publish(outbox: &mut Outbox, qos: QoS, packet_id: u16) -> Frame {
    let out = PublishOut {
        version: Version::V311,
        dup: false,
        qos,
        retain: false,
        topic: b"building/7/device/42/state",
        packet_id,
        topic_alias: None,
        message_expiry_interval_s: None,
        subscription_ids: &[],
        forward: &[],
        payload: &[7; 64],
    };
    outbox.frame(packet_id, None, |bytes| out.encode(bytes))
}

/// Bytes that a server would write, as it would find them.
fn write_all(outbox: &mut Outbox, scratch: &mut Vec<u8>) -> usize {
    let mut bytes = 0;
    for &id in outbox.dirty() {
        bytes += match outbox.gather(id, scratch) {
            Gathered::One(stretch) => black_box(stretch).len(),
            Gathered::Many(pieces) => pieces.iter().map(|piece| black_box(piece.bytes).len()).sum(),
        };
    }
    outbox.clear();
    bytes
}

/// One message for a thousand connections: encoded once, patched where the Packet Identifier differs.
#[divan::bench(args = [QoS::AtMostOnce, QoS::AtLeastOnce])]
fn fan_out_1000(bencher: Bencher<'_, '_>, qos: QoS) {
    let (mut outbox, mut scratch) = (Outbox::default(), Vec::new());
    bencher.counter(ItemsCount::new(RECEIVERS)).bench_local(|| {
        let frame = publish(&mut outbox, qos, 1);
        for receiver in 0..RECEIVERS {
            let packet_id = if qos == QoS::AtMostOnce { 0 } else { 1 + receiver as u16 % 20 };
            outbox.send(ConnectionId(receiver), &frame, packet_id, After::Now);
        }
        write_all(&mut outbox, &mut scratch)
    });
}

/// A thousand messages, each for a connection of its own, and an acknowledgement for each at QoS 1.
#[divan::bench(args = [QoS::AtMostOnce, QoS::AtLeastOnce])]
fn one_to_one_1000(bencher: Bencher<'_, '_>, qos: QoS) {
    let (mut outbox, mut scratch) = (Outbox::default(), Vec::new());
    bencher.counter(ItemsCount::new(RECEIVERS)).bench_local(|| {
        for receiver in 0..RECEIVERS {
            let frame = publish(&mut outbox, qos, 1);
            outbox.send(ConnectionId(receiver), &frame, 1, After::Now);
            if qos != QoS::AtMostOnce {
                outbox.packet(ConnectionId(RECEIVERS + receiver), After::TurnDurable, |bytes| {
                    encode_acknowledgement(AcknowledgementKind::PubAck, Version::V311, 1, ReasonCode::SUCCESS, bytes);
                });
            }
        }
        write_all(&mut outbox, &mut scratch)
    });
}

/// A thousand messages in a row for one connection, which find themselves side by side.
#[divan::bench]
fn one_stream_1000(bencher: Bencher<'_, '_>) {
    let (mut outbox, mut scratch) = (Outbox::default(), Vec::new());
    bencher.counter(ItemsCount::new(RECEIVERS)).bench_local(|| {
        for _ in 0..RECEIVERS {
            let frame = publish(&mut outbox, QoS::AtMostOnce, 0);
            outbox.send(ConnectionId(0), &frame, 0, After::Now);
        }
        write_all(&mut outbox, &mut scratch)
    });
}
