//! `record`: writes what comes into a file, with the time at which it came.
//!
//! What is in the file is acknowledged, and nothing before. While the connection is lost, or not all Subscriptions are there again, there
//! is a gap, which is written when it is over.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use midge_client_core::{Cause, DropReason, Event};
use midge_codec::{ReasonCode, SubscribeFiltersBuf, SubscriptionOptions, TopicFilter, Version};

use super::Failure;
use super::progress::{Progress, clock};
use super::session::{Line, Work};
use super::settings::Settings;
use crate::output::reason;
use crate::recording::{Entry, Form, Origin, Recorded};

/// What comes, and where it goes.
pub(super) struct Recorder<'a> {
    settings: &'a Settings,
    form: Form,
    file: Box<dyn Write>,
    /// The file that was made for it.
    made: Option<PathBuf>,
    start: Instant,
    /// When the clock of the session was 0.
    zero: Instant,
    /// Entries that are not in the file yet.
    unwritten: Vec<u8>,
    state: State,
    message_count: u64,
    gap_count: u64,
    byte_count: u64,
    /// When something last came from the server.
    heard_us: u64,
    progress: Option<Progress>,
    /// The file takes nothing more, and ends anywhere.
    is_broken: bool,
    failure: Option<String>,
}

/// Whether all that is wanted comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There was no connection yet.
    Connection,
    /// It is there: the Subscriptions are to be made.
    Begin,
    /// This request is to be answered.
    Subscription(u64),
    Complete,
    /// Not since then.
    Gap(u64),
    /// Not since then, but there is a connection again.
    Returned(u64),
    End,
}

impl<'a> Recorder<'a> {
    /// Makes the file.
    pub(super) fn new(settings: &'a Settings) -> Result<Recorder<'a>, Failure> {
        let usage = |message: &str| Failure::Usage(message.to_owned());
        let [path] = settings.operands.as_slice() else { return Err(usage("Error: Name one file to record into.")) };
        if settings.topics.is_empty() {
            return Err(usage("Error: Say what to record with -t; '#' in quotes is everything."));
        }
        if path == "-" && settings.is_debugging {
            return Err(usage("Error: -d writes to standard output, where the recording goes."));
        }
        let (form, wanted) = (settings.recording.form, &settings.recording);
        let file = open(Path::new(path), wanted.overwrites).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::AlreadyExists => ": name another file, or say --overwrite",
                _ => "",
            };
            Failure::Other(format!("Error: {} cannot be made: {}{hint}.", path.display(), reason(&error)))
        })?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let origin = Origin {
            start_us: since_1970.as_micros() as u64,
            server: settings.server.host.clone().unwrap_or_else(|| "localhost".to_owned()),
            filters: settings.topics.clone(),
        };
        let mut unwritten = Vec::new();
        form.push_origin(&origin, &mut unwritten);
        let shows_progress = !settings.is_quiet && path != "-" && io::stderr().is_terminal();
        Ok(Recorder {
            settings,
            form,
            file,
            made: (path != "-" && !wanted.overwrites).then(|| PathBuf::from(path)),
            start: Instant::now(),
            zero: Instant::now(),
            unwritten,
            state: State::Connection,
            message_count: 0,
            gap_count: 0,
            byte_count: 0,
            heard_us: 0,
            progress: shows_progress.then(Progress::new),
            is_broken: false,
            failure: None,
        })
    }

    /// Writes the end, and tells what there is. Gives the exit status. Where there was never a connection, there is no recording.
    pub(super) fn finish(mut self, outcome: Result<u8, Failure>) -> Result<u8, Failure> {
        if self.state == State::Connection {
            if let Some(path) = &self.made {
                // What cannot be removed is an empty recording.
                let _ = fs::remove_file(path);
            }
            return outcome;
        }
        if self.is_broken {
            return outcome;
        }
        if let State::Gap(since_us) | State::Returned(since_us) = self.state {
            self.push_gap(since_us);
        }
        self.push(&Entry::End { time_us: self.now_us() });
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        self.keep().map_err(|error| {
            Failure::Other(format!("Error: The end of the recording cannot be written: {}.", reason(&error)))
        })?;
        let (messages, gaps) = (self.message_count, self.gap_count);
        let gaps = if gaps == 0 { String::new() } else { format!(" Gaps, while the connection was lost: {gaps}.") };
        self.settings.complain(&format!("Recorded messages: {messages}.{gaps}"));
        outcome
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn push(&mut self, entry: &Entry) {
        self.form.push(entry, &mut self.unwritten);
    }

    fn push_gap(&mut self, since_us: u64) {
        self.gap_count += 1;
        let time_us = self.now_us();
        self.push(&Entry::Gap { time_us, lasted_us: time_us.saturating_sub(since_us) });
    }

    /// The connection is gone.
    fn lose(&mut self, cause: &Cause<'_>) {
        let since_us = match (self.state, cause) {
            (State::Gap(since_us) | State::Returned(since_us), _) => since_us,
            // It may have been dead for as long as nothing has come.
            (State::Complete, Cause::KeepAliveTimeout) => self.heard_us,
            (State::Complete, _) => self.now_us(),
            _ => return,
        };
        self.state = State::Gap(since_us);
    }

    fn subscribe(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        let is_v5 = self.settings.client.version == Version::V5;
        let options = SubscriptionOptions {
            qos: self.settings.qos,
            retain_as_published: is_v5,
            ..self.settings.subscription.options
        };
        let mut filters = SubscribeFiltersBuf::new();
        for filter in self.settings.topics.iter().filter_map(|filter| TopicFilter::parse(filter).ok()) {
            filters.push(filter, options);
        }
        let properties = self.settings.properties.subscribe.clone();
        let number = line.client().subscribe(filters, properties).map_err(|refusal| unable(&refusal))?;
        self.state = State::Subscription(number);
        Ok(())
    }

    fn take_answer(&mut self, number: u64, codes: &[u8]) {
        if self.state != State::Subscription(number) {
            return;
        }
        self.state = State::Complete;
        let refused = self.settings.topics.iter().zip(codes).find(|(_, code)| ReasonCode(**code).is_error());
        if let Some((filter, code)) = refused {
            let (filter, code) = (filter.escape_debug(), ReasonCode(*code).name());
            self.failure = Some(format!("Error: The server refuses a subscription to '{filter}': {code}."));
        }
    }

    fn is_enough(&self) -> bool {
        let wanted = self.settings.recording.duration_s.map(Duration::from_secs);
        let has_all = self.settings.subscription.count.is_some_and(|count| u64::from(count) <= self.message_count);
        has_all || wanted.is_some_and(|wanted| self.start.elapsed() >= wanted)
    }

    fn show_progress(&mut self) {
        let Some(progress) = &mut self.progress else { return };
        let state = match self.state {
            State::Complete => "",
            _ => "  no connection",
        };
        let (messages, bytes) = (self.message_count, self.byte_count);
        let time = clock(self.start.elapsed().as_secs());
        progress.show(|| format!("{time}  {messages} messages  {bytes} bytes{state}"));
    }
}

impl Work for Recorder<'_> {
    fn handle(&mut self, event: &Event<'_>, _: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => {
                self.state = match self.state {
                    State::Connection => State::Begin,
                    State::Gap(since_us) => State::Returned(since_us),
                    other => other,
                }
            }
            Event::Message(publish, _) => {
                let time_us = self.now_us();
                self.heard_us = time_us;
                self.message_count += 1;
                self.push(&Entry::Message { time_us, message: Recorded::of(publish) });
            }
            Event::Answered { number, codes, .. } => self.take_answer(*number, codes),
            Event::RequestDropped { why: DropReason::Refused(refusal), .. } => self.failure = Some(unable(refusal)),
            Event::SubscriptionLost { filter, reason_code } => {
                let (filter, reason) = (filter.escape_debug(), reason_code.name());
                self.failure = Some(format!("Error: The subscription to '{filter}' is lost: {reason}."));
            }
            Event::Disconnected(cause) => self.lose(cause),
            _ => {}
        }
    }

    fn keep(&mut self) -> io::Result<()> {
        let unwritten = std::mem::take(&mut self.unwritten);
        if self.is_broken {
            return Ok(());
        }
        self.byte_count += unwritten.len() as u64;
        let written = self.file.write_all(&unwritten).and_then(|()| self.file.flush());
        self.is_broken = written.is_err();
        written
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.zero = line.zero();
        match self.state {
            State::Begin => self.subscribe(line)?,
            // The client has made the Subscriptions again, where the Session was lost.
            State::Returned(since_us) if line.client().is_online() && line.client().is_idle() => {
                self.push_gap(since_us);
                self.state = State::Complete;
            }
            _ => {}
        }
        self.show_progress();
        if self.is_enough() && self.state != State::End && !line.client().awaits_release() {
            if self.state == State::Complete {
                self.state = State::End;
            }
            line.leave();
        }
        Ok(())
    }

    fn deadline_ms(&self) -> Option<u64> {
        let left = |seconds| Duration::from_secs(seconds).saturating_sub(self.start.elapsed());
        let left_ms = self.settings.recording.duration_s.map(|seconds| left(seconds).as_millis() as u64 + 1);
        let progress_ms = self.progress.as_ref().map(Progress::next_ms);
        let wait_ms = [left_ms, progress_ms].into_iter().flatten().min()?;
        Some(self.zero.elapsed().as_millis() as u64 + wait_ms)
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn takes_messages(&self) -> bool {
        !self.is_enough() && !self.is_broken
    }
}

fn unable(refusal: &midge_client_core::Refusal) -> String {
    format!("Error: Unable to subscribe: {refusal}.")
}

/// A new file, or standard output where the path is `-`.
fn open(path: &Path, overwrites: bool) -> io::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdout()));
    }
    let mut options = File::options();
    let file =
        if overwrites { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) };
    Ok(Box::new(file.open(path)?))
}
