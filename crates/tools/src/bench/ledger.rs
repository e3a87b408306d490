//! What a subscriber has received of each stream: whether each message came once, and in its order.

use std::collections::HashSet;

/// The sequence numbers of the streams that one subscriber takes. The first message of a stream has number 1; behind the last number
/// there is comes 0 again.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The highest number of each stream.
    last: Vec<u32>,
    /// Streams and numbers that were passed over and have not come since.
    missing: HashSet<(u32, u32)>,
    /// Passed over where there was no room to remember each.
    forgotten: u64,
    /// Messages that came again.
    pub(super) doubled: u64,
    /// Messages that came behind later ones.
    pub(super) reordered: u64,
}

impl Ledger {
    /// Of so many streams.
    pub(super) fn new(streams: usize) -> Ledger {
        Ledger { last: vec![0; streams], ..Ledger::default() }
    }

    /// A message came. Whether it is one that had not come before.
    #[inline]
    pub(super) fn take(&mut self, stream: u32, sequence: u32) -> bool {
        let last = &mut self.last[stream as usize];
        let ahead = sequence.wrapping_sub(*last);
        if ahead == 1 {
            *last = sequence;
            return true;
        }
        self.take_out_of_turn(stream, sequence, ahead)
    }

    #[cold]
    fn take_out_of_turn(&mut self, stream: u32, sequence: u32, ahead: u32) -> bool {
        if ahead == 0 || ahead > u32::MAX / 2 {
            let is_late = self.missing.remove(&(stream, sequence));
            self.reordered += u64::from(is_late);
            self.doubled += u64::from(!is_late);
            return is_late;
        }
        let last = std::mem::replace(&mut self.last[stream as usize], sequence);
        for passed in 1..ahead {
            if self.missing.len() == MISSING_MAX {
                self.forgotten += u64::from(ahead - passed);
                break;
            }
            self.missing.insert((stream, last.wrapping_add(passed)));
        }
        true
    }

    /// How many have not come of those that were sent; `sent` has the last number of each stream.
    pub(super) fn lost(&self, sent: impl Iterator<Item = u32>) -> u64 {
        let behind: u64 = self.last.iter().zip(sent).map(|(last, sent)| u64::from(sent.wrapping_sub(*last))).sum();
        behind + self.missing.len() as u64 + self.forgotten
    }
}

/// Memory for those who lose nearly everything is bounded.
const MISSING_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Lost, doubled and reordered ones of a stream of which `sent` were sent.
    #[track_caller]
    fn check(came: &[u32], sent: u32, expected: (u64, u64, u64)) {
        let mut ledger = Ledger::new(2);
        for &sequence in came {
            ledger.take(1, sequence);
        }
        assert_eq!((ledger.lost([0, sent].into_iter()), ledger.doubled, ledger.reordered), expected, "{came:?}");
    }

    #[test]
    fn each_message_is_awaited_once_and_in_its_order() {
        check(&[], 0, (0, 0, 0));
        check(&[1, 2, 3], 3, (0, 0, 0));
        check(&[1, 2], 3, (1, 0, 0));
        check(&[1, 4], 5, (3, 0, 0));
        check(&[1, 1, 2, 1], 2, (0, 2, 0));
        check(&[2, 1, 3], 3, (0, 0, 1));
        check(&[3, 1, 1], 3, (1, 1, 1));
    }

    #[test]
    fn numbers_begin_again() {
        let mut ledger = Ledger { last: vec![u32::MAX - 1], ..Ledger::default() };
        assert!(ledger.take(0, u32::MAX) && ledger.take(0, 1));
        assert_eq!(ledger.lost([2].into_iter()), 2);
        assert!(ledger.take(0, 0));
        assert_eq!((ledger.lost([1].into_iter()), ledger.reordered), (0, 1));
    }
}
