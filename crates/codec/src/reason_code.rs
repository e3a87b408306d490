//! Reason Codes of MQTT 5.0 (section 2.4), and which packet may carry which.

use std::fmt;

/// The outcome of an operation in one byte; below 0x80 it succeeded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReasonCode(pub u8);

impl ReasonCode {
    /// Granted QoS 0: the name 0x00 has in SUBACK.
    pub const GRANTED_QOS_0: ReasonCode = ReasonCode(0x00);
    /// Normal disconnection: the name 0x00 has in DISCONNECT.
    pub const NORMAL_DISCONNECTION: ReasonCode = ReasonCode(0x00);
    /// Success.
    pub const SUCCESS: ReasonCode = ReasonCode(0x00);
    /// Granted QoS 1.
    pub const GRANTED_QOS_1: ReasonCode = ReasonCode(0x01);
    /// Granted QoS 2.
    pub const GRANTED_QOS_2: ReasonCode = ReasonCode(0x02);
    /// Disconnect with Will Message.
    pub const DISCONNECT_WITH_WILL_MESSAGE: ReasonCode = ReasonCode(0x04);
    /// No matching subscribers.
    pub const NO_MATCHING_SUBSCRIBERS: ReasonCode = ReasonCode(0x10);
    /// No subscription existed.
    pub const NO_SUBSCRIPTION_EXISTED: ReasonCode = ReasonCode(0x11);
    /// Continue authentication.
    pub const CONTINUE_AUTHENTICATION: ReasonCode = ReasonCode(0x18);
    /// Re-authenticate.
    pub const REAUTHENTICATE: ReasonCode = ReasonCode(0x19);
    /// Unspecified error.
    pub const UNSPECIFIED_ERROR: ReasonCode = ReasonCode(0x80);
    /// Malformed Packet.
    pub const MALFORMED_PACKET: ReasonCode = ReasonCode(0x81);
    /// Protocol Error.
    pub const PROTOCOL_ERROR: ReasonCode = ReasonCode(0x82);
    /// Implementation specific error.
    pub const IMPLEMENTATION_SPECIFIC_ERROR: ReasonCode = ReasonCode(0x83);
    /// Unsupported Protocol Version.
    pub const UNSUPPORTED_PROTOCOL_VERSION: ReasonCode = ReasonCode(0x84);
    /// Client Identifier not valid.
    pub const CLIENT_IDENTIFIER_NOT_VALID: ReasonCode = ReasonCode(0x85);
    /// Bad User Name or Password.
    pub const BAD_USER_NAME_OR_PASSWORD: ReasonCode = ReasonCode(0x86);
    /// Not authorized.
    pub const NOT_AUTHORIZED: ReasonCode = ReasonCode(0x87);
    /// Server unavailable.
    pub const SERVER_UNAVAILABLE: ReasonCode = ReasonCode(0x88);
    /// Server busy.
    pub const SERVER_BUSY: ReasonCode = ReasonCode(0x89);
    /// Banned.
    pub const BANNED: ReasonCode = ReasonCode(0x8A);
    /// Server shutting down.
    pub const SERVER_SHUTTING_DOWN: ReasonCode = ReasonCode(0x8B);
    /// Bad authentication method.
    pub const BAD_AUTHENTICATION_METHOD: ReasonCode = ReasonCode(0x8C);
    /// Keep Alive timeout.
    pub const KEEP_ALIVE_TIMEOUT: ReasonCode = ReasonCode(0x8D);
    /// Session taken over.
    pub const SESSION_TAKEN_OVER: ReasonCode = ReasonCode(0x8E);
    /// Topic Filter invalid.
    pub const TOPIC_FILTER_INVALID: ReasonCode = ReasonCode(0x8F);
    /// Topic Name invalid.
    pub const TOPIC_NAME_INVALID: ReasonCode = ReasonCode(0x90);
    /// Packet Identifier in use.
    pub const PACKET_IDENTIFIER_IN_USE: ReasonCode = ReasonCode(0x91);
    /// Packet Identifier not found.
    pub const PACKET_IDENTIFIER_NOT_FOUND: ReasonCode = ReasonCode(0x92);
    /// Receive Maximum exceeded.
    pub const RECEIVE_MAXIMUM_EXCEEDED: ReasonCode = ReasonCode(0x93);
    /// Topic Alias invalid.
    pub const TOPIC_ALIAS_INVALID: ReasonCode = ReasonCode(0x94);
    /// Packet too large.
    pub const PACKET_TOO_LARGE: ReasonCode = ReasonCode(0x95);
    /// Message rate too high.
    pub const MESSAGE_RATE_TOO_HIGH: ReasonCode = ReasonCode(0x96);
    /// Quota exceeded.
    pub const QUOTA_EXCEEDED: ReasonCode = ReasonCode(0x97);
    /// Administrative action.
    pub const ADMINISTRATIVE_ACTION: ReasonCode = ReasonCode(0x98);
    /// Payload format invalid.
    pub const PAYLOAD_FORMAT_INVALID: ReasonCode = ReasonCode(0x99);
    /// Retain not supported.
    pub const RETAIN_NOT_SUPPORTED: ReasonCode = ReasonCode(0x9A);
    /// QoS not supported.
    pub const QOS_NOT_SUPPORTED: ReasonCode = ReasonCode(0x9B);
    /// Use another server.
    pub const USE_ANOTHER_SERVER: ReasonCode = ReasonCode(0x9C);
    /// Server moved.
    pub const SERVER_MOVED: ReasonCode = ReasonCode(0x9D);
    /// Shared Subscriptions not supported.
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: ReasonCode = ReasonCode(0x9E);
    /// Connection rate exceeded.
    pub const CONNECTION_RATE_EXCEEDED: ReasonCode = ReasonCode(0x9F);
    /// Maximum connect time.
    pub const MAXIMUM_CONNECT_TIME: ReasonCode = ReasonCode(0xA0);
    /// Subscription Identifiers not supported.
    pub const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: ReasonCode = ReasonCode(0xA1);
    /// Wildcard Subscriptions not supported.
    pub const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: ReasonCode = ReasonCode(0xA2);

    /// The operation failed: 0x80 and above.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// The name the specification gives it; `"Unknown"` for a number it does not list.
    pub const fn name(self) -> &'static str {
        match self {
            ReasonCode::SUCCESS => "Success",
            ReasonCode::GRANTED_QOS_1 => "Granted QoS 1",
            ReasonCode::GRANTED_QOS_2 => "Granted QoS 2",
            ReasonCode::DISCONNECT_WITH_WILL_MESSAGE => "Disconnect with Will Message",
            ReasonCode::NO_MATCHING_SUBSCRIBERS => "No matching subscribers",
            ReasonCode::NO_SUBSCRIPTION_EXISTED => "No subscription existed",
            ReasonCode::CONTINUE_AUTHENTICATION => "Continue authentication",
            ReasonCode::REAUTHENTICATE => "Re-authenticate",
            ReasonCode::UNSPECIFIED_ERROR => "Unspecified error",
            ReasonCode::MALFORMED_PACKET => "Malformed Packet",
            ReasonCode::PROTOCOL_ERROR => "Protocol Error",
            ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR => "Implementation specific error",
            ReasonCode::UNSUPPORTED_PROTOCOL_VERSION => "Unsupported Protocol Version",
            ReasonCode::CLIENT_IDENTIFIER_NOT_VALID => "Client Identifier not valid",
            ReasonCode::BAD_USER_NAME_OR_PASSWORD => "Bad User Name or Password",
            ReasonCode::NOT_AUTHORIZED => "Not authorized",
            ReasonCode::SERVER_UNAVAILABLE => "Server unavailable",
            ReasonCode::SERVER_BUSY => "Server busy",
            ReasonCode::BANNED => "Banned",
            ReasonCode::SERVER_SHUTTING_DOWN => "Server shutting down",
            ReasonCode::BAD_AUTHENTICATION_METHOD => "Bad authentication method",
            ReasonCode::KEEP_ALIVE_TIMEOUT => "Keep Alive timeout",
            ReasonCode::SESSION_TAKEN_OVER => "Session taken over",
            ReasonCode::TOPIC_FILTER_INVALID => "Topic Filter invalid",
            ReasonCode::TOPIC_NAME_INVALID => "Topic Name invalid",
            ReasonCode::PACKET_IDENTIFIER_IN_USE => "Packet Identifier in use",
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND => "Packet Identifier not found",
            ReasonCode::RECEIVE_MAXIMUM_EXCEEDED => "Receive Maximum exceeded",
            ReasonCode::TOPIC_ALIAS_INVALID => "Topic Alias invalid",
            ReasonCode::PACKET_TOO_LARGE => "Packet too large",
            ReasonCode::MESSAGE_RATE_TOO_HIGH => "Message rate too high",
            ReasonCode::QUOTA_EXCEEDED => "Quota exceeded",
            ReasonCode::ADMINISTRATIVE_ACTION => "Administrative action",
            ReasonCode::PAYLOAD_FORMAT_INVALID => "Payload format invalid",
            ReasonCode::RETAIN_NOT_SUPPORTED => "Retain not supported",
            ReasonCode::QOS_NOT_SUPPORTED => "QoS not supported",
            ReasonCode::USE_ANOTHER_SERVER => "Use another server",
            ReasonCode::SERVER_MOVED => "Server moved",
            ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED => "Shared Subscriptions not supported",
            ReasonCode::CONNECTION_RATE_EXCEEDED => "Connection rate exceeded",
            ReasonCode::MAXIMUM_CONNECT_TIME => "Maximum connect time",
            ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED => "Subscription Identifiers not supported",
            ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED => "Wildcard Subscriptions not supported",
            _ => "Unknown",
        }
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X} {}", self.0, self.name())
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// CONNACK `[MQTT-3.2.2-8]`.
pub(crate) const fn is_connack(code: u8) -> bool {
    matches!(code, 0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F)
}

/// PUBACK and PUBREC `[MQTT-3.4.2-1]` `[MQTT-3.5.2-1]`.
pub(crate) const fn is_puback(code: u8) -> bool {
    matches!(code, 0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99)
}

/// PUBREL and PUBCOMP `[MQTT-3.6.2-1]` `[MQTT-3.7.2-1]`.
pub(crate) const fn is_pubrel(code: u8) -> bool {
    matches!(code, 0x00 | 0x92)
}

/// SUBACK `[MQTT-3.9.3-2]`.
pub(crate) const fn is_suback(code: u8) -> bool {
    matches!(code, 0x00..=0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2)
}

/// UNSUBACK `[MQTT-3.11.3-2]`.
pub(crate) const fn is_unsuback(code: u8) -> bool {
    matches!(code, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91)
}

/// DISCONNECT, by either end `[MQTT-3.14.2-1]`.
pub(crate) const fn is_disconnect(code: u8) -> bool {
    matches!(code, 0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2)
}

/// AUTH `[MQTT-3.15.2-1]`.
pub(crate) const fn is_auth(code: u8) -> bool {
    matches!(code, 0x00 | 0x18 | 0x19)
}
