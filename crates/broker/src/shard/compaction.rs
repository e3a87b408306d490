//! Space comes back: what long queues have on disk in the oldest part of the log is written again at its end, so that the
//! oldest part can go.
//!
//! A Session that never comes back would hold on to everything behind its oldest run otherwise. Which part is to go, the
//! log's thread says when it asks for a snapshot; each shard moves the runs of a Session right before it writes the
//! Session's part.
//!
//! What must hold: a moved run keeps its name and its place among the others, and has the same messages under the same
//! identities, less those that are done with. A large message is moved once, however many runs refer to it.

use super::Shard;
use super::run::{Found, Purpose, ReadBatch, ReadRequest, RunWriter, read_run};
use crate::log_queue::LogQueue;
use crate::message::MessageParts;
use crate::queue::Run;
use crate::record::Content;
use crate::turn::Turn;
use std::sync::Arc;

impl Shard {
    /// The next run of this Session, behind the one of that name, that stands where the log is to end. `None`: there is
    /// none, or it is on its way to the client.
    pub(super) fn next_run_to_move(&self, slot: u32, behind: u64) -> Option<&Run> {
        let before = self.shared.log()?.move_before();
        let queue = self.sessions.get(slot)?.queue.as_deref()?;
        let mut runs = queue.runs().skip(usize::from(queue.is_reading));
        runs.find(|run| run.record.origin > behind && run.record.floor < before)
    }

    /// Asks for a run, to write it again.
    pub(super) fn read_to_move(&self, slot: u32, address: u64, turn: &mut Turn) {
        let generation = self.session_name(slot).generation;
        turn.reads.push(ReadRequest { slot, generation, address, purpose: Purpose::Move });
    }

    /// A run was read that is to be moved. Meanwhile it may have been wanted by the client, or not at all any more: whether it
    /// was still to be moved.
    pub(super) fn handle_run_to_move(
        &mut self,
        request: &ReadRequest,
        run: &[u8],
        referred: &[ReadBatch],
        turn: &mut Turn,
    ) -> bool {
        self.run_to_move_came(request.slot);
        let ReadRequest { slot, generation, address, .. } = *request;
        let is_same = self.sessions.port(slot).is_some_and(|port| port.generation == generation);
        let queue = self.sessions.get(slot).filter(|_| is_same).and_then(|session| session.queue.as_deref());
        let Some(old) = queue.and_then(|queue| {
            let mut movable = queue.runs().skip(usize::from(queue.is_reading));
            movable.find(|run| run.record.address == address).cloned()
        }) else {
            return false;
        };
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log() else { return false };
        let mut moved = RunWriter::begin(self.session_name(slot), Some(&old.record));
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
        if !is_readable {
            return true;
        }
        let record = (!moved.is_empty()).then(|| self.hand_over_run(moved, log, turn));
        let messages = record.map_or(0, |record| record.messages);
        self.messages_on_disk -= u64::from(old.record.messages - messages);
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else {
            return false;
        };
        match record {
            Some(record) => queue.move_run(record),
            None => queue.remove_run(old.record.origin),
        }
        true
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
