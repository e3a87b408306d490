//! A message to be published: as the user hands it in, and as it is kept until it has ended.

use std::borrow::Cow;

use midge_codec::{Properties, PublishOut, PublishProperties, QoS, Version, check_topic_name};
use midge_protocol::Payload;

use crate::refusal::Refusal;

/// An Application Message to be published.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Topic Name.
    pub topic: &'a str,
    /// Application data, any bytes.
    pub payload: &'a [u8],
    /// Quality of Service.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Properties of PUBLISH; left out before version 5. Topic Alias and Subscription Identifier are not the user's and are
    /// left out too.
    pub properties: Properties<'a>,
}

impl<'a> Message<'a> {
    /// A message without RETAIN and Properties.
    pub const fn new(topic: &'a str, payload: &'a [u8], qos: QoS) -> Message<'a> {
        Message { topic, payload, qos, retain: false, properties: Properties::EMPTY }
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        check_topic_name(self.topic).map_err(|_| Refusal::TopicNameInvalid)?;
        if !self.properties.is_empty() {
            Properties::of_publish(self.properties.raw()).map_err(|_| Refusal::PropertiesInvalid)?;
        }
        Ok(())
    }
}

/// A message with its Properties taken apart, ready for a PUBLISH.
pub(crate) struct Parts<'a> {
    message: Message<'a>,
    expiry_interval_s: Option<u32>,
    /// The Properties that are the same in every sending.
    forward: Cow<'a, [u8]>,
}

impl<'a> Parts<'a> {
    /// Of a message that was checked.
    pub(crate) fn new(message: &Message<'a>) -> Parts<'a> {
        if message.properties.is_empty() {
            return Parts { message: *message, expiry_interval_s: None, forward: Cow::Borrowed(&[]) };
        }
        let raw = message.properties.raw();
        let properties = PublishProperties::new(message.properties);
        let forward = if properties.forward.len() == raw.len() {
            Cow::Borrowed(raw)
        } else {
            let mut forward = Vec::with_capacity(properties.forward.len());
            properties.forward.append_to(&mut forward);
            Cow::Owned(forward)
        };
        Parts { message: *message, expiry_interval_s: properties.message_expiry_interval_s, forward }
    }

    /// The PUBLISH, still without Packet Identifier and Topic Alias.
    pub(crate) fn publish(&self, version: Version) -> PublishOut<'_> {
        PublishOut {
            version,
            dup: false,
            qos: self.message.qos,
            retain: self.message.retain,
            topic: self.message.topic.as_bytes(),
            packet_id: 0,
            topic_alias: None,
            message_expiry_interval_s: self.expiry_interval_s,
            subscription_ids: &[],
            forward: if version == Version::V5 { &self.forward } else { &[] },
            payload: self.message.payload,
        }
    }

    /// Bytes that it takes to keep it.
    pub(crate) fn len(&self) -> usize {
        self.message.topic.len() + self.forward.len() + self.message.payload.len()
    }

    /// The message in memory of its own.
    pub(crate) fn keep(&self, number: u64, now_ms: u64) -> Kept {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.extend_from_slice(self.message.topic.as_bytes());
        bytes.extend_from_slice(&self.forward);
        bytes.extend_from_slice(self.message.payload);
        Kept {
            number,
            expires_at_ms: self.expiry_interval_s.map(|seconds| now_ms.saturating_add(u64::from(seconds) * 1000)),
            qos: self.message.qos,
            retain: self.message.retain,
            topic_len: self.message.topic.len() as u16,
            forward_len: self.forward.len() as u32,
            bytes: bytes.into_boxed_slice(),
        }
    }
}

/// A message that has not ended.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    expires_at_ms: Option<u64>,
    pub(crate) qos: QoS,
    retain: bool,
    topic_len: u16,
    forward_len: u32,
    /// Topic Name, Properties, payload.
    bytes: Box<[u8]>,
}

impl Kept {
    /// Bytes that it takes to keep it.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether its Message Expiry Interval has passed.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }

    /// The PUBLISH, still without Packet Identifier and Topic Alias.
    pub(crate) fn publish(&self, version: Version, now_ms: u64) -> PublishOut<'_> {
        let (topic, rest) = self.bytes.split_at(usize::from(self.topic_len));
        let (forward, payload) = rest.split_at(self.forward_len as usize);
        // What has begun must be sent again even where its time is over; 0 is not everywhere understood as that.
        let left_s = |expires_at_ms: u64| expires_at_ms.saturating_sub(now_ms).div_ceil(1000).max(1) as u32;
        PublishOut {
            version,
            dup: false,
            qos: self.qos,
            retain: self.retain,
            topic,
            packet_id: 0,
            topic_alias: None,
            message_expiry_interval_s: self.expires_at_ms.map(left_s),
            subscription_ids: &[],
            forward: if version == Version::V5 { forward } else { &[] },
            payload,
        }
    }
}

impl Payload for Kept {
    fn payload_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}
