//! A traced packet in words: an object of JSON, with the specification's names.
//!
//! What a client has chosen is a string of JSON like any other. Passwords and Authentication Data are never told, only that they
//! were there.

use midge_codec::{
    Acknowledgement, ConnAck, Connect, FixedHeader, Packet, Properties, Property, Publish, ReasonCode, RetainHandling,
    SubAck, Subscribe, UnsubAck, Unsubscribe,
};

use super::{Direction, Traced, What};
use crate::inquiry::protocol;
use crate::json::Object;

impl Traced {
    /// See the module.
    pub(crate) fn describe(&self) -> Object {
        let mut object = Object::new();
        object
            .number("time_ms", self.wall_ms)
            .text("client_id", &self.client_id)
            .text("address", &self.address.to_string())
            .text(
                "direction",
                match self.direction {
                    Direction::FromClient => "from client",
                    Direction::ToClient => "to client",
                },
            );
        match &self.what {
            What::Packet { header, body, aliased } => {
                begin(*header, &mut object);
                self.describe_packet(*header, body, aliased.as_deref(), &mut object);
            }
            What::Large(header) => {
                begin(*header, &mut object);
                object.text("error", "too large to be shown");
            }
            What::Nonsense(bytes) => {
                object.text("error", "no whole packet").number("bytes", *bytes as u64);
            }
        }
        object
    }

    fn describe_packet(&self, header: FixedHeader, body: &[u8], aliased: Option<&str>, object: &mut Object) {
        let decoded = match self.direction {
            Direction::FromClient => Packet::decode(self.version, header, body),
            Direction::ToClient => Packet::decode_from_server(self.version, header, body),
        };
        match decoded {
            Ok(Packet::Connect(packet)) => describe_connect(&packet, object),
            Ok(Packet::ConnAck(packet)) => self.describe_connack(&packet, object),
            Ok(Packet::Publish(packet)) => describe_publish(&packet, header, body, aliased, object),
            Ok(Packet::PubAck(packet) | Packet::PubRec(packet) | Packet::PubRel(packet) | Packet::PubComp(packet)) => {
                describe_acknowledgement(&packet, object)
            }
            Ok(Packet::Subscribe(packet)) => describe_subscribe(&packet, object),
            Ok(Packet::SubAck(SubAck { packet_id, properties, codes })) => {
                object.number("id", packet_id.get()).list("reasons", codes.iter().map(|code| granted(*code)));
                add_properties(properties, object);
            }
            Ok(Packet::Unsubscribe(packet)) => describe_unsubscribe(&packet, object),
            Ok(Packet::UnsubAck(UnsubAck { packet_id, properties, codes })) => {
                object.number("id", packet_id.get());
                if !codes.is_empty() {
                    object.list("reasons", codes.iter().map(|code| reason(ReasonCode(*code))));
                }
                add_properties(properties, object);
            }
            Ok(Packet::Disconnect(packet)) => {
                object.object("reason", disconnect_reason(packet.reason_code));
                add_properties(packet.properties, object);
            }
            Ok(Packet::Auth(packet)) => {
                object.object("reason", reason(packet.reason_code));
                add_properties(packet.properties, object);
            }
            Ok(Packet::PingReq | Packet::PingResp) => {}
            Err(error) => {
                object.text("error", error.message());
            }
        }
    }

    /// Before version 5 CONNACK has codes of its own.
    fn describe_connack(&self, packet: &ConnAck<'_>, object: &mut Object) {
        object.flag("session_present", packet.session_present);
        let name = match (protocol(self.version), packet.code) {
            ("MQTT 5", code) => ReasonCode(code).name(),
            (_, 0) => "Connection Accepted",
            (_, 1) => "Connection Refused, unacceptable protocol version",
            (_, 2) => "Connection Refused, identifier rejected",
            (_, 3) => "Connection Refused, Server unavailable",
            (_, 4) => "Connection Refused, bad user name or password",
            (_, 5) => "Connection Refused, not authorized",
            _ => "Connection Refused",
        };
        object.object("reason", coded(packet.code, name));
        add_properties(packet.properties, object);
    }
}

fn begin(header: FixedHeader, object: &mut Object) {
    let name = header.packet_type().map_or("reserved packet type", |packet_type| packet_type.name());
    object.text("packet", name).number("bytes", header.packet_len() as u64);
}

fn describe_connect(packet: &Connect<'_>, object: &mut Object) {
    object
        .text("protocol", protocol(packet.version))
        .text("connect_client_id", packet.client_id)
        .flag("clean_start", packet.clean_start)
        .number("keep_alive_s", packet.keep_alive_s);
    if packet.bridge {
        object.flag("bridge", true);
    }
    if let Some(username) = packet.username {
        object.text("username", username);
    }
    object.flag("password", packet.password.is_some());
    add_properties(packet.properties, object);
    if let Some(will) = &packet.will {
        let mut inner = Object::new();
        inner
            .text("topic", will.topic)
            .number("qos", will.qos as u8)
            .flag("retain", will.retain)
            .number("payload_bytes", will.payload.len() as u64);
        add_properties(will.properties, &mut inner);
        object.object("will", inner);
    }
}

fn describe_publish(
    packet: &Publish<'_>,
    header: FixedHeader,
    body: &[u8],
    aliased: Option<&str>,
    object: &mut Object,
) {
    if let Some(id) = packet.packet_id {
        object.number("id", id.get());
    }
    object.number("qos", packet.qos as u8).flag("dup", packet.dup).flag("retain", packet.retain);
    match aliased {
        Some(topic) => object.text("topic", topic).flag("by_alias", true),
        None => object.text("topic", packet.topic),
    };
    let left_out = header.remaining as usize - body.len();
    object.number("payload_bytes", (packet.payload.len() + left_out) as u64);
    if !packet.payload.is_empty() {
        add_bytes("payload", packet.payload, object);
        if left_out > 0 {
            object.number("payload_bytes_left_out", left_out as u64);
        }
    }
    add_properties(packet.properties.raw, object);
}

fn describe_acknowledgement(packet: &Acknowledgement<'_>, object: &mut Object) {
    object.number("id", packet.packet_id.get()).object("reason", reason(packet.reason_code));
    add_properties(packet.properties, object);
}

fn describe_subscribe(packet: &Subscribe<'_>, object: &mut Object) {
    object.number("id", packet.packet_id.get());
    let filters = packet.filters.iter().map(|(filter, options)| {
        let mut object = Object::new();
        object.text("filter", filter.text()).number("qos", options.qos as u8);
        if options.no_local {
            object.flag("no_local", true);
        }
        if options.retain_as_published {
            object.flag("retain_as_published", true);
        }
        if options.retain_handling != RetainHandling::SendAlways {
            object.number("retain_handling", options.retain_handling as u8);
        }
        object
    });
    object.list("filters", filters);
    add_properties(packet.properties, object);
}

fn describe_unsubscribe(packet: &Unsubscribe<'_>, object: &mut Object) {
    object.number("id", packet.packet_id.get());
    let filters = packet.filters.iter().map(|filter| {
        let mut object = Object::new();
        object.text("filter", filter.text());
        object
    });
    object.list("filters", filters);
    add_properties(packet.properties, object);
}

fn reason(code: ReasonCode) -> Object {
    coded(code.0, code.name())
}

/// What 0 means in SUBACK.
fn granted(code: u8) -> Object {
    if code == 0 { coded(0, "Granted QoS 0") } else { reason(ReasonCode(code)) }
}

/// What 0 means in DISCONNECT.
fn disconnect_reason(code: ReasonCode) -> Object {
    if code.0 == 0 { coded(0, "Normal disconnection") } else { reason(code) }
}

fn coded(code: u8, name: &str) -> Object {
    let mut object = Object::new();
    object.number("code", code).text("name", name);
    object
}

/// Text where it is text, and else hexadecimal.
fn add_bytes(name: &str, bytes: &[u8], object: &mut Object) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.text(name, text),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            object.text(&format!("{name}_hex"), &digits)
        }
    };
}

/// A list, since some may be there more than once.
fn add_properties(properties: Properties<'_>, object: &mut Object) {
    let mut properties = properties.iter().peekable();
    if properties.peek().is_some() {
        object.list("properties", properties.map(|property| described(&property)));
    }
}

fn described(property: &Property<'_>) -> Object {
    use Property as P;
    let value = match *property {
        P::PayloadFormatIndicator(value) => Value::Number(value.into()),
        P::MessageExpiryInterval(value) => Value::Number(value),
        P::ContentType(value) => Value::Text(value),
        P::ResponseTopic(value) => Value::Text(value),
        P::CorrelationData(value) => Value::Bytes(value),
        P::SubscriptionIdentifier(value) => Value::Number(value),
        P::SessionExpiryInterval(value) => Value::Number(value),
        P::AssignedClientIdentifier(value) => Value::Text(value),
        P::ServerKeepAlive(value) => Value::Number(value.into()),
        P::AuthenticationMethod(value) => Value::Text(value),
        P::AuthenticationData(_) => Value::Secret,
        P::RequestProblemInformation(value) => Value::Number(value.into()),
        P::WillDelayInterval(value) => Value::Number(value),
        P::RequestResponseInformation(value) => Value::Number(value.into()),
        P::ResponseInformation(value) => Value::Text(value),
        P::ServerReference(value) => Value::Text(value),
        P::ReasonString(value) => Value::Text(value),
        P::ReceiveMaximum(value) => Value::Number(value.into()),
        P::TopicAliasMaximum(value) => Value::Number(value.into()),
        P::TopicAlias(value) => Value::Number(value.into()),
        P::MaximumQoS(value) => Value::Number(value.into()),
        P::RetainAvailable(value) => Value::Number(value.into()),
        P::UserProperty(name, value) => Value::Pair(name, value),
        P::MaximumPacketSize(value) => Value::Number(value),
        P::WildcardSubscriptionAvailable(value) => Value::Number(value.into()),
        P::SubscriptionIdentifierAvailable(value) => Value::Number(value.into()),
        P::SharedSubscriptionAvailable(value) => Value::Number(value.into()),
    };
    let mut object = Object::new();
    object.text("name", property.name());
    match value {
        Value::Number(value) => object.number("value", value),
        Value::Text(value) => object.text("value", value),
        Value::Bytes(value) => {
            add_bytes("value", value, &mut object);
            &mut object
        }
        Value::Pair(key, value) => object.text("key", key).text("value", value),
        Value::Secret => object.text("value", "(not shown)"),
    };
    object
}

enum Value<'a> {
    Number(u32),
    Text(&'a str),
    Bytes(&'a [u8]),
    Pair(&'a str, &'a str),
    /// That it was there is all that is told.
    Secret,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use midge_codec::{Version, fixed_header};
    use midge_net::Address;

    use super::*;

    /// `body` is what was kept of the packet.
    fn describe(direction: Direction, version: Version, packet: &[u8], cut: usize, aliased: Option<&str>) -> String {
        let header = fixed_header(packet).expect("a header").expect("whole");
        let body = packet[usize::from(header.length)..packet.len() - cut].into();
        let what = What::Packet { header, body, aliased: aliased.map(Into::into) };
        let (client_id, address) = ("c\u{1b}".into(), Address::V4(Ipv4Addr::LOCALHOST, 7));
        let line = Traced { wall_ms: 5, direction, client_id, address, version, what }.describe().finish();
        let begin = format!(
            r#"{{"time_ms":5,"client_id":"c\u001b","address":"127.0.0.1:7","direction":"{}","#,
            if direction == Direction::FromClient { "from client" } else { "to client" }
        );
        line.strip_prefix(&begin).unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    #[test]
    fn a_password_is_never_told() {
        let mut packet = Vec::new();
        let mut properties = midge_codec::PropertiesBuf::default();
        properties.push(Property::AuthenticationMethod("m")).push(Property::AuthenticationData(b"SECRET-1"));
        let connect = Connect {
            version: Version::V5,
            bridge: false,
            clean_start: true,
            keep_alive_s: 9,
            client_id: "me",
            will: None,
            username: Some("ann"),
            password: Some(b"SECRET-2"),
            properties: properties.as_properties(),
        };
        connect.encode(&mut packet);
        let line = describe(Direction::FromClient, Version::V5, &packet, 0, None);
        assert!(!line.contains("SECRET"), "{line}");
        let expected = r#""packet":"CONNECT","bytes":47,"protocol":"MQTT 5","connect_client_id":"me","clean_start":true,"keep_alive_s":9,"username":"ann","password":true,"properties":[{"name":"authentication-method","value":"m"},{"name":"authentication-data","value":"(not shown)"}]}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn a_publish_is_told_as_far_as_it_was_kept() {
        let whole = describe(Direction::FromClient, Version::V311, b"\x3b\x0a\x00\x03a/b\x00\x07\xffx\x00", 0, None);
        assert_eq!(
            whole,
            r#""packet":"PUBLISH","bytes":12,"id":7,"qos":1,"dup":true,"retain":true,"topic":"a/b","payload_bytes":3,"payload_hex":"ff7800"}"#
        );
        let cut = describe(Direction::ToClient, Version::V311, b"\x30\x08\x00\x03a/b\x1bxy", 2, None);
        assert_eq!(
            cut,
            r#""packet":"PUBLISH","bytes":10,"qos":0,"dup":false,"retain":false,"topic":"a/b","payload_bytes":3,"payload":"\u001b","payload_bytes_left_out":2}"#
        );
        let alias = describe(Direction::FromClient, Version::V5, b"\x30\x07\x00\x00\x03\x23\x00\x05x", 1, Some("t"));
        assert_eq!(
            alias,
            r#""packet":"PUBLISH","bytes":9,"qos":0,"dup":false,"retain":false,"topic":"t","by_alias":true,"payload_bytes":1,"properties":[{"name":"topic-alias","value":5}]}"#
        );
    }

    #[test]
    fn codes_have_their_words() {
        let check = |direction, version, packet: &[u8], expected: &str| {
            assert_eq!(describe(direction, version, packet, 0, None), expected);
        };
        let (from, to) = (Direction::FromClient, Direction::ToClient);
        check(
            to,
            Version::V311,
            b"\x20\x02\x00\x05",
            r#""packet":"CONNACK","bytes":4,"session_present":false,"reason":{"code":5,"name":"Connection Refused, not authorized"}}"#,
        );
        check(
            to,
            Version::V5,
            b"\x90\x05\x00\x01\x00\x00\x87",
            r#""packet":"SUBACK","bytes":7,"id":1,"reasons":[{"code":0,"name":"Granted QoS 0"},{"code":135,"name":"Not authorized"}]}"#,
        );
        check(
            from,
            Version::V5,
            b"\xe0\x00",
            r#""packet":"DISCONNECT","bytes":2,"reason":{"code":0,"name":"Normal disconnection"}}"#,
        );
        check(
            from,
            Version::V311,
            b"\x36\x05\x00\x01t\x00\x01",
            r#""packet":"PUBLISH","bytes":7,"error":"PUBLISH with QoS 3"}"#,
        );
    }

    /// Whatever comes, and however much of it was kept.
    #[test]
    fn no_bytes_are_too_strange() {
        let mut state = 1_u32;
        let mut next = || {
            // A generator of small numbers, of which most look like lengths (Lehmer).
            state = (u64::from(state) * 48_271 % 0x7fff_ffff) as u32;
            (state >> 8) as u8 & if state & 3 == 0 { 0xff } else { 7 }
        };
        for round in 0..20_000_u32 {
            let body: Box<[u8]> = (0..next() % 40).map(|_| next()).collect();
            let remaining = body.len() as u32 + u32::from(next() % 2) * 9;
            let header = FixedHeader { first: (round % 256) as u8, remaining, length: 2 };
            let direction = if next() % 2 == 0 { Direction::FromClient } else { Direction::ToClient };
            let version = if next() % 2 == 0 { Version::V311 } else { Version::V5 };
            let (client_id, address) = ("c".into(), Address::V4(Ipv4Addr::LOCALHOST, 7));
            let what = What::Packet { header, body, aliased: None };
            let line = Traced { wall_ms: 5, direction, client_id, address, version, what }.describe().finish();
            assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
        }
    }
}
