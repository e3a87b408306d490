//! Request and response (§4.10), and the other properties a server passes on unaltered.

use midge_testkit::{check, check_with};

// [MQTT5-3.3.2-15] [MQTT5-3.3.2-16]
#[test]
fn a_request_and_its_response() {
    check(
        r#"requester connects v5 clean
           requester subscribes answers/requester qos=1
           responder connects v5 clean
           responder subscribes questions/+ qos=1
           requester publishes questions/1 qos=1 m="1+1?" response-topic=answers/requester correlation-data="\x00\x01\xff"
           responder receives questions/1 qos=1 m="1+1?" response-topic=answers/requester correlation-data="\x00\x01\xff"
           responder publishes answers/requester qos=1 m=2 correlation-data="\x00\x01\xff"
           requester receives answers/requester qos=1 m=2 correlation-data="\x00\x01\xff""#,
    );
}

// [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17] [MQTT5-3.3.2-18] [MQTT5-3.3.2-20]
#[test]
fn properties_are_passed_on_as_they_came() {
    check(
        r#"s connects v5 clean
           s subscribes t qos=2
           old connects v311 clean
           old subscribes t qos=2
           p connects v5 clean
           p publishes t m=x user-property=b:1 content-type=text/plain user-property=a:2 payload-format-indicator=1 user-property=b:1 correlation-data="" response-topic=r/s user-property=":"
           s< PUBLISH t m=x content-type=text/plain payload-format-indicator=1 correlation-data="" response-topic=r/s user-property=b:1 user-property=a:2 user-property=b:1 user-property=":"
           old< PUBLISH t m=x
           p publishes t qos=1 m=y payload-format-indicator=0
           s receives t qos=1 m=y payload-format-indicator=0
           old receives t qos=1 m=y
           q connects v311 clean
           q publishes t qos=1 m=z
           s receives t qos=1 m=z
           # The payload is not looked at, whatever the indicator says.
           p publishes t m="\xff\xfe" payload-format-indicator=1
           s<? PUBLISH t m="\xff\xfe" payload-format-indicator=1
           s pings"#,
    );
}

// [MQTT5-3.3.2-6]
#[test]
fn message_expiry_interval_is_passed_on() {
    check(
        "s connects v5 clean
         s subscribes t
         p connects v5 clean
         p publishes t m=x message-expiry-interval=100
         s< PUBLISH t m=x message-expiry-interval=99..100
         p publishes t m=y message-expiry-interval=4294967295
         s< PUBLISH t m=y message-expiry-interval=4294967294..4294967295",
    );
}

/// The topic of a Response Topic, like any other, is the requester's to choose, within the rules for Topic Names.
// [MQTT5-3.3.2-13] [MQTT5-3.3.2-14] [MQTT5-3.3.2-19]
#[test]
fn response_topic_and_content_type_are_checked() {
    let refused = |property: &str, codes: &str| {
        format!("c connects v5 clean\n c> PUBLISH t m=x {property}\n c< DISCONNECT {codes}\n c< closed\n")
    };
    check_with(
        "",
        &[
            refused(r#"response-topic="a/+""#, "0x??"),
            refused(r#"response-topic="a/#""#, "0x??"),
            refused(r#"response-topic="\xff""#, "0x81"),
            refused(r#"content-type="\xff""#, "0x81"),
            refused(r#"content-type="a\x00b""#, "0x81"),
            refused(r#"user-property="\xff:b""#, "0x81"),
            refused(r#"user-property="a:\xed\xa0\x80""#, "0x81"),
        ]
        .concat(),
    );
}
