//! Points as InfluxDB reads them, and its answers.

use super::*;
use crate::template::Part;
use proptest::prelude::*;

fn options() -> Options {
    Options {
        measurement: Template::new(vec![Part::Topic]),
        tags: Vec::new(),
        fields: None,
        time: None,
        precision: Unit::Nanoseconds,
        whole_numbers: Kind::Float,
    }
}

fn line_of(influxdb: &mut InfluxDb, topic: &str, payload: &str) -> Result<String, LeftAlone> {
    let mut out = Vec::new();
    let message = Message { topic, payload: payload.as_bytes(), received_ns: 1_700_000_000_123_456_789 };
    let appended = influxdb.append(&message, &mut out);
    assert!(appended.is_ok() || out.is_empty());
    appended.map(|()| String::from_utf8(out).expect("UTF-8"))
}

#[track_caller]
fn check(options: Options, topic: &str, payload: &str, expected: Result<&str, LeftAlone>) {
    let line = line_of(&mut InfluxDb::new(options), topic, payload);
    assert_eq!(line.as_deref().map(str::trim_end).map_err(|left| *left), expected, "{topic} {payload}");
}

#[test]
fn the_topic_is_the_measurement_as_in_the_tutorial() {
    check(options(), "test", r#"{"name":"zzerii"}"#, Ok(r#"test name="zzerii" 1700000000123456789"#));
    check(options(), "a b/c", r#"{"t":21.5,"n":22,"on":true}"#, Ok(r"a\ b/c t=21.5,n=22,on=true 1700000000123456789"));
    check(options(), "things/1/temperature", "36.5", Ok("things/1/temperature value=36.5 1700000000123456789"));
    check(options(), "a", r#"{"n":1,"n":2}"#, Ok("a n=2 1700000000123456789"));
    check(options(), "a", r#"{"":1}"#, Ok("a _=1 1700000000123456789"));
    check(options(), "a", "on", Err(LeftAlone::NoValues));
    check(options(), "a", r#"{"n":null}"#, Err(LeftAlone::NoFields));
}

#[test]
fn levels_become_tags() {
    let level = |number| Template::new(vec![Part::Level(number)]);
    let tags = vec![("site".to_owned(), level(1)), ("device".to_owned(), level(2)), ("deep".to_owned(), level(9))];
    let options = Options { measurement: level(-1), tags, ..options() };
    check(
        options.clone(),
        "north pole/d,7/temperature",
        "1",
        Ok(r"temperature,device=d\,7,site=north\ pole value=1 1700000000123456789"),
    );
    check(options, "a//", "1", Err(LeftAlone::NoMeasurement));
}

#[test]
fn fields_and_time_are_found_by_paths() {
    let fields = Some(vec!["BME280.Temperature".to_owned(), "n".to_owned()]);
    let time = Some(("Time".to_owned(), Unit::Milliseconds));
    let options = Options { fields, time, precision: Unit::Milliseconds, ..options() };
    let check = |payload, expected| check(options.clone(), "a", payload, expected);
    check(
        r#"{"Time":"2024-05-01T12:00:00.25","BME280":{"Temperature":21,"Pressure":1}}"#,
        Ok("a BME280.Temperature=21 1714564800250"),
    );
    check(r#"{"Time":1700000000001,"n":1}"#, Ok("a n=1 1700000000001"));
    check(r#"{"n":1}"#, Ok("a n=1 1700000000123"));
    check(r#"{"Time":"noon","n":1}"#, Err(LeftAlone::NoTime));
    check(r#"{"Time":1,"m":1}"#, Err(LeftAlone::NoFields));
}

#[test]
fn whole_numbers_are_what_is_wanted() {
    let whole = Options { whole_numbers: Kind::Integer, ..options() };
    check(whole, "a", r#"{"i":22,"f":22.0}"#, Ok("a i=22i,f=22 1700000000123456789"));
    check(options(), "a", r#"{"i":22,"f":22.0}"#, Ok("a i=22,f=22 1700000000123456789"));
}

/// What InfluxDB 1.6 says when a field was another kind of number before.
#[test]
fn a_field_is_written_as_influxdb_has_it() {
    let mut influxdb = InfluxDb::new(options());
    let line = line_of(&mut influxdb, "a b", r#"{"n=1":22}"#).expect("a line");
    let reason = r#"partial write: field type conflict: input field "n=1" on measurement "a b" is type float, already exists as type integer dropped=1"#;
    let expected = r"a\ b n\=1=22i 1700000000123456789";
    assert_eq!(influxdb.blame(reason, line.as_bytes()), Blame::Amended(format!("{expected}\n").into_bytes()));
    assert_eq!(line_of(&mut influxdb, "a b", r#"{"n=1":22}"#).expect("a line").trim_end(), expected);
    let fraction = line_of(&mut influxdb, "a b", r#"{"n=1":22.5}"#).expect("a line");
    assert_eq!(influxdb.blame(reason, fraction.as_bytes()), Blame::Hopeless);
    let other = line_of(&mut influxdb, "a b", r#"{"m":22.5}"#).expect("a line");
    assert_eq!(influxdb.blame(reason, other.as_bytes()), Blame::Taken);
    assert_eq!(influxdb.blame("unable to parse", other.as_bytes()), Blame::Unknown);
    let back = r#"field type conflict: input field "n=1" on measurement "a b" is type integer, already exists as type float dropped=1"#;
    let amended = Blame::Amended(line.clone().into_bytes());
    assert_eq!(influxdb.blame(back, expected.replace("789", "789\n").as_bytes()), amended);
    assert_eq!(line_of(&mut influxdb, "a b", r#"{"n=1":22}"#).expect("a line"), line);
}

#[test]
fn answers_say_what_is_to_be_done() {
    assert_eq!(answer(204, ""), Answer::Taken);
    let conflict = r#"{"error":"partial write: field type conflict: input field \"n\" dropped=3"}"#;
    let Answer::Refused { dropped, reason } = answer(400, conflict) else { panic!("refused") };
    assert_eq!((dropped, &*reason), (Some(3), "partial write: field type conflict: input field \"n\" dropped=3"));
    assert!(matches!(
        answer(400, r#"{"error":"unable to parse 'x': missing fields"}"#),
        Answer::Refused { dropped: None, .. }
    ));
    assert!(matches!(answer(413, ""), Answer::TooLarge(_)));
    let long = format!("{{\"error\":\"unable to parse '{}': max key length exceeded\"}}", "x".repeat(70_000));
    let Answer::Refused { reason, .. } = answer(400, &long) else { panic!("refused") };
    assert!(
        reason.starts_with("unable to parse 'xx") && reason.ends_with("max key length exceeded") && reason.len() < 600
    );
    let later = |status, body, part: &str| {
        let Answer::Later { reason, remedy } = answer(status, body) else { panic!("{status} is not for later") };
        assert!(remedy.contains(part), "{status} {body}: {reason}: {remedy}");
    };
    later(404, r#"{"error":"database not found: \"x\""}"#, "CREATE DATABASE");
    later(404, r#"{"code":"not found","message":"bucket \"x\" not found"}"#, "influxdb_bucket");
    later(401, r#"{"code":"unauthorized","message":"unauthorized access"}"#, "influxdb_token");
    later(404, "404 page not found", "influxdb_url");
    later(503, "", "log");
    later(400, r#"{"error":"database is required"}"#, "influxdb_database");
    later(400, r#"{"code":"invalid","message":"Please provide either orgID or org"}"#, "influxdb_org");
    later(400, r#"{"code":"invalid","message":"db name did not start with a number or letter"}"#, "influxdb_bucket");
}

/// What InfluxDB repeats of a point is its publisher's, who must not be able to have all others wait for it.
#[test]
fn no_topic_holds_up_all_others() {
    for topic in ["database is required", "db name ", "Please provide either orgID or org"] {
        let body =
            format!("{{\"error\":\"partial write: input field \\\"v\\\" on measurement \\\"{topic}\\\" dropped=1\"}}");
        assert!(matches!(answer(400, &body), Answer::Refused { dropped: Some(1), .. }), "{body}");
    }
}

#[test]
fn an_answer_to_nothing_says_whether_points_would_be_taken() {
    let check = |status, body: &str, is_fault: bool| {
        let answer = answer_to_nothing(status, body);
        assert_eq!(matches!(answer, Answer::Later { .. }), is_fault, "{status} {body}: {answer:?}");
    };
    // Of 1.x and 2.x; of 3; of the cloud of version 2.
    check(204, "", false);
    check(400, r#"{"code":"invalid","message":"incoming write was empty"}"#, false);
    check(400, r#"{"code":"invalid","message":"writing requires points"}"#, false);
    // Who wants a length, or has too much to do, may take points all the same.
    [411, 415, 422, 429].into_iter().for_each(|status| check(status, "", false));
    check(400, r#"{"code":"invalid","message":"Please provide either orgID or org"}"#, true);
    check(404, r#"{"error":"database not found: \"x\""}"#, true);
    [301, 401, 403, 404, 405, 500, 502, 503].into_iter().for_each(|status| check(status, "", true));
}

/// A line, taken apart as InfluxDB's documentation says.
#[derive(PartialEq, Debug)]
struct Point {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    time: i64,
}

fn parse(line: &str) -> Point {
    let mut parts = vec![String::new()];
    let mut kinds = String::new();
    let (mut is_quoted, mut is_field) = (false, false);
    let mut characters = line.strip_suffix('\n').expect("a line").chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let next = characters.next().expect("something is escaped");
                let is_escape = if is_quoted { "\"\\".contains(next) } else { ", =".contains(next) };
                let part = parts.last_mut().expect("a part");
                part.extend((!is_escape).then_some('\\'));
                part.push(next);
            }
            '"' if is_field && kinds.ends_with('=') => is_quoted = !is_quoted,
            ',' | ' ' | '=' if !(is_quoted || character == '=' && kinds.is_empty()) => {
                is_field |= character == ' ';
                kinds.push(character);
                parts.push(String::new());
            }
            other => parts.last_mut().expect("a part").push(other),
        }
    }
    let (tags, fields) = kinds.split_once(' ').expect("fields");
    let mut parts = parts.into_iter();
    let mut next = || parts.next().expect("a part");
    let measurement = next();
    let tags = (0..tags.len() / 2).map(|_| (next(), next())).collect();
    let fields = (0..fields.len() / 2).map(|_| (next(), next())).collect();
    Point { measurement, tags, fields, time: next().parse().expect("a time") }
}

/// What line protocol has no words for.
fn sayable(name: &str) -> String {
    name.replace('\\', "/").replace(['\n', '\r'], " ")
}

proptest! {
    #[test]
    fn what_is_written_parses_back(
        topic in "[^+#\u{0}]{1,20}",
        tag in "[^\u{0}]{1,10}",
        texts in prop::collection::btree_map("[^\u{0}]{1,10}", ".{0,30}", 1..4),
        received_ns in 0..i64::MAX as u64,
    ) {
        let tags = vec![(sayable(&tag), Template::new(vec![Part::Topic]))];
        let texts: BTreeMap<String, String> = texts.into_iter().map(|(name, text)| (sayable(&name), text)).collect();
        let topic = sayable(&topic);
        let mut out = Vec::new();
        let payload = serde_json::to_vec(&texts).expect("JSON");
        let mut influxdb = InfluxDb::new(Options { tags, ..options() });
        influxdb.append(&Message { topic: &topic, payload: &payload, received_ns }, &mut out).expect("a line");
        let point = parse(&String::from_utf8(out.clone()).expect("UTF-8"));
        let fields = texts.into_iter().collect();
        let expected = Point { measurement: topic.clone(), tags: vec![(sayable(&tag), topic)], fields, time: received_ns as i64 };
        prop_assert_eq!(point, expected, "{:?}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn numbers_keep_their_values(number in any::<f64>().prop_filter("JSON has no others", |number| number.is_finite())) {
        let payload = serde_json::to_string(&number).expect("JSON");
        let line = line_of(&mut InfluxDb::new(options()), "a", &payload).expect("a line");
        let value = line.strip_prefix("a value=").and_then(|rest| rest.split(' ').next()).expect("a value");
        prop_assert_eq!(value.parse::<f64>().expect("a number"), number);
    }

    #[test]
    fn any_bytes_become_one_line_or_none(payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut out = Vec::new();
        let mut influxdb = InfluxDb::new(options());
        let appended = influxdb.append(&Message { topic: "a", payload: &payload, received_ns: 1 }, &mut out);
        prop_assert_eq!(appended.is_err(), out.is_empty());
    }
}
