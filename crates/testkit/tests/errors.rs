//! What bad input gets (§4.13): the answer, the end of the connection, and that nobody else and nothing before it is harmed.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use midge_testkit::{Conversation, PATIENCE, check, check_with, on_each_shard_count};

/// Each row is a packet and the Reason Code for it: version 5 is told by DISCONNECT, version 3 is closed. What came before it in
/// the same segment is not lost, what comes behind it is not looked at.
#[track_caller]
fn check_refused(versions: &[&str], rows: &[(&str, &str)]) {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes before after");
        for (packet, code) in rows {
            for version in versions {
                let told = if *version == "v5" { format!("c< DISCONNECT {code}") } else { "# by closing".to_owned() };
                talk.play(&format!(
                    "c connects {version} clean
                     c> PUBLISH before m=x & {packet} & PUBLISH after m=x
                     {told}
                     c< closed
                     s< PUBLISH before m=x"
                ));
            }
        }
        talk.play("s< nothing");
    });
}

// [MQTT5-2.1.3-1] [MQTT5-3.8.1-1] [MQTT5-3.10.1-1] [MQTT5-3.6.1-1] [MQTT5-3.14.1-1] [MQTT5-4.13.1-1]
// [MQTT3-2.2.2-1] [MQTT3-2.2.2-2] [MQTT3-3.8.1-1] [MQTT3-3.10.1-1] [MQTT3-3.6.1-1] [MQTT3-3.14.1-1] [MQTT3-4.8.0-1]
#[test]
fn wrong_flags_are_malformed() {
    check_refused(
        &["v311", "v5"],
        &[
            ("SUBSCRIBE id=1 t flags=0", "0x81"),
            ("SUBSCRIBE id=1 t flags=3", "0x81"),
            ("UNSUBSCRIBE id=1 t flags=0", "0x81"),
            ("PUBREL id=1 flags=0", "0x81"),
            ("PUBACK id=1 flags=1", "0x81"),
            ("PUBREC id=1 flags=2", "0x81"),
            ("PUBCOMP id=1 flags=8", "0x81"),
            ("PINGREQ flags=1", "0x81"),
            ("DISCONNECT flags=1", "0x81"),
        ],
    );
}

/// In 3.1 these packets have a DUP flag, which clients set when they send them again.
#[test]
fn version_3_1_has_dup_in_other_packets() {
    check(
        "c connects v31 clean
         c> SUBSCRIBE id=1 t flags=10
         c< SUBACK id=1
         c> UNSUBSCRIBE id=2 t flags=10
         c< UNSUBACK id=2
         c> PUBLISH t qos=2 id=3 m=x
         c< PUBREC id=3
         c> PUBREL id=3 flags=10
         c< PUBCOMP id=3",
    );
}

// [MQTT5-3.3.1-4] [MQTT3-3.3.1-4] [MQTT5-3.3.1-2] [MQTT3-3.3.1-2]
#[test]
fn publish_flags_that_contradict_each_other() {
    check_refused(&["v311", "v5"], &[("PUBLISH t qos=3 id=1 m=x", "0x81"), ("PUBLISH t dup m=x", "0x??")]);
}

// [MQTT5-2.2.1-3] [MQTT3-2.3.1-1]
#[test]
fn a_packet_identifier_is_not_zero() {
    check_refused(
        &["v311", "v5"],
        &[
            ("PUBLISH t qos=1 id=0 m=x", "0x??"),
            ("PUBLISH t qos=2 id=0 m=x", "0x??"),
            ("SUBSCRIBE id=0 t", "0x81"),
            ("UNSUBSCRIBE id=0 t", "0x81"),
        ],
    );
}

// [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-3.3.2-1] [MQTT5-3.8.3-1] [MQTT5-3.10.3-1] [MQTT5-4.7.3-2]
// [MQTT3-1.5.3-1] [MQTT3-1.5.3-2] [MQTT3-3.3.2-1] [MQTT3-3.8.3-1] [MQTT3-3.10.3-1] [MQTT3-4.7.3-2]
#[test]
fn texts_that_are_no_utf_8() {
    let texts =
        [r"a\xff", r"\xc0\x80", r"\xed\xa0\x80", r"\xed\xbf\xbf", r"\xf4\x90\x80\x80", r"\xe2\x82", r"a\x00b", r"\x80"];
    for text in texts {
        check_refused(
            &["v31", "v311", "v5"],
            &[
                (&format!("PUBLISH \"{text}\" m=x"), "0x81"),
                (&format!("SUBSCRIBE id=1 \"{text}\""), "0x81"),
                (&format!("UNSUBSCRIBE id=1 \"{text}\""), "0x81"),
            ],
        );
    }
}

/// People see names in terminals and logs. What only passes through may hold control characters.
#[test]
fn control_characters_in_names() {
    for character in [r"\x01", r"\x1b", r"\x7f", r"\xc2\x80", r"\xc2\x9f"] {
        check_refused(
            &["v31", "v311", "v5"],
            &[
                (&format!("PUBLISH \"a{character}\" m=x"), "0x81"),
                (&format!("SUBSCRIBE id=1 \"a{character}/#\""), "0x81"),
                (&format!("SUBSCRIBE id=1 \"$share/a{character}/t\""), "0x81"),
                (&format!("UNSUBSCRIBE id=1 \"a{character}\""), "0x81"),
            ],
        );
        check(&format!(
            "a> CONNECT v311 id=\"a{character}\"
             a< closed
             b> CONNECT v5 id=\"b{character}\"
             b< CONNACK 0x85
             b< closed
             c> CONNECT v5 username=\"c{character}\"
             c< CONNACK 0x81
             c< closed
             d> CONNECT v5 will=\"d{character}\" will.m=x
             d< CONNACK 0x81
             d< closed"
        ));
    }
    check(
        r#"s connects v5 clean
           s subscribes t
           p connects v5 clean
           p> PUBLISH t m="a\x1b\x0a" user-property="line:one\x0atwo" content-type="\x09"
           s< PUBLISH t m="a\x1b\x0a" user-property="line:one\x0atwo" content-type="\x09""#,
    );
}

// [MQTT5-3.3.2-2] [MQTT5-4.7.0-1] [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.3-1]
// [MQTT3-3.3.2-2] [MQTT3-4.7.1-1] [MQTT3-4.7.1-2] [MQTT3-4.7.1-3] [MQTT3-4.7.3-1]
#[test]
fn topics_and_filters_that_are_none() {
    check_refused(
        &["v31", "v311", "v5"],
        &[
            ("PUBLISH a/+ m=x", "0x81"),
            ("PUBLISH # m=x", "0x81"),
            ("PUBLISH a+b m=x", "0x81"),
            ("PUBLISH \"\" m=x", "0x??"),
            ("SUBSCRIBE id=1 \"\"", "0x81"),
            ("SUBSCRIBE id=1 a#", "0x81"),
            ("SUBSCRIBE id=1 a/#/b", "0x81"),
            ("SUBSCRIBE id=1 #/", "0x81"),
            ("SUBSCRIBE id=1 a+", "0x81"),
            ("SUBSCRIBE id=1 +a/b", "0x81"),
            ("SUBSCRIBE id=1 good a/b+", "0x81"),
            ("UNSUBSCRIBE id=1 \"\"", "0x81"),
            ("UNSUBSCRIBE id=1 a/#/b", "0x81"),
        ],
    );
}

// [MQTT5-3.8.3-2] [MQTT5-3.10.3-2] [MQTT3-3.8.3-3] [MQTT3-3.10.3-2]
#[test]
fn requests_without_any_filter() {
    check_refused(&["v31", "v311", "v5"], &[("SUBSCRIBE id=1", "0x82"), ("UNSUBSCRIBE id=1", "0x82")]);
}

// [MQTT5-3.8.3-5] [MQTT3-3.8.3-4]
#[test]
fn subscription_options_that_do_not_exist() {
    check_refused(
        &["v5"],
        &[
            ("SUBSCRIBE id=1 t options=64", "0x81"),
            ("SUBSCRIBE id=1 t options=128", "0x81"),
            ("SUBSCRIBE id=1 t options=3", "0x82"),
            ("SUBSCRIBE id=1 t options=48", "0x82"),
        ],
    );
    check_refused(
        &["v31", "v311"],
        &[("SUBSCRIBE id=1 t options=3", ""), ("SUBSCRIBE id=1 t options=4", ""), ("SUBSCRIBE id=1 t options=128", "")],
    );
}

/// Five bytes of Remaining Length; lengths that fit no packet; packets that end too soon or too late.
// [MQTT5-1.5.5-1] [MQTT3-4.8.0-1]
#[test]
fn lengths_that_cannot_be() {
    check_refused(
        &["v311", "v5"],
        &[
            ("hex 30 ff ff ff ff 01", "0x81"),
            ("hex 30 80 80 80 80 00", "0x81"),
            ("hex 40 01 00", "0x81"),
            ("hex 40 00", "0x81"),
            ("hex c0 01 00", "0x81"),
            ("hex 32 03 00 01 74", "0x81"),
            ("hex 30 01 00", "0x81"),
            ("hex 30 03 00 05 74", "0x81"),
            ("hex 82 02 00 01", "0x??"),
            ("hex 82 06 00 01 00 05 61 00", "0x81"),
        ],
    );
}

/// Packets that only a server sends, and those that nobody sends; flags that none of them has come first. The rest of such a
/// packet is not waited for.
// [MQTT3-4.8.0-1] [MQTT5-4.13.1-1] [MQTT5-2.1.3-1]
#[test]
fn packets_in_the_wrong_direction() {
    check_refused(
        &["v311", "v5"],
        &[
            ("hex 20 02 00 00", "0x82"),
            ("hex 90 03 00 01 00", "0x82"),
            ("hex b0 02 00 01", "0x82"),
            ("hex d0 00", "0x82"),
            ("hex 00 00", "0x82"),
            ("hex f0 01 00", "0x82"),
            ("hex 21 02 00 00", "0x81"),
            ("hex 94 03 00 01 00", "0x81"),
            ("hex b8 02 00 01", "0x81"),
            ("hex d1 00", "0x81"),
            ("hex f1 00", "0x81"),
        ],
    );
    check("c connects v5 clean\n c> hex 0a c0\n c< DISCONNECT 0x82\n c< closed");
}

#[test]
fn properties_that_are_malformed_or_against_the_rules() {
    check_refused(
        &["v5"],
        &[
            // Twice what may be there once.
            ("PUBLISH t m=x content-type=a content-type=b", "0x82"),
            ("PUBLISH t m=x topic-alias=1 topic-alias=1", "0x82"),
            ("SUBSCRIBE id=1 subscription-identifier=1 subscription-identifier=2 t", "0x82"),
            // Where they do not belong.
            ("PUBLISH t m=x session-expiry-interval=1", "0x81"),
            ("SUBSCRIBE id=1 content-type=a t", "0x81"),
            ("UNSUBSCRIBE id=1 subscription-identifier=1 t", "0x81"),
            ("PUBACK id=1 0x00 content-type=a", "0x81"),
            ("DISCONNECT 0x00 topic-alias=1", "0x81"),
            // No such property; a length beyond the packet; a value that is cut.
            ("hex 30 07 00 01 74 02 7f 00 78", "0x81"),
            ("hex 30 05 00 01 74 09 01", "0x81"),
            ("hex 30 06 00 01 74 02 02 00", "0x81"),
            // Values that are not allowed.
            ("PUBLISH t m=x payload-format-indicator=2", "0x82"),
            ("SUBSCRIBE id=1 subscription-identifier=0 t", "0x82"),
        ],
    );
}

// [MQTT5-3.3.4-6]
#[test]
fn a_subscription_identifier_in_a_clients_publish() {
    check_refused(&["v5"], &[("PUBLISH t m=x subscription-identifier=1", "0x82")]);
}

// [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1] [MQTT5-3.14.2-1] [MQTT5-3.15.2-1]
#[test]
fn reason_codes_that_are_not_in_the_table() {
    check_refused(
        &["v5"],
        &[
            ("PUBACK id=1 0x01", "0x??"),
            ("PUBREC id=1 0x92", "0x??"),
            ("PUBREL id=1 0x10", "0x??"),
            ("PUBCOMP id=1 0x80", "0x??"),
            ("DISCONNECT 0x01", "0x??"),
            ("AUTH 0x01", "0x??"),
        ],
    );
}

// [MQTT3-3.3.5-2]
#[test]
fn publishing_where_only_the_server_may() {
    check(
        "s connects v5 clean
         s subscribes $SYS/mine/# $share/x/y
         c connects v5 clean
         c> PUBLISH $SYS/mine/x qos=1 id=1 m=x
         c< PUBACK id=1 0x87
         c> PUBLISH $share/x/y qos=1 id=2 m=x
         c< PUBACK id=2 0x87
         c> PUBLISH $SYS/mine/x qos=2 id=3 m=x
         c< PUBREC id=3 0x87
         # Refused, so the flow has ended and the identifier is free.
         c> PUBLISH t qos=2 id=3 m=x
         c< PUBREC id=3
         c> PUBLISH $SYS/mine/x m=x
         c pings
         d connects v311 clean
         d> PUBLISH $SYS/mine/x qos=1 id=1 m=x retain
         d< PUBACK id=1
         d pings
         s< nothing",
    );
}

/// More levels than anybody needs: a limit of ours, and Mosquitto's, which calls them malformed.
#[test]
fn topics_with_thousands_of_levels() {
    check(
        "s connects v5 clean
         s subscribes end
         a connects v5 clean
         a> PUBLISH \"/\"*65535 m=x
         a< DISCONNECT 0x81
         a< closed
         b connects v5 clean
         b> SUBSCRIBE id=1 ok \"+/\"*10000
         b< DISCONNECT 0x81
         b< closed
         c connects v311 clean
         c> PUBLISH \"/\"*65535 m=x
         c< closed
         d connects v311 clean
         d> SUBSCRIBE id=1 \"a/\"*10000
         d< closed
         # 200 slashes are fine.
         e connects v5 clean
         e subscribes \"+/\"*200
         e> PUBLISH \"a/\"*200 m=x
         e< PUBLISH \"a/\"*200 m=x
         e> PUBLISH \"a/\"*201 qos=1 id=1
         e< DISCONNECT 0x81
         e< closed
         # The longest text there is, in one level.
         e connects v5 clean
         e subscribes \"x\"*65535
         e> PUBLISH \"x\"*65535 m=y
         e< PUBLISH \"x\"*65535 m=y
         e> PUBLISH end m=x
         s< PUBLISH end m=x",
    );
}

// [MQTT5-4.7.3-3] [MQTT3-4.7.3-3]
#[test]
fn the_longest_topic_name() {
    check_with(
        "max_packet_size 200000",
        "s connects v311 clean
         s subscribes \"t\"*65535
         p connects v311 clean
         p> PUBLISH \"t\"*65535 m=x
         s< PUBLISH \"t\"*65535 m=x",
    );
}

/// The connection is refused by the fixed header; the body is neither waited for nor stored.
#[test]
fn an_oversized_packet_is_refused_before_it_is_read() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        for number in 0..20 {
            talk.play(&format!("c{number} connects v5 clean\n c{number}> PUBLISH t m=x"));
        }
        let before = server.resident_bytes();
        for number in 0..20 {
            // 256 MB announced.
            talk.play(&format!(
                "c{number}> hex 30 ff ff ff 7f 00 01 74\n c{number}< DISCONNECT 0x95\n c{number}< closed"
            ));
        }
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 4_000_000, "grew by {grown} bytes");
    });
}

/// A CONNECT that announces a body as large as a packet may be.
#[test]
fn an_oversized_connect_is_refused() {
    on_each_shard_count("", |server| {
        let mut client = server.connect();
        client.send_bytes(&midge_testkit::client::hex("10 ff ff ff 7f 00 04 4d 51 54 54 05"));
        client.speak(5);
        match client.receive_within(PATIENCE) {
            midge_testkit::Received::Closed => {}
            midge_testkit::Received::Packet(packet, _) if packet.codes() == [0x95] => client.expect_closed(),
            other => panic!("{other}"),
        }
    });
}

/// Connections that say nothing are closed after 30 seconds, and do not keep others waiting.
// [MQTT5-3.1.4-1]
#[test]
fn silent_connections_are_closed() {
    on_each_shard_count("", |server| {
        let started = Instant::now();
        let mut silent: Vec<_> = (0..200).map(|_| server.connect()).collect();
        let mut slow = server.connect();
        slow.send_bytes(&[0x10, 0x0e]);
        Conversation::with(server).play("c connects v5 clean\n c subscribes t\n c> PUBLISH t m=x\n c< PUBLISH t m=x");
        let patience = Duration::from_secs(40);
        for client in silent.iter_mut().chain([&mut slow]) {
            match client.receive_within(patience.saturating_sub(started.elapsed())) {
                midge_testkit::Received::Closed => {}
                other => panic!("after {:?}: {other}", started.elapsed()),
            }
        }
        assert!(started.elapsed() > Duration::from_secs(20), "closed too soon: {:?}", started.elapsed());
    });
}

/// A thousand connections with a CONNECT that never ends cost little each, and the server goes on.
#[test]
fn many_half_connects_cost_little() {
    on_each_shard_count("", |server| {
        let before = server.resident_bytes();
        let streams: Vec<TcpStream> = (0..1000)
            .map(|_| {
                let mut stream = TcpStream::connect(server.address()).expect("connect");
                stream.write_all(&midge_testkit::client::hex("10 7f 00 04 4d 51 54 54 04 02")).expect("write");
                stream
            })
            .collect();
        Conversation::with(server).play("c connects v5 clean\n c pings");
        let each = server.resident_bytes().saturating_sub(before) / 1000;
        assert!(each < 8_000, "{each} bytes for each");
        drop(streams);
        Conversation::with(server).play("c connects v5 clean id=d\n c pings");
    });
}

/// Random bytes, whole packets cut anywhere: nothing but the sender suffers.
#[test]
fn noise_harms_nobody() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes safe");
        let connect = midge_testkit::client::hex("10 0d 00 04 4d 51 54 54 05 02 00 00 00 00 00");
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..300 {
            let mut client = server.connect();
            let mut noise: Vec<u8> = (0..64)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            // A small Remaining Length, so that most of it is looked at.
            noise[1] %= 62;
            if round % 3 != 0 {
                client.send_bytes(&connect);
            }
            client.send_bytes(&noise);
        }
        talk.play("p connects v311 clean\n p> PUBLISH safe m=x\n s< PUBLISH safe m=x");
    });
}

/// A second thought about every rule: whatever is refused, the server's other clients keep their connections.
#[test]
fn a_refused_session_can_come_back() {
    check(
        "c connects v5 session-expiry-interval=100
         c subscribes t qos=1
         c> PUBLISH t qos=3 id=1 m=x
         c< DISCONNECT 0x81
         c< closed
         p connects v311 clean
         p publishes t qos=1 m=x
         c connects v5 session-expiry-interval=100 session-present
         c receives t qos=1 m=x",
    );
}
