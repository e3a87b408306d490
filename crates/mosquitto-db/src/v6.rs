//! The content of chunks in versions 5 and 6: a C struct with all that has a fixed size, then what the struct has lengths of,
//! then Properties up to the end.

use crate::chunk::{BaseMessage, Client, ClientMessage, Config, Content, Retained, SessionExpiry, Subscription, kind};
use crate::error::ReadErrorKind;
use crate::fields::Fields;

type Result<T> = std::result::Result<T, ReadErrorKind>;

/// Reads the content of a chunk of this kind. Unknown ones are left alone.
pub(crate) fn content<'a>(kind: u32, version: u32, fields: &mut Fields<'a>) -> Result<Content<'a>> {
    Ok(match kind {
        kind::CONFIG => Content::Config(config(fields)?),
        kind::BASE_MESSAGE => Content::BaseMessage(base_message(fields)?),
        kind::CLIENT_MESSAGE => Content::ClientMessage(client_message(fields)?),
        kind::RETAINED => Content::Retained(Retained { store_id: fields.store_id()? }),
        kind::SUBSCRIPTION => Content::Subscription(subscription(fields)?),
        kind::CLIENT => Content::Client(client(version, fields)?),
        _ => Content::Unknown,
    })
}

fn config(fields: &mut Fields<'_>) -> Result<Config> {
    let last_store_id = fields.store_id()?;
    let shutdown = fields.u8("shutdown mark")? != 0;
    fields.store_id_size(shutdown)?;
    fields.padding(&[6, 2], 0)?;
    Ok(Config { shutdown, last_store_id })
}

fn base_message<'a>(fields: &mut Fields<'a>) -> Result<BaseMessage<'a>> {
    let store_id = fields.store_id()?;
    let expiry_time_s = fields.time("expiry time")?;
    let payload_length = fields.u32("payload length")?;
    let source_packet_id = fields.u16("publisher's packet id")?;
    let source_id_length = fields.u16("length of the publisher's client id")?;
    let source_username_length = fields.u16("length of the publisher's username")?;
    let topic_length = fields.u16("length of the topic")?;
    let source_port = fields.u16("publisher's port")?;
    let qos = fields.qos()?;
    let retain = fields.u8("retain mark")? != 0;
    Ok(BaseMessage {
        store_id,
        expiry_time_s,
        source_id: fields.take(source_id_length.into(), "publisher's client id")?,
        source_username: fields.take(source_username_length.into(), "publisher's username")?,
        source_port,
        source_packet_id,
        topic: fields.take(topic_length.into(), "topic")?,
        qos,
        retain,
        payload: fields.take(payload_length as usize, "payload")?,
        properties: fields.properties()?,
    })
}

fn client_message<'a>(fields: &mut Fields<'a>) -> Result<ClientMessage<'a>> {
    let store_id = fields.store_id()?;
    let packet_id = fields.u16("packet id")?;
    let client_id_length = fields.u16("length of the client id")?;
    let qos = fields.qos()?;
    let state = fields.state()?;
    let retain_and_dup = fields.u8("retain and dup marks")?;
    let direction = fields.direction()?;
    Ok(ClientMessage {
        client_id: fields.take(client_id_length.into(), "client id")?,
        store_id,
        packet_id,
        qos,
        retain: retain_and_dup & 0xF0 != 0,
        dup: retain_and_dup & 0x0F != 0,
        direction,
        state,
        properties: fields.properties()?,
    })
}

fn subscription<'a>(fields: &mut Fields<'a>) -> Result<Subscription<'a>> {
    let identifier = fields.u32("subscription identifier")?;
    let client_id_length = fields.u16("length of the client id")?;
    let filter_length = fields.u16("length of the topic filter")?;
    let qos = fields.qos()?;
    let options = fields.u8("options")?;
    fields.take(2, "padding")?;
    let client_id = fields.take(client_id_length.into(), "client id")?;
    let filter = fields.take(filter_length.into(), "topic filter")?;
    Ok(Subscription { client_id, filter, qos, options, identifier })
}

fn client<'a>(version: u32, fields: &mut Fields<'a>) -> Result<Client<'a>> {
    let time_s = fields.time("expiry time")?;
    let interval_s = fields.u32("session expiry interval")?;
    let last_packet_id = fields.u16("last packet id")?;
    let id_length = fields.u16("length of the client id")?;
    let (mut listener_port, mut username_length) = (0, 0);
    if version == 6 {
        listener_port = fields.u16("listener's port")?;
        username_length = fields.u16("length of the username")?;
        fields.padding(&[4, 0], usize::from(id_length) + usize::from(username_length))?;
    }
    Ok(Client {
        id: fields.take(id_length.into(), "client id")?,
        username: fields.take(username_length.into(), "username")?,
        listener_port,
        last_packet_id,
        expiry: Some(SessionExpiry { time_s, interval_s }),
        disconnected_time_s: None,
    })
}
