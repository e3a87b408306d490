//! One connection from its beginning to its end, and the exit status that follows from it.
//!
//! The event loop is the driver's; here stands when a tool gives up, what people are told, and what reaches standard output: what
//! a turn brings is written once, and only then acknowledged, so that nothing is lost that the server has been told of.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use midge_client_core::{Client, Event, Options, Receipt, Reconnect};
use midge_client_mio::{ConnectionId, Driver, Notice, WatchId};
use midge_codec::{PropertiesBuf, ReasonCode};

use super::ending::{self, End};
use super::settings::{Settings, Tool};
use super::signals::Signals;
use super::trace::Trace;
use super::{endpoint, options};
use crate::output::reason;

/// What a tool does with its connection.
pub(super) trait Work {
    /// Something happened. What is to be shown goes to the end of `out`.
    fn handle(&mut self, event: &Event<'_>, out: &mut Vec<u8>);

    /// Keeps what has come, before the server is told that it came.
    ///
    /// # Errors
    /// When it cannot be kept; it is not acknowledged then.
    fn keep(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A turn is over: does what is to be done now.
    ///
    /// # Errors
    /// With the message for the user, when it cannot go on.
    fn act(&mut self, line: &mut Line<'_>) -> Result<(), String>;

    /// When it wants to act without anything having happened, on the clock of [`Line::now_ms`].
    fn deadline_ms(&self) -> Option<u64> {
        None
    }

    /// Whether a connection that is lost is made again.
    fn goes_on(&self) -> bool {
        false
    }

    /// Whether messages that come now are meant for it. Those that are not stay with the server.
    fn takes_messages(&self) -> bool {
        true
    }

    /// A file that it watches can be read.
    fn handle_ready(&mut self) {}
}

/// The connection, for a tool that acts.
pub(super) struct Line<'a> {
    pub(super) driver: &'a mut Driver,
    pub(super) id: ConnectionId,
    /// What is to be shown.
    pub(super) out: &'a mut Vec<u8>,
    disconnect_properties: &'a PropertiesBuf,
    has_left: &'a mut bool,
}

impl Line<'_> {
    pub(super) fn client(&mut self) -> &mut Client {
        self.driver.client_mut(self.id)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.driver.now_ms()
    }

    /// When [`Line::now_ms`] was 0.
    pub(super) fn zero(&self) -> Instant {
        Instant::now() - Duration::from_millis(self.now_ms())
    }

    /// Whether the server answers for all messages that were published; those of QoS 0 need only be on their way.
    pub(super) fn has_delivered(&mut self) -> bool {
        let client = self.client();
        client.held() == (0, 0) && client.inflight().next().is_none()
    }

    /// Leaves at once.
    pub(super) fn leave(&mut self) {
        let properties = self.disconnect_properties;
        // Once: where the server does not read, the rest of the output is waited for.
        *self.has_left |= self.client().is_online();
        self.client().disconnect(ReasonCode::NORMAL_DISCONNECTION, properties, &mut |_| {});
    }
}

/// A tool's connection.
pub(super) struct Session<'a> {
    settings: &'a Settings,
    driver: Driver,
    id: ConnectionId,
    signals: Signals,
    signals_watch: WatchId,
    notes: Notes,
    out: Vec<u8>,
    /// When the time of `-W` is over.
    timeout_ms: Option<u64>,
    /// DISCONNECT was said, and is to be written without a wait.
    has_left: bool,
    /// When leaving has taken too long.
    patience_ms: Option<u64>,
}

/// What turns have told and the session has not heeded yet.
struct Notes {
    trace: Option<Trace>,
    /// The server has accepted us once.
    was_online: bool,
    /// Why there is no connection: a status, and what people are told.
    failure: Option<(u8, String)>,
    /// How the connection ended.
    end: Option<End>,
    receipts: Vec<Receipt>,
    has_signal: bool,
}

impl<'a> Session<'a> {
    /// Begins to connect, and to do so again where that is wanted.
    ///
    /// # Errors
    /// With the message for the user, when that cannot be.
    pub(super) fn new(settings: &'a Settings, goes_on: bool) -> Result<Session<'a>, String> {
        let reconnect = goes_on.then_some(RECONNECT);
        let options = Options { reconnect, ..options::options(settings)? };
        let endpoint = endpoint::endpoint(settings)?;
        let system = |error: io::Error| format!("Error: {}.", reason(&error));
        let mut driver = Driver::new().map_err(system)?;
        let signals = Signals::new().map_err(system)?;
        let signals_watch = driver.watch(&signals).map_err(system)?;
        let tells_grants = settings.tool == Tool::Subscriber && !settings.is_quiet;
        let trace = settings.is_debugging.then(|| Trace::new(options.version, &options.client_id, tells_grants));
        let notes =
            Notes { trace, was_online: false, failure: None, end: None, receipts: Vec::new(), has_signal: false };
        let id = driver.add(Client::new(options), endpoint);
        let timeout_ms = settings.timeout_s.map(|seconds| driver.now_ms() + u64::from(seconds) * 1000);
        let out = Vec::new();
        let (has_left, patience_ms) = (false, None);
        Ok(Session { settings, driver, id, signals, signals_watch, notes, out, timeout_ms, has_left, patience_ms })
    }

    /// Works until the work is done; gives the exit status.
    pub(super) fn run(mut self, work: &mut dyn Work) -> u8 {
        let mut status = 0;
        while !self.driver.is_over(self.id) && !self.is_impatient() {
            if let Err(error) = self.turn(work) {
                self.settings.complain(&format!("Error: {}.", reason(&error)));
                return 1;
            }
            if let Err(error) = self.write(work) {
                // They are to come again, to somebody who has room for them.
                self.notes.receipts.clear();
                if error.kind() != ErrorKind::BrokenPipe {
                    self.settings.complain(&format!("Error: Unable to write output: {}.", reason(&error)));
                    status = 1;
                }
                self.leave(ReasonCode::NORMAL_DISCONNECTION);
            }
            status = self.look(work).unwrap_or(status);
        }
        // Lines of the last packets; who does not read them has seen enough.
        let _ = self.write(work);
        status
    }

    fn turn(&mut self, work: &mut dyn Work) -> io::Result<()> {
        let at_once = std::mem::take(&mut self.has_left).then_some(0);
        let until_ms = [at_once, work.deadline_ms(), self.timeout_ms, self.patience_ms].into_iter().flatten().min();
        let Session { driver, notes, out, signals_watch, .. } = self;
        driver.turn(until_ms, &mut |notice| match notice {
            Notice::Event(_, event) => notes.take(&event, work, out),
            Notice::Failed(_, failure) => notes.failure = Some(ending::failed(failure)),
            Notice::Ready(watch) if watch == *signals_watch => notes.has_signal = true,
            Notice::Ready(_) => work.handle_ready(),
        })
    }

    /// Shows what there is to show, and then tells the server that it came.
    fn write(&mut self, work: &mut dyn Work) -> io::Result<()> {
        work.keep()?;
        if !self.out.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&std::mem::take(&mut self.out))?;
            stdout.flush()?;
        }
        for receipt in self.notes.receipts.drain(..) {
            self.driver.client_mut(self.id).acknowledge(receipt, ReasonCode::SUCCESS);
        }
        Ok(())
    }

    /// Heeds what a turn has brought. Gives an exit status where it has one.
    fn look(&mut self, work: &mut dyn Work) -> Option<u8> {
        if std::mem::take(&mut self.notes.has_signal)
            && let Some(signal) = self.signals.take()
        {
            return Some(self.end_by_signal(signal));
        }
        if self.timeout_ms.is_some_and(|timeout_ms| self.driver.now_ms() >= timeout_ms) {
            self.timeout_ms = None;
            self.settings.complain("Timed out");
            self.leave(ReasonCode::DISCONNECT_WITH_WILL_MESSAGE);
            return Some(STATUS_TIMED_OUT);
        }
        if let Some(end) = self.notes.end.take() {
            return self.end(&end, work.goes_on());
        }
        if self.patience_ms.is_none() {
            let mut line = Line {
                driver: &mut self.driver,
                id: self.id,
                out: &mut self.out,
                disconnect_properties: &self.settings.properties.disconnect,
                has_left: &mut self.has_left,
            };
            if let Err(message) = work.act(&mut line) {
                self.settings.complain(&message);
                self.leave(ReasonCode::NORMAL_DISCONNECTION);
                return Some(1);
            }
        }
        None
    }

    /// The connection has ended without our will. Gives the exit status where it is not made again.
    fn end(&mut self, end: &End, goes_on: bool) -> Option<u8> {
        let notes = &mut self.notes;
        if notes.was_online && goes_on && end.passes() {
            return None;
        }
        let failure = notes.failure.take().filter(|_| !notes.was_online);
        let (status, message) = match (end, failure) {
            (End::Lost, Some(failure)) => failure,
            (end, _) => end.told(self.settings.tool),
        };
        self.settings.complain(&message);
        self.leave(ReasonCode::NORMAL_DISCONNECTION);
        Some(status)
    }

    /// Leaves for a signal; a second one does not wait for the server.
    fn end_by_signal(&mut self, signal: u8) -> u8 {
        let was_leaving = self.patience_ms.is_some();
        self.leave(ReasonCode::DISCONNECT_WITH_WILL_MESSAGE);
        if was_leaving {
            self.patience_ms = Some(0);
        }
        match self.settings.tool {
            Tool::Subscriber | Tool::Recorder if self.notes.was_online => 0,
            Tool::Subscriber | Tool::Recorder => STATUS_INTERRUPTED,
            Tool::Publisher | Tool::Requester | Tool::Retained | Tool::Replayer | Tool::Doctor => 128 + signal,
        }
    }

    fn leave(&mut self, reason_code: ReasonCode) {
        let properties = &self.settings.properties.disconnect;
        self.driver.client_mut(self.id).disconnect(reason_code, properties, &mut |_| {});
        self.has_left = true;
        let patience_ms = self.driver.now_ms() + PATIENCE_MS;
        self.patience_ms = Some(self.patience_ms.unwrap_or(patience_ms));
    }

    fn is_impatient(&self) -> bool {
        self.patience_ms.is_some_and(|patience_ms| self.driver.now_ms() >= patience_ms)
    }
}

impl Notes {
    fn take(&mut self, event: &Event<'_>, work: &mut dyn Work, out: &mut Vec<u8>) {
        match event {
            Event::PacketReceived(packet) => {
                if let Some(trace) = &mut self.trace {
                    trace.tell_received(packet, out);
                }
            }
            Event::PacketSent(packet) => {
                if let Some(trace) = &mut self.trace {
                    trace.tell_sent(packet, out);
                }
            }
            Event::Connected(_) => self.was_online = true,
            Event::Message(..) if !work.takes_messages() => return,
            Event::Message(_, receipt) => self.receipts.extend(receipt),
            Event::Authentication(_) => self.end = Some(End::Challenge),
            Event::Disconnected(cause) => self.end = self.end.take().or(End::of(cause)),
            _ => {}
        }
        work.handle(event, out);
    }
}

/// When a connection that was there once is made again: at first at once.
const RECONNECT: Reconnect = Reconnect { least_ms: 50, most_ms: 1_000 };

/// The time of `-W` is over.
const STATUS_TIMED_OUT: u8 = 27;

/// A signal came before there was a connection.
const STATUS_INTERRUPTED: u8 = 255;

/// How long leaving may take.
const PATIENCE_MS: u64 = 2_000;
