//! The queue of the log: what shards have recorded and the log has not taken yet, and how far the log has come.
//!
//! The log is one stream of bytes. A shard hands over what it recorded in a turn as one *batch*, under one lock, and with
//! that the batch has its address in the stream for ever. What must hold: batches stand in the stream in the order in
//! which they were handed over; a shard hands over before it posts mail or writes to a socket, so that what others can
//! see is in the stream before anything that comes of it; a writer that sleeps while there is something to be written has
//! been woken.

use sync::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, Ordering};

use std::collections::BTreeMap;

use crate::ids::ShardId;
use crate::limits;
use crate::record::batch_of_large;

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
}

/// See the module.
pub struct LogQueue {
    pending: Mutex<Pending>,
    /// Bytes in it; read without the lock.
    pending_bytes: AtomicUsize,
    /// Connections that make records are not read while more than this waits.
    pending_bytes_max: usize,
    /// Shards that have runs to write when less is pending.
    overdue: AtomicUsize,
    /// Everything before this position is durable.
    durable: AtomicU64,
    is_writer_asleep: AtomicBool,
    /// By shard: whether it holds packets back until more is durable.
    waits: Box<[AtomicBool]>,
    state: AtomicU8,
    /// What is recorded beyond this fills the log: positions, without what was written for the sake of snapshots.
    full_at: AtomicU64,
    snapshot: SnapshotStage,
    /// Large messages that were stored again since the last snapshot began: identity, and the address of the batch.
    stored: Mutex<BTreeMap<u64, u64>>,
    /// Bytes of large messages that were ever put into queues.
    large_bytes: AtomicU64,
    /// Bytes of runs that were ever read back or forgotten.
    freed_bytes: AtomicU64,
    /// Records that were ever handed over, those of snapshots not counted.
    changes: AtomicU64,
}

struct Pending {
    batches: Vec<u8>,
    /// Where the next batch will stand.
    next: u64,
}

/// How the log is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum LogState {
    /// It takes what it is given.
    Ready,
    /// There is no room on the disk: messages that would have to be kept are refused.
    Full,
    /// Nor is there much for anything else: what makes the state larger is refused or waits, and only what makes room goes on.
    Scarce,
    /// There is not a byte left, which other programs have brought about: whatever waits to be durable waits until there is.
    Stuck,
}

/// How far a snapshot has come: counts of shards that have reached each step.
#[derive(Default)]
struct SnapshotStage {
    /// Of the snapshot that was asked for last; 0 before the first.
    number: AtomicU64,
    /// Where the log stood when it was asked for.
    from: AtomicU64,
    move_before: AtomicU64,
    may_spill: AtomicBool,
    /// It is given up before more than this was written for the sake of snapshots,
    written_max: AtomicU64,
    /// unless shards and the retained store hold no more than this.
    held_max: AtomicU64,
    /// What they hold in memory that it has to write.
    held: AtomicU64,
    is_given_up: AtomicBool,
    /// Bytes that shards have ever handed over for the sake of snapshots.
    written: AtomicU64,
    /// Shards whose mail of batches before `from` is posted.
    arrived: AtomicUsize,
    /// What belongs to no shard has been handed over.
    is_common_finished: AtomicBool,
    /// Shards that have handed over their part.
    finished: AtomicUsize,
    /// The first position to which what was written refers.
    floor: AtomicU64,
    /// What it refers to, and did not write.
    kept_bytes: AtomicU64,
    /// Large messages that were stored again for it.
    stored_bytes: AtomicU64,
    /// Runs that were written for it.
    moved_bytes: AtomicU64,
    /// The number of the latest retained write when the Retained Messages began to be written.
    retained_sequence: AtomicU64,
}

/// How a snapshot is to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SnapshotOrder {
    /// What stands before this position and is needed is written again, so that the log can begin there.
    pub move_before: u64,
    /// What waits for clients that are away is written as runs, which the snapshots after this one need not write again.
    pub may_spill: bool,
    /// It is given up before it has written more than this; `None` is never.
    pub bytes_max: Option<u64>,
    /// Nor is it when there is no more to be written than this, which has room.
    pub held_bytes_max: u64,
}

/// What a finished snapshot covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotDone {
    /// Recovery replays the log from here.
    pub from: u64,
    /// The snapshot's own batches stand before this position.
    pub end: u64,
    /// The log is needed from here on: what stands before is referred to by nothing.
    pub floor: u64,
    /// So much of the log it refers to and does not write: runs of long queues, and payloads of Retained Messages. Large
    /// messages to which runs refer are not counted.
    pub kept_bytes: u64,
    /// So much of large messages was moved.
    pub stored_bytes: u64,
    /// So much of runs, which it refers to, was written for it.
    pub moved_bytes: u64,
    /// Retained writes up to this number are covered by it.
    pub retained_sequence: u64,
}

/// What one shard has written of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SnapshotPart {
    /// The first position in the log to which it refers.
    pub floor: u64,
    /// See [`SnapshotDone`].
    pub kept_bytes: u64,
    /// See [`SnapshotDone`].
    pub stored_bytes: u64,
    /// See [`SnapshotDone`].
    pub moved_bytes: u64,
}

impl Default for SnapshotPart {
    fn default() -> Self {
        SnapshotPart { floor: u64::MAX, kept_bytes: 0, stored_bytes: 0, moved_bytes: 0 }
    }
}

/// Each batch has this many bytes before its content, filled in by whoever writes it: the first four are its length.
pub const BATCH_HEADER_BYTES: usize = 24;

/// What the log could write in a good part of a second.
/// Twice that is in memory, what is being written too.
const PENDING_BYTES_MAX: usize = 16 << 20;

impl LogQueue {
    /// A queue whose first batch will stand at `next`; everything before is durable.
    pub fn new(shards: u16, next: u64) -> LogQueue {
        LogQueue {
            pending: Mutex::new(Pending { batches: Vec::new(), next }),
            pending_bytes: AtomicUsize::new(0),
            pending_bytes_max: PENDING_BYTES_MAX,
            overdue: AtomicUsize::new(0),
            durable: AtomicU64::new(next),
            is_writer_asleep: AtomicBool::new(false),
            waits: (0..shards).map(|_| AtomicBool::new(false)).collect(),
            state: AtomicU8::new(LogState::Ready as u8),
            full_at: AtomicU64::new(u64::MAX),
            snapshot: SnapshotStage::default(),
            stored: Mutex::new(BTreeMap::new()),
            large_bytes: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        }
    }

    /// A queue of which that much may wait. Servers are content with the default.
    pub fn with_pending_bytes_max(mut self, bytes: usize) -> LogQueue {
        self.pending_bytes_max = bytes;
        self
    }

    /// Hands over a batch: `content` begins with [`BATCH_HEADER_BYTES`] bytes of room. Returns the address of the batch and
    /// the position behind it, and whether the writer sleeps and it is the caller who must wake it.
    pub fn append(&self, content: &mut [u8]) -> Appended {
        let length = (content.len() - BATCH_HEADER_BYTES) as u32;
        content[..4].copy_from_slice(&length.to_le_bytes());
        let mut pending = lock(&self.pending);
        let address = pending.next;
        pending.next += content.len() as u64;
        pending.batches.extend_from_slice(content);
        self.pending_bytes.store(pending.batches.len(), Ordering::Relaxed);
        let end = pending.next;
        if end - self.snapshot.written.load(Ordering::SeqCst) > self.full_at.load(Ordering::Relaxed) {
            // Whoever writes may be busy: it would be told too late.
            self.state.fetch_max(LogState::Full as u8, Ordering::Relaxed);
        }
        drop(pending);
        Appended { address, end, wakes_writer: self.is_writer_to_be_woken() }
    }

    /// Takes everything that waits, leaving `batches`, which is empty, in its place.
    pub fn take(&self, batches: &mut Vec<u8>) {
        let mut pending = lock(&self.pending);
        std::mem::swap(&mut pending.batches, batches);
        self.pending_bytes.store(0, Ordering::Relaxed);
    }

    /// Where the next batch will stand.
    pub fn next(&self) -> u64 {
        lock(&self.pending).next
    }

    /// Whether so much waits that what could become more should not be read.
    pub fn is_over(&self) -> bool {
        self.pending_bytes.load(Ordering::Relaxed) > self.pending_bytes_max
    }

    /// Whether messages come faster than they can be written, or become runs: those that would be recorded are to wait. Of a log
    /// without room they are refused.
    pub(crate) fn is_outrun(&self) -> bool {
        (self.is_over() || self.overdue.load(Ordering::Relaxed) > 0) && self.state() == LogState::Ready
    }

    /// One more shard has runs to write when less is pending.
    pub(crate) fn note_overdue(&self) {
        self.overdue.fetch_add(1, Ordering::Relaxed);
    }

    /// One of these has written them.
    pub(crate) fn note_caught_up(&self) {
        self.overdue.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether so much waits that a snapshot, which has time, should not add to it.
    pub(crate) fn is_behind(&self) -> bool {
        self.pending_bytes.load(Ordering::Relaxed) > self.pending_bytes_max / 2
    }

    /// Everything before this position is durable.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    /// The log has come so far. Then ask [`LogQueue::is_waiting`] for each shard.
    pub fn set_durable(&self, position: u64) {
        self.durable.store(position, Ordering::SeqCst);
    }

    /// A shard says whether it holds back packets. Having said so it must look at [`LogQueue::durable`] once more before
    /// it sleeps.
    pub fn set_waiting(&self, shard: ShardId, waits: bool) {
        self.waits[usize::from(shard.0)].store(waits, Ordering::SeqCst);
    }

    /// Whether it does.
    pub fn is_waiting(&self, shard: ShardId) -> bool {
        self.waits[usize::from(shard.0)].load(Ordering::SeqCst)
    }

    /// The writer is about to sleep. `false`: there is something to be written, do not.
    pub fn writer_about_to_sleep(&self) -> bool {
        self.is_writer_asleep.store(true, Ordering::SeqCst);
        let is_empty = lock(&self.pending).batches.is_empty();
        if !is_empty {
            self.is_writer_asleep.store(false, Ordering::SeqCst);
        }
        is_empty
    }

    /// The writer does not sleep (any more).
    pub fn writer_awake(&self) {
        self.is_writer_asleep.store(false, Ordering::SeqCst);
    }

    fn is_writer_to_be_woken(&self) -> bool {
        self.is_writer_asleep.load(Ordering::SeqCst) && self.is_writer_asleep.swap(false, Ordering::SeqCst)
    }

    /// The batch that begins with this large message, if it may be referred to: nothing before the last snapshot is kept for
    /// its own sake.
    pub(crate) fn place_of_large(&self, identity: u64) -> Option<u64> {
        if identity >= self.snapshot.from.load(Ordering::SeqCst) {
            return Some(batch_of_large(identity));
        }
        lock(&self.stored).get(&identity).copied()
    }

    /// A large message was stored again, in the batch at `address`.
    pub(crate) fn note_stored(&self, identity: u64, address: u64) {
        lock(&self.stored).insert(identity, address);
    }

    pub(crate) fn note_changes(&self, records: u64) {
        self.changes.fetch_add(records, Ordering::Relaxed);
    }

    /// How many records were handed over since the start, those of snapshots not counted.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// A large message is put into queues.
    pub(crate) fn note_large(&self, bytes: u64) {
        self.large_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The bytes of all large messages that were put into queues since the start.
    pub fn large_bytes(&self) -> u64 {
        self.large_bytes.load(Ordering::Relaxed)
    }

    /// Runs of so many bytes are not needed any more.
    pub(crate) fn note_freed(&self, bytes: u64) {
        self.freed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The bytes of all runs that were read back or forgotten since the start.
    pub fn freed_bytes(&self) -> u64 {
        self.freed_bytes.load(Ordering::Relaxed)
    }

    /// The snapshot under way is to leave nothing in use before this position.
    pub(crate) fn move_before(&self) -> u64 {
        self.snapshot.move_before.load(Ordering::SeqCst)
    }

    /// The log was opened with a snapshot that begins here.
    pub fn set_kept_from(&self, from: u64) {
        self.snapshot.from.store(from, Ordering::SeqCst);
    }

    /// How the log is doing.
    pub fn state(&self) -> LogState {
        match self.state.load(Ordering::Relaxed) {
            state if state == LogState::Ready as u8 => LogState::Ready,
            state if state == LogState::Full as u8 => LogState::Full,
            state if state == LogState::Scarce as u8 => LogState::Scarce,
            _ => LogState::Stuck,
        }
    }

    /// Says how it is doing.
    pub fn set_state(&self, state: LogState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Whether the snapshot under way is to make runs of what waits for clients that are away.
    pub(crate) fn may_spill(&self) -> bool {
        self.snapshot.may_spill.load(Ordering::SeqCst)
    }

    /// The log is full when so much more was recorded, what is written for the sake of snapshots not counted.
    pub fn fill_after(&self, bytes: u64) {
        let recorded = self.next() - self.snapshot_bytes();
        self.full_at.store(recorded.saturating_add(bytes), Ordering::Relaxed);
    }

    /// So many bytes are about to be handed over for the sake of a snapshot.
    pub(crate) fn note_snapshot_bytes(&self, bytes: u64) {
        self.snapshot.written.fetch_add(bytes, Ordering::SeqCst);
    }

    /// How many bytes were handed over for the sake of snapshots since the start.
    pub fn snapshot_bytes(&self) -> u64 {
        self.snapshot.written.load(Ordering::SeqCst)
    }

    /// Asks the shards for a snapshot. `false`: one is under way.
    pub fn begin_snapshot(&self, order: SnapshotOrder) -> bool {
        if self.is_snapshot_under_way() {
            return false;
        }
        let stage = &self.snapshot;
        // From now on, what was stored again before is not referred to any more.
        lock(&self.stored).clear();
        stage.from.store(self.next(), Ordering::SeqCst);
        stage.move_before.store(order.move_before, Ordering::SeqCst);
        stage.may_spill.store(order.may_spill, Ordering::SeqCst);
        let written_max =
            order.bytes_max.map_or(u64::MAX, |max| stage.written.load(Ordering::SeqCst).saturating_add(max));
        stage.written_max.store(written_max, Ordering::SeqCst);
        stage.held_max.store(order.held_bytes_max, Ordering::SeqCst);
        stage.held.store(0, Ordering::SeqCst);
        stage.is_given_up.store(false, Ordering::SeqCst);
        stage.arrived.store(0, Ordering::SeqCst);
        stage.is_common_finished.store(false, Ordering::SeqCst);
        stage.finished.store(0, Ordering::SeqCst);
        stage.floor.store(u64::MAX, Ordering::SeqCst);
        stage.kept_bytes.store(0, Ordering::SeqCst);
        stage.stored_bytes.store(0, Ordering::SeqCst);
        stage.moved_bytes.store(0, Ordering::SeqCst);
        stage.number.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Whether a snapshot was asked for and is not taken yet.
    pub fn is_snapshot_under_way(&self) -> bool {
        self.snapshot_number() % 2 == 1
    }

    /// Whether a snapshot was given up, once: all shards have left it.
    pub fn take_given_up(&self) -> bool {
        let is_given_up = self.have_all_finished() && self.is_snapshot_given_up();
        if is_given_up {
            self.snapshot.number.fetch_add(1, Ordering::SeqCst);
        }
        is_given_up
    }

    fn have_all_finished(&self) -> bool {
        self.is_snapshot_under_way() && self.snapshot.finished.load(Ordering::SeqCst) == self.waits.len()
    }

    /// The finished snapshot, once: `None` while there is none.
    pub fn take_snapshot(&self) -> Option<SnapshotDone> {
        let stage = &self.snapshot;
        if !self.have_all_finished() || self.is_snapshot_given_up() {
            return None;
        }
        let from = stage.from.load(Ordering::SeqCst);
        let done = SnapshotDone {
            from,
            floor: stage.floor.load(Ordering::SeqCst).min(from),
            kept_bytes: stage.kept_bytes.load(Ordering::SeqCst),
            stored_bytes: stage.stored_bytes.load(Ordering::SeqCst),
            moved_bytes: stage.moved_bytes.load(Ordering::SeqCst),
            end: self.next(),
            retained_sequence: stage.retained_sequence.load(Ordering::SeqCst),
        };
        stage.number.fetch_add(1, Ordering::SeqCst);
        Some(done)
    }

    /// Odd while a snapshot is under way.
    pub(crate) fn snapshot_number(&self) -> u64 {
        self.snapshot.number.load(Ordering::SeqCst)
    }

    /// One more shard has posted all mail of batches from before the snapshot began. It holds so many bytes that are to be written.
    pub(crate) fn snapshot_arrived(&self, held_bytes: u64) {
        self.snapshot.held.fetch_add(held_bytes, Ordering::SeqCst);
        self.snapshot.arrived.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether all have.
    pub(crate) fn have_all_arrived(&self) -> bool {
        self.snapshot.arrived.load(Ordering::SeqCst) == self.waits.len()
    }

    /// Whether the snapshot under way has no room for another portion of what there was for it. All shards are to leave it then.
    pub(crate) fn is_snapshot_to_be_left(&self) -> bool {
        let stage = &self.snapshot;
        let written = stage.written.load(Ordering::SeqCst).saturating_add(limits::SNAPSHOT_PORTION_BYTES as u64);
        let is_too_long = written > stage.written_max.load(Ordering::SeqCst);
        if is_too_long && stage.held.load(Ordering::SeqCst) > stage.held_max.load(Ordering::SeqCst) {
            stage.is_given_up.store(true, Ordering::SeqCst);
        }
        self.is_snapshot_given_up()
    }

    fn is_snapshot_given_up(&self) -> bool {
        self.snapshot.is_given_up.load(Ordering::SeqCst)
    }

    /// Retained writes up to this number are covered by what is written now.
    pub(crate) fn set_retained_sequence(&self, sequence: u64) {
        self.snapshot.retained_sequence.store(sequence, Ordering::SeqCst);
    }

    /// What belongs to no shard has been handed over.
    pub(crate) fn snapshot_common_finished(&self) {
        self.snapshot.is_common_finished.store(true, Ordering::SeqCst);
    }

    /// Whether it has.
    pub(crate) fn is_snapshot_common_finished(&self) -> bool {
        self.snapshot.is_common_finished.load(Ordering::SeqCst)
    }

    /// One more shard has handed over its part. The last one must wake the writer, who may sleep.
    pub(crate) fn snapshot_finished(&self, part: &SnapshotPart) -> bool {
        self.snapshot.floor.fetch_min(part.floor, Ordering::SeqCst);
        self.snapshot.kept_bytes.fetch_add(part.kept_bytes, Ordering::SeqCst);
        self.snapshot.stored_bytes.fetch_add(part.stored_bytes, Ordering::SeqCst);
        self.snapshot.moved_bytes.fetch_add(part.moved_bytes, Ordering::SeqCst);
        self.snapshot.finished.fetch_add(1, Ordering::SeqCst) + 1 == self.waits.len() && self.is_writer_to_be_woken()
    }
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// Where it stands.
    pub address: u64,
    /// Where the next one stands.
    pub end: u64,
    /// The writer sleeps and must be woken.
    pub wakes_writer: bool,
}

/// A panic ends the process, so a poisoned lock can only be seen in tests.
#[cfg(not(loom))]
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(loom)]
fn lock<T>(mutex: &Mutex<T>) -> loom::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no thread of a model panics")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn batch(content: &[u8]) -> Vec<u8> {
        [&[0; BATCH_HEADER_BYTES], content].concat()
    }

    #[test]
    fn batches_stand_one_behind_the_other_and_are_taken_together() {
        let queue = LogQueue::new(1, 1000);
        let first = queue.append(&mut batch(b"one"));
        let second = queue.append(&mut batch(b"three"));
        assert_eq!((first.address, first.end), (1000, 1000 + 27));
        assert_eq!((second.address, second.end), (1027, 1027 + 29));
        let mut taken = Vec::new();
        queue.take(&mut taken);
        assert_eq!(taken.len(), 56);
        assert_eq!((taken[0], &taken[24..27], taken[27], &taken[51..]), (3, &b"one"[..], 5, &b"three"[..]));
        queue.take(&mut Vec::new());
        assert_eq!(queue.next(), 1056);
    }

    #[test]
    fn it_is_full_when_enough_was_recorded_beside_a_snapshot() {
        let queue = LogQueue::new(1, 1000);
        queue.fill_after(60);
        queue.append(&mut batch(b"one"));
        queue.note_snapshot_bytes(100);
        queue.append(&mut batch(&[0; 76]));
        queue.append(&mut batch(b"two"));
        assert_eq!(queue.state(), LogState::Ready);
        queue.append(&mut batch(b"three"));
        assert_eq!(queue.state(), LogState::Full);
    }

    #[test]
    fn a_sleeping_writer_is_woken_once() {
        let queue = LogQueue::new(1, 0);
        assert!(queue.writer_about_to_sleep());
        assert!(queue.append(&mut batch(b"1")).wakes_writer);
        assert!(!queue.append(&mut batch(b"2")).wakes_writer);
        assert!(!queue.writer_about_to_sleep(), "there is something to be written");
    }

    #[test]
    fn a_snapshot_is_finished_when_every_shard_is() {
        let queue = LogQueue::new(2, 10);
        assert!(queue.begin_snapshot(SnapshotOrder::default()) && !queue.begin_snapshot(SnapshotOrder::default()));
        queue.snapshot_arrived(0);
        assert!(!queue.have_all_arrived());
        queue.snapshot_arrived(0);
        assert!(queue.have_all_arrived());
        queue.set_retained_sequence(7);
        queue.snapshot_finished(&SnapshotPart { floor: 5, kept_bytes: 100, stored_bytes: 10, moved_bytes: 3 });
        assert_eq!(queue.take_snapshot(), None);
        queue.append(&mut batch(b"state"));
        queue.snapshot_finished(&SnapshotPart { kept_bytes: 20, ..SnapshotPart::default() });
        let done = SnapshotDone {
            from: 10,
            end: 39,
            floor: 5,
            kept_bytes: 120,
            stored_bytes: 10,
            moved_bytes: 3,
            retained_sequence: 7,
        };
        assert_eq!(queue.take_snapshot(), Some(done));
        assert_eq!(queue.take_snapshot(), None);
        assert!(!queue.take_given_up() && queue.begin_snapshot(SnapshotOrder::default()));
    }

    #[test]
    fn a_snapshot_without_room_is_given_up_by_all_shards() {
        let check = |held_bytes: u64, is_given_up: bool| {
            let queue = LogQueue::new(2, 10);
            queue.begin_snapshot(SnapshotOrder {
                bytes_max: Some(limits::SNAPSHOT_PORTION_BYTES as u64 + 100),
                held_bytes_max: 50,
                ..SnapshotOrder::default()
            });
            queue.snapshot_arrived(held_bytes);
            queue.snapshot_arrived(20);
            queue.note_snapshot_bytes(100);
            assert!(!queue.is_snapshot_to_be_left());
            queue.note_snapshot_bytes(1);
            assert_eq!(queue.is_snapshot_to_be_left(), is_given_up);
            queue.snapshot_finished(&SnapshotPart::default());
            assert!(!queue.take_given_up(), "one is still at it");
            queue.snapshot_finished(&SnapshotPart::default());
            assert_eq!((queue.take_given_up(), queue.take_snapshot().is_none()), (is_given_up, is_given_up));
            assert!(!queue.take_given_up() && !queue.is_snapshot_under_way());
        };
        check(31, true);
        // Such a short one has room.
        check(30, false);
    }
}
