//! Long queues of share groups: on disk, in order, once each, whoever takes them and whatever ends in between.

use crate::world::World;
use crate::world::device::{Device, all_leave, come_to_rest};
use crate::world::script::{Conversation, SHARDS, check_with, for_each_seed};
use midge_broker::{Options, QueueAges};
use std::cell::Cell;
use std::collections::BTreeMap;

/// Memory holds next to nothing of a queue, and a run two or three messages.
fn on_disk() -> Options {
    Options { queue_memory_bytes: 0, queue_run_bytes: 250, ..Options::default() }
}

fn lines(from: usize, to: usize, who: &str) -> String {
    let line = |number| format!("{who} t/{} qos={} m={number}\n", number % 3, 1 + number % 2);
    (from..to).map(line).collect()
}

#[test]
fn a_long_queue_of_a_group_is_on_disk_and_comes_in_order() {
    let big = "x".repeat(10_000);
    let interludes = [
        "",
        "server snapshots",
        "server sweeps",
        "server restarts",
        "server snapshots\nserver restarts\nserver restarts",
        "server sweeps\nserver restarts\nserver sweeps",
    ];
    for interlude in interludes {
        let back = if interlude.contains("restarts") { "p connects v311 clean" } else { "" };
        let returns = "s connects v5 session-expiry-interval=1000 session-present\n";
        let script = [
            "s connects v5 session-expiry-interval=1000\ns subscribes $share/g/t/+ qos=2\ns closes\n",
            "p connects v311 clean\n",
            &lines(0, 20, "p publishes"),
            &format!("p publishes t/big qos=1 m={big}\n{interlude}\n{back}\n"),
            &lines(20, 30, "p publishes"),
            &format!("{interlude}\n{back}\n{returns}"),
            &lines(0, 20, "s receives"),
            &format!("s receives t/big qos=1 m={big}\n"),
            &lines(20, 30, "s receives"),
            &format!("s< nothing\ns closes\n{interlude}\n{back}\n{returns}s< nothing\n"),
        ];
        check_with(on_disk(), &script.concat());
    }
}

#[test]
fn how_long_messages_waited_in_a_group_is_counted() {
    for (options, shards) in SHARDS.iter().flat_map(|shards| [(Options::default(), *shards), (on_disk(), *shards)]) {
        let script = [
            "s connects v5 session-expiry-interval=1000\ns subscribes $share/g/t/+ qos=1\ns closes\np connects v311 clean\n",
            &lines(0, 10, "p publishes"),
            "wait 6s\n",
            &lines(10, 20, "p publishes"),
            "wait 4s\ns connects v5 session-expiry-interval=1000 session-present\n",
            &(0..20).map(|number| format!("s receives t/{} qos=1 m={number}\n", number % 3)).collect::<String>(),
        ];
        let mut conversation = Conversation::new(World::new(options, shards, 1));
        conversation.play(&script.concat()).unwrap();
        let counted = |of: fn(&QueueAges) -> u64| conversation.world.count(|counters| of(&counters.queue_ages));
        let told = (counted(|ages| ages.counts.iter().sum()), counted(|ages| ages.sum_s));
        assert_eq!(told, (20, 10 * 10 + 10 * 4), "with {shards} shards");
    }
}

#[test]
fn what_a_member_takes_of_a_long_queue_another_goes_on_with() {
    for interlude in ["", "server snapshots", "server restarts\np connects v311 clean", "server sweeps"] {
        let script = [
            "a connects v5 session-expiry-interval=1000\na subscribes $share/g/t/+ qos=2\na closes\n",
            "b connects v5 session-expiry-interval=1000\nb subscribes $share/g/t/+ qos=2\nb closes\n",
            "p connects v311 clean\n",
            &lines(0, 20, "p publishes"),
            "a connects v5 session-expiry-interval=1000 receive-maximum=1 session-present\n",
            &lines(0, 7, "a receives"),
            "a closes\n",
            &format!("{interlude}\n"),
            "b connects v5 session-expiry-interval=1000 receive-maximum=1 session-present\n",
            // One was sent to the member that went, and stays with it.
            &lines(8, 20, "b receives"),
            "b< nothing\na connects v5 session-expiry-interval=1000 session-present\n",
            "a receives t/1 qos=2 dup m=7\na< nothing\n",
        ];
        check_with(Options { max_inflight_messages: 1, ..on_disk() }, &script.concat());
    }
}

/// The message had stood in a run: what is sent again must be found though the run is gone.
#[test]
fn an_exchange_that_began_out_of_a_run_goes_on() {
    check_with(
        on_disk(),
        &[
            "s connects v5 session-expiry-interval=1000\n",
            "s> SUBSCRIBE id=1 subscription-identifier=9 $share/g/t qos=2\ns< SUBACK id=1 0x02\ns closes\n",
            "p connects v311 clean\n",
            &"p publishes t qos=2 m=x\n".repeat(8),
            "p publishes t qos=1 m=y\nserver snapshots\n",
            "s connects v5 session-expiry-interval=1000 receive-maximum=2 session-present\n",
            &"s receives t qos=2 m=x subscription-identifier=9\n".repeat(6),
            "s< PUBLISH t qos=2 id={a} m=x subscription-identifier=9\n",
            "s< PUBLISH t qos=2 id={b} m=x subscription-identifier=9\n",
            "s> PUBREC id={a}\ns< PUBREL id={a}\nserver restarts\n",
            "s connects v5 session-expiry-interval=1000 session-present\n",
            "s< PUBREL id={a}\ns< PUBLISH t qos=2 id={b} dup m=x subscription-identifier=9\n",
            "s receives t qos=1 m=y subscription-identifier=9\nserver snapshots\nserver restarts\n",
            "s connects v5 session-expiry-interval=1000 session-present\n",
            "s< PUBREL id={a}\ns< PUBLISH t qos=2 id={b} dup m=x subscription-identifier=9\ns< nothing\n",
        ]
        .concat(),
    );
}

#[test]
fn expired_messages_on_disk_are_passed_over_and_what_is_full_is_full() {
    check_with(
        Options { max_queued_messages: 12, ..on_disk() },
        &[
            "s connects v5 session-expiry-interval=1000\ns subscribes $share/g/t qos=1\ns closes\n",
            "p connects v5 clean\n",
            &"p publishes t qos=1 m=old message-expiry-interval=10\n".repeat(10),
            "p publishes t qos=1 m=1\np publishes t qos=1 m=2\np publishes t qos=1 m=3\nwait 20s\n",
            "s connects v5 session-expiry-interval=1000 session-present\n",
            "s receives t qos=1 m=1\ns receives t qos=1 m=2\ns< nothing\n",
        ]
        .concat(),
    );
}

#[test]
fn a_group_nobody_comes_back_to_does_not_hold_the_log() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(on_disk(), shards, 0));
        let big = "x".repeat(10_000);
        let play = |conversation: &mut Conversation, script: &str| conversation.play(script).expect("as it says");
        for number in 0..4 {
            let script = format!("s{number} connects v311\ns{number} subscribes $share/{number}/t/+ qos=2\n");
            play(&mut conversation, &format!("{script}s{number} closes\n"));
        }
        play(&mut conversation, "p connects v311 clean\n");
        play(&mut conversation, &format!("p publishes t/big qos=2 m={big}\n"));
        play(&mut conversation, &lines(0, 10, "p publishes"));
        for _ in 0..3 {
            play(&mut conversation, &"p publishes u/1 qos=1 retain m=of no interest\n".repeat(100));
            play(&mut conversation, "server sweeps\n");
        }
        // The large message is there once.
        let log_bytes = conversation.world.log_bytes();
        assert!(log_bytes < 20_000, "the log has {log_bytes} bytes");
        play(&mut conversation, "server restarts\n");
        for number in 0..4 {
            play(&mut conversation, &format!("s{number} connects v311 session-present\n"));
            play(&mut conversation, &format!("s{number} receives t/big qos=2 m={big}\n"));
            play(&mut conversation, &lines(0, 10, &format!("s{number} receives")));
        }
    }
}

#[test]
fn memory_holds_only_the_ends_of_a_groups_long_queue() {
    let options = Options { max_queued_messages: 0, queue_memory_bytes: 10_000, ..on_disk() };
    let mut conversation = Conversation::new(World::new(options, 2, 0));
    let publish = "p publishes t qos=1 m=x\n".repeat(2000);
    let script = format!("s connects v311\ns subscribes $share/g/t qos=1\ns closes\np connects v311 clean\n{publish}");
    conversation.play(&script).expect("as it says");
    let groups = |conversation: &Conversation| {
        (conversation.world.shared.groups().queued(), conversation.world.shared.groups().memory_bytes())
    };
    let (queued, memory_bytes) = groups(&conversation);
    assert_eq!(queued, (2000, 4000));
    assert!(memory_bytes < 11_000, "{memory_bytes} bytes of memory");
    conversation.play("server snapshots\nserver restarts\n").expect("as it says");
    let (queued, memory_bytes) = groups(&conversation);
    assert_eq!(queued, (2000, 4000));
    assert!(memory_bytes < 11_000, "{memory_bytes} bytes of memory");
    conversation.play("s connects v311 session-present").expect("as it says");
    conversation.play(&"s receives t qos=1 m=x\n".repeat(2000)).expect("as it says");
    conversation.world.settle();
    assert_eq!(groups(&conversation), ((0, 0), 0));
}

/// Groups get new names at each start. Those of one that was broken off are not taken for others.
#[test]
fn groups_are_told_apart_after_a_start_that_was_broken_off() {
    let each = |line: &dyn Fn(usize) -> String| (0..12).map(line).collect::<String>();
    let come = |present: &str| each(&|number| format!("s{number} connects v311{present}\n"));
    let publish = |what: &str| each(&|number| format!("p publishes t/{number} qos=1 m={what}{number}\n").repeat(3));
    let receive =
        |what: &str| each(&|number| format!("s{number} receives t/{number} qos=1 m={what}{number}\n").repeat(3));
    let script = [
        come(""),
        each(&|number| format!("s{number} subscribes $share/g/t/{number} qos=1\ns{number} closes\n")),
        format!("p connects v311 clean\n{}server restarts in vain first\n", publish("a")),
        format!("p connects v311 clean\n{}server restarts in vain first\n", publish("b")),
        format!("{}{}{}", come(" session-present"), receive("a"), receive("b")),
        each(&|number| format!("s{number}< nothing\n")),
    ];
    check_with(Options { queue_run_bytes: 1000, ..on_disk() }, &script.concat());
}

/// Members on all shards come, go and are cut; the server is killed, takes snapshots and sweeps the log. Each message
/// arrives, at QoS 2 once.
#[test]
fn nothing_of_a_long_queue_is_lost_or_doubled() {
    let most_on_disk = Cell::new(0);
    for_each_seed(300, |shards, seed, mut random| {
        let options = Options {
            max_queued_messages: 0,
            max_inflight_messages: *random.pick(&[1, 3, 20]),
            queue_memory_bytes: *random.pick(&[0, 500]),
            queue_run_bytes: *random.pick(&[100, 300, 1000]),
            ..Options::default()
        };
        let mut world = World::new(options, shards, seed);
        let of = |(name, connect): (&str, &str)| Device::new(name, connect);
        let lasting = "v5 session-expiry-interval=100000";
        let narrow = "v5 session-expiry-interval=100000 receive-maximum=1";
        let mut devices: Vec<Device> =
            [("p", "v311"), ("a", lasting), ("b", "v311"), ("c", narrow), ("d", lasting)].map(of).into();
        come_to_rest(&mut world, &mut devices);
        devices[1..].iter_mut().for_each(|device| device.subscribe(&mut world, "$share/g/t/+ qos=2"));
        come_to_rest(&mut world, &mut devices);
        let mut published = [0; 3];
        let is_killed = random.one_in(2);
        for _ in 0..300 {
            if random.one_in(20) {
                world.snapshot();
                if is_killed && random.one_in(2) {
                    world.restart_with_any_shards(0);
                    devices.iter_mut().for_each(|device| device.cut(&mut world));
                }
            }
            let at = random.below(devices.len());
            let device = &mut devices[at];
            device.receive(&mut world);
            match (at, random.below(12)) {
                (0, 0) => device.cut(&mut world),
                (0, _) if device.can_publish() => {
                    for _ in 0..=random.below(8) {
                        let qos = 1 + random.below(2);
                        published[qos] += 1;
                        let width = if random.one_in(30) { 9000 } else { 1 };
                        let number = published[qos];
                        device.publish(&mut world, &format!("t/{qos} qos={qos} m={number:0>width$}"));
                        if !device.can_publish() {
                            break;
                        }
                    }
                }
                (0, _) if !device.is_connected() => device.connect(&mut world),
                (_, 0..3) if device.is_connected() => {
                    if random.one_in(2) {
                        device.cut(&mut world)
                    } else {
                        device.disconnect(&mut world)
                    }
                }
                (_, 3) if !device.is_connected() => device.connect(&mut world),
                _ => device.answer(&mut world, random.below(4)),
            }
            world.run(random.below(5));
            let (messages, _) = world.shared.groups().queued();
            most_on_disk
                .set(most_on_disk.get().max(messages.saturating_sub(world.shared.groups().memory_bytes() / 66)));
        }
        come_to_rest(&mut world, &mut devices);
        let mut counts: BTreeMap<(u8, usize), usize> = BTreeMap::new();
        for delivery in devices.iter().flat_map(|device| &device.received) {
            let number = delivery.payload.parse().expect("a number");
            *counts.entry((delivery.topic.as_bytes()[2] - b'0', number)).or_default() += 1;
        }
        for qos in [1, 2] {
            let missing: Vec<_> = (1..=published[qos]).filter(|it| !counts.contains_key(&(qos as u8, *it))).collect();
            assert_eq!(missing, [], "QoS {qos} messages that are lost");
        }
        let doubled: Vec<_> = counts.iter().filter(|((qos, _), count)| *qos == 2 && **count > 1).collect();
        assert_eq!(doubled, [], "QoS 2 messages that arrived twice");
        all_leave(&mut world, devices);
    });
    assert!(most_on_disk.get() > 20, "{} messages were on disk at most", most_on_disk.get());
}
