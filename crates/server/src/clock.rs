//! The clock of the process: the only place that asks for the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use midge_broker::Now;

/// Counts from where it stood when the server ended last, or from the start of the process. Copies agree with each other, so shards can compare their times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// What it showed then.
    start_ms: u64,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now(), start_ms: 0 }
    }

    /// The same clock, showing `now_ms` at this moment.
    pub(crate) fn set(self, now_ms: u64) -> Clock {
        Clock { start: Instant::now(), start_ms: now_ms }
    }

    pub(crate) fn now(self) -> Now {
        let wall = wall();
        Now { monotonic_ms: self.monotonic_ms(), wall_s: wall.as_secs(), wall_ns: wall.subsec_nanos() }
    }

    /// Of the same start on all copies, and from it on only: for short times.
    pub(crate) fn monotonic_ns(self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    pub(crate) fn monotonic_ms(self) -> u64 {
        self.start_ms + self.start.elapsed().as_millis() as u64
    }
}

/// Wall clock in seconds since 1970.
pub(crate) fn wall_s() -> u64 {
    wall().as_secs()
}

/// Wall clock in milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    wall().as_millis() as u64
}

/// Wall clock in nanoseconds since 1970.
pub(crate) fn wall_ns() -> u64 {
    wall().as_nanos() as u64
}

/// A machine whose clock stands before 1970 has no clock (yet).
fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
