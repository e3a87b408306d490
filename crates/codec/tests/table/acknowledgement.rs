//! PUBACK, PUBREC, PUBREL, PUBCOMP; SUBACK and UNSUBACK are with their requests.

use midge_codec::Version::{V5, V31};
use midge_codec::{Acknowledgement, Packet, Properties, Property, ReasonCode};

use crate::{ALL, Row, SINCE_V311, V3, both, malformed, packet_id, properties, protocol_error, reads};

fn acknowledgement(code: ReasonCode) -> Acknowledgement<'static> {
    Acknowledgement { packet_id: packet_id(0x1234), reason_code: code, properties: Properties::EMPTY }
}

pub(crate) fn rows() -> Vec<Row> {
    [good(), bad()].into_iter().flatten().collect()
}

fn good() -> Vec<Row> {
    let success = acknowledgement(ReasonCode::SUCCESS);
    let not_found = acknowledgement(ReasonCode::PACKET_IDENTIFIER_NOT_FOUND);
    let explained = Acknowledgement {
        properties: properties(&[
            Property::ReasonString("no"),
            Property::UserProperty("k", "v"),
            Property::UserProperty("k", "v"),
        ]),
        ..acknowledgement(ReasonCode::NOT_AUTHORIZED)
    };
    vec![
        both(ALL, "PUBACK", "4002 1234", Packet::PubAck(success)),
        both(ALL, "PUBREC", "5002 1234", Packet::PubRec(success)),
        both(ALL, "PUBREL", "6202 1234", Packet::PubRel(success)),
        both(ALL, "PUBCOMP", "7002 1234", Packet::PubComp(success)),
        both(&[V5], "PUBACK with code", "4003 1234 10", {
            Packet::PubAck(acknowledgement(ReasonCode::NO_MATCHING_SUBSCRIBERS))
        }),
        both(&[V5], "PUBREC with code", "5003 1234 97", {
            Packet::PubRec(acknowledgement(ReasonCode::QUOTA_EXCEEDED))
        }),
        both(&[V5], "PUBREL with code", "6203 1234 92", Packet::PubRel(not_found)),
        both(&[V5], "PUBCOMP with code", "7003 1234 92", Packet::PubComp(not_found)),
        both(&[V5], "PUBACK with properties", "40 [ 1234 87 [ 1F ('no') 26 ('k') ('v') 26 ('k') ('v') ] ]", {
            Packet::PubAck(explained)
        }),
        both(&[V5], "PUBREC with properties", "50 [ 1234 87 [ 1F ('no') 26 ('k') ('v') 26 ('k') ('v') ] ]", {
            Packet::PubRec(explained)
        }),
        both(&[V5], "PUBREL with properties", "62 [ 1234 00 [ 26 ('k') ('v') ] ]", {
            Packet::PubRel(Acknowledgement { properties: properties(&[Property::UserProperty("k", "v")]), ..success })
        }),
        both(&[V5], "PUBCOMP with properties", "70 [ 1234 92 [ 1F ('no') ] ]", {
            Packet::PubComp(Acknowledgement { properties: properties(&[Property::ReasonString("no")]), ..not_found })
        }),
        reads(&[V5], "PUBACK with code 0", "4003 1234 00", Packet::PubAck(success)),
        reads(&[V5], "PUBACK with code 0 and no properties", "4004 1234 00 00", Packet::PubAck(success)),
        reads(&[V5], "PUBREL with code and no properties", "6204 1234 92 00", Packet::PubRel(not_found)),
        reads(&[V31], "3.1 PUBREL sent again", "6A02 1234", Packet::PubRel(success)),
        reads(&[V31], "3.1 PUBREL without its flags", "6002 1234", Packet::PubRel(success)),
        reads(&[V31], "3.1 PUBACK with flags", "4F02 1234", Packet::PubAck(success)),
        reads(V3, "Remaining Length of two bytes", "408200 1234", Packet::PubAck(success)),
    ]
}

fn bad() -> Vec<Row> {
    vec![
        malformed(ALL, "empty", "4000"),
        malformed(ALL, "Packet Identifier cut", "4001 12"),
        protocol_error(ALL, "PUBACK Packet Identifier 0", "4002 0000"),
        protocol_error(ALL, "PUBREC Packet Identifier 0", "5002 0000"),
        protocol_error(ALL, "PUBREL Packet Identifier 0", "6202 0000"),
        protocol_error(ALL, "PUBCOMP Packet Identifier 0", "7002 0000"),
        malformed(SINCE_V311, "PUBACK flags", "4102 1234"),
        malformed(SINCE_V311, "PUBREC flags", "5202 1234"),
        malformed(SINCE_V311, "PUBREL flags 0", "6002 1234"),
        malformed(SINCE_V311, "PUBREL flags 3", "6302 1234"),
        malformed(SINCE_V311, "PUBREL flags with DUP", "6A02 1234"),
        malformed(SINCE_V311, "PUBCOMP flags", "7802 1234"),
        malformed(V3, "a code in version 3", "4003 1234 00"),
        malformed(V3, "a code and properties in version 3", "6204 1234 00 00"),
        malformed(&[V5], "Remaining Length too long a form", "408200 1234"),
        malformed(&[V5], "bytes behind the properties", "4005 1234 00 00 00"),
        malformed(&[V5], "properties cut", "4004 1234 00 01"),
        malformed(&[V5], "a property of CONNECT", "40 [ 1234 00 [ 11 00000001 ] ]"),
        malformed(&[V5], "Reason String is no text", "40 [ 1234 00 [ 1F (FF) ] ]"),
        protocol_error(&[V5], "Reason String twice", "40 [ 1234 00 [ 1F () 1F () ] ]"),
        protocol_error(&[V5], "PUBACK with a code of PUBREL", "4003 1234 92"),
        protocol_error(&[V5], "PUBREC with an unknown code", "5003 1234 FF"),
        protocol_error(&[V5], "PUBREL with a code of PUBACK", "6203 1234 10"),
        protocol_error(&[V5], "PUBCOMP with an unknown code", "7003 1234 01"),
    ]
}
