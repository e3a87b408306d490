//! CONNECT: the first packet of a connection, which also says which version the others are in.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::fixed_header::{FixedHeader, PacketType};
use crate::properties::Properties;
use crate::property_rules;
use crate::qos::QoS;
use crate::reader::Reader;
use crate::topic_name::check_topic_name;
use crate::version::Version;
use crate::{utf8_string, writer};

/// A Client asks to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect<'a> {
    /// The version all further packets of this connection are in.
    pub version: Version,
    /// The sender is another Server: the top bit of the Protocol Level, as Mosquitto's bridges set it.
    pub bridge: bool,
    /// Clean Start, or Clean Session before version 5.
    pub clean_start: bool,
    /// Keep Alive, in seconds; 0 switches it off.
    pub keep_alive_s: u16,
    /// As received: it may be empty, and in version 3.1 longer than 23 characters.
    pub client_id: &'a str,
    /// Will Message.
    pub will: Option<Will<'a>>,
    /// User Name.
    pub username: Option<&'a str>,
    /// Password: binary, and in version 5 possible without a User Name.
    pub password: Option<&'a [u8]>,
    /// Nothing before version 5.
    pub properties: Properties<'a>,
}

/// The message to publish should the Client go without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Topic, a Topic Name without wildcards.
    pub topic: &'a str,
    /// Will Payload, any bytes.
    pub payload: &'a [u8],
    /// Will Properties, Will Delay Interval and Message Expiry Interval among them.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    /// Reads a CONNECT of any version.
    pub fn decode(header: FixedHeader, body: &'a [u8]) -> Result<Connect<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        let (version, bridge) = read_version(&mut reader)?;
        header.check_flags(version, 0)?;
        header.check_shortest_form(version)?;
        let flags = Flags(reader.u8()?);
        flags.check(version)?;
        let keep_alive_s = reader.u16()?;
        let properties = Properties::read(version, &mut reader, &property_rules::CONNECT)?;
        if properties.authentication_data().is_some() && properties.authentication_method().is_none() {
            return Err(DecodeError::protocol_error("Authentication Data without Authentication Method"));
        }
        let client_id = reader.string()?;
        if client_id.contains(char::is_control) {
            return Err(CLIENT_ID);
        }
        let will = if flags.has(WILL) { Some(Will::read(version, flags, &mut reader)?) } else { None };
        // Version 3.1 lets a packet that ends early overrule these two flags.
        let present = |flag, reader: &Reader<'_>| flags.has(flag) && !(version == Version::V31 && reader.is_empty());
        let username = if present(USER_NAME, &reader) { Some(reader.name()?) } else { None };
        let password = if present(PASSWORD, &reader) { Some(reader.binary()?) } else { None };
        reader.finish()?;
        let clean_start = flags.has(CLEAN_START);
        Ok(Connect { version, bridge, clean_start, keep_alive_s, client_id, will, username, password, properties })
    }

    /// Appends the whole packet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        writer::packet(PacketType::Connect.first_byte(), out, |out| {
            writer::binary(self.version.protocol_name().as_bytes(), out);
            out.push(self.version.level() | if self.bridge { BRIDGE } else { 0 });
            out.push(Flags::of(self).0);
            writer::u16(self.keep_alive_s, out);
            self.properties.write(self.version, out);
            writer::binary(self.client_id.as_bytes(), out);
            if let Some(will) = &self.will {
                will.properties.write(self.version, out);
                writer::binary(will.topic.as_bytes(), out);
                writer::binary(will.payload, out);
            }
            if let Some(username) = self.username {
                writer::binary(username.as_bytes(), out);
            }
            if let Some(password) = self.password {
                writer::binary(password, out);
            }
        });
    }
}

impl<'a> Will<'a> {
    fn read(version: Version, flags: Flags, reader: &mut Reader<'a>) -> Result<Will<'a>, DecodeError> {
        let qos = QoS::from_u8(flags.will_qos()).ok_or(WILL_QOS_3)?;
        let properties = Properties::read(version, reader, &property_rules::WILL)?;
        let topic = check_topic_name(reader.string()?)?;
        let payload = reader.binary()?;
        Ok(Will { qos, retain: flags.has(WILL_RETAIN), topic, payload, properties })
    }
}

/// Protocol Name and Protocol Level `[MQTT-3.1.2-1]` `[MQTT-3.1.2-2]`.
fn read_version(reader: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    let name = reader.binary()?;
    if name != b"MQTT" && name != b"MQIsdp" {
        utf8_string::check(name)?;
        return Err(DecodeError::new(DecodeErrorKind::UnknownProtocolName, "unknown Protocol Name"));
    }
    let level = reader.u8()?;
    let version = match (name, level & !BRIDGE) {
        (b"MQIsdp", 3) => Version::V31,
        (b"MQTT", 4) => Version::V311,
        (b"MQTT", 5) => Version::V5,
        _ => {
            let kind = DecodeErrorKind::UnknownProtocolLevel(level);
            return Err(DecodeError::new(kind, "unknown Protocol Level"));
        }
    };
    Ok((version, level & BRIDGE != 0))
}

/// Connect Flags.
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    fn of(connect: &Connect<'_>) -> Flags {
        let mut flags = 0;
        let mut set = |flag, wanted: bool| flags |= if wanted { flag } else { 0 };
        set(CLEAN_START, connect.clean_start);
        set(USER_NAME, connect.username.is_some());
        set(PASSWORD, connect.password.is_some());
        if let Some(will) = &connect.will {
            set(WILL | (will.qos as u8) << WILL_QOS_SHIFT, true);
            set(WILL_RETAIN, will.retain);
        }
        Flags(flags)
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn will_qos(self) -> u8 {
        self.0 >> WILL_QOS_SHIFT & 0b11
    }

    /// Version 3.1 leaves bits that have no meaning unsaid; the later ones want them 0.
    fn check(self, version: Version) -> Result<(), DecodeError> {
        if self.will_qos() == 3 && (self.has(WILL) || version > Version::V31) {
            return Err(WILL_QOS_3);
        }
        if version < Version::V5 && self.has(PASSWORD) && !self.has(USER_NAME) {
            return Err(DecodeError::malformed("Password without User Name"));
        }
        if version == Version::V31 {
            return Ok(());
        }
        if self.has(RESERVED) {
            return Err(DecodeError::malformed("reserved Connect Flag is set"));
        }
        if !self.has(WILL) && (self.will_qos() > 0 || self.has(WILL_RETAIN)) {
            return Err(DecodeError::malformed("Will QoS or Will Retain without Will Flag"));
        }
        Ok(())
    }
}

const BRIDGE: u8 = 0x80;

const RESERVED: u8 = 0x01;
const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_SHIFT: u8 = 3;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

const CLIENT_ID: DecodeError =
    DecodeError::new(DecodeErrorKind::ClientIdentifier, "Client Identifier holds a control character");
const WILL_QOS_3: DecodeError = DecodeError::malformed("Will QoS 3");
