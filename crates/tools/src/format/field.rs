//! Fields: what a letter behind `%` stands for.

use super::layout::Layout;
use super::{Arrival, json_message};

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Percent,
    TopicAlias,
    ContentType,
    CorrelationData,
    MessageExpiryInterval,
    PayloadFormatIndicator,
    /// The time as ISO 8601 has it.
    DateTime,
    /// All as JSON, the payload a string.
    Json,
    /// All as JSON, of which the payload is a part.
    JsonPayload,
    PayloadLength,
    PacketId,
    UserProperties,
    Payload,
    Qos,
    ResponseTopic,
    Retain,
    SubscriptionIdentifier,
    Topic,
    /// Seconds since 1970, with nanoseconds.
    UnixTime,
    LowerHexadecimal,
    UpperHexadecimal,
    /// The payload is a number of 4 bytes.
    Float,
    /// The payload is a number of 8 bytes.
    Double,
}

impl Field {
    /// The field with this letter.
    pub(super) fn named(letter: u8) -> Option<Field> {
        Some(match letter {
            b'%' => Field::Percent,
            b'A' => Field::TopicAlias,
            b'C' => Field::ContentType,
            b'D' => Field::CorrelationData,
            b'd' => Field::Double,
            b'E' => Field::MessageExpiryInterval,
            b'F' => Field::PayloadFormatIndicator,
            b'f' => Field::Float,
            b'I' => Field::DateTime,
            b'j' => Field::Json,
            b'J' => Field::JsonPayload,
            b'l' => Field::PayloadLength,
            b'm' => Field::PacketId,
            b'P' => Field::UserProperties,
            b'p' => Field::Payload,
            b'q' => Field::Qos,
            b'R' => Field::ResponseTopic,
            b'r' => Field::Retain,
            b'S' => Field::SubscriptionIdentifier,
            b't' => Field::Topic,
            b'U' => Field::UnixTime,
            b'x' => Field::LowerHexadecimal,
            b'X' => Field::UpperHexadecimal,
            _ => return None,
        })
    }

    /// Appends the field of a message.
    ///
    /// # Errors
    /// With a complaint, where the payload is not what the field wants.
    pub(super) fn render(self, layout: &Layout, arrival: &Arrival<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let publish = arrival.publish;
        let properties = publish.properties.raw;
        let payload = publish.payload;
        match self {
            Field::Percent => out.push(b'%'),
            Field::TopicAlias => push_number(properties.topic_alias(), layout, out),
            Field::MessageExpiryInterval => push_number(properties.message_expiry_interval_s(), layout, out),
            Field::PayloadFormatIndicator => push_number(properties.payload_format_indicator(), layout, out),
            Field::SubscriptionIdentifier => push_number(properties.subscription_identifier(), layout, out),
            Field::PayloadLength => push_number(Some(payload.len()), layout, out),
            Field::PacketId => push_number(Some(publish.packet_id.map_or(0, |id| id.get())), layout, out),
            Field::Qos => out.push(b'0' + publish.qos as u8),
            Field::Retain => out.push(b'0' + u8::from(publish.retain)),
            Field::DateTime => layout.push_text(&arrival.moment.local(b"%FT%T%z"), out),
            Field::UnixTime => {
                let moment = arrival.moment;
                out.extend_from_slice(format!("{}.{:09}", moment.seconds, moment.nanoseconds).as_bytes());
            }
            Field::Topic => push_text(publish.topic.as_bytes(), layout, arrival, out),
            Field::ContentType => match properties.content_type() {
                Some(content_type) => push_text(content_type.as_bytes(), layout, arrival, out),
                None => layout.push_blank(out),
            },
            Field::ResponseTopic => {
                let topic = properties.response_topic().unwrap_or_default();
                if !topic.is_empty() {
                    push_text(topic.as_bytes(), layout, arrival, out);
                }
            }
            Field::CorrelationData => arrival.push_foreign(properties.correlation_data().unwrap_or_default(), out),
            Field::UserProperties => {
                let pairs = properties.user_properties().map(|(name, value)| format!("{name}:{value}"));
                arrival.push_foreign(pairs.collect::<Vec<_>>().join(" ").as_bytes(), out);
            }
            Field::Payload => {
                let mut laid_out = Vec::new();
                layout.push_payload(payload, &mut laid_out);
                arrival.push_foreign(&laid_out, out);
            }
            Field::LowerHexadecimal => layout.push_hexadecimal(payload, b"0123456789abcdef", out),
            Field::UpperHexadecimal => layout.push_hexadecimal(payload, b"0123456789ABCDEF", out),
            Field::Float => push_float(payload.try_into().map(f32::from_ne_bytes).ok(), "float", layout, out)?,
            Field::Double => push_float(payload.try_into().map(f64::from_ne_bytes).ok(), "double", layout, out)?,
            Field::Json => arrival.push_foreign(json_message::escaped(arrival).as_bytes(), out),
            Field::JsonPayload => arrival.push_foreign(json_message::embedded(arrival)?.as_bytes(), out),
        }
        Ok(())
    }
}

fn push_number(number: Option<impl ToString>, layout: &Layout, out: &mut Vec<u8>) {
    match number {
        Some(number) => layout.push_number(&number.to_string(), out),
        None => layout.push_blank(out),
    }
}

fn push_text(text: &[u8], layout: &Layout, arrival: &Arrival<'_>, out: &mut Vec<u8>) {
    let mut laid_out = Vec::new();
    layout.push_text(text, &mut laid_out);
    arrival.push_foreign(&laid_out, out);
}

fn push_float(number: Option<impl Into<f64>>, kind: &str, layout: &Layout, out: &mut Vec<u8>) -> Result<(), String> {
    let number: f64 = number.ok_or_else(|| format!("requested {kind} printing, but non-{kind} data received"))?.into();
    if number.is_finite() {
        layout.push_number(&format!("{number:.*}", layout.precision.unwrap_or(6)), out);
    } else {
        // Zeros before these would make no number.
        let layout = Layout { has_zeros: false, ..*layout };
        layout.push_number(&number.to_string().to_ascii_lowercase(), out);
    }
    Ok(())
}
