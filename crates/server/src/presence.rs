//! `sys_presence`: which clients are there, as topics below `$SYS/broker/clients/`.
//!
//! ```text
//! $SYS/broker/clients/ID/connected   1 or 0, retained while the client has a Session
//! $SYS/broker/clients/ID/status      an object of JSON with what is known of it, retained as long
//! ```
//!
//! Shards note whose Session they have seen change, and one of them publishes it all, so that two of them never say one after the
//! other what happened the other way round. Where it is behind they keep to themselves whose has changed, and look how it stands when
//! there is room: who comes and goes all the time is noted once.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use midge_broker::ids::ShardId;

/// The shard that publishes.
pub(crate) const SHARD: ShardId = ShardId(0);

/// What all shards have noted and is not published yet.
#[derive(Default)]
pub(crate) struct Presence {
    changes: Mutex<VecDeque<Change>>,
    /// Some shard has more to say and found no room.
    is_awaited: AtomicBool,
}

/// How it stands with a client since something has happened to its Session.
pub(crate) struct Change {
    pub(crate) client_id: Box<str>,
    /// Where its Session lives, or has lived.
    pub(crate) shard: ShardId,
    pub(crate) standing: Standing,
    /// See the module.
    pub(crate) status: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Connected,
    /// Its Session waits for it.
    Away,
    /// It has no Session any more.
    Gone,
}

impl Presence {
    /// Room for so many changes. Who wants more is woken when there is.
    pub(crate) fn room(&self) -> usize {
        let room = || CHANGES_MAX.saturating_sub(self.changes.lock().unwrap_or_else(PoisonError::into_inner).len());
        if room() == 0 {
            self.is_awaited.store(true, Ordering::SeqCst);
        }
        // Looked at once more: it may have been made just before that was noted.
        room()
    }

    /// Adds what has happened, in its order.
    pub(crate) fn add(&self, changes: impl Iterator<Item = Change>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    /// What is to be published next, and whether there is more.
    pub(crate) fn take(&self) -> (Vec<Change>, bool) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = changes.len().min(CHANGES_PER_TURN);
        (changes.drain(..count).collect(), !changes.is_empty())
    }

    /// Whether somebody waits for room, who is to be woken now.
    pub(crate) fn is_to_wake(&self) -> bool {
        self.is_awaited.load(Ordering::SeqCst) && self.is_awaited.swap(false, Ordering::SeqCst)
    }
}

/// Where something is told of a client. What would be a level or a wildcard of its own, and `%`, is written as in addresses of the
/// web: `a/b` as `a%2Fb`. `None`: its name is too long for a topic.
pub(crate) fn topic_of(client_id: &str, what: &str) -> Option<String> {
    let mut topic = String::from("$SYS/broker/clients/");
    for character in client_id.chars() {
        match character {
            '/' | '+' | '#' | '%' => {
                // Writing to a String cannot fail.
                let _ = write!(topic, "%{:02X}", u32::from(character));
            }
            character => topic.push(character),
        }
    }
    topic.push('/');
    topic.push_str(what);
    (topic.len() <= usize::from(u16::MAX)).then_some(topic)
}

/// As many as nobody notices.
const CHANGES_PER_TURN: usize = 500;

/// Each shard may go above it by what changes in one turn.
const CHANGES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_is_woken_when_there_is() {
        let presence = Presence::default();
        let change =
            |_| Change { client_id: "c".into(), shard: SHARD, standing: Standing::Connected, status: String::new() };
        assert_eq!((presence.room(), presence.is_to_wake()), (CHANGES_MAX, false));
        presence.add((0..CHANGES_MAX).map(change));
        assert_eq!(presence.room(), 0);
        let (taken, is_more) = presence.take();
        assert_eq!((taken.len(), is_more, presence.room()), (CHANGES_PER_TURN, true, CHANGES_PER_TURN));
        assert_eq!([presence.is_to_wake(), presence.is_to_wake()], [true, false]);
    }

    #[test]
    fn a_client_has_one_level_whatever_it_is_called() {
        let check = |client_id: &str, expected: Option<&str>| {
            assert_eq!(topic_of(client_id, "connected").as_deref(), expected, "{client_id}");
        };
        check("c1", Some("$SYS/broker/clients/c1/connected"));
        check("a/+#%b", Some("$SYS/broker/clients/a%2F%2B%23%25b/connected"));
        check("温度 $1", Some("$SYS/broker/clients/温度 $1/connected"));
        check(&"/".repeat(30_000), None);
    }
}
