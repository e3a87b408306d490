//! Queues on disk: the back of a long queue is written to the log as a run, and read back when its turn comes.
//!
//! What must hold: a run stands behind the records of its messages, and names the same identities, so that what became of
//! them counts whether they are looked for in the queue or in the run.

use super::Shard;
use crate::ids::ShardId;
use crate::log_queue::{Appended, LogQueue, LogState};
use crate::message::{Message, MessageParts};
use crate::queue::{MESSAGE_OVERHEAD_BYTES, Move, Run};
use crate::record::{
    Batch, Content, EntryRecord, Holder, IN_THIS_BATCH, LARGE_MESSAGE_BYTES, Record, Records, RunRecord, SessionName,
};
use crate::session::{Kept, Port};
use crate::turn::{Now, Turn};
use midge_codec::QoS;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is to be read: the batch at `address`, and those it refers to ([`crate::record::references`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// Where the batch stands in the log.
    pub address: u64,
    /// What becomes of it.
    pub purpose: Purpose,
}

/// What something is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A run: the next messages of this queue.
    Queue(Holder),
    /// A run of this queue that is to be written again at the end of the log.
    Move(Holder),
    /// The Retained Message that a replay of this Session sends next. That it is not there any more is no damage.
    Replay(SessionName),
    /// The Retained Message at this place of the store, which is to be written again.
    MoveRetained(u32),
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
    /// Memory is wanted: the back of this queue becomes a run, if it is worth one; later, if the log has enough to write.
    pub(super) fn spill_if_long(&mut self, slot: u32, turn: &mut Turn) {
        if !self.is_run_due(slot) {
            return;
        }
        match self.shared.log().is_some_and(LogQueue::is_over) {
            true => self.put_off_run(slot),
            false => self.make_runs(slot, turn),
        }
    }

    /// Whether memory is wanted, and the back of this queue is worth a run.
    pub(super) fn is_run_due(&self, slot: u32) -> bool {
        let queue = || self.sessions.get(slot).and_then(|session| session.queue.as_deref());
        self.is_memory_wanted()
            && queue().is_some_and(|queue| queue.newest_cost() > self.options.queue_run_bytes)
            && self.is_durable(slot)
    }

    /// The back of this queue becomes runs.
    pub(super) fn make_runs(&mut self, slot: u32, turn: &mut Turn) {
        let front_bytes = self.options.queue_run_bytes / 4;
        while self.spill_run(slot, front_bytes, turn) > 0 {}
    }

    /// Whether what waits in memory is as much as it may be.
    fn is_memory_wanted(&self) -> bool {
        self.bytes_held + self.messages_held * MESSAGE_OVERHEAD_BYTES >= self.options.queue_memory_bytes
    }

    /// A snapshot comes to this Session: what waits for a client that is away is written as runs, one with each call, which the
    /// snapshots after this one need not write again. Returns about how much that is; 0 when there is no more.
    pub(super) fn spill_for_snapshot(&mut self, slot: u32, turn: &mut Turn) -> u64 {
        let is_away = self.sessions.port(slot).is_some_and(|port| port.connection().is_none());
        let queue = self.sessions.get(slot).and_then(|session| session.queue.as_deref());
        let cost = queue.map_or(0, crate::queue::Queue::newest_cost);
        let may_spill = self.shared.log().is_some_and(|log| log.may_spill());
        if !may_spill || !is_away || cost <= self.worth_a_run(self.is_memory_wanted()) || !self.is_durable(slot) {
            return 0;
        }
        self.spill_run(slot, 0, turn)
    }

    /// What must wait in a queue for a snapshot to make a run of it. Each run has its entry in memory as long as it is there, so that
    /// small ones are made only where memory is wanted even more than that.
    pub(super) fn worth_a_run(&self, is_memory_wanted: bool) -> u64 {
        self.options.queue_run_bytes / if is_memory_wanted { 16 } else { 2 }
    }

    /// The oldest of all messages but `front_bytes` becomes a run; its bytes, 0 where there is none. Not while the disk is full:
    /// what is in memory is on disk already, and little is added.
    fn spill_run(&mut self, slot: u32, front_bytes: u64, turn: &mut Turn) -> u64 {
        // The messages have their identities then, and their records stand before the run.
        self.hand_over_pending(turn);
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log().filter(|log| log.state() == LogState::Ready) else { return 0 };
        let (holder, is_service) = (Holder::Session(self.session_name(slot)), self.is_service(slot));
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else {
            return 0;
        };
        // Of QoS 0 none is on disk, so that they keep their order among themselves.
        let messages = queue.take_run(front_bytes, self.options.queue_run_bytes, |kept| {
            let has_group = self.extras.get(kept.extra as usize).is_some_and(|extra| extra.group.is_some());
            match kept.qos > QoS::AtMostOnce && kept.message.identity() != 0 && !has_group {
                true => Move::Leaves,
                // It came while there was no room in the log.
                false if is_service => Move::HoldsItsPlace,
                false => Move::StaysBehind,
            }
        });
        if messages.is_empty() {
            return 0;
        }
        let run = self.write_run(holder, &messages, log, turn);
        let disk_bytes = run.record.disk_bytes;
        messages.into_iter().for_each(|kept| drop(self.release(kept)));
        self.messages_on_disk += u64::from(run.record.messages);
        if let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) {
            queue.push_run(run);
        }
        disk_bytes
    }

    /// Messages that are in the log become a run of this queue.
    pub(super) fn write_run(
        &mut self,
        holder: Holder,
        messages: &VecDeque<Kept>,
        log: &LogQueue,
        turn: &mut Turn,
    ) -> Run {
        let mut run = RunWriter::begin(holder, None);
        for kept in messages {
            let identity = kept.message.identity();
            let parts = kept.message.parts();
            let content = match parts.payload.len() >= LARGE_MESSAGE_BYTES {
                true => Content::At(self.place_of_large(identity, &parts, log, turn)),
                false => Content::Here(parts),
            };
            let entry = EntryRecord { message: identity, qos: kept.qos as u8, retain: kept.retain, dup: kept.dup };
            run.push(&entry, content, kept.message.bytes());
            self.extras.get(kept.extra as usize).iter().for_each(|extra| run.push_identifiers(&extra.identifiers));
        }
        Run { record: self.hand_over_run(run, log, turn), done: None }
    }

    /// The batch that begins with this message, to be referred to: that of its record, or a later one.
    pub(super) fn place_of_large(
        &mut self,
        identity: u64,
        parts: &MessageParts<'_>,
        log: &LogQueue,
        turn: &mut Turn,
    ) -> u64 {
        if let Some(address) = log.place_of_large(identity) {
            return address;
        }
        self.note_stored(parts);
        self.store_again(identity, parts, log, turn)
    }

    /// Writes a large message again, to be referred to. Behind what the turn has recorded so far, so that who waits for that
    /// does not take this batch for it.
    pub(super) fn store_again(
        &mut self,
        identity: u64,
        parts: &MessageParts<'_>,
        log: &LogQueue,
        turn: &mut Turn,
    ) -> u64 {
        self.hand_over_pending_to(log, turn);
        let mut records = Records::default();
        records.stored(identity, parts);
        self.note_snapshot_bytes(records.bytes());
        let appended = records.hand_over(log, self.id, false, turn.now);
        self.note_handed_over(&appended, turn);
        log.note_stored(identity, appended.address);
        appended.address
    }

    /// Behind what the turn has recorded so far, as in [`Shard::store_again`].
    pub(super) fn hand_over_run(&mut self, run: RunWriter, log: &LogQueue, turn: &mut Turn) -> RunRecord {
        self.hand_over_pending_to(log, turn);
        self.note_snapshot_bytes(run.records.bytes());
        let (run, appended) = run.hand_over(log, self.id, turn.now);
        self.note_handed_over(&appended, turn);
        self.note_moved(run.disk_bytes);
        run
    }

    /// Has the next run read, if little is left of what comes before it.
    pub(super) fn want_run(&mut self, slot: u32, turn: &mut Turn) {
        let purpose = Purpose::Queue(Holder::Session(self.session_name(slot)));
        let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) else { return };
        if let Some(address) = queue.wanted_run().map(|run| run.record.address) {
            queue.is_reading = true;
            turn.reads.push(ReadRequest { address, purpose });
        }
    }

    /// What was asked for was read; `referred` are the batches it refers to. What cannot be read is lost, and told by whoever
    /// read it. Returns whether it was still wanted: a Session may have ended meanwhile, and its runs with it.
    pub fn handle_read(&mut self, request: &ReadRequest, read: &[u8], referred: &[ReadBatch], turn: &mut Turn) -> bool {
        let address = request.address;
        match request.purpose {
            Purpose::Queue(Holder::Session(name)) => self.handle_run(name, address, read, referred, turn),
            Purpose::Queue(Holder::Group(name)) => self.handle_group_run(name, address, read, referred, turn),
            Purpose::Move(holder) => {
                self.write_for_snapshot(|shard| shard.handle_run_to_move(holder, address, read, referred, turn))
            }
            Purpose::Replay(name) => self.handle_retained(name, address, read, turn),
            Purpose::MoveRetained(index) => {
                self.write_for_snapshot(|shard| shard.handle_retained_to_move(index, address, read, turn))
            }
        }
    }

    /// Whether the Session of this name is still there.
    pub(super) fn is_there(&self, name: SessionName) -> bool {
        self.sessions.port(name.slot).is_some_and(|port| port.generation == name.generation)
    }

    fn handle_run(
        &mut self,
        name: SessionName,
        address: u64,
        run: &[u8],
        referred: &[ReadBatch],
        turn: &mut Turn,
    ) -> bool {
        let slot = name.slot;
        if !self.is_there(name) {
            return false;
        }
        let queue = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut());
        let Some(queue) = queue else { return false };
        let wanted = queue.runs().next().filter(|wanted| wanted.record.address == address).cloned();
        let Some(wanted) = wanted else {
            return false;
        };
        let sent_upto = queue.sent_upto;
        let mut messages = Vec::with_capacity(wanted.record.messages as usize);
        read_run(address, run, referred, |entry, content, identifiers| {
            let qos = QoS::from_u8(entry.qos).unwrap_or(QoS::AtLeastOnce);
            if !wanted.is_done(entry.message) {
                let message = Message::from_run(&content.parts, entry.message);
                let kept = self.hold(message, qos, entry.retain, identifiers, None);
                let dup = entry.dup || qos == QoS::AtLeastOnce && entry.message <= sent_upto;
                messages.push(Kept { dup, ..kept });
            }
        });
        self.note_queue_changed(slot);
        if let Some(queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.as_deref_mut()) {
            self.messages_on_disk -= wanted.messages();
            queue.replace_run(address, messages);
            self.note_freed(wanted.record.disk_bytes);
        }
        if self.sessions.port(slot).and_then(Port::connection).is_some() {
            self.pump(slot, turn);
        }
        true
    }
}

/// A message of a run as it was read.
pub(crate) struct Found<'a> {
    pub parts: MessageParts<'a>,
    /// The batch that begins with it, if it is not in the run itself.
    pub at: Option<u64>,
}

/// The messages of a run, in order, with their Subscription Identifiers. Whoever read it has seen to it that its records can be
/// understood ([`crate::record::references`]).
pub(crate) fn read_run(
    address: u64,
    run: &[u8],
    referred: &[ReadBatch],
    mut visit: impl FnMut(&EntryRecord, &Found<'_>, &[u32]),
) {
    let mut pending: Option<(EntryRecord, Found<'_>)> = None;
    let mut identifiers = Vec::new();
    let Ok(mut batch) = Batch::open(address, run) else { return };
    while let Ok(Some(record)) = batch.next_record() {
        match record {
            Record::Identifier(identifier) => identifiers.push(identifier),
            Record::RunEntry(entry, content) => {
                if let Some((entry, found)) = pending.take() {
                    visit(&entry, &found, &identifiers);
                }
                identifiers.clear();
                pending = find(entry.message, content, referred).map(|found| (entry, found));
            }
            _ => {}
        }
    }
    if let Some((entry, found)) = pending {
        visit(&entry, &found, &identifiers);
    }
}

fn find<'a>(identity: u64, content: Content<'a>, referred: &'a [ReadBatch]) -> Option<Found<'a>> {
    let at = match content {
        Content::Here(parts) => return Some(Found { parts, at: None }),
        Content::At(at) => at,
    };
    let batch = referred.iter().find(|batch| batch.address == at)?;
    Some(Found { parts: message_at(identity, at, &batch.content)?, at: Some(at) })
}

/// The large message with which a batch begins.
pub(crate) fn message_at(identity: u64, address: u64, content: &[u8]) -> Option<MessageParts<'_>> {
    match Batch::open(address, content).ok()?.next_record().ok()?? {
        Record::Publish(publish) if publish.identity == identity => Some(publish.parts),
        Record::Stored(stored, parts) | Record::Body(stored, parts) if stored == identity => Some(parts),
        _ => None,
    }
}

/// A run that is being written.
pub(super) struct RunWriter {
    records: Records,
    /// Where its state stands in them.
    at: usize,
    state: RunRecord,
}

impl RunWriter {
    /// A new one, or one that takes the place of another.
    pub(super) fn begin(holder: Holder, replaced: Option<&RunRecord>) -> RunWriter {
        let mut records = Records::default();
        let at = records.run(holder);
        let origin = replaced.map_or(IN_THIS_BATCH, |replaced| replaced.origin);
        let state =
            RunRecord { origin, address: IN_THIS_BATCH, floor: IN_THIS_BATCH, first: u64::MAX, ..RunRecord::default() };
        RunWriter { records, at, state }
    }

    /// The next message, which has so many bytes.
    pub(super) fn push(&mut self, entry: &EntryRecord, content: Content<'_>, bytes: usize) {
        let state = &mut self.state;
        (state.first, state.last) = (state.first.min(entry.message), state.last.max(entry.message));
        state.messages += 1;
        state.bytes += bytes as u64;
        if let Content::At(at) = content {
            state.floor = state.floor.min(at);
        }
        self.records.run_entry(entry, &content);
    }

    /// Subscription Identifiers of the message that was pushed last.
    pub(super) fn push_identifiers(&mut self, identifiers: &[u32]) {
        self.records.identifiers(identifiers);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.messages == 0
    }

    fn hand_over(mut self, log: &LogQueue, shard: ShardId, now: Now) -> (RunRecord, Appended) {
        self.state.disk_bytes = self.records.bytes() as u64;
        self.records.set_run(self.at, &self.state);
        let appended = self.records.hand_over(log, shard, false, now);
        let placed = |position: u64| if position == IN_THIS_BATCH { appended.address } else { position };
        let RunRecord { origin, address, floor, .. } = self.state;
        let run = RunRecord { origin: placed(origin), address: placed(address), floor: placed(floor), ..self.state };
        (run, appended)
    }
}
