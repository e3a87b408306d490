//! When the oldest part of the log is swept: what is still needed there is written again, so that the rest can go.
//!
//! What is alive is known in part: what a snapshot wrote, and the runs it refers to. Large messages that runs refer to are
//! counted when they are moved. While the log has no more than twice of what is alive, nothing is moved: the work would
//! exceed the gain. Beyond that a *sweep* goes through everything the log has at that moment, a quarter with each snapshot.
//! So what is moved in the long run is no more than what is written, and the log is not longer than about twice its worth.

use crate::log_queue::SnapshotDone;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sweep {
    /// A sweep is under way, up to this position.
    upto: Option<u64>,
    /// Bytes of each quarter.
    step_bytes: u64,
    /// What is alive, as far as the last snapshot knew.
    known_bytes: u64,
    /// Large messages that the sweep under way has moved, and what the last one had.
    moved_bytes: u64,
    large_bytes: u64,
}

/// This much of the log is not worth a sweep.
const SLACK_BYTES: u64 = 64 << 20;

impl Sweep {
    /// Of a log that was opened, in which so much is alive.
    pub fn new(known_bytes: u64) -> Sweep {
        Sweep { known_bytes, ..Sweep::default() }
    }

    /// A snapshot is to be taken of a log that goes from `start` to `end`: what stands before this position is to be moved.
    pub fn move_before(&mut self, start: u64, end: u64) -> u64 {
        let log_bytes = end - start;
        let is_worth_it = log_bytes > 2 * (self.known_bytes + self.large_bytes) + SLACK_BYTES;
        if self.upto.is_none() && is_worth_it {
            self.upto = Some(end);
            self.step_bytes = log_bytes / 4 + 1;
            self.moved_bytes = 0;
        }
        self.upto.map_or(0, |upto| upto.min(start + self.step_bytes))
    }

    /// The snapshot is in force.
    pub fn note(&mut self, done: &SnapshotDone) {
        self.known_bytes = done.end - done.from + done.kept_bytes;
        self.moved_bytes += done.stored_bytes;
        if self.upto.is_some_and(|upto| done.floor >= upto) {
            self.upto = None;
            self.large_bytes = self.moved_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(from: u64, end: u64, floor: u64, kept_bytes: u64, stored_bytes: u64) -> SnapshotDone {
        SnapshotDone { from, end, floor, kept_bytes, stored_bytes, retained_sequence: 0 }
    }

    const MB: u64 = 1 << 20;

    #[test]
    fn a_log_that_is_all_alive_is_left_alone() {
        let mut sweep = Sweep::default();
        for gigabytes in 1..10 {
            let end = gigabytes * 1024 * MB;
            sweep.note(&done(end - 10 * MB, end, 0, end / 2, 0));
            assert_eq!(sweep.move_before(0, end), 0);
        }
    }

    #[test]
    fn a_log_held_by_little_is_swept_in_four_steps() {
        let mut sweep = Sweep::default();
        sweep.note(&done(1000 * MB, 1001 * MB, 0, MB, 0));
        let (mut start, mut end) = (0, 1001 * MB);
        let mut steps = Vec::new();
        loop {
            let before = sweep.move_before(start, end);
            if before == 0 {
                break;
            }
            steps.push(before / MB);
            sweep.note(&done(end, end + MB, before, MB, 100 * MB));
            (start, end) = (before, end + MB);
        }
        assert_eq!(steps, [250, 500, 750, 1001]);
        assert_eq!(sweep.large_bytes, 400 * MB);
        assert_eq!(sweep.move_before(start, start + 800 * MB), 0, "the large messages are alive");
        assert!(sweep.move_before(start, start + 900 * MB) > 0);
    }
}
