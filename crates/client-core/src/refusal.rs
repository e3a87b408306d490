//! Why something is not taken over, or not sent: one sentence each.

use midge_codec::ReasonCode;
use thiserror::Error;

/// Why a message or a request is not taken over or not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Refusal {
    /// [`Options::held_messages_max`](crate::Options::held_messages_max) or
    /// [`Options::held_bytes_max`](crate::Options::held_bytes_max) is reached; wait until messages have ended.
    #[error("too many messages wait for the server already")]
    Full,
    /// The Topic Name is empty, too long, or has wildcards or control characters.
    #[error("the topic is no Topic Name: it is empty, too long, or has a wildcard or control character")]
    TopicNameInvalid,
    /// A Property that a PUBLISH does not have, or one with a wrong value.
    #[error("a property does not belong into a PUBLISH, or its value is wrong")]
    PropertiesInvalid,
    /// Larger than the Server's Maximum Packet Size, or than any packet of MQTT.
    #[error("the packet is larger than the server takes")]
    PacketTooLarge,
    /// Above the Server's Maximum QoS.
    #[error("the server does not support this QoS")]
    QosNotSupported,
    /// The Server keeps no Retained Messages.
    #[error("the server does not support retained messages")]
    RetainNotSupported,
    /// No filters, or No Local on a Shared Subscription.
    #[error("the request has no filter, or asks for no-local on a shared subscription")]
    RequestInvalid,
    /// The Server takes no wildcards in filters.
    #[error("the server does not support wildcards in filters")]
    WildcardSubscriptionsNotSupported,
    /// The Server has no Shared Subscriptions.
    #[error("the server does not support shared subscriptions")]
    SharedSubscriptionsNotSupported,
    /// The Server, or the version, has no Subscription Identifiers.
    #[error("the server does not support subscription identifiers")]
    SubscriptionIdentifiersNotSupported,
    /// Nothing of the kind is possible now: there is no connection, no authentication is under way, or the connection ends.
    #[error("not possible in this state of the connection")]
    NotNow,
}

impl Refusal {
    /// The Reason Code with which a Server would refuse the same.
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Refusal::Full => ReasonCode::QUOTA_EXCEEDED,
            Refusal::TopicNameInvalid => ReasonCode::TOPIC_NAME_INVALID,
            Refusal::PropertiesInvalid | Refusal::RequestInvalid => ReasonCode::PROTOCOL_ERROR,
            Refusal::PacketTooLarge => ReasonCode::PACKET_TOO_LARGE,
            Refusal::QosNotSupported => ReasonCode::QOS_NOT_SUPPORTED,
            Refusal::RetainNotSupported => ReasonCode::RETAIN_NOT_SUPPORTED,
            Refusal::WildcardSubscriptionsNotSupported => ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
            Refusal::SharedSubscriptionsNotSupported => ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
            Refusal::SubscriptionIdentifiersNotSupported => ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
            Refusal::NotNow => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
        }
    }
}
