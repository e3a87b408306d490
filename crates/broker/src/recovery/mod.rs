//! From the log back to Sessions, Retained Messages and share groups.
//!
//! Two passes: the records of the last snapshot, if there is one ([`Recovery::read_snapshot`]), then everything that
//! happened from where it began ([`Recovery::replay`]). A snapshot is taken while the server goes on, so its parts are of
//! different moments, and what happened before a part was written is replayed upon it once more. That is right because
//! records set state: the last record that speaks of something decides, whether the snapshot had seen it or not.
//!
//! [`Recovery::restore`] then puts everything into empty shards, each Session in its old slot, so that the names in the
//! log stay valid. Where there are fewer shards than before, Sessions move to others under new names, and the log needs a
//! snapshot before anybody is let in.

mod group;
mod import;
mod queue;
mod retained;
mod saved;
mod session;

pub use import::{Import, ImportedEntry};
pub(crate) use queue::{DraftQueue, Held};
pub use saved::{Saved, SavedEntry, SavedSession};
pub(crate) use session::{Draft, DraftSubscription};

use self::group::DraftGroup;
use self::retained::DraftRetained;
use crate::groups::GROUPS;
use crate::ids::{Receiver, ShardId};
use crate::limits;
use crate::log_queue::{LogQueue, SnapshotDone, SnapshotOrder};
use crate::message::{Message, MessageParts};
use crate::options::Options;
use crate::record::{
    Batch, EntryRecord, GroupName, HEARTBEAT_MS, Holder, PublishRecord, Record, RecordError, RunRecord, SessionName,
    Stamp,
};
use crate::retained::RetainedMessage;
use crate::session::Kept;
use crate::shard::Shard;
use crate::shared::Shared;
use crate::turn::{Now, Turn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// State that is being put together from the log.
pub struct Recovery {
    options: Arc<Options>,
    sessions: BTreeMap<(u16, u32), Draft>,
    groups: BTreeMap<GroupName, DraftGroup>,
    retained: DraftRetained,
    /// Messages of the snapshot, which later records may speak of.
    bodies: BTreeMap<u64, Message>,
    /// What the last `Identifier` belongs to.
    last_held: Option<(SessionName, Where)>,
    /// And the last `RunEntry` or `RunDone`.
    last_run: Option<(Holder, RunRecord)>,
    /// Where runs were found.
    runs: BTreeSet<u64>,
    clock: LogClock,
}

#[derive(Clone, Copy)]
enum Where {
    Queue(u64),
    Exchange(u16),
}

/// The server's own clock as the log knows it, and the wall clock beside it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LogClock {
    /// Of the last batch.
    monotonic_ms: u64,
    /// By how much the wall clock was ahead of it, ascending, of which the last counts. A machine without a clock of its own begins
    /// with an old time, and is told the right one later: the latest time that was ever shown is the best there is. Unless an
    /// earlier one shows again, by which those after it were wrong.
    wall_ahead_s: Vec<u64>,
}

/// What was recovered.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Recovered {
    /// Sessions.
    pub sessions: u64,
    /// Subscriptions, shared ones included.
    pub subscriptions: u64,
    /// Messages that Sessions and share groups hold.
    pub messages: u64,
    /// Retained Messages.
    pub retained: u64,
    /// Bytes of the log that are referred to: runs of long queues, and payloads of Retained Messages.
    pub kept_bytes: u64,
    /// Sessions have new names: a snapshot must be taken before anything else happens.
    pub is_renamed: bool,
}

/// Messages that are gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostMessages {
    /// The Client Identifier of the Session, or the share group, for which they waited.
    pub holder: Box<str>,
    /// How many.
    pub messages: u64,
}

/// A clock that is set right by less has not jumped.
const WALL_DRIFT_S: u64 = 60;

/// So many jumps forward may be taken back.
const WALL_JUMPS_MAX: usize = 16;

/// Wall clocks that show less were never set: no time is reckoned from them (2020-01-01).
const WALL_PLAUSIBLE_S: u64 = 1_577_836_800;

/// A heartbeat may come so much later, when the disk is slow.
const HEARTBEAT_LATE_MS: u64 = 5_000;

impl LogClock {
    /// Where the server's clock goes on after a time off, when the wall clock shows `wall_s`: as much later as that has
    /// advanced, not at all where it was not set then, or shows an earlier time now. So its jumps expire nothing.
    pub fn resume_ms(&self, wall_s: u64) -> u64 {
        let ended_s = self.wall_ahead_s.last().map(|ahead_s| ahead_s + self.monotonic_ms / 1000);
        let off_s = ended_s.map_or(0, |ended_s| wall_s.saturating_sub(ended_s));
        self.monotonic_ms + off_s * 1000
    }

    /// When the server ended, at the latest: no Session that was connected then ends too early.
    fn ended_ms(&self, now: Now) -> u64 {
        now.monotonic_ms.min(self.monotonic_ms + HEARTBEAT_MS + HEARTBEAT_LATE_MS)
    }

    fn advance(&mut self, stamp: &Stamp) {
        self.monotonic_ms = self.monotonic_ms.max(stamp.monotonic_ms);
        if stamp.wall_s >= WALL_PLAUSIBLE_S {
            self.note_wall_ahead(stamp.wall_s.saturating_sub(stamp.monotonic_ms / 1000));
        }
    }

    fn note_wall_ahead(&mut self, ahead_s: u64) {
        let shown = &mut self.wall_ahead_s;
        if let Some(again) = shown.iter().position(|shown_s| ahead_s.abs_diff(*shown_s) <= WALL_DRIFT_S) {
            shown.truncate(again + 1);
            shown[again] = shown[again].max(ahead_s);
        } else if shown.last().is_none_or(|last_s| ahead_s > *last_s) {
            if shown.len() == WALL_JUMPS_MAX {
                shown.remove(0);
            }
            shown.push(ahead_s);
        }
    }
}

impl Recovery {
    /// Nothing yet. Retained writes up to `retained_sequence` are covered by the snapshot; 0 without one.
    pub fn new(options: Arc<Options>, retained_sequence: u64) -> Recovery {
        Recovery {
            options,
            sessions: BTreeMap::new(),
            groups: BTreeMap::new(),
            retained: DraftRetained::new(retained_sequence),
            bodies: BTreeMap::new(),
            last_held: None,
            last_run: None,
            runs: BTreeSet::new(),
            clock: LogClock::default(),
        }
    }

    /// A batch before the snapshot, and before what is replayed: it may be referred to.
    pub fn pass_over(&mut self, address: u64, content: &[u8]) -> Result<(), RecordError> {
        if let Some(Record::Run(..)) = Batch::open(address, content)?.next_record()? {
            self.runs.insert(address);
        }
        Ok(())
    }

    /// All was read: gives up the runs that were not among it, because a repair gave up the part of the log where they stood.
    pub fn forget_lost_runs(&mut self) -> Vec<LostMessages> {
        let is_there = |run: &RunRecord| self.runs.contains(&run.address);
        let of_sessions = self.sessions.values_mut().map(|draft| (&draft.client_id, &mut draft.queue));
        let of_groups = self.groups.values_mut().map(|group| (&group.share, &mut group.queue));
        let lost = of_sessions
            .chain(of_groups)
            .map(|(holder, queue)| LostMessages { holder: holder.clone(), messages: queue.forget_runs(is_there) });
        lost.filter(|lost| lost.messages > 0).collect()
    }

    /// First pass: a batch between the beginning and the end of the snapshot. `content` is what follows its header.
    pub fn read_snapshot(&mut self, address: u64, content: &[u8]) -> Result<(), RecordError> {
        self.read(address, content, true)
    }

    /// Second pass: a batch from the beginning of the snapshot on.
    pub fn replay(&mut self, address: u64, content: &[u8]) -> Result<(), RecordError> {
        self.read(address, content, false)
    }

    /// The server's clock, when all is read.
    pub fn clock(&self) -> &LogClock {
        &self.clock
    }

    fn read(&mut self, address: u64, content: &[u8], of_snapshot: bool) -> Result<(), RecordError> {
        let mut batch = Batch::open(address, content)?;
        let stamp = batch.stamp;
        self.clock.advance(&stamp);
        if stamp.is_snapshot != of_snapshot {
            return Ok(());
        }
        while let Some(record) = batch.next_record()? {
            self.apply(&record, &stamp);
        }
        Ok(())
    }

    fn apply(&mut self, record: &Record<'_>, stamp: &Stamp) {
        if !matches!(record, Record::Identifier(_)) {
            self.last_held = None;
        }
        match *record {
            Record::Publish(ref publish) => self.publish(publish, stamp),
            Record::Accepted(name, packet_id) => self.with(name, |draft| draft.accept(packet_id)),
            Record::Released(name, packet_id) => self.with(name, |draft| draft.release(packet_id)),
            Record::Done(name, message) => self.with(name, |draft| draft.done(message)),
            Record::Sent(name, message, packet_id, group) => self.sent(name, message, packet_id, group),
            Record::PubRec(name, packet_id) => self.with(name, |draft| draft.set_exchange(packet_id, None)),
            Record::Complete(name, packet_id) => self.with(name, |draft| draft.end_exchange(packet_id)),
            Record::GroupDone(name, message) => {
                if let Some(group) = self.groups.get_mut(&name) {
                    group.queue.take(message);
                }
            }
            Record::Began(name, client_id, ref state) => {
                self.sessions.insert(key(name), Draft::new(name.generation, client_id, state));
            }
            Record::Changed(name, ref state) => self.with(name, |draft| draft.change(state)),
            Record::Ended(name) => {
                if self.find(name).is_some() {
                    self.sessions.remove(&key(name));
                }
            }
            Record::Subscribed(name, ref subscription) => self.with(name, |draft| draft.subscribe(subscription)),
            Record::Unsubscribed(name, filter) => self.with(name, |draft| draft.unsubscribe(filter)),
            Record::Replayed(name, filter) => self.with(name, |draft| draft.replayed(filter)),
            Record::Owner(name, port, username) => {
                self.with(name, |draft| draft.owner = Some((port, username.map(Into::into))));
            }
            Record::RetainedBy(number, publisher) if self.options.check_retain_source => {
                self.retained.brought_by(number, publisher);
            }
            Record::RetainedBy(..) => {}
            Record::ReplaySent(name, filter, number) => self.with(name, |draft| draft.replay_sent(filter, number)),
            // Of a snapshot the parts come in any order: what a member tells of the group may stand before.
            Record::GroupBegan(name, share) if stamp.is_snapshot => self.group(name).share = share.into(),
            Record::GroupBegan(name, share) => drop(self.groups.insert(name, DraftGroup::new(share))),
            Record::GroupEnded(name) => drop(self.groups.remove(&name)),
            Record::Body(identity, ref parts) => drop(self.body(identity, parts)),
            Record::Entry(name, ref entry) => self.entry(name, entry),
            Record::Exchange(name, packet_id, ref entry) => self.exchange(name, packet_id, entry.as_ref()),
            Record::Identifier(identifier) => self.identifier(identifier),
            Record::GroupHolds(name, message) => {
                let body = self.bodies.get(&message).cloned();
                if let Some(body) = body.filter(|_| stamp.is_snapshot || self.groups.contains_key(&name)) {
                    self.group(name).hold(body);
                }
            }
            Record::Run(holder, ref run) | Record::RunHeld(holder, ref run) => {
                if matches!(record, Record::Run(..)) {
                    self.runs.insert(run.address);
                }
                let queue = self.queue_of(holder);
                let is_known = queue.is_some_and(|queue| queue.hold_run(run, stamp.is_snapshot));
                self.last_run = is_known.then_some((holder, *run));
            }
            Record::RunEntry(ref entry, _) => self.with_last_run(|queue, run| queue.move_into_run(run, entry.message)),
            Record::RunDone(message) => self.with_last_run(|queue, run| queue.run_done(run.origin, message)),
            // Only to be referred to.
            Record::Stored(..) => {}
            Record::Retained(sequence, identity, ref parts) => {
                let message = if identity == 0 { Message::new(parts) } else { self.body(identity, parts) };
                self.retained.restore(sequence, message.into());
            }
            Record::RetainedAt(sequence, ref parts, stored) => {
                self.retained.restore(sequence, RetainedMessage::without_payload(parts, stored));
            }
        }
    }

    fn publish(&mut self, publish: &PublishRecord<'_>, stamp: &Stamp) {
        if let Some((name, packet_id)) = publish.publisher {
            self.with(name, |draft| draft.accept(packet_id));
        }
        if let Some(name) = publish.will_of {
            self.with(name, |draft| draft.will = None);
        }
        let message = Message::new(&publish.parts);
        message.set_identity(publish.identity);
        if publish.retained_sequence != 0 {
            let received_s = (stamp.monotonic_ms / 1000) as u32;
            self.retained.publish(publish.retained_sequence, &message, &self.options, received_s);
        }
        for (shard, receiver) in publish.receivers.iter() {
            self.route(publish, &message, shard, receiver);
        }
    }

    /// A receiver of a message, as it would have been given it.
    fn route(&mut self, publish: &PublishRecord<'_>, message: &Message, shard: ShardId, receiver: Receiver) {
        if shard == GROUPS {
            let name = GroupName { slot: receiver.slot, generation: receiver.generation() };
            if let Some(group) = self.groups.get_mut(&name) {
                group.queue.insert(Held::of(message.clone()));
            }
            return;
        }
        let upgrade = self.options.upgrade_outgoing_qos;
        let name = SessionName { shard: shard.0, slot: receiver.slot, generation: receiver.generation() };
        self.with(name, |draft| draft.route(publish, message, receiver.options(), upgrade));
    }

    fn sent(&mut self, name: SessionName, message: u64, packet_id: u16, group: Option<GroupName>) {
        let group = group.and_then(|group| self.groups.get_mut(&group));
        let given = group.map(|group| (group.share.clone(), group.queue.take(message)));
        let known = self.bodies.get(&message).cloned();
        self.with(name, |draft| {
            let held = match given {
                Some((share, Some(held))) => Some(draft.hold_from_group(&share, held.message)),
                Some((share, None)) => {
                    draft.take(message).or_else(|| known.map(|body| draft.hold_from_group(&share, body)))
                }
                None => draft.take(message).or_else(|| known.map(Held::of)),
            };
            match held {
                Some(held) => draft.set_exchange(packet_id, Some(held)),
                // What happened to it since stood in the snapshot, and comes again.
                None => draft.end_exchange(packet_id),
            }
        });
    }

    fn body(&mut self, identity: u64, parts: &MessageParts<'_>) -> Message {
        let body = self.bodies.entry(identity).or_insert_with(|| {
            let message = Message::new(parts);
            message.set_identity(identity);
            message
        });
        body.clone()
    }

    fn entry(&mut self, name: SessionName, entry: &EntryRecord) {
        let Some(body) = self.bodies.get(&entry.message).cloned() else { return };
        self.with(name, |draft| draft.queue.insert(Held::with(body, entry)));
        self.last_held = Some((name, Where::Queue(entry.message)));
    }

    fn exchange(&mut self, name: SessionName, packet_id: u16, entry: Option<&EntryRecord>) {
        let held = entry.and_then(|entry| Some(Held::with(self.bodies.get(&entry.message)?.clone(), entry)));
        self.with(name, |draft| {
            if let Some(held) = &held {
                draft.take(held.identity());
            }
            draft.set_exchange(packet_id, held);
        });
        self.last_held = Some((name, Where::Exchange(packet_id)));
    }

    fn identifier(&mut self, identifier: u32) {
        let Some((name, place)) = self.last_held else { return };
        self.with(name, |draft| {
            let held = match place {
                Where::Queue(message) => draft.queue.get_mut(message),
                Where::Exchange(packet_id) => draft.exchange_mut(packet_id),
            };
            if let Some(held) = held {
                held.identifiers.push(identifier);
            }
        });
    }

    fn group(&mut self, name: GroupName) -> &mut DraftGroup {
        self.groups.entry(name).or_insert_with(|| DraftGroup::new(""))
    }

    fn queue_of(&mut self, holder: Holder) -> Option<&mut DraftQueue> {
        match holder {
            Holder::Session(name) => self.find(name).map(|draft| &mut draft.queue),
            Holder::Group(name) => self.groups.get_mut(&name).map(|group| &mut group.queue),
        }
    }

    fn with_last_run(&mut self, change: impl FnOnce(&mut DraftQueue, &RunRecord)) {
        if let Some((holder, run)) = self.last_run
            && let Some(queue) = self.queue_of(holder)
        {
            change(queue, &run);
        }
    }

    fn find(&mut self, name: SessionName) -> Option<&mut Draft> {
        self.sessions.get_mut(&key(name)).filter(|draft| draft.generation == name.generation)
    }

    fn with(&mut self, name: SessionName, change: impl FnOnce(&mut Draft)) {
        if let Some(draft) = self.find(name) {
            change(draft);
        }
    }

    /// Puts everything into `shards`, which are empty and share `shared`. `now` goes on from [`Recovery::clock`]. What became
    /// due meanwhile happens with [`Shard::handle_restored`].
    pub fn restore(mut self, shards: &mut [Shard], shared: &Shared, now: Now) -> Recovered {
        let (retained, kept_bytes) = self.retained.restore_into(shared.retained());
        let mut recovered = Recovered { retained, kept_bytes, ..Recovered::default() };
        self.bodies.clear();
        let crash_ms = self.clock.ended_ms(now);
        // One that nobody has named has ended: a message of it was still on its way.
        self.groups.retain(|_, group| !group.share.is_empty());
        // Their names depend on how this process hashes: they get new ones.
        recovered.is_renamed |= !self.groups.is_empty();
        self.restore_groups(shared, &mut recovered);
        let count = shards.len() as u16;
        shards.iter_mut().for_each(|shard| shard.begin_at(now));
        for ((shard, slot), mut draft) in self.sessions {
            let home = shard % count;
            let place = (home == shard && slot < limits::SLOTS_MAX).then_some((slot, draft.generation));
            recovered.is_renamed |= place.is_none();
            recovered.sessions += u64::from(draft.is_durable);
            recovered.subscriptions += draft.subscriptions.len() as u64;
            recovered.messages += draft.messages();
            recovered.kept_bytes += draft.queue.run_bytes();
            draft.was_connected = draft.away.is_none();
            draft.close(crash_ms);
            shards[usize::from(home)].restore_session(draft, place);
        }
        shared.groups().forget_empty(shared.router());
        recovered
    }

    /// Under names that the log does not know: if this start is broken off, the next one reads of both.
    fn restore_groups(&mut self, shared: &Shared, recovered: &mut Recovered) {
        let latest = self.groups.keys().map(|name| name.generation).max().unwrap_or(0);
        shared.groups().begin_behind(latest);
        for (_, group) in std::mem::take(&mut self.groups) {
            recovered.messages += group.queue.messages();
            recovered.kept_bytes += group.queue.run_bytes();
            let queue = group.queue.into_queue(|held| Kept::in_group(held.message));
            shared.groups().restore(shared.router(), &group.share, queue);
        }
    }
}

/// Writes all state anew, as a snapshot, before anybody is let in: the names in the log are not those of the shards any
/// more ([`Recovered::is_renamed`]). `write` is given batch after batch.
///
/// # Errors
///
/// What `write` says.
pub fn write_snapshot<E>(
    shards: &mut [Shard],
    queue: &LogQueue,
    now: impl Fn() -> Now,
    mut write: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<SnapshotDone, E> {
    queue.begin_snapshot(SnapshotOrder::default());
    let mut turns: Vec<Turn> = shards.iter().map(|_| Turn::new(shards.len() as u16)).collect();
    let mut batches = Vec::new();
    loop {
        for (shard, turn) in shards.iter_mut().zip(&mut turns) {
            turn.now = now();
            shard.look_at_snapshot();
            shard.handle_work(turn);
            shard.hand_over(turn);
            shard.note_turn_finished();
        }
        queue.take(&mut batches);
        write(&mut batches)?;
        batches.clear();
        if let Some(done) = queue.take_snapshot() {
            return Ok(done);
        }
    }
}

fn key(name: SessionName) -> (u16, u32) {
    (name.shard, name.slot)
}

#[cfg(test)]
mod tests;
