//! Which packet may carry which Properties, and which of them more than once (table 2-4).
//!
//! A Property that does not belong into its packet makes it malformed; one that is given twice is a Protocol Error.

use crate::error::DecodeError;
use crate::property::{Property, id};
use crate::reader::Reader;

/// Which Properties a packet may carry (table 2-4), and which of them more than once.
pub(crate) struct Rules {
    pub(crate) allowed: PropertySet,
    pub(crate) repeatable: PropertySet,
}

impl Rules {
    const fn new(ids: &[u8]) -> Rules {
        Rules { allowed: PropertySet::of(ids), repeatable: PropertySet::of(&[id::USER_PROPERTY]) }
    }

    /// Checks a whole section.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut seen = PropertySet::EMPTY;
        while !reader.is_empty() {
            self.next(&mut seen, &mut reader)?;
        }
        Ok(())
    }

    /// Reads the next Property: permitted here, and not `seen` before.
    #[inline]
    pub(crate) fn next<'a>(
        &self,
        seen: &mut PropertySet,
        reader: &mut Reader<'a>,
    ) -> Result<Property<'a>, DecodeError> {
        // Every identifier there is fits into one byte; a longer one is unknown or not in its shortest form.
        let id = reader.u8()?;
        if !self.allowed.contains(id) {
            return Err(DecodeError::malformed("Property is not allowed in this packet"));
        }
        if seen.contains(id) && !self.repeatable.contains(id) {
            return Err(DecodeError::protocol_error("Property is given twice"));
        }
        seen.insert(id);
        Property::read(id, reader)
    }
}

/// A set of Property Identifiers.
#[derive(Clone, Copy)]
pub(crate) struct PropertySet(u64);

impl PropertySet {
    pub(crate) const EMPTY: PropertySet = PropertySet(0);

    pub(crate) const fn of(ids: &[u8]) -> PropertySet {
        let mut bits = 0;
        let mut index = 0;
        while index < ids.len() {
            bits |= 1 << ids[index];
            index += 1;
        }
        PropertySet(bits)
    }

    #[inline]
    pub(crate) const fn contains(self, id: u8) -> bool {
        id < 64 && self.0 & 1 << id != 0
    }

    /// Adds `id`, which is below 64.
    #[inline]
    pub(crate) const fn insert(&mut self, id: u8) {
        self.0 |= 1 << id;
    }
}

pub(crate) const CONNECT: Rules = Rules::new(&[
    id::SESSION_EXPIRY_INTERVAL,
    id::AUTHENTICATION_METHOD,
    id::AUTHENTICATION_DATA,
    id::REQUEST_PROBLEM_INFORMATION,
    id::REQUEST_RESPONSE_INFORMATION,
    id::RECEIVE_MAXIMUM,
    id::TOPIC_ALIAS_MAXIMUM,
    id::USER_PROPERTY,
    id::MAXIMUM_PACKET_SIZE,
]);

pub(crate) const WILL: Rules = Rules::new(&[
    id::PAYLOAD_FORMAT_INDICATOR,
    id::MESSAGE_EXPIRY_INTERVAL,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::WILL_DELAY_INTERVAL,
    id::USER_PROPERTY,
]);

pub(crate) const CONNACK: Rules = Rules::new(&[
    id::SESSION_EXPIRY_INTERVAL,
    id::ASSIGNED_CLIENT_IDENTIFIER,
    id::SERVER_KEEP_ALIVE,
    id::AUTHENTICATION_METHOD,
    id::AUTHENTICATION_DATA,
    id::RESPONSE_INFORMATION,
    id::SERVER_REFERENCE,
    id::REASON_STRING,
    id::RECEIVE_MAXIMUM,
    id::TOPIC_ALIAS_MAXIMUM,
    id::MAXIMUM_QOS,
    id::RETAIN_AVAILABLE,
    id::USER_PROPERTY,
    id::MAXIMUM_PACKET_SIZE,
    id::WILDCARD_SUBSCRIPTION_AVAILABLE,
    id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
    id::SHARED_SUBSCRIPTION_AVAILABLE,
]);

pub(crate) const PUBLISH: Rules = Rules {
    allowed: PropertySet::of(&[
        id::PAYLOAD_FORMAT_INDICATOR,
        id::MESSAGE_EXPIRY_INTERVAL,
        id::CONTENT_TYPE,
        id::RESPONSE_TOPIC,
        id::CORRELATION_DATA,
        id::SUBSCRIPTION_IDENTIFIER,
        id::TOPIC_ALIAS,
        id::USER_PROPERTY,
    ]),
    repeatable: PropertySet::of(&[id::USER_PROPERTY, id::SUBSCRIPTION_IDENTIFIER]),
};

/// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
pub(crate) const ACKNOWLEDGEMENT: Rules = Rules::new(&[id::REASON_STRING, id::USER_PROPERTY]);

pub(crate) const SUBSCRIBE: Rules = Rules::new(&[id::SUBSCRIPTION_IDENTIFIER, id::USER_PROPERTY]);

pub(crate) const UNSUBSCRIBE: Rules = Rules::new(&[id::USER_PROPERTY]);

pub(crate) const DISCONNECT: Rules =
    Rules::new(&[id::SESSION_EXPIRY_INTERVAL, id::SERVER_REFERENCE, id::REASON_STRING, id::USER_PROPERTY]);

pub(crate) const AUTH: Rules =
    Rules::new(&[id::AUTHENTICATION_METHOD, id::AUTHENTICATION_DATA, id::REASON_STRING, id::USER_PROPERTY]);
