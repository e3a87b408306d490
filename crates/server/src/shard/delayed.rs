//! Logins that wait before they are looked at: for a reload, or for others that stand in their line.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use midge_broker::Credentials;

use crate::authority::Line;

/// Connections that wait, the next one due in front.
#[derive(Default)]
pub(super) struct Delayed {
    /// When, since when it waits, and where in `logins`. Of those that are due at once the one that came first goes first.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    logins: slab::Slab<Login>,
}

/// A connection with what it has brought. It may have ended meanwhile; its generation shows that.
pub(super) struct Login {
    pub(super) index: usize,
    pub(super) generation: u32,
    pub(super) credentials: Credentials,
    /// When it came.
    pub(super) since_ms: u64,
    /// Where it stands, if it does.
    pub(super) line: Option<Line>,
}

impl Delayed {
    pub(super) fn push(&mut self, due_ms: u64, login: Login) {
        let since_ms = login.since_ms;
        let key = self.logins.insert(login);
        self.due.push(Reverse((due_ms, since_ms, key)));
    }

    /// The next one whose time has come.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<Login> {
        let Reverse((due_ms, _, key)) = *self.due.peek()?;
        if due_ms > now_ms {
            return None;
        }
        self.due.pop();
        self.logins.try_remove(key)
    }

    /// When the next one is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ms, ..))| *due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_when_it_is_due() {
        let mut delayed = Delayed::default();
        let credentials = Credentials { client_id: "c".into(), username: None, password: None };
        for (index, due_ms, since_ms) in [(1, 3_000, 0), (2, 100, 0), (3, 1_600, 20), (4, 1_600, 10)] {
            let credentials = credentials.clone();
            delayed.push(due_ms, Login { index, generation: 0, credentials, since_ms, line: None });
        }
        assert_eq!(delayed.next_ms(), Some(100));
        let mut due = |now_ms| delayed.pop_due(now_ms).map(|login| login.index);
        assert_eq!(
            [due(99), due(100), due(100), due(9_000), due(9_000), due(9_000), due(9_000)],
            [None, Some(2), None, Some(4), Some(3), Some(1), None]
        );
        assert_eq!(delayed.next_ms(), None);
    }
}
