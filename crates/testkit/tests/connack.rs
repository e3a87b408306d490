//! CONNACK (§3.2): what the server tells about itself, byte for byte where clients compare it.

use midge_testkit::{check, check_versions, check_with};

// [MQTT5-3.2.2-1]
#[test]
fn the_default_connack() {
    check(
        "a> CONNECT v5 clean
         a< hex 20 0e 00 00 0b 22 00 0a 27 00 1e 84 80 21 00 14
         b> CONNECT v311 clean
         b< hex 20 02 00 00
         c> CONNECT v31 clean
         c< hex 20 02 00 00",
    );
}

#[test]
fn limits_are_announced() {
    check_with(
        "max_inflight_messages 7\nmax_packet_size 100000\nmax_qos 1\nretain_available false",
        "a> CONNECT v5 clean
         a< CONNACK receive-maximum=7 maximum-packet-size=100000 maximum-qos=1 retain-available=0",
    );
}

#[test]
fn topic_aliases_can_be_switched_off() {
    check_with(
        "max_inflight_messages 0",
        "a> CONNECT v5 clean
         a< CONNACK topic-alias-maximum=10 !receive-maximum",
    );
}

// [MQTT5-3.2.2-2] [MQTT5-3.2.2-3] [MQTT5-3.1.2-4] [MQTT5-3.1.2-5] [MQTT5-3.1.2-6] [MQTT5-3.1.4-4]
#[test]
fn session_present_tells_whether_a_session_goes_on() {
    check(
        "c> CONNECT v5 session-expiry-interval=100
         c< CONNACK 0x00
         c disconnects
         c> CONNECT v5 session-expiry-interval=100
         c< CONNACK 0x00 session-present
         c disconnects
         c> CONNECT v5 clean session-expiry-interval=100
         c< CONNACK 0x00
         c closes
         wait 50ms
         c> CONNECT v5
         c< CONNACK 0x00 session-present",
    );
}

// [MQTT3-3.2.2-1] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3] [MQTT3-3.1.2-4] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3]
#[test]
fn session_present_in_version_3() {
    check(
        "c> CONNECT v311
         c< CONNACK 0x00
         c disconnects
         c> CONNECT v311
         c< CONNACK 0x00 session-present
         c disconnects
         c> CONNECT v311 clean
         c< CONNACK 0x00
         c disconnects
         c> CONNECT v311
         c< CONNACK 0x00
         # 3.1 has no Session Present; the flag is reserved there.
         d> CONNECT v31
         d< CONNACK 0x00
         d disconnects
         d> CONNECT v31
         d< hex 20 02 00 00",
    );
}

// [MQTT5-3.2.2-6] [MQTT5-3.2.2-7] [MQTT3-3.2.2-4] [MQTT3-3.2.2-5] [MQTT5-4.13.2-1]
#[test]
fn a_refusal_closes_and_has_no_session() {
    check_with(
        "max_qos 1\nretain_available false",
        "c connects v5 session-expiry-interval=100
         c disconnects
         c> CONNECT v5 session-expiry-interval=100 will=w will.m=x will.qos=2
         c< CONNACK 0x9b
         c< closed
         d> CONNECT v311 id=\"\"
         d< hex 20 02 00 02
         d< closed",
    );
}

// [MQTT5-3.2.2-9] [MQTT5-3.2.2-10] [MQTT5-3.2.2-11] [MQTT5-3.2.2-12]
#[test]
fn maximum_qos() {
    check_with(
        "max_qos 1",
        "s> CONNECT v5 clean
         s< CONNACK maximum-qos=1
         s> SUBSCRIBE id=1 t qos=2
         s< SUBACK id=1 0x01
         p connects v5 clean
         p> PUBLISH t qos=2 id=1 m=x
         p< DISCONNECT 0x9b
         p< closed
         q connects v311 clean
         q> PUBLISH t qos=2 id=1 m=x
         q< closed
         w> CONNECT v5 clean will=w will.m=x will.qos=2
         w< CONNACK 0x9b maximum-qos=1
         w< closed
         s< nothing",
    );
}

// [MQTT5-3.2.2-13] [MQTT5-3.2.2-14]
#[test]
fn retain_unavailable() {
    check_with(
        "retain_available false",
        "p> CONNECT v5 clean
         p< CONNACK retain-available=0
         p> PUBLISH t retain m=x
         p< DISCONNECT 0x9a
         p< closed
         w> CONNECT v5 clean will=w will.m=x will.retain
         w< CONNACK 0x9a
         w< closed
         q connects v311 clean
         q> PUBLISH t retain m=x
         q< closed",
    );
}

// [MQTT5-3.1.2-28]
#[test]
fn response_information_is_not_forced_upon_anybody() {
    check(
        "a> CONNECT v5 clean
         a< CONNACK !response-information
         b> CONNECT v5 clean request-response-information=0
         b< CONNACK !response-information
         c> CONNECT v5 clean request-response-information=1
         c< CONNACK",
    );
}

#[test]
fn the_server_may_shorten_the_session_expiry_interval() {
    check_with(
        "persistent_client_expiration 1h",
        "a> CONNECT v5 session-expiry-interval=4294967295
         a< CONNACK session-expiry-interval=3600
         b> CONNECT v5 session-expiry-interval=60
         b< CONNACK !session-expiry-interval",
    );
}

// [MQTT5-3.2.2-19] [MQTT5-3.2.2-20] [MQTT5-3.1.2-24]
#[test]
fn a_connack_fits_into_the_clients_maximum_packet_size() {
    check(
        "a> CONNECT v5 clean maximum-packet-size=16
         a< hex 20 0e 00 00 0b 22 00 0a 27 00 1e 84 80 21 00 14
         # One that does not fit is not sent, and its client is nobody.
         d> CONNECT v5 clean maximum-packet-size=15
         d< closed
         e> CONNECT v5 clean id=\"\" maximum-packet-size=59
         e< closed
         f> CONNECT v5 clean id=\"\" maximum-packet-size=60
         f< CONNACK assigned-client-identifier={name}
         g> CONNECT v5 clean authentication-method=x maximum-packet-size=7
         g< CONNACK 0x8c
         g< closed
         h> CONNECT v5 clean authentication-method=x maximum-packet-size=4 request-problem-information=1
         h< closed
         b> CONNECT v5 clean maximum-packet-size=0
         b<? CONNACK 0x82
         b< closed
         c> CONNECT v5 clean receive-maximum=0
         c<? CONNACK 0x82
         c< closed",
    );
}

#[test]
fn properties_of_connect_are_checked() {
    let refused =
        |properties: &str, codes: &str| format!("c> CONNECT v5 clean {properties}\n c<? CONNACK {codes}\n c< closed\n");
    let script: String = [
        refused("session-expiry-interval=1 session-expiry-interval=1", "0x82"),
        refused("receive-maximum=1 receive-maximum=1", "0x82"),
        refused("request-problem-information=2", "0x82"),
        refused("request-response-information=2", "0x82"),
        refused("topic-alias=1", "0x81"),
        refused("will-delay-interval=1", "0x81"),
        refused("authentication-data=x", "0x82"),
        refused("will=w will.m=x will.will-delay-interval=1 will.will-delay-interval=2", "0x82"),
        refused("will=w will.m=x will.payload-format-indicator=2", "0x82"),
        refused("will=w will.m=x will.topic-alias=2", "0x81"),
        refused(r#"user-property="a:\xff""#, "0x81"),
    ]
    .concat();
    check(&script);
}

#[test]
fn everything_allowed_at_once() {
    check_versions(
        &["v5"],
        "c connects vX clean session-expiry-interval=10 receive-maximum=10 maximum-packet-size=1000 topic-alias-maximum=5 \
         request-response-information=1 request-problem-information=0 user-property=a:1 user-property=a:2 \
         will=w will.m=x will.qos=1 will.retain will.will-delay-interval=5 will.payload-format-indicator=1 will.message-expiry-interval=9 \
         will.content-type=t will.response-topic=r will.correlation-data=d will.user-property=b:1 username=u password=p
         c pings
         c disconnects",
    );
}
