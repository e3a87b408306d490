//! The Properties of an Application Message that a Server passes on unaltered and in their order: Payload Format
//! Indicator, Content Type, Response Topic, Correlation Data and User Properties `[MQTT-3.3.2-17]` `[MQTT-3.3.2-18]`.
//!
//! They stay the bytes they were on the wire. What belongs to one hop only (Topic Alias, Message Expiry Interval,
//! which is counted down, Subscription Identifier) is left out when they are read, not copied around it before.

use crate::properties::{self, Properties};
use crate::property::id;
use crate::property_rules::PropertySet;

/// A view of the Properties to pass on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forward<'a> {
    raw: &'a [u8],
    /// Bytes to pass on. Fewer than `raw` has when something is to be left out.
    len: usize,
}

impl<'a> Forward<'a> {
    /// Nothing to pass on.
    #[inline]
    pub const fn empty() -> Forward<'static> {
        Forward { raw: &[], len: 0 }
    }

    /// All of `whole`, which are bytes that [`append_to`](Forward::append_to) or [`forward_will`] made.
    #[inline]
    pub const fn new(whole: &'a [u8]) -> Forward<'a> {
        Forward { raw: whole, len: whole.len() }
    }

    /// What is to be passed on of a PUBLISH's Properties, of which `one_hop_bytes` belong to one hop only.
    #[inline]
    pub(crate) const fn of_publish(raw: &'a [u8], one_hop_bytes: usize) -> Forward<'a> {
        Forward { raw, len: raw.len() - one_hop_bytes }
    }

    pub(crate) fn from_properties(properties: Properties<'a>) -> Forward<'a> {
        let raw = properties.raw();
        Forward { raw, len: properties::parts_without(raw, ONE_HOP).map(<[u8]>::len).sum() }
    }

    /// Bytes to pass on.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to pass on.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends the bytes to pass on.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if self.len == self.raw.len() {
            out.extend_from_slice(self.raw);
        } else if self.len > 0 {
            properties::append_without(self.raw, ONE_HOP, out);
        }
    }

    /// The bytes to pass on, in as few slices as they have on the wire.
    pub fn parts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let cut = if self.len == self.raw.len() { PropertySet::EMPTY } else { ONE_HOP };
        properties::parts_without(self.raw, cut)
    }
}

/// Appends what a Server passes on of a Will's Properties, in the form [`Forward::new`] and `PublishOut::forward` take:
/// all but Will Delay Interval and Message Expiry Interval.
pub fn forward_will(properties: Properties<'_>, out: &mut Vec<u8>) {
    const CUT: PropertySet = PropertySet::of(&[id::WILL_DELAY_INTERVAL, id::MESSAGE_EXPIRY_INTERVAL]);
    properties::append_without(properties.raw(), CUT, out);
}

/// Properties of a PUBLISH that are not passed on.
const ONE_HOP: PropertySet =
    PropertySet::of(&[id::TOPIC_ALIAS, id::MESSAGE_EXPIRY_INTERVAL, id::SUBSCRIPTION_IDENTIFIER]);
