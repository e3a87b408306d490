//! `retained`: lists, shows or deletes Retained Messages.
//!
//! Messages are shown as they come, and nothing of them is kept. What is to be deleted is gathered in batches of bounded size: while
//! a batch is deleted, there is no Subscription; then the next one is gathered, until one finds nothing more. So memory does not
//! grow with what the server keeps, and what a server has left out because it was too much at once is found the next time.

mod age;
mod batch;

use std::ffi::OsStr;

use midge_client_core::{DropReason, Event};
use midge_codec::{
    Publish, QoS, ReasonCode, RetainHandling, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter,
    UnsubscribeFiltersBuf, Version,
};

use self::batch::Batch;
use super::Failure;
use super::printer::Printer;
use super::session::{Line, Work};
use super::settings::Settings;
use crate::json;
use crate::moment::Moment;
use crate::screen;

pub(crate) use self::age::{TimeSource, duration_s};

/// What its flags set.
#[derive(Clone, Debug)]
pub(crate) struct RetainedSettings {
    /// `--older-than`, in seconds.
    pub(crate) older_than_s: Option<u64>,
    /// What tells the age.
    pub(crate) time: TimeSource,
    /// `--wait`.
    pub(crate) quiet_ms: u64,
    /// `--dry-run`.
    pub(crate) is_dry_run: bool,
    /// `--json`.
    pub(crate) is_json: bool,
}

impl Default for RetainedSettings {
    fn default() -> RetainedSettings {
        RetainedSettings {
            older_than_s: None,
            time: TimeSource::UserProperty("timestamp".to_owned()),
            quiet_ms: 1_000,
            is_dry_run: false,
            is_json: false,
        }
    }
}

/// `--wait`.
pub(crate) fn quiet_ms(word: &OsStr) -> Result<u64, String> {
    let seconds = word.to_string_lossy().parse().ok().filter(|seconds| (0.0..=3_600.0).contains(seconds));
    let quiet_ms = seconds.map(|seconds: f64| (seconds * 1000.0) as u64);
    quiet_ms.ok_or_else(|| format!("Error: Invalid time '{}' for --wait: it is a number of seconds.", word.display()))
}

/// What is done with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    List,
    Get,
    /// Its topic is shown.
    Pretend,
    Delete,
}

/// What is wanted, and how far that has come.
pub(super) struct Retained<'a> {
    settings: &'a Settings,
    action: Action,
    filters: Vec<&'a str>,
    printer: Printer,
    phase: Phase,
    batch: Batch,
    unknown_age_count: u64,
    failure: Option<String>,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connection,
    /// CONNACK came: the Subscription can be made.
    Begin,
    /// The answer to this request.
    Subscription(u64),
    /// More messages, until this time; it is set when the turn is over.
    Messages(Option<u64>),
    /// The answer to this request, after which nothing more comes.
    Unsubscription(u64),
    /// The server has the batch.
    Deletion,
    End,
}

impl<'a> Retained<'a> {
    pub(super) fn new(settings: &'a Settings) -> Result<Retained<'a>, Failure> {
        let usage = |message: &str| Err(Failure::Usage(message.to_owned()));
        let wanted = &settings.retained;
        let action = match settings.operands.as_slice() {
            [word] if word == "list" => Action::List,
            [word] if word == "get" => Action::Get,
            [word] if word == "delete" && wanted.is_dry_run => Action::Pretend,
            [word] if word == "delete" => Action::Delete,
            _ => return usage("Error: Say what to do: list, get or delete."),
        };
        let deletes = matches!(action, Action::Delete | Action::Pretend);
        if deletes && settings.topics.is_empty() {
            return usage("Error: Say what to delete with -t; '#' in quotes is everything.");
        }
        if wanted.is_dry_run && !deletes {
            return usage("Error: --dry-run goes with delete, nothing else changes anything.");
        }
        if wanted.is_json && action != Action::List {
            return usage("Error: --json goes with list; get has -F %j.");
        }
        let filters: Vec<&str> = match settings.topics.is_empty() {
            true => vec!["#"],
            false => settings.topics.iter().map(String::as_str).collect(),
        };
        let is_shared = |filter: &&str| TopicFilter::parse(filter).is_ok_and(|it| it.share_name().is_some());
        if let Some(filter) = filters.iter().copied().find(is_shared) {
            let filter = filter.escape_debug();
            return usage(&format!("Error: '{filter}' is a shared subscription, which gets no retained messages."));
        }
        Ok(Retained {
            settings,
            action,
            filters,
            printer: Printer::new(&settings.output),
            phase: Phase::Connection,
            batch: Batch::default(),
            unknown_age_count: 0,
            failure: None,
        })
    }

    fn take(&mut self, publish: &Publish<'_>, out: &mut Vec<u8>) {
        if !publish.retain || !matches!(self.phase, Phase::Subscription(_) | Phase::Messages(_)) {
            return;
        }
        if let Phase::Messages(until_ms) = &mut self.phase {
            *until_ms = None;
        }
        let wanted = &self.settings.retained;
        let age_s = wanted.time.age_s(publish, Moment::now());
        if let Some(older_than_s) = wanted.older_than_s {
            self.unknown_age_count += u64::from(age_s.is_none());
            if age_s.is_none_or(|age_s| age_s <= older_than_s) {
                return;
            }
        }
        match self.action {
            Action::List if wanted.is_json => list_json(publish, age_s, out),
            Action::List => list(publish, age_s, out),
            Action::Get => {
                let settings = self.settings;
                self.printer.print(publish, out, &mut |complaint| settings.complain(&complaint));
            }
            Action::Pretend => show_topic(publish.topic, out),
            Action::Delete => self.batch.add(publish.topic),
        }
    }

    /// SUBACK or UNSUBACK came.
    fn take_answer(&mut self, number: u64, codes: &[u8]) {
        if self.phase == Phase::Unsubscription(number) {
            self.phase = Phase::Deletion;
        }
        if self.phase != Phase::Subscription(number) {
            return;
        }
        self.phase = Phase::Messages(None);
        let refused = self.filters.iter().zip(codes).find(|(_, code)| ReasonCode(**code).is_error());
        if let Some((filter, code)) = refused {
            let (filter, reason) = (filter.escape_debug(), self.reason(ReasonCode(*code)));
            self.failure = Some(format!("Error: The server refuses a subscription to '{filter}': {reason}."));
        }
    }

    /// The server has answered for the message that deletes.
    fn take_deletion(&mut self, number: u64, reason_code: ReasonCode, out: &mut Vec<u8>) {
        if let Some(topic) = self.batch.take_answer(number, reason_code) {
            show_topic(&topic, out);
        }
    }

    /// Before version 5 one code stands for all reasons.
    fn reason(&self, code: ReasonCode) -> &'static str {
        if self.settings.client.version == Version::V5 { code.name() } else { "it does not say why" }
    }

    fn subscribe(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let is_v5 = self.settings.client.version == Version::V5;
        let options = SubscriptionOptions {
            // So that each comes with the QoS that it has, and the server waits for us.
            qos: QoS::ExactlyOnce,
            no_local: is_v5,
            retain_handling: RetainHandling::SendAlways,
            ..SubscriptionOptions::default()
        };
        let mut filters = SubscribeFiltersBuf::new();
        for filter in self.parsed_filters() {
            filters.push(filter, options);
        }
        let properties = self.settings.properties.subscribe.clone();
        let number = line.client().subscribe(filters, properties).map_err(unable)?;
        self.phase = Phase::Subscription(number);
        Ok(())
    }

    fn unsubscribe(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let mut filters = UnsubscribeFiltersBuf::new();
        for filter in self.parsed_filters() {
            filters.push(filter);
        }
        let properties = self.settings.properties.unsubscribe.clone();
        let number = line.client().unsubscribe(filters, properties).map_err(unable)?;
        self.phase = Phase::Unsubscription(number);
        Ok(())
    }

    fn parsed_filters(&self) -> impl Iterator<Item = TopicFilter<'_>> {
        self.filters.iter().filter_map(|filter| TopicFilter::parse(filter).ok())
    }

    /// Nothing more comes: the batch is deleted, or all is done.
    fn end_of_messages(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if self.batch.is_empty() {
            return self.finish(line);
        }
        self.unsubscribe(line)
    }

    /// Tells what has become of it.
    fn finish(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        self.phase = Phase::End;
        if self.unknown_age_count > 0 {
            let count = self.unknown_age_count;
            self.settings.complain(&format!("Messages of unknown age, left alone: {count}."));
        }
        if self.action == Action::Delete {
            self.settings.complain(&format!("Deleted: {}.", self.batch.deleted_count()));
        }
        match self.batch.refused_count() {
            0 => line.leave(),
            count => return Err(format!("Error: Not deleted: {count}.")),
        }
        Ok(())
    }
}

impl Work for Retained<'_> {
    fn handle(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => self.phase = Phase::Begin,
            Event::Message(publish, _) => self.take(publish, out),
            Event::Answered { number, codes, .. } => self.take_answer(*number, codes),
            Event::RequestDropped { why: DropReason::Refused(refusal), .. } => self.failure = Some(unable(*refusal)),
            Event::Acknowledged { number, reason_code, .. } => self.take_deletion(*number, *reason_code, out),
            Event::Sent { number } => self.take_deletion(*number, ReasonCode::SUCCESS, out),
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.batch.take_complaints().for_each(|complaint| self.settings.complain(&complaint));
        let now_ms = line.now_ms();
        match self.phase {
            Phase::Begin => self.subscribe(line),
            Phase::Messages(_) if self.batch.is_full() => self.end_of_messages(line),
            Phase::Messages(None) => {
                self.phase = Phase::Messages(Some(now_ms + self.settings.retained.quiet_ms));
                Ok(())
            }
            Phase::Messages(Some(until_ms)) if until_ms <= now_ms => self.end_of_messages(line),
            Phase::Deletion if self.batch.delete(line)? => {
                if self.batch.is_hopeless() {
                    return self.finish(line);
                }
                self.batch.begin_next();
                // Those that the last batch finds are all that there are.
                self.unknown_age_count = 0;
                self.subscribe(line)
            }
            _ => Ok(()),
        }
    }

    fn deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Messages(until_ms) => until_ms,
            _ => None,
        }
    }
}

/// A line for people, with the columns before the topic, as that may have blanks.
fn list(publish: &Publish<'_>, age_s: Option<u64>, out: &mut Vec<u8>) {
    let shown = |seconds: Option<u64>| seconds.map_or_else(|| "?".to_owned(), age::shown);
    let left = publish.properties.message_expiry_interval_s.map_or("-".to_owned(), |left_s| age::shown(left_s.into()));
    let (bytes, qos, age) = (publish.payload.len(), publish.qos as u8, shown(age_s));
    out.extend_from_slice(format!("{bytes:>9} B  QoS {qos}  age {age:>6}  left {left:>6}  ").as_bytes());
    show_topic(publish.topic, out);
}

fn list_json(publish: &Publish<'_>, age_s: Option<u64>, out: &mut Vec<u8>) {
    let mut line = "{\"topic\":".to_owned();
    json::push_string(publish.topic, &mut line);
    let or_null = |number: Option<u64>| number.map_or_else(|| "null".to_owned(), |number| number.to_string());
    let left = or_null(publish.properties.message_expiry_interval_s.map(u64::from));
    let (bytes, qos, age) = (publish.payload.len(), publish.qos as u8, or_null(age_s));
    line.push_str(&format!(",\"bytes\":{bytes},\"qos\":{qos},\"age\":{age},\"left\":{left}}}\n"));
    out.extend_from_slice(line.as_bytes());
}

/// Topics cannot have ends of lines that a terminal or a script would take for theirs: they are escaped.
fn show_topic(topic: &str, out: &mut Vec<u8>) {
    let shown = screen::shown(topic.as_bytes());
    out.extend(shown.iter().flat_map(|byte| match byte {
        b'\n' => b"\\u000a".as_slice(),
        byte => std::slice::from_ref(byte),
    }));
    out.push(b'\n');
}

fn unable(refusal: midge_client_core::Refusal) -> String {
    format!("Error: Unable to subscribe: {refusal}.")
}
