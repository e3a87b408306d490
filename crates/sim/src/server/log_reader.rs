//! The thread that reads for the shards: stretches of long queues that are in the log only.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{ReadBatch, ReadRequest, ShardId, Shared, record};
use midge_store::{Position, ReadError, Reader};

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

/// What a shard asked for.
pub(super) struct RunRead {
    pub(super) request: ReadRequest,
    pub(super) run: Vec<u8>,
    pub(super) referred: Vec<ReadBatch>,
    /// Why it could not be read: it is not in the log any more.
    pub(super) error: Option<ReadError>,
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
            // It may be wanted back before it has reached the disk.
            while self.shared.log().is_some_and(|log| log.durable() <= request.address) {
                coroutine::pause(Pause::Switch);
            }
            let read = self.read_again(request);
            self.ground.say(NAME, || format!("has read {request:?} for shard {}", shard.0));
            let gate = &self.gates[usize::from(shard.0)];
            gate.reads.borrow_mut().push(read);
            coroutine::interlude();
            gate.is_woken.set(true);
        }
    }

    /// A disk that fails for the moment is asked again: what it holds is whole in every world.
    fn read_again(&self, request: ReadRequest) -> RunRead {
        loop {
            match self.read(request) {
                Ok(read) => return read,
                Err(error) => {
                    self.ground.say(NAME, || format!("cannot read {request:?}: {error}"));
                    if matches!(error, ReadError::NotHeld(_)) {
                        return RunRead { request, run: Vec::new(), referred: Vec::new(), error: Some(error) };
                    }
                }
            }
            coroutine::pause(Pause::Switch);
        }
    }

    fn read(&self, request: ReadRequest) -> Result<RunRead, ReadError> {
        // As long as it lasts, nothing from here on is given back.
        let lease = self.reader.lease(Position(request.address))?;
        let mut run = Vec::new();
        coroutine::interlude_of_disk();
        lease.read_batch(Position(request.address), &mut run)?;
        let mut referred = Vec::new();
        for address in record::references(request.address, &run).expect("a run that this program wrote") {
            let mut content = Vec::new();
            coroutine::interlude_of_disk();
            self.reader.read_batch(Position(address), &mut content)?;
            referred.push(ReadBatch { address, content });
        }
        Ok(RunRead { request, run, referred, error: None })
    }
}
