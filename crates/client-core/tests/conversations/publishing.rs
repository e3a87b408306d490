//! Publishing: what is sent when, and how each message ends.

use crate::script::{check, v5, v5_lasting, v311_lasting};
use midge_client_core::Options;

const HELLO: &str = "greets v5 clean id=c";

fn check_v5(options: &Options, script: &str) {
    check(options, &format!("{HELLO}\n{script}"));
}

#[test]
fn each_qos_has_its_exchange() {
    check_v5(
        &v5(),
        "publishes t m=x
         c> PUBLISH t m=x
         publishes t qos=1 m=y retain
         c> PUBLISH t qos=1 id=1 m=y retain
         publishes t qos=2 m=z content-type=text
         c> PUBLISH t qos=2 id=2 m=z content-type=text
         c< PUBACK id=1 0x10
         tells acknowledged 1 0x10
         c< PUBREC id=2
         tells acknowledged 2
         c> PUBREL id=2
         c< PUBCOMP id=2",
    );
}

#[test]
fn a_refusal_ends_the_message_too() {
    check_v5(
        &v5(),
        "publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=1 m=x
         publishes t qos=2 m=x
         c> PUBLISH t qos=2 id=2 m=x
         c< PUBREC id=2 0x87
         tells acknowledged 2 0x87
         c< PUBACK id=1 0x97
         tells acknowledged 1 0x97",
    );
}

#[test]
fn requests_and_messages_share_the_identifiers() {
    check_v5(
        &v5(),
        "publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=1 m=x
         subscribes a
         c> SUBSCRIBE id=2 a
         publishes t qos=1 m=y
         c> PUBLISH t qos=1 id=3 m=y
         c< SUBACK id=2 0x00
         tells answered 2 0x00
         c< PUBACK id=3
         tells acknowledged 3
         c< PUBACK id=1
         tells acknowledged 1",
    );
}

#[test]
fn what_is_beyond_receive_maximum_waits_for_puback_or_pubcomp() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< CONNACK receive-maximum=1
         tells connected
         publishes t qos=2 m=a
         c> PUBLISH t qos=2 id=1 m=a
         publishes t qos=1 m=b
         publishes t m=c
         # QoS 0 needs no place.
         c> PUBLISH t m=c
         c< PUBREC id=1
         tells acknowledged 1
         c> PUBREL id=1
         c< PUBCOMP id=1
         c> PUBLISH t qos=1 id=2 m=b
         c< PUBACK id=2
         tells acknowledged 2",
    );
}

#[test]
fn what_is_published_without_a_connection_is_sent_with_the_next_one() {
    check(
        &v5(),
        "publishes t m=a
         publishes t qos=1 m=b
         publishes t m=c
         greets v5 clean id=c
         tells sent 1
         tells sent 3
         c> PUBLISH t m=a
         c> PUBLISH t qos=1 id=1 m=b
         c> PUBLISH t m=c
         publishes t m=d
         c> PUBLISH t m=d
         c< PUBACK id=1
         tells acknowledged 2",
    );
}

#[test]
fn the_room_is_bounded_by_messages_and_by_bytes() {
    check(
        &Options { held_messages_max: 2, ..v5() },
        "publishes t qos=1 m=a
         publishes t m=b
         publishes t m=c refused: too many messages wait for the server already
         greets v5 clean id=c
         tells sent 2
         c> PUBLISH t qos=1 id=1 m=a
         c> PUBLISH t m=b
         publishes t qos=1 m=d
         c> PUBLISH t qos=1 id=2 m=d
         publishes t qos=1 m=e refused: too many messages wait for the server already
         # What needs no room is sent all the same.
         publishes t m=f
         c> PUBLISH t m=f
         c< PUBACK id=1
         tells acknowledged 1
         publishes t qos=1 m=g
         c> PUBLISH t qos=1 id=3 m=g",
    );
    check(
        &Options { held_bytes_max: 10, ..v5() },
        "publishes t m=123456789
         publishes t m=x refused: too many messages wait for the server already",
    );
}

#[test]
fn what_the_server_does_not_take_is_refused_at_once() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< CONNACK maximum-qos=1 retain-available=0 maximum-packet-size=20
         tells connected
         publishes t qos=2 m=x refused: the server does not support this QoS
         publishes t m=x retain refused: the server does not support retained messages
         publishes t m=\"x\"*15 refused: the packet is larger than the server takes
         publishes t m=\"x\"*14
         c> PUBLISH t m=\"x\"*14
         publishes a/+ m=x refused: the topic is no Topic Name: it is empty, too long, or has a wildcard or control character
         publishes t m=x receive-maximum=1 refused: a property does not belong into a PUBLISH, or its value is wrong",
    );
}

#[test]
fn and_dropped_where_that_turns_out_later() {
    check(
        &v5(),
        "publishes t qos=2 m=x
         publishes t m=x retain
         publishes t qos=1 m=\"x\"*20
         publishes t qos=1 m=y
         connects
         c> CONNECT v5 clean id=c
         c< CONNACK maximum-qos=1 retain-available=0 maximum-packet-size=20
         tells connected
         tells dropped 1: the server does not support this QoS
         tells dropped 2: the server does not support retained messages
         tells dropped 3: the packet is larger than the server takes
         c> PUBLISH t qos=1 id=1 m=y",
    );
}

#[test]
fn a_lifetime_counts_down_while_a_message_waits() {
    check(
        &v5(),
        "publishes t m=short message-expiry-interval=5
         publishes t m=long message-expiry-interval=60 content-type=text
         wait 20s
         greets v5 clean id=c
         tells dropped 1: expired
         tells sent 2
         c> PUBLISH t m=long content-type=text message-expiry-interval=40",
    );
}

#[test]
fn a_topic_is_named_by_alias_where_the_server_allows_it() {
    check(
        &v5_lasting(),
        "connects
         c> CONNECT v5 id=c session-expiry-interval=100
         c< CONNACK topic-alias-maximum=1
         tells connected
         publishes a/b qos=1 m=1
         c> PUBLISH a/b qos=1 id=1 topic-alias=1 m=1
         publishes a/b m=2 topic-alias=9
         c> PUBLISH \"\" topic-alias=1 m=2
         publishes c m=3
         c> PUBLISH c m=3
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=c session-expiry-interval=100
         c< CONNACK session-present topic-alias-maximum=1
         tells connected session-present
         # Sent again in full; the alias dies with its connection.
         c> PUBLISH a/b qos=1 id=1 dup m=1
         publishes a/b m=4
         c> PUBLISH a/b topic-alias=1 m=4",
    );
}

#[test]
fn an_alias_that_does_not_fit_is_not_made() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< CONNACK topic-alias-maximum=1 maximum-packet-size=20
         tells connected
         publishes t m=\"x\"*14
         c> PUBLISH t m=\"x\"*14
         publishes t m=x
         c> PUBLISH t topic-alias=1 m=x",
    );
}

#[test]
fn acknowledgements_of_nothing_do_no_harm() {
    check_v5(
        &v5(),
        "c< PUBACK id=9
         c< PUBCOMP id=9
         c< PUBREC id=9
         c> PUBREL id=9 0x92
         c< PUBREC id=9 0x80",
    );
    check(
        &v311_lasting(),
        "greets v311 id=c
         c< PUBREC id=9
         c> PUBREL id=9",
    );
}

#[test]
fn everything_ends_when_the_client_is_abandoned() {
    check_v5(
        &v5(),
        "publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=1 m=x
         subscribes a
         c> SUBSCRIBE id=2 a
         closes
         tells disconnected: closed
         publishes t m=y
         abandons
         tells dropped 1: abandoned
         tells dropped 3: abandoned
         tells request dropped 2: abandoned",
    );
}
