//! The server is killed and started again: from what it had handed over to the log, and nothing else.

use super::{Lane, Phase, World};
use midge_broker::record::{Batch, Record, references};
use midge_broker::recovery::Recovery;
use midge_broker::{
    BATCH_HEADER_BYTES, LogQueue, Options, Purpose, ReadBatch, Shard, ShardId, Shared, SnapshotDone, SnapshotOrder,
    Turn,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// The log as a disk would hold it.
#[derive(Default)]
pub(super) struct Log {
    /// Batches and where each stands.
    batches: Vec<(u64, Vec<u8>)>,
    snapshot: Option<SnapshotDone>,
}

/// Where the log of a new world begins; not 0, so that addresses are not mistaken for lengths.
pub(super) const BEGINNING: u64 = 1_000;

impl Log {
    /// Takes what the shards handed over. It is durable at once.
    pub(super) fn take(&mut self, queue: &LogQueue) {
        let mut bytes = Vec::new();
        queue.take(&mut bytes);
        let mut address = queue.next() - bytes.len() as u64;
        let mut rest = &bytes[..];
        while let Some(length) = rest.first_chunk::<4>() {
            let end = BATCH_HEADER_BYTES + u32::from_le_bytes(*length) as usize;
            let content = &rest[BATCH_HEADER_BYTES..end];
            check_identifiers(address, content);
            self.batches.push((address, content.to_vec()));
            address += end as u64;
            rest = &rest[end..];
        }
        queue.set_durable(queue.next());
    }

    /// The batch at an address.
    fn read(&self, address: u64) -> Option<ReadBatch> {
        let at = self.batches.binary_search_by_key(&address, |batch| batch.0).ok()?;
        Some(ReadBatch { address, content: self.batches[at].1.clone() })
    }

    fn next(&self) -> u64 {
        self.batches.last().map_or(BEGINNING, |last| last.0 + (BATCH_HEADER_BYTES + last.1.len()) as u64)
    }

    fn start(&self) -> u64 {
        self.batches.first().map_or(BEGINNING, |first| first.0)
    }

    fn recover(&self, options: Arc<Options>) -> Recovery {
        let mut recovery = Recovery::new(options, self.snapshot.map_or(0, |snapshot| snapshot.retained_sequence));
        let from = self.snapshot.map_or(0, |snapshot| snapshot.from);
        let needed = || self.batches.iter().filter(|batch| batch.0 >= from);
        for (address, content) in needed() {
            if self.snapshot.is_some_and(|snapshot| *address < snapshot.end) {
                recovery.read_snapshot(*address, content).expect("records of a snapshot");
            }
        }
        for (address, content) in needed() {
            recovery.replay(*address, content).expect("records");
        }
        recovery
    }
}

/// A Subscription Identifier stands in one batch with what it belongs to: between two there may be batches of others.
fn check_identifiers(address: u64, content: &[u8]) {
    let mut batch = Batch::open(address, content).expect("a batch");
    let mut may_follow = false;
    while let Some(record) = batch.next_record().expect("a record") {
        let is_identifier = matches!(record, Record::Identifier(_));
        assert!(may_follow || !is_identifier, "an identifier of nothing in the batch at {address}");
        may_follow = is_identifier || matches!(record, Record::Entry(..) | Record::Exchange(..) | Record::RunEntry(..));
    }
}

/// Shards, and what they share, of a server with a log that goes on at `next`.
pub(super) fn shards(options: &Arc<Options>, shards: u16, next: u64) -> (Arc<Shared>, Vec<Shard>) {
    let shared = Arc::new(Shared::new(shards, options.seed).with_log(LogQueue::new(shards, next)));
    let shard = |number| Shard::new(options.clone(), ShardId(number), shared.clone());
    let shards = (0..shards).map(shard).collect();
    (shared.clone(), shards)
}

/// A shard with nothing around it yet.
pub(super) fn lane(shard: Shard, shards: u16) -> Lane {
    Lane {
        shard,
        turn: Turn::new(shards),
        ids: Vec::new(),
        arrivals: VecDeque::new(),
        departures: Vec::new(),
        is_dirty: false,
        has_work: false,
        parcels: 0,
        closes_seen: 0,
    }
}

impl World {
    /// The server is killed as it stands, and started with so many shards after a time off.
    pub(crate) fn restart(&mut self, shards: u16, off_ms: u64) {
        if self.begin_again(shards, off_ms) {
            self.snapshot();
        }
        self.renew();
        for number in 0..self.lanes.len() {
            let lane = self.begin(number);
            lane.shard.handle_restored(&mut lane.turn);
        }
        self.settle();
    }

    /// The server is killed as it stands, started, and killed again before all state that it has to write anew is in force.
    pub(crate) fn restart_in_vain(&mut self) {
        if self.begin_again(self.lanes.len() as u16, 0) {
            let (batches, known) = (self.log.batches.clone(), self.log.snapshot);
            self.snapshot_moving(0);
            let written = self.log.batches.iter().filter(|batch| batches.iter().all(|old| old.0 != batch.0));
            self.log.batches = batches.iter().chain(written).cloned().collect();
            self.log.snapshot = known;
        }
        self.restart(self.lanes.len() as u16, 0);
    }

    /// Shards with what the log tells. Whether they have to write all state anew.
    fn begin_again(&mut self, shards: u16, off_ms: u64) -> bool {
        self.links.iter_mut().for_each(|link| link.phase = Phase::Closed);
        let options = Arc::new(Options { seed: self.options.seed.wrapping_add(1), ..(*self.options).clone() });
        self.options = options;
        let recovery = self.log.recover(self.options.clone());
        self.wall_s += off_ms / 1000;
        self.now_ms = recovery.clock().resume_ms(self.wall_s);
        let (shared, mut empty) = self::shards(&self.options, shards, self.log.next());
        self.shared = shared;
        self.reads.clear();
        let kept_from = self.log.snapshot.map_or(0, |snapshot| snapshot.from);
        self.shared.log().expect("a log").set_kept_from(kept_from);
        let recovered = recovery.restore(&mut empty, &self.shared, self.now());
        self.lanes = empty.into_iter().map(|shard| lane(shard, shards)).collect();
        recovered.is_renamed
    }

    /// The same with as many shards as chance has it.
    pub(crate) fn restart_with_any_shards(&mut self, off_ms: u64) {
        let same = self.lanes.len() as u16;
        let shards = *self.random.pick(&[same, same, 1, 2, 3]);
        self.restart(shards, off_ms);
    }

    /// What a shard wanted from the log comes.
    pub(super) fn read_log(&mut self, read: usize) {
        let (at, request) = self.reads.remove(read);
        let Some(run) = self.log.read(request.address) else {
            // Nobody needs it any more: a Retained Message was replaced, a Session or share group has ended.
            let lane = self.begin(at);
            let was_wanted = lane.shard.handle_read(&request, &[], &[], &mut lane.turn);
            assert!(!was_wanted || matches!(request.purpose, Purpose::Replay(_)), "what is needed is kept");
            return self.note_closes(at);
        };
        let referred = references(run.address, &run.content).expect("readable").into_iter();
        let referred = referred.map(|address| self.log.read(address).expect("what is referred to is kept"));
        let referred: Vec<ReadBatch> = referred.collect();
        let lane = self.begin(at);
        lane.shard.handle_read(&request, &run.content, &referred, &mut lane.turn);
        self.note_closes(at);
    }

    /// A snapshot is taken, and as much of the log swept as chance has it.
    pub(crate) fn snapshot(&mut self) {
        let (start, end) = (self.log.start(), self.log.next());
        let any = start + self.random.below((end - start) as usize + 1) as u64;
        let move_before = *self.random.pick(&[0, any, end]);
        self.snapshot_moving(move_before);
    }

    /// A snapshot is taken, and the whole log swept.
    pub(crate) fn sweep(&mut self) {
        let before = self.log.next();
        self.snapshot_moving(before);
        let start = self.log.start();
        assert!(start >= before, "the log begins at {start}, and not at {before} or later");
    }

    /// Whether the payload of a Retained Message is in the log only.
    pub(crate) fn is_retained_on_disk(&self, topic: &str) -> bool {
        let found = self.shared.retained().get(topic.as_bytes());
        found.expect("a Retained Message").0.stored().is_some()
    }

    /// Bytes of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log.next() - self.log.start()
    }

    /// A snapshot is taken while the shards do what they do.
    fn snapshot_moving(&mut self, move_before: u64) {
        let shared = self.shared.clone();
        let log = shared.log().expect("a log");
        let may_spill = self.random.one_in(2);
        assert!(log.begin_snapshot(SnapshotOrder { move_before, may_spill, ..SnapshotOrder::default() }));
        for _ in 0..super::STEPS_MAX {
            for number in 0..self.lanes.len() {
                self.begin(number).shard.look_at_snapshot();
                // As in a real turn, mail comes first.
                if self.lanes[number].parcels > 0 {
                    self.take_mail(number);
                }
            }
            self.step();
            self.log.take(log);
            if let Some(done) = log.take_snapshot() {
                // The log before it is given back.
                self.log.batches.retain(|(address, _)| *address >= done.floor);
                self.log.snapshot = Some(done);
                return;
            }
        }
        panic!("the snapshot is never finished");
    }
}
