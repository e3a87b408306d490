//! SUBACK and UNSUBACK: one code for each Topic Filter of the request, in its order.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::packet_id::PacketId;
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::reason_code;
use crate::version::Version;
use crate::writer;

/// The answer to SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// That of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// Nothing before version 5.
    pub properties: Properties<'a>,
    /// Granted QoS or failure, one for each filter `[MQTT-3.9.3-1]`. Failure is 0x80 in version 3.1.1. There are none from a Server
    /// that answers one filter of version 5 with QoS 0 as in 3.1.1, of which the code is then the Property Length.
    pub codes: &'a [u8],
}

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// That of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// Nothing before version 5.
    pub properties: Properties<'a>,
    /// One for each filter `[MQTT-3.11.3-1]`; none before version 5.
    pub codes: &'a [u8],
}

impl<'a> SubAck<'a> {
    /// Reads a SUBACK.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<SubAck<'a>, DecodeError> {
        header.check_flags(version, PacketType::SubAck.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let packet_id = PacketId::read(&mut reader)?;
        let properties = Properties::read(version, &mut reader, &property_rules::ACKNOWLEDGEMENT)?;
        let codes = reader.rest();
        match version {
            Version::V5 if codes.is_empty() => {}
            Version::V5 => check_codes(codes, |&code| reason_code::is_suback(code))?,
            Version::V31 | Version::V311 => check_codes(codes, |code| matches!(code, 0..=2 | 0x80))?,
        }
        Ok(SubAck { packet_id, properties, codes })
    }

    /// Appends the whole packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::SubAck.first_byte(), out, |out| {
            writer::u16(self.packet_id.get(), out);
            self.properties.write(version, out);
            out.extend_from_slice(self.codes);
        });
    }
}

impl<'a> UnsubAck<'a> {
    /// Reads an UNSUBACK.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<UnsubAck<'a>, DecodeError> {
        header.check_flags(version, PacketType::UnsubAck.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let packet_id = PacketId::read(&mut reader)?;
        if version < Version::V5 {
            reader.finish()?;
            return Ok(UnsubAck { packet_id, properties: Properties::EMPTY, codes: &[] });
        }
        let properties = Properties::read(version, &mut reader, &property_rules::ACKNOWLEDGEMENT)?;
        let codes = reader.rest();
        check_codes(codes, |&code| reason_code::is_unsuback(code))?;
        Ok(UnsubAck { packet_id, properties, codes })
    }

    /// Appends the whole packet. Before version 5 the codes are left out.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::UnsubAck.first_byte(), out, |out| {
            writer::u16(self.packet_id.get(), out);
            if version == Version::V5 {
                self.properties.write(version, out);
                out.extend_from_slice(self.codes);
            }
        });
    }
}

fn check_codes(codes: &[u8], known: impl Fn(&u8) -> bool) -> Result<(), DecodeError> {
    if codes.is_empty() {
        return Err(DecodeError::malformed("no code for any Topic Filter"));
    }
    if !codes.iter().all(known) {
        return Err(DecodeError::protocol_error("code is not one of this packet"));
    }
    Ok(())
}
