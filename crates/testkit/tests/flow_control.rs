//! Receive Maximum, the inflight window and Maximum Packet Size (§3.1.2.11, §4.9).

use std::time::Duration;

use midge_testkit::{Conversation, check, check_versions, check_with, on_each_shard_count};

// [MQTT5-3.3.4-9] [MQTT5-4.9.0-1] [MQTT5-4.9.0-2]
#[test]
fn the_clients_receive_maximum_is_kept() {
    check(
        "s connects v5 clean receive-maximum=2
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=1 m=1
         p publishes t qos=2 m=2
         p publishes t qos=1 m=3
         p publishes t qos=2 m=4
         s< PUBLISH t qos=1 id={m1} m=1
         s< PUBLISH t qos=2 id={m2} m=2
         s< nothing
         s> PUBACK id={m1}
         s< PUBLISH t qos=1 id={m3} m=3
         # The place of a QoS 2 message is held until PUBCOMP.
         s> PUBREC id={m2}
         s< PUBREL id={m2}
         s< nothing
         s> PUBCOMP id={m2}
         s< PUBLISH t qos=2 id={m4} m=4
         s< nothing",
    );
}

/// Payloads count until the client says that it has them. One that is larger than all that may be under way goes alone.
#[test]
fn payloads_under_way_are_bounded() {
    check_with(
        "max_inflight_bytes 16",
        "s connects v5 clean
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=1 m=12345678
         p publishes t qos=2 m=2345678
         p publishes t qos=2 m=345678901234567890
         p publishes t qos=1 m=4
         s< PUBLISH t qos=1 id={m1} m=12345678
         s< PUBLISH t qos=2 id={m2} m=2345678
         s< PUBLISH t qos=2 id={m3} m=345678901234567890
         s< nothing
         s> PUBACK id={m1}
         s< nothing
         s> PUBREC id={m3}
         s< PUBREL id={m3}
         s< PUBLISH t qos=1 id={m4} m=4
         s> PUBACK id={m4}
         # QoS 0 does not wait.
         p publishes t qos=1 m=1234567890123456
         s< PUBLISH t qos=1 id={m5} m=1234567890123456
         p publishes t qos=1 m=waits
         p publishes t m=passes
         s< PUBLISH t m=passes
         s< nothing
         s> PUBACK id={m5}
         s< PUBLISH t qos=1 id={m6} m=waits",
    );
}

/// The same on a connection that takes a Session up again.
#[test]
fn payloads_that_are_sent_again_are_bounded() {
    check_with(
        "max_inflight_bytes 10",
        "s connects v311
         s subscribes t qos=1
         p connects v5 clean
         p publishes t qos=1 m=12345
         p publishes t qos=1 m=23456
         p publishes t qos=1 m=34567
         s< PUBLISH t qos=1 id={m1} m=12345
         s< PUBLISH t qos=1 id={m2} m=23456
         s> PUBACK id={m1}
         s< PUBLISH t qos=1 id={m3} m=34567
         p publishes t qos=1 m=45678
         s< nothing
         s closes
         s connects v311 session-present
         s< PUBLISH t qos=1 id={m2} dup m=23456
         s< PUBLISH t qos=1 id={m3} dup m=34567
         s< nothing
         s> PUBACK id={m3}
         s< PUBLISH t qos=1 id={m4} m=45678
         s< nothing",
    );
}

/// QoS 0 does not count, and everything that is no PUBLISH passes.
// [MQTT5-3.3.4-10] [MQTT5-4.9.0-3]
#[test]
fn everything_else_passes_a_full_window() {
    check(
        "s connects v5 clean receive-maximum=1
         s subscribes t qos=2
         s subscribes u qos=0
         p connects v5 clean
         p publishes t qos=2 m=1
         p publishes t qos=2 m=2
         s< PUBLISH t qos=2 id={a} m=1
         s< nothing
         s pings
         s subscribes v qos=1
         s> UNSUBSCRIBE id=5 v
         s< UNSUBACK id=5 0x00
         p publishes u qos=1 m=zero
         s< PUBLISH u m=zero
         s publishes x qos=2 m=own
         s publishes x qos=1 m=own
         s> PUBREC id={a}
         s< PUBREL id={a}",
    );
}

#[test]
fn the_window_starts_afresh_on_each_connection() {
    check(
        "s connects v5 session-expiry-interval=100 receive-maximum=2
         s subscribes t qos=1
         p connects v5 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         p publishes t qos=1 m=3
         s< PUBLISH t qos=1 id={a} m=1
         s< PUBLISH t qos=1 id={b} m=2
         s closes
         s connects v5 session-expiry-interval=100 receive-maximum=1 session-present
         s< PUBLISH t qos=1 id={a} m=1 dup
         s< nothing
         s> PUBACK id={a}
         s< PUBLISH t qos=1 id={b} m=2 dup
         s> PUBACK id={b}
         s< PUBLISH t qos=1 id={c} m=3
         s> PUBACK id={c}
         # Acknowledgements too many do not widen it.
         s> PUBACK id={c} & PUBACK id={b}
         p publishes t qos=1 m=4
         p publishes t qos=1 m=5
         s< PUBLISH t qos=1 id=? m=4
         s< nothing",
    );
}

#[test]
fn max_inflight_messages_limits_version_3_clients() {
    check_with(
        "max_inflight_messages 1",
        "s connects v311 clean
         s subscribes t qos=1
         p connects v5 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         s< PUBLISH t qos=1 id={a} m=1
         s< nothing
         s> PUBACK id={a}
         s receives t qos=1 m=2",
    );
}

// [MQTT5-3.3.4-7]
#[test]
fn a_publisher_beyond_the_servers_receive_maximum() {
    check_with(
        "max_inflight_messages 3",
        "p> CONNECT v5 clean
         p< CONNACK receive-maximum=3
         p> PUBLISH t qos=2 id=1 m=1 & PUBLISH t qos=2 id=2 m=2 & PUBLISH t qos=2 id=3 m=3
         p< PUBREC id=1
         p< PUBREC id=2
         p< PUBREC id=3
         # Finishing one makes place.
         p> PUBREL id=1
         p< PUBCOMP id=1
         p> PUBLISH t qos=2 id=4 m=4
         p< PUBREC id=4
         p> PUBLISH t qos=2 id=5 m=5
         p< DISCONNECT 0x93
         p< closed",
    );
}

/// Version 3 has no such limit.
#[test]
fn a_version_3_publisher_has_no_receive_maximum() {
    check_with(
        "max_inflight_messages 2",
        "s connects v5 clean
         s subscribes t
         p connects v311 clean
         p> PUBLISH t qos=2 id=1 m=1 & PUBLISH t qos=2 id=2 m=2 & PUBLISH t qos=2 id=3 m=3 & PUBLISH t qos=2 id=4 m=4
         p< PUBREC id=1
         p< PUBREC id=2
         p< PUBREC id=3
         p< PUBREC id=4
         p> PUBREL id=1 & PUBREL id=2 & PUBREL id=3 & PUBREL id=4
         p< PUBCOMP id=1
         p< PUBCOMP id=2
         p< PUBCOMP id=3
         p< PUBCOMP id=4
         s< PUBLISH t m=1
         s< PUBLISH t m=2
         s< PUBLISH t m=3
         s< PUBLISH t m=4",
    );
}

/// QoS 1 that is answered at once needs no place for long: a whole batch in one segment is fine.
#[test]
fn qos_1_publishes_in_one_segment_are_answered_one_by_one() {
    on_each_shard_count("max_inflight_messages 20", |server| {
        let mut client = server.connect();
        client.send("CONNECT v5 clean id=p");
        client.expect("CONNACK receive-maximum=20");
        for first in (1..200).step_by(20) {
            let publishes: Vec<String> = (first..first + 20).map(|id| format!("PUBLISH t qos=1 id={id} m=x")).collect();
            client.send(&publishes.join(" & "));
            for id in first..first + 20 {
                client.expect(&format!("PUBACK id={id} 0x10"));
            }
        }
    });
}

// [MQTT5-3.1.2-24] [MQTT5-3.1.2-25]
#[test]
fn nothing_larger_than_the_clients_maximum_packet_size() {
    check(
        "# 2 + 2 + 1 + 1 + 30 bytes, and with a Packet Identifier 38.
         s connects v5 clean maximum-packet-size=38 receive-maximum=1
         s subscribes t qos=1
         z connects v5 clean
         z subscribes t qos=1
         p connects v5 clean
         p publishes t qos=1 m=\"a\"*30
         s receives t qos=1 m=\"a\"*30
         p publishes t qos=1 m=\"b\"*31
         z receives t qos=1 m=\"a\"*30
         z receives t qos=1 m=\"b\"*31
         # As though it had been delivered: it holds no place.
         p publishes t qos=1 m=c
         s receives t qos=1 m=c
         p publishes t m=\"d\"*32
         s< PUBLISH t m=\"d\"*32
         p publishes t m=\"e\"*34
         p publishes t m=f
         s< PUBLISH t m=f
         # Its own properties count.
         p publishes t m=\"g\"*20 user-property=name:value
         p publishes t m=h
         s< PUBLISH t m=h",
    );
}

#[test]
fn an_oversized_queued_message_is_passed_over() {
    check(
        "s connects v5 session-expiry-interval=100
         s subscribes t qos=1
         s disconnects
         p connects v5 clean
         p publishes t qos=1 m=\"x\"*100
         p publishes t qos=1 m=small
         s connects v5 session-expiry-interval=100 maximum-packet-size=50 session-present
         s receives t qos=1 m=small
         s< nothing",
    );
}

// [MQTT5-3.4.2-2] [MQTT5-3.4.2-3] [MQTT5-3.5.2-2] [MQTT5-3.5.2-3] [MQTT5-3.6.2-2] [MQTT5-3.6.2-3] [MQTT5-3.7.2-2] [MQTT5-3.7.2-3]
// [MQTT5-3.9.2-1] [MQTT5-3.9.2-2] [MQTT5-3.11.2-1] [MQTT5-3.11.2-2] [MQTT5-3.14.2-3] [MQTT5-3.14.2-4] [MQTT5-3.15.2-2] [MQTT5-3.15.2-3]
#[test]
fn answers_fit_into_the_smallest_packet_size() {
    on_each_shard_count("", |server| {
        let mut client = server.connect();
        client.send("CONNECT v5 clean id=c maximum-packet-size=20");
        client.expect("CONNACK");
        client.send(
            "PUBLISH t qos=1 id=1 m=x & PUBLISH t qos=2 id=2 m=x & PUBREL id=2 & PUBREL id=77 & PUBREC id=78 \
             & SUBSCRIBE id=3 a b c & UNSUBSCRIBE id=4 a nothing & PUBLISH $SYS/x qos=1 id=5 m=x & AUTH 0x18",
        );
        let mut names = Vec::new();
        loop {
            match client.receive_within(Duration::from_secs(3)) {
                midge_testkit::Received::Packet(packet, bytes) => {
                    assert!(bytes.len() <= 20, "{} bytes: {packet}", bytes.len());
                    assert!(!packet.has("reason-string") && !packet.has("user-property") || bytes.len() <= 20);
                    names.push(packet.kind.name());
                }
                midge_testkit::Received::Closed => break,
                other => panic!("{other}"),
            }
        }
        assert_eq!(
            names,
            ["PUBACK", "PUBREC", "PUBCOMP", "PUBCOMP", "PUBREL", "SUBACK", "UNSUBACK", "PUBACK", "DISCONNECT"]
        );
    });
}

// [MQTT5-3.1.2-29]
#[test]
fn who_wants_no_problem_information_gets_none() {
    check(
        "s connects v5 clean
         s subscribes t
         c connects v5 clean request-problem-information=0
         c> PUBLISH $SYS/x qos=1 id=1 m=x
         c< PUBACK id=1 0x87 !reason-string !user-property
         c> PUBLISH nobody qos=1 id=2 m=x
         c< PUBACK id=2 0x10 !reason-string !user-property
         c> PUBREL id=9
         c< PUBCOMP id=9 !reason-string !user-property
         c> UNSUBSCRIBE id=3 nothing
         c< UNSUBACK id=3 0x11 !reason-string !user-property
         # The publisher's own properties are passed on to such a client all the same.
         c subscribes t
         p connects v5 clean
         p publishes t m=x user-property=a:b
         c< PUBLISH t m=x user-property=a:b",
    );
}

// [MQTT5-3.2.2-15]
#[test]
fn a_packet_above_the_servers_maximum() {
    check_with(
        "max_packet_size 1000",
        "s connects v5 clean
         s subscribes t
         p> CONNECT v5 clean
         p< CONNACK maximum-packet-size=1000
         # 1000 bytes: 3 + 2 + 1 + 1 + 993.
         p> PUBLISH t m=\"x\"*993
         s< PUBLISH t m=\"x\"*993
         p> PUBLISH t m=before & PUBLISH t m=\"x\"*994
         p< DISCONNECT 0x95
         p< closed
         s< PUBLISH t m=before
         q connects v311 clean
         q> PUBLISH t m=\"x\"*995
         q< closed
         s< nothing",
    );
}

/// The rule of `message_size_limit`: such a message is acknowledged or refused, and goes nowhere; the connection stays. The
/// code is 0x97: Mosquitto's 0x95 is not in the tables of PUBACK and PUBREC.
#[test]
fn a_payload_above_message_size_limit() {
    check_with(
        "message_size_limit 10",
        "s connects v5 clean
         s subscribes t
         p connects v311 clean
         p> PUBLISH t qos=1 id=1 m=\"x\"*11
         p< PUBACK id=1
         q connects v5 clean
         q> PUBLISH t qos=1 id=1 m=\"x\"*11
         q< PUBACK id=1 0x97
         q> PUBLISH t qos=2 id=2 m=\"x\"*11
         q< PUBREC id=2 0x97
         q pings
         s< nothing
         p publishes t qos=1 m=\"x\"*10
         s< PUBLISH t m=\"x\"*10",
    );
}

/// A client that never reads: QoS 0 beyond the mark is discarded, nobody else waits for it.
#[test]
fn a_reader_that_never_reads_disturbs_nobody() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("lazy connects v311 clean\n lazy subscribes t/#\n s connects v311 clean\n s subscribes t/#\n p connects v311 clean");
        let before = server.resident_bytes();
        let mut talk_bytes = 0;
        for number in 0..600 {
            talk.client("p").send(&format!("PUBLISH t/{number} m=\"x\"*100000"));
            talk.client("s").expect(&format!("PUBLISH t/{number} m=\"x\"*100000"));
            talk_bytes += 100_000;
        }
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < talk_bytes / 2, "the server grew by {grown} bytes for {talk_bytes} bytes that nobody read");
    });
}

#[test]
fn a_small_window_does_not_reorder() {
    check_versions(
        &["v311", "v5 receive-maximum=1"],
        "s connects vX clean
         s subscribes t qos=1
         p connects v311 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         p publishes t qos=1 m=3
         s receives t qos=1 m=1
         p publishes t qos=1 m=4
         s receives t qos=1 m=2
         s receives t qos=1 m=3
         s receives t qos=1 m=4",
    );
}
