//! A thread that plays clients: the loop around its driver, and what the loop itself costs.

use std::io;
use std::ops::Range;

use hdrhistogram::Histogram;
use midge_client_core::{Cause, Event};
use midge_client_mio::{Driver, Notice};

use super::board::{Board, Phase};
use super::ledger::Ledger;
use super::target::thread_cpu_ns;

/// What the clients of a thread do.
pub(super) trait Load {
    /// A phase begins.
    fn begin(&mut self, phase: Phase, driver: &mut Driver);

    /// Does what is to be done now; whether there was anything.
    fn act(&mut self, phase: Phase, driver: &mut Driver) -> bool;

    /// Something happened.
    fn handle(&mut self, notice: &Notice<'_>);

    /// Whether nobody is there any more.
    fn is_over(&self, driver: &Driver) -> bool;

    /// What has come of it.
    fn finish(self) -> Tally;
}

/// What a thread has counted.
#[derive(Debug)]
pub(super) struct Tally {
    /// In nanoseconds, of all that was due while it was measured.
    pub(super) latency: Histogram<u64>,
    /// Subscribers, each with what it has received.
    pub(super) ledgers: Vec<(usize, Ledger)>,
    /// Streams, each with the number of its last message.
    pub(super) sent: Vec<(usize, u32)>,
    /// Messages that nobody of this run has sent.
    pub(super) foreign: u64,
    /// Messages that the server has refused.
    pub(super) refused: u64,
    /// Messages that were due, and for which there was no room.
    pub(super) behind: u64,
    pub(super) cost: Cost,
}

/// What the thread took while it was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu_ns: u64,
    /// Turns in which something happened.
    pub(super) busy_ns: u64,
    /// Turns in which nothing did.
    pub(super) idle_ns: u64,
}

/// How a thread waits for something to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waits {
    /// It sleeps.
    Asleep,
    /// While the load goes on it looks again and again, so that the server need not wake it.
    Awake,
}

/// Plays clients until the run is over.
pub(super) fn run(mut load: impl Load, board: &Board, waits: Waits) -> io::Result<Tally> {
    let mut driver = Driver::new()?;
    let mut phase = board.phase();
    let mut meter = Meter::new(board.now_ns());
    load.begin(phase, &mut driver);
    loop {
        let next = board.phase();
        if next != phase {
            phase = next;
            meter.begin(phase);
            load.begin(phase, &mut driver);
        }
        let mut has_acted = load.act(phase, &mut driver);
        let is_loaded = matches!(phase, Phase::WarmUp | Phase::Measure);
        let wait_ms = u64::from(!(is_loaded && waits == Waits::Awake));
        driver.turn(Some(driver.now_ms() + wait_ms), &mut |notice| {
            has_acted = true;
            load.handle(&notice);
        })?;
        meter.count(board.now_ns(), has_acted);
        if phase == Phase::Leave && load.is_over(&driver) {
            let mut tally = load.finish();
            tally.cost = meter.measured;
            return Ok(tally);
        }
    }
}

/// Counts what turns take.
struct Meter {
    at_ns: u64,
    begun_cpu_ns: u64,
    is_measuring: bool,
    measured: Cost,
}

impl Meter {
    fn new(at_ns: u64) -> Meter {
        Meter { at_ns, begun_cpu_ns: 0, is_measuring: false, measured: Cost::default() }
    }

    fn begin(&mut self, phase: Phase) {
        let cpu_ns = thread_cpu_ns();
        if std::mem::replace(&mut self.is_measuring, phase == Phase::Measure) {
            self.measured.cpu_ns = cpu_ns - self.begun_cpu_ns;
        }
        self.begun_cpu_ns = cpu_ns;
    }

    #[inline]
    fn count(&mut self, now_ns: u64, is_busy: bool) {
        let taken_ns = now_ns - std::mem::replace(&mut self.at_ns, now_ns);
        if self.is_measuring {
            let sum = if is_busy { &mut self.measured.busy_ns } else { &mut self.measured.idle_ns };
            *sum += taken_ns;
        }
    }
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            latency: histogram(),
            ledgers: Vec::new(),
            sent: Vec::new(),
            foreign: 0,
            refused: 0,
            behind: 0,
            cost: Cost::default(),
        }
    }

    /// Something took from then to now; it counts where it was due while it was measured.
    #[inline]
    pub(super) fn record(&mut self, measured_ns: &Range<u64>, since_ns: u64, now_ns: u64) {
        if measured_ns.contains(&since_ns) {
            self.latency.saturating_record(now_ns.saturating_sub(since_ns).max(1));
        }
    }
}

/// From a nanosecond to an hour, three digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds and digits that there can be")
}

/// Whether an event is the end of a connection that nobody here wanted.
pub(super) fn is_broken(event: &Event<'_>) -> bool {
    matches!(event, Event::Disconnected(cause) if !matches!(cause, Cause::Left))
}
