//! CONNECT (§3.1): who is let in, who is not, and what a refusal looks like. CONNACK's properties are in `connack.rs`, the Will in `will.rs`.

use std::time::Duration;

use midge_testkit::{Received, check, check_versions, check_with};

// [MQTT5-3.1.4-5] [MQTT5-4.2.0-1] [MQTT3-3.1.4-4] [MQTT3-3.2.0-1] [MQTT3-7.1.1-1]
#[test]
fn every_version_is_accepted() {
    check_versions(
        &["v31", "v311", "v5"],
        "c> CONNECT vX clean keep-alive=60
         c< CONNACK 0x00
         c pings
         c disconnects",
    );
}

// [MQTT5-3.1.0-1] [MQTT5-3.2.0-1] [MQTT5-3.14.0-1] [MQTT3-3.1.0-1]
#[test]
fn whoever_begins_with_another_packet_is_closed_without_a_word() {
    check(
        "a> PINGREQ
         a< closed
         b> PUBLISH t m=x
         b< closed
         c> SUBSCRIBE id=1 t
         c< closed
         d> hex e0 00
         d< closed
         e> hex f0 00
         e< closed
         f> hex 40 02 00 01
         f< closed
         g> hex 00 00
         g< closed
         h> hex 20 02 00 00
         h< closed
         i> hex 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a
         i< closed",
    );
}

// [MQTT5-3.1.0-2] [MQTT3-3.1.0-2] [MQTT5-3.2.0-2]
#[test]
fn a_second_connect_is_a_protocol_error() {
    check(
        "c connects v5 clean
         c> CONNECT v5 clean
         c< DISCONNECT 0x82
         c< closed
         d connects v311 clean
         d> CONNECT v311 clean
         d< closed
         e> CONNECT v5 clean & CONNECT v5 clean
         e< CONNACK
         e< DISCONNECT 0x82
         e< closed",
    );
}

// [MQTT5-3.1.2-1] [MQTT3-3.1.2-1] [MQTT3-3.2.2-6]
#[test]
fn the_protocol_name_is_exact() {
    check(
        "c> CONNECT v5 clean protocol=MQTX
         c<? CONNACK 0x84
         c< closed
         d> CONNECT v311 clean protocol=mqtt
         d< closed
         e> CONNECT v311 clean protocol=\"\"
         e< closed
         f> CONNECT v31 clean protocol=MQIsd
         f< closed
         g> CONNECT v5 clean protocol=MQTTT
         g<? CONNACK 0x84
         g< closed",
    );
}

// [MQTT5-3.1.2-2] [MQTT3-3.1.2-2]
#[test]
fn an_unknown_level_is_refused_with_the_code_for_it() {
    check(
        "c> CONNECT v5 clean level=6
         c< CONNACK 0x84
         c< closed
         d> CONNECT v311 clean level=2
         d< CONNACK 0x01
         d< closed
         e> CONNECT v31 clean level=2
         e< CONNACK 0x01
         e< closed",
    );
}

/// Mosquitto's bridges mark themselves by the highest bit of the level.
#[test]
fn the_bridge_bit_of_the_level_is_no_other_version() {
    check(
        "c connects v311 clean level=132
         c pings
         d connects v31 clean level=131
         d pings",
    );
}

// [MQTT5-3.1.2-3] [MQTT3-3.1.2-3] [MQTT3-3.1.4-1] [MQTT5-3.1.4-1]
#[test]
fn the_reserved_connect_flag_is_checked() {
    check(
        "c> CONNECT v5 connect-flags=3
         c<? CONNACK 0x81
         c< closed
         d> CONNECT v311 connect-flags=3
         d< closed
         e> CONNECT v311 clean flags=1
         e< closed",
    );
}

// [MQTT5-3.1.2-11] [MQTT5-3.1.2-12] [MQTT5-3.1.2-13]
// [MQTT3-3.1.2-11] [MQTT3-3.1.2-13] [MQTT3-3.1.2-14] [MQTT3-3.1.2-15]
#[test]
fn will_flags_that_contradict_each_other() {
    check(
        "# Will QoS 1, Will QoS 2 and Will Retain without a Will.
         a> CONNECT v311 connect-flags=10
         a< closed
         b> CONNECT v311 connect-flags=18
         b< closed
         c> CONNECT v311 connect-flags=34
         c< closed
         d> CONNECT v5 connect-flags=10
         d<? CONNACK 0x81
         d< closed
         e> CONNECT v5 connect-flags=34
         e<? CONNACK 0x81
         e< closed
         # Will QoS 3
         f> CONNECT v311 will=w will.m=x will.qos=3
         f< closed
         g> CONNECT v5 will=w will.m=x will.qos=3
         g<? CONNACK 0x81
         g< closed",
    );
}

// [MQTT5-3.1.2-9] [MQTT5-3.1.2-16] [MQTT5-3.1.2-17] [MQTT5-3.1.2-18] [MQTT5-3.1.2-19] [MQTT5-3.1.3-1] [MQTT5-3.1.3-3]
// [MQTT3-3.1.2-9] [MQTT3-3.1.2-18] [MQTT3-3.1.2-19] [MQTT3-3.1.2-20] [MQTT3-3.1.2-21] [MQTT3-3.1.3-1] [MQTT3-3.1.3-3]
#[test]
fn flags_and_payload_must_agree() {
    check(
        "# User Name Flag, Password Flag, Will Flag without the field.
         a> CONNECT v311 connect-flags=130
         a< closed
         b> CONNECT v311 username=u connect-flags=194
         b< closed
         c> CONNECT v311 connect-flags=6
         c< closed
         # The field without its flag.
         d> CONNECT v311 username=u connect-flags=2
         d< closed
         e> CONNECT v311 username=u password=p connect-flags=130
         e< closed
         f> CONNECT v311 will=w will.m=x connect-flags=2
         f< closed
         # No Client Identifier at all.
         g> hex 10 0a 00 04 4d 51 54 54 04 02 00 00
         g< closed
         h> CONNECT v5 username=u connect-flags=2
         h<? CONNACK 0x81
         h< closed
         i> CONNECT v5 clean connect-flags=130
         i<? CONNACK 0x81
         i< closed
         # All of it, in its order.
         j connects v311 clean will=w will.m=x username=u password=p
         k connects v5 clean will=w will.m=x username=u password=p",
    );
}

// [MQTT3-3.1.2-22]
#[test]
fn a_password_without_a_user_name_is_for_version_5_only() {
    check(
        "c> CONNECT v311 clean password=p
         c< closed
         d connects v5 clean password=p",
    );
}

/// A password is binary data, not text.
// [MQTT3-3.1.2-21] [MQTT5-3.1.2-19]
#[test]
fn a_password_may_be_any_bytes() {
    check(
        r#"c connects v311 clean username=u password="\x00\xff"
           d connects v5 clean username=u password="\x00\xff""#,
    );
}

// [MQTT5-3.1.3-5] [MQTT3-3.1.3-5] [MQTT5-3.1.3-2] [MQTT3-3.1.3-2]
#[test]
fn client_identifiers_of_letters_and_digits() {
    check(
        "a connects v311 clean id=0123456789abcdefghijklm
         b connects v311 clean id=nopqrstuvwxyzABCDEFGHIJ
         c connects v5 clean id=KLMNOPQRSTUVWXYZ0123456
         d connects v31 clean id=0123456789abcdefghijklM
         e connects v311 clean id=x
         # Longer and stranger ones may be accepted, and clients rely on it.
         f connects v311 clean id=\"mqttjs_\"*20
         g connects v5 clean id=\"a/b+c#d é\"",
    );
}

/// The specification of 3.1 has at most 23 characters. Mosquitto never enforced it, and clients of that age rely on that.
#[test]
fn version_3_1_may_have_long_client_identifiers_too() {
    check(
        "c connects v31 clean id=0123456789abcdefghijklmnopqrstuvwxyz
         c pings",
    );
}

// [MQTT5-3.1.3-6] [MQTT5-3.1.3-7] [MQTT5-3.2.2-16]
#[test]
fn version_5_is_told_its_assigned_client_identifier() {
    check(
        "a> CONNECT v5 clean id=\"\" session-expiry-interval=100
         a< CONNACK assigned-client-identifier={first}
         b> CONNECT v5 clean id=\"\"
         b< CONNACK assigned-client-identifier={second}
         # Clean Start 0 is allowed with it; there is no Session to resume.
         c> CONNECT v5 id=\"\"
         c< CONNACK assigned-client-identifier={third}
         a subscribes t qos=1
         a disconnects
         # The identifier is the client's own now.
         a> CONNECT v5 id={first} session-expiry-interval=100
         a< CONNACK session-present !assigned-client-identifier",
    );
}

#[test]
fn assigned_client_identifiers_begin_with_the_prefix() {
    midge_testkit::on_each_shard_count("auto_id_prefix device-", |server| {
        let mut names = Vec::new();
        for _ in 0..3 {
            let mut client = server.connect();
            client.send("CONNECT v5 clean id=\"\"");
            names.push(client.expect("CONNACK").text("assigned-client-identifier").expect("an identifier"));
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(
            names.iter().all(|name| name.starts_with("device-") && name.len() == "device-".len() + 36),
            "{names:?}"
        );
    });
}

// [MQTT3-3.1.3-6] [MQTT3-3.1.3-7] [MQTT3-3.1.3-8]
#[test]
fn version_3_may_leave_the_client_identifier_empty_with_clean_session() {
    check(
        "a> CONNECT v311 clean id=\"\"
         a< CONNACK
         b> CONNECT v311 clean id=\"\"
         b< CONNACK
         # Two clients, not one that is taken over.
         a pings
         c> CONNECT v311 id=\"\"
         c< CONNACK 0x02
         c< closed
         d> CONNECT v31 clean id=\"\"
         d< CONNACK 0x02
         d< closed",
    );
}

// [MQTT5-3.1.3-8] [MQTT3-3.1.3-9]
#[test]
fn empty_client_identifiers_can_be_forbidden() {
    check_with(
        "allow_zero_length_clientid false",
        "a> CONNECT v311 clean id=\"\"
         a< CONNACK 0x02
         a< closed
         b> CONNECT v5 clean id=\"\"
         b< CONNACK 0x80
         b< closed",
    );
}

// [MQTT5-3.1.3-4] [MQTT5-3.1.3-11] [MQTT5-3.1.3-12] [MQTT3-3.1.3-4] [MQTT3-3.1.3-10] [MQTT3-3.1.3-11]
#[test]
fn texts_of_connect_must_be_utf_8() {
    check(
        r#"a> CONNECT v311 clean id="a\xff"
           a< closed
           b> CONNECT v311 clean id="a\x00"
           b<? CONNACK 0x02
           b< closed
           c> CONNECT v311 clean will="w\xc0\x80" will.m=x
           c< closed
           d> CONNECT v311 clean username="\xed\xa0\x80"
           d< closed
           e> CONNECT v5 clean id="a\xff"
           e<? CONNACK 0x??
           e< closed
           f> CONNECT v5 clean will="w\xff" will.m=x
           f<? CONNACK 0x81
           f< closed
           g> CONNECT v5 clean username="\xff"
           g<? CONNACK 0x81
           g< closed"#,
    );
}

#[test]
fn the_will_topic_is_a_topic_name() {
    check(
        "a> CONNECT v311 clean will=w/+ will.m=x
         a< closed
         b> CONNECT v5 clean will=w/# will.m=x
         b<? CONNACK 0x??
         b< closed
         c> CONNECT v311 clean will=\"\" will.m=x
         c< closed",
    );
}

// [MQTT5-3.1.4-3] [MQTT3-3.1.4-2]
#[test]
fn a_known_client_identifier_takes_over() {
    check(
        "a connects v5 clean id=x
         b connects v5 clean id=x
         a< DISCONNECT 0x8e
         a< closed
         c connects v311 clean id=x
         b< DISCONNECT 0x8e
         b< closed
         d connects v311 clean id=x
         c< closed
         d pings",
    );
}

#[test]
fn many_take_overs_leave_one_connection() {
    midge_testkit::on_each_shard_count("", |server| {
        let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send("CONNECT v5 clean id=same"));
        // Which of them is last is for the server to say; all others are told, and nobody is left without an answer.
        let mut left = 0;
        for client in &mut clients {
            let mut told = Vec::new();
            loop {
                match client.receive_within(Duration::from_millis(500)) {
                    Received::Packet(packet, _) => {
                        told.push(format!("{} {:#04x}", packet.kind.name(), packet.codes()[0]))
                    }
                    Received::Closed => told.push("closed".to_owned()),
                    Received::Silence => break,
                    illegal @ Received::Illegal(..) => panic!("{illegal}"),
                }
                if told.ends_with(&["closed".to_owned()]) {
                    break;
                }
            }
            match told.join(", ").as_str() {
                "CONNACK 0x00" => left += 1,
                // One that was overtaken before it had a Session gets no CONNACK, so no DISCONNECT either.
                "CONNACK 0x00, DISCONNECT 0x8e, closed" | "closed" => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(left, 1, "one connection has the Session");
    });
}

/// The specification of 3.1 calls them "not used", and there are clients that set them as for PUBLISH.
#[test]
fn version_3_1_has_no_flags_in_connect() {
    check(
        "a> hex 14 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61
         a< hex 20 02 00 00
         b> hex 1f 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 62
         b< hex 20 02 00 00
         c> hex 12 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 63
         c< closed",
    );
}

/// Whichever shards the connections of a client come by, what it said on the older one came first: the message is published, and
/// the Will is not.
#[test]
fn a_client_that_comes_back_at_once_is_heard_out_before() {
    midge_testkit::on_each_shard_count("", |server| {
        let mut listener = server.connect();
        listener.send("CONNECT v311 clean & SUBSCRIBE id=1 heard/#");
        listener.expect("CONNACK");
        listener.expect("SUBACK id=1");
        for round in 0..200 {
            let mut client = server.connect();
            client.send("CONNECT v311 clean id=same will=heard/will will.m=x");
            client.expect("CONNACK");
            client.send(&format!("PUBLISH heard/out m={round} & DISCONNECT"));
        }
        (0..200).for_each(|round| drop(listener.expect(&format!("PUBLISH heard/out m={round}"))));
    });
}

// [MQTT5-3.1.4-6] [MQTT3-3.1.4-5]
#[test]
fn what_stands_behind_a_refused_connect_is_ignored() {
    check(
        "s connects v5 clean
         s subscribes t
         a> CONNECT v311 id=\"\" & PUBLISH t m=x
         a< CONNACK 0x02
         a< closed
         b> CONNECT v5 clean level=6 & PUBLISH t m=x
         b< CONNACK 0x84
         b< closed
         s< nothing",
    );
}

/// Clients need not wait for CONNACK, and what arrived before the end of a connection counts, however it ended.
#[test]
fn packets_right_behind_connect_count() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t/# qos=2
         a> CONNECT vX clean & PUBLISH t/1 m=1 & PUBLISH t/2 qos=1 id=1 m=2 & DISCONNECT
         s receives t/1 m=1
         s receives t/2 qos=1 m=2
         b> CONNECT vX clean & PUBLISH t/3 m=3
         b closes
         s receives t/3 m=3
         c> CONNECT vX clean & PUBLISH t/4 m=4
         c finishes
         s receives t/4 m=4",
    );
}

#[test]
fn a_connect_may_come_byte_by_byte() {
    midge_testkit::on_each_shard_count("", |server| {
        let mut client = server.connect();
        client.speak(5);
        for byte in midge_testkit::client::hex("10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 63 c0 00") {
            client.send_bytes(&[byte]);
            std::thread::sleep(Duration::from_millis(3));
        }
        client.expect("CONNACK");
        client.expect("PINGRESP");
    });
}

// [MQTT5-4.12.0-1] [MQTT5-3.1.2-30] [MQTT5-4.12.0-4]
#[test]
fn an_unknown_authentication_method_is_refused() {
    check(
        "c> CONNECT v5 clean authentication-method=SCRAM-SHA-1 authentication-data=x
         c< CONNACK 0x8c
         c< closed",
    );
}

// [MQTT5-4.12.0-6] [MQTT5-4.12.0-7]
#[test]
fn auth_without_a_method_is_a_protocol_error() {
    check(
        "c> CONNECT v5 clean
         c< CONNACK !authentication-method !authentication-data
         c> AUTH 0x18 authentication-method=x
         c< DISCONNECT 0x82
         c< closed
         d connects v5 clean
         d> AUTH 0x19 authentication-method=x
         d< DISCONNECT 0x82
         d< closed
         e connects v5 clean
         e> AUTH
         e< DISCONNECT 0x82
         e< closed",
    );
}

// [MQTT5-3.15.1-1]
#[test]
fn auth_has_no_flags() {
    check(
        "c connects v5 clean
         c> AUTH flags=1 0x18 authentication-method=x
         c< DISCONNECT 0x81
         c< closed",
    );
}

/// Version 3 has no AUTH.
// [MQTT3-4.8.0-1]
#[test]
fn packet_types_that_a_version_does_not_have() {
    check(
        "c connects v311 clean
         c> hex f0 00
         c< closed
         d connects v311 clean
         d> hex 00 00
         d< closed
         e connects v5 clean
         e> hex 00 00
         e< DISCONNECT 0x??
         e< closed",
    );
}

// [MQTT5-3.1.4-2]
#[test]
fn anonymous_clients_can_be_forbidden() {
    check_with(
        "allow_anonymous false",
        "a> CONNECT v311 clean
         a< CONNACK 0x05
         a< closed
         b> CONNECT v5 clean
         b< CONNACK 0x87 !maximum-packet-size !receive-maximum
         b< closed
         c> CONNECT v31 clean username=u password=p
         c< CONNACK 0x05
         c< closed",
    );
}

#[test]
fn names_and_passwords_are_accepted_where_nothing_knows_them() {
    check(
        "a connects v311 clean username=u password=p
         b connects v5 clean username=u",
    );
}

#[test]
fn too_many_clients() {
    check_with(
        "global_max_clients 2",
        "a connects v5 clean
         b connects v311
         c> CONNECT v5 clean
         c< CONNACK 0x89
         c< closed
         d> CONNECT v311 clean
         d< closed
         # Its Session stays when it goes, and counts.
         b disconnects
         c> CONNECT v5 clean
         c< CONNACK 0x89
         c< closed
         # A known client is no further one.
         b connects v311 session-present",
    );
}

#[test]
fn who_is_known_by_the_user_name_is_no_further_client() {
    check_with(
        "global_max_clients 1\nuse_username_as_clientid true",
        "a> CONNECT v311 id=x username=ann
         a< CONNACK 0x00
         a disconnects
         b> CONNECT v5 id=ann username=bob
         b< CONNACK 0x89
         b< closed
         c> CONNECT v5 id=y username=ann
         c< CONNACK 0x00 session-present",
    );
}

#[test]
fn versions_can_be_excluded() {
    check_with(
        "accept_protocol_versions 4, 5",
        "a> CONNECT v31 clean
         a< CONNACK 0x01
         a< closed
         b connects v311 clean
         c connects v5 clean",
    );
}
