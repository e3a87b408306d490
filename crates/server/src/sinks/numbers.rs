//! What a sink counts, for those who look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

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
    /// What keeps it from taking messages now, if something does.
    pub trouble: Option<String>,
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
    is_in_trouble: AtomicBool,
    trouble: Mutex<String>,
}

impl Numbers {
    /// Something keeps the target from taking messages; `None`: nothing does.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.is_in_trouble.load(Ordering::Relaxed)
    }

    pub(super) fn set_trouble(&self, trouble: Option<&str>) {
        let was_in_trouble = self.is_in_trouble.swap(trouble.is_some(), Ordering::Relaxed);
        if trouble.is_some() || was_in_trouble {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.unwrap_or_default().to_owned();
        }
    }

    pub(super) fn report(&self, name: &'static str, client_id: String, shown: String) -> SinkReport {
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let lag_ms = match get(&self.oldest_ns) {
            0 => 0,
            oldest_ns => wall_ms().saturating_sub(oldest_ns / 1_000_000),
        };
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
            trouble: (!trouble.is_empty()).then_some(trouble),
        }
    }
}

/// One more, or so many.
pub(super) fn count(number: &AtomicU64, more: u64) {
    number.fetch_add(more, Ordering::Relaxed);
}
