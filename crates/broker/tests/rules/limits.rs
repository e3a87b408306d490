//! What a client may not do, and what the operator allows.

use crate::world::script::{check, check_with};
use midge_broker::{ClientRate, ListenerOptions, Options};
use std::num::NonZeroU32;

#[test]
fn a_fault_ends_the_connection_with_its_reason_and_what_came_before_it_counts() {
    check(
        r"
        s connects v311 clean
        s subscribes #
        c connects v5 clean
        c> PUBLISH a m=1 & PUBLISH a/+ m=2 & PUBLISH a m=3
        c< DISCONNECT 0x??
        c< closed
        s receives a m=1
        s< nothing
        d connects v311 clean
        d> PUBLISH a m=1 & PUBLISH a/+ m=2 & PUBLISH a m=3
        d< closed
        s receives a m=1
        s< nothing
        e connects v5 clean
        e> PINGREQ & CONNECT v5 & PINGREQ
        e< PINGRESP
        e< DISCONNECT 0x82
        e< closed
        ",
    );
}

#[test]
fn a_first_packet_that_is_no_connect_is_not_answered() {
    for shards in crate::world::script::SHARDS {
        let mut world = crate::world::World::new(Options::default(), shards, 1);
        let link = world.open();
        world.send(link, &[0xc0, 0]);
        world.settle();
        assert!(world.is_closed(link) && world.received(link).is_empty());
        let link = world.open();
        world.send(link, &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 9, 0, 0, 0, 0, 0]);
        world.settle();
        assert!(world.is_closed(link));
        assert_eq!(world.received(link)[0], 0x20, "a version that we do not know is answered");
        assert_eq!(world.leftovers(), "");
    }
}

#[test]
fn packets_above_the_maximum_are_refused_by_their_header() {
    check_with(
        Options { max_packet_size: 100, ..Options::default() },
        &format!(
            "c> CONNECT v5 clean\nc< CONNACK maximum-packet-size=100\nc> PUBLISH a m=\"x\"*90\nc pings\n\
             c> PUBLISH a m=\"x\"*200\nc< DISCONNECT 0x95\nc< closed\nd connects v311\nd> PUBLISH a m={}\nd< closed",
            "x".repeat(100)
        ),
    );
}

#[test]
fn topics_with_too_many_levels_are_refused() {
    check_with(
        Options { topic_levels_max: 3, ..Options::default() },
        r"
        c connects v5 clean
        c> PUBLISH a/b/c/d qos=1 id=1
        c< DISCONNECT 0x81
        c< closed
        c connects v5 clean
        c> SUBSCRIBE id=2 a/b/c a/b/c/d
        c< DISCONNECT 0x81
        c< closed
        c connects v5 clean
        c> PUBLISH a/b/c/d
        c< DISCONNECT 0x81
        c< closed
        d connects v311 clean
        d> PUBLISH a/b/c/d qos=1 id=1
        d< closed
        d connects v311 clean
        d> SUBSCRIBE id=2 a/b/c/d
        d< closed
        e> CONNECT v5 clean will=a/b/c/d
        e< CONNACK 0x90
        e< closed
        ",
    );
}

#[test]
fn payloads_above_the_limit_go_nowhere_and_3_x_is_answered_as_if_all_were_well() {
    check_with(
        Options { message_size_limit: 5, ..Options::default() },
        r"
        s connects v311
        s subscribes a qos=2
        c connects v5 clean
        c publishes a m=123456
        c publishes a m=12345
        s receives a m=12345
        d connects v311
        d publishes a qos=1 m=123456
        d publishes a qos=2 m=123456
        s< nothing
        ",
    );
}

#[test]
fn sessions_are_bounded_on_the_whole_server() {
    check_with(
        Options { global_max_clients: Some(2), ..Options::default() },
        r"
        a connects v311
        b connects v311
        b closes
        c> CONNECT v5 clean
        c< CONNACK 0x89
        c< closed
        d> CONNECT v311 clean
        d< closed
        # Whose Session is there may come.
        b connects v311 session-present
        a disconnects
        a connects v311 clean
        a disconnects
        c connects v5 clean
        c disconnects
        ",
    );
}

#[test]
fn a_listener_may_accept_some_versions_only() {
    let listener = ListenerOptions { accepts_v31: false, accepts_v311: false, ..ListenerOptions::default() };
    check_with(
        Options { listeners: vec![listener], ..Options::default() },
        r"
        a> CONNECT v31
        a< CONNACK 0x01
        a< closed
        b> CONNECT v311
        b< CONNACK 0x01
        b< closed
        c connects v5
        ",
    );
}

#[test]
fn authentication_methods_are_refused_and_auth_is_a_protocol_error() {
    check(
        r"
        a> CONNECT v5 authentication-method=x
        a< CONNACK 0x8c
        a< closed
        b connects v5
        b> AUTH 0x19 authentication-method=x
        b< DISCONNECT 0x82
        b< closed
        ",
    );
}

#[test]
fn a_session_may_have_so_many_subscriptions() {
    check_with(
        Options { max_subscriptions: Some(2), ..Options::default() },
        r"
        c connects v5
        c> SUBSCRIBE id=1 a qos=1 $share/g/b qos=1 c qos=1
        c< SUBACK id=1 0x01 0x01 0x97
        # Replacing one is not having one more.
        c subscribes a qos=2 $share/g/b qos=0
        c> UNSUBSCRIBE id=2 a
        c< UNSUBACK id=2 0x00
        c subscribes c
        d connects v311 clean
        d> SUBSCRIBE id=1 a qos=1 b qos=1 c qos=1
        d< SUBACK id=1 0x01 0x01 0x80
        ",
    );
}

#[test]
fn so_many_messages_are_retained_and_clearing_makes_room() {
    check_with(
        Options { max_retained_messages: Some(2), ..Options::default() },
        r"
        server publishes $SYS/x m=1 retain
        s connects v5 clean
        s subscribes +
        c connects v5 clean
        c publishes a qos=1 m=1 retain
        c publishes b qos=1 m=2 retain
        c> PUBLISH c qos=1 id=1 m=3 retain
        c< PUBACK id=1 0x97
        c> PUBLISH c qos=2 id=2 m=3 retain
        c< PUBREC id=2 0x97
        c> PUBLISH c m=3 retain
        c publishes a qos=1 m=4 retain
        c publishes b qos=1 retain
        c publishes c qos=1 m=5 retain
        s receives a m=1
        s receives b m=2
        s receives a m=4
        s receives b
        s receives c m=5
        # It cannot be told, and goes on.
        d connects v311 clean
        d publishes d qos=1 m=6 retain
        d publishes d qos=1 m=7
        s receives d m=7
        ",
    );
}

#[test]
fn so_many_bytes_are_retained() {
    check_with(
        Options { max_retained_bytes: Some(100), ..Options::default() },
        r#"
        c connects v5 clean
        c publishes a qos=1 m="x"*50 retain
        c> PUBLISH b qos=1 id=1 m="x"*50 retain
        c< PUBACK id=1 0x97
        c publishes b qos=1 m="x"*48 retain
        c> PUBLISH a qos=1 id=2 m="x"*51 retain
        c< PUBACK id=2 0x97
        c publishes a qos=1 m="x"*40 retain
        c publishes c qos=1 m="x"*9 retain
        "#,
    );
}

#[test]
fn who_sends_too_fast_is_read_more_slowly() {
    let client_rate = ClientRate { messages: NonZeroU32::new(2), bytes: None };
    check_with(
        Options { client_rate, ..Options::default() },
        r"
        s connects v5 clean
        s subscribes # qos=1
        fast connects v5 clean
        slow connects v5 clean
        fast> PUBLISH t m=1 & PUBLISH t m=2 & PUBLISH t m=3 & PUBLISH t m=4 & PINGREQ
        slow publishes u m=1
        fast< nothing
        s< PUBLISH ? m=?
        s< PUBLISH ? m=?
        s< PUBLISH ? m=?
        s< PUBLISH ? m=?
        s< nothing
        wait 500ms
        s receives t m=4
        fast< nothing
        wait 500ms
        fast< PINGRESP
        ",
    );
}

#[test]
fn what_a_fast_client_sent_before_its_end_counts() {
    let client_rate = ClientRate { messages: None, bytes: NonZeroU32::new(20) };
    check_with(
        Options { client_rate, ..Options::default() },
        r"
        s connects v5 clean
        s subscribes #
        fast connects v5 clean will=w will.m=gone
        fast>> PUBLISH t m=1234567890
        fast>> PUBLISH t m=1234567890
        fast>> PUBLISH t m=1234567890
        fast closes
        wait 10s
        s receives t m=1234567890
        s receives t m=1234567890
        s receives t m=1234567890
        s receives w m=gone
        ",
    );
}
