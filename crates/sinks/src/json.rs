//! JSON for web services and files: `{"time":"2024-05-01T12:00:00.000000256Z","topic":"a/b","payload":"21.5"}`.
//!
//! The time is that of receipt. No two messages have the same, so it tells one from another, and the same from the same. A payload
//! that is no text stands under `payload_base64` instead.

use crate::{Format, LeftAlone, Message};
use base64ct::{Base64, Encoding};
use std::io::Write;

/// A list of objects, for web services.
pub struct JsonBatch;

/// An object in each line, for files.
pub struct JsonLines;

impl Format for JsonBatch {
    fn append(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), LeftAlone> {
        write_object(message, out);
        out.extend_from_slice(BETWEEN);
        Ok(())
    }

    fn body(&self, records: &[u8], body: &mut Vec<u8>) {
        body.push(b'[');
        body.extend_from_slice(records.strip_suffix(BETWEEN).unwrap_or(records));
        body.extend_from_slice(b"]\n");
    }
}

const BETWEEN: &[u8] = b",\n";

impl Format for JsonLines {
    fn append(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), LeftAlone> {
        write_object(message, out);
        out.push(b'\n');
        Ok(())
    }
}

fn write_object(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    write_time(message.received_ns, out);
    out.extend_from_slice(b"\",\"topic\":");
    write_text(message.topic, out);
    match std::str::from_utf8(message.payload) {
        Ok(text) => {
            out.extend_from_slice(b",\"payload\":");
            write_text(text, out);
        }
        Err(_) => {
            out.extend_from_slice(b",\"payload_base64\":\"");
            out.extend_from_slice(Base64::encode_string(message.payload).as_bytes());
            out.push(b'"');
        }
    }
    out.push(b'}');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

fn write_time(ns: u64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z");
}

/// Of the Gregorian calendar, counted in years that begin with March.
fn date_of(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The time of receipt in a line that a [`JsonLines`] has written, if it is whole.
pub fn time_of_line(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let (text, _) = line.strip_prefix("{\"time\":\"")?.split_once('"')?;
    crate::time::of_text(text).and_then(|ns| u64::try_from(ns).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_batch_is_a_list_and_a_file_has_lines() {
        let one = Message { topic: "a/\"b", payload: b"21.5\n", received_ns: 1_714_564_800_000_000_256 };
        let other = Message { topic: "c", payload: &[0xff, 0], received_ns: 951_868_799_000_000_000 };
        let first = r#"{"time":"2024-05-01T12:00:00.000000256Z","topic":"a/\"b","payload":"21.5\n"}"#;
        let second = r#"{"time":"2000-02-29T23:59:59.000000000Z","topic":"c","payload_base64":"/wA="}"#;
        check(&mut JsonBatch, &[one, other], &format!("[{first},\n{second}]\n"));
        check(&mut JsonLines, &[one, other], &format!("{first}\n{second}\n"));
    }

    #[track_caller]
    fn check(format: &mut impl Format, messages: &[Message<'_>], expected: &str) {
        let (mut records, mut body) = (Vec::new(), Vec::new());
        messages.iter().for_each(|message| format.append(message, &mut records).expect("a record"));
        format.body(&records, &mut body);
        assert_eq!(String::from_utf8_lossy(&body), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(topic in ".{0,20}", payload in prop::collection::vec(any::<u8>(), 0..40), received_ns in 0..4_000_000_000_000_000_000_u64) {
            let mut line = Vec::new();
            JsonLines.append(&Message { topic: &topic, payload: &payload, received_ns }, &mut line).expect("a record");
            prop_assert_eq!(time_of_line(&line), Some(received_ns));
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let json: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
            prop_assert_eq!(json["topic"].as_str(), Some(&*topic));
            let read = match json["payload_base64"].as_str() {
                Some(base64) => Base64::decode_vec(base64).expect("base64"),
                None => json["payload"].as_str().expect("a text").as_bytes().to_vec(),
            };
            prop_assert_eq!(read, payload);
        }
    }
}
