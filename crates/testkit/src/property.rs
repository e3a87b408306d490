//! The properties of MQTT 5.0: identifier, the name the notation gives it, type, and the packets from a server that may hold it.

/// How a property's value is written on the wire, and in the notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// One byte; a decimal number in the notation.
    Byte,
    /// Two bytes, big-endian; a decimal number.
    Two,
    /// Four bytes, big-endian; a decimal number.
    Four,
    /// A Variable Byte Integer; a decimal number.
    Variable,
    /// Length and UTF-8 text.
    Text,
    /// Length and bytes.
    Binary,
    /// Two texts, written `name:value`.
    Pair,
}

/// One row of the specification's table of properties (§2.2.2.2).
pub(crate) struct Property {
    pub(crate) identifier: u8,
    pub(crate) name: &'static str,
    pub(crate) value_type: Type,
    /// Packet types (the first nibble) of packets from a server that may hold it.
    pub(crate) from_server_in: &'static [u8],
}

/// The property with this name in the notation.
pub(crate) fn by_name(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

/// The property with this identifier on the wire.
pub(crate) fn by_identifier(identifier: u8) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.identifier == identifier)
}

const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;
/// Every packet from a server that has a Reason String; PUBLISH and PINGRESP have none.
const REASON_STRING_IN: &[u8] = &[2, 4, 5, 6, 7, 9, 11, 14, 15];
const USER_PROPERTY_IN: &[u8] = &[2, 3, 4, 5, 6, 7, 9, 11, 14, 15];

const fn row(identifier: u8, name: &'static str, value_type: Type, from_server_in: &'static [u8]) -> Property {
    Property { identifier, name, value_type, from_server_in }
}

const PROPERTIES: &[Property] = &[
    row(0x01, "payload-format-indicator", Type::Byte, &[PUBLISH]),
    row(0x02, "message-expiry-interval", Type::Four, &[PUBLISH]),
    row(0x03, "content-type", Type::Text, &[PUBLISH]),
    row(0x08, "response-topic", Type::Text, &[PUBLISH]),
    row(0x09, "correlation-data", Type::Binary, &[PUBLISH]),
    row(0x0b, "subscription-identifier", Type::Variable, &[PUBLISH]),
    row(0x11, "session-expiry-interval", Type::Four, &[CONNACK]),
    row(0x12, "assigned-client-identifier", Type::Text, &[CONNACK]),
    row(0x13, "server-keep-alive", Type::Two, &[CONNACK]),
    row(0x15, "authentication-method", Type::Text, &[CONNACK, AUTH]),
    row(0x16, "authentication-data", Type::Binary, &[CONNACK, AUTH]),
    row(0x17, "request-problem-information", Type::Byte, &[]),
    row(0x18, "will-delay-interval", Type::Four, &[]),
    row(0x19, "request-response-information", Type::Byte, &[]),
    row(0x1a, "response-information", Type::Text, &[CONNACK]),
    row(0x1c, "server-reference", Type::Text, &[CONNACK, DISCONNECT]),
    row(0x1f, "reason-string", Type::Text, REASON_STRING_IN),
    row(0x21, "receive-maximum", Type::Two, &[CONNACK]),
    row(0x22, "topic-alias-maximum", Type::Two, &[CONNACK]),
    row(0x23, "topic-alias", Type::Two, &[PUBLISH]),
    row(0x24, "maximum-qos", Type::Byte, &[CONNACK]),
    row(0x25, "retain-available", Type::Byte, &[CONNACK]),
    row(0x26, "user-property", Type::Pair, USER_PROPERTY_IN),
    row(0x27, "maximum-packet-size", Type::Four, &[CONNACK]),
    row(0x28, "wildcard-subscription-available", Type::Byte, &[CONNACK]),
    row(0x29, "subscription-identifier-available", Type::Byte, &[CONNACK]),
    row(0x2a, "shared-subscription-available", Type::Byte, &[CONNACK]),
];
