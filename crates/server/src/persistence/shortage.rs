//! What people are told of a log without room. At the limit room comes and goes with each snapshot and each client that fetches what
//! waits for it, many times a second: it is told when it begins, and when it is over for good.

/// See the module.
#[derive(Default)]
pub(super) struct Shortage {
    is_told_full: bool,
    is_told_scarce: bool,
    /// There has been room since then, which was not told yet.
    over_since_ms: Option<u64>,
}

impl Shortage {
    /// The log is full. `true`: that is to be told.
    pub(super) fn note_full(&mut self) -> bool {
        self.over_since_ms = None;
        !std::mem::replace(&mut self.is_told_full, true)
    }

    /// It takes hardly anything. `true`: that is to be told.
    pub(super) fn note_scarce(&mut self) -> bool {
        !std::mem::replace(&mut self.is_told_scarce, true)
    }

    /// There is room.
    pub(super) fn note_room(&mut self, now_ms: u64) {
        self.over_since_ms = Some(now_ms);
    }

    /// `true`: it is to be told that it is over. To be asked every now and then.
    pub(super) fn is_over(&mut self, now_ms: u64) -> bool {
        let is_over = self.over_since_ms.is_some_and(|since_ms| now_ms >= since_ms + SETTLE_MS);
        if is_over {
            *self = Shortage::default();
        }
        is_over
    }
}

/// Room that lasts so long is told.
const SETTLE_MS: u64 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_it_begins_and_when_it_is_over_for_good() {
        let mut shortage = Shortage::default();
        assert!(!shortage.is_over(0));
        assert_eq!((shortage.note_full(), shortage.note_scarce()), (true, true));
        for now_ms in [10, 3_000, 5_999] {
            shortage.note_room(now_ms);
            assert!(!shortage.is_over(now_ms + SETTLE_MS - 1));
            assert_eq!((shortage.note_full(), shortage.note_scarce()), (false, false));
            assert!(!shortage.is_over(now_ms + SETTLE_MS));
        }
        shortage.note_room(7_000);
        assert!(shortage.is_over(7_000 + SETTLE_MS));
        assert!(!shortage.is_over(20_000));
        assert!(shortage.note_full());
    }
}
