//! One server under load once: from the first connection to the last, and what was measured in between.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

use hdrhistogram::Histogram;
use midge_client_core::Event;
use midge_client_transport::Failure;

use super::board::{Board, Counts, Phase};
use super::flow::Flow;
use super::scenario::{Plan, Scenario, Until};
use super::server::Server;
use super::storm::Storm;
use super::streams::Streams;
use super::target::Usage;
use super::watch::Watch;
use super::worker::{self, Cost, Tally, Waits, histogram};
use crate::clients::ending;
use crate::clients::settings::Tool;
use crate::output::reason;

/// What the threads of a round share.
pub(super) struct Round {
    pub(super) plan: Arc<Plan>,
    pub(super) server: Arc<Server>,
    pub(super) streams: Streams,
    pub(super) board: Board,
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Measurement {
    pub(super) seconds: f64,
    /// Deliveries, messages or connections, as the scenario counts.
    pub(super) done: u64,
    pub(super) latency: Histogram<u64>,
    /// Clients came in so fast, in a second; where they stay.
    pub(super) entered_per_second: Option<f64>,
    pub(super) server: Option<ServerCost>,
    pub(super) own: Cost,
    pub(super) faults: Faults,
    /// Messages that were due, and for which there was no room.
    pub(super) behind: u64,
    /// What was done until when, in seconds.
    pub(super) course: Vec<(f64, u64)>,
    pub(super) end: End,
}

/// What the server's process took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServerCost {
    pub(super) cpu_ns: u64,
    pub(super) resident_bytes: u64,
    /// More than before the clients came.
    pub(super) clients_bytes: u64,
}

/// What must not be.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) reordered: u64,
    pub(super) refused: u64,
    pub(super) foreign: u64,
}

/// How a measurement ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// As it was meant to.
    Complete,
    /// With nothing coming any more.
    Stalled,
    /// With the connections; the message for the user.
    Broken(String),
    /// By this signal.
    Interrupted(u8),
}

/// Why nothing was measured.
pub(super) enum NothingMeasured {
    /// With the message for the user.
    Failed(String),
    Interrupted(u8),
}

/// Counts and costs at a moment.
#[derive(Clone, Copy)]
struct Sample {
    at_ns: u64,
    published: u64,
    done: u64,
    usage: Option<Usage>,
}

impl Round {
    pub(super) fn new(plan: &Arc<Plan>, server: &Arc<Server>, prefix: &str) -> Arc<Round> {
        Arc::new(Round {
            streams: Streams::new(plan.shape, prefix),
            board: Board::new(plan.threads, plan.shape.publishers),
            plan: Arc::clone(plan),
            server: Arc::clone(server),
        })
    }

    /// Why there is no connection.
    pub(super) fn note_failure(&self, failure: &Failure) {
        self.board.note_failure(|| ending::failed(failure).1);
    }

    /// Why one has ended that nobody wanted to end.
    pub(super) fn note_end(&self, event: &Event<'_>) {
        if let Event::Disconnected(cause) = event
            && let Some(end) = ending::End::of(cause)
        {
            self.board.note_failure(|| end.told(Tool::Publisher).1);
        }
    }

    /// # Errors
    /// When nothing was measured.
    pub(super) fn run(self: &Arc<Round>, watch: &mut Watch) -> Result<Measurement, NothingMeasured> {
        let threads = self.begin().map_err(|error| failed(&error))?;
        let before = self.server.process.and_then(|process| process.usage());
        let outcome = self.enter(watch).map(|entered_per_second| self.measure(watch, before, entered_per_second));
        self.board.set_phase(Phase::Leave);
        let tallies: Result<Vec<Tally>, io::Error> =
            threads.into_iter().map(|thread| thread.join().expect("threads do not panic")).collect();
        let mut measurement = outcome?;
        if let (0, End::Broken(message)) = (measurement.done, &measurement.end) {
            return Err(NothingMeasured::Failed(message.clone()));
        }
        self.add(&mut measurement, tallies.map_err(|error| failed(&error))?);
        Ok(measurement)
    }

    fn begin(self: &Arc<Round>) -> io::Result<Vec<JoinHandle<io::Result<Tally>>>> {
        let waits = if self.plan.sleeps { Waits::Asleep } else { Waits::Awake };
        let threads = (0..self.plan.threads).map(|thread| {
            let round = Arc::clone(self);
            thread::Builder::new().name(format!("load {thread}")).spawn(move || match round.plan.scenario {
                Scenario::Connect => worker::run(Storm::new(&round, thread), &round.board, waits),
                _ => worker::run(Flow::new(&round, thread), &round.board, waits),
            })
        });
        threads.collect()
    }

    /// Waits until all clients are there. How many came in a second, where any did.
    fn enter(&self, watch: &mut Watch) -> Result<Option<f64>, NothingMeasured> {
        let clients = self.plan.shape.clients() as u64;
        let start_ns = self.board.now_ns();
        let mut patience = Patience::new(start_ns);
        loop {
            let entered = self.board.sum(|counts| &counts.entered);
            if self.board.sum(|counts| &counts.broken) > 0 {
                return Err(NothingMeasured::Failed(self.failure()));
            }
            if entered == clients {
                let seconds = (self.board.now_ns() - start_ns) as f64 / 1e9;
                return Ok((clients > 0).then_some(clients as f64 / seconds));
            }
            watch.show(&format!("{entered} of {clients} clients have come"), entered as f64 / clients as f64);
            if let Some(signal) = watch.signal() {
                return Err(NothingMeasured::Interrupted(signal));
            }
            if patience.is_over(entered, self.board.now_ns(), ENTERING_PATIENCE) {
                let message =
                    format!("Error: Only {entered} of {clients} clients came in; the server does not answer.");
                return Err(NothingMeasured::Failed(message));
            }
            thread::sleep(if entered == 0 { SHORT_TICK } else { TICK });
        }
    }

    fn measure(&self, watch: &mut Watch, before: Option<Usage>, entered_per_second: Option<f64>) -> Measurement {
        let mut course = Vec::new();
        let mut end = End::Complete;
        if let Until::Elapsed { warm_up, .. } = self.plan.until {
            self.board.set_phase(Phase::WarmUp);
            end = self.wait(watch, "warming up", warm_up, &mut |_| {});
        }
        let start = self.sample();
        self.board.set_phase(Phase::Measure);
        if end == End::Complete {
            let limit = match self.plan.until {
                Until::Elapsed { measured, .. } => measured,
                Until::Count(_) => Duration::MAX,
            };
            end = self.wait(watch, "measuring", limit, &mut |sample| course.push(between(&start, sample)));
        }
        let stop = self.sample();
        course.push(between(&start, &stop));
        self.board.set_phase(Phase::Drain);
        if matches!(end, End::Complete | End::Interrupted(_)) {
            self.drain(watch);
        }
        Measurement {
            seconds: (stop.at_ns - start.at_ns) as f64 / 1e9,
            done: stop.done - start.done,
            latency: histogram(),
            entered_per_second,
            server: server_cost(before, &start, &stop),
            own: Cost::default(),
            faults: Faults::default(),
            behind: 0,
            course,
            end,
        }
    }

    /// Lets the load go on for some time, or until all is done.
    fn wait(&self, watch: &mut Watch, doing: &str, limit: Duration, note: &mut dyn FnMut(&Sample)) -> End {
        let start_ns = self.board.now_ns();
        let mut patience = Patience::new(start_ns);
        loop {
            let now_ns = self.board.now_ns();
            let elapsed = Duration::from_nanos(now_ns - start_ns);
            let sample = Sample { usage: None, ..self.counts() };
            if let Some(end) = self.end(watch, &mut patience, &sample) {
                return end;
            }
            let is_done = match self.plan.until {
                Until::Count(count) => sample.published >= count && self.is_drained(),
                Until::Elapsed { .. } => elapsed >= limit,
            };
            if is_done {
                return End::Complete;
            }
            note(&sample);
            let share = match self.plan.until {
                Until::Count(count) => sample.published as f64 / count as f64,
                Until::Elapsed { .. } => elapsed.as_secs_f64() / limit.as_secs_f64(),
            };
            let (_, units) = self.plan.scenario.unit();
            watch.show(&format!("{doing}, {} {units}", sample.done), share);
            thread::sleep(if limit == Duration::MAX { SHORT_TICK } else { TICK.min(limit - elapsed) });
        }
    }

    /// Whether it ends before its time.
    fn end(&self, watch: &mut Watch, patience: &mut Patience, sample: &Sample) -> Option<End> {
        if let Some(signal) = watch.signal() {
            return Some(End::Interrupted(signal));
        }
        if self.board.sum(|counts| &counts.broken) > 0 {
            return Some(End::Broken(self.failure()));
        }
        let progress = sample.done + self.board.sum(|counts| &counts.acknowledged);
        let is_stalled = patience.is_over(progress, sample.at_ns, PATIENCE) && !self.is_drained();
        is_stalled.then_some(End::Stalled)
    }

    /// Waits for what is under way.
    fn drain(&self, watch: &mut Watch) {
        let mut patience = Patience::new(self.board.now_ns());
        let progress = || self.board.sum(|counts| &counts.done) + self.board.sum(|counts| &counts.acknowledged);
        while !self.is_drained() && self.board.sum(|counts| &counts.broken) == 0 {
            if patience.is_over(progress(), self.board.now_ns(), PATIENCE) || watch.signal().is_some() {
                return;
            }
            thread::sleep(SHORT_TICK);
        }
    }

    /// Whether all has come that was due.
    fn is_drained(&self) -> bool {
        let sum = |count: fn(&Counts) -> &super::board::Count| self.board.sum(count);
        let is_acknowledged = self.plan.qos == midge_codec::QoS::AtMostOnce
            || self.plan.scenario == Scenario::Connect
            || sum(|counts| &counts.acknowledged) >= sum(|counts| &counts.published);
        is_acknowledged && sum(|counts| &counts.done) >= sum(|counts| &counts.due)
    }

    fn counts(&self) -> Sample {
        Sample {
            at_ns: self.board.now_ns(),
            published: self.board.sum(|counts| &counts.published),
            done: self.board.sum(|counts| &counts.done),
            usage: None,
        }
    }

    fn sample(&self) -> Sample {
        Sample { usage: self.server.process.and_then(|process| process.usage()), ..self.counts() }
    }

    fn failure(&self) -> String {
        self.board.failure().unwrap_or_else(|| "Error: A connection was lost.".to_owned())
    }

    /// Adds up what the threads have counted.
    fn add(&self, measurement: &mut Measurement, tallies: Vec<Tally>) {
        let mut sent = vec![0; self.streams.list().len()];
        for &(stream, sequence) in tallies.iter().flat_map(|tally| &tally.sent) {
            sent[stream] = sequence;
        }
        let Measurement { faults, latency, own, behind, .. } = measurement;
        for tally in tallies {
            latency.add(tally.latency).expect("histograms of the same bounds");
            own.cpu_ns += tally.cost.cpu_ns;
            own.busy_ns += tally.cost.busy_ns;
            own.idle_ns += tally.cost.idle_ns;
            *behind += tally.behind;
            faults.refused += tally.refused;
            faults.foreign += if self.streams.list().is_empty() { 0 } else { tally.foreign };
            for (subscriber, ledger) in tally.ledgers {
                faults.lost += ledger.lost(self.streams.taken_by(subscriber).map(|stream| sent[stream]));
                faults.doubled += ledger.doubled;
                faults.reordered += ledger.reordered;
            }
        }
    }
}

fn server_cost(before: Option<Usage>, start: &Sample, stop: &Sample) -> Option<ServerCost> {
    let (before, start, stop) = (before?, start.usage?, stop.usage?);
    Some(ServerCost {
        cpu_ns: stop.cpu_ns.saturating_sub(start.cpu_ns),
        resident_bytes: stop.resident_bytes,
        clients_bytes: stop.resident_bytes.saturating_sub(before.resident_bytes),
    })
}

/// What was done from one moment to another.
fn between(start: &Sample, stop: &Sample) -> (f64, u64) {
    ((stop.at_ns - start.at_ns) as f64 / 1e9, stop.done - start.done)
}

fn failed(error: &io::Error) -> NothingMeasured {
    NothingMeasured::Failed(format!("Error: {}.", reason(error)))
}

/// Notices when a number does not grow any more.
struct Patience {
    progress: u64,
    since_ns: u64,
}

impl Patience {
    fn new(now_ns: u64) -> Patience {
        Patience { progress: 0, since_ns: now_ns }
    }

    fn is_over(&mut self, progress: u64, now_ns: u64, limit: Duration) -> bool {
        if mem::replace(&mut self.progress, progress) != progress {
            self.since_ns = now_ns;
        }
        now_ns - self.since_ns > limit.as_nanos() as u64
    }
}

/// How often it is looked at what the threads do.
const TICK: Duration = Duration::from_millis(20);

/// The same where the end is to be seen at once.
const SHORT_TICK: Duration = Duration::from_millis(1);

/// Nothing more comes behind so much silence.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// A server that lets nobody in for so long does not answer.
const ENTERING_PATIENCE: Duration = Duration::from_secs(20);
