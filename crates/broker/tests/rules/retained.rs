//! Retained Messages: kept, replaced, cleared, expired; replayed to new Subscriptions in order with live ones.

use crate::world::World;
use crate::world::device::{Delivery, Device, all_leave, come_to_rest};
use crate::world::script::{check, check_versions, check_with, for_each_seed};
use midge_broker::Options;
use midge_choices::Random;
use midge_codec::QoS;
use std::collections::BTreeMap;

#[test]
fn kept_replaced_and_cleared() {
    check_versions(
        &["v31", "v311", "v5"],
        r"
        p connects vX clean
        p publishes a retain qos=1 m=1
        p publishes a m=not-retained
        s connects vX clean
        s subscribes a qos=1
        s receives a qos=1 retain m=1
        p publishes a retain qos=1 m=2
        s receives a qos=1 m=2
        t connects vX clean
        t subscribes a
        t receives a retain m=2
        p publishes a retain
        s receives a
        u connects vX clean
        u subscribes a
        u< nothing
        # Every SUBSCRIBE asks again, a resumed Session does not.
        p publishes a retain m=3
        s receives a m=3
        s subscribes a qos=1
        s receives a retain m=3
        ",
    );
    check(
        r"
        p connects v311 clean
        p publishes a retain m=1
        s connects v311
        s subscribes a
        s receives a retain m=1
        s closes
        s connects v311 session-present
        s< nothing
        ",
    );
}

#[test]
fn retain_handling_says_when_they_are_sent() {
    check(
        r"
        p connects v311 clean
        p publishes a retain m=x
        s connects v5 clean
        s subscribes a retain-handling=2
        s< nothing
        s subscribes a retain-handling=1
        s< nothing
        s subscribes a retain-handling=0
        s receives a retain m=x
        s subscribes a retain-handling=0
        s receives a retain m=x
        s subscribes + retain-handling=1
        s receives a retain m=x
        s subscribes + retain-handling=1
        s< nothing
        s> UNSUBSCRIBE id=1 +
        s< UNSUBACK id=1 0x00
        s subscribes + retain-handling=1
        s receives a retain m=x
        # A Shared Subscription is sent none.
        s subscribes $share/g/a
        s< nothing
        ",
    );
}

#[test]
fn they_carry_the_identifier_of_the_subscription_that_asked_and_their_own_qos_at_most() {
    check(
        r"
        p connects v311 clean
        p publishes a/b qos=1 retain m=x
        s connects v5 clean
        s> SUBSCRIBE id=1 subscription-identifier=5 a/+ qos=2 a/b qos=0
        s< SUBACK id=1 0x02 0x00
        s< PUBLISH a/b qos=1 id=1 retain m=x subscription-identifier=5
        s< PUBLISH a/b retain m=x subscription-identifier=5
        s< nothing
        ",
    );
}

#[test]
fn expired_ones_do_not_stay_in_memory() {
    let mut world = World::new(Options { retain_expiry_interval_s: Some(10), ..Options::default() }, 2, 1);
    for number in 0..5_000 {
        world.publish(&format!("a/{number}"), b"1", QoS::AtMostOnce, true);
    }
    assert_eq!(world.shared.retained().len(), 5_000);
    world.wait(12_000);
    assert_eq!(world.shared.retained().len(), 0);
}

#[test]
fn they_expire_and_count_down() {
    check(
        r"
        p connects v5
        p publishes a retain m=1 message-expiry-interval=100
        p publishes b retain m=2 message-expiry-interval=20
        p publishes c retain m=3
        wait 30s
        s connects v5 clean
        s subscribes a b c
        s receives a retain m=1 message-expiry-interval=70
        s receives c retain m=3
        s< nothing
        ",
    );
    check_with(
        Options { retain_expiry_interval_s: Some(60), ..Options::default() },
        r"
        p connects v5
        p publishes a retain m=1 message-expiry-interval=100
        p publishes b retain m=2 message-expiry-interval=20
        p publishes c retain m=3
        wait 10s
        s connects v5 clean
        s subscribes a b c
        s receives a retain m=1 message-expiry-interval=50
        s receives b retain m=2 message-expiry-interval=10
        s receives c retain m=3 message-expiry-interval=50
        wait 51s
        t connects v5 clean
        t subscribes #
        t< nothing
        ",
    );
}

/// A replay waits for the client's acknowledgements; meanwhile what it has fetched is replaced.
#[test]
fn a_value_that_was_replaced_while_its_replay_waited_is_not_sent() {
    check(
        r"
        p connects v311
        p publishes r/1 qos=1 retain m=1
        p publishes r/2 qos=1 retain m=1
        p publishes r/3 qos=1 retain m=1
        s connects v5 clean receive-maximum=1
        s subscribes r/+ qos=1 retain-handling=0
        s< PUBLISH {first} qos=1 id=1 retain m=1
        p publishes r/1 retain m=2
        p publishes r/2 retain m=2
        p publishes r/3 retain m=2
        s< PUBLISH r/1 m=2
        s< PUBLISH r/2 m=2
        s< PUBLISH r/3 m=2
        s> PUBACK id=1
        s< nothing
        ",
    );
}

/// What is retained while a Subscription is made comes by the replay or live, whichever shard wrote it and whenever its mail
/// arrives: no value twice, none missing after the first, no older one after a newer one, and the last one is the last.
#[test]
fn replays_and_live_writes_are_in_one_order() {
    for_each_seed(100, |shards, seed, mut random| {
        let mut world = World::new(Options { max_queued_messages: 0, ..Options::default() }, shards, seed);
        let topics = if random.one_in(10) { 400 } else { 3 };
        let mut writes: Vec<Vec<bool>> = vec![Vec::new(); topics];
        if topics > 3 || random.one_in(2) {
            for (topic, values) in writes.iter_mut().enumerate() {
                values.push(true);
                world.publish(&format!("r/{topic}"), b"1", QoS::AtLeastOnce, true);
            }
        }
        let publisher = |number: usize| Device::new(&format!("p{number}"), "v311");
        let subscriber = |number: usize| {
            let connect = ["v311", "v5 receive-maximum=1", "v5 receive-maximum=3"][number % 3];
            Device::new(&format!("s{number}"), connect)
        };
        let mut devices: Vec<Device> = (0..3).map(publisher).chain((0..5).map(subscriber)).collect();
        come_to_rest(&mut world, &mut devices);
        let mut subscribed = [false; 5];
        for _ in 0..200 {
            write_or_subscribe(&mut random, &mut world, &mut devices, &mut writes, &mut subscribed);
            world.run(random.below(6));
        }
        come_to_rest(&mut world, &mut devices);
        for (device, _) in devices[3..].iter().zip(subscribed).filter(|it| it.1) {
            check_replay(device, &writes);
        }
        all_leave(&mut world, devices);
    });
}

fn write_or_subscribe(
    random: &mut Random,
    world: &mut World,
    devices: &mut [Device],
    writes: &mut [Vec<bool>],
    subscribed: &mut [bool; 5],
) {
    let at = random.below(devices.len());
    let device = &mut devices[at];
    device.receive(world);
    match at {
        // Each topic has one publisher, so that the order of its values is known.
        0..3 if device.can_publish() => {
            let topic = at + 3 * random.below(writes.len().div_ceil(3));
            let Some(values) = writes.get_mut(topic) else { return };
            let clears = values.last() == Some(&true) && random.one_in(5);
            values.push(!clears);
            let payload = if clears { String::new() } else { format!("m={}", values.len()) };
            device.publish(world, &format!("r/{topic} qos=1 retain {payload}"));
        }
        3.. if !subscribed[at - 3] && random.one_in(8) => {
            subscribed[at - 3] = true;
            let filter = random.pick(&["r/+", "r/#", "#"]);
            device.subscribe(world, &format!("{filter} qos={}", random.below(2)));
        }
        3.. => device.answer(world, random.below(3)),
        _ => {}
    }
}

/// `writes`: by topic, whether each write kept a value (its number, from 1) or cleared it.
fn check_replay(device: &Device, writes: &[Vec<bool>]) {
    let mut by_topic: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
    device.received.iter().for_each(|it| by_topic.entry(&it.topic).or_default().push(it));
    for (topic, values) in writes.iter().enumerate() {
        let topic = format!("r/{topic}");
        let got = by_topic.get(&*topic).map_or(&[][..], Vec::as_slice);
        let shown: Vec<_> =
            got.iter().map(|it| format!("{}{}", it.payload, if it.is_retained { "(R)" } else { "" })).collect();
        let context = format!("{} got of {topic}: {}; written: {values:?}", device.name, shown.join(" "));
        // The number of the write that each message is of; a clearing one is known by what follows it.
        let mut next = None;
        for (at, message) in got.iter().enumerate() {
            assert!(at == 0 || !message.is_retained, "a replay after something live: {context}");
            let number = match (message.payload.parse::<usize>(), next) {
                (Ok(number), _) => Some(number),
                (Err(_), Some(next)) => Some(next),
                (Err(_), None) => None,
            };
            assert!(next.is_none() || number == next, "twice, missing or out of order: {context}");
            if let Some(number) = number {
                assert_eq!(values[number - 1], !message.payload.is_empty(), "{context}");
            }
            next = number.map(|number| number + 1);
        }
        match values.last() {
            Some(true) => assert_eq!(next, Some(values.len() + 1), "the last value is missing: {context}"),
            _ => assert!(next.is_none_or(|next| next == values.len() + 1), "{context}"),
        }
    }
}
