//! The server of a world: a value that can be dropped, as a process is killed, and made anew while network and clients live
//! on.
//!
//! Each shard is a coroutine ([`lane`]) that runs turn after turn, as the thread of a real shard does.

mod closing;
mod connection;
mod input;
mod lane;
mod output;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::{Arrival, Counters, Gauges, Shared};

use crate::coroutine::{self, Pause, Task};
use crate::ground::Ground;
use crate::network::WireId;
use lane::Lane;

/// A running server.
pub(crate) struct Server {
    ground: Rc<Ground>,
    pub(crate) shared: Arc<Shared>,
    gates: Rc<[Gate]>,
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
    counters: Cell<Counters>,
    gauges: Cell<Gauges>,
    is_bare: Cell<bool>,
}

/// A connection between two shards.
struct Moved {
    wire: WireId,
    arrival: Arrival,
    input: Vec<u8>,
}

impl Server {
    /// Starts with nothing in memory.
    pub(crate) fn start(ground: &Rc<Ground>) -> Server {
        let settings = &ground.settings;
        let options = Arc::new(settings.options.clone());
        let shards = settings.shards as u16;
        let shared = Shared::new(shards, options.seed).with_interlude(Box::new(coroutine::interlude));
        let shared = Arc::new(shared);
        let gates: Rc<[Gate]> = (0..shards).map(|_| Gate::default()).collect();
        let tasks = (0..shards).map(|shard| {
            let mut lane = Lane::new(shard, options.clone(), shared.clone(), ground.clone(), gates.clone());
            Task::new(move || lane.run())
        });
        Server { tasks: tasks.collect(), ground: ground.clone(), shared: shared.clone(), gates: gates.clone() }
    }

    /// Shards that would go on if they were let.
    pub(crate) fn is_runnable(&self, lane: usize) -> bool {
        let gate = &self.gates[lane];
        if !gate.is_waiting.get() || gate.is_woken.get() {
            return true;
        }
        let network = self.ground.network.borrow();
        network.has_knocking()
            || network.is_lane_ready(lane)
            || gate.deadline_ms.get().is_some_and(|at| at <= self.ground.now_ms())
    }

    /// Lets a shard go on until it stops by itself, or at an interlude.
    pub(crate) fn resume(&mut self, lane: usize) {
        let why = self.tasks[lane].resume();
        assert!(why.is_some(), "a shard never ends by itself");
        if why == Some(Pause::Switch) {
            self.ground.say("        ", || format!("(shard {lane} is held up)"));
        }
    }

    /// When a sleeping shard wakes by itself next.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.gates.iter().filter_map(|gate| gate.deadline_ms.get()).min()
    }

    /// A count of all shards together.
    pub(crate) fn count(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.gates.iter().map(|gate| of(&gate.counters.get())).sum()
    }

    /// What is left once everybody has gone, in words; empty when all is as at the beginning.
    pub(crate) fn leftovers(&self) -> String {
        let sum = |of: fn(&Gauges) -> u64| self.gates.iter().map(|gate| of(&gate.gauges.get())).sum::<u64>();
        let numbers = [
            ("sessions", sum(|gauges| gauges.sessions)),
            ("connections", sum(|gauges| gauges.connected)),
            ("subscriptions", sum(|gauges| gauges.subscriptions)),
            ("shared subscriptions", sum(|gauges| gauges.shared_subscriptions)),
            ("messages held", sum(|gauges| gauges.messages_held)),
            ("bytes held", sum(|gauges| gauges.bytes_held)),
            ("filters in the router", self.shared.router().filters() as u64),
            ("messages queued in groups", self.shared.groups().queued().0),
            ("bytes queued in groups", self.shared.groups().queued().1),
            ("sessions counted by the directory", self.shared.directory().sessions()),
            ("entries of the directory", self.shared.directory().len() as u64),
            ("shards that hold something", self.gates.iter().filter(|gate| !gate.is_bare.get()).count() as u64),
        ];
        let left = numbers.iter().filter(|number| number.1 != 0).map(|(name, number)| format!("{number} {name}"));
        left.collect::<Vec<_>>().join(", ")
    }
}
