//! PUBACK, PUBREC, PUBREL and PUBCOMP: one shape, four steps of the QoS 1 and QoS 2 exchanges.
//!
//! Two bytes mean success; a third is the Reason Code; Properties may follow from version 5 on (section 3.4.2.1).

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::packet_id::PacketId;
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::reason_code::{self, ReasonCode};
use crate::version::Version;
use crate::writer;

/// One of the four, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// The exchange it belongs to.
    pub packet_id: PacketId,
    /// Success before version 5.
    pub reason_code: ReasonCode,
    /// Reason String and User Properties.
    pub properties: Properties<'a>,
}

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcknowledgementKind {
    /// QoS 1: the receiver owns the message.
    PubAck,
    /// QoS 2, first step: the receiver owns the message.
    PubRec,
    /// QoS 2, second step: the sender has given it up.
    PubRel,
    /// QoS 2, third step: the Packet Identifier is free.
    PubComp,
}

/// Appends an acknowledgement without Properties, in its shortest form. Version 3 has no Reason Code.
#[inline]
pub fn encode_acknowledgement(
    kind: AcknowledgementKind,
    version: Version,
    packet_id: u16,
    reason_code: ReasonCode,
    out: &mut Vec<u8>,
) {
    let first = kind.packet_type().first_byte();
    let [high, low] = packet_id.to_be_bytes();
    if reason_code == ReasonCode::SUCCESS || version < Version::V5 {
        out.extend_from_slice(&[first, 2, high, low]);
    } else {
        out.extend_from_slice(&[first, 3, high, low, reason_code.0]);
    }
}

impl AcknowledgementKind {
    /// Which of the four a fixed header announces, if any.
    #[inline]
    pub const fn of(header: FixedHeader) -> Option<AcknowledgementKind> {
        match header.first >> 4 {
            4 => Some(AcknowledgementKind::PubAck),
            5 => Some(AcknowledgementKind::PubRec),
            6 => Some(AcknowledgementKind::PubRel),
            7 => Some(AcknowledgementKind::PubComp),
            _ => None,
        }
    }

    /// Its packet type.
    #[inline]
    pub const fn packet_type(self) -> PacketType {
        match self {
            AcknowledgementKind::PubAck => PacketType::PubAck,
            AcknowledgementKind::PubRec => PacketType::PubRec,
            AcknowledgementKind::PubRel => PacketType::PubRel,
            AcknowledgementKind::PubComp => PacketType::PubComp,
        }
    }

    #[inline]
    const fn permits(self, code: u8) -> bool {
        match self {
            AcknowledgementKind::PubAck | AcknowledgementKind::PubRec => reason_code::is_puback(code),
            AcknowledgementKind::PubRel | AcknowledgementKind::PubComp => reason_code::is_pubrel(code),
        }
    }
}

impl<'a> Acknowledgement<'a> {
    /// Reads the body of a packet of this kind.
    #[inline]
    pub fn decode(
        kind: AcknowledgementKind,
        version: Version,
        header: FixedHeader,
        body: &'a [u8],
    ) -> Result<Acknowledgement<'a>, DecodeError> {
        header.check_flags(version, kind.packet_type().fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let packet_id = PacketId::read(&mut reader)?;
        if reader.is_empty() {
            return Ok(Acknowledgement { packet_id, reason_code: ReasonCode::SUCCESS, properties: Properties::EMPTY });
        }
        if version < Version::V5 {
            reader.finish()?;
        }
        let code = reader.u8()?;
        if !kind.permits(code) {
            return Err(DecodeError::protocol_error("Reason Code is not one of this acknowledgement"));
        }
        let properties = if reader.is_empty() {
            Properties::EMPTY
        } else {
            Properties::read(version, &mut reader, &property_rules::ACKNOWLEDGEMENT)?
        };
        reader.finish()?;
        Ok(Acknowledgement { packet_id, reason_code: ReasonCode(code), properties })
    }

    pub(crate) fn encode(&self, kind: AcknowledgementKind, version: Version, out: &mut Vec<u8>) {
        if self.properties.is_empty() || version < Version::V5 {
            return encode_acknowledgement(kind, version, self.packet_id.get(), self.reason_code, out);
        }
        writer::packet(kind.packet_type().first_byte(), out, |out| {
            writer::u16(self.packet_id.get(), out);
            out.push(self.reason_code.0);
            self.properties.write(version, out);
        });
    }
}
