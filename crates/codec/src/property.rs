//! Property: one identifier and its value (section 2.2.2.2).
//!
//! The value's range is checked where it is read: a [`Property`] out of `decode` needs no second look. Which packets
//! may carry it, and how often, is the business of `properties`.

use crate::error::DecodeError;
use crate::reader::Reader;
use crate::{utf8_string, variable_byte_integer, writer};

/// A Property of version 5. Times are in seconds, sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property<'a> {
    /// 1 when the payload is UTF-8 text, else 0.
    PayloadFormatIndicator(u8),
    /// Lifetime of an Application Message, in seconds.
    MessageExpiryInterval(u32),
    /// Describes the payload, by agreement of the Clients.
    ContentType(&'a str),
    /// Topic Name for the response; holds no wildcard `[MQTT-3.3.2-14]`.
    ResponseTopic(&'a str),
    /// Tells the requester which request a response belongs to.
    CorrelationData(&'a [u8]),
    /// Number of a Subscription, 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// How long the Session outlives the connection, in seconds; 0xFFFFFFFF is for ever.
    SessionExpiryInterval(u32),
    /// The Client Identifier the Server chose `[MQTT-3.2.2-16]`.
    AssignedClientIdentifier(&'a str),
    /// Keep Alive the Server wants instead of the Client's, in seconds.
    ServerKeepAlive(u16),
    /// Name of the method of enhanced authentication.
    AuthenticationMethod(&'a str),
    /// Data of that method.
    AuthenticationData(&'a [u8]),
    /// 0 when the Client wants no Reason Strings or User Properties, else 1.
    RequestProblemInformation(u8),
    /// How long the Server waits before it publishes the Will Message, in seconds.
    WillDelayInterval(u32),
    /// 1 when the Client asks for Response Information, else 0.
    RequestResponseInformation(u8),
    /// Basis for Response Topics.
    ResponseInformation(&'a str),
    /// Another Server to go to.
    ServerReference(&'a str),
    /// Says in words what happened.
    ReasonString(&'a str),
    /// How many PUBLISH of QoS 1 and 2 may be inflight; not 0.
    ReceiveMaximum(u16),
    /// The highest Topic Alias its sender accepts.
    TopicAliasMaximum(u16),
    /// Stands for a Topic Name. 0 is let through: whoever keeps the aliases answers it with 0x94 `[MQTT-3.3.2-8]`.
    TopicAlias(u16),
    /// The highest QoS the Server supports, 0 or 1.
    MaximumQoS(u8),
    /// 0 when the Server keeps no Retained Messages, else 1.
    RetainAvailable(u8),
    /// A name and a value of the sender's own.
    UserProperty(&'a str, &'a str),
    /// The largest packet its sender accepts, in bytes; not 0.
    MaximumPacketSize(u32),
    /// 0 when the Server takes no wildcards in filters, else 1.
    WildcardSubscriptionAvailable(u8),
    /// 0 when the Server takes no Subscription Identifiers, else 1.
    SubscriptionIdentifierAvailable(u8),
    /// 0 when the Server takes no Shared Subscriptions, else 1.
    SharedSubscriptionAvailable(u8),
}

/// The identifiers of Properties.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
    pub(crate) const REASON_STRING: u8 = 0x1F;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;
}

impl<'a> Property<'a> {
    /// The Property Identifier.
    pub const fn id(&self) -> u8 {
        match self {
            Property::PayloadFormatIndicator(_) => id::PAYLOAD_FORMAT_INDICATOR,
            Property::MessageExpiryInterval(_) => id::MESSAGE_EXPIRY_INTERVAL,
            Property::ContentType(_) => id::CONTENT_TYPE,
            Property::ResponseTopic(_) => id::RESPONSE_TOPIC,
            Property::CorrelationData(_) => id::CORRELATION_DATA,
            Property::SubscriptionIdentifier(_) => id::SUBSCRIPTION_IDENTIFIER,
            Property::SessionExpiryInterval(_) => id::SESSION_EXPIRY_INTERVAL,
            Property::AssignedClientIdentifier(_) => id::ASSIGNED_CLIENT_IDENTIFIER,
            Property::ServerKeepAlive(_) => id::SERVER_KEEP_ALIVE,
            Property::AuthenticationMethod(_) => id::AUTHENTICATION_METHOD,
            Property::AuthenticationData(_) => id::AUTHENTICATION_DATA,
            Property::RequestProblemInformation(_) => id::REQUEST_PROBLEM_INFORMATION,
            Property::WillDelayInterval(_) => id::WILL_DELAY_INTERVAL,
            Property::RequestResponseInformation(_) => id::REQUEST_RESPONSE_INFORMATION,
            Property::ResponseInformation(_) => id::RESPONSE_INFORMATION,
            Property::ServerReference(_) => id::SERVER_REFERENCE,
            Property::ReasonString(_) => id::REASON_STRING,
            Property::ReceiveMaximum(_) => id::RECEIVE_MAXIMUM,
            Property::TopicAliasMaximum(_) => id::TOPIC_ALIAS_MAXIMUM,
            Property::TopicAlias(_) => id::TOPIC_ALIAS,
            Property::MaximumQoS(_) => id::MAXIMUM_QOS,
            Property::RetainAvailable(_) => id::RETAIN_AVAILABLE,
            Property::UserProperty(..) => id::USER_PROPERTY,
            Property::MaximumPacketSize(_) => id::MAXIMUM_PACKET_SIZE,
            Property::WildcardSubscriptionAvailable(_) => id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            Property::SubscriptionIdentifierAvailable(_) => id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
            Property::SharedSubscriptionAvailable(_) => id::SHARED_SUBSCRIPTION_AVAILABLE,
        }
    }

    /// The specification's name for it, as Mosquitto's tools and ours write it: `payload-format-indicator`.
    pub const fn name(&self) -> &'static str {
        match self {
            Property::PayloadFormatIndicator(_) => "payload-format-indicator",
            Property::MessageExpiryInterval(_) => "message-expiry-interval",
            Property::ContentType(_) => "content-type",
            Property::ResponseTopic(_) => "response-topic",
            Property::CorrelationData(_) => "correlation-data",
            Property::SubscriptionIdentifier(_) => "subscription-identifier",
            Property::SessionExpiryInterval(_) => "session-expiry-interval",
            Property::AssignedClientIdentifier(_) => "assigned-client-identifier",
            Property::ServerKeepAlive(_) => "server-keep-alive",
            Property::AuthenticationMethod(_) => "authentication-method",
            Property::AuthenticationData(_) => "authentication-data",
            Property::RequestProblemInformation(_) => "request-problem-information",
            Property::WillDelayInterval(_) => "will-delay-interval",
            Property::RequestResponseInformation(_) => "request-response-information",
            Property::ResponseInformation(_) => "response-information",
            Property::ServerReference(_) => "server-reference",
            Property::ReasonString(_) => "reason-string",
            Property::ReceiveMaximum(_) => "receive-maximum",
            Property::TopicAliasMaximum(_) => "topic-alias-maximum",
            Property::TopicAlias(_) => "topic-alias",
            Property::MaximumQoS(_) => "maximum-qos",
            Property::RetainAvailable(_) => "retain-available",
            Property::UserProperty(..) => "user-property",
            Property::MaximumPacketSize(_) => "maximum-packet-size",
            Property::WildcardSubscriptionAvailable(_) => "wildcard-subscription-available",
            Property::SubscriptionIdentifierAvailable(_) => "subscription-identifier-available",
            Property::SharedSubscriptionAvailable(_) => "shared-subscription-available",
        }
    }

    /// Appends identifier and value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.id());
        match *self {
            Property::PayloadFormatIndicator(value)
            | Property::RequestProblemInformation(value)
            | Property::RequestResponseInformation(value)
            | Property::MaximumQoS(value)
            | Property::RetainAvailable(value)
            | Property::WildcardSubscriptionAvailable(value)
            | Property::SubscriptionIdentifierAvailable(value)
            | Property::SharedSubscriptionAvailable(value) => out.push(value),
            Property::ServerKeepAlive(value)
            | Property::ReceiveMaximum(value)
            | Property::TopicAliasMaximum(value)
            | Property::TopicAlias(value) => writer::u16(value, out),
            Property::MessageExpiryInterval(value)
            | Property::SessionExpiryInterval(value)
            | Property::WillDelayInterval(value)
            | Property::MaximumPacketSize(value) => writer::u32(value, out),
            Property::SubscriptionIdentifier(value) => variable_byte_integer::encode(value, out),
            Property::ContentType(value)
            | Property::ResponseTopic(value)
            | Property::AssignedClientIdentifier(value)
            | Property::AuthenticationMethod(value)
            | Property::ResponseInformation(value)
            | Property::ServerReference(value)
            | Property::ReasonString(value) => writer::binary(value.as_bytes(), out),
            Property::CorrelationData(value) | Property::AuthenticationData(value) => writer::binary(value, out),
            Property::UserProperty(name, value) => {
                writer::binary(name.as_bytes(), out);
                writer::binary(value.as_bytes(), out);
            }
        }
    }

    /// Reads the value that belongs to `id`.
    pub(crate) fn read(id: u8, reader: &mut Reader<'a>) -> Result<Property<'a>, DecodeError> {
        Ok(match id {
            id::PAYLOAD_FORMAT_INDICATOR => Property::PayloadFormatIndicator(zero_or_one(reader)?),
            id::MESSAGE_EXPIRY_INTERVAL => Property::MessageExpiryInterval(reader.u32()?),
            id::CONTENT_TYPE => Property::ContentType(reader.string()?),
            id::RESPONSE_TOPIC => Property::ResponseTopic(response_topic(reader)?),
            id::CORRELATION_DATA => Property::CorrelationData(reader.binary()?),
            id::SUBSCRIPTION_IDENTIFIER => Property::SubscriptionIdentifier(subscription_identifier(reader)?),
            id::SESSION_EXPIRY_INTERVAL => Property::SessionExpiryInterval(reader.u32()?),
            id::ASSIGNED_CLIENT_IDENTIFIER => Property::AssignedClientIdentifier(reader.string()?),
            id::SERVER_KEEP_ALIVE => Property::ServerKeepAlive(reader.u16()?),
            id::AUTHENTICATION_METHOD => Property::AuthenticationMethod(reader.string()?),
            id::AUTHENTICATION_DATA => Property::AuthenticationData(reader.binary()?),
            id::REQUEST_PROBLEM_INFORMATION => Property::RequestProblemInformation(zero_or_one(reader)?),
            id::WILL_DELAY_INTERVAL => Property::WillDelayInterval(reader.u32()?),
            id::REQUEST_RESPONSE_INFORMATION => Property::RequestResponseInformation(zero_or_one(reader)?),
            id::RESPONSE_INFORMATION => Property::ResponseInformation(reader.string()?),
            id::SERVER_REFERENCE => Property::ServerReference(reader.string()?),
            id::REASON_STRING => Property::ReasonString(reader.string()?),
            id::RECEIVE_MAXIMUM => Property::ReceiveMaximum(receive_maximum(reader)?),
            id::TOPIC_ALIAS_MAXIMUM => Property::TopicAliasMaximum(reader.u16()?),
            id::TOPIC_ALIAS => Property::TopicAlias(reader.u16()?),
            id::MAXIMUM_QOS => Property::MaximumQoS(zero_or_one(reader)?),
            id::RETAIN_AVAILABLE => Property::RetainAvailable(zero_or_one(reader)?),
            id::USER_PROPERTY => Property::UserProperty(reader.string()?, reader.string()?),
            id::MAXIMUM_PACKET_SIZE => Property::MaximumPacketSize(maximum_packet_size(reader)?),
            id::WILDCARD_SUBSCRIPTION_AVAILABLE => Property::WildcardSubscriptionAvailable(zero_or_one(reader)?),
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => Property::SubscriptionIdentifierAvailable(zero_or_one(reader)?),
            id::SHARED_SUBSCRIPTION_AVAILABLE => Property::SharedSubscriptionAvailable(zero_or_one(reader)?),
            _ => return Err(DecodeError::malformed("unknown Property Identifier")),
        })
    }
}

/// Moves past the value that belongs to `id`, in bytes that were checked before.
pub(crate) fn skip_value(id: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match id {
        id::PAYLOAD_FORMAT_INDICATOR
        | id::REQUEST_PROBLEM_INFORMATION
        | id::REQUEST_RESPONSE_INFORMATION
        | id::MAXIMUM_QOS
        | id::RETAIN_AVAILABLE
        | id::WILDCARD_SUBSCRIPTION_AVAILABLE
        | id::SUBSCRIPTION_IDENTIFIER_AVAILABLE
        | id::SHARED_SUBSCRIPTION_AVAILABLE => reader.take(1)?,
        id::SERVER_KEEP_ALIVE | id::RECEIVE_MAXIMUM | id::TOPIC_ALIAS_MAXIMUM | id::TOPIC_ALIAS => reader.take(2)?,
        id::MESSAGE_EXPIRY_INTERVAL
        | id::SESSION_EXPIRY_INTERVAL
        | id::WILL_DELAY_INTERVAL
        | id::MAXIMUM_PACKET_SIZE => reader.take(4)?,
        id::SUBSCRIPTION_IDENTIFIER => {
            reader.variable_byte_integer()?;
            &[]
        }
        id::USER_PROPERTY => {
            reader.binary()?;
            reader.binary()?
        }
        _ => reader.binary()?,
    };
    Ok(())
}

fn zero_or_one(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    match reader.u8()? {
        value @ 0..=1 => Ok(value),
        _ => Err(DecodeError::protocol_error("Property takes only 0 or 1")),
    }
}

fn receive_maximum(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    match reader.u16()? {
        0 => Err(DecodeError::protocol_error("Receive Maximum is 0")),
        value => Ok(value),
    }
}

fn maximum_packet_size(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match reader.u32()? {
        0 => Err(DecodeError::protocol_error("Maximum Packet Size is 0")),
        value => Ok(value),
    }
}

fn subscription_identifier(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match reader.variable_byte_integer()? {
        0 => Err(DecodeError::protocol_error("Subscription Identifier is 0")),
        value => Ok(value),
    }
}

/// `[MQTT-3.3.2-13]` `[MQTT-3.3.2-14]`: readable as a string, so wildcards and nothing at all break a rule, not the
/// form.
fn response_topic<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let topic = utf8_string::check(reader.binary()?)?;
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(DecodeError::protocol_error("Response Topic is empty or holds a wildcard"));
    }
    Ok(topic)
}
