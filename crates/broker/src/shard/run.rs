//! Queues on disk: the back of a long queue is written to the log as a run, and read back when its turn comes.
//!
//! What must hold: a run stands behind the records of its messages, and names the same identities, so that what became of
//! them counts whether they are looked for in the queue or in the run.

use super::Shard;
use crate::log_queue::LogQueue;
use crate::message::Message;
use crate::queue::{MESSAGE_OVERHEAD_BYTES, Run};
use crate::record::{Batch, EntryRecord, LARGE_MESSAGE_BYTES, Record, Records, batch_of_large};
use crate::session::{Kept, Port};
use crate::turn::Turn;
use midge_codec::QoS;
use std::collections::VecDeque;
use std::sync::Arc;

/// A run that is to be read: the batch at `address`, and those it refers to ([`crate::record::references`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// Slot of the Session that wants it.
    pub slot: u32,
    /// And which of the Sessions in that slot.
    pub generation: u32,
    /// Where the batch stands in the log.
    pub address: u64,
}

/// A batch of the log as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadBatch {
    /// Where it stands.
    pub address: u64,
    /// What follows its header.
    pub content: Vec<u8>,
}

impl Shard {
    /// Memory is wanted: the back of this queue becomes a run, if it is worth one.
    pub(super) fn spill_if_long(&mut self, slot: u32, turn: &mut Turn) {
        if self.bytes_held + self.messages_held * MESSAGE_OVERHEAD_BYTES < self.options.queue_memory_bytes {
            return;
        }
        let Some(queue) = self.sessions.get(slot).and_then(|session| session.queue.as_deref()) else { return };
        if self.is_durable(slot) && queue.newest_cost() > self.options.queue_run_bytes {
            self.spill(slot, self.options.queue_run_bytes / 4, turn);
        }
    }

    /// A snapshot comes to this Session: what waits for a client that is away is written as a run, which the snapshots after
    /// this one need not write again. Returns about how much that is.
    pub(super) fn spill_for_snapshot(&mut self, slot: u32, turn: &mut Turn) -> usize {
        let is_away = self.sessions.port(slot).is_some_and(|port| port.connection().is_none());
        let queue = self.sessions.get(slot).and_then(|session| session.queue.as_deref());
        let cost = queue.map_or(0, crate::queue::Queue::newest_cost);
        if !is_away || cost <= self.options.queue_run_bytes / 16 || !self.is_durable(slot) {
            return 0;
        }
        self.spill(slot, 0, turn);
        cost as usize
    }

    /// All but `front_bytes` of the newest messages becomes a run.
    fn spill(&mut self, slot: u32, front_bytes: u64, turn: &mut Turn) {
        // The messages have their identities then, and their records stand before the run.
        self.hand_over_pending(turn);
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log() else { return };
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else { return };
        let newest = queue.take_newest(front_bytes);
        // Of QoS 0 none is on disk, so that they keep their order among themselves.
        let can_leave = |kept: &Kept| {
            let has_group = self.extras.get(kept.extra as usize).is_some_and(|extra| extra.group.is_some());
            kept.qos > QoS::AtMostOnce && kept.message.identity() != 0 && !has_group
        };
        let (newest, staying): (VecDeque<Kept>, VecDeque<Kept>) = newest.into_iter().partition(can_leave);
        let mut runs = Vec::new();
        let mut rest = newest;
        while !rest.is_empty() {
            let run = self.first_run_of(&mut rest);
            runs.push(self.write_run(slot, &run, log, turn));
            run.into_iter().for_each(|kept| drop(self.release(kept)));
        }
        self.messages_on_disk += runs.iter().map(|run| u64::from(run.messages)).sum::<u64>();
        if let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) {
            runs.into_iter().for_each(|run| queue.push_run(run));
            queue.staying_cost = staying.iter().map(|kept| kept.message.bytes() as u64 + MESSAGE_OVERHEAD_BYTES).sum();
            staying.into_iter().for_each(|kept| queue.push(kept));
        }
    }

    /// As many of the oldest messages as make a run.
    fn first_run_of(&self, messages: &mut VecDeque<Kept>) -> VecDeque<Kept> {
        let mut bytes = 0;
        let end = messages.iter().position(|kept| {
            bytes += kept.message.bytes() as u64 + MESSAGE_OVERHEAD_BYTES;
            bytes > self.options.queue_run_bytes
        });
        let rest = messages.split_off(end.map_or(messages.len(), |end| end + 1));
        std::mem::replace(messages, rest)
    }

    fn write_run(&mut self, slot: u32, messages: &VecDeque<Kept>, log: &LogQueue, turn: &mut Turn) -> Run {
        let name = self.session_name(slot);
        let kept_from = log.kept_from();
        let mut records = Records::default();
        let bytes = messages.iter().map(|kept| kept.message.bytes() as u64).sum();
        let mut run = Run {
            address: 0,
            floor: u64::MAX,
            first: u64::MAX,
            last: 0,
            messages: messages.len() as u32,
            bytes,
            done: None,
        };
        records.run(name, run.messages, bytes);
        for kept in messages {
            let identity = kept.message.identity();
            (run.first, run.last) = (run.first.min(identity), run.last.max(identity));
            let entry = EntryRecord { message: identity, qos: kept.qos as u8, retain: kept.retain, dup: kept.dup };
            let identifiers = self.extras.get(kept.extra as usize).map_or(&[][..], |extra| &extra.identifiers);
            let is_referred_to = kept.message.payload().len() >= LARGE_MESSAGE_BYTES && identity >= kept_from;
            if is_referred_to {
                run.floor = run.floor.min(batch_of_large(identity));
            }
            records.run_entry(name, &entry, identifiers, (!is_referred_to).then(|| kept.message.parts()));
        }
        let appended = records.hand_over(log, self.id, false, turn.now);
        turn.wakes_writer |= appended.wakes_writer;
        self.progress.handed_over(appended.end);
        run.address = appended.address;
        run.floor = run.floor.min(appended.address);
        run
    }

    /// Has the next run read, if little is left of what comes before it.
    pub(super) fn want_run(&mut self, slot: u32, turn: &mut Turn) {
        let generation = self.session_name(slot).generation;
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else { return };
        if let Some(address) = queue.wanted_run().map(|run| run.address) {
            queue.is_reading = true;
            turn.reads.push(ReadRequest { slot, generation, address });
        }
    }

    /// A run was read; `referred` are the batches it refers to. What cannot be read is lost, and told by whoever read it.
    /// Returns whether it was still wanted: a Session may have ended meanwhile, and its runs with it.
    pub fn handle_run(&mut self, request: &ReadRequest, run: &[u8], referred: &[ReadBatch], turn: &mut Turn) -> bool {
        let slot = request.slot;
        if self.sessions.port(slot).is_none_or(|port| port.generation != request.generation) {
            return false;
        }
        let queue = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut());
        let Some(queue) = queue else { return false };
        let Some(wanted) = queue.runs().next().filter(|wanted| wanted.address == request.address).cloned() else {
            return false;
        };
        let sent_upto = queue.sent_upto;
        let mut messages = Vec::with_capacity(wanted.messages as usize);
        let is_done = |identity: u64| wanted.done.as_ref().is_some_and(|done| done.binary_search(&identity).is_ok());
        read_run(request.address, run, referred, |message, entry, identifiers| {
            let qos = QoS::from_u8(entry.qos).unwrap_or(QoS::AtLeastOnce);
            if !is_done(entry.message) {
                let kept = self.hold(message, qos, entry.retain, identifiers, None);
                let dup = entry.dup || qos == QoS::AtLeastOnce && entry.message <= sent_upto;
                messages.push(Kept { dup, is_from_run: true, ..kept });
            }
        });
        self.note_queue_changed(slot);
        if let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) {
            self.messages_on_disk -= u64::from(wanted.messages);
            queue.replace_run(request.address, messages);
        }
        if self.sessions.port(slot).and_then(Port::connection).is_some() {
            self.pump(slot, turn);
        }
        true
    }
}

/// The messages of a run, in order.
fn read_run(address: u64, run: &[u8], referred: &[ReadBatch], mut visit: impl FnMut(Message, &EntryRecord, &[u32])) {
    let mut pending: Option<(Message, EntryRecord)> = None;
    let mut identifiers = Vec::new();
    let Ok(mut batch) = Batch::open(address, run) else { return };
    while let Ok(Some(record)) = batch.next_record() {
        match record {
            Record::Identifier(identifier) => identifiers.push(identifier),
            Record::RunEntry(_, entry, parts) => {
                if let Some((message, entry)) = pending.take() {
                    visit(message, &entry, &identifiers);
                }
                identifiers.clear();
                let message = parts.map(|parts| Message::new(&parts)).or_else(|| refer(entry.message, referred));
                pending = message.map(|message| {
                    message.set_identity(entry.message);
                    (message, entry)
                });
            }
            _ => {}
        }
    }
    if let Some((message, entry)) = pending {
        visit(message, &entry, &identifiers);
    }
}

/// A large message in the batch that it begins.
fn refer(identity: u64, referred: &[ReadBatch]) -> Option<Message> {
    let address = batch_of_large(identity);
    let batch = referred.iter().find(|batch| batch.address == address)?;
    match Batch::open(address, &batch.content).ok()?.next_record().ok()?? {
        Record::Publish(publish) if publish.identity == identity => Some(Message::new(&publish.parts)),
        _ => None,
    }
}
