//! The Retained Messages of the server, read and written by all shards.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::message::Message;

/// See the module.
#[derive(Default)]
pub struct Retained {
    store: RwLock<Store>,
}

#[derive(Default)]
struct Store {
    messages: BTreeMap<String, (Message, u64)>,
    sequence: u64,
    bytes: usize,
}

/// What [`Retained::keep`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The number of this write.
    pub v: u64,
    /// Whether the topic had a Retained Message before.
    pub replaced: bool,
}

/// What [`Retained::clear`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cleared {
    /// The number of this write.
    pub v: u64,
    /// Whether the topic had a Retained Message.
    pub existed: bool,
}

/// How far a replay for one Subscription has come. One that is given up unfinished goes through
/// [`Retained::abandon`].
#[derive(Debug)]
#[must_use]
pub struct Cursor {
    filter: String,
    upto: u64,
    last: Option<String>,
}

impl Cursor {
    /// A replay of the messages that match `filter` (validated, without a `$share` prefix) and were written no later
    /// than `upto`, a value of [`Retained::sequence`].
    pub fn new(filter: &str, upto: u64) -> Cursor {
        Cursor {
            filter: filter.to_owned(),
            upto,
            last: None,
        }
    }

    /// The filter it was made with.
    pub fn filter(&self) -> &str {
        &self.filter
    }
}

impl Retained {
    /// An empty store whose tables are keyed with `seed`.
    pub fn new(_seed: u64) -> Retained {
        Retained::default()
    }

    /// Keeps `message` for its topic `[MQTT-3.3.1-5]`, replacing what was there. Its payload is not empty.
    pub fn keep(&self, message: Message) -> Kept {
        let mut store = self.write();
        store.sequence += 1;
        let v = store.sequence;
        store.bytes += message.topic().len() + message.payload().len();
        let old = store
            .messages
            .insert(message.topic().to_owned(), (message, v));
        let replaced = old.is_some();
        if let Some((old, _)) = old {
            store.bytes -= old.topic().len() + old.payload().len();
        }
        Kept { v, replaced }
    }

    /// Removes the topic's message, if any `[MQTT-3.3.1-6]`. Takes a number in either case.
    pub fn clear(&self, topic: &str) -> Cleared {
        let mut store = self.write();
        store.sequence += 1;
        let v = store.sequence;
        let old = store.messages.remove(topic);
        let existed = old.is_some();
        if let Some((old, _)) = old {
            store.bytes -= old.topic().len() + old.payload().len();
        }
        Cleared { v, existed }
    }

    /// The highest number handed out so far: 0 before the first write. Every write that has returned has a number up to
    /// it and is seen by a replay that begins now; every later write has a higher one.
    pub fn sequence(&self) -> u64 {
        self.read().sequence
    }

    /// The topic's message and the number of its write.
    pub fn get(&self, topic: &str) -> Option<(Message, u64)> {
        self.read().messages.get(topic).cloned()
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.read().messages.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Topics and payloads together.
    pub fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Goes on with a replay: visits at most `budget` topics, appends the messages that match, were there when the replay
    /// began and have not expired at `now_s`. True when it is finished. Writes may happen in between: what existed before
    /// the first portion and still exists is given once.
    pub fn replay(
        &self,
        cursor: &mut Cursor,
        now_s: u64,
        budget: usize,
        out: &mut Vec<Message>,
    ) -> bool {
        let store = self.read();
        let start = match &cursor.last {
            Some(last) => Bound::Excluded(last.as_str()),
            None => Bound::Unbounded,
        };
        let mut last = None;
        for (visited, (topic, (message, v))) in store
            .messages
            .range::<str, _>((start, Bound::Unbounded))
            .enumerate()
        {
            if visited == budget {
                cursor.last = last;
                return false;
            }
            if crate::router::matching::matches(cursor.filter.as_bytes(), topic.as_bytes())
                && *v <= cursor.upto
                && !message.is_expired(now_s)
            {
                out.push(message.clone());
            }
            last = Some(topic.clone());
        }
        cursor.last = None;
        true
    }

    /// Gives up an unfinished replay.
    #[allow(clippy::needless_pass_by_value)]
    pub fn abandon(&self, _cursor: Cursor) {}

    /// Removes expired messages: looks at up to `budget` places, going on where the last call ended. Returns how many it
    /// removed.
    pub fn expire(&self, now_s: u64, _budget: usize) -> usize {
        let mut store = self.write();
        let before = store.messages.len();
        store
            .messages
            .retain(|_, (message, _)| !message.is_expired(now_s));
        before - store.messages.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}
