//! The tree of topics with a Retained Message.
//!
//! A node is 40 bytes: parent, siblings and first child as `u32`, the name as a [`LevelId`]. The way from a parent to a
//! child of a given name is looked up in one table for the whole tree.

use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::fast::FixedState;

use super::{Growth, Publishers, RetainedMessage};
use crate::router::index::Index;
use crate::router::levels::{LevelId, Levels, hash_edge};
use crate::router::slots::{NONE, Slots};

/// See the module.
pub(super) struct Tree {
    keys: FixedState,
    levels: Levels,
    nodes: Slots<Node>,
    children: Index,
    pub(super) publishers: Publishers,
    messages: usize,
    /// Of topics and payloads.
    bytes: usize,
    /// The same of those below `$SYS`, which the server itself keeps.
    own_messages: usize,
    own_bytes: usize,
    /// How many of the messages have a Message Expiry Interval.
    expiring: usize,
    /// Where the next sweep begins.
    sweep_from: u32,
}

/// A topic, or the beginning of some. It is there while it has a message, children, or a cursor standing on it.
pub(super) struct Node {
    pub(super) message: Option<RetainedMessage>,
    /// The number of the write that brought `message`.
    pub(super) v: u64,
    pub(super) parent: u32,
    pub(super) level: LevelId,
    pub(super) first_child: u32,
    pub(super) next: u32,
    previous: u32,
    /// How many cursors stand here. Changed with the tree locked for reading, so that replays do not wait for each other.
    pins: AtomicU32,
}

/// Above the first levels. Never has a message: a Topic Name has at least one level.
pub(super) const ROOT: u32 = 0;

impl Default for Node {
    fn default() -> Self {
        Node {
            message: None,
            v: 0,
            parent: NONE,
            level: LevelId(NONE),
            first_child: NONE,
            next: NONE,
            previous: NONE,
            pins: AtomicU32::new(0),
        }
    }
}

impl Tree {
    pub(super) fn new(seed: u64) -> Tree {
        let mut nodes = Slots::default();
        nodes.insert(Node::default());
        Tree {
            keys: FixedState::with_seed(seed),
            levels: Levels::new(seed),
            nodes,
            children: Index::default(),
            publishers: Publishers::default(),
            messages: 0,
            bytes: 0,
            own_messages: 0,
            own_bytes: 0,
            expiring: 0,
            sweep_from: 0,
        }
    }

    /// Puts a message in the place of its topic and gives back the one before.
    pub(super) fn put(&mut self, message: RetainedMessage, v: u64) -> Option<RetainedMessage> {
        let mut index = ROOT;
        for level in message.topic_bytes().split(is_separator) {
            index = self.make_child(index, level);
        }
        self.count(&message);
        let node = &mut self.nodes[index];
        let old_v = std::mem::replace(&mut node.v, v);
        let old = node.message.replace(message);
        if let Some(old) = &old {
            self.discount(old);
            if old_v != v {
                self.publishers.leave(old_v);
            }
        }
        old
    }

    /// Takes the message of a topic away, and the nodes that nothing else needs.
    pub(super) fn take(&mut self, topic: &[u8]) -> Option<RetainedMessage> {
        let index = self.find(topic)?;
        self.take_at(index)
    }

    /// The node of a topic.
    pub(super) fn find(&self, topic: &[u8]) -> Option<u32> {
        topic.split(is_separator).try_fold(ROOT, |index, level| self.child(index, self.levels.find(level)?))
    }

    /// Behind the last place.
    pub(super) fn end(&self) -> u32 {
        self.nodes.end()
    }

    /// The message at a place, and its number.
    pub(super) fn message_at(&self, index: u32) -> Option<(&RetainedMessage, u64)> {
        let node = self.nodes.get(index)?;
        node.message.as_ref().map(|message| (message, node.v))
    }

    #[inline]
    pub(super) fn node(&self, index: u32) -> &Node {
        &self.nodes[index]
    }

    /// The level with this text, if any topic has it.
    pub(super) fn level(&self, text: &[u8]) -> Option<LevelId> {
        self.levels.find(text)
    }

    /// The text of a node's own level.
    pub(super) fn level_text(&self, index: u32) -> &[u8] {
        self.levels.text(self.nodes[index].level)
    }

    #[inline]
    pub(super) fn child(&self, parent: u32, level: LevelId) -> Option<u32> {
        self.children.find(hash_edge(&self.keys, parent, level), |index| {
            let node = &self.nodes[index];
            node.parent == parent && node.level == level
        })
    }

    /// Keeps a node, and its place among its siblings, until [`Tree::unpin`]. The root stays without.
    pub(super) fn pin(&self, index: u32) {
        if index != ROOT {
            self.nodes[index].pins.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// True when the node is no longer needed, which only [`Tree::prune`] can do something about.
    pub(super) fn unpin(&self, index: u32) -> bool {
        if index == ROOT {
            return false;
        }
        self.nodes[index].pins.fetch_sub(1, Ordering::Relaxed);
        self.nodes[index].is_unused()
    }

    /// Removes a node if nothing needs it, then its parent if that was the last to need it, and so on. Another one may have
    /// done so before.
    pub(super) fn prune(&mut self, mut index: u32) {
        while self.nodes.get(index).is_some_and(|node| node.is_linked() && node.is_unused()) {
            self.unlink(index);
            let Node { parent, level, .. } = self.nodes.remove(index);
            self.levels.release(level);
            index = parent;
        }
        self.nodes.give_back_behind_root();
    }

    /// Looks at up to `budget` nodes, going on where it stopped the last time, and removes messages that have expired.
    pub(super) fn sweep(&mut self, now_s: u64, budget: usize) -> usize {
        let mut removed = 0;
        for _ in 0..budget.min(self.nodes.end() as usize) {
            self.sweep_from = if self.sweep_from < self.nodes.end() { self.sweep_from } else { 0 };
            let expired = self.nodes[self.sweep_from].message.as_ref().is_some_and(|message| message.is_expired(now_s));
            if expired {
                self.take_at(self.sweep_from);
                removed += 1;
            }
            self.sweep_from += 1;
        }
        removed
    }

    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Of topics and payloads.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages of the server's own, and the bytes of these.
    pub(super) fn own(&self) -> (usize, usize) {
        (self.own_messages, self.own_bytes)
    }

    /// What a message on this topic would add to those that are not the server's own.
    pub(super) fn growth(&self, topic: &[u8], payload_bytes: usize) -> Growth {
        let there = self.find(topic).and_then(|index| self.nodes[index].message.as_ref());
        let (old_bytes, new_bytes) = (there.map_or(0, RetainedMessage::bytes), topic.len() + payload_bytes);
        let messages = self.messages - self.own_messages + 1;
        let bytes = self.bytes - self.own_bytes + new_bytes - old_bytes;
        Growth {
            messages: there.is_none().then_some(messages as u64),
            bytes: (new_bytes > old_bytes).then_some(bytes as u64),
        }
    }

    /// Whether any message can expire.
    pub(super) fn has_expiring(&self) -> bool {
        self.expiring > 0
    }

    /// Bytes allocated, beside the messages themselves.
    pub(super) fn memory(&self) -> usize {
        self.levels.memory() + self.nodes.memory() + self.children.memory()
    }

    /// Whether nothing is left of the topics there were.
    #[cfg(test)]
    pub(super) fn is_bare(&self) -> bool {
        (self.messages, self.bytes, self.expiring) == (0, 0, 0)
            && self.nodes.len() == 1
            && self.nodes[ROOT].first_child == NONE
            && self.levels.len() == 0
            && self.children.len() == 0
    }

    /// A new child comes first: a cursor that stands on one of the others has passed that place and does not mind.
    fn make_child(&mut self, parent: u32, level: &[u8]) -> u32 {
        if let Some(child) = self.levels.find(level).and_then(|level| self.child(parent, level)) {
            return child;
        }
        let level = self.levels.acquire(level);
        let next = self.nodes[parent].first_child;
        let child = self.nodes.insert(Node { parent, level, next, ..Node::default() });
        self.nodes[parent].first_child = child;
        if next != NONE {
            self.nodes[next].previous = child;
        }
        let (keys, nodes) = (&self.keys, &self.nodes);
        let hash_of = |index: u32| hash_edge(keys, nodes[index].parent, nodes[index].level);
        self.children.insert(hash_of(child), child, hash_of);
        child
    }

    fn take_at(&mut self, index: u32) -> Option<RetainedMessage> {
        let node = &mut self.nodes[index];
        let (message, v) = (node.message.take()?, node.v);
        self.discount(&message);
        self.publishers.leave(v);
        self.prune(index);
        Some(message)
    }

    /// Out of the list of its siblings and out of the table.
    fn unlink(&mut self, index: u32) {
        let &Node { parent, level, next, previous, .. } = &self.nodes[index];
        if next != NONE {
            self.nodes[next].previous = previous;
        }
        if previous != NONE {
            self.nodes[previous].next = next;
        } else {
            self.nodes[parent].first_child = next;
        }
        let (keys, nodes) = (&self.keys, &self.nodes);
        let hash_of = |index: u32| hash_edge(keys, nodes[index].parent, nodes[index].level);
        self.children.remove(hash_edge(keys, parent, level), index, hash_of);
    }

    fn count(&mut self, message: &RetainedMessage) {
        self.messages += 1;
        self.bytes += message.bytes();
        self.expiring += usize::from(message.expires());
        if is_own(message) {
            self.own_messages += 1;
            self.own_bytes += message.bytes();
        }
    }

    fn discount(&mut self, message: &RetainedMessage) {
        self.messages -= 1;
        self.bytes -= message.bytes();
        self.expiring -= usize::from(message.expires());
        if is_own(message) {
            self.own_messages -= 1;
            self.own_bytes -= message.bytes();
        }
    }
}

impl Node {
    fn is_linked(&self) -> bool {
        self.parent != NONE
    }

    fn is_unused(&self) -> bool {
        self.message.is_none() && self.first_child == NONE && self.pins.load(Ordering::Relaxed) == 0
    }
}

fn is_own(message: &RetainedMessage) -> bool {
    message.topic_bytes().starts_with(b"$SYS/")
}

/// What stands between levels.
pub(super) fn is_separator(byte: &u8) -> bool {
    *byte == b'/'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_forty_bytes() {
        assert_eq!(size_of::<Node>(), 40);
    }
}
