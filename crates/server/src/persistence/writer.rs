//! The log's thread: takes what has gathered, writes it once, syncs once, tells every shard how far it has come.
//!
//! Batching grows with load by itself: while one write is on its way, the next gathers. Nobody waits for a timer.
//!
//! A disk that fails ends the process: nothing that was not durable was acknowledged, and only a new start can tell what the
//! disk holds. A full disk does not: what would have to be kept is refused until there is room again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use midge_broker::ids::ShardId;
use midge_broker::{LogQueue, LogState, Shared, SnapshotDone, record};
use midge_config::PersistenceSync;
use midge_store::WriteError;

use super::snapshots::{Bounds, Extent, Snapshots};
use super::{Persistence, PersistenceOptions};
use crate::abort::AbortOnPanic;
use crate::clock::Clock;
use crate::log::{LogBuffer, LogType};
use crate::peers::Peers;

/// The running thread, as the process sees it.
pub(crate) struct Writer {
    thread: JoinHandle<()>,
    orders: Arc<Orders>,
}

/// What the thread is told from outside.
#[derive(Default)]
struct Orders {
    stop: AtomicBool,
    snapshot: AtomicBool,
}

/// What the thread is made of.
pub(crate) struct WriterParts {
    pub(crate) persistence: Persistence,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) clock: Clock,
    pub(crate) log: LogBuffer,
}

struct State {
    parts: WriterParts,
    orders: Arc<Orders>,
    batches: Vec<u8>,
    /// When the disk was last asked to keep what it was given.
    synced: Instant,
    /// Something was written since.
    is_unsynced: bool,
    last_batch: Instant,
    last_snapshot: Instant,
    snapshots: Snapshots,
    snapshot_took: Duration,
    /// Finished, and not in force yet.
    snapshot: Option<SnapshotDone>,
    /// How many changes there had been when the last snapshot began.
    changes_saved: u64,
    /// It was told that the log is full, and not that there is room again.
    is_told_full: bool,
    /// When it was last looked whether there is room and a snapshot is due, and where the log ended then.
    looked: (Instant, u64),
}

impl WriterParts {
    fn snapshots(&self) -> Snapshots {
        let Persistence { options, log, kept_bytes, .. } = &self.persistence;
        let bounds = Bounds::new(self.shared.mesh().shards(), options.max_bytes);
        let (end, state) = log.snapshot().map_or((log.start().0, 0), |last| (last.end.0, last.end.0 - last.from.0));
        Snapshots::new(bounds, end, state, *kept_bytes)
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(parts: WriterParts) -> std::io::Result<Writer> {
        let orders = Arc::new(Orders::default());
        let peers = Arc::clone(&parts.peers);
        let snapshots = parts.snapshots();
        let now = Instant::now();
        let state = State {
            orders: Arc::clone(&orders),
            batches: Vec::new(),
            synced: now,
            is_unsynced: false,
            last_batch: now,
            last_snapshot: now,
            snapshots,
            snapshot_took: Duration::ZERO,
            snapshot: None,
            changes_saved: 0,
            is_told_full: false,
            looked: (now, parts.persistence.log.end().0),
            parts,
        };
        // Each start begins a file, however little was in the last one.
        let wasted_bytes = state.parts.persistence.wasted_bytes();
        orders.snapshot.store(wasted_bytes > WASTED_BYTES_MAX, Ordering::Release);
        let thread = thread::Builder::new().name("log".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn(move || {
            let on_panic = AbortOnPanic;
            state.run();
            drop(on_panic);
        })?;
        peers.set_log(thread.thread().clone());
        Ok(Writer { thread, orders })
    }

    /// Has a snapshot taken now.
    pub(crate) fn order_snapshot(&self) {
        self.orders.snapshot.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }

    /// Everything that was handed over is made durable; then the thread ends.
    pub(crate) fn stop(self) {
        self.orders.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic there has ended the process.
        drop(self.thread.join());
    }
}

impl State {
    fn run(mut self) {
        let shared = Arc::clone(&self.parts.shared);
        let Some(queue) = shared.log() else { return };
        self.prepare();
        loop {
            let is_stopping = self.orders.stop.load(Ordering::Acquire);
            queue.take(&mut self.batches);
            if !self.batches.is_empty() {
                self.write(queue);
                self.sync_if_due(queue, false);
            } else if is_stopping {
                return self.sync_if_due(queue, true);
            } else {
                self.sync_if_due(queue, false);
                self.prepare();
                self.rest(queue);
            }
            self.care_for_snapshots(queue);
        }
    }

    /// Writes what was taken. While the disk is full this goes into the reserve, and what would need more room is refused
    /// elsewhere; once that is used up too, it waits.
    fn write(&mut self, queue: &LogQueue) {
        loop {
            let is_full = queue.state() != LogState::Ready;
            let log = &mut self.parts.persistence.log;
            let written = if is_full { log.write_reserved(&mut self.batches) } else { log.write(&mut self.batches) };
            match written {
                Ok(()) => break,
                Err(WriteError::Full { .. }) if !is_full => self.tell_full(queue),
                Err(error @ WriteError::Full { .. }) if self.orders.stop.load(Ordering::Acquire) => self.fail(&error),
                Err(WriteError::Full { .. }) => {
                    queue.set_state(LogState::Scarce);
                    thread::sleep(FULL_PAUSE);
                }
                Err(error) => self.fail(&error),
            }
        }
        self.batches.clear();
        self.batches.shrink_to(BUFFER_BYTES_KEPT);
        self.last_batch = Instant::now();
        self.is_unsynced = true;
    }

    /// Nothing more is taken that would have to be kept. What is not needed any more makes room.
    fn tell_full(&mut self, queue: &LogQueue) {
        self.is_told_full = true;
        queue.set_state(LogState::Full);
        let Persistence { options, log, .. } = &self.parts.persistence;
        let folder = options.folder.display().to_string();
        let bytes = log.bytes();
        let cause = match options.max_bytes {
            Some(max) => format!("{bytes} bytes are used, and persistence_max_bytes is {max}"),
            None => format!("{bytes} bytes are used, and the disk has no more than a snapshot may need"),
        };
        let text = "Messages that would have to be kept are refused (0x97) until there is room again";
        self.tell(LogType::Error, format_args!("Error: no room for the log in {folder}: {cause}. {text}."));
        if self.is_without_snapshot(queue) {
            self.orders.snapshot.store(true, Ordering::Release);
        }
    }

    /// Looks whether the log is full: it is when there is only room for a snapshot.
    fn look_for_room(&mut self, queue: &LogQueue, log: &Extent) {
        queue.fill_after(self.snapshots.recordable(log));
        let state = queue.state();
        let is_full = state != LogState::Ready || self.snapshots.is_full(log);
        match self.is_told_full {
            false if is_full => self.tell_full(queue),
            true if self.snapshots.is_ample(log) => {
                self.is_told_full = false;
                queue.set_state(LogState::Ready);
                let text = format_args!("There is room for the log again: messages are taken as before.");
                self.tell(LogType::Notice, text);
            }
            _ => {}
        }
        if self.is_told_full {
            self.look_for_scarcity(queue, log);
        }
        if state == LogState::Scarce && queue.state() != LogState::Scarce {
            // What waited there goes on.
            self.shards().for_each(|shard| self.parts.peers.wake(shard));
        }
        self.looked = (Instant::now(), self.parts.persistence.log.end().0);
    }

    /// Looks whether a full log has room for anything but what makes room.
    fn look_for_scarcity(&mut self, queue: &LogQueue, log: &Extent) {
        let was_scarce = queue.state() == LogState::Scarce;
        let is_scarce = self.snapshots.is_scarce(log, was_scarce);
        queue.set_state(if is_scarce { LogState::Scarce } else { LogState::Full });
        if is_scarce && !was_scarce {
            let folder = self.parts.persistence.options.folder.display().to_string();
            let text = "new Sessions and Subscriptions that would have to be kept are refused as well";
            self.tell(LogType::Error, format_args!("Error: hardly any room is left in {folder}: {text}."));
        }
    }

    /// Whether it is time to look around: often enough, and not with each batch.
    fn is_to_look_around(&self, queue: &LogQueue) -> bool {
        let pause = if queue.state() == LogState::Ready { LOOK_AGAIN } else { FULL_PAUSE };
        self.parts.persistence.log.end().0 - self.looked.1 > LOOK_EVERY_BYTES || self.looked.0.elapsed() >= pause
    }

    fn extent(&self, queue: &LogQueue) -> Extent {
        let log = &self.parts.persistence.log;
        let end = queue.next();
        // Beside what is on its way to the log: the part of a segment that is left when a snapshot begins the next.
        let not_free = end - log.end().0 + 2 * self.parts.persistence.segment_bytes;
        let room = log.room();
        Extent {
            start: log.start().0,
            end,
            room: room.allowed_bytes.saturating_sub(not_free),
            disk_room: room.disk_bytes.saturating_sub(not_free),
            written: queue.snapshot_bytes(),
            large: queue.large_bytes(),
        }
    }

    /// Makes durable what was written, where that is due, and tells the shards.
    fn sync_if_due(&mut self, queue: &LogQueue, must: bool) {
        if !self.is_unsynced {
            return;
        }
        let written = self.parts.persistence.log.end().0;
        let is_due = match self.parts.persistence.options.sync {
            PersistenceSync::Always => true,
            PersistenceSync::Os => must,
            PersistenceSync::Interval(ms) => must || self.synced.elapsed() >= Duration::from_millis(ms.into()),
        };
        if is_due {
            if let Err(error) = self.parts.persistence.log.sync() {
                self.fail(&error);
            }
            self.synced = Instant::now();
            self.is_unsynced = false;
        }
        if queue.durable() < written {
            queue.set_durable(written);
            self.wake_waiting(queue);
        }
    }

    fn wake_waiting(&self, queue: &LogQueue) {
        for shard in self.shards() {
            if queue.is_waiting(shard) && self.parts.shared.mesh().is_to_be_woken(shard) {
                self.parts.peers.wake(shard);
            }
        }
    }

    fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.parts.shared.mesh().shards() as u16).map(ShardId)
    }

    /// Makes the next segment ready, so that a switch costs nothing when it comes.
    fn prepare(&mut self) {
        match self.parts.persistence.log.prepare() {
            Ok(()) | Err(WriteError::Full { .. } | WriteError::Misuse(_)) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Sleeps until there is something to be written, or something is due.
    fn rest(&mut self, queue: &LogQueue) {
        let now = Instant::now();
        if now.duration_since(self.last_batch) >= HEARTBEAT {
            // So that time off is reckoned from here and not from long ago.
            record::heartbeat(queue, self.parts.clock.now());
            return;
        }
        let until_heartbeat = HEARTBEAT.saturating_sub(now.duration_since(self.last_batch));
        let until_sync = match self.parts.persistence.options.sync {
            PersistenceSync::Interval(ms) if self.is_unsynced => {
                Duration::from_millis(ms.into()).saturating_sub(now.duration_since(self.synced))
            }
            _ => until_heartbeat,
        };
        let is_full = queue.state() != LogState::Ready;
        let nap = until_heartbeat.min(until_sync).min(if is_full { FULL_PAUSE } else { LOOK_AGAIN });
        if queue.writer_about_to_sleep() && !self.orders.stop.load(Ordering::Acquire) {
            thread::park_timeout(nap);
        }
        queue.writer_awake();
    }

    /// Begins a snapshot when one is due or ordered, and puts a finished one in force.
    fn care_for_snapshots(&mut self, queue: &LogQueue) {
        if let Some(done) = queue.take_snapshot() {
            self.snapshot = Some(done);
        }
        if let Some(done) = self.snapshot.filter(|done| done.end <= self.parts.persistence.log.end().0) {
            self.snapshot = None;
            self.put_in_force(done);
            self.sync_if_due(queue, false);
        }
        if !self.orders.snapshot.load(Ordering::Acquire) && !self.is_to_look_around(queue) {
            return;
        }
        let log = self.extent(queue);
        self.look_for_room(queue, &log);
        let is_wanted = || self.orders.snapshot.swap(false, Ordering::AcqRel) || self.is_snapshot_due(queue, &log);
        if self.is_without_snapshot(queue) && is_wanted() {
            self.begin_snapshot(queue, &log);
        }
    }

    /// Whether none is under way, nor finished and waiting to be put in force.
    fn is_without_snapshot(&self, queue: &LogQueue) -> bool {
        self.snapshot.is_none() && !queue.is_snapshot_under_way()
    }

    fn put_in_force(&mut self, done: SnapshotDone) {
        match self.parts.persistence.log.retire(super::snapshot(done)) {
            Ok(()) => {}
            // Then the old one stays, and the log grows until there is room for a segment.
            Err(WriteError::Full { .. }) => return self.snapshots.give_up(),
            Err(error) => self.fail(&error),
        }
        self.snapshots.finish(&done);
        self.snapshot_took = self.last_snapshot.elapsed();
        self.last_snapshot = Instant::now();
        let bytes = self.parts.persistence.log.bytes();
        let snapshot_bytes = done.end - done.from;
        let text = format_args!("Saved a snapshot of {snapshot_bytes} bytes; the log has {bytes} bytes.");
        self.tell(LogType::Information, text);
    }

    /// Whether a snapshot saves space, or the operator wants one by now.
    fn is_snapshot_due(&self, queue: &LogQueue, log: &Extent) -> bool {
        if self.snapshots.is_due(log) {
            return true;
        }
        let changes = queue.changes() - self.changes_saved;
        if changes == 0 {
            return false;
        }
        if queue.state() != LogState::Ready
            && self.last_snapshot.elapsed() > SNAPSHOT_PAUSE.max(10 * self.snapshot_took)
        {
            // What is done with by now makes room.
            return true;
        }
        let PersistenceOptions { autosave_interval, autosave_on_changes, .. } = self.parts.persistence.options;
        let Some(interval) = autosave_interval else { return false };
        if autosave_on_changes {
            changes >= u64::from(interval)
        } else {
            self.last_snapshot.elapsed() >= Duration::from_secs(interval.into())
        }
    }

    fn begin_snapshot(&mut self, queue: &LogQueue, log: &Extent) {
        let order = self.snapshots.begin(log);
        queue.begin_snapshot(order);
        self.changes_saved = queue.changes();
        queue.fill_after(self.snapshots.recordable(log));
        // Counted from here as well: one that is never finished is not asked for again and again.
        self.last_snapshot = Instant::now();
        self.shards().for_each(|shard| self.parts.peers.wake(shard));
    }

    fn tell(&mut self, kind: LogType, text: std::fmt::Arguments<'_>) {
        let wall_s = self.parts.clock.now().wall_s;
        self.parts.log.line(wall_s, kind, text);
        self.parts.log.flush(wall_s);
    }

    /// The disk has failed. Nothing is acknowledged any more; a supervisor starts the server anew.
    fn fail(&mut self, error: &WriteError) -> ! {
        self.tell(LogType::Error, format_args!("Error: {error}. Nothing more is acknowledged; the server ends."));
        self.parts.log.log().settle();
        std::process::exit(STATUS_DISK_FAILED)
    }
}

/// A batch at least so often: it dates the end of the server, if nothing else does.
const HEARTBEAT: Duration = Duration::from_millis(record::HEARTBEAT_MS);

/// How often an idle thread looks whether a snapshot is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often a full disk is looked at again.
const FULL_PAUSE: Duration = Duration::from_millis(100);

/// Files that are nearly empty may have so many bytes together when a server starts.
const WASTED_BYTES_MAX: u64 = 64 << 20;

/// When the log has grown by so much, it is looked whether there is room and a snapshot is due.
const LOOK_EVERY_BYTES: u64 = 1 << 20;

/// While the disk is full, snapshots that may make room are at least so far apart.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(1);

/// A buffer that a burst has blown up beyond this is given back.
const BUFFER_BYTES_KEPT: usize = 8 << 20;

const STACK_BYTES: usize = 256 << 10;

/// How the process ends when the disk has failed: as the configuration's errors and a port in use do not.
const STATUS_DISK_FAILED: i32 = 74;
