//! AUTH: a step of enhanced authentication. Version 5 only.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::reason_code::{self, ReasonCode};
use crate::version::Version;
use crate::writer;

/// A step of enhanced authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<'a> {
    /// Success, Continue authentication or Re-authenticate `[MQTT-3.15.2-1]`.
    pub reason_code: ReasonCode,
    /// Authentication Method and Data, Reason String, User Properties. That the method is there, and is that of the
    /// CONNECT, is for those who know the CONNECT.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    /// Reads an AUTH: an empty body means code 0x00 (section 3.15.2.1). Before version 5 there is no such packet.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<Auth<'a>, DecodeError> {
        if version < Version::V5 {
            return Err(DecodeError::malformed("reserved packet type"));
        }
        header.check_flags(version, PacketType::Auth.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        if reader.is_empty() {
            return Ok(Auth { reason_code: ReasonCode::SUCCESS, properties: Properties::EMPTY });
        }
        let code = reader.u8()?;
        if !reason_code::is_auth(code) {
            return Err(DecodeError::protocol_error("Reason Code is not one of AUTH"));
        }
        let properties = Properties::read(version, &mut reader, &property_rules::AUTH)?;
        reader.finish()?;
        Ok(Auth { reason_code: ReasonCode(code), properties })
    }

    /// Appends the whole packet in its shortest form. Before version 5 nothing is appended.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        if version < Version::V5 {
            return;
        }
        writer::packet(PacketType::Auth.first_byte(), out, |out| {
            if self.reason_code != ReasonCode::SUCCESS || !self.properties.is_empty() {
                out.push(self.reason_code.0);
                self.properties.write(version, out);
            }
        });
    }
}
