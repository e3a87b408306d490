//! Property section: the Properties of one packet as they stand on the wire, checked once and read when asked for.
//!
//! [`Properties`] keeps the bytes, not a list: a Server needs two or three of them and passes most on as they are.

use crate::error::DecodeError;
use crate::property::{self, Property, id};
use crate::property_rules::{self, PropertySet, Rules};
use crate::reader::Reader;
use crate::variable_byte_integer;
use crate::version::Version;

/// The Properties of a packet, without the Property Length in front. Empty for version 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    /// No Properties.
    pub const EMPTY: Properties<'static> = Properties(&[]);

    /// Properties from bytes that [`raw`](Properties::raw) gave earlier. Nothing is checked; should the bytes be
    /// something else, iteration ends where they stop making sense.
    #[inline]
    pub const fn from_raw(bytes: &'a [u8]) -> Properties<'a> {
        Properties(bytes)
    }

    /// Properties of a PUBLISH that stood somewhere else than in a packet, without the Property Length.
    ///
    /// # Errors
    /// When they could not stand in a PUBLISH.
    pub fn of_publish(bytes: &'a [u8]) -> Result<Properties<'a>, DecodeError> {
        property_rules::PUBLISH.check(bytes)?;
        Ok(Properties(bytes))
    }

    /// The bytes on the wire, without the Property Length.
    #[inline]
    pub const fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The Properties in their order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || {
            let id = reader.u8().ok()?;
            let property = Property::read(id, &mut reader);
            debug_assert!(property.is_ok(), "Properties that were not checked");
            property.ok()
        })
    }

    /// Session Expiry Interval, in seconds.
    pub fn session_expiry_interval_s(&self) -> Option<u32> {
        self.u32(id::SESSION_EXPIRY_INTERVAL)
    }

    /// Receive Maximum; absent means 65,535.
    pub fn receive_maximum(&self) -> Option<u16> {
        self.u16(id::RECEIVE_MAXIMUM)
    }

    /// Maximum Packet Size, in bytes; absent means no limit.
    pub fn maximum_packet_size(&self) -> Option<u32> {
        self.u32(id::MAXIMUM_PACKET_SIZE)
    }

    /// Topic Alias Maximum; absent means 0.
    pub fn topic_alias_maximum(&self) -> Option<u16> {
        self.u16(id::TOPIC_ALIAS_MAXIMUM)
    }

    /// Topic Alias of a PUBLISH.
    pub fn topic_alias(&self) -> Option<u16> {
        self.u16(id::TOPIC_ALIAS)
    }

    /// Request Response Information; absent means no.
    pub fn request_response_information(&self) -> bool {
        self.u8(id::REQUEST_RESPONSE_INFORMATION) == Some(1)
    }

    /// Request Problem Information; absent means yes.
    pub fn request_problem_information(&self) -> bool {
        self.u8(id::REQUEST_PROBLEM_INFORMATION) != Some(0)
    }

    /// Maximum QoS; absent means 2.
    pub fn maximum_qos(&self) -> Option<u8> {
        self.u8(id::MAXIMUM_QOS)
    }

    /// Retain Available; absent means yes.
    pub fn retain_available(&self) -> bool {
        self.u8(id::RETAIN_AVAILABLE) != Some(0)
    }

    /// Wildcard Subscription Available; absent means yes.
    pub fn wildcard_subscription_available(&self) -> bool {
        self.u8(id::WILDCARD_SUBSCRIPTION_AVAILABLE) != Some(0)
    }

    /// Subscription Identifier Available; absent means yes.
    pub fn subscription_identifier_available(&self) -> bool {
        self.u8(id::SUBSCRIPTION_IDENTIFIER_AVAILABLE) != Some(0)
    }

    /// Shared Subscription Available; absent means yes.
    pub fn shared_subscription_available(&self) -> bool {
        self.u8(id::SHARED_SUBSCRIPTION_AVAILABLE) != Some(0)
    }

    /// Server Keep Alive, in seconds.
    pub fn server_keep_alive_s(&self) -> Option<u16> {
        self.u16(id::SERVER_KEEP_ALIVE)
    }

    /// Will Delay Interval, in seconds; absent means 0.
    pub fn will_delay_interval_s(&self) -> Option<u32> {
        self.u32(id::WILL_DELAY_INTERVAL)
    }

    /// Message Expiry Interval, in seconds.
    pub fn message_expiry_interval_s(&self) -> Option<u32> {
        self.u32(id::MESSAGE_EXPIRY_INTERVAL)
    }

    /// Payload Format Indicator.
    pub fn payload_format_indicator(&self) -> Option<u8> {
        self.u8(id::PAYLOAD_FORMAT_INDICATOR)
    }

    /// The first Subscription Identifier.
    pub fn subscription_identifier(&self) -> Option<u32> {
        self.subscription_identifiers().next()
    }

    /// All Subscription Identifiers, in their order; equal ones may repeat.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(value) => Some(value),
            _ => None,
        })
    }

    /// Assigned Client Identifier.
    pub fn assigned_client_identifier(&self) -> Option<&'a str> {
        self.string(id::ASSIGNED_CLIENT_IDENTIFIER)
    }

    /// Authentication Method.
    pub fn authentication_method(&self) -> Option<&'a str> {
        self.string(id::AUTHENTICATION_METHOD)
    }

    /// Authentication Data.
    pub fn authentication_data(&self) -> Option<&'a [u8]> {
        self.binary(id::AUTHENTICATION_DATA)
    }

    /// Reason String.
    pub fn reason_string(&self) -> Option<&'a str> {
        self.string(id::REASON_STRING)
    }

    /// Response Information.
    pub fn response_information(&self) -> Option<&'a str> {
        self.string(id::RESPONSE_INFORMATION)
    }

    /// Server Reference.
    pub fn server_reference(&self) -> Option<&'a str> {
        self.string(id::SERVER_REFERENCE)
    }

    /// Content Type.
    pub fn content_type(&self) -> Option<&'a str> {
        self.string(id::CONTENT_TYPE)
    }

    /// Response Topic.
    pub fn response_topic(&self) -> Option<&'a str> {
        self.string(id::RESPONSE_TOPIC)
    }

    /// Correlation Data.
    pub fn correlation_data(&self) -> Option<&'a [u8]> {
        self.binary(id::CORRELATION_DATA)
    }

    /// User Properties, name and value, in their order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// Reads a section with its length and checks it against `rules`. Before version 5 there is none.
    #[inline]
    pub(crate) fn read(
        version: Version,
        reader: &mut Reader<'a>,
        rules: &Rules,
    ) -> Result<Properties<'a>, DecodeError> {
        if version < Version::V5 {
            return Ok(Properties::EMPTY);
        }
        let count = reader.variable_byte_integer()?;
        let bytes = reader.take(count as usize)?;
        rules.check(bytes)?;
        Ok(Properties(bytes))
    }

    /// Appends the section with its length. Before version 5 there is none.
    #[inline]
    pub(crate) fn write(&self, version: Version, out: &mut Vec<u8>) {
        if version == Version::V5 {
            variable_byte_integer::encode(self.0.len() as u32, out);
            out.extend_from_slice(self.0);
        }
    }

    /// A reader at the value of the first Property with this identifier.
    fn find(&self, wanted: u8) -> Option<Reader<'a>> {
        let mut reader = Reader::new(self.0);
        loop {
            let id = reader.u8().ok()?;
            if id == wanted {
                return Some(reader);
            }
            property::skip_value(id, &mut reader).ok()?;
        }
    }

    fn u8(&self, id: u8) -> Option<u8> {
        self.find(id)?.u8().ok()
    }

    fn u16(&self, id: u8) -> Option<u16> {
        self.find(id)?.u16().ok()
    }

    fn u32(&self, id: u8) -> Option<u32> {
        self.find(id)?.u32().ok()
    }

    fn binary(&self, id: u8) -> Option<&'a [u8]> {
        self.find(id)?.binary().ok()
    }

    fn string(&self, id: u8) -> Option<&'a str> {
        self.find(id)?.string().ok()
    }
}

/// Properties being put together for a packet to be sent. That they belong into that packet is the sender's part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesBuf(Vec<u8>);

impl PropertiesBuf {
    /// None yet.
    pub const fn new() -> PropertiesBuf {
        PropertiesBuf(Vec::new())
    }

    /// Appends one.
    pub fn push(&mut self, property: Property<'_>) -> &mut PropertiesBuf {
        property.encode(&mut self.0);
        self
    }

    /// What is there so far, for a packet.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties(&self.0)
    }

    /// Takes all out, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Bytes on the wire, without the Property Length.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends `raw` without the Properties in `cut`.
pub(crate) fn append_without(raw: &[u8], cut: PropertySet, out: &mut Vec<u8>) {
    for part in parts_without(raw, cut) {
        out.extend_from_slice(part);
    }
}

/// The stretches of `raw` between Properties in `cut`. `raw` was checked before.
pub(crate) fn parts_without(raw: &[u8], cut: PropertySet) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(raw);
    std::iter::from_fn(move || {
        loop {
            let start = reader.rest();
            let mut kept = 0;
            let mut hit_cut = false;
            while let Ok(id) = reader.u8() {
                property::skip_value(id, &mut reader).ok()?;
                if cut.contains(id) {
                    hit_cut = true;
                    break;
                }
                kept = start.len() - reader.rest().len();
            }
            if kept > 0 {
                return Some(&start[..kept]);
            }
            if !hit_cut {
                return None;
            }
        }
    })
}
