//! When to look at which connection.
//!
//! Deadlines of Keep Alive move with every packet, and nearly always to later. So an alarm is left where it is until it rings, and
//! only then asked anew: a message costs a comparison.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Alarms in milliseconds, each for a slot. What rings may have been meant for something that is over.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(u64, usize)>>);

impl Timers {
    /// Sets an alarm. Those of the same slot that are there stay.
    pub(crate) fn set(&mut self, at_ms: u64, slot: usize) {
        self.0.push(Reverse((at_ms, slot)));
    }

    /// When the next one rings.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// One that has rung: when it was to, and its slot.
    pub(crate) fn take(&mut self, now_ms: u64) -> Option<(u64, usize)> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.0.pop().map(|Reverse(alarm)| alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        for (at_ms, slot) in [(30, 1), (10, 2), (20, 1)] {
            timers.set(at_ms, slot);
        }
        assert_eq!((timers.next_ms(), timers.take(9)), (Some(10), None));
        let rung: Vec<_> = std::iter::from_fn(|| timers.take(20)).collect();
        assert_eq!(rung, [(10, 2), (20, 1)]);
        assert_eq!(timers.next_ms(), Some(30));
    }
}
