//! What the Server has said in CONNACK that it takes and does.

use midge_codec::{ConnAck, Properties};
use midge_codec::{PACKET_SIZE_MAX, PublishOut, QoS, SubscribeFilters, UnsubscribeFilters, Version};

use crate::options::Options;
use crate::refusal::Refusal;

/// The Server's limits, with the values that hold where it says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// QoS 1 and 2 messages that may be under way to it: the smaller of its Receive Maximum and our own bound.
    pub inflight_max: u16,
    /// Maximum QoS.
    pub maximum_qos: QoS,
    /// Whether it keeps Retained Messages.
    pub retain_available: bool,
    /// Maximum Packet Size, in bytes.
    pub maximum_packet_size: u32,
    /// Topic Aliases that we make: the smaller of its Topic Alias Maximum and our own bound.
    pub topic_aliases: u16,
    /// Keep Alive in force, in seconds; 0 for none.
    pub keep_alive_s: u16,
    /// Session Expiry Interval in force, in seconds.
    pub session_expiry_interval_s: u32,
    /// Whether filters may have wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether there are Subscription Identifiers.
    pub subscription_identifier_available: bool,
    /// Whether there are Shared Subscriptions.
    pub shared_subscription_available: bool,
}

impl Limits {
    /// What holds after this CONNACK.
    pub(crate) fn new(connack: &ConnAck<'_>, options: &Options) -> Limits {
        let properties = connack.properties;
        let is_v5 = options.version == Version::V5;
        Limits {
            inflight_max: properties.receive_maximum().unwrap_or(u16::MAX).min(options.inflight_max.max(1)),
            maximum_qos: properties.maximum_qos().and_then(QoS::from_u8).unwrap_or(QoS::ExactlyOnce),
            retain_available: properties.retain_available(),
            maximum_packet_size: properties.maximum_packet_size().unwrap_or(PACKET_SIZE_MAX).min(PACKET_SIZE_MAX),
            topic_aliases: properties.topic_alias_maximum().unwrap_or(0).min(options.topic_aliases_made),
            keep_alive_s: properties.server_keep_alive_s().unwrap_or(options.keep_alive_s),
            session_expiry_interval_s: properties
                .session_expiry_interval_s()
                .unwrap_or(options.session_expiry_interval_s),
            wildcard_subscription_available: properties.wildcard_subscription_available(),
            subscription_identifier_available: is_v5 && properties.subscription_identifier_available(),
            shared_subscription_available: properties.shared_subscription_available(),
        }
    }

    /// Whether the Server takes this PUBLISH, which names its topic in full.
    #[inline]
    pub(crate) fn check_publish(&self, publish: &PublishOut<'_>) -> Result<(), Refusal> {
        if publish.qos > self.maximum_qos {
            return Err(Refusal::QosNotSupported);
        }
        if publish.retain && !self.retain_available {
            return Err(Refusal::RetainNotSupported);
        }
        if publish.encoded_len() > self.maximum_packet_size as usize {
            return Err(Refusal::PacketTooLarge);
        }
        Ok(())
    }

    /// Whether the Server takes these filters.
    pub(crate) fn check_subscribe(
        &self,
        filters: &SubscribeFilters<'_>,
        properties: Properties<'_>,
    ) -> Result<(), Refusal> {
        if properties.subscription_identifier().is_some() && !self.subscription_identifier_available {
            return Err(Refusal::SubscriptionIdentifiersNotSupported);
        }
        if !self.wildcard_subscription_available && filters.iter().any(|(filter, _)| filter.has_wildcard()) {
            return Err(Refusal::WildcardSubscriptionsNotSupported);
        }
        if !self.shared_subscription_available && filters.iter().any(|(filter, _)| filter.share_name().is_some()) {
            return Err(Refusal::SharedSubscriptionsNotSupported);
        }
        let filter_bytes: usize = filters.iter().map(|(filter, _)| filter.text().len() + 3).sum();
        self.check_request_len(filter_bytes, properties)
    }

    /// The same of filters to be given up.
    pub(crate) fn check_unsubscribe(
        &self,
        filters: &UnsubscribeFilters<'_>,
        properties: Properties<'_>,
    ) -> Result<(), Refusal> {
        let filter_bytes: usize = filters.iter().map(|filter| filter.text().len() + 2).sum();
        self.check_request_len(filter_bytes, properties)
    }

    fn check_request_len(&self, filter_bytes: usize, properties: Properties<'_>) -> Result<(), Refusal> {
        let len = filter_bytes + properties.raw().len() + REQUEST_OVERHEAD_BYTES;
        if len > self.maximum_packet_size as usize { Err(Refusal::PacketTooLarge) } else { Ok(()) }
    }
}

/// Fixed header, Packet Identifier and Property Length at their longest.
const REQUEST_OVERHEAD_BYTES: usize = 5 + 2 + 4;
