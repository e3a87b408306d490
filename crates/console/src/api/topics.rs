//! Topics and their last hour.

use base64ct::{Base64, Encoding};
use midge_codec::topic_matches;
use serde_json::{Value, json};

use super::{filter_of, is_topic, page_of, wrong_cursor};
use crate::answer::Refusal;
use crate::history::Point;
use crate::routes::{Call, Outcome};
use crate::source::SHOWN_PAYLOAD_BYTES;

/// `GET topics`: first those of the history, by name, then others with a Retained Message.
pub(crate) fn list(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let (filter, limit) = (filter_of(call)?, call.limit());
    let cursor = call.cursor().unwrap_or("h");
    call.state.refresh();
    let mut items = Vec::new();
    let mut place = match cursor.split_at_checked(1) {
        Some(("h", after)) => {
            let observations = call.state.observations();
            for (topic, newest, messages) in observations.history.topics_after(after) {
                if !topic_matches(&filter, topic) || !call.may_receive(topic) {
                    continue;
                }
                let shown = newest.map(|point| &point.payload[..point.payload.len().min(SHOWN_PAYLOAD_BYTES)]);
                items.push(json!({
                    "topic": topic,
                    "last_ms": newest.map(|point| point.time_ms),
                    "messages": messages,
                    "retained": call.state.source.is_retained(topic),
                    "payload_base64": shown.map(Base64::encode_string),
                    "payload_bytes": newest.map(|point| point.payload_bytes),
                }));
                if items.len() == limit {
                    return Ok(page_of(items, Some(&format!("h{topic}"))));
                }
            }
            String::new()
        }
        Some(("r", place)) => place.to_owned(),
        _ => return Err(wrong_cursor()),
    };
    for _ in 0..PORTIONS_MAX {
        let portion = call.state.source.retained(&place).map_err(|_| wrong_cursor())?;
        for (message, behind) in portion.items {
            let topic = &message.topic;
            let is_wanted = topic_matches(&filter, topic) && call.may_receive(topic);
            if !is_wanted || call.state.observations().history.knows(topic) {
                continue;
            }
            let shown = message.payload.as_deref().map(Base64::encode_string);
            items.push(json!({
                "topic": topic,
                "last_ms": message.stored_ms,
                "messages": 0,
                "retained": true,
                "payload_base64": shown,
                "payload_bytes": message.bytes,
            }));
            if items.len() == limit {
                return Ok(page_of(items, Some(&format!("r{behind}"))));
            }
        }
        match portion.next {
            Some(next) => place = next,
            None => return Ok(page_of(items, None)),
        }
    }
    Ok(page_of(items, Some(&format!("r{place}"))))
}

/// `GET history`
pub(crate) fn history(call: &Call<'_>) -> Result<Outcome, Refusal> {
    let topic = call.text("topic").unwrap_or_default();
    if !is_topic(topic) {
        return Err(Refusal::parameter(format!("'{topic}' is no Topic Name.")));
    }
    if !call.may_receive(topic) {
        return Err(Refusal::forbidden(format!("You may not see what is published to '{topic}'.")));
    }
    call.state.refresh();
    let observations = call.state.observations();
    let since_ms = call.number("since_ms").unwrap_or(0);
    let points = observations.history.points(topic, since_ms);
    let described: Vec<Value> = match call.text("field") {
        Some(path) => {
            // Half a number is another number.
            let whole = points.filter(|point| !point.is_truncated());
            whole.filter_map(|point| Some(json!([point.time_ms, number_at(&point.payload, path)?]))).collect()
        }
        None => points.map(describe).collect(),
    };
    let from_ms = observations.history.complete_from_ms();
    Ok(Outcome::Json(json!({
        "topic": topic,
        "points": described,
        "from_ms": from_ms,
        "complete": since_ms >= from_ms,
    })))
}

fn describe(point: &Point) -> Value {
    json!({
        "time_ms": point.time_ms,
        "payload_base64": Base64::encode_string(&point.payload),
        "payload_bytes": point.payload_bytes,
        "truncated": point.is_truncated(),
        "count": point.count,
    })
}

/// The number at a path such as `a.b[0].c`; `true` and `false` are 1 and 0, and text that is a number is that number.
fn number_at(payload: &[u8], path: &str) -> Option<f64> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let mut at = &value;
    for part in
        path.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty() && *part != "$")
    {
        at = match at {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => at.get(part)?,
        };
    }
    match at {
        Value::Number(number) => number.as_f64(),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

const PORTIONS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_path() {
        let check = |payload: &str, path: &str, expected: Option<f64>| {
            assert_eq!(number_at(payload.as_bytes(), path), expected, "{path} of {payload}");
        };
        check("21.5", "", Some(21.5));
        check(r#"{"a":{"b":[{"c":7}]}}"#, "a.b[0].c", Some(7.0));
        check(r#"{"a":{"b":[{"c":7}]}}"#, "$.a.b.0.c", Some(7.0));
        check(r#"{"on":true}"#, "on", Some(1.0));
        check(r#"{"t":" 3.5 "}"#, "t", Some(3.5));
        check(r#"{"t":"NaN"}"#, "t", None);
        check(r#"{"t":{}}"#, "t", None);
        check(r#"{"t":1}"#, "x", None);
        check("[1,2]", "[2]", None);
        check("no json", "", None);
    }
}
