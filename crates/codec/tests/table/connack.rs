//! CONNACK.

use midge_codec::Version::{V5, V31, V311};
use midge_codec::{ConnAck, Packet, Properties, Property};

use crate::{ALL, Row, SINCE_V311, V3, both, malformed, properties, protocol_error, reads};

fn connack(session_present: bool, code: u8) -> Packet<'static> {
    Packet::ConnAck(ConnAck { session_present, code, properties: Properties::EMPTY })
}

pub(crate) fn rows() -> Vec<Row> {
    let all = properties(&[
        Property::SessionExpiryInterval(10),
        Property::ReceiveMaximum(1),
        Property::MaximumQoS(1),
        Property::RetainAvailable(0),
        Property::MaximumPacketSize(100),
        Property::AssignedClientIdentifier("auto-1"),
        Property::TopicAliasMaximum(9),
        Property::ReasonString("fine"),
        Property::UserProperty("k", "v"),
        Property::WildcardSubscriptionAvailable(0),
        Property::SubscriptionIdentifierAvailable(0),
        Property::SharedSubscriptionAvailable(0),
        Property::ServerKeepAlive(30),
        Property::ResponseInformation("r/"),
        Property::ServerReference("other"),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(b"d"),
    ]);
    vec![
        both(V3, "accepted", "20020000", connack(false, 0)),
        both(&[V5], "accepted in 5.0", "2003000000", connack(false, 0)),
        both(&[V311], "session present", "20020100", connack(true, 0)),
        both(&[V5], "session present in 5.0", "2003010000", connack(true, 0)),
        both(V3, "unacceptable protocol version", "20020001", connack(false, 1)),
        both(V3, "not authorized", "20020005", connack(false, 5)),
        both(&[V5], "not authorized in 5.0", "2003008700", connack(false, 0x87)),
        both(
            &[V5],
            "every property",
            "20 [ 00 00 [ 11 0000000A 21 0001 24 01 25 00 27 00000064 12 ('auto-1') 22 0009 1F ('fine') 26 ('k') ('v') \
             28 00 29 00 2A 00 13 001E 1A ('r/') 1C ('other') 15 ('m') 16 ('d') ] ]",
            Packet::ConnAck(ConnAck { session_present: false, code: 0, properties: all }),
        ),
        reads(&[V31], "3.1 does not use the flags", "2002FF00", connack(false, 0)),
        reads(&[V31], "3.1 fixed header flags", "2F020000", connack(false, 0)),
        malformed(SINCE_V311, "fixed header flags", "2103000000"),
        malformed(SINCE_V311, "reserved connack flags", "2003020000"),
        malformed(ALL, "empty", "2000"),
        malformed(ALL, "no code", "200100"),
        malformed(V3, "bytes behind the end", "2003000000"),
        malformed(&[V5], "bytes behind the end in 5.0", "200400000000"),
        malformed(&[V5], "no properties", "20020000"),
        protocol_error(V3, "return code 6", "20020006"),
        protocol_error(V3, "return code of 5.0", "20020080"),
        protocol_error(&[V5], "return code of 3.1.1", "2003000100"),
        protocol_error(&[V5], "code of DISCONNECT only", "2003008E00"),
        protocol_error(&[V5], "session present in a refusal", "2003018700"),
        protocol_error(&[V311], "session present in a refusal of 3.1.1", "20020105"),
        protocol_error(&[V5], "Maximum QoS 2", "20 [ 00 00 [ 24 02 ] ]"),
        protocol_error(&[V5], "Retain Available 2", "20 [ 00 00 [ 25 02 ] ]"),
        protocol_error(&[V5], "Receive Maximum 0", "20 [ 00 00 [ 21 0000 ] ]"),
        protocol_error(&[V5], "Maximum Packet Size 0", "20 [ 00 00 [ 27 00000000 ] ]"),
        protocol_error(&[V5], "Wildcard Subscription Available 2", "20 [ 00 00 [ 28 02 ] ]"),
        protocol_error(&[V5], "Subscription Identifier Available 2", "20 [ 00 00 [ 29 02 ] ]"),
        protocol_error(&[V5], "Shared Subscription Available 2", "20 [ 00 00 [ 2A 02 ] ]"),
        malformed(&[V5], "Reason String is no text", "20 [ 00 87 [ 1F (FF) ] ]"),
    ]
}
