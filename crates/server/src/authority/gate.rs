//! Gates through which logins go one after the other, once enough of them have failed there.
//!
//! What must hold: the first few failures cost nothing; after each further one the gate stays closed, longer each time, up to a
//! limit; who stands before it goes first, and whoever goes through closes it until it is known what comes of that. Failures are
//! forgotten with time; memory is bounded, and of a crowd of gates those are forgotten first where least has failed.

use super::failures::{Line, Look};

/// What is known of one gate.
#[derive(Clone, Copy, Default)]
pub(super) struct Gate {
    /// Keyed hash of what it is the gate of; 0: free.
    key: u64,
    pub(super) failures: u32,
    /// Logins that stand before it.
    waiting: u32,
    /// When one of the failures was last added or forgotten.
    at_ms: u64,
    /// Before this nobody goes through.
    closed_until_ms: u64,
}

/// How slow a gate becomes.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// Failures that cost nothing.
    pub(super) failures_free: u32,
    pub(super) delay_ms_max: u64,
}

/// A login that wants to go through.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    /// It stands before this one.
    pub(super) line: Option<Line>,
    /// It waits no longer than until then.
    pub(super) until_ms: u64,
}

/// A login has gone through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Passage {
    pub(super) key: u64,
    /// Until when that has closed the gate; 0: it stayed open.
    closed_until_ms: u64,
}

impl Gate {
    fn forget(&mut self, now_ms: u64) {
        let forgotten = now_ms.saturating_sub(self.at_ms) / FORGET_MS;
        self.failures = self.failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        self.at_ms += forgotten * FORGET_MS;
    }

    /// How long it stays closed after a failure.
    pub(super) fn delay_ms(&self, limit: Limit) -> u64 {
        let doublings = self.failures.checked_sub(limit.failures_free + 1);
        doublings.map_or(0, |doublings| (DELAY_MS << doublings).min(limit.delay_ms_max))
    }

    /// `None`: the caller may go through. Else it stands before the gate now, or is sent away.
    pub(super) fn keep_out(&mut self, caller: Caller, limit: Limit, now_ms: u64) -> Option<Look> {
        let stands_here = caller.line == Some(Line(self.key));
        let is_first = stands_here || self.waiting == 0;
        if self.delay_ms(limit) == 0 || (is_first && self.closed_until_ms <= now_ms) {
            return None;
        }
        // Who stands there already is not sent away for those who came later.
        if caller.until_ms <= now_ms || (!stands_here && self.waiting >= WAITING_MAX) {
            return Some(Look::Never);
        }
        self.waiting += 1;
        // Those who stand there are due when it opens; who has just come is due after them.
        let opens_ms = self.closed_until_ms.max(now_ms + 1);
        Some(Look::Later(opens_ms.min(caller.until_ms).min(now_ms + LOOK_MS), Line(self.key)))
    }

    fn close(&mut self, limit: Limit, now_ms: u64) -> u64 {
        match self.delay_ms(limit) {
            0 => 0,
            delay_ms => {
                self.closed_until_ms = now_ms + delay_ms;
                self.closed_until_ms
            }
        }
    }

    fn fail(&mut self, limit: Limit, now_ms: u64) {
        // Beyond the longest delay they count no more, so that what others did is forgotten within minutes.
        if self.delay_ms(limit) < limit.delay_ms_max {
            self.failures += 1;
        }
        self.at_ms = now_ms;
        self.closed_until_ms = now_ms + self.delay_ms(limit);
    }
}

/// All gates where something has failed.
#[derive(Default)]
pub(super) struct Gates {
    /// Empty until the first failure.
    sets: Vec<Set>,
}

/// The gates whose keys begin alike.
type Set = [Gate; WAYS];

impl Gates {
    /// As it is now. `None`: nothing has failed there that is remembered.
    pub(super) fn get(&mut self, key: u64, now_ms: u64) -> Option<&mut Gate> {
        let gate = self.find(key)?;
        gate.forget(now_ms);
        Some(gate)
    }

    fn find(&mut self, key: u64) -> Option<&mut Gate> {
        self.sets.get_mut(set_of(key))?.iter_mut().find(|gate| gate.key == key)
    }

    /// A login goes through.
    pub(super) fn enter(&mut self, key: u64, limit: Limit, now_ms: u64) -> Passage {
        let closed_until_ms = self.find(key).map_or(0, |gate| gate.close(limit, now_ms));
        Passage { key, closed_until_ms }
    }

    /// Whether a login that went through would be let through now too, or has waited for that already.
    pub(super) fn is_still_open(&mut self, passage: Passage, limit: Limit, now_ms: u64) -> bool {
        passage.closed_until_ms != 0 || self.get(passage.key, now_ms).is_none_or(|gate| gate.delay_ms(limit) == 0)
    }

    /// One that went through has failed.
    pub(super) fn fail(&mut self, key: u64, limit: Limit, now_ms: u64) {
        if self.sets.is_empty() {
            self.sets.resize(SETS, Set::default());
        }
        let set = &mut self.sets[set_of(key)];
        set.iter_mut().for_each(|gate| gate.forget(now_ms));
        let known = set.iter().position(|gate| gate.key == key);
        let least = || (0..WAYS).min_by_key(|way| (set[*way].failures, set[*way].at_ms)).unwrap_or(0);
        let gate = &mut set[known.unwrap_or_else(least)];
        if gate.key != key {
            *gate = Gate { key, ..Gate::default() };
        }
        gate.fail(limit, now_ms);
    }

    /// One that went through has not failed: the next one need not wait for it, only for what else has failed meanwhile.
    pub(super) fn reopen(&mut self, passage: Passage) {
        if let Some(gate) = self.find(passage.key)
            && gate.closed_until_ms == passage.closed_until_ms
        {
            gate.closed_until_ms = 0;
        }
    }

    /// A login does not stand there any more.
    pub(super) fn leave(&mut self, line: Line) {
        if let Some(gate) = self.find(line.0) {
            gate.waiting = gate.waiting.saturating_sub(1);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

pub(super) fn set_of(key: u64) -> usize {
    // Not the bits by which hashes of one set differ most.
    (key >> 40) as usize % SETS
}

/// 65,536 gates, 2 MB.
pub(super) const SETS: usize = 65_536 / WAYS;
pub(super) const WAYS: usize = 8;

/// Logins that stand before one gate; each holds what the client has brought.
pub(super) const WAITING_MAX: u32 = 32;

/// A login that waits asks again at least this often: one that is looked at meanwhile may not fail.
const LOOK_MS: u64 = 100;

/// The first delay; each further failure doubles it.
const DELAY_MS: u64 = 100;

/// One failure is forgotten.
const FORGET_MS: u64 = 30_000;
