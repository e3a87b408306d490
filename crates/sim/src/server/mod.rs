//! The server of a world: a value that can be dropped, as a process is killed, and made anew from what the disk holds, while
//! network and clients live on.
//!
//! It starts in a coroutine of its own ([`boot`]). Then each shard is one ([`lane`]) that runs turn after turn, as the thread
//! of a real shard does, and so are the threads that write and read the log ([`log_writer`], [`log_reader`]).

mod boot;
mod closing;
mod connection;
mod input;
mod lane;
mod log_reader;
mod log_writer;
mod obligation;
mod output;
mod pauses;
mod reload;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{Arrival, Counters, Gauges, ShardId, Shared};

use crate::coroutine::{Pause, Task};
use crate::disk::Disk;
use crate::ground::Ground;
use crate::network::WireId;
pub(crate) use boot::End;
use boot::Started;
use lane::{Lane, Parts};
use log_reader::{Counter, LogReader};
use log_writer::{Desk, LogWriter};
use midge_persistence::RunRead;

/// A server that starts or runs.
pub(crate) struct Server {
    ground: Rc<Ground>,
    shards: u16,
    stage: Stage,
}

enum Stage {
    Starting(Task, Rc<RefCell<Option<Result<Started, End>>>>),
    Running(Running),
}

struct Running {
    shared: Arc<Shared>,
    gates: Rc<[Gate]>,
    desk: Rc<Desk>,
    counter: Rc<Counter>,
    /// Shards; behind them the threads that write and read the log.
    tasks: Vec<Task>,
}

/// What a shard shows to the others beside what [`Shared`] holds.
#[derive(Default)]
struct Gate {
    /// It sleeps until it is woken or something happens on its sockets.
    is_waiting: Cell<bool>,
    is_woken: Cell<bool>,
    deadline_ms: Cell<Option<u64>>,
    /// Connections that have come from other shards.
    arrivals: RefCell<Vec<Moved>>,
    /// What was read for it from the log.
    reads: RefCell<Vec<RunRead>>,
    counters: Cell<Counters>,
    gauges: Cell<Gauges>,
    is_bare: Cell<bool>,
    /// The settings that it has put in force.
    settings_number: Cell<Option<u64>>,
}

/// A connection between two shards.
struct Moved {
    wire: WireId,
    arrival: Arrival,
    input: Vec<u8>,
    /// By which settings it was let in.
    settings_number: u64,
}

impl Server {
    /// Starts with what is on the disk; without one, with nothing, and to keep nothing.
    pub(crate) fn start(ground: &Rc<Ground>, disk: Option<Disk>, shards: u16) -> Server {
        let outcome = Rc::new(RefCell::new(None));
        let (there, its_ground) = (outcome.clone(), ground.clone());
        let task = Task::new(move || {
            let started = boot::boot(&its_ground, disk, shards);
            there.replace(Some(started));
        });
        ground.say("        boot: ", || format!("the server starts with {shards} shards"));
        Server { ground: ground.clone(), shards, stage: Stage::Starting(task, outcome) }
    }

    /// How often each of its threads runs; 0 for those that have nothing to do.
    pub(crate) fn weights(&self) -> Vec<u32> {
        let settings = &self.ground.settings;
        match &self.stage {
            Stage::Starting(..) => vec![1],
            Stage::Running(running) => {
                let lanes = settings.lanes.iter().take(running.gates.len()).enumerate();
                let weigh = |(lane, &weight)| if running.is_runnable(lane, &self.ground) { weight } else { 0 };
                let mut weights: Vec<u32> = lanes.map(weigh).collect();
                if running.tasks.len() > weights.len() {
                    let is_runnable = running.desk.is_runnable(self.ground.now_ms());
                    weights.push(if is_runnable { settings.log_weight } else { 0 });
                    weights.push(u32::from(running.counter.is_runnable()));
                }
                weights
            }
        }
    }

    /// Lets a thread go on until it stops by itself, or at an interlude. `Err`: the process has ended, and why.
    pub(crate) fn resume(&mut self, thread: usize) -> Result<(), End> {
        match &mut self.stage {
            Stage::Starting(task, outcome) => {
                if task.resume().is_some() {
                    return Ok(());
                }
                let started = outcome.take().expect("it has tried")?;
                self.stage = Stage::Running(Running::new(&self.ground, started, self.shards));
            }
            Stage::Running(running) => {
                let why = running.tasks[thread].resume();
                assert!(why.is_some(), "a thread never ends by itself");
                if why == Some(Pause::Switch) {
                    self.ground.say("        ", || format!("(thread {thread} is held up)"));
                }
                if let Some(what) = running.desk.failure.take() {
                    return Err(End { what, is_for_room: false });
                }
            }
        }
        Ok(())
    }

    /// When a sleeping thread wakes by itself next.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let Stage::Running(running) = &self.stage else { return None };
        let of_shards = running.gates.iter().map(|gate| gate.deadline_ms.get());
        of_shards.chain([running.desk.deadline_ms.get()]).flatten().min()
    }

    /// Has the log's thread take a snapshot.
    pub(crate) fn order_snapshot(&self) {
        if let Stage::Running(running) = &self.stage {
            running.desk.orders_snapshot.set(true);
            running.desk.is_woken.set(true);
        }
    }

    /// Has every shard look at the settings.
    pub(crate) fn wake_all(&self) {
        if let Stage::Running(running) = &self.stage {
            running.gates.iter().for_each(|gate| gate.is_woken.set(true));
        }
    }

    /// Whether every shard has put in force what the operator wants.
    pub(crate) fn has_settings_in_force(&self) -> bool {
        let Stage::Running(running) = &self.stage else { return false };
        let wanted = Some(self.ground.wanted.borrow().number);
        running.gates.iter().all(|gate| gate.settings_number.get() == wanted)
    }

    /// Where what was recorded last ends in the log, and what of it is durable. Nothing is where nothing is kept.
    pub(crate) fn log_positions(&self) -> (u64, u64) {
        let Stage::Running(running) = &self.stage else { return (0, 0) };
        running.shared.log().map_or((0, 0), |log| (log.next(), log.durable()))
    }

    /// Since which step things that happened may be forgotten if the server dies now; `None`: nothing is.
    pub(crate) fn unsafe_since(&self) -> Option<u64> {
        let Stage::Running(running) = &self.stage else { return None };
        let durable = running.shared.log()?.durable();
        let turns = running.desk.turns.borrow();
        turns.iter().find(|turn| turn.1 > durable).map(|turn| turn.0)
    }

    /// A count of all shards together.
    pub(crate) fn count(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        let Stage::Running(running) = &self.stage else { return 0 };
        running.gates.iter().map(|gate| of(&gate.counters.get())).sum()
    }

    /// What is left once everybody has gone, in words; empty when all is as at the beginning.
    pub(crate) fn leftovers(&self) -> String {
        let Stage::Running(Running { shared, gates, .. }) = &self.stage else {
            return "a server that starts".to_owned();
        };
        let sum = |of: fn(&Gauges) -> u64| gates.iter().map(|gate| of(&gate.gauges.get())).sum::<u64>();
        let numbers = [
            ("sessions", sum(|gauges| gauges.sessions)),
            ("connections", sum(|gauges| gauges.connected)),
            ("subscriptions", sum(|gauges| gauges.subscriptions)),
            ("shared subscriptions", sum(|gauges| gauges.shared_subscriptions)),
            ("messages held", sum(|gauges| gauges.messages_held)),
            ("messages inflight", sum(|gauges| gauges.inflight)),
            ("bytes held", sum(|gauges| gauges.bytes_held)),
            ("filters in the router", shared.router().filters() as u64),
            ("messages queued in groups", shared.groups().queued().0),
            ("bytes queued in groups", shared.groups().queued().1),
            ("sessions counted by the directory", shared.directory().sessions()),
            ("entries of the directory", shared.directory().len() as u64),
            ("shards that hold something", gates.iter().filter(|gate| !gate.is_bare.get()).count() as u64),
        ];
        let left = numbers.iter().filter(|number| number.1 != 0).map(|(name, number)| format!("{number} {name}"));
        left.collect::<Vec<_>>().join(", ")
    }
}

impl Running {
    fn new(ground: &Rc<Ground>, started: Started, shards: u16) -> Running {
        let Started { shared, shards: brokers, keeper, ahead_ms } = started;
        let gates: Rc<[Gate]> = (0..shards).map(|_| Gate::default()).collect();
        let (desk, counter) = (Rc::new(Desk::default()), Rc::new(Counter::default()));
        let mut tasks = Vec::new();
        for (number, broker) in brokers.into_iter().enumerate() {
            let mut lane = Lane::new(Parts {
                broker,
                id: ShardId(number as u16),
                shared: shared.clone(),
                ground: ground.clone(),
                gates: gates.clone(),
                desk: desk.clone(),
                counter: counter.clone(),
                ahead_ms,
            });
            tasks.push(Task::new(move || lane.run()));
        }
        if let Some(keeper) = keeper {
            let reader = LogReader {
                reader: keeper.log().reader(),
                shared: shared.clone(),
                ground: ground.clone(),
                gates: gates.clone(),
                counter: counter.clone(),
            };
            let mut writer = LogWriter {
                keeper,
                shared: shared.clone(),
                ground: ground.clone(),
                gates: gates.clone(),
                desk: desk.clone(),
                ahead_ms,
            };
            tasks.push(Task::new(move || writer.run()));
            tasks.push(Task::new(move || reader.run()));
        }
        Running { shared, gates, desk, counter, tasks }
    }

    fn is_runnable(&self, lane: usize, ground: &Ground) -> bool {
        let gate = &self.gates[lane];
        if !gate.is_waiting.get() || gate.is_woken.get() {
            return true;
        }
        let network = ground.network.borrow();
        network.has_knocking()
            || network.is_lane_ready(lane)
            || gate.deadline_ms.get().is_some_and(|at| at <= ground.now_ms())
    }
}
