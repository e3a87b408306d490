//! How long messages wait in a queue, without a time for each of them.
//!
//! A queue notes from which of its messages on they came in another second. Where that would become many notes, every second one
//! goes, and new ones are made half as often: what is known is as exact as a sixteenth of the time over which the messages have come.

use smallvec::SmallVec;

/// When the messages of a queue came.
#[derive(Default, Debug)]
pub(crate) struct Arrivals {
    /// From the message with this number on, when they came, in monotonic seconds.
    notes: SmallVec<[(u64, u32); 1]>,
    /// Two notes are more than so many seconds apart.
    apart_s: u32,
}

impl Arrivals {
    /// The message with this number has come, behind all others.
    pub(crate) fn note(&mut self, number: u64, now_s: u32) {
        if self.notes.last().is_some_and(|(_, second)| now_s.saturating_sub(*second) <= self.apart_s) {
            return;
        }
        if self.notes.len() == NOTES_MAX {
            let mut place = 0;
            self.notes.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.apart_s = 2 * self.apart_s + 1;
        }
        self.notes.push((number, now_s));
    }

    /// One has come back that stands before all others that have come: their numbers are higher by one.
    pub(crate) fn make_way(&mut self) {
        self.notes.iter_mut().for_each(|(number, _)| *number += 1);
    }

    /// When the message with this number came, as far as that is known; it leaves, and those before it have left.
    pub(crate) fn take(&mut self, number: u64) -> Option<u32> {
        while self.notes.get(1).is_some_and(|(first, _)| *first <= number) {
            self.notes.remove(0);
            if self.notes.len() == 1 {
                self.apart_s = 0;
            }
        }
        self.notes.first().filter(|(first, _)| *first <= number).map(|(_, second)| *second)
    }
}

/// How long messages had waited when they were sent: counts by power of two of seconds. Element `n` counts what waited less than `2^n`
/// seconds and no less than half of that; the last one what waited longer.
#[derive(Clone, Copy, Default, Debug)]
pub struct QueueAges {
    /// See above.
    pub counts: [u64; QUEUE_AGES],
    /// All together, in seconds.
    pub sum_s: u64,
}

/// From a second to 48 days.
pub const QUEUE_AGES: usize = 24;

impl QueueAges {
    pub(crate) fn add(&mut self, age_s: u64) {
        self.counts[((u64::BITS - age_s.leading_zeros()) as usize).min(QUEUE_AGES - 1)] += 1;
        self.sum_s += age_s;
    }
}

/// 512 bytes for each queue at most.
const NOTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_few_seconds_are_known_exactly() {
        let mut arrivals = Arrivals::default();
        [(5, 10), (6, 10), (7, 12), (8, 13)].iter().for_each(|(number, now_s)| arrivals.note(*number, *now_s));
        assert_eq!(
            [4, 5, 6, 7, 8, 9].map(|number| arrivals.take(number)),
            [None, Some(10), Some(10), Some(12), Some(13), Some(13)]
        );
    }

    #[test]
    fn who_comes_back_to_the_front_takes_nobodys_time() {
        let mut arrivals = Arrivals::default();
        [(5, 10), (6, 20)].iter().for_each(|(number, now_s)| arrivals.note(*number, *now_s));
        arrivals.make_way();
        arrivals.note(8, 30);
        assert_eq!([6, 7, 8].map(|number| arrivals.take(number)), [Some(10), Some(20), Some(30)]);
    }

    #[test]
    fn a_long_queue_is_known_well_enough() {
        let mut arrivals = Arrivals::default();
        (0..100_000_u64).for_each(|number| arrivals.note(number, number as u32));
        assert!(arrivals.notes.len() <= NOTES_MAX);
        for number in (0..100_000).step_by(997) {
            let known = arrivals.take(number).expect("noted");
            assert!(known <= number as u32 && number as u32 - known < 100_000 / 16, "{number}: {known}");
        }
    }

    #[test]
    fn ages_are_counted_by_power_of_two() {
        let mut ages = QueueAges::default();
        [0, 1, 2, 3, 4, u64::from(u32::MAX)].iter().for_each(|age_s| ages.add(*age_s));
        assert_eq!((&ages.counts[..4], ages.counts[QUEUE_AGES - 1]), (&[1, 1, 2, 1][..], 1));
        assert_eq!(ages.sum_s, 10 + u64::from(u32::MAX));
    }
}
