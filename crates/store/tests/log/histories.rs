//! Random histories, with power cuts, kills and full disks between.

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Log, Position, WriteError};
use proptest::prelude::*;

use crate::world::*;

#[derive(Clone, Debug)]
enum Step {
    Write(u32),
    Sync,
    Prepare,
    /// Keeps that many of the last batches.
    Retire(usize),
    Reopen,
    Kill,
    Crash(u64),
    /// Room for that many more bytes.
    Room(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_u32).prop_map(Step::Write),
        4 => Just(Step::Sync),
        1 => Just(Step::Prepare),
        1 => (0..30_usize).prop_map(Step::Retire),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        2 => any::<u64>().prop_map(Step::Crash),
        1 => prop_oneof![2 => Just(u64::MAX / 2), 1 => 0..100_000_u64].prop_map(Step::Room),
    ]
}

/// The log beside what it must hold.
struct World {
    disk: MemoryDisk,
    log: Option<Log<MemoryDisk>>,
    /// Every batch ever written, in order.
    written: Vec<(Position, u32)>,
    synced: usize,
    floor: Position,
    next: u32,
}

impl World {
    fn play(&mut self, step: &Step) {
        let Some(log) = &mut self.log else {
            return;
        };
        match step {
            Step::Write(count) => {
                let mut position = log.end();
                let result = write(log, self.next..self.next + count);
                if !full(&result) {
                    for number in self.next..self.next + count {
                        self.written.push((position, number));
                        position = Position(position.0 + 24 + payload(number).len() as u64);
                    }
                    self.next += count;
                }
            }
            Step::Sync => {
                log.sync().expect("synced");
                self.synced = self.written.len();
            }
            Step::Prepare => {
                full(&log.prepare());
            }
            Step::Retire(count) => {
                let kept = self.written.len().saturating_sub(*count);
                let position = self.written.get(kept).map_or(log.end(), |(position, _)| *position).max(log.start());
                if !full(&log.retire(snapshot_at(position))) {
                    self.synced = self.written.len();
                    self.floor = position;
                }
            }
            Step::Reopen => {
                self.log = None;
                self.reopen();
            }
            Step::Kill => {
                self.disk = self.disk.kill();
                self.reopen();
            }
            Step::Crash(seed) => {
                self.disk = self.disk.crash(*seed);
                self.reopen();
            }
            Step::Room(bytes) => self.disk.limit_bytes(Some(self.disk.used_bytes() + bytes)),
        }
    }

    fn reopen(&mut self) {
        let log = match open(self.disk.clone()) {
            Ok(opened) => opened.log,
            Err(midge_store::OpenError::Full { .. }) => {
                self.disk.limit_bytes(None);
                must_open(&self.disk).log
            }
            Err(error) => panic!("{error}"),
        };
        let found: Vec<_> = read(&log).expect("readable");
        let behind = self.written.iter().take_while(|(position, _)| *position < log.end()).count();
        assert!(behind >= self.synced, "{behind} of {} synced", self.synced);
        assert!(log.start() <= self.floor.max(Position(0)));
        self.written.truncate(behind);
        let held = self.written.iter().filter(|(position, _)| *position >= log.start());
        let expected: Vec<_> = held.map(|(position, number)| (*position, payload(*number))).collect();
        assert!(found == expected);
        // Opening made it durable.
        self.synced = self.written.len();
        self.log = Some(log);
    }
}

/// Whether there was no room; nothing else goes wrong here.
fn full(result: &Result<(), WriteError>) -> bool {
    match result {
        Ok(()) => false,
        Err(WriteError::Full { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_log_holds_what_was_written_whatever_happens(steps in prop::collection::vec(step(), 1..60), seed: u64) {
        let disk = MemoryDisk::new(seed);
        let mut world =
            World { disk, log: None, written: Vec::new(), synced: 0, floor: Position(0), next: 0 };
        world.reopen();
        for step in &steps {
            world.play(step);
        }
        world.play(&Step::Crash(seed));
    }
}
