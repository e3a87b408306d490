//! Topic Alias in both directions, and the client's Maximum Packet Size.

use crate::world::script::{check, check_with};
use midge_broker::{ListenerOptions, Options};

#[test]
fn aliases_of_a_publisher_live_as_long_as_its_connection() {
    check(
        r#"
        s connects v5 clean
        s subscribes + qos=2
        p> CONNECT v5 session-expiry-interval=100
        p< CONNACK topic-alias-maximum=10
        p publishes a topic-alias=1 m=1
        p publishes b topic-alias=10 m=2
        p publishes "" topic-alias=1 m=3
        p publishes "" topic-alias=10 qos=2 m=4
        p publishes c topic-alias=1 m=5
        p publishes "" topic-alias=1 m=6
        s receives a m=1
        s receives b m=2
        s receives a m=3
        s receives b qos=2 m=4
        s receives c m=5
        s receives c m=6
        p closes
        p connects v5 session-expiry-interval=100 session-present
        p> PUBLISH "" topic-alias=1 m=7
        p< DISCONNECT 0x82
        p< closed
        p connects v5 session-expiry-interval=100 session-present
        p> PUBLISH a topic-alias=11 m=8
        p< DISCONNECT 0x94
        p< closed
        p connects v5 session-expiry-interval=100 session-present
        p> PUBLISH a topic-alias=0 m=9
        p< DISCONNECT 0x94
        p< closed
        s< nothing
        "#,
    );
}

#[test]
fn we_name_the_first_topics_by_alias_within_the_clients_maximum() {
    check(
        r#"
        s connects v5 topic-alias-maximum=2 session-expiry-interval=100
        s subscribes # qos=1
        p connects v311
        p publishes a m=1
        p publishes b qos=1 m=2
        p publishes a m=3
        p publishes c m=4
        p publishes b m=5
        s< PUBLISH a topic-alias=1 m=1
        s< PUBLISH b topic-alias=2 qos=1 id=1 m=2
        s< PUBLISH "" topic-alias=1 m=3
        s< PUBLISH c m=4
        s< PUBLISH "" topic-alias=2 m=5
        s closes
        # On the next connection they mean nothing.
        s connects v5 topic-alias-maximum=2 session-expiry-interval=100 session-present
        s< PUBLISH b topic-alias=1 qos=1 id=1 dup m=2
        p publishes a m=6
        s< PUBLISH a topic-alias=2 m=6
        s closes
        s connects v5 session-expiry-interval=100 session-present
        s< PUBLISH b qos=1 id=1 dup m=2
        "#,
    );
}

/// A QoS 2 PUBLISH may wait for the log; what comes behind it and does not wait would name an alias that was never set.
#[test]
fn what_may_wait_for_the_log_sets_no_alias() {
    check(
        r#"
        s connects v5 topic-alias-maximum=2 session-expiry-interval=100
        s subscribes # qos=2
        p connects v311
        p publishes a qos=2 m=1
        s< PUBLISH a qos=2 id=? m=1
        p publishes a m=2
        s< PUBLISH a topic-alias=1 m=2
        p publishes a qos=2 m=3
        s< PUBLISH a qos=2 id=? m=3
        p publishes a m=4
        s< PUBLISH "" topic-alias=1 m=4
        "#,
    );
}

/// Several receivers of one message share its bytes only where their aliases are the same.
#[test]
fn receivers_with_different_aliases_get_their_own() {
    let listener = ListenerOptions { max_topic_alias_broker: 1, max_topic_alias: 0, ..ListenerOptions::default() };
    check_with(
        Options { listeners: vec![listener], ..Options::default() },
        r#"
        a> CONNECT v5 topic-alias-maximum=5
        a< CONNACK !topic-alias-maximum
        b connects v5 topic-alias-maximum=5
        c connects v5
        d connects v311
        a subscribes #
        b subscribes t
        c subscribes t
        d subscribes t
        p connects v311
        p publishes u m=0
        p publishes t m=1
        p publishes t m=2
        a< PUBLISH u topic-alias=1 m=0
        a< PUBLISH t m=1
        a< PUBLISH t m=2
        b< PUBLISH t topic-alias=1 m=1
        b< PUBLISH "" topic-alias=1 m=2
        c< PUBLISH t m=1
        c< PUBLISH t m=2
        d< PUBLISH t m=1
        d< PUBLISH t m=2
        a> PUBLISH t topic-alias=1 m=3
        a< DISCONNECT 0x94
        a< closed
        "#,
    );
}

#[test]
fn a_packet_too_large_for_its_client_is_left_out_as_though_it_had_been_delivered() {
    check(
        r#"
        s connects v5 maximum-packet-size=30 receive-maximum=1 session-expiry-interval=100
        s subscribes a qos=2 retain-handling=2
        t connects v311
        t subscribes a
        p connects v311
        p publishes a qos=1 m=123456789012345678901234567890
        p publishes a qos=2 m=123456789012345678901234567890
        p publishes a m=123456789012345678901234567890
        p publishes a qos=2 m=small
        s< PUBLISH a qos=2 id=? m=small
        s< nothing
        t receives a m=123456789012345678901234567890
        t receives a m=123456789012345678901234567890
        t receives a m=123456789012345678901234567890
        t receives a m=small
        "#,
    );
}

/// It was sent and not acknowledged; the client that comes back takes no packet of this size. It takes no place of the
/// Receive Maximum either, or nothing would be sent ever again.
#[test]
fn what_is_to_be_sent_again_and_has_become_too_large_is_left_out() {
    check(
        r#"
        s connects v5 session-expiry-interval=100
        s subscribes a qos=2
        p connects v311
        p publishes a qos=1 m=123456789012345678901234567890
        p publishes a qos=2 m=123456789012345678901234567890
        p publishes a qos=1 m=small
        s closes
        s connects v5 session-expiry-interval=100 receive-maximum=1 maximum-packet-size=30 session-present
        s< PUBLISH a qos=1 id=3 dup m=small
        s> PUBACK id=3
        p publishes a qos=1 m=next
        s< PUBLISH a qos=1 id=? m=next
        s closes
        s connects v5 session-expiry-interval=100 session-present
        s< PUBLISH a qos=1 id=? dup m=next
        s< nothing
        "#,
    );
}
