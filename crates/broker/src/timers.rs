//! Deadlines of many things, one for each: a wheel that costs nothing while nothing is due.
//!
//! A thing is known by its index and has at most one deadline that counts. Setting a later deadline costs nothing: the
//! old entry fires, the owner sees that it is early and sets it anew. So Keep Alive needs no work for each packet.

/// Deadlines by index.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Ticks are counted from here.
    beginning_ms: u64,
    /// Next tick to be looked at.
    tick: u64,
    levels: Vec<[Vec<Entry>; SLOTS]>,
    /// By index: the tick of the entry that counts, 0 for none.
    armed: Vec<u32>,
    entries: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tick: u32,
    index: u32,
}

const SLOTS: usize = 64;
const SLOT_BITS: u32 = 6;
const LEVELS: u32 = 5;

/// Precision of all deadlines: a tick late at most, never early.
pub(crate) const TICK_MS: u64 = 64;

impl Default for Timers {
    fn default() -> Self {
        let level = || std::array::from_fn(|_| Vec::new());
        Timers {
            beginning_ms: 0,
            tick: 1,
            levels: (0..LEVELS).map(|_| level()).collect(),
            armed: Vec::new(),
            entries: 0,
        }
    }
}

impl Timers {
    /// Nothing was due before this moment, which may be years after the clock's beginning.
    pub(crate) fn begin_at(&mut self, now_ms: u64) {
        *self = Timers { beginning_ms: now_ms, ..Timers::default() };
    }

    /// Makes `index` due at `deadline_ms`, unless it is due earlier already.
    pub(crate) fn set(&mut self, index: u32, deadline_ms: u64) {
        let after_ms = deadline_ms.saturating_sub(self.beginning_ms);
        let tick = after_ms.div_ceil(TICK_MS).max(self.tick).min(u64::from(u32::MAX)) as u32;
        let at = index as usize;
        if at >= self.armed.len() {
            self.armed.resize(at + 1, 0);
        }
        if self.armed[at] == 0 || tick < self.armed[at] {
            self.armed[at] = tick;
            self.insert(Entry { tick, index });
        }
    }

    /// Collects the indices whose deadline has passed. Each is without a deadline then.
    pub(crate) fn expire(&mut self, now_ms: u64, due: &mut Vec<u32>) {
        let now = now_ms.saturating_sub(self.beginning_ms) / TICK_MS;
        if self.entries == 0 {
            self.tick = self.tick.max(now + 1);
            return;
        }
        while self.tick <= now {
            self.cascade();
            let slot = &mut self.levels[0][self.tick as usize % SLOTS];
            let fired = std::mem::take(slot);
            self.entries -= fired.len();
            for entry in &fired {
                if self.armed[entry.index as usize] == entry.tick {
                    self.armed[entry.index as usize] = 0;
                    due.push(entry.index);
                }
            }
            self.tick += 1;
        }
    }

    /// When something may be due next, at the latest when it is.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        if self.entries == 0 {
            return None;
        }
        // Within the first level exactly; beyond it when the next slot of a level above comes down.
        let first = (0..SLOTS as u64).map(|ahead| self.tick + ahead);
        let boundary = self.tick.next_multiple_of(SLOTS as u64);
        let occupied = |tick: &u64| !self.levels[0][*tick as usize % SLOTS].is_empty();
        let tick = first.take_while(|&tick| tick < boundary).find(occupied).unwrap_or(boundary);
        Some(self.beginning_ms + tick * TICK_MS)
    }

    /// At the turn of a level its next slot above is spread over the levels below.
    fn cascade(&mut self) {
        for level in 1..LEVELS {
            if self.tick & ((1 << (SLOT_BITS * level)) - 1) != 0 {
                return;
            }
            let slot = (self.tick >> (SLOT_BITS * level)) as usize % SLOTS;
            let entries = std::mem::take(&mut self.levels[level as usize][slot]);
            self.entries -= entries.len();
            for entry in entries {
                self.insert(entry);
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        let tick = u64::from(entry.tick).max(self.tick);
        // The level is told by the highest bits in which the deadline differs from now.
        let differing = 63 - ((tick ^ self.tick) | 1).leading_zeros();
        let level = (differing / SLOT_BITS).min(LEVELS - 1);
        let slot = (tick >> (SLOT_BITS * level)) as usize % SLOTS;
        self.levels[level as usize][slot].push(entry);
        self.entries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn due(timers: &mut Timers, now_ms: u64) -> Vec<u32> {
        let mut due = Vec::new();
        timers.expire(now_ms, &mut due);
        due
    }

    #[test]
    fn a_deadline_fires_once_and_not_early() {
        let mut timers = Timers::default();
        timers.set(3, 1000);
        assert_eq!(due(&mut timers, 999), []);
        assert_eq!(due(&mut timers, 1000 + TICK_MS), [3]);
        assert_eq!(due(&mut timers, 100_000), []);
        assert_eq!(timers.next_deadline_ms(), None);
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one_and_a_later_one_changes_nothing() {
        let mut timers = Timers::default();
        timers.set(1, 60_000);
        timers.set(1, 10_000);
        timers.set(1, 90_000);
        assert_eq!(due(&mut timers, 10_100), [1]);
        timers.set(1, 90_000);
        assert_eq!(due(&mut timers, 89_000), [], "the entry left from the first call is ignored");
        assert_eq!(due(&mut timers, 90_100), [1]);
    }

    proptest! {
        #[test]
        fn everything_fires_within_a_tick_of_its_deadline(
            deadlines in proptest::collection::vec(1..200_000_000_u64, 1..60),
            step in 1..5_000_000_u64,
        ) {
            let mut timers = Timers::default();
            for (index, &deadline) in deadlines.iter().enumerate() {
                timers.set(index as u32, deadline);
            }
            let mut fired = vec![None; deadlines.len()];
            let mut now = 0;
            while let Some(next) = timers.next_deadline_ms() {
                now = if now + step < next { next } else { now + step };
                for index in due(&mut timers, now) {
                    prop_assert!(fired[index as usize].replace(now).is_none());
                }
            }
            for (&deadline, fired) in deadlines.iter().zip(fired) {
                let fired = fired.expect("every deadline fires");
                prop_assert!(fired >= deadline && fired < deadline + step + 2 * TICK_MS, "{deadline} {fired}");
            }
        }
    }
}
