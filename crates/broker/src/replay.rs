//! Retained Messages for a new Subscription, sent in portions.
//!
//! SUBSCRIBE first enters the Subscription in the router, then takes the sequence number R up to which the replay goes.
//! A Retained Message written later has a higher number, reaches the Subscription live, and is not replayed; one written
//! earlier is replayed, and its live copy (if the publish found the new Subscription already) is left out. So no
//! value comes twice, none is missing, and no older value follows a newer one.

use crate::ids::ReceiverOptions;
use crate::message::Message;
use crate::retained::Cursor;
use crate::router::FilterId;
use std::collections::VecDeque;

/// The replays of a Session: running ones, oldest first, and finished ones that are remembered for a moment.
#[derive(Default)]
pub(crate) struct Replays {
    pub running: VecDeque<Replay>,
    remembered: Vec<Remembered>,
}

/// A replay that is under way.
pub(crate) struct Replay {
    pub filter: FilterId,
    pub cursor: Cursor,
    /// Messages taken from the store and not sent yet.
    pub fetched: VecDeque<Message>,
    /// The store has no more.
    pub is_fetched: bool,
    pub options: ReceiverOptions,
    pub identifier: u32,
}

struct Remembered {
    filter: FilterId,
    upto: u64,
    /// When it may be forgotten; `None` while the replay runs.
    until_ms: Option<u64>,
}

impl Replays {
    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    pub(crate) fn begin(&mut self, replay: Replay, upto: u64) {
        self.remembered.retain(|known| known.filter != replay.filter);
        self.remembered.push(Remembered { filter: replay.filter, upto, until_ms: None });
        self.running.push_back(replay);
    }

    pub(crate) fn finish(&mut self, filter: FilterId, until_ms: u64) {
        for known in self.remembered.iter_mut().filter(|known| known.filter == filter) {
            known.until_ms = Some(until_ms);
        }
    }

    /// Whether a live Retained Message with this sequence number is part of the replay for `filter`.
    pub(crate) fn covers(&self, filter: FilterId, sequence: u64) -> bool {
        self.remembered.iter().any(|known| known.filter == filter && sequence <= known.upto)
    }

    /// Forgets what was remembered long enough. Whether nothing is left.
    pub(crate) fn forget(&mut self, now_ms: u64) -> bool {
        self.remembered.retain(|known| known.until_ms.is_none_or(|until| until > now_ms));
        self.remembered.is_empty() && self.running.is_empty()
    }
}
