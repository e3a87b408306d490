//! Time limits of connections, all of one length: a queue in which the next one due stands in front.
//!
//! An entry is not removed when its connection needs it no more; the generation shows that, when its time comes. With
//! 30 s and a thousand new connections in a second these are 30,000 entries of 16 bytes.

use std::collections::VecDeque;

/// Connections that have a limited time.
pub(super) struct Deadlines {
    /// It may become another one, also for those whose time is running.
    pub(super) length_ms: u64,
    entries: VecDeque<Deadline>,
}

/// One connection's time limit.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    begun_ms: u64,
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Deadlines {
    pub(super) fn new(length_ms: u64) -> Deadlines {
        Deadlines { length_ms, entries: VecDeque::new() }
    }

    /// Limits the time of a connection, beginning now.
    pub(super) fn push(&mut self, now_ms: u64, index: usize, generation: u32) {
        self.entries.push_back(Deadline { begun_ms: now_ms, index: index as u32, generation });
    }

    /// The next one whose time has come.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Deadline> {
        let length_ms = self.length_ms;
        let due = self.entries.pop_front_if(|first| first.begun_ms + length_ms <= now_ms);
        if self.entries.is_empty() {
            self.entries.shrink_to(ENTRIES_KEPT);
        }
        due
    }

    /// When the next one is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.entries.front().map(|first| first.begun_ms + self.length_ms)
    }
}

/// Room that is kept when the queue is empty.
const ENTRIES_KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_due_after_its_time_and_once() {
        let mut deadlines = Deadlines::new(30_000);
        deadlines.push(1_000, 1, 10);
        deadlines.push(2_000, 2, 20);
        assert_eq!(deadlines.next_ms(), Some(31_000));
        assert!(deadlines.pop_due(30_999).is_none());
        assert_eq!(deadlines.pop_due(31_000).map(|due| (due.index, due.generation)), Some((1, 10)));
        assert!(deadlines.pop_due(31_000).is_none());
        assert_eq!(deadlines.pop_due(99_000).map(|due| due.index), Some(2));
        assert_eq!(deadlines.next_ms(), None);
        deadlines.push(40_000, 3, 30);
        deadlines.length_ms = 1_000;
        assert_eq!(deadlines.next_ms(), Some(41_000));
    }
}
