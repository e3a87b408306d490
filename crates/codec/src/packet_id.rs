//! Packet Identifier.

use std::num::NonZeroU16;

use crate::error::DecodeError;
use crate::reader::Reader;

/// Names one exchange (PUBLISH of QoS 1 or 2, SUBSCRIBE, UNSUBSCRIBE) of one Session; never zero `[MQTT-2.2.1-3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// `None` for zero.
    #[inline]
    pub const fn new(value: u16) -> Option<PacketId> {
        match NonZeroU16::new(value) {
            Some(value) => Some(PacketId(value)),
            None => None,
        }
    }

    /// The number on the wire.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The same of SUBSCRIBE and UNSUBSCRIBE. Which fault zero is the specification leaves open; clients know it by the code that
    /// Mosquitto has for it.
    pub(crate) fn read_of_request(reader: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
        PacketId::new(reader.u16()?).ok_or(DecodeError::malformed("Packet Identifier is 0"))
    }

    #[inline]
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<PacketId, DecodeError> {
        PacketId::new(reader.u16()?).ok_or(DecodeError::protocol_error("Packet Identifier is 0"))
    }
}
