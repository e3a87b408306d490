//! What the threads of a run tell each other: in which phase it is, and how far each of them is.
//!
//! Each count has one thread that writes it, so that counting is no more than an addition.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Where a run is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
#[repr(u8)]
pub(super) enum Phase {
    /// Clients come in and subscribe.
    Enter,
    /// What happens does not count yet.
    WarmUp,
    Measure,
    /// Nothing more is sent; what is under way is awaited.
    Drain,
    Leave,
}

/// Shared by all threads of a run.
#[derive(Debug)]
pub(super) struct Board {
    start: Instant,
    phase: AtomicU8,
    /// When the load began.
    load_since_ns: AtomicU64,
    /// For each thread.
    counts: Vec<Counts>,
    /// For each thread and publisher: deliveries of its messages.
    delivered: Vec<Vec<AtomicU64>>,
    /// The first thing that went wrong.
    failure: Mutex<Option<String>>,
}

/// How far a thread is. On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counts {
    /// Clients that are there, with their subscriptions.
    pub(super) entered: Count,
    pub(super) published: Count,
    /// What must come of that: deliveries, or acknowledgements where nobody subscribes.
    pub(super) due: Count,
    /// What has come of it; connections that have come and gone.
    pub(super) done: Count,
    /// Messages of QoS 1 and 2 that were acknowledged.
    pub(super) acknowledged: Count,
    /// Connections that ended without our will, or could not be made.
    pub(super) broken: Count,
}

/// A number that one thread writes, and others read.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed) + more, Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Board {
    pub(super) fn new(threads: usize, publishers: usize) -> Board {
        Board {
            start: Instant::now(),
            phase: AtomicU8::new(Phase::Enter as u8),
            load_since_ns: AtomicU64::new(0),
            counts: (0..threads).map(|_| Counts::default()).collect(),
            delivered: (0..threads).map(|_| (0..publishers).map(|_| AtomicU64::new(0)).collect()).collect(),
            failure: Mutex::new(None),
        }
    }

    /// Nanoseconds since the run began.
    #[inline]
    pub(super) fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    pub(super) fn phase(&self) -> Phase {
        [Phase::Enter, Phase::WarmUp, Phase::Measure, Phase::Drain, Phase::Leave][usize::from(self.phase.load(Relaxed))]
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        if self.phase() == Phase::Enter {
            self.load_since_ns.store(self.now_ns(), Relaxed);
        }
        self.phase.store(phase as u8, Relaxed);
    }

    /// When the load began, on the clock of [`Board::now_ns`].
    pub(super) fn load_since_ns(&self) -> u64 {
        self.load_since_ns.load(Relaxed)
    }

    pub(super) fn counts(&self, thread: usize) -> &Counts {
        &self.counts[thread]
    }

    /// Of all threads.
    pub(super) fn sum(&self, count: impl Fn(&Counts) -> &Count) -> u64 {
        self.counts.iter().map(|counts| count(counts).get()).sum()
    }

    /// A message of this publisher was delivered to a client of this thread.
    #[inline]
    pub(super) fn note_delivered(&self, thread: usize, publisher: usize) {
        let count = &self.delivered[thread][publisher];
        count.store(count.load(Relaxed) + 1, Relaxed);
    }

    /// Deliveries of a publisher's messages.
    #[inline]
    pub(super) fn delivered(&self, publisher: usize) -> u64 {
        self.delivered.iter().map(|counts| counts[publisher].load(Relaxed)).sum()
    }

    /// Something went wrong; what is told first stays.
    pub(super) fn note_failure(&self, message: impl FnOnce() -> String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(message);
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
