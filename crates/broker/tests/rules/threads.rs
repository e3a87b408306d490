//! Two shards on threads of their own. Everything else here runs in one thread and changes shards between two calls of the
//! broker; this is for what can happen within one: a Retained Message is written, a Subscription is made, and only then
//! does the writer look up who has subscribed. And, on one thread, for mail that is on its way at a certain moment.

use midge_broker::outbox::Gathered;
use midge_broker::{ConnectionEnd, ConnectionId, FirstBytes, ListenerId, Options, Shard, ShardId, Shared, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Subscriptions made while values are written.
const ROUNDS: usize = 3_000;

/// Values that each Subscription must see before it goes.
const VALUES: usize = 4;

const C: ConnectionId = ConnectionId(0);

/// Of a client that begins anew, version 3.1.1; to the topic `r` with QoS 0.
const CONNECT: [u8; 15] = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b's'];
const SUBSCRIBE: [u8; 8] = [0x82, 6, 0, 1, 0, 1, b'r', 0];

/// Each new Subscription sees the value that is retained and then every later one, or begins with a live one: never one
/// twice, one missing, or an older one after a newer one.
#[test]
fn replays_and_live_writes_are_in_one_order_on_threads() {
    let shared = Arc::new(Shared::new(2, 0));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write(&shared, &is_done));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| subscribe(&shared)));
        is_done.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Values are on their way to a Subscription when its client subscribes once more: the last one is replayed, and all of them
/// come live all the same `[MQTT-3.8.4-4]`.
#[test]
fn what_is_on_its_way_is_not_lost_when_its_subscription_is_replaced() {
    let shared = Arc::new(Shared::new(2, 0));
    let [mut writer, mut shard] = [0, 1].map(|id| Shard::new(Arc::default(), ShardId(id), shared.clone()));
    let (mut writes, mut turn) = (Turn::new(2), Turn::new(2));
    shard.handle_first_bytes(C, ListenerId(0), &CONNECT, &mut turn);
    shard.handle_bytes(C, &SUBSCRIBE, &mut turn);
    for value in ["1", "2"] {
        writer.publish_from_server("r", value.as_bytes(), midge_codec::QoS::AtMostOnce, true, &mut writes);
    }
    for (to, parcel) in writes.mail.parcels() {
        shared.mesh().post(to, parcel);
    }
    turn.clear();
    shard.handle_bytes(C, &SUBSCRIBE, &mut turn);
    take_mail(&mut shard, &shared, &mut turn);
    let mut scratch = Vec::new();
    let Gathered::One(bytes) = turn.outbox.gather(C, &mut scratch) else { panic!("packets in one piece") };
    assert_eq!(values_in(bytes), [2, 1, 2]);
}

/// Shard 0 writes 1, 2, 3, … to one topic, a few in each turn.
fn write(shared: &Arc<Shared>, is_done: &AtomicBool) {
    let mut shard = Shard::new(Arc::new(Options::default()), ShardId(0), shared.clone());
    let mut turn = Turn::new(2);
    for value in 1_u64.. {
        if is_done.load(Ordering::Relaxed) {
            return;
        }
        shard.publish_from_server("r", value.to_string().as_bytes(), midge_codec::QoS::AtMostOnce, true, &mut turn);
        if value % 3 == 0 {
            for (to, parcel) in turn.mail.parcels() {
                shared.mesh().post(to, parcel);
            }
        }
        while shared.mesh().is_full(ShardId(1)) && !is_done.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }
}

/// Shard 1 has a client that comes, subscribes, looks at some values, and goes.
fn subscribe(shared: &Arc<Shared>) {
    let mut shard = Shard::new(Arc::new(Options::default()), ShardId(1), shared.clone());
    let mut turn = Turn::new(2);
    for round in 0..ROUNDS {
        let first = shard.handle_first_bytes(C, ListenerId(0), &CONNECT, &mut turn);
        assert!(matches!(first, FirstBytes::Stay(_)), "both shards are as empty: the client stays");
        shard.handle_bytes(C, &SUBSCRIBE, &mut turn);
        let mut values = Vec::new();
        while values.len() < VALUES {
            shard.handle_work(&mut turn);
            take_mail(&mut shard, shared, &mut turn);
            let mut scratch = Vec::new();
            if let Gathered::One(bytes) = turn.outbox.gather(C, &mut scratch) {
                values.extend(values_in(bytes));
            }
            turn.clear();
        }
        let is_in_order = values.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(is_in_order, "Subscription {round} was sent {values:?}");
        shard.handle_closed(C, ConnectionEnd::ClosedByClient, &mut turn);
        turn.clear();
    }
}

fn take_mail(shard: &mut Shard, shared: &Shared, turn: &mut Turn) {
    let mut parcels = Vec::new();
    shared.mesh().collect(ShardId(1), &mut parcels);
    parcels.iter().for_each(|parcel| shard.handle_mail(parcel, turn));
    shared.mesh().recycle(ShardId(1), &mut parcels);
}

/// Payloads of the PUBLISH packets for the topic `r`.
fn values_in(mut bytes: &[u8]) -> Vec<u64> {
    let mut values = Vec::new();
    while let [first, length, ..] = *bytes {
        let packet = bytes.split_off(..2 + usize::from(length)).expect("a whole packet");
        if first >> 4 == 3 {
            values.push(std::str::from_utf8(&packet[5..]).expect("digits").parse().expect("a number"));
        }
    }
    values
}
