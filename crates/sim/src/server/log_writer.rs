//! The log's thread: drives the keeper of the log, in the time of the world.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{ShardId, Shared, SnapshotDone, SnapshotOrder};
use midge_persistence::{Effect, Keeper, Next};
use midge_store::WriteError;

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
    /// It waits for room, and for nobody.
    is_deaf: Cell<bool>,
    pub(super) deadline_ms: Cell<Option<u64>>,
    pub(super) orders_snapshot: Cell<bool>,
    /// The disk has failed: the process ends.
    pub(super) failure: RefCell<Option<String>>,
    /// Ends of turns: the step, and how far the log had to come then.
    pub(super) turns: RefCell<Vec<(u64, u64)>>,
}

pub(super) struct LogWriter {
    pub(super) keeper: Keeper<Disk>,
    pub(super) shared: Arc<Shared>,
    pub(super) ground: Rc<Ground>,
    pub(super) gates: Rc<[Gate]>,
    pub(super) desk: Rc<Desk>,
    pub(super) ahead_ms: i64,
}

const NAME: &str = "        log: ";

impl Desk {
    pub(super) fn is_runnable(&self, now_ms: u64) -> bool {
        let is_woken = self.is_woken.get() && !self.is_deaf.get();
        !self.is_waiting.get() || is_woken || self.deadline_ms.get().is_some_and(|at| at <= now_ms)
    }
}

impl LogWriter {
    /// Runs until the server is killed.
    pub(super) fn run(&mut self) {
        loop {
            if self.desk.orders_snapshot.take() {
                self.take_order();
            }
            let next = self.keeper.step(&self.shared, self.ground.now_ahead(self.ahead_ms), false);
            while let Some(effect) = self.keeper.next_effect() {
                self.pass_on(effect);
            }
            match next {
                Ok(Next::GoOn) => {}
                Ok(Next::Rest(ms)) => self.sleep(ms),
                Ok(Next::Wait(ms)) => self.wait_for_room(ms),
                Ok(Next::PutInForce(done)) => self.put_in_force(done),
                Ok(Next::End) => return,
                Err(error) => self.fail(&error),
            }
        }
    }

    /// A snapshot was ordered. Where there is room for anything, it may be one that the plan would not make.
    fn take_order(&mut self) {
        let Some(queue) = self.shared.log() else { return };
        if self.ground.settings.space.is_some() || self.ground.one_in(4) {
            return self.keeper.order_snapshot();
        }
        let (start, end) = (self.keeper.log().start().0, self.keeper.log().end().0);
        let move_before =
            if self.ground.one_in(2) { start + self.ground.below((end - start) as usize + 1) as u64 } else { 0 };
        let may_spill = self.ground.one_in(2);
        let bytes_max = self.ground.one_in(4).then(|| self.ground.below(1_000_000) as u64);
        if queue.begin_snapshot(SnapshotOrder { move_before, may_spill, bytes_max, ..SnapshotOrder::default() }) {
            self.ground.say(NAME, || format!("begins a snapshot, and moves what stands before {move_before}"));
            (0..self.gates.len() as u16).for_each(|shard| self.wake(ShardId(shard)));
        }
    }

    fn pass_on(&self, effect: Effect) {
        self.ground.say(NAME, || format!("{effect:?}"));
        match effect {
            Effect::Wake(shard) => self.wake(shard),
            Effect::Full { .. } => self.ground.see(|seen| seen.times_full += 1),
            Effect::Scarce => self.ground.see(|seen| seen.times_scarce += 1),
            Effect::Room => self.ground.see(|seen| seen.times_room_again += 1),
            Effect::SnapshotSaved { .. } => {}
        }
    }

    fn wake(&self, shard: ShardId) {
        coroutine::interlude();
        self.gates[usize::from(shard.0)].is_woken.set(true);
    }

    fn sleep(&self, ms: u64) {
        self.wait(ms);
        self.desk.is_woken.set(false);
    }

    fn wait_for_room(&self, ms: u64) {
        self.ground.say(NAME, || "has used up the reserve".to_owned());
        self.ground.see(|seen| seen.waits_for_room += 1);
        self.desk.is_deaf.set(true);
        self.wait(ms);
        self.desk.is_deaf.set(false);
    }

    fn wait(&self, ms: u64) {
        self.desk.deadline_ms.set(Some(self.ground.now_ms() + ms));
        self.desk.is_waiting.set(true);
        coroutine::pause(Pause::Wait);
        self.desk.is_waiting.set(false);
        self.desk.deadline_ms.set(None);
    }

    fn put_in_force(&mut self, mut done: SnapshotDone) {
        if self.ground.is_mutated(Mutation::EarlyRetirement) {
            done.from = done.end;
        }
        self.ground.say(NAME, || format!("puts {done:?} in force"));
        if let Err(error) = self.keeper.put_in_force(done) {
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
