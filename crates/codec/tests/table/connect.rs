//! CONNECT.

use midge_codec::Version::{V5, V31, V311};
use midge_codec::{Connect, Packet, Properties, Property, QoS, ReasonCode, Version, Will};

use crate::{ALL, Row, both, malformed, properties, protocol_error, reads, refused};

const PLAIN: Connect<'static> = Connect {
    version: V311,
    bridge: false,
    clean_start: true,
    keep_alive_s: 60,
    client_id: "c1",
    will: None,
    username: None,
    password: None,
    properties: Properties::EMPTY,
};

const WILL: Will<'static> =
    Will { qos: QoS::AtMostOnce, retain: false, topic: "w", payload: b"bye", properties: Properties::EMPTY };

fn connect(version: Version, change: impl FnOnce(&mut Connect<'static>)) -> Packet<'static> {
    let mut connect = Connect { version, ..PLAIN };
    change(&mut connect);
    Packet::Connect(connect)
}

/// CONNECT brings its own version, so the one given to `decode` must not matter: every row runs with all three.
pub(crate) fn rows() -> Vec<Row> {
    [good(), properties_rows(), good_in_31(), bad(), bad_properties()].into_iter().flatten().collect()
}

fn good() -> Vec<Row> {
    let all = |set: fn(&mut Connect<'static>)| connect(V311, set);
    vec![
        both(ALL, "3.1", "10 [ ('MQIsdp') 03 02 003C ('c1') ]", connect(V31, |_| {})),
        both(ALL, "3.1.1", "10 [ ('MQTT') 04 02 003C ('c1') ]", connect(V311, |_| {})),
        both(ALL, "5.0", "10 [ ('MQTT') 05 02 003C [] ('c1') ]", connect(V5, |_| {})),
        both(ALL, "3.1.1 byte for byte", "100E00044D5154540402003C00026331", connect(V311, |_| {})),
        both(ALL, "5.0 byte for byte", "100F00044D5154540502003C0000026331", connect(V5, |_| {})),
        both(ALL, "bridge 3.1", "10 [ ('MQIsdp') 83 02 003C ('c1') ]", connect(V31, |c| c.bridge = true)),
        both(ALL, "bridge 3.1.1", "10 [ ('MQTT') 84 02 003C ('c1') ]", connect(V311, |c| c.bridge = true)),
        both(ALL, "bridge 5.0", "10 [ ('MQTT') 85 02 003C [] ('c1') ]", connect(V5, |c| c.bridge = true)),
        both(ALL, "clean start 0", "10 [ ('MQTT') 04 00 003C ('c1') ]", all(|c| c.clean_start = false)),
        both(ALL, "keep alive 0", "10 [ ('MQTT') 04 02 0000 ('c1') ]", all(|c| c.keep_alive_s = 0)),
        both(ALL, "keep alive 65535", "10 [ ('MQTT') 04 02 FFFF ('c1') ]", all(|c| c.keep_alive_s = 65_535)),
        both(ALL, "no client id", "10 [ ('MQTT') 04 02 003C () ]", all(|c| c.client_id = "")),
        both(ALL, "client id of 3.1 too long", "10 [ ('MQIsdp') 03 02 003C ('abcdefghijklmnopqrstuvwxyz') ]", {
            connect(V31, |c| c.client_id = "abcdefghijklmnopqrstuvwxyz")
        }),
        both(ALL, "U+FEFF is kept", "10 [ ('MQTT') 04 02 003C (EFBBBF 'a') ]", all(|c| c.client_id = "\u{feff}a")),
        both(ALL, "user", "10 [ ('MQTT') 04 82 003C ('c1') ('u') ]", all(|c| c.username = Some("u"))),
        both(ALL, "empty user", "10 [ ('MQTT') 04 82 003C ('c1') () ]", all(|c| c.username = Some(""))),
        both(ALL, "user and password", "10 [ ('MQTT') 04 C2 003C ('c1') ('u') (00FF) ]", {
            all(|c| {
                c.username = Some("u");
                c.password = Some(b"\x00\xFF");
            })
        }),
        both(ALL, "5.0 password alone", "10 [ ('MQTT') 05 42 003C [] ('c1') ('p') ]", {
            connect(V5, |c| c.password = Some(b"p"))
        }),
        both(ALL, "will", "10 [ ('MQTT') 04 06 003C ('c1') ('w') ('bye') ]", all(|c| c.will = Some(WILL))),
        both(ALL, "will 3.1", "10 [ ('MQIsdp') 03 06 003C ('c1') ('w') ('bye') ]", {
            connect(V31, |c| c.will = Some(WILL))
        }),
        both(ALL, "will 5.0", "10 [ ('MQTT') 05 06 003C [] ('c1') [] ('w') ('bye') ]", {
            connect(V5, |c| c.will = Some(WILL))
        }),
        both(ALL, "will without payload", "10 [ ('MQTT') 04 06 003C ('c1') ('w') () ]", {
            all(|c| c.will = Some(Will { payload: b"", ..WILL }))
        }),
        both(ALL, "will of bytes that are no text", "10 [ ('MQTT') 04 06 003C ('c1') ('w') (00FF) ]", {
            all(|c| c.will = Some(Will { payload: b"\x00\xFF", ..WILL }))
        }),
        both(ALL, "will of QoS 1", "10 [ ('MQTT') 04 0E 003C ('c1') ('w') ('bye') ]", {
            all(|c| c.will = Some(Will { qos: QoS::AtLeastOnce, ..WILL }))
        }),
        both(ALL, "will of QoS 2, retained", "10 [ ('MQTT') 04 36 003C ('c1') ('w') ('bye') ]", {
            all(|c| c.will = Some(Will { qos: QoS::ExactlyOnce, retain: true, ..WILL }))
        }),
        both(ALL, "all of it", "10 [ ('MQTT') 04 F4 003C ('c1') ('w') ('bye') ('u') ('p') ]", {
            connect(V311, |c| {
                c.clean_start = false;
                c.will = Some(Will { qos: QoS::ExactlyOnce, retain: true, ..WILL });
                c.username = Some("u");
                c.password = Some(b"p");
            })
        }),
        reads(ALL, "Remaining Length of two bytes", "10 8E00 ('MQTT') 04 02 003C ('c1')", connect(V311, |_| {})),
    ]
}

fn properties_rows() -> Vec<Row> {
    let all = properties(&[
        Property::SessionExpiryInterval(0xFFFF_FFFF),
        Property::ReceiveMaximum(20),
        Property::MaximumPacketSize(1),
        Property::TopicAliasMaximum(0),
        Property::RequestResponseInformation(1),
        Property::RequestProblemInformation(0),
        Property::UserProperty("k", "v"),
        Property::UserProperty("k", "v"),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(b"\x00"),
    ]);
    let will = properties(&[
        Property::WillDelayInterval(5),
        Property::PayloadFormatIndicator(1),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text"),
        Property::ResponseTopic("r"),
        Property::CorrelationData(b"\xFF"),
        Property::UserProperty("", ""),
    ]);
    vec![
        both(
            ALL,
            "every property",
            "10 [ ('MQTT') 05 02 003C [ 11 FFFFFFFF 21 0014 27 00000001 22 0000 19 01 17 00 \
             26 ('k') ('v') 26 ('k') ('v') 15 ('m') 16 (00) ] ('c1') ]",
            Packet::Connect(Connect { version: V5, properties: all, ..PLAIN }),
        ),
        both(
            ALL,
            "every will property",
            "10 [ ('MQTT') 05 06 003C [] ('c1') [ 18 00000005 01 01 02 0000003C 03 ('text') 08 ('r') 09 (FF) \
             26 () () ] ('w') ('bye') ]",
            Packet::Connect(Connect { version: V5, will: Some(Will { properties: will, ..WILL }), ..PLAIN }),
        ),
        both(
            ALL,
            "packet of more than 127 bytes",
            "10 [ ('MQTT') 05 02 003C [ 26 ('0123456789012345678901234567890123456789012345678901234567890123456789') \
             ('0123456789012345678901234567890123456789012345678901234567890123456789') ] ('c1') ]",
            Packet::Connect(Connect {
                version: V5,
                properties: properties(&[Property::UserProperty(
                    "0123456789012345678901234567890123456789012345678901234567890123456789",
                    "0123456789012345678901234567890123456789012345678901234567890123456789",
                )]),
                ..PLAIN
            }),
        ),
    ]
}

/// Version 3.1 leaves unsaid what later versions forbid.
fn good_in_31() -> Vec<Row> {
    vec![
        reads(ALL, "3.1 flags of the fixed header", "1E [ ('MQIsdp') 03 02 003C ('c1') ]", connect(V31, |_| {})),
        reads(ALL, "3.1 reserved flag", "10 [ ('MQIsdp') 03 03 003C ('c1') ]", connect(V31, |_| {})),
        reads(ALL, "3.1 will bits without will", "10 [ ('MQIsdp') 03 3A 003C ('c1') ]", connect(V31, |_| {})),
        reads(ALL, "3.1 user flag, no user", "10 [ ('MQIsdp') 03 82 003C ('c1') ]", connect(V31, |_| {})),
        reads(ALL, "3.1 user and password flag, neither", "10 [ ('MQIsdp') 03 C2 003C ('c1') ]", connect(V31, |_| {})),
        reads(ALL, "3.1 password flag, no password", "10 [ ('MQIsdp') 03 C2 003C ('c1') ('u') ]", {
            connect(V31, |c| c.username = Some("u"))
        }),
    ]
}

fn bad() -> Vec<Row> {
    let unsupported = |name, bytes| refused(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, ALL, name, bytes);
    vec![
        malformed(ALL, "fixed header flags", "11 [ ('MQTT') 04 02 003C ('c1') ]"),
        malformed(ALL, "empty packet", "10 []"),
        malformed(ALL, "protocol name cut", "10 [ 0004 'MQT' ]"),
        malformed(ALL, "protocol name is no text", "10 [ (FF) 04 02 003C ('c1') ]"),
        unsupported("protocol name in lower case", "10 [ ('mqtt') 04 02 003C ('c1') ]"),
        unsupported("protocol name empty", "10 [ () 04 02 003C ('c1') ]"),
        unsupported("protocol name too long", "10 [ ('MQTTX') 04 02 003C ('c1') ]"),
        unsupported("level 3 of MQTT", "10 [ ('MQTT') 03 02 003C ('c1') ]"),
        unsupported("level 6 of MQTT", "10 [ ('MQTT') 06 02 003C ('c1') ]"),
        unsupported("level 0 of MQTT", "10 [ ('MQTT') 00 02 003C ('c1') ]"),
        unsupported("level 4 of MQIsdp", "10 [ ('MQIsdp') 04 02 003C ('c1') ]"),
        unsupported("level 0x7F, and nothing behind it", "10 [ ('MQTT') 7F ]"),
        malformed(ALL, "no level", "10 [ ('MQTT') ]"),
        malformed(ALL, "no flags", "10 [ ('MQTT') 04 ]"),
        malformed(ALL, "keep alive cut", "10 [ ('MQTT') 04 02 00 ]"),
        malformed(ALL, "no client id field", "10 [ ('MQTT') 04 02 003C ]"),
        malformed(ALL, "client id cut", "10 [ ('MQTT') 04 02 003C 0003 'c1' ]"),
        malformed(ALL, "bytes behind the end", "10 [ ('MQTT') 04 02 003C ('c1') 00 ]"),
        malformed(ALL, "reserved flag", "10 [ ('MQTT') 04 03 003C ('c1') ]"),
        malformed(ALL, "reserved flag in 5.0", "10 [ ('MQTT') 05 03 003C [] ('c1') ]"),
        malformed(ALL, "will QoS 3", "10 [ ('MQTT') 04 1E 003C ('c1') ('w') ('bye') ]"),
        malformed(ALL, "will QoS 3 in 3.1", "10 [ ('MQIsdp') 03 1E 003C ('c1') ('w') ('bye') ]"),
        malformed(ALL, "will QoS 3 in 5.0", "10 [ ('MQTT') 05 1E 003C [] ('c1') [] ('w') ('bye') ]"),
        malformed(ALL, "will QoS without will", "10 [ ('MQTT') 04 0A 003C ('c1') ]"),
        malformed(ALL, "will QoS 3 without will", "10 [ ('MQTT') 04 1A 003C ('c1') ]"),
        malformed(ALL, "will retain without will", "10 [ ('MQTT') 05 22 003C [] ('c1') ]"),
        malformed(ALL, "will without topic", "10 [ ('MQTT') 04 06 003C ('c1') ]"),
        malformed(ALL, "will without payload field", "10 [ ('MQTT') 04 06 003C ('c1') ('w') ]"),
        malformed(ALL, "will topic empty", "10 [ ('MQTT') 04 06 003C ('c1') () ('bye') ]"),
        malformed(ALL, "will topic with a wildcard", "10 [ ('MQTT') 04 06 003C ('c1') ('w/#') ('bye') ]"),
        malformed(ALL, "will topic with U+0000", "10 [ ('MQTT') 04 06 003C ('c1') ('w' 00) ('bye') ]"),
        malformed(ALL, "user flag, no user", "10 [ ('MQTT') 04 82 003C ('c1') ]"),
        malformed(ALL, "user but no flag", "10 [ ('MQTT') 04 02 003C ('c1') ('u') ]"),
        malformed(ALL, "password flag, no password", "10 [ ('MQTT') 04 C2 003C ('c1') ('u') ]"),
        malformed(ALL, "password without user", "10 [ ('MQTT') 04 42 003C ('c1') ('p') ]"),
        malformed(ALL, "password without user in 3.1", "10 [ ('MQIsdp') 03 42 003C ('c1') ('p') ]"),
        malformed(ALL, "client id with U+0000", "10 [ ('MQTT') 04 02 003C ('c' 00) ]"),
        malformed(ALL, "client id with a surrogate", "10 [ ('MQTT') 04 02 003C (EDA080) ]"),
        malformed(ALL, "client id overlong UTF-8", "10 [ ('MQTT') 04 02 003C (C080) ]"),
        malformed(ALL, "client id cut UTF-8", "10 [ ('MQTT') 04 02 003C (C3) ]"),
        malformed(ALL, "user is no text", "10 [ ('MQTT') 04 82 003C ('c1') (FF) ]"),
        malformed(ALL, "user with U+009F", "10 [ ('MQTT') 04 82 003C ('c1') ('u' C29F) ]"),
        malformed(ALL, "will topic with U+0001", "10 [ ('MQTT') 04 06 003C ('c1') (01) ('bye') ]"),
        refused(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID, ALL, "client id with U+001F", {
            "10 [ ('MQTT') 04 02 003C ('c' 1F) ]"
        }),
        malformed(ALL, "user with U+0000", "10 [ ('MQTT') 04 82 003C ('c1') (00) ]"),
        malformed(ALL, "5.0 Remaining Length too long a form", "10 8F00 ('MQTT') 05 02 003C 00 ('c1')"),
    ]
}

fn bad_properties() -> Vec<Row> {
    vec![
        malformed(ALL, "no properties field", "10 [ ('MQTT') 05 02 003C ]"),
        malformed(ALL, "properties longer than the packet", "10 [ ('MQTT') 05 02 003C 7F ('c1') ]"),
        malformed(ALL, "Property Length of five bytes", "10 [ ('MQTT') 05 02 003C 8080808000 ('c1') ]"),
        malformed(ALL, "Property Length too long a form", "10 [ ('MQTT') 05 02 003C 8000 ('c1') ]"),
        malformed(ALL, "property value cut", "10 [ ('MQTT') 05 02 003C [ 11 000000 ] ('c1') ]"),
        malformed(ALL, "property string cut", "10 [ ('MQTT') 05 02 003C [ 15 0002 'm' ] ('c1') ]"),
        malformed(ALL, "user property without value", "10 [ ('MQTT') 05 02 003C [ 26 ('k') ] ('c1') ]"),
        malformed(ALL, "user property name is no text", "10 [ ('MQTT') 05 02 003C [ 26 (FF) () ] ('c1') ]"),
        malformed(ALL, "user property value with U+0000", "10 [ ('MQTT') 05 02 003C [ 26 () (00) ] ('c1') ]"),
        malformed(ALL, "will properties missing", "10 [ ('MQTT') 05 06 003C [] ('c1') ('w') ('bye') ]"),
        malformed(
            ALL,
            "Session Expiry Interval in will",
            "10 [ ('MQTT') 05 06 003C [] ('c1') [ 11 00000001 ] ('w') () ]",
        ),
        malformed(ALL, "Topic Alias in will", "10 [ ('MQTT') 05 06 003C [] ('c1') [ 23 0001 ] ('w') () ]"),
        protocol_error(ALL, "Will Delay twice", {
            "10 [ ('MQTT') 05 06 003C [] ('c1') [ 18 00000001 18 00000001 ] ('w') () ]"
        }),
        protocol_error(ALL, "Receive Maximum 0", "10 [ ('MQTT') 05 02 003C [ 21 0000 ] ('c1') ]"),
        protocol_error(ALL, "Maximum Packet Size 0", "10 [ ('MQTT') 05 02 003C [ 27 00000000 ] ('c1') ]"),
        protocol_error(ALL, "Request Problem Information 2", "10 [ ('MQTT') 05 02 003C [ 17 02 ] ('c1') ]"),
        protocol_error(ALL, "Request Response Information 255", "10 [ ('MQTT') 05 02 003C [ 19 FF ] ('c1') ]"),
        protocol_error(ALL, "Authentication Data alone", "10 [ ('MQTT') 05 02 003C [ 16 (00) ] ('c1') ]"),
        malformed(ALL, "unknown property", "10 [ ('MQTT') 05 02 003C [ 7F 00 ] ('c1') ]"),
        malformed(ALL, "unknown property of two bytes", "10 [ ('MQTT') 05 02 003C [ 8101 00 ] ('c1') ]"),
        malformed(ALL, "known property in two bytes", "10 [ ('MQTT') 05 02 003C [ 9100 00000000 ] ('c1') ]"),
    ]
}
