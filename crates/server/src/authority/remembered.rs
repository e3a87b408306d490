//! Credentials whose check took its time and came out right: the next connection of the same client need not wait.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midge_broker::{Credentials, ListenerId};

/// Keyed digests: with what is in memory nobody can try passwords without the keys.
#[derive(Default)]
pub(super) struct Remembered {
    keys: [RandomState; 2],
    digests: Mutex<HashSet<[u64; 2]>>,
}

/// Beyond this many all are forgotten.
const REMEMBERED_MAX: usize = 100_000;

impl Remembered {
    pub(super) fn knows(&self, listener: ListenerId, credentials: &Credentials) -> bool {
        let digest = self.digest(listener, credentials);
        self.digests().contains(&digest)
    }

    pub(super) fn remember(&self, listener: ListenerId, credentials: &Credentials) {
        let digest = self.digest(listener, credentials);
        let mut digests = self.digests();
        if digests.len() >= REMEMBERED_MAX {
            digests.clear();
        }
        digests.insert(digest);
    }

    fn digest(&self, listener: ListenerId, credentials: &Credentials) -> [u64; 2] {
        let Credentials { username, password, .. } = credentials;
        self.keys.each_ref().map(|key| key.hash_one((listener.0, username, password)))
    }

    fn digests(&self) -> MutexGuard<'_, HashSet<[u64; 2]>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_right_is_known_again_and_nothing_else() {
        let remembered = Remembered::default();
        let credentials = |username: &str, password: &str| Credentials {
            client_id: "any".into(),
            username: Some(username.into()),
            password: Some(password.as_bytes().into()),
        };
        remembered.remember(ListenerId(1), &credentials("ada", "secret"));
        let knows =
            |listener, username, password| remembered.knows(ListenerId(listener), &credentials(username, password));
        assert!(knows(1, "ada", "secret"));
        assert!(!knows(0, "ada", "secret") && !knows(1, "ada", "secret ") && !knows(1, "adas", "ecret"));
    }
}
