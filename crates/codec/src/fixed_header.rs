//! Fixed header: packet type, flags and Remaining Length, the two to five bytes every packet begins with.
//!
//! All that is needed to wait for the rest of a packet, or to refuse it for its size before it is read.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::variable_byte_integer;
use crate::version::Version;

/// The largest packet there can be: five bytes of fixed header and the largest Remaining Length.
pub const PACKET_SIZE_MAX: u32 = variable_byte_integer::MAX + 5;

/// The first bytes of a packet, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// Packet type (upper four bits) and flags.
    pub first: u8,
    /// Remaining Length: bytes that follow this header.
    pub remaining: u32,
    /// Bytes of the header itself, 2 to 5.
    pub length: u8,
}

/// Reads the header at the start of `bytes`. `None`: more bytes are needed. Malformed: the Remaining Length has a fifth
/// byte.
#[inline]
pub fn fixed_header(bytes: &[u8]) -> Result<Option<FixedHeader>, DecodeError> {
    match *bytes {
        [first, remaining, ..] if remaining < 0x80 => {
            Ok(Some(FixedHeader { first, remaining: u32::from(remaining), length: 2 }))
        }
        [first, ref rest @ ..] => {
            let remaining = variable_byte_integer::decode(rest)?;
            Ok(remaining.map(|(remaining, length)| FixedHeader { first, remaining, length: length as u8 + 1 }))
        }
        [] => Ok(None),
    }
}

impl FixedHeader {
    /// The packet's bytes in all, this header counted in.
    #[inline]
    pub const fn packet_len(&self) -> usize {
        self.length as usize + self.remaining as usize
    }

    /// The packet type, from the upper four bits; `None` for 0, which is reserved.
    #[inline]
    pub const fn packet_type(&self) -> Option<PacketType> {
        PacketType::from_u8(self.first >> 4)
    }

    /// The lower four bits.
    #[inline]
    pub const fn flags(&self) -> u8 {
        self.first & 0x0F
    }

    /// Refuses a packet of more than `packet_size_max` bytes, with its header counted in.
    #[inline]
    pub const fn check_size(&self, packet_size_max: u32) -> Result<(), DecodeError> {
        if self.packet_len() > packet_size_max as usize {
            return Err(DecodeError::new(DecodeErrorKind::PacketTooLarge, "packet is larger than allowed"));
        }
        Ok(())
    }

    /// Version 5 wants the Remaining Length in its shortest form `[MQTT-1.5.5-1]`.
    #[inline]
    pub(crate) const fn check_shortest_form(&self, version: Version) -> Result<(), DecodeError> {
        // Two bytes are the shortest there is, and nearly every packet has them.
        if self.length > 2
            && matches!(version, Version::V5)
            && self.length as usize > 1 + variable_byte_integer::len(self.remaining)
        {
            return Err(DecodeError::malformed("Remaining Length is not in its shortest form"));
        }
        Ok(())
    }

    /// The flags of every packet but PUBLISH are fixed `[MQTT-2.1.3-1]`. In version 3.1 most of them were merely "not
    /// used", and DUP could be set on SUBSCRIBE, UNSUBSCRIBE and PUBREL, so there they are not looked at.
    #[inline]
    pub(crate) const fn check_flags(&self, version: Version, expected: u8) -> Result<(), DecodeError> {
        if self.flags() != expected && !matches!(version, Version::V31) {
            return Err(DecodeError::malformed("reserved flags of the fixed header"));
        }
        Ok(())
    }
}

/// Type of a MQTT Control Packet, with the number of the fixed header as the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

impl PacketType {
    /// All types in the order of their numbers.
    pub const ALL: [PacketType; 15] = [
        PacketType::Connect,
        PacketType::ConnAck,
        PacketType::Publish,
        PacketType::PubAck,
        PacketType::PubRec,
        PacketType::PubRel,
        PacketType::PubComp,
        PacketType::Subscribe,
        PacketType::SubAck,
        PacketType::Unsubscribe,
        PacketType::UnsubAck,
        PacketType::PingReq,
        PacketType::PingResp,
        PacketType::Disconnect,
        PacketType::Auth,
    ];

    /// The type with this number, 1 to 15.
    #[inline]
    pub const fn from_u8(value: u8) -> Option<PacketType> {
        match value {
            1..=15 => Some(PacketType::ALL[value as usize - 1]),
            _ => None,
        }
    }

    /// The name as the specification writes it, `PUBLISH`.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::ConnAck => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::PubAck => "PUBACK",
            PacketType::PubRec => "PUBREC",
            PacketType::PubRel => "PUBREL",
            PacketType::PubComp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::SubAck => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::UnsubAck => "UNSUBACK",
            PacketType::PingReq => "PINGREQ",
            PacketType::PingResp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }

    /// First byte of a packet of this type, with the flags that are fixed for it. PUBLISH adds its own.
    #[inline]
    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.fixed_flags()
    }

    /// `[MQTT-2.1.3-1]` `[MQTT-3.6.1-1]` `[MQTT-3.8.1-1]` `[MQTT-3.10.1-1]`
    #[inline]
    pub(crate) const fn fixed_flags(self) -> u8 {
        match self {
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason_code::ReasonCode;

    #[test]
    fn header_by_header() {
        let check = |bytes: &[u8], remaining: u32, length: u8| {
            let expected = FixedHeader { first: bytes[0], remaining, length };
            assert_eq!(fixed_header(bytes), Ok(Some(expected)), "{bytes:02x?}");
            assert_eq!(expected.packet_len(), usize::from(length) + remaining as usize);
            for cut in 0..usize::from(length) {
                assert_eq!(fixed_header(&bytes[..cut]), Ok(None), "{bytes:02x?} cut to {cut}");
            }
        };
        check(&[0xC0, 0x00], 0, 2);
        check(&[0x30, 0x7F, 0xAA], 127, 2);
        check(&[0x30, 0x80, 0x01], 128, 3);
        check(&[0x30, 0xFF, 0x7F, 0xAA], 16_383, 3);
        check(&[0x30, 0x80, 0x80, 0x01], 16_384, 4);
        check(&[0x30, 0x80, 0x80, 0x80, 0x01], 2_097_152, 5);
        check(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 268_435_455, 5);
        check(&[0xC0, 0x80, 0x80, 0x80, 0x00], 0, 5);
    }

    #[test]
    fn a_fifth_byte_of_length_is_malformed_even_before_it_is_there() {
        for bytes in [&[0x30, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0x30, 0x80, 0x80, 0x80, 0x80, 0x00]] {
            let error = fixed_header(bytes).expect_err("five bytes");
            assert_eq!(error.reason_code(), ReasonCode::MALFORMED_PACKET);
        }
    }

    #[test]
    fn size_counts_the_header() {
        let header = FixedHeader { first: 0x30, remaining: 128, length: 3 };
        assert_eq!(header.check_size(131), Ok(()));
        assert_eq!(header.check_size(130).map_err(|error| error.reason_code()), Err(ReasonCode::PACKET_TOO_LARGE));
        let largest = FixedHeader { first: 0x30, remaining: variable_byte_integer::MAX, length: 5 };
        assert_eq!(largest.check_size(PACKET_SIZE_MAX), Ok(()));
    }

    #[test]
    fn every_type_has_its_number() {
        for (index, packet_type) in PacketType::ALL.into_iter().enumerate() {
            assert_eq!(packet_type as usize, index + 1);
            assert_eq!(PacketType::from_u8(index as u8 + 1), Some(packet_type));
        }
        assert_eq!(PacketType::from_u8(0), None);
        assert_eq!(PacketType::from_u8(16), None);
    }
}
