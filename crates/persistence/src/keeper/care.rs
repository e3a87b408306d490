//! Room and snapshots: when the log counts as full, when a snapshot begins, and when it is in force.

#[cfg(test)]
mod tests;

use midge_broker::{LogQueue, LogState, Now, Shared, SnapshotDone, SnapshotOrder};
use midge_store::{Disk, Log, WriteError};

use super::{Autosave, Did, Effect, FULL_PAUSE_MS, Keeper, KeeperOptions, LOOK_AGAIN_MS, Next, Phase, Then, shards};
use crate::snapshots::{Extent, Snapshots};

/// What is to be remembered for it.
pub(super) struct Care {
    plan: Snapshots,
    autosave: Option<Autosave>,
    /// One is wanted now.
    is_ordered: bool,
    /// Finished, and not in force yet.
    finished: Option<SnapshotDone>,
    /// When the last one began, or was in force; and how long it took.
    last_ms: u64,
    took_ms: u64,
    /// How many changes there had been when the last one began.
    changes_saved: Option<u64>,
    /// It began where nothing had changed since the one before: another one would be the same, and make no more room.
    is_repetition: bool,
    /// It was told that the log is full, and not that there is room again.
    is_told_full: bool,
    /// When it was last looked whether there is room and a snapshot is due, and where the log ended then; `None` is never.
    looked: Option<(u64, u64)>,
    /// Bytes of the log that are needed, at most.
    pub(super) live_bytes: u64,
}

impl Care {
    pub(super) fn new<D: Disk>(log: &Log<D>, kept_bytes: u64, options: &KeeperOptions, now_ms: u64) -> Care {
        let (end, state) = log.snapshot().map_or((log.start().0, 0), |last| (last.end.0, last.end.0 - last.from.0));
        // Each start begins a file, however little was in the last one.
        let wasted_bytes = log.bytes().saturating_sub(log.end().0 - log.start().0);
        Care {
            plan: Snapshots::new(options.bounds, end, state, kept_bytes),
            autosave: options.autosave,
            is_ordered: wasted_bytes > WASTED_BYTES_MAX,
            finished: None,
            last_ms: now_ms,
            took_ms: 0,
            changes_saved: None,
            is_repetition: false,
            is_told_full: false,
            looked: None,
            live_bytes: 0,
        }
    }

    pub(super) fn note_snapshot_end(&mut self, now_ms: u64) {
        self.took_ms = now_ms.saturating_sub(self.last_ms);
        self.last_ms = now_ms;
    }

    /// Whether none is under way, nor finished and waiting to be put in force.
    fn is_without_snapshot(&self, queue: &LogQueue) -> bool {
        self.finished.is_none() && !queue.is_snapshot_under_way()
    }

    /// Whether a snapshot saves space, or the operator wants one by now.
    fn is_snapshot_due(&self, queue: &LogQueue, log: &Extent, now_ms: u64) -> bool {
        if self.plan.is_due(log) {
            return true;
        }
        let changes = queue.changes() - self.changes_saved.unwrap_or(0);
        let elapsed_ms = now_ms.saturating_sub(self.last_ms);
        let is_full = queue.state() != LogState::Ready;
        if is_full && elapsed_ms > SNAPSHOT_PAUSE_MS.max(10 * self.took_ms) {
            // What is done with by now makes room; and one that began within a file has left all of that file, of which the next
            // one needs nothing.
            return changes > 0 || !self.is_repetition || self.plan.is_sweeping();
        }
        if changes == 0 {
            return false;
        }
        match self.autosave {
            None => false,
            Some(Autosave::Seconds(seconds)) => elapsed_ms >= u64::from(seconds) * 1000,
            Some(Autosave::Changes(count)) => changes >= u64::from(count),
        }
    }
}

impl<D: Disk> Keeper<D> {
    /// From now on snapshots that save no space are taken after this.
    pub fn set_autosave(&mut self, autosave: Option<Autosave>) {
        self.care.autosave = autosave;
    }

    /// Has a snapshot taken as soon as none is under way.
    pub fn order_snapshot(&mut self) {
        self.care.is_ordered = true;
    }

    /// Puts a finished snapshot in force, and gives back what is not needed any more.
    ///
    /// # Errors
    ///
    /// The disk has failed: there is no next step.
    pub fn put_in_force(&mut self, done: SnapshotDone) -> Result<(), WriteError> {
        self.phase = Phase::Sync(Then::Look);
        match self.log.retire(crate::snapshot(done)) {
            Ok(()) => {}
            // Then the old one stays, and the log grows until there is room for a segment.
            Err(WriteError::Full { .. }) => {
                self.care.plan.give_up();
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.did = Did::Snapshot;
        self.care.plan.finish(&done);
        let (snapshot_bytes, log_bytes) = (done.end - done.from, self.log.bytes());
        self.effects.push_back(Effect::SnapshotSaved { snapshot_bytes, log_bytes });
        Ok(())
    }

    /// Has a finished snapshot put in force, looks for room, and begins a snapshot when one is due or ordered.
    pub(super) fn look(&mut self, shared: &Shared, queue: &LogQueue, now: Now) -> Next {
        if queue.take_given_up() {
            self.care.plan.give_up();
            self.did = Did::Snapshot;
        }
        if let Some(done) = queue.take_snapshot() {
            self.care.finished = Some(done);
        }
        if let Some(done) = self.care.finished.take_if(|done| done.end <= self.log.end().0) {
            return Next::PutInForce(done);
        }
        self.phase = Phase::Write;
        if self.care.is_ordered || self.is_to_look_around(queue, now.monotonic_ms) {
            let log = self.extent(queue);
            self.look_for_room(shared, queue, &log, now.monotonic_ms);
            if self.care.is_without_snapshot(queue)
                && (self.care.is_ordered || self.care.is_snapshot_due(queue, &log, now.monotonic_ms))
            {
                self.begin_snapshot(shared, queue, &log, now.monotonic_ms);
            }
        }
        Next::GoOn
    }

    /// Nothing more is taken that would have to be kept. What is not needed any more makes room.
    pub(super) fn note_full(&mut self, queue: &LogQueue) {
        self.care.is_told_full = true;
        queue.set_state(LogState::Full);
        self.effects.push_back(Effect::Full { log_bytes: self.log.bytes() });
        if self.care.is_without_snapshot(queue) {
            self.care.is_ordered = true;
        }
    }

    /// Looks whether the log is full: it is when there is hardly more room than for a snapshot.
    fn look_for_room(&mut self, shared: &Shared, queue: &LogQueue, log: &Extent, now_ms: u64) {
        queue.fill_after(self.care.plan.recordable(log));
        let state = queue.state();
        let is_full = state != LogState::Ready || self.care.plan.is_full(log);
        match self.care.is_told_full {
            false if is_full => self.note_full(queue),
            true if self.care.plan.is_ample(log) => {
                self.care.is_told_full = false;
                queue.set_state(LogState::Ready);
                self.effects.push_back(Effect::Room);
            }
            _ => {}
        }
        if self.care.is_told_full {
            self.look_for_scarcity(queue, log);
        }
        if state >= LogState::Scarce && queue.state() < LogState::Scarce {
            // What waited there goes on.
            self.effects.extend(shards(shared).map(Effect::Wake));
        }
        self.care.live_bytes = self.care.plan.live(log);
        self.care.looked = Some((now_ms, self.log.end().0));
    }

    /// Looks whether a full log has room for anything but what makes room.
    fn look_for_scarcity(&mut self, queue: &LogQueue, log: &Extent) {
        if queue.state() == LogState::Stuck {
            return;
        }
        let was_scarce = queue.state() == LogState::Scarce;
        let is_scarce = self.care.plan.is_scarce(log, was_scarce);
        queue.set_state(if is_scarce { LogState::Scarce } else { LogState::Full });
        if is_scarce && !was_scarce {
            self.effects.push_back(Effect::Scarce);
        }
    }

    /// Whether it is time to look around: often enough, and not with each batch.
    fn is_to_look_around(&self, queue: &LogQueue, now_ms: u64) -> bool {
        let pause_ms = if queue.state() == LogState::Ready { LOOK_AGAIN_MS } else { FULL_PAUSE_MS };
        let Some((looked_ms, looked_end)) = self.care.looked else { return true };
        self.log.end().0 - looked_end > LOOK_EVERY_BYTES || now_ms.saturating_sub(looked_ms) >= pause_ms
    }

    fn extent(&self, queue: &LogQueue) -> Extent {
        let end = queue.next();
        // Beside what is on its way to the log: the part of a segment that is left when a snapshot begins the next.
        let not_free = end - self.log.end().0 + 2 * self.log.segment_bytes();
        let room = self.log.room();
        Extent {
            start: self.log.start().0,
            end,
            room: room.allowed_bytes.saturating_sub(not_free),
            disk_room: room.disk_bytes.saturating_sub(not_free),
            written: queue.snapshot_bytes(),
            large: queue.large_bytes(),
            freed: queue.freed_bytes(),
        }
    }

    fn begin_snapshot(&mut self, shared: &Shared, queue: &LogQueue, log: &Extent, now_ms: u64) {
        let order = self.care.plan.begin(log);
        // A short one has room in the reserve.
        let held_bytes_max = order.held_bytes_max.max(self.log.segment_bytes() / 2);
        queue.begin_snapshot(SnapshotOrder { held_bytes_max, ..order });
        self.care.is_ordered = false;
        let changes = Some(queue.changes());
        self.care.is_repetition = self.care.changes_saved == changes;
        self.care.changes_saved = changes;
        queue.fill_after(self.care.plan.recordable(log));
        // Counted from here as well: one that is never finished is not asked for again and again.
        self.care.last_ms = now_ms;
        self.effects.extend(shards(shared).map(Effect::Wake));
    }
}

/// Files that are nearly empty may have so many bytes together when a server starts.
const WASTED_BYTES_MAX: u64 = 64 << 20;

/// When the log has grown by so much, it is looked whether there is room and a snapshot is due.
const LOOK_EVERY_BYTES: u64 = 1 << 20;

/// While the disk is full, snapshots that may make room are at least so far apart.
const SNAPSHOT_PAUSE_MS: u64 = 1_000;
