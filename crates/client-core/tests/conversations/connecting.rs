//! CONNECT and CONNACK.

use crate::script::{check, v5, v5_lasting, v311_lasting};
use midge_client_core::{Client, Options, Will};
use midge_codec::{PropertiesBuf, Property, QoS, Version};

#[test]
fn connect_says_what_the_user_has_chosen() {
    let mut properties = PropertiesBuf::new();
    properties.push(Property::WillDelayInterval(5));
    let will = Will { topic: "w".into(), payload: (*b"gone").into(), qos: QoS::AtLeastOnce, retain: true, properties };
    let mut connect_properties = PropertiesBuf::new();
    connect_properties.push(Property::UserProperty("a", "b"));
    let options = Options {
        keep_alive_s: 30,
        session_expiry_interval_s: 60,
        receive_maximum: 5,
        maximum_packet_size: 1_000,
        topic_alias_maximum: 3,
        requests_response_information: true,
        username: Some("u".into()),
        password: Some((*b"p").into()),
        will: Some(will),
        connect_properties,
        ..v5()
    };
    check(
        &options,
        "greets v5 clean id=c keep-alive=30 session-expiry-interval=60 receive-maximum=5 maximum-packet-size=1000 topic-alias-maximum=3 request-response-information=1 user-property=a:b will=w will.m=gone will.qos=1 will.retain will.will-delay-interval=5 username=u password=p",
    );
}

#[test]
fn version_3_says_nothing_of_properties() {
    let options = Options { receive_maximum: 5, session_expiry_interval_s: 9, ..Options::new(Version::V311, "c") };
    check(&options, "greets v311 clean id=c keep-alive=60");
    check(&Options { version: Version::V31, ..options }, "greets v31 clean id=c keep-alive=60");
}

#[test]
fn only_the_first_connection_of_version_5_starts_clean() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         closes
         tells disconnected: closed
         greets v5 clean id=c
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=c",
    );
}

#[test]
fn an_identifier_that_the_server_gave_is_kept() {
    check(
        &Options { client_id: "".into(), ..v5_lasting() },
        "connects
         c> CONNECT v5 session-expiry-interval=100
         c< CONNACK assigned-client-identifier=auto-1
         tells connected
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=auto-1 session-expiry-interval=100",
    );
}

#[test]
fn a_refusal_is_told_and_the_connection_closed() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< CONNACK 0x87 reason-string=no
         tells disconnected: refused 0x87
         is closed
         wants to connect in 1s",
    );
    check(
        &v311_lasting(),
        "connects
         c> CONNECT v311 id=c
         c< CONNACK 0x05
         tells disconnected: refused 0x05
         is closed",
    );
}

#[test]
fn a_server_that_does_not_answer_is_left() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         wait 19s
         c> nothing
         wait 1s
         tells disconnected: no CONNACK
         is closed",
    );
}

#[test]
fn session_present_after_a_clean_start_is_a_fault() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< CONNACK session-present
         tells disconnected: 0x82 Session Present after a clean start
         c> DISCONNECT 0x82
         is closed",
    );
}

#[test]
fn who_leaves_does_not_come_back() {
    check(
        &v5(),
        "greets v5 clean id=c
         disconnects 0x04
         tells disconnected: left
         c> DISCONNECT 0x04
         # What comes now is not looked at any more.
         c< PUBLISH t m=x
         is closed
         wants no connection",
    );
}

#[test]
fn limits_are_those_of_connack() {
    let mut client = Client::new(Options { keep_alive_s: 60, ..v5() });
    assert_eq!(client.limits().maximum_qos, QoS::ExactlyOnce);
    client.begin_connection();
    client.handle_connected(0);
    let connack = midge_testkit::Packet::parse(
        "CONNACK maximum-qos=1 retain-available=0 receive-maximum=7 topic-alias-maximum=3 maximum-packet-size=99 \
         server-keep-alive=5 session-expiry-interval=8 wildcard-subscription-available=0",
    );
    client.handle_bytes(0, &midge_testkit::wire::encode(&connack, 5), &mut |_| {});
    let limits = client.limits();
    assert_eq!((limits.maximum_qos, limits.retain_available, limits.inflight_max), (QoS::AtLeastOnce, false, 7));
    assert_eq!((limits.topic_aliases, limits.maximum_packet_size, limits.keep_alive_s), (3, 99, 5));
    assert_eq!((limits.session_expiry_interval_s, limits.wildcard_subscription_available), (8, false));
    assert!(limits.shared_subscription_available && limits.subscription_identifier_available);
}
