//! Shared Subscriptions: who of a group gets a message, and what becomes of it when members come and go.

use crate::world::World;
use crate::world::device::{Device, all_leave, come_to_rest};
use crate::world::script::{Conversation, SHARDS, check, check_with, for_each_seed};
use midge_broker::Options;
use std::collections::BTreeMap;

#[test]
fn each_message_goes_to_one_member_and_to_everybody_else_who_subscribed() {
    check(
        r"
        a connects v5 clean
        a> SUBSCRIBE id=1 subscription-identifier=3 $share/g/t/+ qos=1
        a< SUBACK id=1 0x01
        o connects v311 clean
        o subscribes $share/h/t/1 t/#
        p connects v311 clean
        p publishes t/1 qos=2 m=1
        a receives t/1 qos=1 m=1 subscription-identifier=3
        o receives t/1 m=1
        o receives t/1 m=1
        a< nothing
        o< nothing
        # With the last member the group is gone.
        a> UNSUBSCRIBE id=2 $share/g/t/+
        a< UNSUBACK id=2 0x00
        o> UNSUBSCRIBE id=2 $share/h/t/1 t/#
        o< UNSUBACK id=2
        p publishes t/1 m=2
        a< nothing
        ",
    );
}

/// Members on any shard take turns.
#[test]
fn distribution_is_even() {
    for shards in SHARDS {
        for qos in 0..3 {
            let mut world = World::new(Options::default(), shards, 7);
            let mut devices: Vec<Device> =
                (0..5).map(|number| Device::new(&format!("m{number}"), "v5 clean")).collect();
            come_to_rest(&mut world, &mut devices);
            devices[1..].iter_mut().for_each(|member| member.subscribe(&mut world, &format!("$share/g/t qos={qos}")));
            come_to_rest(&mut world, &mut devices);
            for _ in 0..40 {
                devices[0].publish(&mut world, &format!("t qos={qos} m=x"));
                come_to_rest(&mut world, &mut devices);
            }
            let counts: Vec<usize> = devices[1..].iter().map(|member| member.received.len()).collect();
            assert_eq!(counts, [10; 4], "with shards: {shards}, QoS {qos}");
            all_leave(&mut world, devices);
        }
    }
}

#[test]
fn a_member_that_is_full_or_away_or_does_not_read_is_passed_over() {
    check(
        r"
        a connects v5 receive-maximum=1 session-expiry-interval=100
        a subscribes $share/g/t qos=1
        b connects v311
        b subscribes $share/g/t qos=1
        p connects v311
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        p publishes t qos=1 m=3
        p publishes t qos=1 m=4
        a< PUBLISH t qos=1 id=1 m=1
        b receives t qos=1 m=2
        b receives t qos=1 m=3
        b receives t qos=1 m=4
        a> PUBACK id=1
        b congested
        p publishes t qos=1 m=5
        a receives t qos=1 m=5
        p publishes t m=6
        a receives t m=6
        p publishes t m=7
        a receives t m=7
        b drained
        b closes
        p publishes t qos=1 m=8
        a receives t qos=1 m=8
        p publishes t m=9
        a receives t m=9
        # Nobody: what may wait waits.
        a closes
        p publishes t m=10
        p publishes t qos=1 m=11
        p publishes t qos=2 m=12
        b connects v311 session-present
        b receives t qos=1 m=11
        b receives t qos=1 m=12
        b< nothing
        ",
    );
}

#[test]
fn what_a_member_had_not_begun_goes_to_others_when_it_leaves() {
    check_with(
        Options { max_inflight_messages: 2, ..Options::default() },
        r"
        a connects v311
        a subscribes $share/g/t qos=1 own qos=1
        p connects v311
        p publishes own qos=1 m=o1
        p publishes own qos=1 m=o2
        # Its window is full with other things: what the group gives it waits in its own queue.
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        p publishes t qos=1 m=3
        b connects v311
        b subscribes $share/g/t qos=1
        b receives t qos=1 m=3
        b< nothing
        a closes
        b receives t qos=1 m=1
        b receives t qos=1 m=2
        b< nothing
        a connects v311 session-present
        a< PUBLISH own qos=1 id=1 dup m=o1
        a< PUBLISH own qos=1 id=2 dup m=o2
        a< nothing
        ",
    );
}

#[test]
fn a_sessions_end_returns_qos_1_and_ends_qos_2_that_was_begun() {
    check(
        r"
        a connects v5 clean
        a subscribes $share/g/t qos=2
        p connects v311
        p publishes t qos=1 m=1
        p publishes t qos=2 m=2
        p publishes t qos=1 m=3
        a< PUBLISH t qos=1 id=1 m=1
        a< PUBLISH t qos=2 id=2 m=2
        a< PUBLISH t qos=1 id=3 m=3
        b connects v311
        b subscribes $share/g/t qos=2
        a> PUBACK id=1
        a closes
        b receives t qos=1 m=3
        b< nothing
        # A Session that stays keeps what it has begun.
        p publishes t qos=1 m=4
        p publishes t qos=2 m=5
        b< PUBLISH t qos=1 id=? m=4
        b< PUBLISH t qos=2 id=? m=5
        c connects v311
        c subscribes $share/g/t qos=2
        b closes
        c< nothing
        b connects v311 session-present
        b receives t qos=1 dup m=4
        b receives t qos=2 dup m=5
        c< nothing
        ",
    );
}

/// Who unsubscribes finishes what was begun; if its Session ends before that, others get it.
#[test]
fn after_unsubscribe_what_was_begun_is_still_the_groups() {
    check(
        r"
        a connects v5 clean
        a subscribes $share/g/t qos=1
        b connects v311
        p connects v311
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        a< PUBLISH t qos=1 id=1 m=1
        a< PUBLISH t qos=1 id=2 m=2
        b subscribes $share/g/t qos=1
        a> UNSUBSCRIBE id=9 $share/g/t
        a< UNSUBACK id=9 0x00
        a> PUBACK id=1
        b< nothing
        a closes
        b receives t qos=1 m=2
        b< nothing
        ",
    );
}

/// Found as seed 107600 of the random histories below: what the group had given was still on its way to the member's shard.
#[test]
fn what_arrives_for_a_member_that_has_left_goes_back_to_the_group() {
    check_with(
        Options { max_inflight_messages: 1, ..Options::default() },
        r"
        a connects v5 clean
        a subscribes $share/g/t qos=1 own qos=1
        b connects v311
        b subscribes $share/g/t qos=1
        b congested
        p connects v311
        p publishes own qos=1 m=1
        p>> PUBLISH t qos=1 id=1 m=2
        a>> UNSUBSCRIBE id=1 $share/g/t
        a< PUBLISH own qos=1 id=1 m=1
        a< UNSUBACK id=1 0x00
        a closes
        b drained
        b receives t qos=1 m=2
        b< nothing
        ",
    );
}

/// The same, one after the other: they come back one by one, each of a letter of its own.
#[test]
fn what_arrives_for_a_member_that_has_left_keeps_its_order() {
    for b in ["v311", "v311 clean"] {
        let script = r"
            a connects v5 clean
            a subscribes $share/g/t qos=1 own qos=1
            b connects VERSION
            b subscribes $share/g/t qos=1
            b congested
            p connects v311
            p publishes own qos=1 m=o1
            p publishes own qos=1 m=o2
            p publishes own qos=1 m=o3
            p>> PUBLISH t qos=1 id=1 m=1
            p>> PUBLISH t qos=1 id=2 m=2
            p>> PUBLISH t qos=1 id=3 m=3
            p>> PUBLISH t qos=1 id=4 m=4
            a>> UNSUBSCRIBE id=1 $share/g/t
            a< PUBLISH own qos=1 id=1 m=o1
            a< PUBLISH own qos=1 id=2 m=o2
            a< PUBLISH own qos=1 id=3 m=o3
            a< UNSUBACK id=1 0x00
            a closes
            b drained
            b receives t qos=1 m=1
            b receives t qos=1 m=2
            b receives t qos=1 m=3
            b receives t qos=1 m=4
            b< nothing
        ";
        check_with(Options { max_inflight_messages: 3, ..Options::default() }, &script.replace("VERSION", b));
    }
}

#[test]
fn a_refused_message_is_discarded() {
    check(
        r"
        a connects v5 clean
        a subscribes $share/g/t qos=2
        b connects v5 clean
        p connects v311
        p publishes t qos=1 m=1
        p publishes t qos=2 m=2
        b subscribes $share/g/t qos=2
        a< PUBLISH t qos=1 id=1 m=1
        a< PUBLISH t qos=2 id=2 m=2
        a> PUBACK id=1 0x80
        a> PUBREC id=2 0x97
        b< nothing
        a closes
        b< nothing
        ",
    );
}

/// A member whose own queue is full is full; the others get the messages.
#[test]
fn a_member_with_a_full_queue_loses_nothing_of_the_groups() {
    check_with(
        Options { max_inflight_messages: 1, max_queued_messages: 2, ..Options::default() },
        r"
        a connects v311
        a subscribes own qos=1 $share/g/t qos=1
        p connects v311
        p publishes own qos=1 m=1
        p publishes own qos=1 m=2
        p publishes own qos=1 m=3
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        p publishes t qos=1 m=3
        b connects v311
        b subscribes $share/g/t qos=1
        b receives t qos=1 m=2
        b receives t qos=1 m=3
        a closes
        b receives t qos=1 m=1
        b< nothing
        ",
    );
}

/// A hundred thousand messages that are too large for the only member: discarded one after the other, not one inside the
/// other, which would need a stack of any size.
#[test]
fn a_long_queue_of_messages_too_large_for_a_member_is_discarded() {
    let options = Options { max_queued_messages: 0, ..Options::default() };
    let mut conversation = Conversation::new(World::new(options, 1, 1));
    conversation
        .play("a connects v5 session-expiry-interval=100\na subscribes $share/g/t qos=1\na closes\np connects v311")
        .unwrap();
    let p = conversation.link("p");
    let message: Vec<u8> = [&[0x32, 45, 0, 1, b't', 0, 1][..], &[b'x'; 40]].concat();
    for number in 0..200_000 {
        conversation.world.send(p, &message);
        if number % 10_000 == 0 {
            // The log takes what there is; too much at once would have the publisher wait.
            conversation.world.settle();
        }
    }
    conversation.world.settle();
    conversation.world.received(p).clear();
    assert_eq!(conversation.world.shared.groups().queued().0, 200_000);
    conversation
        .play("a connects v5 session-expiry-interval=100 maximum-packet-size=30 session-present\na< nothing")
        .unwrap();
    assert_eq!(conversation.world.shared.groups().queued().0, 0);
    conversation.everybody_leaves().unwrap();
}

/// The queue of the group has the bounds of a Session's.
#[test]
fn a_group_without_ready_members_keeps_the_oldest() {
    check_with(
        Options { max_queued_messages: 2, ..Options::default() },
        r"
        a connects v5 session-expiry-interval=100
        a subscribes $share/g/t qos=1
        a closes
        p connects v5
        p publishes t qos=1 m=1 message-expiry-interval=10
        p publishes t qos=1 m=2 message-expiry-interval=100
        p publishes t qos=1 m=3
        wait 20s
        a connects v5 session-expiry-interval=100 session-present
        a< PUBLISH t qos=1 id=1 m=2 message-expiry-interval=80
        a< nothing
        ",
    );
}

/// Members come, go and are cut while messages arrive. As long as somebody keeps the group: each message arrives; QoS 2
/// ones not twice, QoS 1 ones again only where a member went with it unacknowledged.
#[test]
fn nothing_is_lost_or_doubled_while_members_come_and_go() {
    for_each_seed(150, |shards, seed, mut random| {
        let options = Options { max_queued_messages: 0, max_inflight_messages: 5, ..Options::default() };
        let mut world = World::new(options, shards, seed);
        // p publishes; k keeps the group and its Session; the Sessions of w end with their connections, that of v does not.
        let of = |(name, connect): (&str, &str)| Device::new(name, connect);
        let lasting = "v5 session-expiry-interval=1000";
        let mut devices: Vec<Device> =
            [("p", "v311"), ("k", lasting), ("v", "v311"), ("w1", "v5"), ("w2", "v311 clean")].map(of).into();
        come_to_rest(&mut world, &mut devices);
        devices[1].subscribe(&mut world, "$share/g/t/+ qos=2");
        devices[2].subscribe(&mut world, "$share/g/t/+ qos=2");
        come_to_rest(&mut world, &mut devices);
        let mut published = [0; 3];
        let mut ends = 0;
        for _ in 0..300 {
            let at = random.below(devices.len());
            let device = &mut devices[at];
            device.receive(&mut world);
            match (at, random.below(12)) {
                (0, 0) => device.cut(&mut world),
                (0, _) if device.can_publish() => {
                    let qos = 1 + random.below(2);
                    published[qos] += 1;
                    device.publish(&mut world, &format!("t/{qos} qos={qos} m={}", published[qos]));
                }
                (_, 0) if device.is_connected() => {
                    ends += usize::from(at >= 3);
                    if random.one_in(2) { device.cut(&mut world) } else { device.disconnect(&mut world) }
                }
                (3.., 1 | 2) if device.is_accepted() => device.subscribe(&mut world, "$share/g/t/+ qos=2"),
                (3.., 3) if device.is_accepted() => device.unsubscribe(&mut world, "$share/g/t/+"),
                (_, _) if !device.is_connected() => device.connect(&mut world),
                _ => device.answer(&mut world, random.below(4)),
            }
            world.run(random.below(5));
        }
        come_to_rest(&mut world, &mut devices);
        let mut counts: BTreeMap<(u8, usize), usize> = BTreeMap::new();
        for delivery in devices.iter().flat_map(|device| &device.received) {
            let number = delivery.payload.parse().expect("a number");
            *counts.entry((delivery.topic.as_bytes()[2] - b'0', number)).or_default() += 1;
        }
        for number in 1..=published[1] {
            assert!(counts.contains_key(&(1, number)), "QoS 1 message {number} is lost");
        }
        let missing = (1..=published[2]).filter(|number| !counts.contains_key(&(2, *number))).count();
        // With a Session ends what it had begun and not yet looked at, at most its Receive Maximum.
        assert!(missing <= ends * 5, "{missing} QoS 2 messages are lost with {ends} Sessions");
        assert!(ends > 0 || missing == 0);
        let doubled: Vec<_> = counts.iter().filter(|((qos, _), count)| *qos == 2 && **count > 1).collect();
        assert_eq!(doubled, [], "QoS 2 messages that arrived twice");
        all_leave(&mut world, devices);
    });
}
