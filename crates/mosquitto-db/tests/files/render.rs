//! A file as lines of text, one for each chunk, with every field that is not as it mostly is.

use std::fmt::Write;

use midge_codec::{Properties, Property};
use midge_mosquitto_db::{
    BaseMessage, Client, ClientMessage, Content, ReadError, Reader, SessionExpiry, Subscription, until_nul,
};

/// All of the file.
pub(crate) fn render(file: &[u8]) -> Result<Vec<String>, ReadError> {
    let mut reader = Reader::new(file)?;
    let mut lines = vec![format!("version {}", reader.header().version)];
    while let Some(chunk) = reader.next_chunk()? {
        lines.push(match chunk.content {
            Content::Config(config) => format!("config shutdown={} last={}", config.shutdown, config.last_store_id),
            Content::BaseMessage(message) => base_message(&message),
            Content::Client(client) => render_client(&client),
            Content::ClientMessage(message) => client_message(&message),
            Content::Subscription(subscription) => render_subscription(&subscription),
            Content::Retained(retained) => format!("retained {}", retained.store_id),
            Content::Unknown => format!("unknown {} of {} bytes", chunk.header.kind, chunk.header.length),
        });
    }
    Ok(lines)
}

fn base_message(message: &BaseMessage<'_>) -> String {
    let payload = String::from_utf8_lossy(message.payload);
    let mut line = format!("message {} {} q{} {payload:?}", message.store_id, text(message.topic), message.qos as u8);
    if message.retain {
        line += " retain";
    }
    write!(line, " from {}", text(message.source_id)).expect("a String takes all");
    append(&mut line, "username", text(message.source_username));
    append(&mut line, "port", number(message.source_port));
    append(&mut line, "packet", number(message.source_packet_id));
    append(&mut line, "expires", number(message.expiry_time_s));
    append(&mut line, "properties", properties(message.properties));
    line
}

fn render_client(client: &Client<'_>) -> String {
    let mut line = format!("client {}", text(client.id));
    append(&mut line, "username", text(until_nul(client.username)));
    append(&mut line, "port", number(client.listener_port));
    append(&mut line, "last", number(client.last_packet_id));
    if let Some(SessionExpiry { time_s, interval_s }) = client.expiry {
        let interval = if interval_s == u32::MAX { "never".to_owned() } else { interval_s.to_string() };
        append(&mut line, "interval", interval);
        append(&mut line, "ends", number(time_s));
    }
    append(&mut line, "left", client.disconnected_time_s.map_or(String::new(), |time| time.to_string()));
    line
}

fn client_message(message: &ClientMessage<'_>) -> String {
    let ClientMessage { store_id, direction, qos, state, packet_id, .. } = message;
    let mut line = format!("  {store_id} {direction:?} q{} {state:?} packet={packet_id}", *qos as u8);
    line += if message.retain { " retain" } else { "" };
    line += if message.dup { " dup" } else { "" };
    append(&mut line, "properties", properties(message.properties));
    write!(line, " of {}", text(message.client_id)).expect("a String takes all");
    line
}

fn render_subscription(subscription: &Subscription<'_>) -> String {
    let Subscription { client_id, filter, qos, options, identifier } = *subscription;
    let mut line = format!("subscription {} {} q{}", text(client_id), text(filter), qos as u8);
    append(&mut line, "options", number(options));
    append(&mut line, "identifier", number(identifier));
    line
}

fn properties(properties: Properties<'_>) -> String {
    let all: Vec<Property<'_>> = properties.iter().collect();
    if all.is_empty() { String::new() } else { format!("{all:?}") }
}

fn append(line: &mut String, name: &str, value: impl AsRef<str>) {
    if !value.as_ref().is_empty() {
        write!(line, " {name}={}", value.as_ref()).expect("a String takes all");
    }
}

fn number(value: impl Into<i64>) -> String {
    let value = value.into();
    if value == 0 { String::new() } else { value.to_string() }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
