//! A database as lines of text, one for each field.

use std::io::{self, Write};

use midge_codec::{Properties, Property};
use midge_mosquitto_db::{
    BaseMessage, Chunk, ChunkHeader, Client, ClientMessage, Content, Header, SessionExpiry, Subscription, VERSION,
    until_nul,
};

use super::Dump;

/// Writes each chunk when it comes.
pub(super) struct Text<'a, W> {
    out: &'a mut W,
}

impl<'a, W: Write> Text<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out }
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.out, "\t{name}: {value}")
    }

    fn text(&mut self, name: &str, value: &[u8]) -> io::Result<()> {
        write!(self.out, "\t{name}: ")?;
        self.out.write_all(&shown(until_nul(value)))?;
        writeln!(self.out)
    }

    fn begin(&mut self, name: &str, header: ChunkHeader) -> io::Result<()> {
        writeln!(self.out, "DB_CHUNK_{name}:")?;
        self.field("Length", header.length)
    }

    fn base_message(&mut self, message: &BaseMessage<'_>) -> io::Result<()> {
        self.field("Store ID", message.store_id)?;
        self.field("Source Port", message.source_port)?;
        self.field("Source MID", message.source_packet_id)?;
        self.text("Topic", message.topic)?;
        self.field("QoS", message.qos as u8)?;
        self.field("Retain", u8::from(message.retain))?;
        self.field("Payload Length", message.payload.len())?;
        self.field("Expiry Time", message.expiry_time_s)?;
        if is_short_text(message.payload) {
            self.text("Payload", message.payload)?;
        }
        self.properties(message.properties)
    }

    fn properties(&mut self, properties: Properties<'_>) -> io::Result<()> {
        let mut properties = properties.iter().peekable();
        if properties.peek().is_some() {
            writeln!(self.out, "\tProperties:")?;
        }
        for property in properties {
            match property {
                Property::PayloadFormatIndicator(value) => self.field("\tPayload format indicator", value)?,
                Property::ContentType(value) => self.text("\tContent type", value.as_bytes())?,
                Property::ResponseTopic(value) => self.text("\tResponse topic", value.as_bytes())?,
                Property::CorrelationData(value) => self.field("\tCorrelation data", hex(value))?,
                Property::UserProperty(name, value) => {
                    self.text("\tUser property", format!("{name} , {value}").as_bytes())?;
                }
                other => self.field("\tInvalid property type", other.id())?,
            }
        }
        Ok(())
    }

    fn client(&mut self, client: &Client<'_>) -> io::Result<()> {
        let expiry = client.expiry.unwrap_or(SessionExpiry { time_s: 0, interval_s: 0 });
        self.text("Client ID", client.id)?;
        if !client.username.is_empty() {
            self.text("Username", client.username)?;
        }
        if client.listener_port > 0 {
            self.field("Listener port", client.listener_port)?;
        }
        self.field("Last MID", client.last_packet_id)?;
        self.field("Session expiry time", expiry.time_s)?;
        self.field("Session expiry interval", expiry.interval_s)
    }

    fn client_message(&mut self, message: &ClientMessage<'_>) -> io::Result<()> {
        self.text("Client ID", message.client_id)?;
        self.field("Store ID", message.store_id)?;
        self.field("MID", message.packet_id)?;
        self.field("QoS", message.qos as u8)?;
        self.field("Retain", u8::from(message.retain))?;
        self.field("Direction", message.direction as u8)?;
        self.field("State", message.state as u8)?;
        self.field("Dup", u8::from(message.dup))?;
        match subscription_identifier(message) {
            0 => Ok(()),
            identifier => self.field("Subscription identifier", identifier),
        }
    }

    fn subscription(&mut self, subscription: &Subscription<'_>) -> io::Result<()> {
        self.text("Client ID", subscription.client_id)?;
        self.text("Topic", subscription.filter)?;
        self.field("QoS", subscription.qos as u8)?;
        self.field("Subscription ID", subscription.identifier)?;
        self.field("Options", format_args!("0x{:02X}", subscription.options))
    }
}

impl<W: Write> Dump for Text<'_, W> {
    fn header(&mut self, header: Header) -> io::Result<()> {
        writeln!(self.out, "Mosquitto DB dump\nCRC: {}\nDB version: {}", header.checksum as i32, header.version)?;
        if header.version > VERSION {
            let what = "mosquitto_db_dump does not support this DB version, continuing but expecting errors.";
            writeln!(self.out, "Warning: {what}")?;
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        let header = chunk.header;
        match chunk.content {
            Content::Config(config) => {
                self.begin("CFG", header)?;
                self.field("Shutdown", u8::from(config.shutdown))?;
                self.field("DB ID size", 8)?;
                self.field("Last DB ID", config.last_store_id)
            }
            Content::BaseMessage(message) => {
                self.begin("BASE_MSG", header)?;
                self.base_message(&message)
            }
            Content::Client(client) => {
                self.begin("CLIENT", header)?;
                self.client(&client)
            }
            Content::ClientMessage(message) => {
                self.begin("CLIENT_MSG", header)?;
                self.client_message(&message)
            }
            Content::Subscription(subscription) => {
                self.begin("SUB", header)?;
                self.subscription(&subscription)
            }
            Content::Retained(retained) => {
                self.begin("RETAIN", header)?;
                self.field("Store ID", retained.store_id)
            }
            Content::Unknown => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last Subscription Identifier, which is the one that Mosquitto knows; 0: none.
pub(super) fn subscription_identifier(message: &ClientMessage<'_>) -> u32 {
    message.properties.subscription_identifiers().last().unwrap_or(0)
}

/// As Mosquitto writes bytes as digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Bytes as they are, but for control characters, which would do something to the terminal.
pub(super) fn shown(bytes: &[u8]) -> Vec<u8> {
    let each = bytes.iter().flat_map(|byte| match byte {
        0..0x20 | 0x7f => format!("\\x{byte:02x}").into_bytes(),
        _ => vec![*byte],
    });
    each.collect()
}

/// Only such payloads are shown.
fn is_short_text(payload: &[u8]) -> bool {
    let is_text = str::from_utf8(payload).is_ok_and(|text| !text.chars().any(char::is_control));
    is_text && (1..256).contains(&payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(shown("a\u{1b}[1m\n\u{e9}\u{7f}".as_bytes()), b"a\\x1b[1m\\x0a\xc3\xa9\\x7f");
        for (payload, expected) in [(&b"text"[..], true), (b"", false), (b"a\x1bb", false), (b"\xff", false)] {
            assert_eq!(is_short_text(payload), expected, "{payload:?}");
        }
        assert!(is_short_text(&[b'a'; 255]) && !is_short_text(&[b'a'; 256]));
    }
}
