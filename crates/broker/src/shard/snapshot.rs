//! A shard's part in a snapshot: its Sessions as they are, written in portions while everything goes on.
//!
//! ```text
//! Idle ──asked──▶ Arriving ──turn finished──▶ Waiting ──all shards have──▶ Runs ⇄ Reading
//!                                                                          └─▶ Session ─▶ Subscriptions ─▶ Queue ──▶ the next, or
//!                   shard 0 alone: Groups ──▶ Runs ⇄ Reading
//!                                             └─▶ Group ──▶ the next, or Retained ──▶ Finished ──▶ Idle
//! ```
//!
//! What must hold:
//! - Recovery replays the log from where it stood when the snapshot was asked for. So nothing from before may be missed:
//!   a shard *arrives* with the end of a turn, when its mail of batches from before is posted, and begins to write after
//!   all have arrived and it has drained its inbox once more.
//! - A Session's queue is written before its exchanges: a message only moves from the one to the other.
//! - Where it takes more room than there is for it, all shards leave it, and what was written of it means nothing.
//! - A message that moves between a share group and a member meanwhile could be missed by both parts: the move is
//!   recorded, with the message. A shard finishes with a turn that ends after the groups were written, so that all moves
//!   which these did not see any more are in the log before the snapshot is.

use super::Shard;
use super::retained::Moving;
use super::run::{Purpose, ReadRequest};
use crate::groups::{GroupId, Groups, WaitingInGroup};
use crate::ids::ShardId;
use crate::limits;
use crate::log_queue::{LogQueue, SnapshotPart};
use crate::message::{Message, MessageParts};
use crate::queue::{MESSAGE_OVERHEAD_BYTES, Run};
use crate::record::{EntryRecord, Holder, Records, SessionName, SubscriptionRecord};
use crate::retained::{Found, RetainedMessage};
use crate::session::{Kept, Port};
use crate::turn::Turn;
use midge_codec::QoS;
use midge_protocol::Exchange;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far this shard's part has come.
#[derive(Default)]
pub(super) struct Walk {
    /// The snapshot that was seen last.
    number: u64,
    stage: Stage,
    /// Messages that stand in it already.
    written: BTreeSet<u64>,
    part: SnapshotPart,
    /// The Retained Message that is being moved, and the place of one that was read for that.
    moving: Option<Moving>,
    unmovable: Option<u32>,
    /// Handed over with the end of the turn.
    records: Records,
    /// What this portion has written into runs.
    spilled_bytes: usize,
    /// What is written now is written for its sake.
    is_writing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Idle,
    Arriving,
    Waiting,
    /// This Session or share group comes next: its runs behind the one of this name are moved, where that is due.
    Runs(Holder, u64),
    /// One of them is being read.
    Reading(Holder, u64),
    /// What waits there for nobody becomes runs, so many at most.
    Spill(Holder, u64),
    /// The state of the Session in this slot is written,
    Session(u32),
    /// then its Subscriptions, the last ones first: so many are left,
    Subscriptions(u32, usize),
    /// then its queue from this message on, and its exchanges.
    Queue(u32, u64),
    /// The share group in this slot comes next, or one behind it.
    Groups(u32),
    /// The state of this one is written.
    Group(GroupId),
    /// This place of the retained store comes next.
    Retained(u32),
    /// The message there is being read, to be moved.
    ReadingRetained,
    /// The last portion is handed over with the end of the turn. Then what belongs to no shard is waited for.
    Finished,
}

/// Beside those that may have been in memory.
const RUNS_SPARE: u64 = 16;

/// What a Session and a Subscription may take in a snapshot.
const SESSION_BYTES: u64 = 128;
const SUBSCRIPTION_BYTES: u64 = 64;

/// The shard that writes what belongs to none.
const COMMON: ShardId = ShardId(0);

impl Shard {
    /// Looks whether a snapshot is wanted, or all have arrived. To be called at the beginning of a turn, before mail is
    /// taken.
    pub fn look_at_snapshot(&mut self) {
        let Some(log) = self.shared.log() else { return };
        match self.walk.stage {
            Stage::Idle if log.snapshot_number() % 2 == 1 && log.snapshot_number() != self.walk.number => {
                self.walk.number = log.snapshot_number();
                self.walk.stage = Stage::Arriving;
            }
            Stage::Waiting if log.have_all_arrived() => {
                self.walk.part = SnapshotPart::default();
                self.walk.unmovable = None;
                self.walk.stage = self.next_session(0);
            }
            _ => {}
        }
    }

    /// The turn is finished, its records handed over and its mail posted.
    pub fn note_turn_finished(&mut self) {
        self.release_ended();
        if self.walk.stage == Stage::Arriving
            && let Some(log) = self.shared.log()
        {
            self.walk.stage = Stage::Waiting;
            log.snapshot_arrived(self.held_for_snapshot());
        }
    }

    /// About how many bytes a snapshot has to write of what is in memory here; of the retained store, too, where that is this shard's
    /// to write.
    fn held_for_snapshot(&self) -> u64 {
        let sessions = self.sessions.len() as u64 * SESSION_BYTES + self.subscriptions * SUBSCRIPTION_BYTES;
        let messages = self.bytes_held + self.messages_held * MESSAGE_OVERHEAD_BYTES;
        let retained = match self.id == COMMON {
            true => {
                self.shared.retained().bytes() as u64 + self.shared.retained().len() as u64 * MESSAGE_OVERHEAD_BYTES
            }
            false => 0,
        };
        sessions + messages + retained
    }

    /// Whether this shard waits for others, or for the log to take what it has. Nobody wakes it then: it is to look again soon,
    /// also when the log has caught up since the shard found it behind.
    pub fn awaits_snapshot(&self) -> bool {
        matches!(self.walk.stage, Stage::Waiting | Stage::Finished) || self.is_writing_snapshot()
    }

    fn is_writing_snapshot(&self) -> bool {
        use Stage::{Arriving, Finished, Idle, Reading, ReadingRetained, Waiting};
        !matches!(self.walk.stage, Idle | Arriving | Waiting | Reading(..) | ReadingRetained | Finished)
    }

    fn is_log_behind(&self) -> bool {
        self.shared.log().is_some_and(|log| log.is_behind())
    }

    /// A message moves between a share group and one of its members. Recorded while a snapshot is under way, which may have
    /// passed the one and not yet come to the other; it neither begins for this shard nor ends before the turn does.
    pub(super) fn record_move(&mut self, group: GroupId, message: &Message, turn: &mut Turn) {
        if message.identity() != 0 && self.shared.log().is_some_and(LogQueue::is_snapshot_under_way) {
            turn.records.body(message);
            turn.records.group_holds(group.name(), message.identity());
        }
    }

    /// Writes a portion. `true`: there is more, come again without sleeping.
    pub(super) fn write_snapshot(&mut self, turn: &mut Turn) -> bool {
        if self.is_writing_snapshot() {
            if self.is_log_behind() {
                return false;
            }
            if self.shared.log().is_some_and(LogQueue::is_snapshot_to_be_left) {
                self.walk.stage = Stage::Finished;
                return false;
            }
            // The portion is a batch of its own: what it names must have its place in the log.
            self.hand_over_pending(turn);
        }
        self.write_for_snapshot(|shard| shard.write_portion(turn))
    }

    /// What is written meanwhile is written for the sake of the snapshot.
    pub(super) fn write_for_snapshot<T>(&mut self, write: impl FnOnce(&mut Shard) -> T) -> T {
        self.walk.is_writing = true;
        let written = write(self);
        self.walk.is_writing = false;
        written
    }

    /// So many bytes are about to be handed over, perhaps for the sake of the snapshot.
    pub(super) fn note_snapshot_bytes(&self, bytes: usize) {
        // Perhaps with a share group locked.
        if let Some(log) = self.shared.log_within_lock().filter(|_| self.walk.is_writing) {
            log.note_snapshot_bytes(bytes as u64);
        }
    }

    fn write_portion(&mut self, turn: &mut Turn) -> bool {
        self.walk.spilled_bytes = 0;
        while self.walk.records.bytes() + self.walk.spilled_bytes < limits::SNAPSHOT_PORTION_BYTES {
            self.walk.stage = match self.walk.stage {
                Stage::Runs(holder, behind) => self.move_runs(holder, behind, turn),
                Stage::Spill(holder, runs) => self.spill_next(holder, runs, turn),
                Stage::Session(slot) if !self.is_recorded(slot) => self.next_session(slot + 1),
                Stage::Session(slot) => self.write_state(slot),
                Stage::Subscriptions(slot, left) => self.write_subscriptions(slot, left),
                Stage::Queue(slot, from) => self.write_queue(slot, from),
                Stage::Groups(from) => self.next_group(from),
                Stage::Group(group) => self.write_group(group),
                Stage::Retained(from) => self.write_retained(from, turn),
                Stage::Idle
                | Stage::Arriving
                | Stage::Waiting
                | Stage::Reading(..)
                | Stage::ReadingRetained
                | Stage::Finished => return false,
            };
        }
        true
    }

    /// Hands over the portion. Behind the turn's own records, whose effects it has.
    pub(super) fn hand_over_snapshot(&mut self, turn: &mut Turn) {
        if matches!(self.walk.stage, Stage::Idle | Stage::Arriving | Stage::Waiting) {
            return;
        }
        let Some(log) = self.shared.log() else { return };
        if !self.walk.records.is_empty() {
            log.note_snapshot_bytes(self.walk.records.bytes() as u64);
            let appended = self.walk.records.hand_over(log, self.id, true, turn.now);
            turn.wakes_writer |= appended.wakes_writer;
        }
        if self.walk.stage == Stage::Finished && self.id == COMMON {
            log.snapshot_common_finished();
        }
        if self.walk.stage == Stage::Finished && log.is_snapshot_common_finished() {
            self.walk.stage = Stage::Idle;
            self.walk.written = BTreeSet::new();
            turn.wakes_writer |= log.snapshot_finished(&self.walk.part);
        }
    }

    /// The queue of a Session lost messages from its middle: one that is being written begins anew.
    pub(super) fn note_queue_changed(&mut self, changed: u32) {
        if let Stage::Queue(slot, 1..) = self.walk.stage
            && slot == changed
        {
            self.walk.stage = Stage::Session(slot);
        }
    }

    /// The run that was to be moved has come, or will not.
    pub(super) fn run_to_move_came(&mut self, holder: Holder) {
        if let Stage::Reading(reading, origin) = self.walk.stage
            && reading == holder
        {
            self.walk.stage = Stage::Runs(holder, origin);
        }
    }

    /// A run was written, perhaps for the sake of the snapshot.
    pub(super) fn note_moved(&mut self, bytes: u64) {
        if self.walk.is_writing {
            self.walk.part.moved_bytes += bytes;
        }
    }

    /// A run is not needed any more.
    pub(super) fn note_freed(&self, bytes: u64) {
        // Perhaps with a share group locked.
        if let Some(log) = self.shared.log_within_lock() {
            log.note_freed(bytes);
        }
    }

    /// A large message was stored again.
    pub(super) fn note_stored(&mut self, parts: &MessageParts<'_>) {
        self.walk.part.stored_bytes += parts.payload.len() as u64;
    }

    fn next_session(&self, slot: u32) -> Stage {
        match slot < self.sessions.end() {
            true => Stage::Runs(Holder::Session(self.session_name(slot)), 0),
            false if self.id == COMMON => Stage::Groups(0),
            false => Stage::Finished,
        }
    }

    fn move_runs(&self, holder: Holder, behind: u64, turn: &mut Turn) -> Stage {
        match (self.next_run_to_move(holder, behind), holder) {
            (Some(run), _) => {
                turn.reads.push(ReadRequest { address: run.address, purpose: Purpose::Move(holder) });
                Stage::Reading(holder, run.origin)
            }
            // No more than there can have been: as much may come all the while.
            (None, holder) => {
                Stage::Spill(holder, self.options.queue_memory_bytes / self.options.queue_run_bytes + RUNS_SPARE)
            }
        }
    }

    /// One run with each call, so that a long queue takes as many portions as it needs.
    fn spill_next(&mut self, holder: Holder, runs: u64, turn: &mut Turn) -> Stage {
        let spilled_bytes = match holder {
            _ if runs == 0 => 0,
            Holder::Session(name) => self.spill_for_snapshot(name.slot, turn),
            Holder::Group(name) => self.spill_group_for_snapshot(GroupId::named(name), turn),
        };
        self.walk.spilled_bytes += spilled_bytes as usize;
        match holder {
            _ if spilled_bytes > 0 => Stage::Spill(holder, runs - 1),
            Holder::Session(name) => Stage::Session(name.slot),
            Holder::Group(name) => Stage::Group(GroupId::named(name)),
        }
    }

    fn write_state(&mut self, slot: u32) -> Stage {
        let name = self.session_name(slot);
        let is_connected = self.sessions.port(slot).is_some_and(|port| port.connection().is_some());
        let away = (!is_connected).then(|| self.away(slot));
        let receive_maximum = self.receive_maximum_of(slot);
        let is_durable = self.is_durable(slot);
        let records = &mut self.walk.records;
        let Some(session) = self.sessions.get(slot) else { return Stage::Queue(slot, 0) };
        records.began(name, &session.client_id, &session.record(is_durable, receive_maximum, away));
        if let Some(identity) = session.identity.as_deref() {
            records.owner(name, identity.port, identity.username.as_deref());
        }
        match is_durable {
            true => Stage::Subscriptions(slot, session.subscriptions.len()),
            false => Stage::Queue(slot, 0),
        }
    }

    /// A portion of them. Where one ends meanwhile, the last one takes its place, which was written by then; and those that begin
    /// meanwhile are in the log that is replayed.
    fn write_subscriptions(&mut self, slot: u32, left: usize) -> Stage {
        let name = self.session_name(slot);
        let records = &mut self.walk.records;
        let Some(session) = self.sessions.get(slot) else { return Stage::Queue(slot, 0) };
        let mut filter = String::new();
        for (at, subscription) in session.subscriptions.first(left).iter().enumerate().rev() {
            if records.bytes() > limits::SNAPSHOT_PORTION_BYTES {
                return Stage::Subscriptions(slot, at + 1);
            }
            filter.clear();
            self.shared.router().text(subscription.place.filter, &mut filter);
            let (options, identifier) = (subscription.options, subscription.identifier);
            let replay = self.replayed.extent(slot, subscription.place.filter);
            let (replay_upto, covered_upto) = replay.map_or((0, 0), |replay| (replay.upto, replay.covered_upto));
            let filter = &filter;
            records.subscribed(name, &SubscriptionRecord { filter, options, identifier, replay_upto, covered_upto });
            if replay.is_some_and(|replay| replay.is_finished) {
                records.replayed(name, filter);
            }
        }
        let replays = session.replays.iter().flat_map(|replays| replays.iter());
        for replay in replays.filter(|replay| !replay.sent.is_empty() && self.replayed.is_wanted(slot, replay)) {
            for &number in &replay.sent {
                records.replay_sent(name, replay.cursor.filter(), number);
            }
        }
        for membership in session.memberships() {
            let (filter, options) = (&*membership.share, membership.options);
            let identifier =
                self.shared.groups().identifier(membership.group, self.id, self.sessions.receiver(slot, options));
            records.subscribed(name, &SubscriptionRecord::without_replay(filter, options, identifier));
        }
        for packet_id in session.inbound.iter().flat_map(|inbound| inbound.packet_ids()) {
            records.accepted(name, packet_id);
        }
        Stage::Queue(slot, 0)
    }

    /// The queue from its message number `from` on, as far as this portion has room, and behind it the exchanges.
    fn write_queue(&mut self, slot: u32, from: u64) -> Stage {
        let name = self.session_name(slot);
        let walk = &mut self.walk;
        if let Some(queue) = self.sessions.get(slot).and_then(|session| session.queue.as_deref()) {
            for (number, kept) in queue.numbered(from) {
                if walk.records.bytes() > limits::SNAPSHOT_PORTION_BYTES {
                    return Stage::Queue(slot, number);
                }
                write_kept(walk, &self.extras, name, kept, kept.dup);
            }
            queue.runs().for_each(|run| walk.write_run(Holder::Session(name), run));
        }
        self.write_exchanges(slot, name);
        self.next_session(slot + 1)
    }

    fn write_exchanges(&mut self, slot: u32, name: SessionName) {
        let walk = &mut self.walk;
        let Some(outbound) = self.sessions.get(slot).and_then(|session| session.outbound.as_deref()) else { return };
        let is_durable = self.sessions.port(slot).is_some_and(|port| port.is(Port::DURABLE));
        for (packet_id, exchange) in outbound.exchanges() {
            match exchange {
                Exchange::Publish(kept) if kept.qos == QoS::ExactlyOnce && is_durable => {
                    if kept.message.identity() != 0 {
                        write_body(walk, &kept.message);
                        let entry = entry_of(kept, true);
                        walk.records.exchange(name, packet_id.get(), Some(&entry), identifiers(&self.extras, kept));
                    }
                }
                Exchange::Publish(kept) => write_kept(walk, &self.extras, name, kept, true),
                Exchange::Release => walk.records.exchange(name, packet_id.get(), None, &[]),
            }
        }
    }

    fn next_group(&mut self, from: u32) -> Stage {
        if from == 0 {
            let sequence = self.shared.retained().sequence();
            if let Some(log) = self.shared.log() {
                log.set_retained_sequence(sequence);
            }
        }
        let group = self.shared.groups().durable_from(from);
        group.map_or(Stage::Retained(0), |group| Stage::Runs(Holder::Group(group.name()), 0))
    }

    fn write_group(&mut self, group: GroupId) -> Stage {
        if let Some(WaitingInGroup { share, messages, runs }) = self.shared.groups().waiting(group) {
            self.walk.records.group_began(group.name(), &share);
            for message in messages.iter().filter(|message| message.identity() != 0) {
                write_body(&mut self.walk, message);
                self.walk.records.group_holds(group.name(), message.identity());
            }
            runs.iter().for_each(|run| self.walk.write_run(Holder::Group(group.name()), run));
        }
        Stage::Groups(Groups::slot_behind(group))
    }

    fn write_retained(&mut self, from: u32, turn: &mut Turn) -> Stage {
        let shared = Arc::clone(&self.shared);
        let Some(log) = shared.log() else { return Stage::Finished };
        let mut portion = Vec::new();
        let next = shared.retained().portion(from, limits::SNAPSHOT_RETAINED_NODES, &mut portion);
        for Found { place: index, mut message, v: sequence, publisher } in portion {
            if message.topic_bytes().starts_with(b"$SYS/") {
                continue;
            }
            if self.walk.unmovable != Some(index)
                && let Some(moving) = self.move_retained(index, &mut message, sequence, log, turn)
            {
                self.walk.moving = Some(moving);
                return Stage::ReadingRetained;
            }
            write_retained_message(&mut self.walk, &message, sequence);
            if let Some(publisher) = publisher.filter(|_| self.options.check_retain_source) {
                self.walk.records.retained_by(sequence, publisher.record());
            }
        }
        next.map_or(Stage::Finished, Stage::Retained)
    }

    /// The Retained Message that was to be moved has come, or will not: then it stays.
    pub(super) fn retained_to_move_came(&mut self, index: u32) -> Option<Moving> {
        let moving = self.walk.moving.take_if(|moving| moving.index == index)?;
        self.walk.unmovable = Some(index);
        self.walk.stage = Stage::Retained(index);
        Some(moving)
    }
}

fn write_retained_message(walk: &mut Walk, message: &RetainedMessage, sequence: u64) {
    match (message.whole(), message.stored()) {
        (Some(message), _) => walk.records.retained(sequence, message, message.place().unwrap_or(0)),
        (None, Some(stored)) => {
            walk.records.retained_at(sequence, &message.parts(), stored);
            walk.part.floor = walk.part.floor.min(stored.at);
            walk.part.kept_bytes += u64::from(stored.bytes);
        }
        (None, None) => {}
    }
}

impl Walk {
    fn write_run(&mut self, holder: Holder, run: &Run) {
        self.records.run_held(holder, run);
        self.part.floor = self.part.floor.min(run.record.floor);
        self.part.kept_bytes += run.alive_bytes();
    }
}

/// A message that a Session holds: in its own name, or in that of the share group that gave it.
fn write_kept(walk: &mut Walk, extras: &crate::session::Extras, name: SessionName, kept: &Kept, dup: bool) {
    if kept.message.identity() == 0 || kept.qos == QoS::AtMostOnce {
        return;
    }
    write_body(walk, &kept.message);
    match extras.get(kept.extra as usize).and_then(|extra| extra.group) {
        Some(group) => walk.records.group_holds(group.name(), kept.message.identity()),
        None => walk.records.entry(name, &entry_of(kept, dup), identifiers(extras, kept)),
    }
}

fn write_body(walk: &mut Walk, message: &Message) {
    if walk.written.insert(message.identity()) {
        walk.records.body(message);
    }
}

fn entry_of(kept: &Kept, dup: bool) -> EntryRecord {
    EntryRecord { message: kept.message.identity(), qos: kept.qos as u8, retain: kept.retain, dup }
}

fn identifiers<'e>(extras: &'e crate::session::Extras, kept: &Kept) -> &'e [u32] {
    extras.get(kept.extra as usize).map_or(&[], |extra| &extra.identifiers)
}
