//! A log without room: what would have to be kept is refused or waits, what makes room goes on, and with room everything does.

use crate::world::World;
use crate::world::script::{Conversation, check, check_with};
use midge_broker::Options;

#[test]
fn without_room_for_messages_only_those_are_refused_that_would_be_kept() {
    check(
        r"
        s connects v5 clean
        s subscribes a qos=1
        s subscribes b qos=1
        k connects v5 session-expiry-interval=1000
        k subscribes a qos=1
        p connects v5
        p publishes r retain m=x
        server has no room for messages
        p> PUBLISH a qos=1 id=1 m=1
        p< PUBACK id=1 0x97
        p> PUBLISH a qos=2 id=2 m=2
        p< PUBREC id=2 0x97
        p publishes r retain m=y
        p publishes a m=3
        p publishes b qos=1 m=3
        s receives a m=3
        k receives a m=3
        s receives b qos=1 m=3
        s< nothing
        s subscribes r
        s receives r retain m=x
        n connects v5 session-expiry-interval=1000
        n subscribes a qos=1
        p publishes r retain
        s receives r
        server has room
        p publishes a qos=1 m=4
        s receives a qos=1 m=4
        k receives a qos=1 m=4
        n receives a qos=1 m=4
        m connects v5 clean
        m subscribes r
        m< nothing
        ",
    );
}

/// A client that is known may come back and subscribe again to what it has: most do that each time they connect.
#[test]
fn without_any_room_nothing_is_begun_that_would_last() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s subscribes a qos=1
        s closes
        server has no room
        s connects v5 session-expiry-interval=1000 session-present
        s subscribes a qos=1
        s> SUBSCRIBE id=7 b qos=1 & SUBSCRIBE id=8 $share/g/t qos=1
        s< SUBACK id=7 0x97
        s< SUBACK id=8 0x97
        n> CONNECT v5 session-expiry-interval=1000
        n< CONNACK 0x97
        n< closed
        n> CONNECT v311
        n< CONNACK 0x03
        n< closed
        w> CONNECT v5 clean will=w will.m=x
        w< CONNACK 0x97
        w< closed
        c connects v5 clean
        c subscribes a qos=1
        c publishes a m=0
        c receives a m=0
        s receives a m=0
        server has room
        s subscribes b qos=1
        n connects v311
        n publishes b qos=1 m=1
        s receives b qos=1 m=1
        ",
    );
}

/// Who would wait for what cannot be written is told so: to clients that are known, too, nothing can be promised.
#[test]
fn without_a_byte_nobody_waits_for_an_answer() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s subscribes a qos=1
        s closes
        server has not a byte
        s> CONNECT v5 session-expiry-interval=1000
        s< CONNACK 0x97
        s< closed
        s> CONNECT v5 clean
        s< CONNACK 0x97
        s< closed
        c connects v5 clean
        c subscribes b
        p connects v5 clean
        p publishes b m=x
        c receives b m=x
        server has room
        s connects v5 session-expiry-interval=1000 session-present
        p publishes a qos=1 m=y
        s receives a qos=1 m=y
        ",
    );
}

#[test]
fn without_any_room_what_would_be_written_again_waits_for_it() {
    let options = Options { queue_memory_bytes: 0, queue_run_bytes: 250, ..Options::default() };
    let publish: String = (0..20).map(|number| format!("p publishes t/{number} qos=2 m={number}\n")).collect();
    let receive: String = (0..20).map(|number| format!("s receives t/{number} qos=2 m={number}\n")).collect();
    let mut conversation = Conversation::new(World::new(options, 2, 0));
    let mut play = |script: &str| {
        conversation.play(script).expect("as it says");
        conversation.world.settle();
        conversation.world.gauges().messages_on_disk
    };
    play("s connects v311\ns subscribes t/+ qos=2\ns closes\np connects v311 clean");
    let on_disk = play(&publish);
    assert!(on_disk > 10);
    let still_on_disk = play("server has no room\ns connects v311 session-present");
    assert!(still_on_disk + 5 > on_disk, "{still_on_disk} of {on_disk}");
    assert_eq!(play("server has room"), 0);
    play(&receive);
    play("s< nothing");
}

/// One message for many who are away is as many copies when their queues become runs: more than the log can write at once.
#[test]
fn publishers_wait_while_runs_are_due() {
    const AWAY: usize = 100;
    const MESSAGES: usize = 60;
    let options = Options { queue_memory_bytes: 0, max_queued_messages: 0, ..Options::default() };
    let mut conversation = Conversation::new(World::new(options, 2, 0));
    for number in 0..AWAY {
        let away = format!(
            "s{number} connects v5 session-expiry-interval=1000\ns{number} subscribes t qos=1\ns{number} closes"
        );
        conversation.play(&away).expect("as it says");
    }
    conversation.play("p connects v311 clean").expect("as it says");
    let p = conversation.link("p");
    let message = [&[0x32, 0xdd, 0x36, 0, 1, b't', 0, 1][..], &[b'x'; 7_000]].concat();
    (0..MESSAGES).for_each(|_| conversation.world.send(p, &message));
    let acknowledged = |world: &mut World, wait_ms: u64| {
        world.wait(wait_ms);
        world.settle();
        world.received(p).len() / 4
    };
    let at_once = acknowledged(&mut conversation.world, 0);
    assert!(at_once < MESSAGES, "all were taken although the log was behind");
    let all = (0..MESSAGES).map(|_| acknowledged(&mut conversation.world, 10)).last();
    assert_eq!(all, Some(MESSAGES));
    let gauges = conversation.world.gauges();
    assert_eq!(gauges.messages_held, (AWAY * MESSAGES) as u64);
    assert!(gauges.messages_on_disk * 2 > gauges.messages_held, "{} on disk", gauges.messages_on_disk);
}

/// The replay for a Session that is there waits as well.
#[test]
fn a_replay_goes_on_when_there_is_room() {
    check_with(
        Options { max_inflight_messages: 1, ..Options::default() },
        r"
        p connects v311 clean
        p publishes r/1 qos=1 retain m=1
        p publishes r/2 qos=1 retain m=2
        s connects v5 session-expiry-interval=1000
        s subscribes r/+ qos=1
        s< PUBLISH ? qos=1 id={one} retain m=?
        server has no room
        s> PUBACK id={one}
        s< nothing
        server has room
        s< PUBLISH ? qos=1 id={two} retain m=?
        s> PUBACK id={two}
        s< nothing
        ",
    );
}
