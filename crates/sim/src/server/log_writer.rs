//! The log's thread: takes what has gathered, writes it, syncs it, tells the shards; and puts snapshots in force.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{LogQueue, ShardId, Shared, SnapshotDone, SnapshotOrder, record};
use midge_store::{Log, Position, Snapshot, WriteError};

use super::Gate;
use crate::coroutine::{self, Pause};
use crate::disk::Disk;
use crate::ground::Ground;
use crate::mutation::Mutation;

/// What the log's thread shows to the others, and they to it.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) is_waiting: Cell<bool>,
    pub(super) is_woken: Cell<bool>,
    pub(super) deadline_ms: Cell<Option<u64>>,
    pub(super) orders_snapshot: Cell<bool>,
    /// The disk has failed: the process ends.
    pub(super) failure: RefCell<Option<String>>,
    /// Ends of turns: the step, and how far the log had to come then.
    pub(super) turns: RefCell<Vec<(u64, u64)>>,
}

pub(super) struct LogWriter {
    log: Log<Disk>,
    shared: Arc<Shared>,
    ground: Rc<Ground>,
    gates: Rc<[Gate]>,
    desk: Rc<Desk>,
    ahead_ms: i64,
    batches: Vec<u8>,
    last_batch_ms: u64,
    /// Finished, and not in force yet.
    snapshot: Option<SnapshotDone>,
}

/// How often an idle thread looks around.
const LOOK_AGAIN_MS: u64 = 1_000;

const NAME: &str = "        log: ";

impl LogWriter {
    pub(super) fn new(
        log: Log<Disk>,
        shared: Arc<Shared>,
        ground: Rc<Ground>,
        gates: Rc<[Gate]>,
        desk: Rc<Desk>,
        ahead_ms: i64,
    ) -> LogWriter {
        let last_batch_ms = ground.now_ms();
        LogWriter { log, shared, ground, gates, desk, ahead_ms, batches: Vec::new(), last_batch_ms, snapshot: None }
    }

    /// Runs until the server is killed.
    pub(super) fn run(&mut self) {
        let shared = self.shared.clone();
        let Some(_) = shared.log() else { return };
        self.prepare();
        while let Some(queue) = shared.log() {
            queue.take(&mut self.batches);
            if self.batches.is_empty() {
                self.prepare();
                self.rest(queue);
            } else {
                self.write();
                self.sync(queue);
            }
            self.care_for_snapshots(queue);
        }
    }

    fn write(&mut self) {
        let written = self.log.write(&mut self.batches);
        self.ground.say(NAME, || format!("writes {} bytes", self.batches.len()));
        self.batches.clear();
        self.last_batch_ms = self.ground.now_ms();
        self.must(written);
    }

    fn sync(&mut self, queue: &LogQueue) {
        let synced = self.log.sync().map(drop);
        self.must(synced);
        let durable = self.log.end().0;
        coroutine::interlude();
        if queue.durable() < durable {
            self.ground.say(NAME, || format!("is durable up to {durable}"));
            queue.set_durable(durable);
            for shard in self.shards() {
                if queue.is_waiting(shard) && self.shared.mesh().is_to_be_woken(shard) {
                    self.wake(shard);
                }
            }
        }
    }

    fn prepare(&mut self) {
        match self.log.prepare() {
            Ok(()) | Err(WriteError::Full { .. } | WriteError::Misuse(_)) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Sleeps until there is something to be written, or it is time to look around.
    fn rest(&mut self, queue: &LogQueue) {
        let now_ms = self.ground.now_ms();
        if now_ms - self.last_batch_ms >= record::HEARTBEAT_MS {
            record::heartbeat(queue, self.ground.now_ahead(self.ahead_ms));
            return;
        }
        coroutine::interlude();
        if queue.writer_about_to_sleep() {
            self.desk.deadline_ms.set(Some(now_ms + LOOK_AGAIN_MS));
            self.desk.is_waiting.set(true);
            coroutine::pause(Pause::Wait);
            self.desk.is_waiting.set(false);
            self.desk.is_woken.set(false);
            self.desk.deadline_ms.set(None);
        }
        queue.writer_awake();
    }

    fn care_for_snapshots(&mut self, queue: &LogQueue) {
        if let Some(done) = queue.take_snapshot() {
            self.snapshot = Some(done);
        }
        if let Some(done) = self.snapshot.filter(|done| done.end <= self.log.end().0) {
            self.snapshot = None;
            let (mut from, end) = (Position(done.from), Position(done.end));
            if self.ground.is_mutated(Mutation::EarlyRetirement) {
                from = end;
            }
            let snapshot = Snapshot { from, end, floor: Position(done.floor).min(from), mark: done.retained_sequence };
            self.ground.say(NAME, || format!("puts {snapshot:?} in force"));
            match self.log.retire(snapshot) {
                Ok(()) | Err(WriteError::Full { .. }) => {}
                Err(error) => self.fail(&error),
            }
        }
        if self.snapshot.is_none() && self.desk.orders_snapshot.take() {
            self.begin_snapshot(queue);
        }
    }

    fn begin_snapshot(&self, queue: &LogQueue) {
        let (start, end) = (self.log.start().0, self.log.end().0);
        let move_before =
            if self.ground.one_in(2) { start + self.ground.below((end - start) as usize + 1) as u64 } else { 0 };
        if queue.begin_snapshot(SnapshotOrder { move_before, may_spill: self.ground.one_in(2) }) {
            self.ground.say(NAME, || format!("begins a snapshot, and moves what stands before {move_before}"));
            self.shards().for_each(|shard| self.wake(shard));
        }
    }

    fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.gates.len() as u16).map(ShardId)
    }

    fn wake(&self, shard: ShardId) {
        coroutine::interlude();
        self.gates[usize::from(shard.0)].is_woken.set(true);
    }

    fn must(&self, outcome: Result<(), WriteError>) {
        if let Err(error) = outcome {
            self.fail(&error);
        }
    }

    /// The process ends here.
    fn fail(&self, error: &WriteError) -> ! {
        self.desk.failure.replace(Some(error.to_string()));
        loop {
            coroutine::pause(Pause::Switch);
        }
    }
}
