//! Space comes back: what long queues have on disk in the oldest part of the log is written again at its end, so that the
//! oldest part can go.
//!
//! A Session that never comes back would hold on to everything behind its oldest run otherwise. Which part is to go, the
//! log's thread says when it asks for a snapshot; each shard moves the runs of a Session or share group right before it
//! writes what else there is of that.
//!
//! What must hold: a moved run keeps its name and its place among the others, and has the same messages under the same
//! identities, less those that are done with. A large message is moved once, however many runs refer to it.

use super::Shard;
use super::run::{Found, ReadBatch, RunWriter, read_run};
use crate::groups::GroupId;
use crate::log_queue::LogQueue;
use crate::message::MessageParts;
use crate::queue::Run;
use crate::record::{Content, Holder, RunRecord};
use crate::turn::Turn;
use std::sync::Arc;

impl Shard {
    /// The next run of this queue, behind the one of that name, that stands where the log is to end. `None`: there is none, or
    /// it is on its way into memory.
    pub(super) fn next_run_to_move(&self, holder: Holder, behind: u64) -> Option<RunRecord> {
        let before = self.shared.log()?.move_before();
        match holder {
            Holder::Session(name) => {
                let queue = self.sessions.get(name.slot)?.queue.as_deref()?;
                let is_it = |run: &&Run| run.record.origin > behind && run.record.floor < before;
                queue.movable_runs().find(is_it).map(|run| run.record)
            }
            Holder::Group(name) => self.shared.groups().run_to_move(GroupId::named(name), behind, before),
        }
    }

    /// A run was read that is to be moved. Meanwhile it may have been wanted by somebody, or not at all any more: whether it was
    /// still to be moved.
    pub(super) fn handle_run_to_move(
        &mut self,
        holder: Holder,
        address: u64,
        run: &[u8],
        referred: &[ReadBatch],
        turn: &mut Turn,
    ) -> bool {
        self.run_to_move_came(holder);
        let Some(old) = self.movable_run(holder, address) else { return false };
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log() else { return false };
        let mut moved = RunWriter::begin(holder, Some(&old.record));
        let mut is_readable = false;
        read_run(address, run, referred, |entry, found, identifiers| {
            is_readable = true;
            if !old.is_done(entry.message) {
                let content = self.moved_content(entry.message, found, log, turn);
                moved.push(entry, content, found.bytes());
                moved.push_identifiers(identifiers);
            }
        });
        // What could not be read stays where it is: it may be repaired.
        if is_readable {
            self.put_moved(holder, &old, moved, log, turn);
        }
        true
    }

    fn movable_run(&self, holder: Holder, address: u64) -> Option<Run> {
        match holder {
            Holder::Session(name) => {
                let session = self.sessions.get(name.slot).filter(|_| self.is_there(name))?;
                let queue = session.queue.as_deref()?;
                queue.movable_runs().find(|run| run.record.address == address).cloned()
            }
            Holder::Group(name) => self.shared.groups().movable_run(GroupId::named(name), address),
        }
    }

    /// The moved run takes the place of the old one. Of a group that may be on its way into memory by now, and then stays.
    fn put_moved(&mut self, holder: Holder, old: &Run, moved: RunWriter, log: &LogQueue, turn: &mut Turn) {
        let shared = Arc::clone(&self.shared);
        let hand_over = |shard: &mut Shard| (!moved.is_empty()).then(|| shard.hand_over_run(moved, log, turn));
        let slot = match holder {
            Holder::Session(name) => name.slot,
            Holder::Group(name) => {
                return shared.groups().move_run(GroupId::named(name), old.record.address, || hand_over(self));
            }
        };
        let record = hand_over(self);
        self.messages_on_disk -= old.messages();
        self.messages_on_disk += record.map_or(0, |record| u64::from(record.messages));
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else { return };
        match record {
            Some(record) => queue.move_run(record),
            None => queue.remove_run(old.record.origin),
        }
    }

    /// A message as the moved run has it.
    fn moved_content<'a>(&mut self, identity: u64, found: &Found<'a>, log: &LogQueue, turn: &mut Turn) -> Content<'a> {
        match found.at {
            None => Content::Here(found.parts),
            Some(at) if at >= log.move_before() => Content::At(at),
            Some(_) => Content::At(self.place_of_large(identity, &found.parts, log, turn)),
        }
    }
}

impl Found<'_> {
    fn bytes(&self) -> usize {
        let MessageParts { topic, properties, payload, .. } = &self.parts;
        topic.len() + properties.len() + payload.len()
    }
}
