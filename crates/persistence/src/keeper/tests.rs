//! The keeper as whoever drives it sees it: what it writes when, whom it tells, and how it rests.

use std::sync::Arc;

use super::*;
use midge_broker::BATCH_HEADER_BYTES;
use midge_store::memory_disk::MemoryDisk;
use midge_store::{Options, Repair};

/// A keeper, who has taken his first rest, and what is around him.
struct World {
    disk: MemoryDisk,
    shared: Arc<Shared>,
    keeper: Keeper<MemoryDisk>,
    now_ms: u64,
    /// What the wall clock would have shown when this began.
    wall_s: u64,
    is_stopping: bool,
}

const SEGMENT_BYTES: u64 = 16 << 10;

const WALL_S: u64 = 1_000_000;

impl World {
    fn new(sync: SyncPolicy) -> World {
        let disk = MemoryDisk::new(1);
        let how = Options { segment_bytes: SEGMENT_BYTES, reserve_segments: 1, ..Options::default() };
        let log = Log::open(disk.clone(), "/log".as_ref(), how, Repair::No).expect("a new log").log;
        let shared = Arc::new(Shared::new(1, 0).with_log(crate::start::queue(&log, 1)));
        let bounds = Bounds { growth_min: 64 << 20, spill_max: 0 };
        let now = Now { monotonic_ms: 0, wall_s: WALL_S, wall_ns: 0 };
        let keeper = Keeper::new(log, 0, &KeeperOptions { sync, autosave: None, bounds }, now);
        let mut world = World { disk, shared, keeper, now_ms: 0, wall_s: WALL_S, is_stopping: false };
        assert_eq!(world.live(), (vec![], Next::Rest(LOOK_AGAIN_MS)));
        world
    }

    fn queue(&self) -> &LogQueue {
        self.shared.log().expect("a log")
    }

    /// A shard hands over a batch of this size.
    fn hand_over(&self, bytes: usize) {
        self.queue().append(&mut vec![0; BATCH_HEADER_BYTES + bytes]);
    }

    /// Until there is nothing to do at once.
    fn live(&mut self) -> (Vec<Effect>, Next) {
        let mut effects = Vec::new();
        loop {
            let now = Now { monotonic_ms: self.now_ms, wall_s: self.wall_s + self.now_ms / 1000, wall_ns: 0 };
            let next = self.keeper.step(&self.shared, now, self.is_stopping).expect("the disk is sound");
            effects.extend(std::iter::from_fn(|| self.keeper.next_effect()));
            match next {
                Next::GoOn => {}
                Next::PutInForce(done) => self.keeper.put_in_force(done).expect("the disk is sound"),
                next => return (effects, next),
            }
        }
    }

    /// How much of the log the shards are told is durable, and how much is.
    fn durable(&self) -> (u64, u64) {
        (self.queue().durable(), self.keeper.log().durable().0)
    }
}

#[test]
fn what_gathers_is_written_at_once_and_shards_that_wait_are_woken() {
    let mut world = World::new(SyncPolicy::Always);
    world.queue().set_waiting(ShardId(0), true);
    assert!(world.shared.mesh().about_to_sleep(ShardId(0)));
    world.hand_over(76);
    world.hand_over(76);
    let (effects, next) = world.live();
    assert_eq!((effects, next), (vec![Effect::Wake(ShardId(0))], Next::Rest(LOOK_AGAIN_MS)));
    assert_eq!(world.durable(), (200, 200));
    world.is_stopping = true;
    assert_eq!(world.live(), (vec![], Next::End));
}

#[test]
fn what_the_system_has_is_told_before_the_disk_has_it() {
    let mut world = World::new(SyncPolicy::Interval(300));
    world.hand_over(76);
    assert_eq!(world.live().1, Next::Rest(300));
    assert_eq!(world.durable(), (100, 0));
    world.now_ms = 299;
    assert_eq!(world.live().1, Next::Rest(1));
    world.now_ms = 300;
    assert_eq!((world.live().1, world.durable()), (Next::Rest(LOOK_AGAIN_MS), (100, 100)));

    let mut world = World::new(SyncPolicy::Os);
    world.hand_over(76);
    assert_eq!((world.live().1, world.durable()), (Next::Rest(LOOK_AGAIN_MS), (100, 0)));
    world.is_stopping = true;
    let end = 100 + (BATCH_HEADER_BYTES + record::STAMP_BYTES) as u64;
    assert_eq!((world.live().1, world.durable()), (Next::End, (end, end)), "the end is dated");
}

#[test]
fn silence_is_dated() {
    let mut world = World::new(SyncPolicy::Always);
    world.now_ms = record::HEARTBEAT_MS - 1;
    assert_eq!((world.live().1, world.durable().0), (Next::Rest(1), 0));
    world.now_ms += 1;
    assert_eq!(world.live().1, Next::Rest(LOOK_AGAIN_MS));
    assert!(world.durable().0 > 0);
}

/// Killed now, the server would otherwise take the jump for time that it was off.
#[test]
fn a_jump_of_the_wall_clock_is_dated_once() {
    let mut world = World::new(SyncPolicy::Always);
    let heartbeat = (BATCH_HEADER_BYTES + record::STAMP_BYTES) as u64;
    for (jump_s, heartbeats) in [(1, 0), (36_000, 1), (0, 1), (-37_000, 2), (-1, 2)] {
        world.wall_s = world.wall_s.saturating_add_signed(jump_s);
        for _ in 0..5 {
            world.now_ms += LOOK_AGAIN_MS;
            let _ = world.live();
        }
        assert_eq!(world.durable(), (heartbeats * heartbeat, heartbeats * heartbeat), "behind {jump_s} seconds");
    }
}

#[test]
fn a_full_disk_is_told_once_and_waited_for() {
    let mut world = World::new(SyncPolicy::Always);
    world.disk.limit_bytes(Some(world.disk.used_bytes()));
    world.now_ms = LOOK_AGAIN_MS;
    let (effects, next) = world.live();
    let expected = matches!(effects[..], [Effect::Full { .. }, Effect::Scarce, Effect::Wake(_)]);
    assert!(expected, "a snapshot may make room: {effects:?}");
    assert_eq!((world.queue().state(), next), (LogState::Scarce, Next::Rest(FULL_PAUSE_MS)));

    // What shards have to write goes into the reserve, until that is used up.
    let most = 10 * SEGMENT_BYTES;
    let mut written = 0;
    while written < most && !matches!(next_after(&mut world), Next::Wait(_)) {
        world.hand_over(1000);
        written += 1000;
    }
    assert!(written > SEGMENT_BYTES && written < most, "{written}");
    let durable = world.durable();
    assert_eq!((world.live(), world.durable()), ((vec![], Next::Wait(FULL_PAUSE_MS)), durable));
    assert_eq!(world.queue().state(), LogState::Stuck);

    world.disk.limit_bytes(None);
    world.now_ms += FULL_PAUSE_MS;
    assert!(world.live().0.contains(&Effect::Room));
    assert_eq!((world.queue().state(), world.durable().0), (LogState::Ready, world.queue().next()));
}

fn next_after(world: &mut World) -> Next {
    let (effects, next) = world.live();
    assert!(effects.is_empty(), "{effects:?}");
    next
}
