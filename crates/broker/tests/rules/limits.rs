//! What a client may not do, and what the operator allows.

use crate::world::script::{check, check_with};
use midge_broker::{ListenerOptions, Options};

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
