//! `%j` and `%J`: a message as one JSON object.

use midge_codec::{Properties, Property, QoS};

use super::Arrival;
use crate::json;

/// With the payload as a string. What is no text of it is lost, as JSON has no word for bytes.
pub(super) fn escaped(arrival: &Arrival<'_>) -> String {
    let payload = arrival.publish.payload;
    object(arrival, |object| match payload {
        [] => object.push_str("null"),
        _ => json::push_string(&String::from_utf8_lossy(payload), object),
    })
}

/// With the payload, which must be JSON itself, as a part of it.
///
/// # Errors
/// With a complaint where it is not.
pub(super) fn embedded(arrival: &Arrival<'_>) -> Result<String, String> {
    let publish = arrival.publish;
    let complaint = || format!("Error: Message payload is not valid JSON on topic {}.", publish.topic);
    let payload = if publish.payload.is_empty() { b"null" } else { publish.payload };
    let payload = json::text(payload).ok_or_else(complaint)?;
    Ok(object(arrival, |object| json::push_compact(payload, object)))
}

fn object(arrival: &Arrival<'_>, push_payload: impl FnOnce(&mut String)) -> String {
    let publish = arrival.publish;
    let mut object = String::from("{\"tst\":");
    json::push_string(&arrival.moment.iso_8601(), &mut object);
    object.push_str(",\"topic\":");
    json::push_string(publish.topic, &mut object);
    let (qos, retain, length) = (publish.qos as u8, publish.retain, publish.payload.len());
    object.push_str(&format!(",\"qos\":{qos},\"retain\":{retain},\"payloadlen\":{length}"));
    if let Some(packet_id) = publish.packet_id.filter(|_| publish.qos > QoS::AtMostOnce) {
        object.push_str(&format!(",\"mid\":{}", packet_id.get()));
    }
    if !publish.properties.raw.is_empty() {
        object.push_str(",\"properties\":{");
        push_properties(publish.properties.raw, &mut object);
        object.push('}');
    }
    object.push_str(",\"payload\":");
    push_payload(&mut object);
    object.push('}');
    if arrival.is_pretty { json::pretty(&object) } else { object }
}

/// The members of the Properties, in their order; User Properties together, where the first of them stands.
fn push_properties(properties: Properties<'_>, object: &mut String) {
    let mut has_user_properties = false;
    let mut separator = "";
    for property in properties.iter() {
        if matches!(property, Property::UserProperty(..)) && std::mem::replace(&mut has_user_properties, true) {
            continue;
        }
        object.push_str(std::mem::replace(&mut separator, ","));
        let name = property.name();
        match property {
            Property::PayloadFormatIndicator(value) => push_number(name, u32::from(value), object),
            Property::MessageExpiryInterval(value) | Property::SubscriptionIdentifier(value) => {
                push_number(name, value, object);
            }
            Property::ContentType(value) | Property::ResponseTopic(value) => push_text(name, value, object),
            Property::CorrelationData(value) => push_text(name, &String::from_utf8_lossy(value), object),
            Property::TopicAlias(value) => push_number(name, u32::from(value), object),
            Property::UserProperty(..) => push_user_properties(properties, object),
            // A PUBLISH has no others.
            _ => {}
        }
    }
}

fn push_number(name: &str, value: u32, object: &mut String) {
    object.push_str(&format!("\"{name}\":{value}"));
}

fn push_text(name: &str, value: &str, object: &mut String) {
    json::push_string(name, object);
    object.push(':');
    json::push_string(value, object);
}

/// A list, as a name may come more than once.
fn push_user_properties(properties: Properties<'_>, object: &mut String) {
    object.push_str("\"user-properties\":[");
    for (index, (name, value)) in properties.user_properties().enumerate() {
        object.push_str(if index == 0 { "{" } else { ",{" });
        push_text(name, value, object);
        object.push('}');
    }
    object.push(']');
}
