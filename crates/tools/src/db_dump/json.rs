//! A database as one JSON object, laid out as Mosquitto's library does it.

use std::io::{self, Write};

use base64ct::{Base64, Encoding};
use midge_codec::Property;
use midge_mosquitto_db::{BaseMessage, Chunk, Client, ClientMessage, Content, SessionExpiry, Subscription, until_nul};

use super::Dump;
use super::text::{hex, subscription_identifier};

/// Keeps what it is shown, as the lists of the object are not in the order of the file.
pub(super) struct Json<'a, W> {
    out: &'a mut W,
    is_mosquittos: bool,
    base_messages: Vec<String>,
    clients: Vec<String>,
    client_messages: Vec<String>,
    retained: Vec<String>,
    subscriptions: Vec<String>,
}

impl<'a, W> Json<'a, W> {
    /// `is_mosquittos`: with the fault that scripts may have come to terms with.
    pub(super) fn new(out: &'a mut W, is_mosquittos: bool) -> Self {
        let (base_messages, clients, client_messages) = (Vec::new(), Vec::new(), Vec::new());
        let (retained, subscriptions) = (Vec::new(), Vec::new());
        Self { out, is_mosquittos, base_messages, clients, client_messages, retained, subscriptions }
    }

    fn client_message(&self, message: &ClientMessage<'_>) -> String {
        let identifier = subscription_identifier(message);
        // Mosquitto's writes the Subscription Identifier twice, and does not say which message it is.
        let store_id = if self.is_mosquittos { identifier.into() } else { message.store_id };
        let retain_dup = u8::from(message.retain) << 4 | u8::from(message.dup);
        entry(&[
            ("clientid", text(message.client_id)),
            ("storeid", store_id.to_string()),
            ("mid", message.packet_id.to_string()),
            ("qos", (message.qos as u8).to_string()),
            ("state", (message.state as u8).to_string()),
            ("retain-dup", retain_dup.to_string()),
            ("direction", (message.direction as u8).to_string()),
            ("subscription-identifier", identifier.to_string()),
        ])
    }
}

impl<W: Write> Dump for Json<'_, W> {
    fn chunk(&mut self, chunk: &Chunk<'_>) -> io::Result<()> {
        match chunk.content {
            Content::BaseMessage(message) => self.base_messages.push(base_message(&message)),
            Content::Client(client) => self.clients.push(self::client(&client)),
            Content::ClientMessage(message) => {
                let message = self.client_message(&message);
                self.client_messages.push(message);
            }
            Content::Subscription(subscription) => self.subscriptions.push(self::subscription(&subscription)),
            Content::Retained(retained) => {
                self.retained.push(entry(&[("storeid", retained.store_id.to_string())]));
            }
            Content::Config(_) | Content::Unknown => {}
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let fields = [
            ("base-messages", list(&self.base_messages)),
            ("clients", list(&self.clients)),
            ("client-messages", list(&self.client_messages)),
            ("retained-messages", list(&self.retained)),
            ("subscriptions", list(&self.subscriptions)),
        ];
        writeln!(self.out, "{}", object(1, &fields))
    }
}

fn base_message(message: &BaseMessage<'_>) -> String {
    let mut fields = vec![
        ("storeid", message.store_id.to_string()),
        ("expiry-time", message.expiry_time_s.to_string()),
        ("source-mid", message.source_packet_id.to_string()),
        ("source-port", message.source_port.to_string()),
        ("qos", (message.qos as u8).to_string()),
        ("retain", u8::from(message.retain).to_string()),
        ("topic", text(message.topic)),
    ];
    for (name, value) in [("clientid", message.source_id), ("username", message.source_username)] {
        if !value.is_empty() {
            fields.push((name, text(value)));
        }
    }
    if !message.payload.is_empty() {
        fields.push(("payload", quoted(&Base64::encode_string(message.payload))));
    }
    if !message.properties.is_empty() {
        let properties: Vec<_> = message.properties.iter().filter_map(property).collect();
        fields.push(("properties", list(&properties)));
    }
    entry(&fields)
}

/// `None` for those that no stored message has.
fn property(property: Property<'_>) -> Option<String> {
    let name = property.name();
    let value = match property {
        Property::PayloadFormatIndicator(value) => value.to_string(),
        Property::ContentType(value) => quoted(value),
        Property::ResponseTopic(value) => quoted(value),
        Property::CorrelationData(value) => quoted(&hex(value)),
        Property::UserProperty(key, value) => {
            let fields = [("identifier", quoted(name)), ("name", quoted(key)), ("value", quoted(value))];
            return Some(object(PROPERTY_DEPTH, &fields));
        }
        _ => return None,
    };
    Some(object(PROPERTY_DEPTH, &[("identifier", quoted(name)), ("value", value)]))
}

fn client(client: &Client<'_>) -> String {
    let expiry = client.expiry.unwrap_or(SessionExpiry { time_s: 0, interval_s: 0 });
    let mut fields = vec![("clientid", text(client.id))];
    if !client.username.is_empty() {
        fields.push(("username", text(client.username)));
    }
    fields.extend([
        ("session-expiry-time", expiry.time_s.to_string()),
        ("session-expiry-interval", expiry.interval_s.to_string()),
        ("last-mid", client.last_packet_id.to_string()),
        ("listener-port", client.listener_port.to_string()),
    ]);
    entry(&fields)
}

fn subscription(subscription: &Subscription<'_>) -> String {
    entry(&[
        ("clientid", text(subscription.client_id)),
        ("topic", text(subscription.filter)),
        ("qos", (subscription.qos as u8).to_string()),
        ("options", subscription.options.to_string()),
        ("identifier", subscription.identifier.to_string()),
    ])
}

/// An object in a list of the outermost one.
fn entry(fields: &[(&str, String)]) -> String {
    object(3, fields)
}

/// `depth`: how many lists and objects it is in, with itself.
fn object(depth: usize, fields: &[(&str, String)]) -> String {
    let indent = "\t".repeat(depth);
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{indent}\"{name}\":\t{value}")).collect();
    format!("{{\n{}\n{}}}", fields.join(",\n"), &indent[1..])
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

fn text(bytes: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(until_nul(bytes)))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Of a property in the list of a message.
const PROPERTY_DEPTH: usize = 5;
