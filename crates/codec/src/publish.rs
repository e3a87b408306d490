//! PUBLISH, decoded: the packet a Server spends its life on.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::forward::Forward;
use crate::packet_id::PacketId;
use crate::properties::Properties;
use crate::property::Property;
use crate::property_rules::{self, PropertySet};
use crate::qos::QoS;
use crate::reader::Reader;
use crate::version::Version;
use crate::{utf8_string, variable_byte_integer, writer};

/// An Application Message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Set when this may be a repetition; never at QoS 0 `[MQTT-3.3.1-2]`.
    pub dup: bool,
    /// Quality of Service.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name without wildcards. Empty only in version 5, and only where there is a Topic Alias.
    pub topic: &'a str,
    /// There exactly at QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// Nothing before version 5.
    pub properties: PublishProperties<'a>,
    /// Application data, any bytes.
    pub payload: &'a [u8],
}

/// What a Server needs from the Properties of a PUBLISH, found without building a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties<'a> {
    /// Lifetime of the message, in seconds.
    pub message_expiry_interval_s: Option<u32>,
    /// Topic Alias. 0 is left to whoever keeps the aliases, because the answer is its own, 0x94 `[MQTT-3.3.2-8]`.
    pub topic_alias: Option<u16>,
    /// What a Server passes on unaltered.
    pub forward: Forward<'a>,
    /// All of them.
    pub raw: Properties<'a>,
}

impl<'a> Publish<'a> {
    /// Reads a PUBLISH that a Client sent: a Subscription Identifier in it is a Protocol Error `[MQTT-3.3.4-6]`.
    #[inline]
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Publish<'a>, DecodeError> {
        Publish::read(version, header, body, Sender::Client)
    }

    /// Reads a PUBLISH that a Server sent; Subscription Identifiers stay in [`PublishProperties::raw`].
    #[inline]
    pub fn decode_from_server(
        version: Version,
        header: FixedHeader,
        body: &'a [u8],
    ) -> Result<Publish<'a>, DecodeError> {
        Publish::read(version, header, body, Sender::Server)
    }

    /// In one piece, so that the result is written once, to where the caller wants it: copying it from a helper's
    /// result costs as much as checking the topic.
    #[inline(always)]
    fn read(version: Version, header: FixedHeader, body: &'a [u8], sender: Sender) -> Result<Publish<'a>, DecodeError> {
        header.check_shortest_form(version)?;
        let Some(qos) = QoS::from_u8(header.first >> 1 & 0b11) else { return Err(QOS_3) };
        let dup = header.first & DUP != 0;
        if dup && qos == QoS::AtMostOnce {
            return Err(DUP_AT_QOS_0);
        }
        let mut reader = Reader::new(body);
        let topic = utf8_string::check_topic(reader.binary()?)?;
        let packet_id = if qos == QoS::AtMostOnce { None } else { Some(PacketId::read(&mut reader)?) };
        let mut properties = PublishProperties::EMPTY;
        if version == Version::V5 {
            let count = reader.variable_byte_integer()?;
            if count > 0 {
                properties = PublishProperties::read(reader.take(count as usize)?, sender)?;
            }
        }
        if topic.is_empty() && properties.topic_alias.is_none() {
            return Err(TOPIC_EMPTY);
        }
        let retain = header.first & RETAIN != 0;
        Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: reader.rest() })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let properties = if version == Version::V5 { self.properties.raw } else { Properties::EMPTY };
        let mut remaining = 2 + self.topic.len() + self.payload.len();
        if self.packet_id.is_some() {
            remaining += 2;
        }
        if version == Version::V5 {
            let count = properties.raw().len();
            remaining += variable_byte_integer::len(count as u32) + count;
        }
        out.push(first_byte(self.dup, self.qos, self.retain));
        variable_byte_integer::encode(remaining as u32, out);
        writer::binary(self.topic.as_bytes(), out);
        if let Some(packet_id) = self.packet_id {
            writer::u16(packet_id.get(), out);
        }
        properties.write(version, out);
        out.extend_from_slice(self.payload);
    }
}

impl<'a> PublishProperties<'a> {
    /// No Properties.
    pub const EMPTY: PublishProperties<'static> = PublishProperties {
        message_expiry_interval_s: None,
        topic_alias: None,
        forward: Forward::empty(),
        raw: Properties::EMPTY,
    };

    /// These Properties, for a PUBLISH to be sent.
    pub fn new(raw: Properties<'a>) -> PublishProperties<'a> {
        PublishProperties {
            message_expiry_interval_s: raw.message_expiry_interval_s(),
            topic_alias: raw.topic_alias(),
            forward: Forward::from_properties(raw),
            raw,
        }
    }

    fn read(raw: &'a [u8], sender: Sender) -> Result<PublishProperties<'a>, DecodeError> {
        let mut found = PublishProperties { raw: Properties::from_raw(raw), ..PublishProperties::EMPTY };
        let mut one_hop_bytes = 0;
        let mut seen = PropertySet::EMPTY;
        let mut reader = Reader::new(raw);
        while !reader.is_empty() {
            let start = reader.rest().len();
            match property_rules::PUBLISH.next(&mut seen, &mut reader)? {
                Property::MessageExpiryInterval(value) => found.message_expiry_interval_s = Some(value),
                Property::TopicAlias(value) => found.topic_alias = Some(value),
                Property::SubscriptionIdentifier(_) if sender == Sender::Client => return Err(SUBSCRIPTION_IDENTIFIER),
                Property::SubscriptionIdentifier(_) => {}
                _ => continue,
            }
            one_hop_bytes += start - reader.rest().len();
        }
        found.forward = Forward::of_publish(raw, one_hop_bytes);
        Ok(found)
    }
}

/// Packet type and flags.
#[inline]
pub(crate) const fn first_byte(dup: bool, qos: QoS, retain: bool) -> u8 {
    PacketType::Publish.first_byte() | (dup as u8) << 3 | (qos as u8) << 1 | retain as u8
}

/// Who sent a PUBLISH.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

const DUP: u8 = 0b1000;
const RETAIN: u8 = 0b0001;

const QOS_3: DecodeError = DecodeError::malformed("PUBLISH with QoS 3");
const DUP_AT_QOS_0: DecodeError = DecodeError::malformed("PUBLISH with DUP at QoS 0");
const TOPIC_EMPTY: DecodeError = DecodeError::malformed("Topic Name is empty");
const SUBSCRIPTION_IDENTIFIER: DecodeError =
    DecodeError::protocol_error("Subscription Identifier in a Client's PUBLISH");
