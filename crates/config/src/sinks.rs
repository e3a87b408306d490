//! Other systems that messages are handed on to.

/// All of them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sinks {
    /// A database of points in time.
    pub influxdb: InfluxDb,
    /// A web service.
    pub webhook: Webhook,
    /// A file.
    pub file: FileSink,
}

/// Points for InfluxDB. Each field is the directive of the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InfluxDb {
    /// Where it is; `None`: there is none.
    pub url: Option<String>,
    /// Of version 1.
    pub database: Option<String>,
    /// Of version 1.
    pub username: Option<String>,
    /// Of version 1.
    pub password: Option<String>,
    /// Of version 2.
    pub org: Option<String>,
    /// Of versions 2 and 3.
    pub bucket: Option<String>,
    /// Of versions 2 and 3.
    pub token: Option<String>,
    /// Topic Filters of messages that become points.
    pub topics: Vec<String>,
    /// What a point's measurement is called.
    pub measurement: Template,
    /// Names of tags, and their values.
    pub tags: Vec<(String, Template)>,
    /// Paths of fields in payloads; `None`: all.
    pub fields: Option<Vec<String>>,
    /// Where in a payload its time stands, and what it counts.
    pub time: Option<(String, TimeUnit)>,
    /// What times are told in.
    pub precision: TimeUnit,
    /// Whole numbers are written as such, and not as numbers with a fraction of 0.
    pub integers: bool,
    /// The file with the certificates that vouch for it.
    pub cafile: Option<String>,
}

/// A web service that is sent messages.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Webhook {
    /// Where it is; `None`: there is none.
    pub url: Option<String>,
    /// Topic Filters.
    pub topics: Vec<String>,
    /// What requests are signed with.
    pub secret: Option<String>,
    /// The file with the certificates that vouch for it.
    pub cafile: Option<String>,
}

/// A file that messages are written to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSink {
    /// Which; `None`: there is none.
    pub path: Option<String>,
    /// Topic Filters.
    pub topics: Vec<String>,
    /// When it is this large, another one is begun.
    pub max_bytes: u64,
    /// How many older ones are kept.
    pub keep: u16,
}

/// Pieces of a name that is made of a topic.
pub type Template = Vec<TemplatePart>;

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TemplatePart {
    /// As it stands.
    Text(String),
    /// The Topic Name.
    Topic,
    /// A level of it, from 1 on, or from -1 on backwards.
    Level(i32),
}

/// What a time counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Default for InfluxDb {
    fn default() -> Self {
        InfluxDb {
            url: None,
            database: None,
            username: None,
            password: None,
            org: None,
            bucket: None,
            token: None,
            topics: Vec::new(),
            measurement: vec![TemplatePart::Topic],
            tags: Vec::new(),
            fields: None,
            time: None,
            precision: TimeUnit::Nanoseconds,
            integers: false,
            cafile: None,
        }
    }
}

impl Default for FileSink {
    fn default() -> Self {
        FileSink { path: None, topics: Vec::new(), max_bytes: 100 << 20, keep: 9 }
    }
}

/// The unit of that name.
pub(crate) fn unit(name: &[u8]) -> Option<TimeUnit> {
    match name {
        b"s" => Some(TimeUnit::Seconds),
        b"ms" => Some(TimeUnit::Milliseconds),
        b"us" => Some(TimeUnit::Microseconds),
        b"ns" => Some(TimeUnit::Nanoseconds),
        _ => None,
    }
}

/// Reads `{topic}`, `{1}` and text between; `None`: a bracket has something else in it, or no end.
pub(crate) fn template(text: &str) -> Option<Template> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}')?;
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        parts.push(match inside {
            "topic" => TemplatePart::Topic,
            level => TemplatePart::Level(level.parse().ok().filter(|level| *level != 0)?),
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    (!parts.is_empty() && !rest.contains('}')).then_some(parts)
}

/// Why this is no Topic Filter for such a purpose, if it is none.
pub(crate) fn filter_fault(filter: &str) -> Option<&'static str> {
    let mut levels = filter.split('/').rev();
    let is_wrong = |level: &str| level.contains(['+', '#']) && level != "+";
    let last = levels.next().unwrap_or_default();
    if filter.len() > usize::from(u16::MAX) || last != "#" && is_wrong(last) || levels.any(is_wrong) {
        return Some("it is no topic filter: + and # stand alone between /, and # at the end");
    }
    filter.starts_with("$share/").then_some("nobody shares these messages: leave $share/NAME/ out")
}

/// Options that do not go together.
pub(crate) struct Fault {
    /// The option to be blamed, or how the names of several begin.
    pub(crate) directive: &'static str,
    /// A sentence.
    pub(crate) text: &'static str,
    /// Options of which one is wanted. Where a line of one is wrong, that is the fault, and this one follows from it.
    pub(crate) missing: &'static [&'static str],
}

impl Sinks {
    /// What does not go together.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let Sinks { influxdb, webhook, file } = self;
        let mut faults = Vec::new();
        let mut fault = |is_so: bool, directive, text, missing| {
            faults.extend(is_so.then_some(Fault { directive, text, missing }));
        };
        let is_there = influxdb.url.is_some();
        fault(
            !is_there && *influxdb != InfluxDb::default(),
            "influxdb_",
            "The 'influxdb_' options require influxdb_url.",
            &["influxdb_url"],
        );
        fault(
            is_there && influxdb.topics.is_empty(),
            "influxdb_url",
            "The 'influxdb_url' option requires influxdb_topic.",
            &["influxdb_topic"],
        );
        let (first, second) = (influxdb.database.is_some(), influxdb.bucket.is_some());
        fault(
            is_there && !first && !second,
            "influxdb_url",
            "The 'influxdb_url' option requires either influxdb_database (InfluxDB 1.x) or influxdb_bucket (2.x and 3).",
            &["influxdb_database", "influxdb_bucket"],
        );
        fault(
            first && second,
            "influxdb_bucket",
            "InfluxDB 1.x has influxdb_database, 2.x and 3 have influxdb_bucket: leave out the one that is not yours.",
            &[],
        );
        fault(
            influxdb.password.is_some() && influxdb.username.is_none(),
            "influxdb_password",
            "The 'influxdb_password' option requires influxdb_username.",
            &["influxdb_username"],
        );
        fault(
            webhook.url.is_none() && *webhook != Webhook::default(),
            "webhook_",
            "The 'webhook_' options require webhook_url.",
            &["webhook_url"],
        );
        fault(
            webhook.url.is_some() && webhook.topics.is_empty(),
            "webhook_url",
            "The 'webhook_url' option requires webhook_topic.",
            &["webhook_topic"],
        );
        fault(
            file.path.is_none() && *file != FileSink::default(),
            "file_sink_",
            "The 'file_sink_' options require file_sink.",
            &["file_sink"],
        );
        fault(
            file.path.is_some() && file.topics.is_empty(),
            "file_sink",
            "The 'file_sink' option requires file_sink_topic.",
            &["file_sink_topic"],
        );
        faults
    }

    /// What is said and not used: options, and how a sentence about each goes on.
    pub(crate) fn idle_options(&self) -> Vec<(&'static str, &'static str)> {
        let Sinks { influxdb, webhook, .. } = self;
        let (is_1, is_later) = (influxdb.database.is_some(), influxdb.bucket.is_some());
        let is_plain = |url: &Option<String>| url.as_ref().is_some_and(|url| url.starts_with("http://"));
        let of_2 = "is not used with influxdb_database: InfluxDB 1.x has influxdb_username and influxdb_password.";
        let of_1 = "is not used with influxdb_bucket: InfluxDB 2.x and 3 have influxdb_token.";
        let without_tls = "is not used: the address begins with http://, and certificates belong to https://.";
        [
            (is_1 && influxdb.token.is_some(), "influxdb_token", of_2),
            (is_1 && influxdb.org.is_some(), "influxdb_org", of_2),
            (is_later && influxdb.username.is_some(), "influxdb_username", of_1),
            (is_plain(&influxdb.url) && influxdb.cafile.is_some(), "influxdb_cafile", without_tls),
            (is_plain(&webhook.url) && webhook.cafile.is_some(), "webhook_cafile", without_tls),
        ]
        .into_iter()
        .filter_map(|(is_so, directive, text)| is_so.then_some((directive, text)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_levels_in_braces() {
        let text = |text: &str| TemplatePart::Text(text.to_owned());
        assert_eq!(template("{topic}"), Some(vec![TemplatePart::Topic]));
        assert_eq!(
            template("a{1}-{-2}b"),
            Some(vec![text("a"), TemplatePart::Level(1), text("-"), TemplatePart::Level(-2), text("b")])
        );
        assert_eq!(template("plain"), Some(vec![text("plain")]));
        for wrong in ["", "{", "{0}", "{x}", "a}", "{1", "{1}}", "{+}"] {
            assert_eq!(template(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn filters_are_whole() {
        for good in ["#", "a/+/b/#", "+", "$SYS/#", "a b", "/"] {
            assert_eq!(filter_fault(good), None, "{good}");
        }
        for wrong in ["a#", "#/a", "a/b+", "$share/g/a", "a/#/b"] {
            assert!(filter_fault(wrong).is_some(), "{wrong}");
        }
    }
}
