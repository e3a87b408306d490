//! PINGREQ, PINGRESP, DISCONNECT, AUTH, and packet types there are not.

use midge_codec::Version::{V5, V31};
use midge_codec::{Auth, Disconnect, Packet, Properties, Property, ReasonCode};

use crate::{ALL, Row, SINCE_V311, V3, both, malformed, properties, protocol_error, reads};

fn disconnect(reason_code: ReasonCode) -> Packet<'static> {
    Packet::Disconnect(Disconnect { reason_code, properties: Properties::EMPTY })
}

pub(crate) fn rows() -> Vec<Row> {
    [ping(), disconnect_rows(), auth()].into_iter().flatten().collect()
}

fn ping() -> Vec<Row> {
    vec![
        both(ALL, "PINGREQ", "C000", Packet::PingReq),
        both(ALL, "PINGRESP", "D000", Packet::PingResp),
        reads(&[V31], "3.1 PINGREQ with flags", "C200", Packet::PingReq),
        reads(V3, "PINGREQ Remaining Length of two bytes", "C08000", Packet::PingReq),
        malformed(&[V5], "PINGREQ Remaining Length too long a form", "C08000"),
        malformed(SINCE_V311, "PINGREQ flags", "C100"),
        malformed(SINCE_V311, "PINGRESP flags", "D800"),
        malformed(ALL, "PINGREQ with a body", "C00100"),
        malformed(ALL, "PINGRESP with a body", "D00100"),
        malformed(ALL, "packet type 0", "0000"),
    ]
}

fn disconnect_rows() -> Vec<Row> {
    let all = properties(&[
        Property::SessionExpiryInterval(0),
        Property::ReasonString("bye"),
        Property::UserProperty("k", "v"),
        Property::ServerReference("other"),
    ]);
    vec![
        both(ALL, "DISCONNECT", "E000", disconnect(ReasonCode::NORMAL_DISCONNECTION)),
        both(&[V5], "DISCONNECT with will", "E00104", disconnect(ReasonCode::DISCONNECT_WITH_WILL_MESSAGE)),
        both(&[V5], "DISCONNECT taken over", "E0018E", disconnect(ReasonCode::SESSION_TAKEN_OVER)),
        both(
            &[V5],
            "DISCONNECT every property",
            "E0 [ 9C [ 11 00000000 1F ('bye') 26 ('k') ('v') 1C ('other') ] ]",
            Packet::Disconnect(Disconnect { reason_code: ReasonCode::USE_ANOTHER_SERVER, properties: all }),
        ),
        both(
            &[V5],
            "DISCONNECT 0 with a property",
            "E0 [ 00 [ 11 0000000A ] ]",
            Packet::Disconnect(Disconnect {
                reason_code: ReasonCode::NORMAL_DISCONNECTION,
                properties: properties(&[Property::SessionExpiryInterval(10)]),
            }),
        ),
        reads(&[V5], "DISCONNECT with code 0", "E00100", disconnect(ReasonCode::NORMAL_DISCONNECTION)),
        reads(&[V5], "DISCONNECT with code 0, no properties", "E0020000", {
            disconnect(ReasonCode::NORMAL_DISCONNECTION)
        }),
        reads(&[V31], "3.1 DISCONNECT with flags", "E100", disconnect(ReasonCode::NORMAL_DISCONNECTION)),
        malformed(SINCE_V311, "DISCONNECT flags", "E100"),
        malformed(V3, "DISCONNECT with code in version 3", "E00100"),
        protocol_error(&[V5], "DISCONNECT with an unknown code", "E00101"),
        protocol_error(&[V5], "DISCONNECT with a code of CONNACK", "E00184"),
        malformed(&[V5], "DISCONNECT bytes behind the end", "E003000000"),
        malformed(&[V5], "DISCONNECT properties cut", "E0020005"),
        malformed(&[V5], "DISCONNECT with Will Delay", "E0 [ 00 [ 18 00000001 ] ]"),
        protocol_error(&[V5], "DISCONNECT Session Expiry twice", "E0 [ 00 [ 11 00000001 11 00000001 ] ]"),
    ]
}

fn auth() -> Vec<Row> {
    let auth = |reason_code, list| Packet::Auth(Auth { reason_code, properties: properties(list) });
    vec![
        both(&[V5], "AUTH", "F000", auth(ReasonCode::SUCCESS, &[])),
        both(&[V5], "AUTH goes on", "F0 [ 18 [ 15 ('m') 16 (00) 1F ('go') 26 ('k') ('v') ] ]", {
            auth(
                ReasonCode::CONTINUE_AUTHENTICATION,
                &[
                    Property::AuthenticationMethod("m"),
                    Property::AuthenticationData(b"\0"),
                    Property::ReasonString("go"),
                    Property::UserProperty("k", "v"),
                ],
            )
        }),
        both(&[V5], "AUTH again", "F0 [ 19 [ 15 ('m') ] ]", {
            auth(ReasonCode::REAUTHENTICATE, &[Property::AuthenticationMethod("m")])
        }),
        both(&[V5], "AUTH without properties", "F0021800", auth(ReasonCode::CONTINUE_AUTHENTICATION, &[])),
        reads(&[V5], "AUTH with code 0", "F0020000", auth(ReasonCode::SUCCESS, &[])),
        malformed(V3, "AUTH in version 3", "F000"),
        malformed(&[V5], "AUTH flags", "F100"),
        malformed(&[V5], "AUTH without Property Length", "F00118"),
        malformed(&[V5], "AUTH bytes behind the end", "F003180000"),
        protocol_error(&[V5], "AUTH with an unknown code", "F0021A00"),
        protocol_error(&[V5], "AUTH with a code of DISCONNECT", "F0028700"),
        malformed(&[V5], "AUTH with a Server Reference", "F0 [ 18 [ 1C () ] ]"),
        protocol_error(&[V5], "AUTH with two methods", "F0 [ 18 [ 15 ('m') 15 ('m') ] ]"),
    ]
}
