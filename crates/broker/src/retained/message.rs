//! A Retained Message as the store holds it: whole, or without its payload. A large payload stands in the log only, and is
//! read from there when somebody subscribes.

use crate::message::{Message, MessageParts};

/// See the module. One thin pointer.
#[derive(Clone, Debug)]
pub struct RetainedMessage(Message);

/// Where the payload of a message stands that is not in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredPayload {
    /// Which message it is.
    pub identity: u64,
    /// The batch at this address begins with the message.
    pub at: u64,
    /// Bytes of the payload.
    pub bytes: u32,
}

impl RetainedMessage {
    /// The message `parts`, whose payload is left out and stands elsewhere.
    pub(crate) fn without_payload(parts: &MessageParts<'_>, stored: StoredPayload) -> RetainedMessage {
        RetainedMessage(Message::without_payload(parts, stored))
    }

    /// The message, if all of it is in memory.
    pub fn whole(&self) -> Option<&Message> {
        self.stored().is_none().then_some(&self.0)
    }

    /// Where its payload is, if it is not in memory.
    pub fn stored(&self) -> Option<StoredPayload> {
        self.0.stored_payload()
    }

    /// All but the payload, which is empty where it is not in memory.
    pub(crate) fn parts(&self) -> MessageParts<'_> {
        self.0.parts()
    }

    /// The message, with the payload that was read.
    pub(crate) fn with_payload(&self, payload: &[u8]) -> Message {
        let message = Message::new(&MessageParts { payload, ..self.0.parts() });
        message.set_identity(self.0.identity());
        message
    }

    /// Topic Name.
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// QoS it was published with.
    pub fn qos(&self) -> midge_codec::QoS {
        self.0.qos()
    }

    /// When it came, in monotonic seconds, where it expires.
    pub fn received_s(&self) -> Option<u64> {
        self.0.expires_at_s().map(|_| self.0.parts().received_s.into())
    }

    /// Monotonic second at which it expires, if it does.
    pub fn expires_at_s(&self) -> Option<u64> {
        self.0.expires_at_s()
    }

    /// Whether it has an empty payload, which clears the topic.
    pub(crate) fn is_clear(&self) -> bool {
        self.stored().is_none() && self.0.payload().is_empty()
    }

    pub(crate) fn topic_bytes(&self) -> &[u8] {
        self.0.topic_bytes()
    }

    /// Bytes of topic and payload.
    pub(super) fn bytes(&self) -> usize {
        let payload_bytes = self.stored().map_or(self.0.payload().len(), |stored| stored.bytes as usize);
        self.topic_bytes().len() + payload_bytes
    }

    pub(crate) fn is_expired(&self, now_s: u64) -> bool {
        self.0.is_expired(now_s)
    }

    pub(super) fn expires(&self) -> bool {
        self.0.expires_at_s().is_some()
    }
}

impl From<Message> for RetainedMessage {
    fn from(message: Message) -> Self {
        RetainedMessage(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midge_codec::QoS;

    #[test]
    fn a_payload_is_left_out_and_put_back() {
        let parts = MessageParts {
            topic: "cameras/1",
            properties: &[1, 1],
            payload: &[7; 100],
            qos: QoS::ExactlyOnce,
            retain: true,
            received_s: 5,
            received_ns: 0,
            expiry_interval_s: Some(60),
        };
        let stored = StoredPayload { identity: 1044, at: 1000, bytes: 100 };
        let message = RetainedMessage::without_payload(&parts, stored);
        assert_eq!((message.stored(), message.bytes(), message.whole().is_none()), (Some(stored), 109, true));
        assert_eq!((message.parts().payload, message.parts().properties), (&[][..], &[1, 1][..]));
        assert!(message.expires() && message.is_expired(65) && !message.is_expired(64));
        let whole = message.with_payload(&[7; 100]);
        assert_eq!((whole.payload(), whole.topic(), whole.qos()), (&[7; 100][..], "cameras/1", QoS::ExactlyOnce));
        assert_eq!((whole.identity(), whole.expires_at_s(), whole.properties()), (1044, Some(65), &[1, 1][..]));
    }
}
