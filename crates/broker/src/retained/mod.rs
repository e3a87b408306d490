//! The Retained Messages of the server, read and written by all shards: a `tree` of topics behind one lock, and replays
//! that go through it in portions (`cursor`).
//!
//! What must hold:
//! - Every write takes the next number `v` while it holds the lock. A subscriber enters the router first, then takes
//!   `upto` from [`Retained::sequence`] and replays what has no higher `v`; live retained publishes with no higher `v` are
//!   left out for it. So it sees no value twice, none after a newer one, and no gap.
//! - A replay gives what existed before it began and still exists, once, whatever is written between its portions.
//! - With the last message the topic goes, with its nodes and levels.
//! - No recursion: the depth of a topic is the client's choice.
//!
//! What a message costs beside its payload and topic: the header of its one allocation, a node of 40 bytes and a place in
//! a table of `u32`; the text of a level is held once. Where there is a log, a large payload stands there and not in memory.

mod cursor;
mod message;
mod publishers;
mod tree;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use self::cursor::Cursor;
pub use self::message::{RetainedMessage, StoredPayload};
pub(crate) use self::publishers::{Publisher, Publishers};
use self::tree::Tree;
use crate::identity::{Renew, Rights};
use crate::message::{Message, MessageParts};
use crate::options::Options;
use crate::record::PublisherRecord;

/// One message for each topic. See the module.
pub struct Retained {
    tree: RwLock<Tree>,
    /// The number of the latest write. Changed with the tree locked; read without the lock, sequentially consistent, like
    /// the router's state: one of a subscriber and a publisher must see the other.
    sequence: AtomicU64,
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

/// How much a store has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amounts {
    /// Messages.
    pub messages: usize,
    /// Their topics and payloads together.
    pub bytes: usize,
    /// Messages among them that are below `$SYS`, which the server itself keeps.
    pub own_messages: usize,
    /// Topics and payloads of these.
    pub own_bytes: usize,
}

/// A message in a portion of the store.
pub(crate) struct Found {
    pub place: u32,
    pub message: RetainedMessage,
    /// The number of its write.
    pub v: u64,
    /// Who brought it, if that is known.
    pub publisher: Option<Arc<Publisher>>,
}

/// What one more message would make of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Growth {
    /// How many messages there would be; `None`: not one more than there are.
    pub messages: Option<u64>,
    /// How many bytes of topics and payloads; `None`: not one more than there are.
    pub bytes: Option<u64>,
}

impl Retained {
    /// An empty store whose tables are keyed with `seed`, which clients must not be able to guess.
    pub fn new(seed: u64) -> Retained {
        Retained { tree: RwLock::new(Tree::new(seed)), sequence: AtomicU64::new(0) }
    }

    /// Keeps `message` for its topic `[MQTT-3.3.1-5]`, replacing what was there. Its payload is not empty.
    pub fn keep(&self, message: Message) -> Kept {
        let (v, old) = {
            let mut tree = self.write();
            let v = self.next_number();
            (v, tree.put(message.into(), v))
        };
        // The old message is dropped here, where nobody waits for the lock.
        Kept { v, replaced: old.is_some() }
    }

    /// The same, and knows from now on that `publisher` has brought it, who may do what `rights` say (`None`: everything).
    pub(crate) fn keep_of(
        &self,
        message: Message,
        publisher: PublisherRecord<'_>,
        rights: Option<&Arc<dyn Rights>>,
    ) -> Kept {
        let (v, old) = {
            let mut tree = self.write();
            let v = self.next_number();
            let old = tree.put(message.into(), v);
            tree.publishers.enter(v, publisher, rights);
            (v, old)
        };
        Kept { v, replaced: old.is_some() }
    }

    /// Puts back a message that had this number before the server was started.
    pub(crate) fn restore(&self, message: RetainedMessage, v: u64) {
        self.write().put(message, v);
    }

    /// Knows again who brought this write. What he may do is not known before [`Retained::renew_publishers`].
    pub(crate) fn restore_publisher(&self, v: u64, publisher: PublisherRecord<'_>) {
        self.write().publishers.enter(v, publisher, None);
    }

    /// Who brought the message of this write, if that is known and it is still retained.
    pub(crate) fn publisher(&self, v: u64) -> Option<Arc<Publisher>> {
        self.read().publishers.of_write(v).cloned()
    }

    /// What decides what clients may do has changed: it is asked about each publisher again.
    pub(crate) fn renew_publishers(&self, renew: &Renew<'_>) {
        let publishers = self.read().publishers.all();
        publishers.iter().for_each(|publisher| publisher.renew(renew));
    }

    /// Goes on with the numbers behind this one, which the server had given before it was started.
    pub(crate) fn resume(&self, sequence: u64) {
        self.sequence.fetch_max(sequence, Ordering::SeqCst);
    }

    /// The payload of the message that this write brought stands in the log, and leaves memory. Nothing happens where a later
    /// write has replaced it.
    pub(crate) fn put_on_disk(&self, topic: &[u8], v: u64, stored: StoredPayload) {
        let old = {
            let mut tree = self.write();
            let found = tree.find(topic).and_then(|index| tree.message_at(index)).filter(|(_, of)| *of == v);
            let Some((message, _)) = found else { return };
            let message = RetainedMessage::without_payload(&message.parts(), stored);
            tree.put(message, v)
        };
        drop(old);
    }

    /// The messages in a portion of the store: `budget` places from `from` on. Returns where to go on; `None` at the end. What
    /// is written meanwhile may be among them or not.
    pub(crate) fn portion(&self, from: u32, budget: u32, out: &mut Vec<Found>) -> Option<u32> {
        let tree = self.read();
        let end = tree.end().min(from.saturating_add(budget));
        for place in from..end {
            if let Some((message, v)) = tree.message_at(place) {
                out.push(Found { place, message: message.clone(), v, publisher: tree.publishers.of_write(v).cloned() });
            }
        }
        (end < tree.end()).then_some(end)
    }

    /// Removes the topic's message, if any `[MQTT-3.3.1-6]`. Takes a number in either case.
    pub fn clear(&self, topic: &str) -> Cleared {
        let (v, old) = {
            let mut tree = self.write();
            (self.next_number(), tree.take(topic.as_bytes()))
        };
        Cleared { v, existed: old.is_some() }
    }

    /// The highest number handed out so far: 0 before the first write. Every write that has a number up to it is seen by a
    /// replay that begins now; every later write has a higher one.
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::SeqCst)
    }

    /// The topic's message and the number of its write.
    pub fn get(&self, topic: &[u8]) -> Option<(RetainedMessage, u64)> {
        let tree = self.read();
        let node = tree.node(tree.find(topic)?);
        node.message.as_ref().map(|message| (message.clone(), node.v))
    }

    /// Whether the topic's message was written no later than `upto`.
    pub fn holds(&self, topic: &[u8], upto: u64) -> bool {
        let tree = self.read();
        tree.find(topic).map(|index| tree.node(index)).is_some_and(|node| node.message.is_some() && node.v <= upto)
    }

    /// How many messages are kept.
    pub fn len(&self) -> usize {
        self.read().messages()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Topics and payloads together.
    pub fn bytes(&self) -> usize {
        self.read().bytes()
    }

    /// How much is kept, at one moment.
    pub fn amounts(&self) -> Amounts {
        let tree = self.read();
        let (own_messages, own_bytes) = tree.own();
        Amounts { messages: tree.messages(), bytes: tree.bytes(), own_messages, own_bytes }
    }

    /// What a message on this topic would add, those below `$SYS` aside.
    pub(crate) fn growth(&self, topic: &str, payload_bytes: usize) -> Growth {
        self.read().growth(topic.as_bytes(), payload_bytes)
    }

    /// Bytes allocated, beside the messages themselves.
    pub fn memory(&self) -> usize {
        self.read().memory()
    }

    /// Goes on with a replay: visits at most `budget` nodes, appends the messages that match, were there when the replay
    /// began and have not expired at `now_s`, each with the number of its write. True when it is finished. Writes may happen in between: what existed before
    /// the first portion and still exists is given once.
    pub fn replay(
        &self,
        cursor: &mut Cursor,
        now_s: u64,
        budget: usize,
        out: &mut Vec<(RetainedMessage, u64)>,
    ) -> bool {
        if cursor.is_finished() {
            return true;
        }
        let tree = self.read();
        let left = cursor.node;
        cursor.advance(&tree, now_s, budget, out);
        if !cursor.is_finished() {
            tree.pin(cursor.node);
        }
        self.leave(tree, left);
        cursor.is_finished()
    }

    /// Gives up a replay, finished or not.
    #[expect(clippy::needless_pass_by_value, reason = "nothing can be done with it afterwards")]
    pub fn abandon(&self, cursor: Cursor) {
        if !cursor.is_finished() {
            self.leave(self.read(), cursor.node);
        }
    }

    /// Removes expired messages `[MQTT-3.3.2-5]`: looks at up to `budget` places, going on where the last call ended.
    /// Returns how many it removed.
    pub fn expire(&self, now_s: u64, budget: usize) -> usize {
        if !self.has_expiring() {
            return 0;
        }
        self.write().sweep(now_s, budget)
    }

    /// Whether some message will expire.
    pub fn has_expiring(&self) -> bool {
        self.read().has_expiring()
    }

    /// Lets go of a node where a cursor stood.
    fn leave(&self, tree: RwLockReadGuard<'_, Tree>, node: u32) {
        let is_unused = tree.unpin(node);
        drop(tree);
        if is_unused {
            self.write().prune(node);
        }
    }

    fn next_number(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The copy to be retained of a message that must not stay as long as it asks; `None` where it may.
pub(crate) fn limited(parts: &MessageParts<'_>, options: &Options, received_s: u32) -> Option<Message> {
    let limit_s = options.retain_expiry_interval_s?;
    let is_within = parts.expiry_interval_s.is_some_and(|own_s| own_s <= limit_s);
    if is_within || parts.topic.starts_with("$SYS/") {
        return None;
    }
    Some(Message::new(&MessageParts { expiry_interval_s: Some(limit_s), received_s, ..*parts }))
}

#[cfg(test)]
mod tests;
