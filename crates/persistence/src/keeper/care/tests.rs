//! Small disks that fill up with what nobody takes: the log makes all the room it can, and then lets the disk be.

use std::sync::Arc;

use midge_broker::ids::{ConnectionId, ListenerId, ShardId};
use midge_broker::{FirstBytes, LogState, Now, Shard, Shared, Turn};
use midge_store::memory_disk::MemoryDisk;
use midge_store::{Log, Options, Repair};

use crate::{Bounds, Effect, Keeper, KeeperOptions, Next, SyncPolicy};

const SEGMENT_BYTES: u64 = 256 << 10;

const PAYLOAD_BYTES: usize = 1000;

const CLIENT: ConnectionId = ConnectionId(0);

const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x05\x02\0\0\0\0\x01p";

/// A server with one shard on a disk of its own.
struct World {
    disk: MemoryDisk,
    shared: Arc<Shared>,
    shard: Shard,
    turn: Turn,
    keeper: Keeper<MemoryDisk>,
    now_ms: u64,
    snapshots: usize,
}

impl World {
    fn new(disk_bytes: u64, segment_bytes: u64) -> World {
        let disk = MemoryDisk::new(1);
        disk.limit_bytes(Some(disk_bytes));
        World::start(disk, segment_bytes, 0)
    }

    fn start(disk: MemoryDisk, segment_bytes: u64, now_ms: u64) -> World {
        let now = Now { monotonic_ms: now_ms, wall_s: now_ms / 1000, wall_ns: 0 };
        let how = Options { segment_bytes, reserve_segments: 2, ..Options::default() };
        let mut log = Log::open(disk.clone(), "/log".as_ref(), how, Repair::No).expect("the log has room").log;
        let options = Arc::default();
        let (recovery, _) = crate::start::replay(&log, &options).expect("readable");
        let shared = Arc::new(Shared::new(1, 0).with_log(crate::start::queue(&log, 1)));
        let mut shards = [Shard::new(options, ShardId(0), Arc::clone(&shared))];
        let recovered = crate::start::restore(recovery, &mut log, &shared, &mut shards, || now).expect("restored");
        let how = KeeperOptions { sync: SyncPolicy::Always, autosave: None, bounds: Bounds::new(1, None) };
        let keeper = Keeper::new(log, recovered.kept_bytes, &how, now);
        let [shard] = shards;
        World { disk, shared, shard, turn: Turn::new(1), keeper, now_ms, snapshots: 0 }
    }

    /// Another one goes on with what this one has left behind.
    fn killed(self) -> World {
        let segment_bytes = self.keeper.log().segment_bytes();
        World::start(self.disk.kill(), segment_bytes, self.now_ms + 10)
    }

    fn is_ready(&self) -> bool {
        self.shared.log().expect("a log").state() == LogState::Ready
    }

    /// A client of version 5 connects.
    fn connect(&mut self) {
        let first = self.shard.handle_first_bytes(CLIENT, ListenerId(0), CONNECT, &mut self.turn);
        assert!(matches!(first, FirstBytes::Stay(_)));
        self.live();
    }

    /// It publishes a Retained Message with QoS 1.
    fn retain(&mut self, number: usize) {
        self.publish(number, PAYLOAD_BYTES);
    }

    /// And nothing more.
    fn publish(&mut self, number: usize, payload_bytes: usize) {
        let length = 2 + 4 + 2 + 1 + payload_bytes as u16;
        let length = match length {
            ..128 => vec![length as u8],
            128.. => vec![length as u8 & 0x7f | 0x80, (length >> 7) as u8],
        };
        let topic = format!("{number:04}");
        let publish = [&[0x33], &length[..], &[0, 4], topic.as_bytes(), &[0, 1, 0], &vec![0; payload_bytes]].concat();
        self.shard.handle_bytes(CLIENT, &publish, &mut self.turn);
        self.live();
        // So that there is time to look how much room there is.
        self.now_ms += 50;
    }

    /// Both take turns until there is nothing to do at once.
    fn live(&mut self) {
        while self.step() {}
    }

    /// A turn of the shard, and a step of the log's keeper. Whether there is more to do at once.
    fn step(&mut self) -> bool {
        let now = Now { monotonic_ms: self.now_ms, wall_s: self.now_ms / 1000, wall_ns: 0 };
        self.turn.now = now;
        self.shard.look_at_snapshot();
        let has_work = self.shard.handle_work(&mut self.turn);
        self.shard.hand_over(&mut self.turn);
        self.shard.note_turn_finished();
        self.turn.clear();
        let next = self.keeper.step(&self.shared, now, false).expect("the disk is sound");
        let is_saved = |effect| matches!(effect, Effect::SnapshotSaved { .. });
        match next {
            Next::PutInForce(done) => self.keeper.put_in_force(done).expect("the disk is sound"),
            Next::Wait(_) => return false,
            Next::Rest(_) if !has_work && !self.shard.awaits_snapshot() => return false,
            _ => {}
        }
        self.snapshots += std::iter::from_fn(|| self.keeper.next_effect()).filter(|effect| is_saved(*effect)).count();
        true
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.now_ms += 100;
            self.live();
        }
    }
}

/// Until it is refused, and still is half a minute later.
fn filled(disk_bytes: u64) -> World {
    filled_with(disk_bytes, SEGMENT_BYTES)
}

fn filled_with(disk_bytes: u64, segment_bytes: u64) -> World {
    let mut world = World::new(disk_bytes, segment_bytes);
    world.connect();
    let mut number = 0;
    for _ in 0..100 {
        while world.is_ready() {
            world.retain(number);
            number += 1;
        }
        world.wait(30);
        if !world.is_ready() {
            return world;
        }
    }
    panic!("it is never full");
}

#[test]
fn nobody_has_to_order_the_snapshot_that_makes_room() {
    for eighths in (48..160).step_by(5) {
        let mut world = filled(eighths * SEGMENT_BYTES / 8);
        for _ in 0..3 {
            world.keeper.order_snapshot();
            world.wait(1);
            assert!(!world.is_ready(), "on a disk of {eighths} eighths of a segment there was room to be made");
        }
    }
}

#[test]
fn snapshots_that_can_make_no_room_are_not_taken() {
    for segments in [6, 7, 12] {
        let mut world = filled(segments * SEGMENT_BYTES);
        world.snapshots = 0;
        world.wait(600);
        assert_eq!((world.snapshots, world.is_ready()), (0, false), "on a disk of {segments} segments");
    }
}

/// The portions of a snapshot, of a little more than 256 KiB each, do not leave the half of each segment empty.
#[test]
fn a_full_disk_has_room_for_a_snapshot_whatever_the_segments() {
    for mib in [12, 16, 20, 24] {
        let disk_bytes = mib << 20;
        let mut world = filled_with(disk_bytes, Options::segment_bytes_on(disk_bytes));
        for _ in 0..3 {
            world.snapshots = 0;
            world.keeper.order_snapshot();
            world.wait(1);
            assert_eq!(world.snapshots, 1, "on a disk of {mib} MiB");
        }
    }
}

/// What each of them has written of a snapshot is of no use to the next one, and takes the room that a whole one needs.
#[test]
fn servers_that_are_killed_during_their_snapshots_leave_the_next_one_room_to_start_and_to_go_on() {
    for (mib, steps) in [(12, 17), (16, 40)] {
        let disk_bytes = mib << 20;
        let mut world = filled_with(disk_bytes, Options::segment_bytes_on(disk_bytes));
        let retained = world.shared.retained().len();
        for round in 0..25 {
            world = world.killed();
            world.keeper.order_snapshot();
            for _ in 0..steps + round % 7 {
                world.step();
            }
        }
        world = world.killed();
        assert_eq!(world.shared.retained().len(), retained, "on a disk of {mib} MiB");
        world.connect();
        (20..retained).for_each(|number| world.publish(number, 0));
        world.wait(30);
        assert!(world.is_ready() && world.snapshots > 0, "on a disk of {mib} MiB, after {steps} steps");
        world = world.killed();
        assert_eq!(world.shared.retained().len(), 20);
    }
}
