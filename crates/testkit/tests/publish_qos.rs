//! PUBLISH at the three levels of Quality of Service, both directions (§3.3–3.7, §4.3, §4.4).

use midge_testkit::{Conversation, check, check_versions, check_with, on_each_shard_count};

// [MQTT5-3.3.4-1] [MQTT5-4.3.1-1] [MQTT5-4.5.0-1] [MQTT5-3.3.2-3] [MQTT5-2.2.1-2] [MQTT5-3.3.1-2]
// [MQTT3-3.3.4-1] [MQTT3-4.3.1-1] [MQTT3-4.5.0-1] [MQTT3-3.3.2-3] [MQTT3-2.3.1-5] [MQTT3-3.3.1-2]
#[test]
fn qos_0() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes sensors/+
         s subscribes rooms/# qos=2
         p connects vX clean
         p> PUBLISH sensors/1 m=21.5
         p> PUBLISH other/1 m=no
         p> PUBLISH rooms/a/b m=
         p< nothing
         s< PUBLISH sensors/1 m=21.5
         s< PUBLISH rooms/a/b
         s< nothing",
    );
}

// [MQTT5-4.3.2-1] [MQTT5-4.3.2-2] [MQTT5-4.3.2-4] [MQTT5-2.2.1-5] [MQTT3-4.3.2-1] [MQTT3-4.3.2-2] [MQTT3-2.3.1-4] [MQTT3-2.3.1-6]
#[test]
fn qos_1() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes sensors/+ qos=1
         p connects vX clean
         p> PUBLISH sensors/1 qos=1 id=65535 m=21.5
         p< PUBACK id=65535
         p> PUBLISH sensors/2 qos=1 id=1 m=22
         p< PUBACK id=1
         s< PUBLISH sensors/1 qos=1 id={first} m=21.5
         s< PUBLISH sensors/2 qos=1 id={second} m=22
         s> PUBACK id={second}
         s> PUBACK id={first}
         s< nothing
         s pings",
    );
}

// [MQTT5-4.3.3-1] [MQTT5-4.3.3-2] [MQTT5-4.3.3-4] [MQTT5-4.3.3-8] [MQTT5-4.3.3-11] [MQTT3-4.3.3-1] [MQTT3-4.3.3-2]
#[test]
fn qos_2() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes sensors/+ qos=2
         p connects vX clean
         p> PUBLISH sensors/1 qos=2 id=65535 m=21.5
         p< PUBREC id=65535
         p> PUBREL id=65535
         p< PUBCOMP id=65535
         s< PUBLISH sensors/1 qos=2 id={m} m=21.5
         s> PUBREC id={m}
         s< PUBREL id={m}
         s> PUBCOMP id={m}
         s< nothing",
    );
}

// [MQTT5-4.3.3-10] [MQTT5-4.3.3-12] [MQTT3-4.3.3-2]
#[test]
fn a_repeated_qos_2_publish_is_delivered_once() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t
         p connects vX clean
         p> PUBLISH t qos=2 id=7 m=once
         p< PUBREC id=7
         p> PUBLISH t qos=2 id=7 m=once dup
         p< PUBREC id=7
         p> PUBREL id=7
         p< PUBCOMP id=7
         p> PUBREL id=7
         p< PUBCOMP id=7 0x??
         # The identifier means a new message now, whatever DUP says.
         p> PUBLISH t qos=2 id=7 m=twice dup
         p< PUBREC id=7
         p> PUBREL id=7
         p< PUBCOMP id=7
         s< PUBLISH t m=once
         s< PUBLISH t m=twice
         s< nothing",
    );
}

/// Its sender has lost count: the message that is not finished stays, and the other one is not lost without a word.
#[test]
fn another_message_with_an_identifier_in_use_is_told_and_counted() {
    on_each_shard_count("sys_interval 1", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "s connects v5 clean
             s subscribes t
             p connects v311 clean
             p> PUBLISH t qos=2 id=7 m=one
             p< PUBREC id=7
             p> PUBLISH t qos=2 id=7 m=other
             p< PUBREC id=7
             p> PUBREL id=7
             p< PUBCOMP id=7
             s< PUBLISH t m=one
             s> SUBSCRIBE id=9 $SYS/broker/publish/messages/dropped
             s< SUBACK id=9 0x00",
        );
        while talk.client("s").receive().text("m") != Some("1".to_owned()) {}
        let line = server.expect_log("Warning: a message of p [127.0.0.1:*] for 't' was not taken:*");
        assert!(line.contains("Packet Identifier 7 "), "{line}");
    });
}

// [MQTT5-4.3.2-5] [MQTT5-3.3.1-3] [MQTT3-4.3.2-2] [MQTT3-3.3.1-3]
#[test]
fn after_puback_the_same_identifier_is_a_new_message() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t qos=1
         p connects vX clean
         p> PUBLISH t qos=1 id=7 m=a
         p< PUBACK id=7
         p> PUBLISH t qos=1 id=7 m=a dup
         p< PUBACK id=7
         # DUP of the publisher is not passed on.
         s receives t qos=1 m=a
         s receives t qos=1 m=a
         s< nothing",
    );
}

// [MQTT5-3.8.4-8] [MQTT3-3.8.4-6]
#[test]
fn delivery_has_the_lower_of_both_qos() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("p connects v5 clean");
        for granted in 0..3 {
            talk.play(&format!("s{granted} connects v311 clean\n s{granted} subscribes t qos={granted}"));
        }
        for published in 0..3_u8 {
            talk.play(&format!("p publishes t qos={published} m={published}"));
            for granted in 0..3 {
                talk.play(&format!("s{granted} receives t qos={} m={published}", published.min(granted)));
            }
        }
        talk.play("s0< nothing\n s1< nothing\n s2< nothing");
    });
}

// [MQTT5-4.4.0-1] [MQTT5-3.3.1-1] [MQTT5-4.3.2-3] [MQTT5-4.3.3-3] [MQTT5-4.1.0-1] [MQTT5-3.1.2-23]
// [MQTT3-4.4.0-1] [MQTT3-3.3.1-1] [MQTT3-4.1.0-1] [MQTT3-4.6.0-1]
#[test]
fn nothing_is_sent_again_while_the_connection_lives() {
    check_versions(
        &["v31", "v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t qos=2
         p connects v311 clean
         p publishes t qos=1 m=a
         p publishes t qos=2 m=b
         p publishes t qos=1 m=c
         s< PUBLISH t qos=1 id={a} m=a
         s< PUBLISH t qos=2 id={b} m=b
         s< PUBLISH t qos=1 id={c} m=c
         s> PUBACK id={a}
         s pings
         s< nothing 300ms",
    );
}

// [MQTT5-4.4.0-1] [MQTT5-3.3.1-1] [MQTT3-4.4.0-1] [MQTT3-3.3.1-1] [MQTT3-4.6.0-1] [MQTT3-4.6.0-6]
#[test]
fn resends_keep_their_identifiers_order_and_set_dup() {
    check_versions(
        &["v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t qos=2
         p connects v311 clean
         p publishes t qos=1 m=a
         p publishes t qos=2 m=b
         p publishes t qos=1 m=c
         s< PUBLISH t qos=1 id={a} m=a
         s< PUBLISH t qos=2 id={b} m=b
         s< PUBLISH t qos=1 id={c} m=c
         s> PUBACK id={a}
         s pings
         s closes
         s connects vX session-present
         s< PUBLISH t qos=2 id={b} m=b dup
         s< PUBLISH t qos=1 id={c} m=c dup
         s> PUBREC id={b}
         s< PUBREL id={b}
         s resets
         wait 50ms
         s connects vX session-present
         s<* PUBREL id={b}
         s<* PUBLISH t qos=1 id={c} m=c dup
         s> PUBCOMP id={b}
         s> PUBACK id={c}
         s pings
         s closes
         s connects vX session-present
         s< nothing",
    );
}

// [MQTT5-4.3.3-5] [MQTT5-4.3.3-6] [MQTT3-4.3.3-1]
#[test]
fn after_pubrec_only_pubrel_is_sent_again() {
    check_versions(
        &["v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=2 m=a
         s< PUBLISH t qos=2 id={a} m=a
         s> PUBREC id={a}
         s< PUBREL id={a}
         s closes
         s connects vX session-present
         s< PUBREL id={a}
         s< nothing
         s closes
         s connects vX session-present
         s< PUBREL id={a}
         s> PUBCOMP id={a}
         s pings
         s closes
         s connects vX session-present
         s< nothing",
    );
}

/// Cuts of a publisher at every step of QoS 2: the Session remembers what it has seen.
// [MQTT5-4.3.3-10] [MQTT3-4.3.3-2] [MQTT5-4.1.0-1] [MQTT3-4.1.0-1]
#[test]
fn a_publisher_that_is_cut_off_at_any_step_of_qos_2() {
    check_versions(
        &["v311", "v5 session-expiry-interval=100"],
        "s connects v5 clean
         s subscribes t
         p connects vX
         # Cut before PUBREC was read.
         p> PUBLISH t qos=2 id=1 m=a
         p closes
         p connects vX session-present
         p> PUBLISH t qos=2 id=1 m=a dup
         p< PUBREC id=1
         p closes
         p connects vX session-present
         p> PUBLISH t qos=2 id=1 m=a dup
         p< PUBREC id=1
         p> PUBREL id=1
         # Cut before PUBCOMP was read.
         p closes
         p connects vX session-present
         p> PUBREL id=1
         p< PUBCOMP id=1 0x??
         p> PUBLISH t qos=2 id=1 m=b
         p< PUBREC id=1
         p> PUBREL id=1
         p< PUBCOMP id=1
         s< PUBLISH t m=a
         s< PUBLISH t m=b
         s< nothing",
    );
}

// [MQTT5-4.3.3-13]
#[test]
fn the_handshake_goes_on_for_a_message_that_has_expired() {
    check(
        "p connects v5 clean
         p> PUBLISH t qos=2 id=1 m=x message-expiry-interval=1
         p< PUBREC id=1
         wait 1500ms
         p> PUBLISH t qos=2 id=1 m=x message-expiry-interval=1 dup
         p< PUBREC id=1
         p> PUBREL id=1
         p< PUBCOMP id=1",
    );
}

// [MQTT5-3.7.2-1] [MQTT5-3.6.2-1]
#[test]
fn pubrel_for_an_unknown_identifier_is_completed() {
    check(
        "c connects v5 clean
         c> PUBREL id=9
         c< PUBCOMP id=9 0x00
         c pings
         d connects v311 clean
         d> PUBREL id=9
         d< PUBCOMP id=9
         d pings",
    );
}

/// None of these refers to anything; each is harmless.
#[test]
fn acknowledgements_out_of_the_blue_do_no_harm() {
    check_versions(
        &["v31", "v311", "v5"],
        "c connects vX clean
         c> PUBACK id=9
         c> PUBCOMP id=9
         c pings
         s connects vX clean
         s subscribes t qos=2
         c publishes t qos=1 m=a
         s receives t qos=1 m=a
         # The identifier that was settled.
         s> PUBACK id={received}
         s pings",
    );
}

#[test]
fn pubrec_for_an_unknown_identifier() {
    check(
        "c connects v5 clean
         c> PUBREC id=9
         c< PUBREL id=9 0x??
         c> PUBCOMP id=9
         c pings
         d connects v311 clean
         d> PUBREC id=9
         d<? PUBREL id=9
         d pings",
    );
}

// [MQTT5-4.4.0-2] [MQTT5-4.3.3-9] [MQTT5-3.3.4-9]
#[test]
fn a_negative_acknowledgement_settles_a_delivery() {
    check(
        "s connects v5 session-expiry-interval=100 receive-maximum=1
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=1 m=a
         p publishes t qos=2 m=b
         p publishes t qos=2 m=c
         s< PUBLISH t qos=1 id={a} m=a
         s> PUBACK id={a} 0x80
         s< PUBLISH t qos=2 id={b} m=b
         s> PUBREC id={b} 0x97
         # No PUBREL; the place is free for the next.
         s< PUBLISH t qos=2 id={c} m=c
         s closes
         s connects v5 session-expiry-interval=100 session-present
         s< PUBLISH t qos=2 id={c} m=c dup
         s< nothing",
    );
}

/// The two long forms of an acknowledgement mean the same as the short one.
#[test]
fn long_forms_of_acknowledgements() {
    check(
        "s connects v5 clean receive-maximum=1
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=1 m=a
         p publishes t qos=2 m=b
         s< PUBLISH t qos=1 id={a} m=a
         s> PUBACK id={a} 0x00 reason-string=fine user-property=a:b
         s< PUBLISH t qos=2 id={b} m=b
         s> PUBREC id={b} 0x10
         s< PUBREL id={b}
         s> PUBCOMP id={b} 0x00
         p> PUBLISH t qos=2 id=5 m=c
         p< PUBREC id=5
         p> PUBREL id=5 0x00 reason-string=fine
         p< PUBCOMP id=5
         s receives t qos=2 m=c",
    );
}

// [MQTT5-3.4.2-1]
#[test]
fn puback_tells_a_version_5_publisher_that_nobody_subscribes() {
    check(
        "p connects v5 clean
         p> PUBLISH t qos=1 id=1 m=x
         p< PUBACK id=1 0x10
         p> PUBLISH t qos=1 id=2 m=x retain
         p< PUBACK id=2 0x10
         p> PUBLISH t qos=2 id=3 m=x
         p< PUBREC id=3 0x00
         p> PUBREL id=3
         p< PUBCOMP id=3
         s connects v5 clean
         s subscribes u/#
         p> PUBLISH u/1 qos=1 id=4 m=x
         p< PUBACK id=4 0x00",
    );
}

/// Packet Identifiers of the two directions have nothing to do with each other.
#[test]
fn a_client_may_use_the_identifiers_that_the_server_uses() {
    check(
        "c connects v5 clean
         c subscribes t qos=2
         c> PUBLISH t qos=2 id=1 m=x & PUBREL id=1
         c<* PUBREC id=1
         c<* PUBCOMP id=1
         c<* PUBLISH t qos=2 id={m} m=x
         c> PUBLISH t qos=2 id=2 m=y & PUBREL id=2
         c<* PUBREC id=2
         c<* PUBCOMP id=2
         c<* PUBLISH t qos=2 id={n} m=y
         c> PUBREC id={m} & PUBREC id={n}
         c< PUBREL id={m}
         c< PUBREL id={n}
         c> PUBCOMP id={m} & PUBCOMP id={n}
         c pings",
    );
}

/// Version 3.1.1 has no Receive Maximum: each PUBREC is a promise, and none answered is discarded.
#[test]
fn a_version_3_publisher_may_have_thousands_of_qos_2_messages_under_way() {
    on_each_shard_count("max_queued_messages 0\nmax_inflight_messages 0", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes t\n p connects v311 clean");
        let count = 3000;
        let publishes: Vec<String> = (1..=count).map(|id| format!("PUBLISH t qos=2 id={id} m={id}")).collect();
        talk.client("p").send(&publishes.join(" & "));
        for id in 1..=count {
            talk.client("p").expect(&format!("PUBREC id={id}"));
        }
        let releases: Vec<String> = (1..=count).map(|id| format!("PUBREL id={id}")).collect();
        talk.client("p").send(&releases.join(" & "));
        for id in 1..=count {
            talk.client("p").expect(&format!("PUBCOMP id={id}"));
            talk.client("s").expect(&format!("PUBLISH t m={id}"));
        }
    });
}

// [MQTT5-2.2.1-4] [MQTT3-2.3.1-4]
#[test]
fn identifiers_under_way_differ_from_each_other() {
    on_each_shard_count("max_inflight_messages 0\nmax_queued_messages 0", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v311\n s subscribes t qos=1\n p connects v5 clean");
        let mut ids = Vec::new();
        for number in 0..300 {
            talk.play(&format!("p publishes t qos=1 m={number}"));
            let publish = talk.client("s").receive();
            ids.push(publish.number("id").expect("a Packet Identifier"));
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 300);
    });
}

#[test]
fn payloads_of_every_length_class() {
    on_each_shard_count("max_packet_size 5000000", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes t qos=1\n p connects v311 clean");
        // Around the borders of Remaining Length, and some that need many reads.
        for length in [0, 1, 122, 123, 124, 125, 16_378, 16_379, 16_380, 100_000, 2_097_145, 2_097_146, 4_000_000] {
            talk.play(&format!("p publishes t qos=1 m=\"x\"*{length}"));
            talk.play(&format!(
                "s receives t qos=1 {}",
                if length == 0 { String::new() } else { format!("m=\"x\"*{length}") }
            ));
        }
    });
}

#[test]
fn a_subscription_can_raise_the_qos_where_the_server_is_told_so() {
    check_with(
        "upgrade_outgoing_qos true",
        "s connects v5
         s subscribes t qos=2
         p connects v311 clean
         p publishes t m=0
         s receives t qos=2 m=0
         p publishes t qos=1 m=1
         s receives t qos=2 m=1",
    );
}
