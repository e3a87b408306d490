//! Points for InfluxDB 1.x, 2.x and 3, and what its answers mean.

use crate::delivery::Answer;
use crate::fields::{self, Value};
use crate::line::{self, Kind};
use crate::template::Template;
use crate::time::{self, Unit};
use crate::{Blame, Format, LeftAlone, Message};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;

/// What points are made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Its name.
    pub measurement: Template,
    /// Names of tags, and their values. One whose levels a topic does not have is left out.
    pub tags: Vec<(String, Template)>,
    /// Paths into payloads; `None`: all there are.
    pub fields: Option<Vec<String>>,
    /// Where in a payload its time stands, and what it counts if it is a number. A payload without has the time of its receipt.
    pub time: Option<(String, Unit)>,
    /// What times are told in.
    pub precision: Unit,
    /// What whole numbers become.
    pub whole_numbers: Kind,
}

/// See the module.
pub struct InfluxDb {
    options: Options,
    /// Fields of which InfluxDB has said that it has them as another kind, by measurement and name as they are written.
    known: BTreeMap<(Vec<u8>, Vec<u8>), Kind>,
    name: String,
    path: String,
    fields: Fields,
}

/// The fields of one point, as they are written.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl InfluxDb {
    /// For these points.
    pub fn new(mut options: Options) -> InfluxDb {
        // InfluxDB sorts them; what comes sorted costs it less.
        options.tags.sort_by(|one, other| one.0.cmp(&other.0));
        InfluxDb {
            options,
            known: BTreeMap::new(),
            name: String::new(),
            path: String::new(),
            fields: Fields::default(),
        }
    }

    fn write_series(&mut self, topic: &str, out: &mut Vec<u8>) -> Result<(), LeftAlone> {
        self.name.clear();
        if !self.options.measurement.write(topic, &mut self.name) || self.name.is_empty() {
            return Err(LeftAlone::NoMeasurement);
        }
        line::write_measurement(&self.name, out);
        for (tag, value) in &self.options.tags {
            self.name.clear();
            if value.write(topic, &mut self.name) && !self.name.is_empty() {
                out.push(b',');
                line::write_key(tag, out);
                out.push(b'=');
                line::write_key(&self.name, out);
            }
        }
        Ok(())
    }

    /// Gathers the fields, and the time if the payload says it.
    fn read(&mut self, payload: &[u8], measurement: &[u8]) -> Result<Option<i64>, LeftAlone> {
        let InfluxDb { options, known, path, fields, .. } = self;
        fields.clear();
        let mut time = Ok(None);
        let mut is_full = false;
        let are_values = fields::visit(payload, path, |path, value| {
            if let Some((_, unit)) = options.time.as_ref().filter(|(name, _)| name == path) {
                time = time_of(value, *unit).map(Some).ok_or(LeftAlone::NoTime);
            } else if options.fields.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == path)) {
                is_full |= fields.places.len() >= FIELDS_MAX;
                if !is_full {
                    fields.add(path, value, options.whole_numbers, known, measurement);
                }
            }
        });
        match (are_values, is_full, fields.places.is_empty()) {
            (false, ..) => Err(LeftAlone::NoValues),
            (_, true, _) => Err(LeftAlone::TooLarge),
            (.., true) => Err(LeftAlone::NoFields),
            _ => time,
        }
    }
}

fn time_of(value: Value<'_>, unit: Unit) -> Option<i64> {
    match value {
        Value::Integer(number) => time::of_integer(number, unit),
        Value::Float(number) => time::of_float(number, unit),
        Value::Text(text) => time::of_text(text),
        Value::Unsigned(_) | Value::Bool(_) => None,
    }
}

impl Fields {
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    fn add(
        &mut self,
        name: &str,
        value: Value<'_>,
        whole: Kind,
        known: &BTreeMap<(Vec<u8>, Vec<u8>), Kind>,
        measurement: &[u8],
    ) {
        let start = self.bytes.len();
        // A name that is empty cannot be written.
        line::write_key(if name.is_empty() { "_" } else { name }, &mut self.bytes);
        let name = start..self.bytes.len();
        let known =
            if known.is_empty() { None } else { known.get(&(measurement.to_vec(), self.bytes[name.clone()].to_vec())) };
        let value = match (value, known) {
            (Value::Float(number), Some(Kind::Integer)) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Value::Integer(number as i64)
            }
            (value, _) => value,
        };
        line::write_value(value, known.copied().unwrap_or(whole), &mut self.bytes);
        let value = name.end..self.bytes.len();
        let is_same =
            |place: &&mut (Range<usize>, Range<usize>)| self.bytes[place.0.clone()] == self.bytes[name.clone()];
        match self.places.iter_mut().find(is_same) {
            // A name that comes twice: the last one counts, as in most programs that read JSON.
            Some(place) => place.1 = value,
            None => self.places.push((name, value)),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (number, (name, value)) in self.places.iter().enumerate() {
            out.push(if number == 0 { b' ' } else { b',' });
            out.extend_from_slice(&self.bytes[name.clone()]);
            out.push(b'=');
            out.extend_from_slice(&self.bytes[value.clone()]);
        }
    }
}

impl Format for InfluxDb {
    fn append(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), LeftAlone> {
        let start = out.len();
        let appended = self.write_series(message.topic, out).and_then(|()| {
            let series = &out[start..];
            let measurement = if self.known.is_empty() { &[] } else { line::measurement_of(series) };
            let time = self.read(message.payload, measurement)?;
            self.fields.write(out);
            let ns = time.unwrap_or(i64::try_from(message.received_ns).unwrap_or(i64::MAX));
            // Writing to memory does not fail.
            let _ = writeln!(out, " {}", ns.div_euclid(self.options.precision.ns()));
            Ok(())
        });
        if appended.is_err() {
            out.truncate(start);
        }
        appended
    }

    /// A field that InfluxDB has as another kind of number is written as that from then on.
    fn blame(&mut self, reason: &str, record: &[u8]) -> Blame {
        let Some(Conflict { field, measurement, has, had }) = Conflict::parse(reason) else { return Blame::Unknown };
        let (mut measurement_bytes, mut field_bytes) = (Vec::new(), Vec::new());
        line::write_measurement(measurement, &mut measurement_bytes);
        line::write_key(field, &mut field_bytes);
        let Some(place) = line::find_field(record, &measurement_bytes, &field_bytes) else { return Blame::Taken };
        let value = &record[place.clone()];
        if kind_of(value) != has {
            return Blame::Taken;
        }
        let is_whole = value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
        let (amended, kind) = match (has, had) {
            ("integer", "float") => (value[..value.len() - 1].to_vec(), Kind::Float),
            ("float", "integer") if is_whole => ([value, b"i"].concat(), Kind::Integer),
            _ => return Blame::Hopeless,
        };
        if self.known.len() < KNOWN_MAX {
            self.known.insert((measurement_bytes, field_bytes), kind);
        }
        Blame::Amended([&record[..place.start], &amended, &record[place.end..]].concat())
    }
}

/// What InfluxDB says of a field that it has as something else.
struct Conflict<'a> {
    field: &'a str,
    measurement: &'a str,
    has: &'a str,
    had: &'a str,
}

impl Conflict<'_> {
    fn parse(reason: &str) -> Option<Conflict<'_>> {
        let (_, rest) = reason.split_once("input field \"")?;
        let (field, rest) = rest.split_once("\" on measurement \"")?;
        let (measurement, rest) = rest.split_once("\" is type ")?;
        let (has, rest) = rest.split_once(", already exists as type ")?;
        let had = rest.split(|byte: char| !byte.is_ascii_alphabetic()).next()?;
        Some(Conflict { field, measurement, has, had })
    }
}

/// As InfluxDB calls it.
fn kind_of(value: &[u8]) -> &'static str {
    match value {
        [b'"', ..] => "string",
        b"true" | b"false" => "boolean",
        [.., b'i'] => "integer",
        _ => "float",
    }
}

/// What an answer to a request with points means.
pub fn answer(status: u16, body: &str) -> Answer {
    let reason = || reason_of(body, status);
    let remedy = match status {
        200..=299 => return Answer::Taken,
        400 if is_about(body, &["database is required"]) => "name it with influxdb_database",
        400 if is_about(body, &["Please provide either orgID or org"]) => "name it with influxdb_org",
        400 if is_about(body, BAD_NAME) => "see influxdb_bucket",
        400 | 422 => return Answer::Refused { dropped: dropped_of(body), reason: reason() },
        413 => return Answer::TooLarge(reason()),
        401 | 403 => "see influxdb_username and influxdb_password, or influxdb_token, and what they may do there",
        404 if body.contains("database not found") => "make it: influx -execute 'CREATE DATABASE ...'",
        404 if body.contains("bucket") => "make it: influx bucket create; or see influxdb_bucket and influxdb_org",
        404 if body.contains("organization") => "see influxdb_org",
        404 => "see whether influxdb_url is InfluxDB's, without a path",
        300..=399 => "see influxdb_url: it must be InfluxDB's own, that answers itself",
        _ => "see InfluxDB's own log",
    };
    Answer::Later { reason: reason(), remedy }
}

/// What its answer to a request without points means, for a request with some: what of that is no fault of ours is no fault at all.
///
/// All versions look at login, database or bucket, and rights, before they look at points. Of none 1.x and 2.x say 204, 3 and the
/// cloud of version 2 say 400.
pub fn answer_to_nothing(status: u16, body: &str) -> Answer {
    match answer(status, body) {
        later @ Answer::Later { .. } if matches!(status, 400 | 401 | 403..=405 | 300..=399 | 500..) => later,
        _ => Answer::Taken,
    }
}

/// Whether what it says begins like one of these. What stands further behind may be a client's: a topic, a field.
fn is_about(body: &str, beginnings: &[&str]) -> bool {
    let said = reason_of(body, 400);
    beginnings.iter().any(|beginning| said.starts_with(beginning))
}

/// What it says for people: `error` of 1.x, `message` of 2.x.
fn reason_of(body: &str, status: u16) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let text = json.as_ref().and_then(|json| json.get("message").or(json.get("error"))?.as_str());
    let detail = json.as_ref().and_then(|json| json.get("data")).map(|data| format!(": {data}")).unwrap_or_default();
    match format!("{}{detail}", text.unwrap_or(body).trim()) {
        said if said.is_empty() => format!("status {status}"),
        said => shortened(&said),
    }
}

/// Of a long text beginning and end: InfluxDB repeats a point, and says behind that what is wrong with it.
fn shortened(text: &str) -> String {
    let count = text.chars().count();
    if count <= REASON_CHARS_MAX {
        return text.to_owned();
    }
    let (first, last) = (text.chars().take(REASON_CHARS_MAX / 2), text.chars().skip(count - REASON_CHARS_MAX / 2));
    first.chain(" … ".chars()).chain(last).collect()
}

/// How many points of the request were not taken, where all others were.
fn dropped_of(body: &str) -> Option<u64> {
    let (_, rest) = body.split_once("partial write")?;
    let (_, count) = rest.rsplit_once("dropped=")?;
    count.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}

/// What version 3 says of a database that cannot be called like this.
const BAD_NAME: &[&str] = &["invalid character in database", "db name ", "error validating database name"];

/// Fields of one point. Names are compared with each other.
const FIELDS_MAX: usize = 1024;

/// Fields of which it is remembered as what InfluxDB has them.
const KNOWN_MAX: usize = 10_000;

/// What people read of an answer.
const REASON_CHARS_MAX: usize = 500;

#[cfg(test)]
mod tests;
