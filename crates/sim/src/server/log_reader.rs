//! The thread that reads for the shards: stretches of long queues that are in the log only.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{ReadRequest, ShardId, Shared};
use midge_persistence::{Answer, RunRead, answer};
use midge_store::Reader;

use super::Gate;
use crate::coroutine::{self, Pause};
use crate::disk::Disk;
use crate::ground::Ground;

/// Where shards ask.
#[derive(Default)]
pub(super) struct Counter {
    pub(super) is_waiting: Cell<bool>,
    pub(super) requests: RefCell<VecDeque<(ShardId, ReadRequest)>>,
}

pub(super) struct LogReader {
    pub(super) reader: Reader<Disk>,
    pub(super) shared: Arc<Shared>,
    pub(super) ground: Rc<Ground>,
    pub(super) gates: Rc<[Gate]>,
    pub(super) counter: Rc<Counter>,
}

const NAME: &str = "        reader: ";

impl Counter {
    pub(super) fn is_runnable(&self) -> bool {
        !self.is_waiting.get() || !self.requests.borrow().is_empty()
    }
}

impl LogReader {
    /// Runs until the server is killed.
    pub(super) fn run(&self) {
        loop {
            let request = self.counter.requests.borrow_mut().pop_front();
            let Some((shard, request)) = request else {
                self.counter.is_waiting.set(true);
                coroutine::pause(Pause::Wait);
                self.counter.is_waiting.set(false);
                continue;
            };
            coroutine::interlude();
            let read = self.read(request);
            self.ground.say(NAME, || format!("has read {request:?} for shard {}", shard.0));
            let gate = &self.gates[usize::from(shard.0)];
            gate.reads.borrow_mut().push(read);
            coroutine::interlude();
            gate.is_woken.set(true);
        }
    }

    /// Asks again until there is an answer; others go first each time.
    fn read(&self, request: ReadRequest) -> RunRead {
        loop {
            match self.shared.log().map(|log| answer(&self.reader, log, request)) {
                Some(Answer::Read(read)) => return read,
                Some(Answer::Later(_, Some(failure))) => {
                    self.ground.say(NAME, || format!("cannot read {request:?}: {failure}"));
                }
                _ => {}
            }
            coroutine::pause(Pause::Switch);
        }
    }
}
