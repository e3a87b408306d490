//! Session State (§4.1): what is kept while a client is away, for how long, within which limits.

use midge_testkit::{Conversation, check, check_together, check_versions, check_with, on_each_shard_count};

// [MQTT3-3.1.2-5] [MQTT3-3.1.2-4] [MQTT3-4.1.0-1] [MQTT5-3.1.2-5] [MQTT5-3.1.2-23] [MQTT5-4.1.0-1] [MQTT5-4.5.0-1]
#[test]
fn messages_wait_for_a_client_that_is_away() {
    check_versions(
        &["v31", "v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t/# qos=2
         s disconnects
         p connects v311 clean
         p publishes t/0 m=0
         p publishes t/1 qos=1 m=1
         p publishes t/2 qos=2 m=2
         p publishes t/3 qos=1 m=3
         wait 50ms
         s> CONNECT vX
         s<? CONNACK
         s<? CONNACK session-present
         s< PUBLISH t/1 qos=1 id={a} m=1
         s< PUBLISH t/2 qos=2 id={b} m=2
         s< PUBLISH t/3 qos=1 id={c} m=3
         s> PUBACK id={a} & PUBREC id={b} & PUBACK id={c}
         s< PUBREL id={b}
         s> PUBCOMP id={b}
         s< nothing",
    );
}

#[test]
fn qos_0_waits_too_where_the_server_is_told_so() {
    check_with(
        "queue_qos0_messages true",
        "s connects v311
         s subscribes t/#
         s disconnects
         p connects v311 clean
         p publishes t/0 m=0
         p publishes t/1 qos=1 m=1
         s connects v311 session-present
         s< PUBLISH t/0 m=0
         s< PUBLISH t/1 m=1",
    );
}

/// A subscription at QoS 0 gets nothing that was published while its client was away.
#[test]
fn qos_0_subscriptions_do_not_wait() {
    check(
        "s connects v311
         s subscribes t qos=0
         s disconnects
         p connects v311 clean
         p publishes t qos=2 m=x
         wait 50ms
         s connects v311 session-present
         s< nothing",
    );
}

// [MQTT3-3.1.2-6] [MQTT5-3.1.2-4] [MQTT3-4.1.0-2] [MQTT5-4.1.0-2]
#[test]
fn a_clean_session_ends_with_its_connection() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t qos=1
         s disconnects
         p connects vX clean
         p publishes t qos=1 m=x
         s> CONNECT vX
         s< CONNACK
         s< nothing
         p publishes t qos=1 m=x
         s< nothing",
    );
}

// [MQTT5-3.1.2-4] [MQTT3-3.1.2-6]
#[test]
fn a_clean_start_throws_the_old_session_away() {
    check_versions(
        &["v31", "v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t qos=2
         p connects v311 clean
         p publishes t qos=2 m=sent
         s< PUBLISH t qos=2 id=? m=sent
         s closes
         wait 50ms
         p publishes t qos=1 m=queued
         s connects vX clean
         s< nothing
         p publishes t qos=1 m=x
         s< nothing",
    );
}

// [MQTT5-3.1.2-23] [MQTT5-4.1.0-2]
#[test]
fn session_expiry() {
    check_together(
        "",
        &[
            "c connects v5 session-expiry-interval=1
             c subscribes t qos=1
             c disconnects
             wait 300ms
             c connects v5 session-expiry-interval=1 session-present
             c disconnects
             wait 2200ms
             c connects v5 session-expiry-interval=1",
            "# The interval begins when the connection ends, not before.
             c connects v5 session-expiry-interval=1
             wait 2200ms
             c closes
             wait 300ms
             c connects v5 session-expiry-interval=1 session-present",
            "# 0xFFFFFFFF: never.
             c connects v5 session-expiry-interval=4294967295
             c disconnects
             wait 1200ms
             c connects v5 session-expiry-interval=0 session-present
             c disconnects
             c connects v5",
            "# Changed by DISCONNECT.
             c connects v5 session-expiry-interval=100
             c> DISCONNECT 0x00 session-expiry-interval=0
             c< closed
             c connects v5 session-expiry-interval=1
             c> DISCONNECT 0x00 session-expiry-interval=100
             c< closed
             wait 2200ms
             c connects v5 session-present",
            "# The last CONNECT decides.
             c connects v5 session-expiry-interval=100
             c disconnects
             c connects v5 session-expiry-interval=1 session-present
             c closes
             wait 2200ms
             c connects v5 session-expiry-interval=1",
            "# A Session of 3.1.1 with Clean Session 0 has no end, and version 5 may resume it.
             c connects v311
             c subscribes t qos=1
             c disconnects
             wait 1200ms
             p connects v5 clean
             p publishes t qos=1 m=x
             c connects v5 session-expiry-interval=10 session-present
             c receives t qos=1 m=x",
        ],
    );
}

#[test]
fn persistent_client_expiration_limits_sessions() {
    check_with(
        "persistent_client_expiration 1s",
        "a connects v311
         a disconnects
         b connects v5 session-expiry-interval=100
         b disconnects
         wait 2500ms
         b connects v5
         a connects v5",
    );
}

/// The interval may not be raised from 0 by DISCONNECT; such a DISCONNECT is no valid one.
#[test]
fn disconnect_cannot_give_life_to_a_session_without() {
    check(
        "s connects v5 clean
         s subscribes w
         c connects v5 will=w will.m=gone
         c> DISCONNECT 0x00 session-expiry-interval=10
         c< DISCONNECT 0x82
         c< closed
         s< PUBLISH w m=gone
         c connects v5",
    );
}

// [MQTT5-3.3.2-5] [MQTT5-3.3.2-6] [MQTT5-4.3.3-7]
#[test]
fn messages_expire_while_they_wait() {
    check_together(
        "max_inflight_messages 1",
        &[
            "s connects v5 session-expiry-interval=100
         s subscribes t qos=2
         s disconnects
         p connects v5 clean
         p publishes t qos=1 message-expiry-interval=1 m=short
         p publishes t qos=1 message-expiry-interval=60 m=long
         p publishes t qos=1 message-expiry-interval=4294967295 m=longest
         wait 2100ms
         s connects v5 session-expiry-interval=100 session-present
         s receives t qos=1 message-expiry-interval=56..58 m=long
         s receives t qos=1 message-expiry-interval=4294967290..4294967293 m=longest
         s< nothing",
            "# Also beyond the inflight window of a client that is there. What was sent has begun: it is finished.
         s connects v5 session-expiry-interval=100
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=2 message-expiry-interval=1 m=first
         p publishes t qos=1 message-expiry-interval=1 m=second
         p publishes t qos=1 m=third
         s< PUBLISH t qos=2 id={a} message-expiry-interval=0..1 m=first
         wait 2100ms
         s> PUBREC id={a}
         s< PUBREL id={a}
         s> PUBCOMP id={a}
         s receives t qos=1 m=third
         s< nothing",
        ],
    );
}

#[test]
fn the_oldest_are_kept_when_the_queue_is_full() {
    check_with(
        "max_queued_messages 3",
        "s connects v311
         s subscribes t qos=1
         s disconnects
         p connects v311 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         p publishes t qos=1 m=3
         p publishes t qos=1 m=4
         p publishes t qos=2 m=5
         wait 50ms
         s connects v311 session-present
         s receives t qos=1 m=1
         s receives t qos=1 m=2
         s receives t qos=1 m=3
         s< nothing
         p publishes t qos=1 m=6
         s receives t qos=1 m=6",
    );
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    check_with(
        "max_queued_bytes 2000\nmax_queued_messages 0",
        "s connects v311
         s subscribes t qos=1
         s disconnects
         p connects v311 clean
         p publishes t qos=1 m=\"a\"*900
         p publishes t qos=1 m=\"b\"*900
         p publishes t qos=1 m=\"c\"*900
         p publishes t qos=1 m=\"d\"*900
         wait 50ms
         s connects v311 session-present
         s receives t qos=1 m=\"a\"*900
         s receives t qos=1 m=\"b\"*900
         # The one that crosses the border may be in.
         s<? PUBLISH t qos=1 id=? m=\"c\"*900
         s< nothing",
    );
}

#[test]
fn a_connected_client_may_have_as_many_waiting_beyond_its_window() {
    check_with(
        "max_queued_messages 2\nmax_inflight_messages 2",
        "s connects v311
         s subscribes t qos=1
         p connects v311 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         p publishes t qos=1 m=3
         p publishes t qos=1 m=4
         p publishes t qos=1 m=5
         s< PUBLISH t qos=1 id={a} m=1
         s< PUBLISH t qos=1 id={b} m=2
         s< nothing
         s> PUBACK id={a} & PUBACK id={b}
         s< PUBLISH t qos=1 id=? m=3
         s< PUBLISH t qos=1 id=? m=4
         s< nothing",
    );
}

/// A client may come back by way of any shard: its Session is found, its queue is in order.
#[test]
fn a_session_is_resumed_from_everywhere() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v311\n s subscribes t qos=1\n s disconnects\n p connects v311 clean");
        for round in 0..25 {
            talk.play(&format!(
                "p publishes t qos=1 m={round}a
                 p publishes t qos=1 m={round}b
                 s connects v311 session-present
                 s receives t qos=1 m={round}a
                 s receives t qos=1 m={round}b
                 s pings
                 s disconnects"
            ));
        }
    });
}

/// Sent, queued and live messages come in one order.
#[test]
fn resumed_delivery_is_in_order() {
    on_each_shard_count("max_inflight_messages 10\nmax_queued_messages 0", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v311\n s subscribes t qos=1\n p connects v311 clean");
        for number in 0..50 {
            talk.play(&format!("p publishes t qos=1 m={number}"));
        }
        for number in 0..10 {
            talk.play(&format!("s< PUBLISH t qos=1 id=? m={number}"));
        }
        talk.play("s closes");
        for number in 50..80 {
            talk.play(&format!("p publishes t qos=1 m={number}"));
        }
        talk.play("s connects v311 session-present");
        for number in 80..100 {
            talk.play(&format!("p publishes t qos=1 m={number}"));
        }
        for number in 0..10 {
            talk.play(
                &format!("s< PUBLISH t qos=1 id={{m}} m={number} dup\n s> PUBACK id={{m}}")
                    .replace("{m}", &format!("{{m{number}}}")),
            );
        }
        for number in 10..100 {
            talk.play(&format!("s receives t qos=1 m={number}"));
        }
    });
}

/// Subscriptions made by a Session that is away are removed with it.
#[test]
fn an_ended_session_leaves_nothing_behind() {
    check(
        "s connects v311
         s subscribes t qos=1
         s disconnects
         s connects v311 clean
         s disconnects
         p connects v5 clean
         p> PUBLISH t qos=1 id=1 m=x
         p< PUBACK id=1 0x10",
    );
}
