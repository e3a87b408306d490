//! The thread that asks for metrics, takes lines, and has the collector take both.
//!
//! Metrics that are not taken are measured anew for the next try: what is counted is in the later ones too. Lines are kept as they
//! are, one request of them; what has come since waits in the queue.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use midge_config::Otlp;
use midge_console::Source;
use midge_console::metrics::{self, Family};
use midge_console::source::About;
use midge_otlp::answer::Answer;
use midge_otlp::{Signal, Speaker};

use super::Surroundings;
use super::channel::Channel;
use super::convert::{self, Times, log_record};
use super::exports::Orders;
use super::health::Health;
use crate::clock;
use crate::log::records::{MANY, QUEUE_BYTES_MAX, Records};
use crate::log::{Escaped, LogBuffer, LogType};

/// See the module.
pub(super) struct Exporter {
    surroundings: Arc<Surroundings>,
    orders: Arc<Orders>,
    log: LogBuffer,
    speaker: Speaker,
    /// From when on the server counts.
    start_ns: u64,
    /// What is in force.
    options: Otlp,
    metrics: Option<Channel>,
    logs: Option<Channel>,
    /// Lines on their way, and how many they are.
    pending: Option<(Vec<u8>, u64)>,
    /// Lines that were left out, and nobody was told yet.
    left_out: u64,
    told_left_out: Option<Instant>,
    health: Health,
    last: Option<Vec<Family>>,
}

impl Exporter {
    pub(super) fn new(surroundings: Arc<Surroundings>, orders: Arc<Orders>) -> Exporter {
        let about = surroundings.source.about();
        Exporter {
            log: LogBuffer::private(Arc::clone(&surroundings.log)),
            speaker: speaker(&about),
            start_ns: about.started_ms * 1_000_000,
            surroundings,
            orders,
            options: Otlp::default(),
            metrics: None,
            logs: None,
            pending: None,
            left_out: 0,
            told_left_out: None,
            health: Health::default(),
            last: None,
        }
    }

    /// Until it is over.
    pub(super) fn run(mut self) {
        self.records().begin(thread::current());
        loop {
            let order = self.orders.take();
            if let Some(options) = order.options.filter(|options| *options != self.options) {
                self.adopt(options);
            }
            self.last = order.last.or(self.last);
            if order.is_over {
                return self.end();
            }
            let now = Instant::now();
            if self.metrics.as_ref().is_some_and(|channel| channel.due <= now) {
                let families = metrics::of_server(&*self.surroundings.source);
                // At the end nobody answers, and what was measured before that counts.
                if self.orders.are_there() {
                    continue;
                }
                self.send_metrics(&families, now + TIMEOUT);
            }
            if self.logs_due().is_some_and(|due| due <= now) {
                self.send_logs(now + TIMEOUT);
            }
            let due = self.metrics.as_ref().map(|channel| channel.due).into_iter().chain(self.logs_due()).min();
            // While a request was sent, what sends it may have slept in the same way, and have been woken in our place.
            if self.orders.are_there() {
                continue;
            }
            match due {
                Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                None => thread::park(),
            }
        }
    }

    /// Goes on as these say.
    fn adopt(&mut self, options: Otlp) {
        let channel =
            |signal, is_wanted| (options.endpoint.is_some() && is_wanted).then(|| Channel::new(signal, &options));
        (self.metrics, self.logs) = (channel(Signal::Metrics, options.metrics), channel(Signal::Logs, options.logs));
        if self.logs.is_none() {
            self.pending = None;
            while !self.records().take(MANY).is_empty() {}
        }
        self.health = Health::default();
        self.options = options;
    }

    fn records(&self) -> &Records {
        self.surroundings.log.records()
    }

    /// When lines are to be sent, if there are any.
    fn logs_due(&mut self) -> Option<Instant> {
        let waiting = self.surroundings.log.records().waiting();
        let channel = self.logs.as_mut()?;
        if self.pending.is_none() && waiting == 0 {
            channel.gather = None;
            return None;
        }
        if self.pending.is_some() || waiting >= MANY {
            return Some(channel.due);
        }
        // Those that follow shortly go with them.
        let gather = *channel.gather.get_or_insert_with(|| Instant::now() + GATHER_TIME);
        Some(channel.due.max(gather))
    }

    fn send_metrics(&mut self, families: &[Family], deadline: Instant) {
        let Some(channel) = &mut self.metrics else { return };
        let times = Times { start_ns: self.start_ns, now_ns: clock::wall_ns() };
        let body = self.speaker.metrics(families.iter().map(|family| convert::metric(family, times)).collect());
        let next = Instant::now() + Duration::from_secs(self.options.interval_s.into());
        let answer = channel.send(&body, deadline);
        channel.due = match answer {
            Answer::Later { .. } => channel.due,
            _ => channel.due.max(next),
        };
        self.note(Signal::Metrics, &answer);
    }

    /// Sends a request of lines. `false`: it is not to be tried again at once.
    fn send_logs(&mut self, deadline: Instant) -> bool {
        if self.pending.is_none() {
            let records = self.records().take(MANY);
            let count = records.len() as u64;
            let body = self.speaker.logs(records.into_iter().map(log_record).collect());
            self.pending = Some((body, count));
        }
        self.left_out += self.records().take_left_out();
        let (Some(channel), Some((body, count))) = (&mut self.logs, &self.pending) else { return false };
        channel.gather = None;
        let answer = channel.send(body, deadline);
        match &answer {
            Answer::Later { .. } => {}
            Answer::Taken => self.pending = None,
            Answer::TakenInPart { refused, .. } => {
                self.left_out += refused;
                self.pending = None;
            }
            Answer::Refused { .. } => {
                self.left_out += count;
                self.pending = None;
            }
        }
        self.note(Signal::Logs, &answer);
        let is_taken = matches!(answer, Answer::Taken);
        if is_taken && self.told_left_out.is_none_or(|told| told.elapsed() > TELL_EVERY) {
            self.tell_left_out();
        }
        is_taken
    }

    /// Tells what is news about the collector.
    fn note(&mut self, signal: Signal, answer: &Answer) {
        let (what, shown) = (signal.name(), self.shown());
        match answer {
            Answer::Taken => {
                if let Some(time) = self.health.worked(signal) {
                    let text = format!("{shown} takes what it is sent again, after {} seconds.", time.as_secs());
                    self.tell(LogType::Notice, &text);
                }
            }
            Answer::TakenInPart { reason, .. } => {
                if self.health.failed(signal, reason) {
                    let text =
                        format!("Error: {shown} takes some of the {what} only: {}; see its own log.", Escaped(reason));
                    self.tell(LogType::Error, &text);
                }
            }
            Answer::Refused { reason, remedy } => {
                if self.health.failed(signal, reason) {
                    let text = format!("Error: {shown} refuses {what}: {}; {remedy}.", Escaped(reason));
                    self.tell(LogType::Error, &text);
                }
            }
            Answer::Later { reason, remedy, .. } => {
                if self.health.failed(signal, reason) {
                    let waits = match &self.logs {
                        Some(_) => {
                            format!(" Log lines wait in memory until it does, {} MiB of them.", QUEUE_BYTES_MAX >> 20)
                        }
                        None => String::new(),
                    };
                    let text = format!("Error: {shown} takes no {what}: {}; {remedy}.{waits}", Escaped(reason));
                    self.tell(LogType::Error, &text);
                }
            }
        }
    }

    fn tell_left_out(&mut self) {
        let count = std::mem::take(&mut self.left_out);
        if count > 0 {
            self.told_left_out = Some(Instant::now());
            let text =
                format!("Warning: {} did not take {count} log lines, which it will not get any more.", self.shown());
            self.tell(LogType::Warning, &text);
        }
    }

    fn tell(&mut self, kind: LogType, text: &str) {
        let wall_s = clock::wall_s();
        self.log.line(wall_s, kind, format_args!("{text}"));
        self.log.flush(wall_s);
    }

    /// For people. What follows a question mark may be a secret.
    fn shown(&self) -> String {
        let url = self.options.endpoint.as_deref().unwrap_or_default();
        format!("The collector at {}", url.split('?').next().unwrap_or_default())
    }

    /// Sends what is left, once.
    fn end(mut self) {
        let deadline = Instant::now() + LAST_TIME;
        if let Some(families) = self.last.take() {
            self.send_metrics(&families, deadline);
        }
        let is_left = |it: &Exporter| it.logs.is_some() && (it.pending.is_some() || it.records().waiting() > 0);
        while is_left(&self) && Instant::now() < deadline {
            if !self.send_logs(deadline) {
                break;
            }
        }
        let pending = self.pending.take().map_or(0, |(_, count)| count);
        self.left_out += pending + self.records().waiting() as u64 + self.records().take_left_out();
        self.tell_left_out();
        self.log.log().settle();
    }
}

/// Which program this is, and on which machine. Prometheus calls the last one `instance`, and its own look like this.
fn speaker(about: &About) -> Speaker {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    let port = about.mqtt_port.or(about.mqtt_tls_port);
    let instance = port.map_or_else(|| host.clone().into_owned(), |port| format!("{host}:{port}"));
    let resource = [
        ("service.name", "midge"),
        ("service.version", &about.version),
        ("service.instance.id", &instance),
        ("host.name", &host),
    ];
    Speaker {
        resource: resource.map(|(name, value)| convert::text(name, value)).to_vec(),
        scope: ("midge".to_owned(), about.version.clone()),
    }
}

/// As the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// For all that is sent last.
const LAST_TIME: Duration = Duration::from_secs(3);

/// For lines that follow another one.
const GATHER_TIME: Duration = Duration::from_secs(1);

/// Where lines are left out all the time.
const TELL_EVERY: Duration = Duration::from_secs(60);
