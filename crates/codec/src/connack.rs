//! CONNACK: the Server's answer to CONNECT.

use crate::error::DecodeError;
use crate::fixed_header::{FixedHeader, PacketType};
use crate::properties::Properties;
use crate::property_rules;
use crate::reader::Reader;
use crate::version::Version;
use crate::{reason_code, writer};

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The Server has Session State from before. Only together with code 0 `[MQTT-3.2.2-6]`; version 3.1 does not know
    /// it.
    pub session_present: bool,
    /// Reason Code in version 5, else return code 0 to 5.
    pub code: u8,
    /// Nothing before version 5.
    pub properties: Properties<'a>,
}

impl<'a> ConnAck<'a> {
    /// Reads a CONNACK.
    pub fn decode(version: Version, header: FixedHeader, body: &'a [u8]) -> Result<ConnAck<'a>, DecodeError> {
        header.check_flags(version, PacketType::ConnAck.fixed_flags())?;
        header.check_shortest_form(version)?;
        let mut reader = Reader::new(body);
        let session_present = match (version, reader.u8()?) {
            (Version::V31, _) => false,
            (_, flags @ 0..=1) => flags == 1,
            _ => return Err(DecodeError::malformed("reserved CONNACK flags")),
        };
        let code = reader.u8()?;
        let known = if version == Version::V5 { reason_code::is_connack(code) } else { code <= 5 };
        if !known {
            return Err(DecodeError::protocol_error("code is not one of CONNACK"));
        }
        if session_present && code != 0 {
            return Err(DecodeError::protocol_error("Session Present in a refusal"));
        }
        let properties = Properties::read(version, &mut reader, &property_rules::CONNACK)?;
        reader.finish()?;
        Ok(ConnAck { session_present, code, properties })
    }

    /// Appends the whole packet.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        writer::packet(PacketType::ConnAck.first_byte(), out, |out| {
            out.push(u8::from(self.session_present && version > Version::V31));
            out.push(self.code);
            self.properties.write(version, out);
        });
    }
}
