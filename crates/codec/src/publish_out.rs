//! PUBLISH, encoded: one layout for all receivers that share version, QoS and Properties.
//!
//! The length is counted first, so that the packet is written front to back into memory reserved once.

use crate::publish::first_byte;
use crate::qos::QoS;
use crate::variable_byte_integer;
use crate::version::Version;

/// A PUBLISH as a Server sends it. What version 3 does not know (aliases, expiry, identifiers, `forward`) is left out
/// there.
#[derive(Clone, Copy, Debug)]
pub struct PublishOut<'a> {
    /// Version of the receiver.
    pub version: Version,
    /// Set when this repeats an earlier sending.
    pub dup: bool,
    /// Quality of Service.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name, at most 65,535 bytes; empty when a known Topic Alias stands for it.
    pub topic: &'a [u8],
    /// Packet Identifier. Not written at QoS 0; any value where it is patched in later.
    pub packet_id: u16,
    /// Topic Alias.
    pub topic_alias: Option<u16>,
    /// What is left of the message's lifetime, in seconds.
    pub message_expiry_interval_s: Option<u32>,
    /// Identifiers of the matching Subscriptions that have one.
    pub subscription_ids: &'a [u32],
    /// Properties passed on unaltered, as `Forward::append_to` wrote them.
    pub forward: &'a [u8],
    /// Application data.
    pub payload: &'a [u8],
}

impl PublishOut<'_> {
    /// Bytes of the whole packet. More than [`PACKET_SIZE_MAX`](crate::PACKET_SIZE_MAX) when the message with what was
    /// added on the way is beyond what MQTT can frame; such a packet must not be encoded.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let remaining = self.remaining_len(self.properties_len());
        1 + variable_byte_integer::len(remaining as u32) + remaining
    }

    /// Appends the whole packet. Returns where the Packet Identifier stands, counted from the packet's first byte; 0 at
    /// QoS 0.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) -> u32 {
        let packet_id_offset = self.encode_head(out);
        out.extend_from_slice(self.payload);
        packet_id_offset
    }

    /// Appends all but the payload, which is counted in: a large one is written from shared memory. Returns the same as
    /// [`encode`](PublishOut::encode).
    #[inline]
    pub fn encode_head(&self, out: &mut Vec<u8>) -> u32 {
        debug_assert!(self.topic.len() <= usize::from(u16::MAX));
        let properties_len = self.properties_len();
        let remaining = self.remaining_len(properties_len);
        let start = out.len();
        let (length, count) = variable_byte_integer::to_bytes(remaining as u32);
        let [high, low] = (self.topic.len() as u16).to_be_bytes();
        out.push(first_byte(self.dup, self.qos, self.retain));
        out.extend_from_slice(&length[..count]);
        out.extend_from_slice(&[high, low]);
        out.extend_from_slice(self.topic);
        let mut packet_id_offset = 0;
        if self.qos > QoS::AtMostOnce {
            packet_id_offset = (out.len() - start) as u32;
            out.extend_from_slice(&self.packet_id.to_be_bytes());
        }
        if self.version == Version::V5 {
            // Most have none, and this one byte is all of it.
            if properties_len == 0 {
                out.push(0);
            } else {
                self.encode_properties(properties_len, out);
            }
        }
        packet_id_offset
    }

    /// Bytes behind the fixed header, payload counted in.
    #[inline]
    fn remaining_len(&self, properties_len: usize) -> usize {
        let mut len = 2 + self.topic.len() + self.payload.len();
        if self.qos > QoS::AtMostOnce {
            len += 2;
        }
        if self.version == Version::V5 {
            len += variable_byte_integer::len(properties_len as u32) + properties_len;
        }
        len
    }

    #[inline]
    fn properties_len(&self) -> usize {
        let mut len = self.forward.len();
        if self.topic_alias.is_some() {
            len += 3;
        }
        if self.message_expiry_interval_s.is_some() {
            len += 5;
        }
        for &subscription_id in self.subscription_ids {
            len += 1 + variable_byte_integer::len(subscription_id);
        }
        len
    }

    fn encode_properties(&self, properties_len: usize, out: &mut Vec<u8>) {
        use crate::property::id;

        variable_byte_integer::encode(properties_len as u32, out);
        // In Mosquitto's order, for which tests of its users look byte by byte: the publisher's, then ours.
        out.extend_from_slice(self.forward);
        if let Some(alias) = self.topic_alias {
            out.push(id::TOPIC_ALIAS);
            out.extend_from_slice(&alias.to_be_bytes());
        }
        if let Some(seconds) = self.message_expiry_interval_s {
            out.push(id::MESSAGE_EXPIRY_INTERVAL);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        for &subscription_id in self.subscription_ids {
            out.push(id::SUBSCRIPTION_IDENTIFIER);
            variable_byte_integer::encode(subscription_id, out);
        }
    }
}
