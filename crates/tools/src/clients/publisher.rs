//! `pub`: publishes messages and leaves.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use midge_client_core::{DropReason, Event, Message, Refusal};
use midge_client_mio::WatchId;
use midge_codec::{Properties, ReasonCode};

use super::Failure;
use super::input::{self, Lines};
use super::session::{Line, Work};
use super::settings::{Settings, Source};
use crate::output::reason;

/// What there is to publish, and how far that has come.
pub(super) struct Publisher<'a> {
    settings: &'a Settings,
    template: Message<'a>,
    input: Input,
    is_online: bool,
    /// Why a message was not sent.
    refusal: Option<Refusal>,
}

/// Where payloads come from.
enum Input {
    /// One payload, so many times.
    Payload(Repetition),
    /// Lines of standard input.
    Lines(LineInput),
}

/// Lines, and where they come from.
#[derive(Default)]
struct LineInput {
    lines: Lines,
    watched: Option<Watched>,
    is_ready: bool,
}

/// A payload that is published again and again.
struct Repetition {
    payload: Vec<u8>,
    /// How often it still is.
    left: u32,
    /// When it is next; not known while one is on its way.
    next_ms: Option<u64>,
}

/// Standard input, which is looked at when there is a connection.
struct Watched {
    file: File,
    id: WatchId,
}

impl<'a> Publisher<'a> {
    /// Reads what there is to read before connecting.
    pub(super) fn new(settings: &'a Settings) -> Result<Publisher<'a>, Failure> {
        let missing = || Failure::Usage("Error: Both topic and message must be supplied.".to_owned());
        let source = settings.message.source.as_ref().ok_or_else(missing)?;
        let input = match input::payload(source)? {
            Some(payload) => {
                let left = settings.message.count;
                Input::Payload(Repetition { payload, left, next_ms: Some(0) })
            }
            None => Input::Lines(LineInput::default()),
        };
        let topic = settings.topics.last().ok_or_else(missing)?;
        let template = Message {
            topic,
            payload: &[],
            qos: settings.qos,
            retain: settings.message.retain,
            properties: settings.properties.publish.as_properties(),
        };
        Ok(Publisher { settings, template, input, is_online: false, refusal: None })
    }
}

impl Work for Publisher<'_> {
    fn handle(&mut self, event: &Event<'_>, _: &mut Vec<u8>) {
        match *event {
            Event::Connected(_) => self.is_online = true,
            Event::Disconnected(_) => self.is_online = false,
            Event::Acknowledged { number, reason_code, properties } if reason_code.is_error() => {
                warn(self.settings, number, reason_code, properties);
            }
            Event::Dropped { why: DropReason::Refused(refusal), .. } => self.refusal = Some(refusal),
            _ => {}
        }
    }

    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refused(refusal));
        }
        if !self.is_online {
            if let Input::Lines(input) = &self.input {
                input.rest(line);
            }
            return Ok(());
        }
        let is_done = match &mut self.input {
            Input::Payload(repetition) => repetition.publish(self.settings, &self.template, line)?,
            Input::Lines(input) => input.publish(&self.template, line)?,
        };
        if is_done && line.has_delivered() {
            line.leave();
        }
        Ok(())
    }

    fn deadline_ms(&self) -> Option<u64> {
        match &self.input {
            Input::Payload(repetition) if self.is_online => repetition.next_ms,
            _ => None,
        }
    }

    fn goes_on(&self) -> bool {
        self.settings.message.source == Some(Source::Lines)
    }

    fn handle_ready(&mut self) {
        if let Input::Lines(input) = &mut self.input {
            input.is_ready = true;
        }
    }
}

impl Repetition {
    /// Publishes when it is time and nothing is under way. Whether all is published.
    fn publish(&mut self, settings: &Settings, template: &Message<'_>, line: &mut Line<'_>) -> Result<bool, String> {
        let now_ms = line.now_ms();
        if self.next_ms.is_some_and(|next_ms| next_ms <= now_ms) {
            let message = Message { payload: &self.payload, ..*template };
            line.driver.publish(line.id, &message).map_err(refused)?;
            self.left -= 1;
            self.next_ms = None;
        }
        if self.next_ms.is_none() && self.left > 0 && line.has_delivered() {
            self.next_ms = Some(now_ms + settings.message.delay.as_millis() as u64);
        }
        Ok(self.left == 0)
    }
}

impl LineInput {
    /// Reads what there is and publishes it, as far as there is room. Whether all is published.
    fn publish(&mut self, template: &Message<'_>, line: &mut Line<'_>) -> Result<bool, String> {
        let failed = |error: io::Error| format!("Error: Unable to read standard input: {}.", reason(&error));
        if self.watched.is_none() {
            self.watched = Some(Watched::begin(line).map_err(failed)?);
        }
        let Some(watched) = &mut self.watched else { return Ok(false) };
        if std::mem::take(&mut self.is_ready) && self.lines.wants_more() {
            self.lines.read(&mut watched.file).map_err(failed)?;
        }
        while let Some(payload) = self.lines.next() {
            match line.driver.publish(line.id, &Message { payload, ..*template }) {
                Ok(_) => self.lines.take(),
                Err(Refusal::Full) => break,
                Err(refusal) => return Err(refused(refusal)),
            }
        }
        line.driver.set_watching(watched.id, self.lines.wants_more());
        Ok(self.lines.is_over())
    }
}

impl LineInput {
    /// Nothing is read for now: to be told again and again that something could be would keep a processor busy.
    fn rest(&self, line: &mut Line<'_>) {
        if let Some(watched) = &self.watched {
            line.driver.set_watching(watched.id, false);
        }
    }
}

impl Watched {
    fn begin(line: &mut Line<'_>) -> io::Result<Watched> {
        let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let id = line.driver.watch(&file)?;
        Ok(Watched { file, id })
    }
}

/// The server has not taken a message.
fn warn(settings: &Settings, number: u64, reason_code: ReasonCode, properties: Properties<'_>) {
    settings.complain(&format!("Warning: Publish {number} failed: {}.", reason_code.name()));
    if let Some(reason) = properties.reason_string() {
        settings.complain(&reason.escape_debug().to_string());
    }
}

/// What people are told when a message cannot be sent.
pub(super) fn refused(refusal: Refusal) -> String {
    match refusal {
        Refusal::TopicNameInvalid => "Error: Invalid input. Does your topic contain '+' or '#'?".to_owned(),
        Refusal::PacketTooLarge => "Error: Message payload is too large.".to_owned(),
        Refusal::QosNotSupported => "Error: Message QoS not supported on broker, try a lower QoS.".to_owned(),
        other => format!("Error: Unable to publish: {other}."),
    }
}
