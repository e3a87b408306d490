//! Session State: what is kept, resumed, sent again, and when it ends.

use crate::world::World;
use crate::world::script::{SHARDS, check, check_versions, check_with};
use midge_broker::Options;

#[test]
fn a_message_goes_to_who_subscribed() {
    check_versions(
        &["v31", "v311", "v5"],
        r"
        s connects vX clean
        s subscribes sensors/+ qos=1
        p connects vX clean
        p publishes sensors/1 qos=1 m=21.5
        p publishes sensors/1/2 m=no
        s receives sensors/1 qos=1 m=21.5
        s< nothing
        ",
    );
}

#[test]
fn a_clean_session_is_new_and_a_kept_one_is_present() {
    check(
        r"
        c connects v311
        c closes
        c connects v311 session-present
        c disconnects
        c connects v311 clean
        c closes
        c connects v311
        c closes
        c connects v5 session-present
        c closes
        c connects v311
        ",
    );
}

#[test]
fn subscriptions_and_messages_wait_for_who_is_away() {
    check(
        r"
        s connects v311
        s subscribes a qos=2 b qos=1 c qos=0
        s closes
        p connects v5 clean
        p publishes a qos=2 m=1
        p publishes b qos=2 m=2
        p publishes c qos=2 m=3
        p publishes a qos=0 m=4
        p publishes a qos=1 m=5
        s connects v311 session-present
        s receives a qos=2 m=1
        s receives b qos=1 m=2
        s receives a qos=1 m=5
        s< nothing
        ",
    );
}

#[test]
fn qos_0_waits_where_the_operator_wants_it() {
    check_with(
        Options { queue_qos0_messages: true, ..Options::default() },
        r"
        s connects v311
        s subscribes a qos=1
        s closes
        p connects v311 clean
        p publishes a m=1
        p publishes a qos=1 m=2
        p publishes a m=3
        s connects v311 session-present
        s receives a m=1
        s receives a qos=1 m=2
        s receives a m=3
        ",
    );
}

/// The window is full, so that QoS 0 messages from before wait behind QoS 1: those that come now may not pass them.
#[test]
fn queued_qos_0_is_not_overtaken() {
    check_with(
        Options { queue_qos0_messages: true, max_inflight_messages: 1, ..Options::default() },
        r"
        s connects v311
        s subscribes a qos=1
        s closes
        p connects v311 clean
        p publishes a qos=1 m=1
        p publishes a qos=1 m=2
        p publishes a m=3
        s connects v311 session-present
        s< PUBLISH a qos=1 id=1 m=1
        p publishes a m=4
        s> PUBACK id=1
        s< PUBLISH a qos=1 id=2 m=2
        s< PUBLISH a m=3
        s< PUBLISH a m=4
        ",
    );
}

#[test]
fn what_was_not_acknowledged_is_sent_again_in_order_with_its_identifiers() {
    check_versions(
        &["v311", "v5 session-expiry-interval=1000"],
        r"
        s connects vX
        s subscribes a qos=2
        p connects v311 clean
        p publishes a qos=1 m=1
        p publishes a qos=2 m=2
        p publishes a qos=2 m=3
        p publishes a qos=1 m=4
        s< PUBLISH a qos=1 id=1 m=1
        s< PUBLISH a qos=2 id=2 m=2
        s< PUBLISH a qos=2 id=3 m=3
        s< PUBLISH a qos=1 id=4 m=4
        s> PUBREC id=2
        s< PUBREL id=2
        s> PUBREC id=3
        s< PUBREL id=3
        s> PUBCOMP id=3
        s breaks
        p publishes a qos=1 m=5
        s connects vX session-present
        s< PUBLISH a qos=1 id=1 dup m=1
        s< PUBREL id=2
        s< PUBLISH a qos=1 id=4 dup m=4
        s< PUBLISH a qos=1 id=5 m=5
        s< nothing
        # Nothing is sent again while the connection lasts.
        s> PUBACK id=4
        s> PUBCOMP id=2
        s> PUBACK id=1
        s> PUBACK id=5
        s< nothing
        s closes
        s connects vX session-present
        s< nothing
        ",
    );
}

#[test]
fn a_session_ends_after_its_expiry_and_not_before() {
    check(
        r"
        c connects v5 session-expiry-interval=30
        c subscribes a
        wait 100s
        c closes
        wait 29s
        c connects v5 session-expiry-interval=30 session-present
        c closes
        wait 31s
        c connects v5
        c< nothing
        ",
    );
}

#[test]
fn disconnect_may_change_the_expiry_but_not_from_nothing() {
    check(
        r"
        c connects v5 session-expiry-interval=30
        c> DISCONNECT 0x00 session-expiry-interval=3000
        c< closed
        wait 1000s
        c connects v5 session-expiry-interval=30 session-present
        c> DISCONNECT 0x00 session-expiry-interval=0
        c< closed
        c connects v5
        c> DISCONNECT 0x00 session-expiry-interval=5
        c< DISCONNECT 0x82
        c< closed
        ",
    );
}

#[test]
fn persistent_expiry_is_the_most_that_a_session_lasts() {
    check_with(
        Options { persistent_client_expiration_s: Some(100), ..Options::default() },
        r"
        a connects v311
        a closes
        b> CONNECT v5 session-expiry-interval=1000
        b< CONNACK session-expiry-interval=100
        b closes
        c> CONNECT v5 session-expiry-interval=50
        c< CONNACK !session-expiry-interval
        c closes
        wait 52s
        c connects v5
        wait 46s
        a connects v311 session-present
        b connects v5 session-present
        a closes
        wait 101s
        a connects v311
        ",
    );
}

#[test]
fn an_identifier_is_assigned_where_none_is_given() {
    check(
        r#"
        c> CONNECT v5 clean id=""
        c< CONNACK assigned-client-identifier={id}
        d> CONNECT v311 clean id=""
        d< CONNACK
        e> CONNECT v311 id=""
        e< CONNACK 0x02
        e< closed
        c> CONNECT v5 clean id={id}
        c< CONNACK !assigned-client-identifier
        old-c< DISCONNECT 0x8e
        old-c< closed
        "#,
    );
}

/// Nothing of the exchange may be lost when many wait: it is sent in portions.
#[test]
fn a_long_queue_is_sent_in_portions_and_in_order() {
    let count = 400;
    let publishes: Vec<String> =
        (0..count).map(|n| format!("p publishes a m=\"{n:04}{}\"", "x".repeat(2000))).collect();
    let receives: Vec<String> = (0..count).map(|n| format!("s receives a m=\"{n:04}{}\"", "x".repeat(2000))).collect();
    check_with(
        Options { queue_qos0_messages: true, ..Options::default() },
        &format!(
            "s connects v311\ns subscribes a\ns closes\np connects v311 clean\n{}\ns connects v311 session-present\n{}\ns< nothing",
            publishes.join("\n"),
            receives.join("\n"),
        ),
    );
}

/// While a long queue is on its way in portions, what is new stands behind it.
#[test]
fn what_is_published_while_a_queue_is_sent_comes_after_it() {
    let lines = |what: &str, from: u32, to: u32| -> String {
        (from..to).map(|n| format!("{what} a qos=1 m=\"{n:04}{}\"\n", "x".repeat(2000))).collect()
    };
    check_with(
        Options { max_inflight_messages: u16::MAX, ..Options::default() },
        &format!(
            "s connects v311\ns subscribes a qos=1\ns closes\np connects v311 clean\n{}s>> CONNECT v311\n{}\
             s< CONNACK session-present\n{}s< nothing",
            lines("p publishes", 0, 200),
            (200..210)
                .map(|n| format!("p>> PUBLISH a qos=1 id=1 m=\"{n:04}{}\"\n", "x".repeat(2000)))
                .collect::<String>(),
            lines("s receives", 0, 210),
        ),
    );
}

/// The Session is gone and its place taken by another while mail for it is on its way.
#[test]
fn mail_for_a_session_that_has_ended_reaches_nobody() {
    let connect = |id| [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, id];
    for seed in 0..400 {
        for shards in SHARDS {
            let mut world = World::new(Options::default(), shards, seed);
            let [s, p] = [b's', b'p'].map(|id| {
                let link = world.open();
                world.send(link, &connect(id));
                world.settle();
                link
            });
            world.send(s, &[0x82, 12, 0, 1, 0, 1, b'a', 1, 0, 3, b'a', b'/', b'#', 0]);
            world.settle();
            world.send(p, &[0x30, 3, 0, 1, b'a', 0x32, 5, 0, 1, b'a', 0, 1]);
            world.close(s);
            let other = world.open();
            world.send(other, &connect(b'o'));
            world.settle();
            assert_eq!(
                world.received(other)[..],
                [0x20, 2, 0, 0],
                "only its CONNACK, with shards: {shards}, seed: {seed}"
            );
        }
    }
}

#[test]
fn keep_alive_counts_one_and_a_half_times() {
    check(
        r"
        c connects v311 keep-alive=10
        d connects v5 keep-alive=10
        e connects v5
        wait 14s
        c pings
        wait 2s
        d< DISCONNECT 0x8d
        d< closed
        wait 12s
        c> PUBLISH a m=x
        wait 14s
        c pings
        wait 16s
        c< closed
        wait 100000s
        e pings
        ",
    );
}

#[test]
fn the_server_bounds_keep_alive() {
    check_with(
        Options { max_keep_alive_s: 60, ..Options::default() },
        r"
        c> CONNECT v5 keep-alive=0
        c< CONNACK server-keep-alive=60
        d> CONNECT v5 keep-alive=20
        d< CONNACK !server-keep-alive
        e> CONNECT v311 keep-alive=61
        e< CONNACK 0x02
        e< closed
        wait 91s
        c< DISCONNECT 0x8d
        c< closed
        ",
    );
}
