//! Who gets what of a group, and what stays behind.

use super::*;
use crate::message::{Message, MessageParts};
use midge_codec::QoS;

const TERMS: Terms = Terms { upgrade: false, now_s: 0 };
const FREE: QueueBounds = QueueBounds { messages: 2, bytes: 0 };

fn member(slot: u32, credit: u16) -> Member {
    let receiver = Receiver::new(slot, 1, ReceiverOptions::with_qos(1));
    Member { shard: ShardId(0), receiver, identifier: 0, credit, ready: true }
}

fn message(payload: &[u8]) -> Message {
    Message::new(&MessageParts {
        topic: "t",
        properties: &[],
        payload,
        qos: QoS::AtLeastOnce,
        retain: false,
        received_s: 0,
        received_ns: 0,
        expiry_interval_s: None,
    })
}

fn offer(groups: &Groups, id: GroupId, payload: &[u8]) -> Option<u32> {
    match groups.offer(id, QoS::AtLeastOnce, TERMS, FREE, || message(payload)) {
        Offer::To(member, _) => Some(member.receiver.slot),
        Offer::Queued { .. } => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn members_take_turns_and_one_without_credit_is_passed_over() {
    let (groups, router) = (Groups::new(1), Router::new(1));
    let id = groups.join(&router, "$share/g/t", "t", member(1, 1), |_| {});
    assert_eq!(groups.join(&router, "$share/g/t", "t", member(2, 3), |_| {}), id);
    assert_eq!([offer(&groups, id, b"1"), offer(&groups, id, b"2")], [Some(1), Some(2)]);
    assert_eq!([offer(&groups, id, b"3"), offer(&groups, id, b"4")], [Some(2), Some(2)]);
    assert_eq!(offer(&groups, id, b"5"), None, "nobody has credit: it waits");
    groups.credit(id, ShardId(0), member(1, 0).receiver);
    let pulled = groups.pull(id, ShardId(0), member(1, 0).receiver, TERMS);
    assert_eq!(pulled.given[0].message.payload(), b"5");
}

#[test]
fn what_is_given_back_goes_to_others_before_what_is_newer() {
    let (groups, router) = (Groups::new(1), Router::new(1));
    let id = groups.join(&router, "$share/g/t", "t", member(1, 1), |_| {});
    groups.join(&router, "$share/g/t", "t", member(2, 1), |_| {});
    for payload in [b"1", b"2", b"3"] {
        offer(&groups, id, payload);
    }
    groups.leave(&router, id, ShardId(0), member(1, 0).receiver);
    groups.credit(id, ShardId(0), member(2, 0).receiver);
    let given = groups.give_back(id, vec![message(b"1")], TERMS).expect("the group lives").given;
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].message.payload(), given[0].member.receiver.slot), (&b"1"[..], 2));
}

/// How long each of these had waited that member 1 pulls at this second.
fn pull_at(groups: &Groups, id: GroupId, now_s: u64) -> Option<u64> {
    groups.pull(id, ShardId(0), member(1, 0).receiver, Terms { now_s, ..TERMS }).given.pop()?.waited_s
}

#[test]
fn it_is_known_how_long_messages_waited_and_those_that_came_back_since_then() {
    let (groups, router) = (Groups::new(1), Router::new(1));
    let id = groups.join(&router, "$share/g/t", "t", member(1, 0), |_| {});
    let bounds = QueueBounds { messages: 0, bytes: 0 };
    for now_s in [10, 10, 13, 20] {
        groups.offer(id, QoS::AtLeastOnce, Terms { now_s, ..TERMS }, bounds, || message(b"x"));
    }
    groups.set_ready(id, ShardId(0), member(1, 0).receiver, true, Some(2));
    assert_eq!([pull_at(&groups, id, 30), pull_at(&groups, id, 31)], [Some(20), Some(21)]);
    // Nobody has credit: the second one waits again.
    groups.give_back(id, vec![message(b"x")], Terms { now_s: 40, ..TERMS });
    groups.set_ready(id, ShardId(0), member(1, 0).receiver, true, Some(9));
    assert_eq!([50, 50, 50].map(|now_s| pull_at(&groups, id, now_s)), [Some(10), Some(37), Some(30)]);
}

#[test]
fn the_group_ends_with_its_last_member() {
    let (groups, router) = (Groups::new(1), Router::new(1));
    let first = groups.join(&router, "$share/g/t", "t", member(1, 0), |_| {});
    let second = groups.join(&router, "$share/h/t", "t", member(1, 0), |_| {});
    offer(&groups, first, b"1");
    assert_eq!(groups.leave(&router, first, ShardId(0), member(1, 0).receiver).messages, 1);
    assert!(matches!(groups.offer(first, QoS::AtLeastOnce, TERMS, FREE, || message(b"")), Offer::Gone));
    let left = groups.leave(&router, second, ShardId(0), member(1, 0).receiver);
    assert_eq!(left, Left::default(), "its place was kept right");
    assert_eq!(router.find("t"), None);
}
