//! Other systems that messages are handed on to.

use super::Scope::Global;
use super::Take::{Choice, Decimal, Path, Text, Words};
use super::{Again, Bounds, Directive, Given, directive};
use crate::draft::{Draft, Part};
use crate::sinks::{filter_fault, template, unit};
use crate::value::shown;
use crate::web::{no_address, set_url};

pub(super) const DIRECTIVES: &[Directive] = &[
    directive("influxdb_url", Global, Text(Again::Replaces, set_influxdb_url))
        .reloadable()
        .single()
        .doc("Write messages into the InfluxDB that is there: http://HOST:8086.")
        .note("Not in Mosquitto. With `persistence true` nothing is lost while InfluxDB is away, and nothing is written twice."),
    directive("influxdb_database", Global, Text(Again::Replaces, |draft, name| draft.config.sinks.influxdb.database = Some(name)))
        .reloadable()
        .single()
        .doc("The database, of InfluxDB 1.x."),
    directive("influxdb_username", Global, Text(Again::Replaces, |draft, name| draft.config.sinks.influxdb.username = Some(name)))
        .reloadable()
        .single()
        .doc("The user name at InfluxDB 1.x."),
    directive("influxdb_password", Global, Text(Again::Replaces, |draft, it| draft.config.sinks.influxdb.password = Some(it)))
        .reloadable()
        .single()
        .doc("The password at InfluxDB 1.x."),
    directive("influxdb_org", Global, Text(Again::Replaces, |draft, name| draft.config.sinks.influxdb.org = Some(name)))
        .reloadable()
        .single()
        .doc("The organization, of InfluxDB 2.x."),
    directive("influxdb_bucket", Global, Text(Again::Replaces, |draft, name| draft.config.sinks.influxdb.bucket = Some(name)))
        .reloadable()
        .single()
        .doc("The bucket, of InfluxDB 2.x, or the database of InfluxDB 3."),
    directive("influxdb_token", Global, Text(Again::Replaces, |draft, it| draft.config.sinks.influxdb.token = Some(it)))
        .reloadable()
        .single()
        .doc("The token that lets the server write into InfluxDB 2.x or 3."),
    directive("influxdb_topic", Global, Text(Again::Adds, |draft, filter| {
        add_filter(draft, filter, |draft| &mut draft.config.sinks.influxdb.topics);
    }))
    .reloadable()
    .doc("Messages of topics that match this filter become points; may be given more than once."),
    directive("influxdb_measurement", Global, Text(Again::Replaces, |draft, text| measurement(draft, &text)))
        .default("{topic}")
        .reloadable()
        .single()
        .doc("What points are called: {topic}, {1} for the first level of the topic, {-1} for its last one, and text between."),
    directive("influxdb_tags", Global, Words(tags))
        .reloadable()
        .doc("Tags of points, NAME=VALUE with spaces between; a value is made of the topic as influxdb_measurement is.")
        .note("May be given more than once. A tag whose level a topic does not have is left out."),
    directive("influxdb_fields", Global, Words(fields))
        .default("all")
        .reloadable()
        .single()
        .doc("Which values of a payload become fields: all, or their names with spaces between; a.b is b in the object a.")
        .note("Numbers, strings, true and false do. A number that is a payload by itself is called value."),
    directive("influxdb_time", Global, Words(time))
        .reloadable()
        .single()
        .doc("Where in payloads their time stands, NAME [s|ms|us|ns]; otherwise, and where it is missing, the time of receipt counts.")
        .note(
            "A string is read as RFC 3339 has it, a number counts what stands behind the name, seconds if nothing does. Of two messages \
             of one series with the same time InfluxDB keeps one.",
        ),
    directive("influxdb_precision", Global, Words(precision))
        .default("ns")
        .reloadable()
        .single()
        .doc("What times are told in: s, ms, us or ns.")
        .note(
            "No two messages have the same time of receipt in nanoseconds. With less precision, messages of one series that come within \
             one unit replace each other.",
        ),
    directive(
        "influxdb_numbers",
        Global,
        Choice(&["float", "as_written"], |draft, word| draft.config.sinks.influxdb.integers = word == "as_written"),
    )
    .default("float")
    .reloadable()
    .single()
    .doc("What numbers become: float, or as_written, where those without a fraction become integers.")
    .note(
        "A field has one type: where the first value of as_written was 21, InfluxDB refuses 21.5. A field that is there already is \
         written as it is there, as far as the value allows.",
    ),
    directive("influxdb_cafile", Global, Path(Again::Replaces, |draft, path| draft.config.sinks.influxdb.cafile = Some(path)))
        .reloadable()
        .single()
        .doc("The file with the certificates that vouch for InfluxDB; without it those of the system do."),
    directive("webhook_url", Global, Text(Again::Replaces, |draft, url| set_url(draft, url, |draft| &mut draft.config.sinks.webhook.url)))
        .reloadable()
        .single()
        .doc("Send messages to this web service, as lists of JSON objects.")
        .note("Not in Mosquitto. Again and again until it answers with 2xx; what it refuses with 400 or 422, and a single one with 413, is set aside."),
    directive("webhook_topic", Global, Text(Again::Adds, |draft, filter| {
        add_filter(draft, filter, |draft| &mut draft.config.sinks.webhook.topics);
    }))
    .reloadable()
    .doc("Messages of topics that match this filter are sent; may be given more than once."),
    directive("webhook_secret", Global, Text(Again::Replaces, |draft, it| draft.config.sinks.webhook.secret = Some(it)))
        .reloadable()
        .single()
        .doc("Sign each request with this, in the header Midge-Signature.")
        .note("t=SECONDS,v1=HEX: HMAC-SHA256 of the seconds, a full stop and the body."),
    directive("webhook_cafile", Global, Path(Again::Replaces, |draft, path| draft.config.sinks.webhook.cafile = Some(path)))
        .reloadable()
        .single()
        .doc("The file with the certificates that vouch for the web service; without it those of the system do."),
    directive("file_sink", Global, Text(Again::Replaces, |draft, path| draft.config.sinks.file.path = Some(path)))
        .reloadable()
        .single()
        .doc("Write messages to this file, a JSON object in each line.")
        .note("Not in Mosquitto. Each message once, also when the server is killed meanwhile."),
    directive("file_sink_topic", Global, Text(Again::Adds, |draft, filter| {
        add_filter(draft, filter, |draft| &mut draft.config.sinks.file.topics);
    }))
    .reloadable()
    .doc("Messages of topics that match this filter are written; may be given more than once."),
    directive(
        "file_sink_max_bytes",
        Global,
        Decimal(
            Bounds { min: 1024, max: i64::MAX, outside: "'file_sink_max_bytes' must be >= 1024." },
            |draft, bytes| draft.config.sinks.file.max_bytes = bytes as u64,
        ),
    )
    .default("104857600")
    .reloadable()
    .single()
    .doc("When the file is this large it becomes FILE.1, the one before FILE.2 and so on, and a new one is begun."),
    directive(
        "file_sink_keep",
        Global,
        Decimal(
            Bounds { min: 1, max: 999, outside: "'file_sink_keep' must be between 1 and 999 inclusive." },
            |draft, count| draft.config.sinks.file.keep = count as u16,
        ),
    )
    .default("9")
    .reloadable()
    .single()
    .doc("How many older files are kept."),
];

/// Of InfluxDB: where it is, and not what is asked of it there.
fn set_influxdb_url(draft: &mut Draft, url: String) {
    if url.contains('@') {
        let hint = "A user name stands in influxdb_username, and its password in influxdb_password.";
        return no_address(draft, &url, hint);
    }
    let path = url.split_once("://").and_then(|(_, rest)| rest.find(['/', '?']).map(|at| &rest[at..]));
    let is_request =
        |path: &str| path.contains('?') || ["/write", "/query", "/api/"].iter().any(|of| path.contains(of));
    if path.is_some_and(is_request) {
        let hint = Some(
            "Name the server alone, as http://localhost:8086; influxdb_database or influxdb_bucket say the rest."
                .to_owned(),
        );
        return draft.error_in(Part::Value, format!("'{url}' names a request to InfluxDB."), hint);
    }
    set_url(draft, url, |draft| &mut draft.config.sinks.influxdb.url);
}

fn add_filter(draft: &mut Draft, filter: String, place: fn(&mut Draft) -> &mut Vec<String>) {
    if let Some(fault) = filter_fault(&filter) {
        return draft.error_in(Part::Value, format!("Invalid topic '{filter}': {fault}."), None);
    }
    if !place(draft).contains(&filter) {
        place(draft).push(filter);
    }
}

fn measurement(draft: &mut Draft, text: &str) {
    match template(text) {
        Some(template) => draft.config.sinks.influxdb.measurement = template,
        None => draft.error_in(
            Part::Value,
            format!("Invalid 'influxdb_measurement' value ({text})."),
            Some(IN_BRACES.to_owned()),
        ),
    }
}

fn tags(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    draft.word(given.name, given.words.clone().next());
    while let Some(word) = words.next() {
        let tag = std::str::from_utf8(word).ok().and_then(|word| word.split_once('='));
        let tag = tag.and_then(|(name, value)| Some((name, template(value)?))).filter(|(name, _)| !name.is_empty());
        match tag {
            Some((name, value)) => draft.config.sinks.influxdb.tags.push((name.to_owned(), value)),
            None => {
                let hint = Some(format!("NAME=VALUE. {IN_BRACES}"));
                draft.error_in(Part::Word(word), format!("Invalid '{}' value ({}).", given.name, shown(word)), hint);
            }
        }
    }
}

fn fields(draft: &mut Draft, given: Given<'_>) {
    let Some(text) = draft.text(given.name, given.words.rest()) else { return };
    let names: Vec<String> = text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.iter().for_each(|name| look_for_json_path(draft, given.name, name));
    draft.config.sinks.influxdb.fields = if text == "all" { None } else { Some(names) };
}

fn time(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(name) = draft.word(given.name, words.next()) else { return };
    let word = words.next().unwrap_or(b"s");
    match (std::str::from_utf8(name), unit(word)) {
        (Ok(name), Some(unit)) => {
            look_for_json_path(draft, given.name, name);
            draft.config.sinks.influxdb.time = Some((name.to_owned(), unit));
        }
        (Err(_), _) => draft.invalid(given.name, name),
        (_, None) => {
            no_unit(draft, given.name, word, "Behind the name stands what its number counts: s, ms, us or ns.")
        }
    }
}

/// What other programs take for a path is a name here like any other, which payloads hardly have.
fn look_for_json_path(draft: &mut Draft, directive: &str, name: &str) {
    if name.starts_with("$.") || name.contains('[') {
        draft.warn(format!(
            "The '{directive}' option looks for a field that is called '{name}'. A path is written as a.b, for b in the object a; \
             what is in lists cannot be named."
        ));
    }
}

fn no_unit(draft: &mut Draft, directive: &str, word: &[u8], hint: &str) {
    draft.error_in(Part::Word(word), format!("Invalid '{directive}' value ({}).", shown(word)), Some(hint.to_owned()));
}

fn precision(draft: &mut Draft, given: Given<'_>) {
    let mut words = given.words;
    let Some(word) = draft.word(given.name, words.next()) else { return };
    match unit(word) {
        Some(unit) => draft.config.sinks.influxdb.precision = unit,
        None => no_unit(draft, given.name, word, "It is one of s, ms, us and ns."),
    }
}

const IN_BRACES: &str = "In braces stands topic, or the number of a level: 1 is the first one, -1 the last one.";
