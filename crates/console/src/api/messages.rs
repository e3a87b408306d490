//! Retained Messages, and messages that are published from here.

use base64ct::{Base64, Encoding};
use hyper::StatusCode;
use midge_codec::topic_matches;
use serde_json::{Value, json};

use super::{filter_of, is_filter, is_topic, page};
use crate::answer::Refusal;
use crate::routes::{Call, Outcome};
use crate::source::{Publication, PublishRefusal, Retained, SHOWN_PAYLOAD_BYTES};

/// `GET retained`
pub(crate) fn retained(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let filter = filter_of(call)?;
    page(
        call,
        |at| call.state.source.retained(at),
        |message| {
            let is_wanted = topic_matches(&filter, &message.topic) && call.may_receive(&message.topic);
            is_wanted.then(|| describe(&message))
        },
    )
}

fn describe(message: &Retained) -> Value {
    let payload = message.payload.as_deref().unwrap_or_default();
    let shown = &payload[..payload.len().min(SHOWN_PAYLOAD_BYTES)];
    json!({
        "topic": message.topic,
        "bytes": message.bytes,
        "qos": message.qos,
        "payload_base64": Base64::encode_string(shown),
        "truncated": (shown.len() as u64) < message.bytes,
        "stored_ms": message.stored_ms,
        "expires_ms": message.expires_ms,
        "publisher": message.publisher,
    })
}

/// `POST retained/delete`
pub(crate) fn delete_retained(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let filter = call.body["filter"].as_str();
    let topics = call.body["topics"].as_array();
    let is_dry_run = call.body["dry_run"].as_bool().unwrap_or(false);
    let found = match (filter, topics) {
        (Some(filter), None) if is_filter(filter) => topics_of(call, filter)?,
        (Some(filter), None) => return Err(Refusal::parameter(format!("'{filter}' is no Topic Filter."))),
        (None, Some(topics)) => {
            let topics = topics.iter().filter_map(Value::as_str).map(str::to_owned);
            topics.filter(|topic| call.state.source.is_retained(topic)).collect()
        }
        _ => return Err(Refusal::parameter("Either \"filter\" or \"topics\" says what is meant.")),
    };
    let may: Vec<&String> = found.iter().filter(|topic| call.may_publish(topic)).collect();
    let mut deleted = 0;
    if !is_dry_run {
        let clear = |topic: &&String| {
            let clear = Publication { topic: (*topic).clone(), qos: 1, retain: true, ..Publication::default() };
            call.state.source.publish(&clear)
        };
        let broken_off = may.iter().map(clear).inspect(|done| deleted += u64::from(done.is_ok())).find_map(Result::err);
        let what = filter.map_or_else(|| format!("{} topics", found.len()), |filter| format!("'{filter}'"));
        let told = format!("deleted {deleted} retained messages of {what}");
        call.audit("console_retained_delete", (None, filter), &told);
        broken_off.map_or(Ok(()), |why| Err(refused(why)))?;
        call.settle()?;
    }
    let sample: Vec<&&String> = may.iter().take(SAMPLE).collect();
    Ok(Outcome::Json(json!({"count": may.len(), "sample": sample, "deleted": deleted})))
}

/// All topics with a Retained Message that match, apart from those of the server itself.
fn topics_of(call: &Call<'_>, filter: &str) -> Result<Vec<String>, Refusal> {
    let (mut topics, mut at) = (Vec::new(), String::new());
    loop {
        let portion = call.state.source.retained(&at).map_err(|_| super::wrong_cursor())?;
        let found = portion.items.into_iter().map(|(message, _)| message.topic);
        topics.extend(found.filter(|topic| !topic.starts_with("$SYS/") && topic_matches(filter, topic)));
        if topics.len() > DELETED_MAX {
            let message = format!("More than {DELETED_MAX} messages match. Delete them in parts.");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", message));
        }
        match portion.next {
            Some(next) => at = next,
            None => return Ok(topics),
        }
    }
}

/// `POST publish`
pub(crate) fn publish(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let publication = read(&call.body)?;
    if !call.may_publish(&publication.topic) {
        return Err(Refusal::forbidden(format!("You may not publish to '{}'.", publication.topic)));
    }
    let matched = call.state.source.publish(&publication).map_err(refused)?;
    let retained = if publication.retain { ", retained" } else { "" };
    let what = format!("published {} bytes to '{}'{retained}", publication.payload.len(), publication.topic);
    call.audit("console_publish", (None, Some(&publication.topic)), &what);
    call.settle()?;
    Ok(Outcome::Json(json!({"matched": matched})))
}

fn read(body: &Value) -> Result<Publication, Refusal> {
    let topic = body["topic"].as_str().unwrap_or_default().to_owned();
    if !is_topic(&topic) {
        return Err(Refusal::parameter(format!("'{topic}' is no Topic Name.")));
    }
    let payload = match (body["payload"].as_str(), body["payload_base64"].as_str()) {
        (Some(_), Some(_)) => return Err(Refusal::parameter("Either \"payload\" or \"payload_base64\" does.")),
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => decode("payload_base64", encoded)?,
        (None, None) => Vec::new(),
    };
    let properties = &body["properties"];
    let text = |name: &str| properties[name].as_str().map(str::to_owned);
    let response_topic = text("response_topic");
    if let Some(topic) = response_topic.as_deref().filter(|topic| !is_topic(topic)) {
        return Err(Refusal::parameter(format!("The response topic '{topic}' is no Topic Name.")));
    }
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    let user_properties: Vec<_> =
        properties["user_properties"].as_array().into_iter().flatten().filter_map(pair).collect();
    let content_type = text("content_type");
    let correlation_data = match properties["correlation_data_base64"].as_str() {
        Some(encoded) => Some(decode("correlation_data_base64", encoded)?),
        None => None,
    };
    let texts = user_properties.iter().flat_map(|(key, value)| [key, value]).chain(&content_type);
    let lengths = texts.map(String::len).chain(correlation_data.as_ref().map(Vec::len));
    if lengths.max().is_some_and(|longest| longest > usize::from(u16::MAX)) {
        return Err(Refusal::parameter("A property has more than 65535 bytes."));
    }
    Ok(Publication {
        topic,
        payload,
        qos: body["qos"].as_u64().unwrap_or(0) as u8,
        retain: body["retain"].as_bool().unwrap_or(false),
        content_type,
        response_topic,
        correlation_data,
        message_expiry_interval_s: properties["message_expiry_interval_s"].as_u64().map(|seconds| seconds as u32),
        user_properties,
    })
}

/// The bytes that the parameter of this name holds.
fn decode(name: &str, encoded: &str) -> Result<Vec<u8>, Refusal> {
    Base64::decode_vec(encoded).map_err(|_| Refusal::parameter(format!("\"{name}\" is not base64 with padding.")))
}

fn refused(PublishRefusal(why): PublishRefusal) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "refused", why)
}

/// Topics that are shown of what would be deleted.
const SAMPLE: usize = 20;

/// Messages that are deleted at once: a few megabytes of names.
const DELETED_MAX: usize = 100_000;
