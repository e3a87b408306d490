//! Lines of JSON: one object for what the recording is of, and one for each entry.
//!
//! Payloads and Correlation Data that are no text are Base64 under names of their own. People write such lines too, so what is
//! left out has a usual value, and a payload may be any JSON.

use base64ct::{Base64, Encoding};
use midge_codec::{Properties, PropertiesBuf, Property, QoS, check_topic_name};
use serde_json::{Map, Value};

use super::{Entry, Origin, Recorded};
use crate::json;

/// The version of the format.
pub(super) const VERSION: u64 = 1;

/// The member by which the first line is known.
const NAME: &str = "midge-recording";

/// What a line holds.
pub(super) enum Line {
    Origin(Origin),
    /// Of a version that is not known.
    Foreign(u64),
    Entry(Entry),
}

pub(super) fn push_origin(origin: &Origin, out: &mut Vec<u8>) {
    let mut line = format!("{{\"{NAME}\":{VERSION},\"start\":{},\"server\":", seconds(origin.start_us));
    json::push_string(&origin.server, &mut line);
    line.push_str(",\"filters\":[");
    for (index, filter) in origin.filters.iter().enumerate() {
        line.push_str(if index == 0 { "" } else { "," });
        json::push_string(filter, &mut line);
    }
    line.push_str("]}\n");
    out.extend_from_slice(line.as_bytes());
}

pub(super) fn push(entry: &Entry, out: &mut Vec<u8>) {
    let mut line = format!("{{\"time\":{}", seconds(entry.time_us()));
    match entry {
        Entry::Message { message, .. } => push_message(message, &mut line),
        Entry::Gap { lasted_us, .. } => line.push_str(&format!(",\"gap\":{}", seconds(*lasted_us))),
        Entry::End { .. } => line.push_str(",\"end\":true"),
    }
    line.push_str("}\n");
    out.extend_from_slice(line.as_bytes());
}

fn push_message(message: &Recorded, line: &mut String) {
    line.push_str(",\"topic\":");
    json::push_string(&message.topic, line);
    line.push_str(&format!(",\"qos\":{},\"retain\":{}", message.qos as u8, message.retain));
    if let Ok(properties) = Properties::of_publish(&message.properties)
        && !properties.is_empty()
    {
        line.push_str(",\"properties\":{");
        push_properties(properties, line);
        line.push('}');
    }
    line.push(',');
    push_bytes("payload", &message.payload, line);
}

fn push_properties(properties: Properties<'_>, line: &mut String) {
    let mut separator = "";
    let mut pairs = String::new();
    for property in properties.iter() {
        if let Property::UserProperty(name, value) = property {
            pairs.push_str(if pairs.is_empty() { "[" } else { ",[" });
            json::push_string(name, &mut pairs);
            pairs.push(',');
            json::push_string(value, &mut pairs);
            pairs.push(']');
            continue;
        }
        line.push_str(std::mem::replace(&mut separator, ","));
        let name = property.name();
        match property {
            Property::PayloadFormatIndicator(value) => line.push_str(&format!("\"{name}\":{value}")),
            Property::MessageExpiryInterval(value) => line.push_str(&format!("\"{name}\":{value}")),
            Property::ContentType(value) | Property::ResponseTopic(value) => push_bytes(name, value.as_bytes(), line),
            Property::CorrelationData(value) => push_bytes(name, value, line),
            // A recorded message has no others.
            _ => {}
        }
    }
    if !pairs.is_empty() {
        line.push_str(&format!("{separator}\"user-properties\":[{pairs}]"));
    }
}

/// A member with these bytes, under a name that says so where they are no text.
fn push_bytes(name: &str, bytes: &[u8], line: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            line.push_str(&format!("\"{name}\":"));
            json::push_string(text, line);
        }
        Err(_) => line.push_str(&format!("\"{name}-base64\":\"{}\"", Base64::encode_string(bytes))),
    }
}

/// With all digits that matter.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / MICROSECONDS, us % MICROSECONDS)
}

/// Reads a line.
///
/// # Errors
/// With the end of a message for the user.
pub(super) fn line(text: &[u8]) -> Result<Line, String> {
    let value = serde_json::from_slice(text).map_err(|_| "is no JSON".to_owned())?;
    let Value::Object(members) = value else { return Err("is no JSON object".to_owned()) };
    if let Some(version) = members.get(NAME) {
        return Ok(match version.as_u64() {
            Some(VERSION) => Line::Origin(origin(&members)),
            other => Line::Foreign(other.unwrap_or_default()),
        });
    }
    let time_us = members.get("time").map_or(Ok(0), |time| us(time).ok_or("has a 'time' that is no number"))?;
    let entry = match (members.get("gap"), members.contains_key("end")) {
        (Some(gap), _) => Entry::Gap { time_us, lasted_us: us(gap).ok_or("has a 'gap' that is no number")? },
        (None, true) => Entry::End { time_us },
        (None, false) => Entry::Message { time_us, message: message(&members)? },
    };
    Ok(Line::Entry(entry))
}

fn origin(members: &Map<String, Value>) -> Origin {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Origin {
        start_us: members.get("start").and_then(us).unwrap_or_default(),
        server: members.get("server").map(text).unwrap_or_default(),
        filters: members.get("filters").and_then(Value::as_array).into_iter().flatten().map(text).collect(),
    }
}

fn message(members: &Map<String, Value>) -> Result<Recorded, String> {
    let topic = members.get("topic").and_then(Value::as_str).ok_or("has no 'topic'")?;
    check_topic_name(topic).map_err(|_| format!("has the topic '{}', which is none", topic.escape_debug()))?;
    let qos = members.get("qos").map_or(Some(0), Value::as_u64).and_then(|qos| QoS::from_u8(qos.try_into().ok()?));
    let properties = members.get("properties").and_then(Value::as_object).map(properties).transpose()?;
    Ok(Recorded {
        topic: topic.to_owned(),
        qos: qos.ok_or("has a 'qos' that is not 0, 1 or 2")?,
        retain: members.get("retain").and_then(Value::as_bool).unwrap_or(false),
        properties: properties.unwrap_or_default(),
        payload: bytes("payload", members)?.unwrap_or_default(),
    })
}

fn properties(members: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let mut properties = PropertiesBuf::new();
    let number = |name: &str| members.get(name).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok());
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if let Some(indicator) = number("payload-format-indicator") {
        properties.push(Property::PayloadFormatIndicator(indicator.min(1) as u8));
    }
    if let Some(interval_s) = number("message-expiry-interval") {
        properties.push(Property::MessageExpiryInterval(interval_s));
    }
    if let Some(content_type) = text("content-type") {
        properties.push(Property::ContentType(content_type));
    }
    if let Some(topic) = text("response-topic") {
        properties.push(Property::ResponseTopic(topic));
    }
    if let Some(data) = bytes("correlation-data", members)? {
        properties.push(Property::CorrelationData(&data));
    }
    let pairs = members.get("user-properties").and_then(Value::as_array).into_iter().flatten();
    for pair in pairs.filter_map(Value::as_array) {
        if let [Value::String(name), Value::String(value)] = pair.as_slice() {
            properties.push(Property::UserProperty(name, value));
        }
    }
    let raw = properties.as_properties().raw();
    Properties::of_publish(raw).map_err(|_| "has properties that no message can have")?;
    Ok(raw.to_vec())
}

/// The bytes of a member: of its text, of its Base64, or of the JSON that it is.
fn bytes(name: &str, members: &Map<String, Value>) -> Result<Option<Vec<u8>>, String> {
    if let Some(encoded) = members.get(&format!("{name}-base64")) {
        let decoded = encoded.as_str().and_then(|text| Base64::decode_vec(text).ok());
        return decoded.map(Some).ok_or_else(|| format!("has a '{name}-base64' that is none"));
    }
    Ok(match members.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.as_bytes().to_vec()),
        Some(other) => Some(other.to_string().into_bytes()),
    })
}

/// Seconds as microseconds.
fn us(value: &Value) -> Option<u64> {
    let seconds = value.as_f64().filter(|seconds| (0.0..SECONDS_MAX).contains(seconds))?;
    Some((seconds * MICROSECONDS as f64).round() as u64)
}

const MICROSECONDS: u64 = 1_000_000;

/// So that microseconds are exact in a float.
const SECONDS_MAX: f64 = 9e9;
