//! SUBSCRIBE: Topic Filters with the options of their Subscriptions.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::packet_id::PacketId;
use crate::properties::Properties;
use crate::property_rules;
use crate::qos::QoS;
use crate::reader::Reader;
use crate::topic_filter::TopicFilter;
use crate::version::Version;
use crate::writer;

/// A Client asks for Subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// SUBACK repeats it.
    pub packet_id: PacketId,
    /// Subscription Identifier and User Properties.
    pub properties: Properties<'a>,
    /// At least one.
    pub filters: SubscribeFilters<'a>,
}

/// How messages of a Subscription are to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SubscriptionOptions {
    /// The highest QoS wanted.
    pub qos: QoS,
    /// Not what the same Client published `[MQTT-3.8.3-3]`.
    pub no_local: bool,
    /// RETAIN as the publisher set it, instead of 0.
    pub retain_as_published: bool,
    /// Which Retained Messages to send at once.
    pub retain_handling: RetainHandling,
}

/// What to do with Retained Messages when the Subscription is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// Send them `[MQTT-3.3.1-9]`. The only way before version 5.
    #[default]
    SendAlways = 0,
    /// Send them if the Subscription is new `[MQTT-3.3.1-10]`.
    SendIfNew = 1,
    /// Send none `[MQTT-3.3.1-11]`.
    DoNotSend = 2,
}

/// Topic Filters and options of a SUBSCRIBE, all valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilters<'a> {
    raw: &'a [u8],
    count: usize,
}

/// Topic Filters and options being put together for a SUBSCRIBE.
#[derive(Clone, Debug, Default)]
pub struct SubscribeFiltersBuf {
    raw: Vec<u8>,
    count: usize,
}

impl<'a> Subscribe<'a> {
    /// Reads a SUBSCRIBE and checks every filter in it.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Subscribe<'a>, DecodeError> {
        header.check_flags(version, PacketType::Subscribe.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let packet_id = PacketId::read_of_request(&mut reader)?;
        let properties = Properties::read(version, &mut reader, &property_rules::SUBSCRIBE)?;
        let filters = SubscribeFilters::read(version, reader)?;
        Ok(Subscribe { packet_id, properties, filters })
    }

    /// Appends the whole packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::Subscribe.first_byte(), out, |out| {
            writer::u16(self.packet_id.get(), out);
            self.properties.write(version, out);
            for (filter, options) in self.filters.iter() {
                writer::binary(filter.text().as_bytes(), out);
                out.push(options.to_u8(version));
            }
        });
    }
}

impl<'a> SubscribeFilters<'a> {
    /// How many.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a SUBSCRIBE has at least one filter")]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// In the order of the packet, which is that of the codes in SUBACK.
    pub fn iter(&self) -> impl Iterator<Item = (TopicFilter<'a>, SubscriptionOptions)> + use<'a> {
        let mut reader = Reader::new(self.raw);
        // What 3.1.1 permits is a part of what 5 permits, and all of it was checked when the packet was read.
        std::iter::from_fn(move || read_filter(Version::V5, &mut reader).ok())
    }

    fn read(version: Version, mut reader: Reader<'a>) -> Result<SubscribeFilters<'a>, DecodeError> {
        let raw = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            read_filter(version, &mut reader)?;
            count += 1;
        }
        if count == 0 {
            return Err(DecodeError::protocol_error("SUBSCRIBE without a Topic Filter"));
        }
        Ok(SubscribeFilters { raw, count })
    }
}

impl SubscribeFiltersBuf {
    /// None yet.
    pub const fn new() -> SubscribeFiltersBuf {
        SubscribeFiltersBuf { raw: Vec::new(), count: 0 }
    }

    /// Appends one.
    pub fn push(&mut self, filter: TopicFilter<'_>, options: SubscriptionOptions) -> &mut SubscribeFiltersBuf {
        writer::binary(filter.text().as_bytes(), &mut self.raw);
        self.raw.push(options.to_u8(Version::V5));
        self.count += 1;
        self
    }

    /// What is there so far, for a packet.
    pub fn as_filters(&self) -> SubscribeFilters<'_> {
        SubscribeFilters { raw: &self.raw, count: self.count }
    }
}

impl SubscriptionOptions {
    /// The options byte. Version 3 knows only the QoS.
    pub const fn to_u8(self, version: Version) -> u8 {
        let qos = self.qos as u8;
        match version {
            Version::V31 | Version::V311 => qos,
            Version::V5 => {
                qos | (self.no_local as u8) << 2
                    | (self.retain_as_published as u8) << 3
                    | (self.retain_handling as u8) << 4
            }
        }
    }

    /// Reads the options byte: reserved bits are malformed `[MQTT-3.8.3-5]`, a QoS or Retain Handling of 3 is a
    /// Protocol Error in version 5 and malformed before.
    pub const fn from_u8(version: Version, byte: u8) -> Result<SubscriptionOptions, DecodeError> {
        let reserved = if matches!(version, Version::V5) { 0b1100_0000 } else { 0b1111_1100 };
        if byte & reserved != 0 {
            return Err(DecodeError::malformed("reserved bits of the Subscription Options"));
        }
        let Some(qos) = QoS::from_u8(byte & 0b11) else {
            return Err(match version {
                Version::V5 => DecodeError::protocol_error("requested QoS 3"),
                Version::V31 | Version::V311 => DecodeError::malformed("requested QoS 3"),
            });
        };
        let retain_handling = match byte >> 4 & 0b11 {
            0 => RetainHandling::SendAlways,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::DoNotSend,
            _ => return Err(DecodeError::protocol_error("Retain Handling 3")),
        };
        let no_local = byte & 0b0100 != 0;
        let retain_as_published = byte & 0b1000 != 0;
        Ok(SubscriptionOptions { qos, no_local, retain_as_published, retain_handling })
    }
}

fn read_filter<'a>(
    version: Version,
    reader: &mut Reader<'a>,
) -> Result<(TopicFilter<'a>, SubscriptionOptions), DecodeError> {
    let filter = TopicFilter::parse(reader.string()?)?;
    let options = SubscriptionOptions::from_u8(version, reader.u8()?)?;
    if options.no_local && filter.share_name().is_some() {
        return Err(DecodeError::protocol_error("No Local on a Shared Subscription"));
    }
    Ok((filter, options))
}
