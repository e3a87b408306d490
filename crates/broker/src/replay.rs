//! Retained Messages for a new Subscription, sent in portions.
//!
//! SUBSCRIBE first enters the Subscription in the router, then takes the sequence number R up to which the replay goes.
//! A Retained Message written later has a higher number, reaches the Subscription live, and is not replayed; one written
//! earlier is replayed, and its live copy (if the publish found the new Subscription already) is left out. So no
//! value comes twice, none is missing, and no older value follows a newer one.
//!
//! A SUBSCRIBE that replaces a Subscription has everything replayed once more, but what is on its way to the Subscription
//! that was there comes all the same: no message is lost by that `[MQTT-3.8.4-4]`.

use crate::ids::ReceiverOptions;
use crate::record::SubscriptionRecord;
use crate::retained::{Cursor, RetainedMessage};
use crate::router::FilterId;
use hashbrown::HashTable;
use std::collections::{BTreeSet, VecDeque};

/// A replay that is under way.
pub(crate) struct Replay {
    /// As [`Replayed::begin`] gave it: one that is not the Subscription's latest is given up when its turn comes.
    pub number: u64,
    pub filter: FilterId,
    pub cursor: Cursor,
    /// Messages taken from the store and not sent yet, with the numbers of their writes.
    pub fetched: VecDeque<(RetainedMessage, u64)>,
    /// The payload of the first is being read from this place in the log.
    pub reading: Option<u64>,
    /// Writes that were sent and have a record of their own in the log: after a restart the replay passes over them.
    pub sent: BTreeSet<u64>,
    /// The number of the latest retained write when they were taken. After a later one each is looked up again before it
    /// is sent: its successor has gone out live already.
    pub fetched_at: u64,
    /// The store has no more.
    pub is_fetched: bool,
    pub options: ReceiverOptions,
    pub identifier: u32,
}

/// Up to which retained write each Subscription of a shard was, or is being, replayed. Kept for a moment after the
/// replay, because a live copy may still be on its way from another shard.
#[derive(Default)]
pub(crate) struct Replayed {
    entries: HashTable<Entry>,
    /// Of the latest replay.
    number: u64,
    /// Finished ones, in the order in which they may be forgotten.
    finished: VecDeque<(u64, u32, FilterId)>,
}

#[derive(Clone, Copy)]
struct Entry {
    slot: u32,
    filter: FilterId,
    number: u64,
    upto: u64,
    /// Live copies up to this write are left out.
    covered_upto: u64,
    /// When it may be forgotten; `None` while the replay runs.
    until_ms: Option<u64>,
}

/// What is remembered of a replay.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// It goes up to this retained write.
    pub upto: u64,
    /// Live copies up to this write are left out.
    pub covered_upto: u64,
    /// Everything is under way.
    pub is_finished: bool,
}

impl Replay {
    /// A replay that begins, or goes on after a restart behind what was `sent`.
    pub(crate) fn new(
        number: u64,
        filter: FilterId,
        subscription: &SubscriptionRecord<'_>,
        sent: BTreeSet<u64>,
    ) -> Self {
        let SubscriptionRecord { filter: text, options, identifier, replay_upto: upto, .. } = *subscription;
        let (cursor, fetched) = (Cursor::new(text, upto), VecDeque::new());
        Replay {
            number,
            filter,
            cursor,
            fetched,
            reading: None,
            sent,
            fetched_at: upto,
            is_fetched: false,
            options,
            identifier,
        }
    }
}

impl Replayed {
    /// A replay begins; its number. One of the same Subscription that went before is over with that. Live copies up to
    /// `covered_upto` are left out: `upto` for a new Subscription, else what held before.
    pub(crate) fn begin(&mut self, slot: u32, filter: FilterId, upto: u64, covered_upto: u64) -> u64 {
        self.forget(slot, filter);
        self.number += 1;
        let entry = Entry { slot, filter, number: self.number, upto, covered_upto, until_ms: None };
        self.entries.insert_unique(hash(slot, filter), entry, |entry| hash(entry.slot, entry.filter));
        self.number
    }

    /// Whether this replay is still wanted: its Subscription is there and began no other.
    pub(crate) fn is_wanted(&self, slot: u32, replay: &Replay) -> bool {
        let is_it = |entry: &Entry| entry.is(slot, replay.filter) && entry.number == replay.number;
        self.entries.find(hash(slot, replay.filter), is_it).is_some()
    }

    /// A replay is finished, and forgotten at `until_ms`.
    pub(crate) fn finish(&mut self, slot: u32, filter: FilterId, until_ms: u64) {
        if let Some(entry) = self.entries.find_mut(hash(slot, filter), |entry| entry.is(slot, filter)) {
            entry.until_ms = Some(until_ms);
            self.finished.push_back((until_ms, slot, filter));
        }
    }

    /// A Subscription is gone, or its replay needs no remembering.
    pub(crate) fn forget(&mut self, slot: u32, filter: FilterId) {
        if let Ok(found) = self.entries.find_entry(hash(slot, filter), |entry| entry.is(slot, filter)) {
            found.remove();
        }
    }

    /// Forgets what was remembered long enough.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        while let Some(&(until_ms, slot, filter)) = self.finished.front()
            && until_ms <= now_ms
        {
            self.finished.pop_front();
            // Not one of the same Subscription that began, and perhaps ended, later.
            let is_it = |entry: &Entry| entry.is(slot, filter) && entry.until_ms == Some(until_ms);
            if let Ok(found) = self.entries.find_entry(hash(slot, filter), is_it) {
                found.remove();
            }
        }
        if self.entries.is_empty() && self.entries.capacity() > 0 {
            *self = Replayed { number: self.number, ..Replayed::default() };
        }
    }

    /// When something may be forgotten next.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.finished.front().map(|finished| finished.0)
    }

    /// How far a Subscription was, or is being, replayed; `None` where it is not remembered any more.
    pub(crate) fn extent(&self, slot: u32, filter: FilterId) -> Option<Extent> {
        let entry = self.entries.find(hash(slot, filter), |entry| entry.is(slot, filter))?;
        let Entry { upto, covered_upto, until_ms, .. } = *entry;
        Some(Extent { upto, covered_upto, is_finished: until_ms.is_some() })
    }

    /// Whether a live Retained Message with this sequence number is part of a replay for this Subscription, and no more.
    pub(crate) fn covers(&self, slot: u32, filter: FilterId, sequence: u64) -> bool {
        !self.entries.is_empty()
            && self
                .entries
                .find(hash(slot, filter), |entry| entry.is(slot, filter))
                .is_some_and(|entry| sequence <= entry.covered_upto)
    }
}

impl Entry {
    fn is(&self, slot: u32, filter: FilterId) -> bool {
        self.slot == slot && self.filter == filter
    }
}

/// Both numbers are dense and ours: a multiplication spreads them.
fn hash(slot: u32, filter: FilterId) -> u64 {
    (u64::from(slot) << 32 | u64::from(filter.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTER: FilterId = FilterId(7);

    #[test]
    fn a_finished_replay_is_remembered_for_a_moment() {
        let mut replayed = Replayed::default();
        replayed.begin(1, FILTER, 10, 10);
        assert!(replayed.covers(1, FILTER, 10) && !replayed.covers(1, FILTER, 11) && !replayed.covers(2, FILTER, 10));
        replayed.finish(1, FILTER, 500);
        replayed.expire(499);
        assert!(replayed.covers(1, FILTER, 10));
        replayed.expire(500);
        assert!(!replayed.covers(1, FILTER, 10));
    }

    #[test]
    fn a_replay_that_began_anew_is_not_forgotten_with_the_one_before() {
        let mut replayed = Replayed::default();
        replayed.begin(1, FILTER, 10, 10);
        replayed.finish(1, FILTER, 500);
        replayed.begin(1, FILTER, 20, 20);
        replayed.expire(600);
        assert!(replayed.covers(1, FILTER, 20));
        replayed.finish(1, FILTER, 700);
        replayed.begin(1, FILTER, 30, 30);
        replayed.finish(1, FILTER, 900);
        replayed.expire(800);
        assert!(replayed.covers(1, FILTER, 30), "its own moment is not over");
        replayed.expire(900);
        assert!(!replayed.covers(1, FILTER, 30));
    }

    #[test]
    fn a_replay_that_is_repeated_covers_no_more_than_the_first() {
        let mut replayed = Replayed::default();
        replayed.begin(1, FILTER, 10, 10);
        let before = replayed.extent(1, FILTER).expect("it is remembered");
        replayed.begin(1, FILTER, 20, before.covered_upto);
        assert!(replayed.covers(1, FILTER, 10) && !replayed.covers(1, FILTER, 11));
        assert_eq!(replayed.extent(1, FILTER).map(|extent| extent.upto), Some(20));
    }
}
