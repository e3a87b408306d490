//! UNSUBSCRIBE: Topic Filters whose Subscriptions are to end.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::packet_id::PacketId;
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::topic_filter::TopicFilter;
use crate::version::Version;
use crate::writer;

/// A Client gives up Subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// UNSUBACK repeats it.
    pub packet_id: PacketId,
    /// User Properties.
    pub properties: Properties<'a>,
    /// At least one.
    pub filters: UnsubscribeFilters<'a>,
}

/// Topic Filters of an UNSUBSCRIBE, all valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubscribeFilters<'a> {
    raw: &'a [u8],
    count: usize,
}

/// Topic Filters being put together for an UNSUBSCRIBE.
#[derive(Clone, Debug, Default)]
pub struct UnsubscribeFiltersBuf {
    raw: Vec<u8>,
    count: usize,
}

impl<'a> Unsubscribe<'a> {
    /// Reads an UNSUBSCRIBE and checks every filter in it.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Unsubscribe<'a>, DecodeError> {
        header.check_flags(version, PacketType::Unsubscribe.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let packet_id = PacketId::read_of_request(&mut reader)?;
        let properties = Properties::read(version, &mut reader, &property_rules::UNSUBSCRIBE)?;
        let filters = UnsubscribeFilters::read(reader)?;
        Ok(Unsubscribe { packet_id, properties, filters })
    }

    /// Appends the whole packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::Unsubscribe.first_byte(), out, |out| {
            writer::u16(self.packet_id.get(), out);
            self.properties.write(version, out);
            out.extend_from_slice(self.filters.raw);
        });
    }
}

impl<'a> UnsubscribeFilters<'a> {
    /// How many.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "an UNSUBSCRIBE has at least one filter")]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// In the order of the packet, which is that of the codes in UNSUBACK.
    pub fn iter(&self) -> impl Iterator<Item = TopicFilter<'a>> + use<'a> {
        let mut reader = Reader::new(self.raw);
        std::iter::from_fn(move || TopicFilter::parse(reader.string().ok()?).ok())
    }

    fn read(mut reader: Reader<'a>) -> Result<UnsubscribeFilters<'a>, DecodeError> {
        let raw = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            TopicFilter::parse(reader.string()?)?;
            count += 1;
        }
        if count == 0 {
            return Err(DecodeError::protocol_error("UNSUBSCRIBE without a Topic Filter"));
        }
        Ok(UnsubscribeFilters { raw, count })
    }
}

impl UnsubscribeFiltersBuf {
    /// None yet.
    pub const fn new() -> UnsubscribeFiltersBuf {
        UnsubscribeFiltersBuf { raw: Vec::new(), count: 0 }
    }

    /// Appends one.
    pub fn push(&mut self, filter: TopicFilter<'_>) -> &mut UnsubscribeFiltersBuf {
        writer::binary(filter.text().as_bytes(), &mut self.raw);
        self.count += 1;
        self
    }

    /// What is there so far, for a packet.
    pub fn as_filters(&self) -> UnsubscribeFilters<'_> {
        UnsubscribeFilters { raw: &self.raw, count: self.count }
    }
}
