//! What a sink counts, for those who look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::clock::wall_ms;

/// One sink, as it is now. Counts are since the start of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkReport {
    /// `influxdb`, `webhook` or `file`.
    pub name: &'static str,
    /// How its Session is called.
    pub client_id: String,
    /// What it is, for people.
    pub shown: String,
    /// Records that the target has taken.
    pub written: u64,
    /// Records that the target has refused, and that were set aside.
    pub refused: u64,
    /// Messages of which no record was made.
    pub left_alone: u64,
    /// Requests that were made of the target.
    pub requests: u64,
    /// Requests that have to be made again.
    pub failures: u64,
    /// How old the oldest message is that the target does not have, in milliseconds; 0: it has all.
    pub lag_ms: u64,
    /// The target was there when it was asked last.
    pub is_reached: bool,
    /// What keeps it from taking messages now, if something does.
    pub trouble: Option<String>,
}

/// What keeps a target from taking messages.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) since: Instant,
    /// In words.
    pub(super) reason: String,
    /// It was found without a message, and without one it can be found to be gone.
    pub(super) is_seen: bool,
}

/// Written by the sink's thread, read by anybody.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) written: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) left_alone: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    /// When the oldest message was received that the target does not have; 0: there is none.
    pub(super) oldest_ns: AtomicU64,
    pub(super) is_reached: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
}

impl Numbers {
    /// What keeps the target from taking messages, if something does.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<Trouble>) {
        self.is_reached.store(trouble.is_none(), Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(super) fn report(&self, name: &'static str, client_id: String, shown: String) -> SinkReport {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let lag_ms = match get(&self.oldest_ns) {
            0 => 0,
            oldest_ns => wall_ms().saturating_sub(oldest_ns / 1_000_000),
        };
        SinkReport {
            name,
            client_id,
            shown,
            written: get(&self.written),
            refused: get(&self.refused),
            left_alone: get(&self.left_alone),
            requests: get(&self.requests),
            failures: get(&self.failures),
            lag_ms,
            is_reached: self.is_reached.load(Ordering::Relaxed),
            trouble: self.trouble().map(|trouble| trouble.reason),
        }
    }
}

/// One more, or so many.
pub(super) fn count(number: &AtomicU64, more: u64) {
    number.fetch_add(more, Ordering::Relaxed);
}
