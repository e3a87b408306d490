//! Log lines: who wants which, and how they reach stderr, stdout, a file, syslog, the journal or subscribers.
//!
//! Each thread gathers its lines in a [`LogBuffer`] and hands them over at the end of its turn; one thread writes them
//! ([`writer`]), so that no packet waits for a slow disk or terminal and lines of two threads never mix. The texts
//! themselves are in [`lines`]; they are an interface, because log watchers and test suites of Mosquitto read them.

mod batch;
mod escape;
mod events;
mod journald;
pub(crate) mod lines;
mod object;
mod options;
pub(crate) mod records;
mod repeats;
mod sink;
mod syslog;
mod timestamp;
pub(crate) mod topics;
mod writer;

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use midge_broker::event::EventMask;
use midge_codec::ReasonCode;
use midge_net::Address;

use self::batch::Lines;
pub(crate) use self::escape::{Escaped, is_harmful};
use self::escape::{EscapedLine, breaks_a_line};
use self::object::{Members, Object};
pub use self::options::{LogDestination, LogOptions, LogType, LogTypes};
use self::records::{Attributes, Record, Records};
use self::repeats::Repeats;
use self::sink::{Sink, rotation_warning};
use self::timestamp::Stamp;
use self::topics::Topics;
use self::writer::Writer;
use crate::clock;
use crate::process::Account;

/// The log of the process.
pub(crate) struct Log {
    options: Mutex<Arc<LogOptions>>,
    /// How often they were replaced.
    options_number: AtomicU64,
    writer: Writer,
    topics: Arc<Topics>,
    records: Records,
    /// The last errors and warnings, with their seconds since 1970, until somebody takes them.
    troubles: Mutex<VecDeque<(u64, String)>>,
}

/// Another way to log, ready to be put in force.
pub(crate) struct LogChange {
    options: LogOptions,
    /// `None`: those that there are.
    sinks: Option<Vec<Sink>>,
}

impl Log {
    /// Opens the destinations, so that `account` can go on with them. A file that cannot be opened is an error that names it.
    pub(crate) fn open(options: LogOptions, account: Option<&Account>) -> io::Result<Arc<Log>> {
        let topics = Arc::default();
        let sinks = open_sinks(&options, &topics, account)?;
        let writer = Writer::start(sinks, left_out(&options))?;
        let options = Mutex::new(Arc::new(options));
        let (records, options_number, troubles) = (Records::default(), AtomicU64::new(0), Mutex::default());
        Ok(Arc::new(Log { writer, topics, records, options, options_number, troubles }))
    }

    /// Whether [`Log::open`] could open what lines go to: what is to be told of each destination, or why it cannot be opened.
    /// Nothing is made.
    pub(crate) fn check<'a>(
        options: &'a LogOptions,
        account: Option<&'a Account>,
    ) -> impl Iterator<Item = (&'a LogDestination, io::Result<Option<String>>)> {
        options.destinations.iter().map(move |destination| (destination, Sink::check(destination, account)))
    }

    /// What is to be told of files that the account, which the server becomes, cannot open again.
    pub(crate) fn rotation_warnings(options: &LogOptions, account: &Account) -> Vec<String> {
        let files = options.destinations.iter().filter_map(|destination| match destination {
            LogDestination::File(path) => rotation_warning(path, account),
            _ => None,
        });
        files.map(|warning| format!("Warning: {warning}.")).collect()
    }

    /// Opens what there is not yet for another way to log. Nothing changes.
    pub(crate) fn prepare(&self, options: LogOptions) -> io::Result<LogChange> {
        let are_there = self.options().destinations == options.destinations;
        let sinks = (!are_there).then(|| open_sinks(&options, &self.topics, None)).transpose()?;
        Ok(LogChange { options, sinks })
    }

    /// From now on lines are logged like this; other threads take it with their next ones.
    pub(crate) fn put_in_force(&self, change: LogChange) {
        self.writer.settle();
        self.writer.replace(change.sinks, left_out(&change.options));
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(change.options);
        self.options_number.fetch_add(1, Ordering::Release);
    }

    fn options(&self) -> Arc<LogOptions> {
        Arc::clone(&self.options.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where lines wait that go to topics.
    pub(crate) fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    /// Where lines wait that another system is to have.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nobody takes them"))]
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Takes the last errors and warnings that were told since somebody took them.
    pub(crate) fn take_troubles(&self) -> VecDeque<(u64, String)> {
        std::mem::take(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_trouble(&self, wall_s: u64, text: String) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() >= TROUBLES_MAX {
            troubles.pop_front();
        }
        troubles.push_back((wall_s, text));
    }

    /// Opens files again, after they were renamed. One that cannot be opened stays as it is.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        self.writer.reopen()
    }

    /// Waits until everything handed over so far is written, but not for ever: a destination may have stopped taking.
    pub(crate) fn settle(&self) {
        self.writer.settle();
    }

    /// Whether lines of this kind are seen on standard error.
    pub(crate) fn tells_stderr(&self, kind: LogType) -> bool {
        let options = self.options();
        options.wants(kind) && options.destinations.contains(&LogDestination::Stderr)
    }
}

fn open_sinks(options: &LogOptions, topics: &Arc<Topics>, account: Option<&Account>) -> io::Result<Vec<Sink>> {
    let open = |destination| Sink::open(destination, options.name, topics, account);
    options.destinations.iter().map(open).collect()
}

/// How it is told that lines were left out.
fn left_out(options: &LogOptions) -> fn(u64) -> String {
    if options.is_json { left_out_object } else { left_out_line }
}

/// What a line is about that tells of no event of the broker: members of its object.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) event: &'static str,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) username: Option<&'a str>,
    pub(crate) address: Option<&'a Address>,
    pub(crate) reason_code: Option<ReasonCode>,
    pub(crate) topic: Option<&'a str>,
}

impl<'a> About<'a> {
    /// The server, or something in it.
    const SERVER: About<'static> =
        About { event: "server", client_id: None, username: None, address: None, reason_code: None, topic: None };

    /// Something that happened to a connection from there.
    pub(crate) fn connection(event: &'static str, address: &'a Address) -> About<'a> {
        About { event, address: Some(address), ..About::SERVER }
    }

    fn describe(&self, members: &mut dyn Members) {
        members.text("event", self.event);
        if let Some(id) = self.client_id {
            members.text("client_id", id);
        }
        if let Some(username) = self.username {
            members.text("username", username);
        }
        if let Some(address) = self.address {
            members.text("address", &address.to_string());
        }
        if let Some(code) = self.reason_code {
            members.number("reason_code", code.0.into());
        }
        if let Some(topic) = self.topic {
            members.text("topic", topic);
        }
    }
}

/// One thread's lines, until it writes them.
pub(crate) struct LogBuffer {
    log: Arc<Log>,
    /// As they were when it last looked.
    options: Arc<LogOptions>,
    options_number: u64,
    lines: Lines,
    line: String,
    stamp: Stamp,
    repeats: Repeats,
    records: Vec<Record>,
    /// The event that is being told.
    event: Option<ToldEvent>,
    /// What is told here is for no other system: it is about the way there.
    is_private: bool,
    /// What is told here is told whatever `log_type` says.
    is_audit: bool,
}

/// An event of the broker, while its sentences become records.
struct ToldEvent {
    /// What the records are about.
    attributes: Attributes,
    /// The log has it as an object: sentences only become records.
    is_logged: bool,
}

impl LogBuffer {
    pub(crate) fn new(log: Arc<Log>) -> LogBuffer {
        let options_number = log.options_number.load(Ordering::Acquire);
        let options = log.options();
        let (stamp, lines, repeats) = (stamp(&options), Lines::default(), Repeats::default());
        let (line, records, event) = (String::new(), Vec::new(), None);
        let (is_private, is_audit) = (false, false);
        LogBuffer { stamp, options, options_number, log, lines, line, repeats, records, event, is_private, is_audit }
    }

    /// For what people order: who has changed something can be found out even where only errors are wanted.
    pub(crate) fn audit(log: Arc<Log>) -> LogBuffer {
        LogBuffer { is_audit: true, ..LogBuffer::new(log) }
    }

    /// For who hands lines on to another system: what it says of that must not follow them, or each failure would make another one.
    #[cfg(feature = "otlp")]
    pub(crate) fn private(log: Arc<Log>) -> LogBuffer {
        LogBuffer { is_private: true, ..LogBuffer::new(log) }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Takes another way to log, where there is one by now.
    pub(crate) fn look_at_options(&mut self) {
        let number = self.log.options_number.load(Ordering::Acquire);
        if std::mem::replace(&mut self.options_number, number) != number {
            self.options = self.log.options();
            self.stamp = stamp(&self.options);
        }
    }

    /// Which events of the broker become lines.
    pub(crate) fn wanted_events(&self) -> EventMask {
        let types = self.options.types;
        let masks = [
            (self.wants_connections(), EventMask::CONNECTION),
            (self.wants(LogType::Notice) || self.wants(LogType::Warning), EventMask::NOTICE),
            (types.contains(LogType::Debug), EventMask::PACKET),
            (types.contains(LogType::Subscribe), EventMask::SUBSCRIBE),
            (types.contains(LogType::Unsubscribe), EventMask::UNSUBSCRIBE),
        ];
        let wanted = masks.into_iter().filter(|(wants, _)| *wants);
        wanted.fold(EventMask::default(), |all, (_, mask)| all.with(mask))
    }

    /// Whether lines of this kind are written.
    pub(crate) fn wants(&self, kind: LogType) -> bool {
        self.options.wants(kind) || (self.is_audit && self.options.goes_somewhere())
    }

    /// Whether lines about connections made and ended are wanted.
    pub(crate) fn wants_connections(&self) -> bool {
        self.wants(LogType::Notice) && self.options.connection_messages
    }

    /// Whether lines go to topics.
    pub(crate) fn publishes(&self) -> bool {
        self.options.destinations.contains(&LogDestination::Topic)
    }

    /// Adds a line, if its kind is wanted.
    pub(crate) fn line(&mut self, wall_s: u64, kind: LogType, text: fmt::Arguments<'_>) {
        self.line_about(wall_s, kind, &About::SERVER, text);
    }

    fn plain_line(&mut self, wall_s: u64, kind: LogType, text: fmt::Arguments<'_>) {
        if !self.wants(kind) {
            return;
        }
        self.line.clear();
        // Writing into a String does not fail; a Display that says so has nothing to show.
        let _ = match self.stamp.at(wall_s) {
            Some(time) => write!(self.line, "{time}: {text}"),
            None => write!(self.line, "{text}"),
        };
        let line = cut(&self.line);
        match line.contains(breaks_a_line) {
            false => self.lines.push(kind, line),
            true => self.lines.push(kind, cut(&EscapedLine(line).to_string())),
        }
    }

    /// Adds a line about something that is no event of the broker.
    pub(crate) fn line_about(&mut self, wall_s: u64, kind: LogType, about: &About<'_>, text: fmt::Arguments<'_>) {
        self.look_at_options();
        if self.is_exported() && self.wants(kind) {
            self.record(kind, about, text);
        }
        if self.is_logged_already() {
            return;
        }
        if matches!(kind, LogType::Error | LogType::Warning) {
            self.log.note_trouble(wall_s, text.to_string());
        }
        if !self.is_json() {
            return self.plain_line(wall_s, kind, text);
        }
        self.object(wall_s, kind, |object| {
            about.describe(object);
            object.text("message", &text.to_string());
        });
    }

    /// Whether another system is to have the lines of this thread.
    pub(crate) fn is_exported(&self) -> bool {
        self.options.is_exported && !self.is_private
    }

    /// What `tell` says is about this event.
    fn of_event(&mut self, event: ToldEvent, tell: impl FnOnce(&mut LogBuffer)) {
        self.event = Some(event);
        tell(self);
        self.event = None;
    }

    fn is_logged_already(&self) -> bool {
        self.event.as_ref().is_some_and(|event| event.is_logged)
    }

    fn record(&mut self, kind: LogType, about: &About<'_>, text: fmt::Arguments<'_>) {
        let of_event = self.event.as_ref().map(|event| event.attributes.clone());
        let text = cut(&EscapedLine(&text.to_string()).to_string()).to_owned();
        let attributes = of_event.unwrap_or_else(|| Attributes::from(about));
        self.records.push(Record { time_ns: clock::wall_ns(), kind, text, attributes });
    }

    /// Whether lines are objects of JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.options.is_json
    }

    /// Adds an object, if its kind is wanted; `fill` says what stands in it beside time and level.
    fn object(&mut self, wall_s: u64, kind: LogType, fill: impl FnOnce(&mut Object<'_>)) {
        if self.wants(kind) {
            self.line.clear();
            fill(&mut Object::begin(&mut self.line, self.stamp.at(wall_s), kind));
            self.lines.push(kind, &self.line);
        }
    }

    /// Whether one more line of a kind may be written that clients can cause without end.
    fn admits(&mut self, wall_s: u64, kind: LogType, subject: &'static str) -> bool {
        // Whether it may was asked for its object.
        if self.is_logged_already() {
            return true;
        }
        self.tell_omitted(wall_s);
        self.repeats.admits(subject, kind)
    }

    /// Adds a line of a kind that a hostile or broken client can cause without end: beyond some in a second they are
    /// only counted, and the count is told. `subject` names the kind.
    pub(crate) fn repeated_line(
        &mut self,
        wall_s: u64,
        kind: LogType,
        subject: &'static str,
        text: fmt::Arguments<'_>,
    ) {
        self.repeated_line_about(wall_s, kind, (subject, &About::SERVER), text);
    }

    /// Both: beyond some in a second they are only counted.
    pub(crate) fn repeated_line_about(
        &mut self,
        wall_s: u64,
        kind: LogType,
        (subject, about): (&'static str, &About<'_>),
        text: fmt::Arguments<'_>,
    ) {
        if self.admits(wall_s, kind, subject) {
            self.line_about(wall_s, kind, about, text);
        }
    }

    /// Hands over what has gathered.
    pub(crate) fn flush(&mut self, wall_s: u64) {
        self.look_at_options();
        self.tell_omitted(wall_s);
        if !self.records.is_empty() {
            self.log.records.hand_over(&mut self.records);
            self.records.shrink_to(RECORDS_KEPT);
        }
        if self.lines.is_empty() {
            return;
        }
        self.log.writer.hand_over(&self.lines);
        self.lines.clear(TEXT_BYTES_KEPT);
    }

    fn tell_omitted(&mut self, wall_s: u64) {
        let omitted = self.repeats.begin_second(wall_s);
        // It is not about the event before which it is noticed.
        let event = self.event.take();
        for (subject, kind, count) in omitted {
            self.line(wall_s, kind, format_args!("{count} more lines about {subject} were left out."));
        }
        self.event = event;
    }
}

fn stamp(options: &LogOptions) -> Stamp {
    Stamp::new(options.timestamp, options.timestamp_format.as_deref(), options.is_json)
}

/// A line as it is written: no longer than others expect, and cut where a character ends.
fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(LINE_BYTES_MAX)]
}

fn left_out_line(count: u64) -> String {
    format!("{count} lines were left out: the log did not take them quickly enough.")
}

fn left_out_object(count: u64) -> String {
    let mut line = String::new();
    let mut object = Object::begin(&mut line, None, LogType::Warning);
    object.text("event", About::SERVER.event);
    object.text("message", &left_out_line(count));
    drop(object);
    line
}

/// Mosquitto cuts lines there, and readers of its logs have buffers of that size.
const LINE_BYTES_MAX: usize = 999;

/// Errors and warnings that wait for who shows them to people.
const TROUBLES_MAX: usize = 100;

/// A buffer that a busy turn has blown up beyond this is given back.
const TEXT_BYTES_KEPT: usize = 64 * 1024;

const RECORDS_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str) -> (PathBuf, LogOptions) {
        let path = std::env::temp_dir().join(format!("midge-log-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let destinations = vec![LogDestination::File(path.clone())];
        (path, LogOptions { destinations, ..LogOptions::default() })
    }

    #[track_caller]
    fn check(name: &str, options: &LogOptions, lines: &[(LogType, &str)], written: &str) {
        check_told(LogBuffer::new, name, options, lines, written);
    }

    fn check_told(
        make: fn(Arc<Log>) -> LogBuffer,
        name: &str,
        options: &LogOptions,
        lines: &[(LogType, &str)],
        written: &str,
    ) {
        let (path, in_file) = file(name);
        let destinations = in_file.destinations;
        let log = Log::open(LogOptions { destinations, ..options.clone() }, None).expect("opened");
        let mut buffer = make(log);
        for (kind, text) in lines {
            buffer.line(1_700_000_000, *kind, format_args!("{text}"));
        }
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "", "nothing before the flush");
        buffer.flush(1_700_000_000);
        buffer.log().settle();
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), written);
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn lines_begin_with_the_second_and_unwanted_kinds_are_left_out() {
        let lines = [(LogType::Notice, "hello"), (LogType::Debug, "each packet"), (LogType::Error, "bad")];
        let usual = LogOptions::default();
        check("usual", &usual, &lines, "1700000000: hello\n1700000000: bad\n");
        let errors = LogOptions { types: LogTypes::NONE.with(LogType::Error), ..usual.clone() };
        check("errors", &errors, &lines, "1700000000: bad\n");
        let quiet = LogOptions { types: LogTypes::NONE, ..usual.clone() };
        check("quiet", &quiet, &lines, "");
        let bare = LogOptions { timestamp: false, types: LogTypes::ALL, ..usual };
        check("bare", &bare, &lines, "hello\neach packet\nbad\n");
    }

    #[test]
    fn what_people_order_is_told_whatever_kinds_are_wanted() {
        let errors = LogOptions { types: LogTypes::NONE.with(LogType::Error), ..LogOptions::default() };
        let line = (LogType::Notice, "ada deleted it");
        check_told(LogBuffer::audit, "audit", &errors, &[line], "1700000000: ada deleted it\n");
    }

    #[test]
    fn long_lines_are_cut_where_a_character_ends() {
        let options = LogOptions { timestamp: false, ..LogOptions::default() };
        let long = format!("{}€uro", "x".repeat(998));
        check("long", &options, &[(LogType::Notice, &long)], &format!("{}\n", "x".repeat(998)));
    }

    #[test]
    fn whatever_is_told_is_one_line() {
        let options = LogOptions { timestamp: false, ..LogOptions::default() };
        let line = (LogType::Notice, "\ta\n1700: b\u{2028}c");
        check("forged", &options, &[line], "\ta\\x0a1700: b\\u{2028}c\n");
        let objects = LogOptions { is_json: true, ..options };
        let expected = "{\"level\":\"notice\",\"event\":\"server\",\"message\":\"\\u0009a\\u000a1700: b\\u2028c\"}\n";
        check("objects", &objects, &[line, (LogType::Debug, "unwanted")], expected);
    }

    #[test]
    fn a_file_is_not_for_everybody() {
        use std::os::unix::fs::PermissionsExt;
        let (path, options) = file("mode");
        let log = Log::open(options, None).expect("opened");
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
        drop(log);
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn what_repeats_is_counted_instead_of_written() {
        let (path, options) = file("repeats");
        let mut buffer = LogBuffer::new(Log::open(options, None).expect("opened"));
        for i in 0..150 {
            buffer.repeated_line(10, LogType::Notice, "refusals", format_args!("refused {i}"));
        }
        buffer.flush(10);
        buffer.log().settle();
        buffer.repeated_line(11, LogType::Notice, "refusals", format_args!("refused again"));
        buffer.flush(11);
        buffer.log().settle();
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(text.lines().count(), 102);
        let last: Vec<_> = text.lines().skip(99).collect();
        let told = ["10: refused 99", "11: 50 more lines about refusals were left out.", "11: refused again"];
        assert_eq!(last, told);
        std::fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_renamed_file_is_opened_again() {
        let (path, options) = file("rotate");
        let log = Log::open(options, None).expect("opened");
        let mut buffer = LogBuffer::new(Arc::clone(&log));
        let old = path.with_extension("old");
        std::fs::rename(&path, &old).expect("renamed");
        log.reopen().expect("opened again");
        buffer.line(1, LogType::Notice, format_args!("new"));
        buffer.flush(1);
        buffer.log().settle();
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "1: new\n");
        assert_eq!(std::fs::read_to_string(&old).expect("a file"), "");
        std::fs::remove_file(path).expect("removed");
        std::fs::remove_file(old).expect("removed");
    }

    /// What another system gets of a line and of an event, whatever the log itself looks like.
    #[test]
    fn records_have_the_sentence_and_what_it_is_about() {
        use midge_broker::event::{Event, EventKind};

        let event = Event {
            connection: None,
            client_id: Some("c1".into()),
            username: Some("ada".into()),
            kind: EventKind::Refused { reason: ReasonCode::NOT_AUTHORIZED, cause: "not authorised" },
        };
        let address = Address::of(([10, 0, 0, 1], 5).into());
        let text = |value: &str| records::Attribute::Text(value.to_owned());
        let about_server = Attributes(vec![("event", text("server"))]);
        let about_event = Attributes(vec![
            ("event", text("refused")),
            ("client_id", text("c1")),
            ("username", text("ada")),
            ("address", text("10.0.0.1:5")),
            ("reason_code", records::Attribute::Number(0x87)),
            ("reason", text("not authorised")),
            ("cause", text("not authorised")),
        ]);
        let expected = [
            (LogType::Warning, "a\\x0ab".to_owned(), about_server),
            (LogType::Notice, "Client c1 [10.0.0.1:5] disconnected: not authorised.".to_owned(), about_event),
        ];
        for is_json in [false, true] {
            let options = LogOptions { destinations: Vec::new(), is_exported: true, is_json, ..LogOptions::default() };
            let log = Log::open(options, None).expect("opened");
            let mut buffer = LogBuffer::new(Arc::clone(&log));
            buffer.line(1, LogType::Warning, format_args!("a\nb"));
            buffer.line(1, LogType::Debug, format_args!("unwanted"));
            lines::write(&mut buffer, 1, &event, Some(&address));
            buffer.flush(1);
            let told: Vec<_> = log.records.take(9).into_iter().map(|it| (it.kind, it.text, it.attributes)).collect();
            assert_eq!(told, expected, "JSON: {is_json}");
        }
    }
}
