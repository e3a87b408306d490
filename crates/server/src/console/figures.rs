//! What the log's thread does, as numbers that others may read.

use std::sync::atomic::{AtomicU64, Ordering};

use midge_console::source::{HISTOGRAM_BUCKETS, Histogram};

/// One thread writes them.
#[derive(Default)]
pub(crate) struct LogFigures {
    syncs: [AtomicU64; HISTOGRAM_BUCKETS],
    sync_sum_us: AtomicU64,
    disk_bytes: AtomicU64,
    live_bytes: AtomicU64,
}

impl LogFigures {
    /// What had gathered was written and synced, which took so long; the files have so many bytes now, of which no more than
    /// `live_bytes` are needed.
    pub(crate) fn note(&self, took_us: u64, disk_bytes: u64, live_bytes: u64) {
        self.syncs[Histogram::bucket(took_us)].fetch_add(1, Ordering::Relaxed);
        self.sync_sum_us.fetch_add(took_us, Ordering::Relaxed);
        self.disk_bytes.store(disk_bytes, Ordering::Relaxed);
        self.live_bytes.store(live_bytes, Ordering::Relaxed);
    }

    /// How long syncs took.
    pub(crate) fn syncs(&self) -> Histogram {
        let counts = std::array::from_fn(|bucket| self.syncs[bucket].load(Ordering::Relaxed));
        Histogram { counts, sum_us: self.sync_sum_us.load(Ordering::Relaxed) }
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
