//! What the log's thread does, one step after the other: takes what has gathered, writes it once, syncs once, says which shards
//! are to be told.
//!
//! Batching grows with load by itself: while one write is on its way, the next gathers. Nobody waits for a timer.
//!
//! A disk that fails ends the process: nothing that was not durable was acknowledged, and only a new start can tell what the
//! disk holds. A full disk does not (`care.rs`): what would have to be kept is refused until there is room again.

mod care;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use midge_broker::ids::ShardId;
use midge_broker::{LogQueue, LogState, Now, Shared, SnapshotDone, record};
use midge_store::{Disk, Log, WriteError};

use crate::snapshots::Bounds;
use care::Care;

/// See the module.
pub struct Keeper<D: Disk> {
    log: Log<D>,
    sync: SyncPolicy,
    phase: Phase,
    did: Did,
    effects: VecDeque<Effect>,
    batches: Vec<u8>,
    /// When the disk was last asked to keep what it was given.
    synced_ms: u64,
    /// Something was written since.
    is_unsynced: bool,
    last_batch_ms: u64,
    /// How far the wall clock was ahead of the server's own when that was last dated for its own sake.
    wall_ahead_ms: i64,
    /// A batch that says nothing stands behind all others.
    is_end_dated: bool,
    care: Care,
}

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct KeeperOptions {
    /// When what was written counts as safe.
    pub sync: SyncPolicy,
    /// When a snapshot is taken that saves no space.
    pub autosave: Option<Autosave>,
    /// When one is taken to save space.
    pub bounds: Bounds,
}

/// When what was written counts as safe, so that it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When the disk has it.
    Always,
    /// When the system has it.
    Os,
    /// When the system has it; the disk has it so many milliseconds later.
    Interval(u32),
}

/// After what a snapshot is taken, if anything has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Autosave {
    /// So many seconds.
    Seconds(u32),
    /// So many changes.
    Changes(u32),
}

/// What is to be done before the next step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Next {
    /// Nothing.
    GoOn,
    /// Sleep so many milliseconds, or until woken.
    Rest(u64),
    /// Sleep so many milliseconds: there is no room for what was taken.
    Wait(u64),
    /// [`Keeper::put_in_force`] this snapshot.
    PutInForce(SnapshotDone),
    /// There is no next step: it was to stop, and everything that was handed over is durable.
    End,
}

/// What a step has brought about for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// This shard is to be woken.
    Wake(ShardId),
    /// The log is full, with so many bytes.
    Full {
        /// The size of its files.
        log_bytes: u64,
    },
    /// There is hardly any room left on the disk.
    Scarce,
    /// There is room again.
    Room,
    /// A snapshot is in force.
    SnapshotSaved {
        /// Its size.
        snapshot_bytes: u64,
        /// That of all files of the log.
        log_bytes: u64,
    },
}

/// What the next step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Write,
    Sync(Then),
    Prepare,
    Rest,
    Awake,
    Look,
}

/// What comes after a sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// Something was written.
    Look,
    /// There was nothing to be written.
    Prepare,
    /// And there will be nothing any more.
    End,
}

/// What the step before did that is timed from its end: the time comes with the step after it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Did {
    #[default]
    Nothing,
    Write,
    Sync,
    Snapshot,
}

impl<D: Disk> Keeper<D> {
    /// Keeps a log that was opened, of which `kept_bytes` are alive beside the snapshot in force.
    pub fn new(log: Log<D>, kept_bytes: u64, options: &KeeperOptions, now: Now) -> Keeper<D> {
        let now_ms = now.monotonic_ms;
        Keeper {
            sync: options.sync,
            // A log that was full is full, before anything is taken.
            phase: Phase::Look,
            did: Did::Nothing,
            effects: VecDeque::new(),
            batches: Vec::new(),
            synced_ms: now_ms,
            is_unsynced: false,
            last_batch_ms: now_ms,
            wall_ahead_ms: wall_ahead_ms(now),
            is_end_dated: false,
            care: Care::new(&log, kept_bytes, options, now_ms),
            log,
        }
    }

    /// The log.
    pub fn log(&self) -> &Log<D> {
        &self.log
    }

    /// How many bytes of the log are needed, at most, as far as was seen when it was last looked around.
    pub fn live_bytes(&self) -> u64 {
        self.care.live_bytes
    }

    /// Does the next thing. To be called without pause, but for what it gives back; once it is to stop, nobody may hand over
    /// anything any more.
    ///
    /// # Errors
    ///
    /// The disk has failed, or there is no room for what has to be written before it stops: that was the last step.
    pub fn step(&mut self, shared: &Shared, now: Now, is_stopping: bool) -> Result<Next, WriteError> {
        let Some(queue) = shared.log() else { return Ok(Next::End) };
        self.note_end(now.monotonic_ms);
        match self.phase {
            Phase::Write => return self.write(queue, now, is_stopping),
            Phase::Sync(then) => return self.sync_and(then, shared, queue, now),
            Phase::Prepare => self.prepare()?,
            Phase::Rest => return Ok(self.rest(queue, now, is_stopping)),
            Phase::Awake => {
                queue.writer_awake();
                self.phase = Phase::Look;
            }
            Phase::Look => return Ok(self.look(shared, queue, now)),
        }
        Ok(Next::GoOn)
    }

    /// What steps have brought about, oldest first. To be asked after each.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn note_end(&mut self, now_ms: u64) {
        match std::mem::take(&mut self.did) {
            Did::Nothing => {}
            Did::Write => self.last_batch_ms = now_ms,
            Did::Sync => self.synced_ms = now_ms,
            Did::Snapshot => self.care.note_snapshot_end(now_ms),
        }
    }

    /// Writes what has gathered. While the disk is full this goes into the reserve, and what would need more room is refused
    /// elsewhere; once that is used up too, it waits.
    fn write(&mut self, queue: &LogQueue, now: Now, is_stopping: bool) -> Result<Next, WriteError> {
        if self.batches.is_empty() {
            queue.take(&mut self.batches);
        }
        if self.batches.is_empty() && is_stopping && !self.is_end_dated && queue.state() == LogState::Ready {
            // Damage to the last one that says something cannot be taken for a batch that was never written.
            self.is_end_dated = true;
            record::heartbeat(queue, now);
            return Ok(Next::GoOn);
        }
        if self.batches.is_empty() {
            self.phase = Phase::Sync(if is_stopping { Then::End } else { Then::Prepare });
            return Ok(Next::GoOn);
        }
        let is_full = queue.state() != LogState::Ready;
        let written =
            if is_full { self.log.write_reserved(&mut self.batches) } else { self.log.write(&mut self.batches) };
        match written {
            Ok(()) if queue.state() == LogState::Stuck => queue.set_state(LogState::Scarce),
            Ok(()) => {}
            Err(WriteError::Full { .. }) if !is_full => {
                self.note_full(queue);
                return Ok(Next::GoOn);
            }
            Err(WriteError::Full { .. }) if !is_stopping => {
                queue.set_state(LogState::Stuck);
                return Ok(Next::Wait(FULL_PAUSE_MS));
            }
            Err(error) => return Err(error),
        }
        self.batches.clear();
        self.batches.shrink_to(BUFFER_BYTES_KEPT);
        (self.did, self.is_unsynced) = (Did::Write, true);
        self.phase = Phase::Sync(Then::Look);
        Ok(Next::GoOn)
    }

    fn sync_and(&mut self, then: Then, shared: &Shared, queue: &LogQueue, now: Now) -> Result<Next, WriteError> {
        if self.is_unsynced {
            self.sync_if_due(then == Then::End, now)?;
            self.tell_durable(shared, queue);
        }
        match then {
            Then::Look => self.phase = Phase::Look,
            Then::Prepare => self.phase = Phase::Prepare,
            Then::End => return Ok(Next::End),
        }
        Ok(Next::GoOn)
    }

    fn sync_if_due(&mut self, must: bool, now: Now) -> Result<(), WriteError> {
        let is_due = match self.sync {
            SyncPolicy::Always => true,
            SyncPolicy::Os => must,
            SyncPolicy::Interval(ms) => must || now.monotonic_ms.saturating_sub(self.synced_ms) >= u64::from(ms),
        };
        if is_due {
            self.log.sync()?;
            (self.did, self.is_unsynced) = (Did::Sync, false);
        }
        Ok(())
    }

    fn tell_durable(&mut self, shared: &Shared, queue: &LogQueue) {
        let written = self.log.end().0;
        if queue.durable() < written {
            queue.set_durable(written);
            let waits = |shard: &ShardId| queue.is_waiting(*shard) && shared.mesh().is_to_be_woken(*shard);
            self.effects.extend(shards(shared).filter(waits).map(Effect::Wake));
        }
    }

    /// Makes the next segment ready.
    fn prepare(&mut self) -> Result<(), WriteError> {
        self.phase = Phase::Rest;
        match self.log.prepare() {
            Ok(()) | Err(WriteError::Full { .. } | WriteError::Misuse(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sleeps until there is something to be written, or something is due.
    fn rest(&mut self, queue: &LogQueue, now: Now, is_stopping: bool) -> Next {
        self.phase = Phase::Awake;
        let idle_ms = now.monotonic_ms.saturating_sub(self.last_batch_ms);
        let has_jumped = wall_ahead_ms(now).abs_diff(self.wall_ahead_ms) > WALL_JUMP_MS;
        if idle_ms >= record::HEARTBEAT_MS || has_jumped {
            // So that time off is reckoned from here, and neither from long ago nor by a clock that was set since.
            record::heartbeat(queue, now);
            self.wall_ahead_ms = wall_ahead_ms(now);
            return Next::GoOn;
        }
        let until_sync_ms = match self.sync {
            SyncPolicy::Interval(ms) if self.is_unsynced => {
                u64::from(ms).saturating_sub(now.monotonic_ms.saturating_sub(self.synced_ms))
            }
            _ => u64::MAX,
        };
        let until_look_ms = if queue.state() == LogState::Ready { LOOK_AGAIN_MS } else { FULL_PAUSE_MS };
        let nap_ms = (record::HEARTBEAT_MS - idle_ms).min(until_sync_ms).min(until_look_ms);
        if queue.writer_about_to_sleep() && !is_stopping { Next::Rest(nap_ms) } else { Next::GoOn }
    }
}

fn shards(shared: &Shared) -> impl Iterator<Item = ShardId> + use<> {
    (0..shared.mesh().shards() as u16).map(ShardId)
}

fn wall_ahead_ms(now: Now) -> i64 {
    (now.wall_s as i64).saturating_mul(1000).saturating_sub_unsigned(now.monotonic_ms)
}

/// The wall clock was set when it has moved by more than this against the server's own; it tells seconds alone.
const WALL_JUMP_MS: u64 = 2_000;

/// How often an idle thread looks whether a snapshot is due.
const LOOK_AGAIN_MS: u64 = 1_000;

/// How often a full disk is looked at again.
const FULL_PAUSE_MS: u64 = 100;

/// A buffer that a burst has blown up beyond this is given back.
const BUFFER_BYTES_KEPT: usize = 8 << 20;
