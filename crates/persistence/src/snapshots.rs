//! When a snapshot is taken, what is moved with it, and when the disk counts as full.
//!
//! A snapshot writes the state anew; what long queues and large messages have on disk it only refers to. Where little of the
//! log is alive, its oldest part is *swept*: what is needed there is moved to the end before the snapshot is taken, so that
//! the rest can go. A sweep goes through everything the log has when it begins, with each snapshot a quarter, or twice what
//! brought it about, so that it clears away more than comes meanwhile. It begins when the log is more than twice as long as
//! what is known to be alive, so that no more is moved in the long run than was written.
//!
//! What must hold: **there is always room for a snapshot that moves everything**, since without it nothing would make room any
//! more. What that needs is known as an upper bound; the log counts as full when there is little more than that, and shortly
//! before, everything is moved at once. Room is *scarce* when the disk itself has no more: then nothing may be recorded but
//! what makes room. So the log may hold about half of what the disk, or the operator, allows.
//!
//! Servers that are killed while they write snapshots use that room up all the same. **One that takes the last of it is given
//! up**: a little is left for what is taken from the queues, until so little is held that a snapshot of it has room.

use midge_broker::{SnapshotDone, SnapshotOrder};

/// See the module. All numbers are bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshots {
    bounds: Bounds,
    /// Where the last snapshot ended, or the one under way began.
    end: u64,
    /// What the last one wrote, and what it referred to.
    state: u64,
    kept: u64,
    /// Large messages that wait in queues, at most: what the last sweep has moved of them, and those that came since, which is
    /// reckoned from this count.
    large: u64,
    large_since: u64,
    /// What the one under way may write; 0 without one. And what had been written for all snapshots when it began.
    under_way: u64,
    written: u64,
    /// The count of runs read back or forgotten when the last one began.
    freed: u64,
    sweep: Option<Sweep>,
}

/// A sweep that is under way.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    /// It goes up to this position,
    upto: u64,
    /// in steps of so much.
    step: u64,
    /// Large messages that it has moved.
    moved: u64,
    /// The count of large messages when it began.
    large_since: u64,
}

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// No snapshot to save space before the log has grown by this much: it is the fixed part of the disk that is used.
    pub growth_min: u64,
    /// What the queues of all shards may have in memory, each message for each receiver.
    pub spill_max: u64,
}

/// The log at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// What can still be recorded without the reserve, within the bounds that the operator has set.
    pub(crate) room: u64,
    /// And what the disk itself has room for.
    pub(crate) disk_room: u64,
    /// What was ever written for the sake of snapshots.
    pub(crate) written: u64,
    /// Large messages that were ever put into queues.
    pub(crate) large: u64,
    /// Runs that were ever read back or forgotten.
    pub(crate) freed: u64,
}

impl Bounds {
    /// Of a server with so many shards whose log may have so many bytes.
    pub fn new(shards: usize, max: Option<u64>) -> Bounds {
        let growth_min = max.map_or(GROWTH_MIN, |max| GROWTH_MIN.min(max / GROWTH_PART_OF_MAX));
        Bounds { growth_min, spill_max: shards as u64 * SPILL_MAX_OF_SHARD }
    }
}

const GROWTH_MIN: u64 = 64 << 20;

/// Of the room that is left where it does not suffice for everything, a snapshot may take so much.
const PARTS_OF_ROOM: u64 = 4;
const GROWTH_PART_OF_MAX: u64 = 16;

/// Twice what a shard lets its queues have in memory: runs are a little longer.
const SPILL_MAX_OF_SHARD: u64 = 128 << 20;

impl Snapshots {
    /// Of a log that was opened. The last snapshot wrote `state`, and ended at `end`; beside that `kept` is alive.
    pub(crate) fn new(bounds: Bounds, end: u64, state: u64, kept: u64) -> Snapshots {
        Snapshots {
            bounds,
            end,
            state,
            kept,
            large: 0,
            large_since: 0,
            under_way: 0,
            written: 0,
            freed: 0,
            sweep: None,
        }
    }

    /// Whether so much was written since the last one that one saves space.
    pub(crate) fn is_due(&self, log: &Extent) -> bool {
        // What was freed comes back with the next one.
        let grown = self.grown(log) + (log.freed - self.freed);
        let is_short = self.spare(log) < self.bounds.growth_min;
        grown > self.bounds.growth_min.max(self.state) || is_short && grown > self.bounds.growth_min / 4
    }

    /// What was written since the last snapshot ended; since the one under way began, beside what that wrote.
    pub(crate) fn grown(&self, log: &Extent) -> u64 {
        let own = if self.under_way > 0 { self.own(log) } else { 0 };
        log.end.saturating_sub(self.end + own)
    }

    /// The room there is beside that for a snapshot that moves everything, or for the rest of the one under way.
    fn spare(&self, log: &Extent) -> u64 {
        log.room.saturating_sub(self.needed(log))
    }

    /// What a snapshot that moves everything would take, or the rest of the one under way.
    fn needed(&self, log: &Extent) -> u64 {
        let next = if self.under_way > 0 { self.under_way.saturating_sub(self.own(log)) } else { self.alive(log) };
        // Each receiver of a message may have a record of its own in the next snapshot.
        next + 2 * self.grown(log)
    }

    /// How much may be recorded until the log is full: each byte takes its own, and that for the next snapshot.
    pub(crate) fn recordable(&self, log: &Extent) -> u64 {
        self.spare(log).saturating_sub(self.margin(log)) / 3
    }

    /// Whether messages must be refused that would have to be kept.
    pub(crate) fn is_full(&self, log: &Extent) -> bool {
        self.spare(log) <= self.margin(log)
    }

    /// Whether the disk has only room for what makes room. `is_scarce`: it had no more before.
    pub(crate) fn is_scarce(&self, log: &Extent, is_scarce: bool) -> bool {
        let spare = log.disk_room.saturating_sub(self.needed(log));
        spare <= if is_scarce { self.margin(log) / 2 } else { 0 }
    }

    /// What a full log may still take beside messages, such as Subscriptions.
    fn margin(&self, log: &Extent) -> u64 {
        self.ample(log) / 2
    }

    fn ample(&self, log: &Extent) -> u64 {
        let disk = log.end - log.start + log.room;
        (self.bounds.growth_min / 2).min(disk / 8)
    }

    /// What the snapshot under way has written.
    fn own(&self, log: &Extent) -> u64 {
        log.written - self.written
    }

    /// Whether a log that was full has so much room again that it is not full the next moment.
    pub(crate) fn is_ample(&self, log: &Extent) -> bool {
        self.spare(log) > self.ample(log)
    }

    /// A snapshot is about to be taken, in this way.
    pub(crate) fn begin(&mut self, log: &Extent) -> SnapshotOrder {
        let (spare, grown, alive) = (self.spare(log), self.grown(log), self.alive(log));
        let step = self.step(log);
        let state = self.state + 2 * grown;
        let may_spill = spare > state + step + self.bounds.spill_max + self.bounds.growth_min;
        let order = if spare > state + step + self.bounds.growth_min {
            let move_before = self.sweep.map_or(0, |sweep| sweep.upto.min(log.start + step));
            SnapshotOrder { move_before, may_spill, ..SnapshotOrder::default() }
        } else {
            // The last chance: everything is moved at once. Where there is no room for that, servers that were killed have left what
            // they had written of snapshots, or others use the disk: then no more is moved than a part of the room takes.
            let has_room = log.room >= alive + 2 * grown;
            let part = if has_room { u64::MAX } else { (log.room / PARTS_OF_ROOM).saturating_sub(self.state).max(1) };
            let sweep = self.sweep.filter(|_| !has_room);
            let sweep = sweep.unwrap_or(Sweep { upto: log.end, step: part, moved: 0, large_since: log.large });
            self.sweep = Some(Sweep { step: part, ..sweep });
            let bytes_max = Some(log.room.saturating_sub(self.margin(log) / 2));
            let move_before = sweep.upto.min(log.start.saturating_add(part));
            SnapshotOrder { move_before, may_spill: false, bytes_max, held_bytes_max: log.room / 4 * 3 }
        };
        let spill = if may_spill { self.bounds.spill_max } else { 0 };
        self.under_way = (state + step + spill).max(alive + 2 * grown).max(1);
        (self.end, self.written, self.freed) = (log.end, log.written, log.freed);
        order
    }

    /// Whether there are parts of the log that the next snapshots are to move.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// It is in force.
    pub(crate) fn finish(&mut self, done: &SnapshotDone) {
        (self.end, self.under_way) = (done.end, 0);
        // What was moved is not state: it is among what is kept.
        let state = (done.end - done.from).saturating_sub(done.moved_bytes + done.stored_bytes);
        (self.state, self.kept) = (state, done.kept_bytes);
        if let Some(sweep) = &mut self.sweep {
            sweep.moved += done.stored_bytes;
            if done.floor >= sweep.upto {
                (self.large, self.large_since) = (sweep.moved, sweep.large_since);
                self.sweep = None;
            }
        }
    }

    /// It could not be put in force: the one before stays.
    pub(crate) fn give_up(&mut self) {
        self.under_way = 0;
    }

    /// How much of the log's beginning the next snapshot moves. A sweep begins when that is worth it.
    fn step(&mut self, log: &Extent) -> u64 {
        let length = log.end - log.start;
        let measured = self.state + self.kept + self.large;
        // What came since is not known, and judged the next time.
        if self.sweep.is_none() && length - self.grown(log) > 2 * measured {
            let (step, large_since) = ((length / 4 + 1).max(2 * self.bounds.growth_min), log.large);
            self.sweep = Some(Sweep { upto: log.end, step, moved: 0, large_since });
        }
        self.sweep.map_or(0, |sweep| sweep.step.min(length))
    }

    /// How many bytes of the log are needed, at most: of what was written since the last snapshot it is not known.
    pub(crate) fn live(&self, log: &Extent) -> u64 {
        (self.alive(log) + self.grown(log)).min(log.end - log.start)
    }

    /// What was alive at most when the last snapshot was taken.
    fn alive(&self, log: &Extent) -> u64 {
        self.state + self.kept + self.large + (log.large - self.large_since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// What servers that were killed had written of snapshots is still there: the next one that is broken off must not take the rest.
    #[test]
    fn where_there_is_no_room_for_everything_no_more_is_moved_than_a_part_of_it() {
        let check = |room: u64, expected: u64| {
            let mut snapshots = Snapshots::new(Bounds::new(1, None), 10 * MB, 0, 8 * MB);
            let log = Extent { start: 0, end: 12 * MB, room, disk_room: room, written: 0, large: 0, freed: 0 };
            let order = snapshots.begin(&log);
            assert_eq!((order.move_before, order.may_spill), (expected, false), "with {room}");
            assert!(snapshots.is_sweeping());
            let moved_bytes = order.move_before;
            let done =
                SnapshotDone { from: 12 * MB, end: 12 * MB + moved_bytes, floor: moved_bytes, moved_bytes, ..NOTHING };
            snapshots.finish(&done);
            assert_eq!(snapshots.is_sweeping(), moved_bytes < 12 * MB, "until everything is swept");
        };
        // 8 MB are alive, and each of the 2 MB since may have to be written twice.
        check(12 * MB, 12 * MB);
        check(12 * MB - 1, 3 * MB - 1);
        check(4 * MB, MB);
        check(0, 1);
    }

    const NOTHING: SnapshotDone = SnapshotDone {
        from: 0,
        end: 0,
        floor: 0,
        kept_bytes: 0,
        stored_bytes: 0,
        moved_bytes: 0,
        retained_sequence: 0,
    };

    /// A log in which the last writes of some size are alive, as a disk of some size holds it.
    struct World {
        snapshots: Snapshots,
        size: u64,
        start: u64,
        end: u64,
        large: u64,
        written: u64,
        /// Runs: where each stands, and its size.
        runs: std::collections::VecDeque<(u64, u64)>,
        state: u64,
        refused: bool,
    }

    impl World {
        fn new(size: u64) -> World {
            let snapshots = Snapshots::new(Bounds::new(2, Some(size)), 0, 0, 0);
            let runs = std::collections::VecDeque::new();
            World { snapshots, size, start: 0, end: 0, large: 0, written: 0, runs, state: 0, refused: false }
        }

        fn log(&self) -> Extent {
            let room = self.size.checked_sub(self.end - self.start).expect("the log is within its bounds");
            Extent {
                start: self.start,
                end: self.end,
                room,
                disk_room: room,
                written: self.written,
                large: self.large,
                freed: 0,
            }
        }

        fn write(&mut self, bytes: u64) -> u64 {
            self.end += bytes;
            self.end - bytes
        }

        /// A snapshot, if one is due. Meanwhile others write `meanwhile` bytes, if they may.
        fn care(&mut self, meanwhile: u64) {
            if self.snapshots.is_due(&self.log()) || self.refused {
                let from = self.end;
                let order = self.snapshots.begin(&self.log());
                let mut moved = 0;
                for at in 0..self.runs.len() {
                    let (address, bytes) = self.runs[at];
                    if address < order.move_before {
                        self.runs[at].0 = self.write(bytes);
                        self.written += bytes;
                        moved += bytes;
                    }
                    if self.snapshots.recordable(&self.log()) > meanwhile / 8 {
                        self.write(meanwhile / 8);
                    }
                }
                self.write(self.state);
                self.written += self.state;
                let floor = self.runs.iter().map(|run| run.0).min().unwrap_or(from).min(from);
                let kept_bytes = self.runs.iter().map(|run| run.1).sum();
                let end = self.end;
                let done = SnapshotDone {
                    from,
                    end,
                    floor,
                    kept_bytes,
                    stored_bytes: 0,
                    moved_bytes: moved,
                    retained_sequence: 0,
                };
                self.snapshots.finish(&done);
                self.start = floor;
            }
            let log = self.log();
            self.refused = if self.refused { !self.snapshots.is_ample(&log) } else { self.snapshots.is_full(&log) };
        }
    }

    #[test]
    fn a_log_that_is_all_alive_is_left_alone() {
        let mut world = World::new(100_000 * MB);
        for _ in 0..1000 {
            let address = world.write(MB);
            world.runs.push_back((address, MB));
            world.care(0);
            assert!(world.snapshots.sweep.is_none() && !world.refused);
        }
        assert_eq!(world.runs[0].0, 0);
    }

    #[test]
    fn a_log_held_by_little_is_swept() {
        let mut world = World::new(100_000 * MB);
        world.runs.push_back((0, MB));
        (world.end, world.state) = (MB, 2 * MB);
        for _ in 0..2000 {
            world.write(MB);
            world.care(0);
            assert!(world.end - world.start < 400 * MB, "{} MB", (world.end - world.start) / MB);
        }
        assert!(world.start > 1500 * MB);
    }

    /// Fills a small disk with what is never taken, as far as it may, while as much as that comes and goes.
    fn fill(size: u64, state_parts: u64) -> World {
        let mut world = World::new(size);
        for round in 0..4 * size / MB {
            if !world.refused {
                let address = world.write(MB);
                if round % 8 < state_parts {
                    world.state += MB / 2;
                } else if round % 2 == 0 {
                    world.runs.push_back((address, MB));
                }
            }
            world.care(MB * (round % 16));
        }
        world
    }

    #[test]
    fn a_disk_that_is_full_of_what_is_alive_always_has_room_for_a_snapshot() {
        for size in [128, 200, 1000, 3000] {
            for state_parts in [0, 1, 4] {
                let mut world = fill(size * MB, state_parts);
                assert!(world.refused, "it was filled");
                let alive = world.state + world.runs.iter().map(|run| run.1).sum::<u64>();
                assert!(alive > size * MB * 3 / 10, "{} of {size} MB are alive", alive / MB);
                // Somebody takes the half of it, which is a record for each.
                world.runs.truncate(world.runs.len() / 2);
                world.state /= 2;
                world.write(1000);
                world.care(0);
                assert!(!world.refused, "there is room again");
            }
        }
    }
}
