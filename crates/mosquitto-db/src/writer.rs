//! From values to the bytes of a file of version 6, as Mosquitto writes it on a 64-bit processor.

use std::io::Write;

use midge_codec::{Properties, variable_byte_integer};

use crate::chunk::{BaseMessage, Client, ClientMessage, Config, Retained, SessionExpiry, Subscription, kind};
use crate::error::WriteError;
use crate::{CHUNK_LENGTH_MAX, MAGIC, STORE_ID_SIZE, VERSION};

type Result<T> = std::result::Result<T, WriteError>;

/// Writes a file. Mosquitto looks up what a chunk names among those before it, and what it does not find it takes for expired:
/// first all base messages, then each client with its messages behind it in the order of its queue, then Subscriptions, then
/// Retained Messages.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    /// Header and fixed fields of one chunk.
    fixed: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header and the configuration. The output is written in small pieces: let it be buffered, and flush it when
    /// [`into_output`](Writer::into_output) has given it back.
    ///
    /// # Errors
    /// What the output says.
    pub fn new(output: W, config: &Config) -> Result<Writer<W>> {
        let mut writer = Writer { output, fixed: Vec::new() };
        writer.output.write_all(MAGIC)?;
        writer.output.write_all(&0_u32.to_be_bytes())?;
        writer.output.write_all(&VERSION.to_be_bytes())?;
        writer.config(config)?;
        Ok(writer)
    }

    /// Writes a message that others can name.
    ///
    /// # Errors
    /// When it is too long, or what the output says.
    pub fn base_message(&mut self, message: &BaseMessage<'_>) -> Result<()> {
        let BaseMessage { source_id, source_username, topic, payload, .. } = *message;
        let properties = section(message.properties);
        self.fixed.clear();
        self.fixed.extend(message.store_id.to_le_bytes());
        self.fixed.extend(message.expiry_time_s.to_le_bytes());
        self.fixed.extend(length(payload, "a payload")?.to_be_bytes());
        self.fixed.extend(message.source_packet_id.to_be_bytes());
        self.fixed.extend(text_length(source_id, "a publisher's client id")?);
        self.fixed.extend(text_length(source_username, "a publisher's username")?);
        self.fixed.extend(text_length(topic, "a topic")?);
        self.fixed.extend(message.source_port.to_be_bytes());
        self.fixed.extend([message.qos as u8, u8::from(message.retain)]);
        self.chunk(kind::BASE_MESSAGE, &[source_id, source_username, topic, payload, &properties])
    }

    /// Writes a Session. One without [`expiry`](Client::expiry) never ends.
    ///
    /// # Errors
    /// When a text is too long, or what the output says.
    pub fn client(&mut self, client: &Client<'_>) -> Result<()> {
        let SessionExpiry { time_s, interval_s } = client.expiry.unwrap_or(NEVER);
        self.fixed.clear();
        self.fixed.extend(time_s.to_le_bytes());
        self.fixed.extend(interval_s.to_be_bytes());
        self.fixed.extend(client.last_packet_id.to_be_bytes());
        self.fixed.extend(text_length(client.id, "a client id")?);
        self.fixed.extend(client.listener_port.to_be_bytes());
        self.fixed.extend(text_length(client.username, "a username")?);
        self.fixed.extend([0; 4]);
        self.chunk(kind::CLIENT, &[client.id, client.username])
    }

    /// Writes a message on its way to or from a client.
    ///
    /// # Errors
    /// When a text is too long, or what the output says.
    pub fn client_message(&mut self, message: &ClientMessage<'_>) -> Result<()> {
        let properties = section(message.properties);
        self.fixed.clear();
        self.fixed.extend(message.store_id.to_le_bytes());
        self.fixed.extend(message.packet_id.to_be_bytes());
        self.fixed.extend(text_length(message.client_id, "a client id")?);
        let retain_and_dup = u8::from(message.retain) << 4 | u8::from(message.dup);
        self.fixed.extend([message.qos as u8, message.state as u8, retain_and_dup, message.direction as u8]);
        self.chunk(kind::CLIENT_MESSAGE, &[message.client_id, &properties])
    }

    /// Writes a Subscription.
    ///
    /// # Errors
    /// When a text is too long, or what the output says.
    pub fn subscription(&mut self, subscription: &Subscription<'_>) -> Result<()> {
        let Subscription { client_id, filter, qos, options, identifier } = *subscription;
        self.fixed.clear();
        self.fixed.extend(identifier.to_be_bytes());
        self.fixed.extend(text_length(client_id, "a client id")?);
        self.fixed.extend(text_length(filter, "a topic filter")?);
        self.fixed.extend([qos as u8, options, 0, 0]);
        self.chunk(kind::SUBSCRIPTION, &[client_id, filter])
    }

    /// Writes that a message is retained.
    ///
    /// # Errors
    /// What the output says.
    pub fn retained(&mut self, retained: Retained) -> Result<()> {
        self.fixed.clear();
        self.fixed.extend(retained.store_id.to_le_bytes());
        self.chunk(kind::RETAINED, &[])
    }

    /// The output, with the whole file written to it.
    pub fn into_output(self) -> W {
        self.output
    }

    fn config(&mut self, config: &Config) -> Result<()> {
        self.fixed.clear();
        self.fixed.extend(config.last_store_id.to_le_bytes());
        self.fixed.extend([u8::from(config.shutdown), STORE_ID_SIZE]);
        self.fixed.extend([0; 6]);
        self.chunk(kind::CONFIG, &[])
    }

    /// Writes a chunk: its header, the fixed fields, and what varies.
    fn chunk(&mut self, kind: u32, varying: &[&[u8]]) -> Result<()> {
        let length: usize = self.fixed.len() + varying.iter().map(|bytes| bytes.len()).sum::<usize>();
        let length = u32::try_from(length).ok().filter(|length| *length <= CHUNK_LENGTH_MAX);
        let length = length.ok_or(WriteError::TooLong("a message"))?;
        self.output.write_all(&kind.to_be_bytes())?;
        self.output.write_all(&length.to_be_bytes())?;
        self.output.write_all(&self.fixed)?;
        for bytes in varying {
            self.output.write_all(bytes)?;
        }
        Ok(())
    }
}

/// Property Length and Properties; nothing where there are none.
fn section(properties: Properties<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !properties.is_empty() {
        variable_byte_integer::encode(properties.raw().len() as u32, &mut bytes);
        bytes.extend_from_slice(properties.raw());
    }
    bytes
}

fn text_length(text: &[u8], what: &'static str) -> Result<[u8; 2]> {
    match u16::try_from(text.len()) {
        Ok(length) => Ok(length.to_be_bytes()),
        Err(_) => Err(WriteError::TooLong(what)),
    }
}

fn length(bytes: &[u8], what: &'static str) -> Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| WriteError::TooLong(what))
}

const NEVER: SessionExpiry = SessionExpiry { time_s: 0, interval_s: u32::MAX };
