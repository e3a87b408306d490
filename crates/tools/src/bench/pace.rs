//! An open loop: when which message is due.

/// The part of a schedule that belongs to one thread. Message i of all is due i steps behind the start, and is published by publisher
/// i modulo their number.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    start_ns: u64,
    step_ns: f64,
    /// Of all threads.
    publishers: u64,
    /// The publishers of this one.
    own: Vec<u64>,
    /// Messages that this thread has published.
    published: u64,
}

impl Schedule {
    /// So many messages in a second, of all publishers together.
    pub(super) fn new(start_ns: u64, rate: f64, publishers: usize, own: impl Iterator<Item = usize>) -> Schedule {
        let own = own.map(|publisher| publisher as u64).collect();
        Schedule { start_ns, step_ns: 1e9 / rate, publishers: publishers as u64, own, published: 0 }
    }

    /// The next message, if it is due: the place of its publisher among those of this thread, and the time at which it was due.
    pub(super) fn due(&self, now_ns: u64) -> Option<(usize, u64)> {
        let turn = self.published.checked_rem(self.own.len() as u64)?;
        let number = self.published / self.own.len() as u64 * self.publishers + self.own[turn as usize];
        let due_ns = self.start_ns + (number as f64 * self.step_ns) as u64;
        (due_ns <= now_ns).then_some((turn as usize, due_ns))
    }

    /// That one is published.
    pub(super) fn advance(&mut self) {
        self.published += 1;
    }

    /// How many are due and were not published.
    pub(super) fn behind(&self, now_ns: u64) -> u64 {
        if self.own.is_empty() {
            return 0;
        }
        let last = (now_ns.saturating_sub(self.start_ns) as f64 / self.step_ns) as u64;
        let due = self.own.iter().filter(|own| **own <= last).map(|own| (last - own) / self.publishers + 1);
        due.sum::<u64>().saturating_sub(self.published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a thread with these publishers publishes within a millisecond, as times in microseconds.
    #[track_caller]
    fn check(own: &[usize], expected: &[(usize, u64)]) {
        let mut schedule = Schedule::new(1_000_000, 5_000.0, 3, own.iter().copied());
        let mut published = Vec::new();
        while let Some((turn, due_ns)) = schedule.due(2_000_000) {
            assert!(schedule.behind(2_000_000) > 0);
            published.push((turn, due_ns / 1000 - 1000));
            schedule.advance();
        }
        assert_eq!((published.as_slice(), schedule.behind(2_000_000)), (expected, 0), "{own:?}");
    }

    #[test]
    fn publishers_take_turns_on_all_threads() {
        check(&[0, 1, 2], &[(0, 0), (1, 200), (2, 400), (0, 600), (1, 800), (2, 1000)]);
        check(&[0, 2], &[(0, 0), (1, 400), (0, 600), (1, 1000)]);
        check(&[1], &[(0, 200), (0, 800)]);
        check(&[], &[]);
    }
}
