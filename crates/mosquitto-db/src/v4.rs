//! The content of chunks in versions 2 to 4: field by field, texts with their length in front, no gaps.
//!
//! A chunk ends where its last field does. What its header says is not to be relied upon: Mosquitto 1.5.6 and 1.5.7 count the
//! publisher's Client Identifier twice.

use std::io::Read;

use midge_codec::Properties;

use crate::CHUNK_LENGTH_MAX;
use crate::chunk::{BaseMessage, ChunkHeader, Client, ClientMessage, Config, Content, Retained, Subscription, kind};
use crate::error::ReadErrorKind;
use crate::fields::Fields;
use crate::input::Input;

type Result<T> = std::result::Result<T, ReadErrorKind>;

/// What says how long a chunk is.
#[derive(Clone, Copy)]
enum Part {
    /// Fields of a fixed size.
    Bytes(usize),
    /// Two bytes of length, and as many.
    Text,
    /// Four bytes of length, and as many.
    Payload,
    /// A `time_t` of the processor that wrote it; not in version 2.
    Time,
}

/// What the chunks of each kind are made of.
fn parts(kind: u32, version: u32) -> &'static [Part] {
    use Part::{Bytes, Payload, Text, Time};
    match kind {
        kind::CONFIG => &[Bytes(10)],
        kind::BASE_MESSAGE if version == 4 => &[Bytes(8), Text, Text, Bytes(6), Text, Bytes(2), Payload],
        kind::BASE_MESSAGE => &[Bytes(8), Text, Bytes(4), Text, Bytes(2), Payload],
        kind::CLIENT_MESSAGE => &[Text, Bytes(15)],
        kind::RETAINED => &[Bytes(8)],
        kind::SUBSCRIPTION => &[Text, Text, Bytes(1)],
        kind::CLIENT => &[Text, Bytes(2), Time],
        _ => &[],
    }
}

/// Has the input read exactly the content of the chunk.
pub(crate) fn read_content<R: Read>(input: &mut Input<R>, version: u32, header: ChunkHeader) -> Result<()> {
    for part in parts(header.kind, version) {
        let count = match part {
            Part::Bytes(count) => *count,
            Part::Text => length(input.exactly(2)?),
            Part::Payload => length(input.exactly(4)?),
            Part::Time if version == 2 => 0,
            Part::Time if header.length as usize == input.read().len() + 4 => 4,
            Part::Time => 8,
        };
        if count > CHUNK_LENGTH_MAX as usize {
            return Err(ReadErrorKind::TooLong);
        }
        input.exactly(count)?;
    }
    Ok(())
}

fn length(digits: &[u8]) -> usize {
    digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit))
}

/// Reads the content of a chunk of this kind. Unknown ones are left alone.
pub(crate) fn content<'a>(kind: u32, version: u32, fields: &mut Fields<'a>) -> Result<Content<'a>> {
    Ok(match kind {
        kind::CONFIG => Content::Config(config(fields)?),
        kind::BASE_MESSAGE => Content::BaseMessage(base_message(version, fields)?),
        kind::CLIENT_MESSAGE => Content::ClientMessage(client_message(fields)?),
        kind::RETAINED => Content::Retained(Retained { store_id: fields.store_id()? }),
        kind::SUBSCRIPTION => Content::Subscription(subscription(fields)?),
        kind::CLIENT => Content::Client(client(fields)?),
        _ => Content::Unknown,
    })
}

fn config(fields: &mut Fields<'_>) -> Result<Config> {
    let shutdown = fields.u8("shutdown mark")? != 0;
    fields.store_id_size(shutdown)?;
    Ok(Config { shutdown, last_store_id: fields.store_id()? })
}

fn base_message<'a>(version: u32, fields: &mut Fields<'a>) -> Result<BaseMessage<'a>> {
    let store_id = fields.store_id()?;
    let source_id = fields.text("publisher's client id")?;
    let (source_username, source_port) = match version {
        4 => (fields.text("publisher's username")?, fields.u16("publisher's port")?),
        _ => (&[][..], 0),
    };
    let source_packet_id = fields.u16("publisher's packet id")?;
    // A Packet Identifier from the time when the server gave one to each message; nothing reads it any more.
    fields.u16("packet id")?;
    let topic = fields.text("topic")?;
    let qos = fields.qos()?;
    let retain = fields.u8("retain mark")? != 0;
    let payload_length = fields.u32("payload length")?;
    let payload = fields.take(payload_length as usize, "payload")?;
    let properties = Properties::EMPTY;
    Ok(BaseMessage {
        store_id,
        expiry_time_s: 0,
        source_id,
        source_username,
        source_port,
        source_packet_id,
        topic,
        qos,
        retain,
        payload,
        properties,
    })
}

fn client_message<'a>(fields: &mut Fields<'a>) -> Result<ClientMessage<'a>> {
    let client_id = fields.text("client id")?;
    let store_id = fields.store_id()?;
    let packet_id = fields.u16("packet id")?;
    let qos = fields.qos()?;
    let retain = fields.u8("retain mark")? != 0;
    let direction = fields.direction()?;
    let state = fields.state()?;
    let dup = fields.u8("dup mark")? != 0;
    let properties = Properties::EMPTY;
    Ok(ClientMessage { client_id, store_id, packet_id, qos, retain, dup, direction, state, properties })
}

fn subscription<'a>(fields: &mut Fields<'a>) -> Result<Subscription<'a>> {
    let client_id = fields.text("client id")?;
    let filter = fields.text("topic filter")?;
    Ok(Subscription { client_id, filter, qos: fields.qos()?, options: 0, identifier: 0 })
}

fn client<'a>(fields: &mut Fields<'a>) -> Result<Client<'a>> {
    let id = fields.text("client id")?;
    let last_packet_id = fields.u16("last packet id")?;
    let disconnected_time_s = match fields.len() {
        0 => None,
        4 => Some(fields.short_time("time")?),
        _ => Some(fields.time("time")?),
    };
    Ok(Client { id, username: &[], listener_port: 0, last_packet_id, expiry: None, disconnected_time_s })
}
