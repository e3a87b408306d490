//! DISCONNECT: the last packet of a connection.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::reason_code::{self, ReasonCode};
use crate::version::Version;
use crate::writer;

/// One end says good-bye. Before version 5 only the Client does, and gives no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why. That the code is one for this direction is not checked here.
    pub reason_code: ReasonCode,
    /// Session Expiry Interval, Server Reference, Reason String, User Properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// Reads a DISCONNECT: an empty body means code 0x00, a body of one byte has no Properties (section 3.14.2.1).
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Disconnect<'a>, DecodeError> {
        header.check_flags(version, PacketType::Disconnect.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let mut disconnect =
            Disconnect { reason_code: ReasonCode::NORMAL_DISCONNECTION, properties: Properties::EMPTY };
        if version == Version::V5 && !reader.is_empty() {
            disconnect.reason_code = ReasonCode(reader.u8()?);
            if !reason_code::is_disconnect(disconnect.reason_code.0) {
                return Err(DecodeError::protocol_error("Reason Code is not one of DISCONNECT"));
            }
            if !reader.is_empty() {
                disconnect.properties = Properties::read(version, &mut reader, &property_rules::DISCONNECT)?;
            }
        }
        reader.finish()?;
        Ok(disconnect)
    }

    /// Appends the whole packet in its shortest form.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::Disconnect.first_byte(), out, |out| {
            if version < Version::V5 {
                return;
            }
            let has_properties = !self.properties.is_empty();
            if has_properties || self.reason_code != ReasonCode::NORMAL_DISCONNECTION {
                out.push(self.reason_code.0);
            }
            if has_properties {
                self.properties.write(version, out);
            }
        });
    }
}
