//! What threads measure that others may read: how often something took how long, and how large the log is.

use std::sync::atomic::{AtomicU64, Ordering};

use midge_console::source::{HISTOGRAM_BUCKETS, Histogram};

/// How long something took. One thread counts.
#[derive(Default)]
pub(crate) struct Tally {
    counts: [AtomicU64; HISTOGRAM_BUCKETS],
    sum_us: AtomicU64,
}

impl Tally {
    /// So often it took so long.
    pub(crate) fn note(&self, took_us: u64, times: u64) {
        let add = |number: &AtomicU64, value| number.store(number.load(Ordering::Relaxed) + value, Ordering::Relaxed);
        add(&self.counts[Histogram::bucket(took_us)], times);
        add(&self.sum_us, took_us * times);
    }

    /// What was counted so far.
    pub(crate) fn read(&self) -> Histogram {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed));
        Histogram { counts, sum: self.sum_us.load(Ordering::Relaxed) }
    }
}

/// What the log's thread does.
#[derive(Default)]
pub(crate) struct LogFigures {
    syncs: Tally,
    disk_bytes: AtomicU64,
    live_bytes: AtomicU64,
}

impl LogFigures {
    /// What had gathered was written and synced, which took so long; the files have so many bytes now, of which no more than
    /// `live_bytes` are needed.
    pub(crate) fn note(&self, took_us: u64, disk_bytes: u64, live_bytes: u64) {
        self.syncs.note(took_us, 1);
        self.disk_bytes.store(disk_bytes, Ordering::Relaxed);
        self.live_bytes.store(live_bytes, Ordering::Relaxed);
    }

    /// How long syncs took.
    pub(crate) fn syncs(&self) -> Histogram {
        self.syncs.read()
    }

    /// The bytes of the files; `None`: nothing was written yet.
    pub(crate) fn disk_bytes(&self) -> Option<u64> {
        Some(self.disk_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// The bytes of them that are needed, at most; `None`: nothing was written yet.
    pub(crate) fn live_bytes(&self) -> Option<u64> {
        self.disk_bytes().map(|disk_bytes| self.live_bytes.load(Ordering::Relaxed).min(disk_bytes))
    }
}
