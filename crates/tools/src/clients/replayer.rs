//! `replay`: publishes what was recorded, with the distances in time that it had.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Instant;

use midge_client_core::{DropReason, Event, Message, Refusal};
use midge_codec::{Properties, check_topic_name};

use super::Failure;
use super::progress::{self, Progress, clock};
use super::publisher::refused;
use super::session::{Line, Work};
use super::settings::Settings;
use crate::recording::{self, Entry, Reader, Recorded, Trouble};

/// A recording, and how far it has come.
pub(super) struct Replayer<'a> {
    settings: &'a Settings,
    reader: Reader,
    duration: recording::Duration,
    /// What comes next; nothing at the end.
    next: Option<Entry>,
    /// The recording was brought to its end.
    has_end: bool,
    is_online: bool,
    /// When the first moment of what is wanted was.
    start: Option<Instant>,
    /// When the clock of the session was 0.
    zero: Instant,
    message_count: u64,
    refused_count: u64,
    /// What is to be told.
    complaints: Vec<String>,
    progress: Option<Progress>,
    /// There is room for another message when the server has answered for one.
    is_full: bool,
    is_done: bool,
}

impl<'a> Replayer<'a> {
    /// Opens the recording.
    pub(super) fn new(settings: &'a Settings) -> Result<Replayer<'a>, Failure> {
        let [path] = settings.operands.as_slice() else {
            return Err(Failure::Usage("Error: Name one file to replay.".to_owned()));
        };
        let (reader, duration) = Reader::open(Path::new(path))
            .map_err(|error| Failure::Other(format!("Error: {} cannot be replayed: {error}.", path.display())))?;
        let shows_progress = !settings.is_quiet && io::stderr().is_terminal();
        let mut replayer = Replayer {
            settings,
            reader,
            duration,
            next: None,
            has_end: false,
            is_online: false,
            start: None,
            zero: Instant::now(),
            message_count: 0,
            refused_count: 0,
            complaints: Vec::new(),
            progress: shows_progress.then(Progress::new),
            is_full: false,
            is_done: false,
        };
        replayer.read();
        Ok(replayer)
    }

    /// Reads up to the next message that is wanted.
    fn read(&mut self) {
        let wanted = &self.settings.recording;
        self.next = None;
        loop {
            match self.reader.next() {
                Ok(Some(Entry::Message { time_us, .. })) if time_us < wanted.from_us => {}
                Ok(Some(entry)) if entry.time_us() > wanted.to_us => {
                    self.has_end = true;
                    return;
                }
                Ok(Some(entry @ Entry::Message { .. })) => {
                    self.next = Some(entry);
                    return;
                }
                Ok(Some(Entry::Gap { time_us, lasted_us })) => {
                    let (at, lasted) = (clock(time_us.saturating_sub(lasted_us) / 1_000_000), lasted_us as f64 / 1e6);
                    self.complaints.push(format!(
                        "Warning: Messages may be missing here: at {at} the recorder had no connection, for {lasted:.1} s."
                    ));
                }
                Ok(Some(Entry::End { .. })) => self.has_end = true,
                Ok(None) => {
                    if !self.has_end {
                        let cut =
                            "Warning: The recording has no end: who recorded was interrupted, or the file was cut off.";
                        self.complaints.push(cut.to_owned());
                    }
                    return;
                }
                Err(Trouble::Cut(bytes)) => {
                    let cut = "Warning: The recording was cut off; what follows byte";
                    self.complaints.push(format!("{cut} {bytes} is not whole."));
                    return;
                }
                Err(Trouble::Damaged(why)) => {
                    self.complaints.push(format!("Error: The recording ends here: {why}."));
                    self.refused_count += 1;
                    return;
                }
            }
        }
    }

    /// When the next message is to be published, in milliseconds from the start; 0 where there is no speed to be kept.
    fn due_ms(&self) -> Option<u64> {
        let wanted = &self.settings.recording;
        let time_us = self.next.as_ref()?.time_us().saturating_sub(wanted.from_us);
        Some(wanted.speed.map_or(0, |speed| (time_us as f64 / speed / 1000.0) as u64))
    }

    fn elapsed_ms(&self) -> u64 {
        self.start.map_or(0, |start| start.elapsed().as_millis() as u64)
    }

    /// Publishes what is due, as far as there is room.
    fn publish(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        self.is_full = false;
        for _ in 0..MESSAGES_MAX {
            let now_ms = self.elapsed_ms();
            let Some(Entry::Message { message, .. }) = self.next.as_ref().filter(|_| self.due_ms() <= Some(now_ms))
            else {
                break;
            };
            let topic = self.settings.recording.mapped(&message.topic);
            if check_topic_name(&topic).is_err() {
                let topic = topic.escape_debug();
                return Err(format!("Error: --map makes the topic '{topic}', which is none."));
            }
            match publish(line, message, &topic) {
                Ok(()) => self.message_count += 1,
                Err(Refusal::Full) => {
                    self.is_full = true;
                    break;
                }
                Err(refusal) => return Err(refused(refusal)),
            }
            self.read();
        }
        Ok(())
    }

    fn refuse(&mut self, why: &str) {
        self.refused_count += 1;
        if self.refused_count <= REFUSALS_TOLD_MAX {
            self.complaints.push(format!("Warning: The server has not taken a message: {why}."));
        }
    }

    fn show_progress(&mut self) {
        let Some(progress) = &mut self.progress else { return };
        let wanted = &self.settings.recording;
        let elapsed_s = self.start.map_or(0.0, |start| start.elapsed().as_secs_f64());
        let whole_s = self
            .duration
            .end_us
            .zip(wanted.speed)
            .map(|(end_us, speed)| end_us.min(wanted.to_us).saturating_sub(wanted.from_us) as f64 / 1e6 / speed);
        let share = match (whole_s, self.duration.bytes) {
            (Some(whole_s), _) if whole_s > 0.0 => Some(elapsed_s / whole_s),
            (_, Some(bytes)) => Some(self.reader.offset() as f64 / bytes.max(1) as f64),
            _ => None,
        };
        let messages = self.message_count;
        progress.show(|| match share.map(|share| share.clamp(0.0, 1.0)) {
            Some(share) if share > 0.0 => {
                let left = clock((elapsed_s / share - elapsed_s).ceil() as u64);
                format!("{} {:3.0} %  {messages} messages  {left} left", progress::bar(share), share * 100.0)
            }
            Some(_) | None => format!("{messages} messages  {}", clock(elapsed_s as u64)),
        });
    }
}

impl Work for Replayer<'_> {
    fn handle(&mut self, event: &Event<'_>, _: &mut Vec<u8>) {
        match *event {
            Event::Connected(_) => self.is_online = true,
            Event::Disconnected(_) => self.is_online = false,
            Event::Acknowledged { reason_code, .. } if reason_code.is_error() => self.refuse(reason_code.name()),
            Event::Dropped { why: DropReason::Refused(refusal), .. } => self.refuse(&refusal.to_string()),
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if !self.complaints.is_empty()
            && let Some(progress) = &mut self.progress
        {
            progress.clear();
        }
        self.complaints.drain(..).for_each(|complaint| self.settings.complain(&complaint));
        if !self.is_online || self.is_done {
            return Ok(());
        }
        self.zero = line.zero();
        self.start.get_or_insert_with(Instant::now);
        self.publish(line)?;
        self.show_progress();
        if self.next.is_some() || !line.has_delivered() || !self.complaints.is_empty() {
            return Ok(());
        }
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        self.is_done = true;
        self.settings.complain(&format!("Replayed messages: {}.", self.message_count));
        match self.refused_count {
            0 => line.leave(),
            _ => return Err("Error: Not all of the recording has reached the server.".to_owned()),
        }
        Ok(())
    }

    fn deadline_ms(&self) -> Option<u64> {
        if !self.is_online || self.is_done {
            return None;
        }
        let at_once = (!self.complaints.is_empty()).then_some(0);
        let due_ms = self.due_ms().filter(|_| !self.is_full).map(|due_ms| due_ms.saturating_sub(self.elapsed_ms()));
        let progress_ms = self.progress.as_ref().map(Progress::next_ms);
        let wait_ms = [at_once, due_ms, progress_ms].into_iter().flatten().min()?;
        Some(self.zero.elapsed().as_millis() as u64 + wait_ms)
    }

    fn goes_on(&self) -> bool {
        true
    }
}

/// As it was, on this topic.
fn publish(line: &mut Line<'_>, message: &Recorded, topic: &str) -> Result<(), Refusal> {
    let Recorded { qos, retain, payload, .. } = message;
    let properties = Properties::of_publish(&message.properties).map_err(|_| Refusal::PropertiesInvalid)?;
    let message = Message { topic, payload, qos: *qos, retain: *retain, properties };
    line.driver.publish(line.id, &message).map(drop)
}

/// Between two looks at the connection.
const MESSAGES_MAX: usize = 1_000;

/// One by one; the others are only counted.
const REFUSALS_TOLD_MAX: u64 = 10;
