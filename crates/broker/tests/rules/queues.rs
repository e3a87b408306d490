//! What waits for a Session: its bounds, its expiry, and connections that do not read.

use crate::world::World;
use crate::world::script::{Conversation, SHARDS, check, check_with};
use midge_broker::{Counters, Options};

fn with_queue(max_queued_messages: u64, max_queued_bytes: u64) -> Options {
    Options { max_queued_messages, max_queued_bytes, max_inflight_messages: 2, ..Options::default() }
}

#[test]
fn a_full_queue_keeps_the_oldest() {
    check_with(
        with_queue(3, 0),
        r"
        s connects v311
        s subscribes a qos=1
        s closes
        p connects v311
        p publishes a qos=1 m=1
        p publishes a qos=2 m=2
        p publishes a qos=1 m=3
        p publishes a qos=1 m=4
        p publishes a m=0
        s connects v311 session-present
        s receives a qos=1 m=1
        s receives a qos=1 m=2
        s receives a qos=1 m=3
        s< nothing
        # While it is here the bound is for what is beyond the inflight messages.
        p publishes a qos=1 m=5
        p publishes a qos=1 m=6
        p publishes a qos=1 m=7
        p publishes a qos=1 m=8
        p publishes a qos=1 m=9
        p publishes a qos=1 m=10
        s receives a qos=1 m=5
        s receives a qos=1 m=6
        s receives a qos=1 m=7
        s receives a qos=1 m=8
        s receives a qos=1 m=9
        s< nothing
        ",
    );
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    check_with(
        with_queue(0, 25),
        r"
        s connects v311
        s subscribes a qos=1
        s closes
        p connects v311
        p publishes a qos=1 m=123456789
        p publishes a qos=1 m=1234567890123456
        p publishes a qos=1 m=234567890
        p publishes a qos=1 m=3456
        p publishes a qos=1 m=456
        s connects v311 session-present
        s receives a qos=1 m=123456789
        s receives a qos=1 m=234567890
        s receives a qos=1 m=3456
        s< nothing
        ",
    );
}

#[test]
fn a_message_expires_while_it_waits_and_counts_down() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s subscribes a qos=1
        s closes
        p connects v5
        p publishes a qos=1 m=1 message-expiry-interval=10
        p publishes a qos=1 m=2 message-expiry-interval=100
        p publishes a qos=1 m=3 message-expiry-interval=4294967295
        p publishes a qos=1 m=4
        wait 20s
        s connects v5 session-expiry-interval=1000 session-present
        s< PUBLISH a qos=1 id=? m=2 message-expiry-interval=80
        s< PUBLISH a qos=1 id=? m=3 message-expiry-interval=4294967275
        s< PUBLISH a qos=1 id=? m=4
        s< nothing
        ",
    );
    check_with(
        with_queue(0, 0),
        r"
        s connects v311
        s subscribes a qos=1
        p connects v5
        p publishes a qos=1 m=1
        p publishes a qos=1 m=2
        p publishes a qos=1 m=3 message-expiry-interval=10
        p publishes a qos=1 m=4 message-expiry-interval=50
        wait 30s
        s receives a qos=1 m=1
        s receives a qos=1 m=2
        s receives a qos=1 m=4
        s< nothing
        ",
    );
}

/// Whether it is away, does not read, or is full: nobody else is the slower for it, and what is discarded is counted.
#[test]
fn a_connection_that_does_not_read_loses_qos_0_and_keeps_the_rest() {
    let script = r"
        s connects v5 clean
        s subscribes a qos=2
        t connects v311 clean
        t subscribes a qos=2
        p connects v311
        p publishes a m=0
        s congested
        p publishes a m=1
        p publishes a qos=1 m=2
        p publishes a qos=2 m=3
        p publishes a m=4
        t receives a m=0
        t receives a m=1
        t receives a qos=1 m=2
        t receives a qos=2 m=3
        t receives a m=4
        s receives a m=0
        s< nothing
        # Its own packets are answered.
        s pings
        s publishes b qos=1 m=x
        s drained
        s receives a qos=1 m=2
        s receives a qos=2 m=3
        p publishes a m=5
        s receives a m=5
        s< nothing
    ";
    check(script);
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(Options::default(), shards, 1));
        conversation.play(script).unwrap();
        assert_eq!(conversation.world.count(Counters::publish_dropped), 2);
    }
}

#[test]
fn a_connection_that_ends_while_it_does_not_read_gets_all_when_it_comes_back() {
    check(
        r"
        s connects v311
        s subscribes a qos=1
        p connects v311
        s congested
        p publishes a qos=1 m=1
        s closes
        p publishes a qos=1 m=2
        s connects v311 session-present
        s receives a qos=1 m=1
        s receives a qos=1 m=2
        s< nothing
        ",
    );
}

#[test]
fn discards_are_counted_by_reason() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(with_queue(1, 0), shards, 1));
        conversation
            .play(
                r"
                s connects v311
                s subscribes a qos=1
                s closes
                p connects v5
                p publishes a qos=1 m=1 message-expiry-interval=1
                p publishes a qos=1 m=2
                wait 5s
                s connects v311 session-present
                s< nothing
                t connects v5 maximum-packet-size=20
                t subscribes a
                p publishes a m=123456789012345678901234567890
                ",
            )
            .unwrap();
        let world = &conversation.world;
        let discarded = std::array::from_fn::<u64, 5, _>(|reason| world.count(|counters| counters.discarded[reason]));
        assert_eq!(discarded, [1, 0, 1, 1, 0], "queue full, slow reader, too large, expired, group full");
    }
}
