//! How old a retained message is, as far as that can be known.
//!
//! No version of MQTT tells when a message was published. It is known where the message says so itself, or where it has a Message
//! Expiry Interval, of which the server tells what is left, and what there was of it at first is known.

use std::ffi::OsStr;

use midge_codec::Publish;
use serde_json::Value;

use crate::json_path::JsonPath;
use crate::moment::{self, Moment};

/// What tells the age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TimeSource {
    /// The user property of this name has the time of publication.
    UserProperty(String),
    /// This field of a JSON payload has it.
    Field(JsonPath),
    /// All messages had this Message Expiry Interval when they were published, in seconds.
    ExpiryWas(u64),
}

impl TimeSource {
    /// `--time-field`.
    pub(crate) fn field(path: &str) -> Result<TimeSource, String> {
        JsonPath::parse(path).map(TimeSource::Field).map_err(|error| format!("Error: {error}."))
    }

    /// The age in seconds; `None` where it is not known. What is from the future is new.
    pub(crate) fn age_s(&self, publish: &Publish<'_>, now: Moment) -> Option<u64> {
        let published_s = match self {
            TimeSource::UserProperty(name) => {
                let mut pairs = publish.properties.raw.user_properties();
                time_s(pairs.find(|(key, _)| key == name)?.1)?
            }
            TimeSource::Field(path) => {
                let whole = serde_json::from_slice::<Value>(publish.payload).ok()?;
                match path.find(&whole)? {
                    Value::String(text) => time_s(text)?,
                    Value::Number(number) => time_s(&number.to_string())?,
                    _ => return None,
                }
            }
            TimeSource::ExpiryWas(seconds) => {
                let left_s = u64::from(publish.properties.message_expiry_interval_s?);
                return seconds.checked_sub(left_s);
            }
        };
        Some(now.seconds.saturating_sub(published_s))
    }
}

/// A time as people write it into messages, in seconds since 1970: as a number of seconds or of milliseconds, or as RFC 3339
/// has it.
fn time_s(text: &str) -> Option<u64> {
    match text.trim().parse::<f64>() {
        Ok(number) if !(0.0..MILLISECONDS_MAX).contains(&number) => None,
        Ok(number) if number >= MILLISECONDS_MIN => Some((number / 1000.0) as u64),
        Ok(seconds) => Some(seconds as u64),
        Err(_) => moment::rfc_3339_s(text.trim()),
    }
}

/// A length of time, such as `30d` or `1d12h`, in seconds.
///
/// # Errors
/// With the message for the user.
pub(crate) fn duration_s(flag: &str, word: &OsStr) -> Result<u64, String> {
    let word = word.to_string_lossy();
    parse_duration_s(&word)
        .ok_or_else(|| format!("Error: Invalid time '{word}' for {flag}: it is written like 30d, 12h or 1h30m."))
}

fn parse_duration_s(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total_s = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let unit_s = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total_s = total_s.checked_add(number.checked_mul(unit_s)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.is_empty()).then_some(total_s)
}

/// A length of time as people read it: its two largest units.
pub(super) fn shown(seconds: u64) -> String {
    let mut rest_s = seconds;
    let mut parts = Vec::new();
    for (unit, unit_s) in UNITS.iter().filter(|(unit, _)| *unit != 'w') {
        if rest_s >= *unit_s {
            parts.push(format!("{}{unit}", rest_s / unit_s));
            rest_s %= unit_s;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

/// Each with its seconds, the longest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Numbers above are no seconds of the next thousand years, but milliseconds.
const MILLISECONDS_MIN: f64 = 1e11;

/// Numbers above are neither.
const MILLISECONDS_MAX: f64 = 1e14;

#[cfg(test)]
mod tests {
    use midge_codec::{Properties, PropertiesBuf, Property, PublishProperties, QoS};

    use super::*;

    /// 2023-11-15, midday.
    const NOW: Moment = Moment { seconds: 1_700_049_600, nanoseconds: 0 };

    #[track_caller]
    fn check(source: &TimeSource, properties: &[Property<'_>], payload: &str, expected: Option<u64>) {
        let mut buffer = PropertiesBuf::new();
        for property in properties {
            buffer.push(*property);
        }
        let properties = Properties::of_publish(buffer.as_properties().raw()).unwrap();
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic: "t",
            packet_id: None,
            properties: PublishProperties::new(properties),
            payload: payload.as_bytes(),
        };
        assert_eq!(source.age_s(&publish, NOW), expected, "{properties:?} {payload}");
    }

    #[test]
    fn a_user_property_tells_the_age() {
        let source = TimeSource::UserProperty("timestamp".to_owned());
        let with = |value, expected| check(&source, &[Property::UserProperty("timestamp", value)], "", expected);
        with("1700049500", Some(100));
        with("1700049500.75", Some(100));
        with("1700049500750", Some(100));
        with("2023-11-15T11:58:20Z", Some(100));
        with("2023-11-15T12:58:20.5+01:00", Some(100));
        with("1800000000", Some(0));
        with("yesterday", None);
        with("-1", None);
        with("NaN", None);
        check(&source, &[Property::UserProperty("other", "1700049500")], "", None);
        check(&source, &[], "", None);
    }

    #[test]
    fn a_field_of_the_payload_tells_the_age() {
        let source = TimeSource::field("meta.at").unwrap();
        check(&source, &[], r#"{"meta":{"at":1700049500}}"#, Some(100));
        check(&source, &[], r#"{"meta":{"at":"2023-11-15T11:58:20Z"}}"#, Some(100));
        check(&source, &[], r#"{"meta":{"at":true}}"#, None);
        check(&source, &[], r#"{"meta":{}}"#, None);
        check(&source, &[], "21.5", None);
    }

    #[test]
    fn what_is_left_of_the_expiry_interval_tells_the_age() {
        let source = TimeSource::ExpiryWas(1000);
        check(&source, &[Property::MessageExpiryInterval(400)], "", Some(600));
        check(&source, &[Property::MessageExpiryInterval(1001)], "", None);
        check(&source, &[], "", None);
    }

    #[test]
    fn lengths_of_time_are_read_and_shown() {
        let check = |text: &str, expected| assert_eq!(parse_duration_s(text), expected, "{text}");
        check("30d", Some(2_592_000));
        check("1d12h", Some(129_600));
        check("2w", Some(1_209_600));
        check("90s", Some(90));
        for wrong in ["", "30", "d", "1y", "-1d", "1.5h", "1 d", "99999999999999999999d", "999999999999999999w", "1ä"]
        {
            check(wrong, None);
        }
        assert_eq!([0, 59, 3_661, 129_600, 864_061].map(shown), ["0s", "59s", "1h1m", "1d12h", "10d1m"]);
    }
}
