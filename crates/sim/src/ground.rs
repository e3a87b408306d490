//! What everybody in a world stands on: the clock, the network, chance, and the log of what happens.

use std::cell::{Cell, RefCell};

use midge_broker::Now;

use crate::How;
use crate::mutation::Mutation;
use crate::network::{Moment, Network};
use crate::random::Random;
use crate::settings::Settings;

/// Shared by the shards' coroutines and the rest of the world. Nobody keeps a borrow of its parts while another coroutine
/// could run.
pub(crate) struct Ground {
    pub(crate) settings: Settings,
    pub(crate) network: RefCell<Network>,
    pub(crate) random: RefCell<Random>,
    now_ms: Cell<u64>,
    step: Cell<u64>,
    /// The world comes to rest: nothing breaks any more.
    is_calm: Cell<bool>,
    /// A fault of the server.
    pub(crate) mutation: Option<Mutation>,
    /// Every line of what happens is printed.
    pub(crate) is_traced: bool,
}

impl Ground {
    pub(crate) fn new(settings: Settings, random: Random, how: How) -> Ground {
        Ground {
            settings,
            network: RefCell::default(),
            random: RefCell::new(random),
            now_ms: Cell::new(1_000),
            step: Cell::new(0),
            is_calm: Cell::new(false),
            mutation: how.mutation,
            is_traced: how.is_traced,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// The time, also by the clock on the wall.
    pub(crate) fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms(), wall_s: EPOCH_S + self.now_ms() / 1000 }
    }

    /// The time of a server whose clock shows more, or less.
    pub(crate) fn now_ahead(&self, ahead_ms: i64) -> Now {
        Now { monotonic_ms: self.now_ms().saturating_add_signed(ahead_ms), ..self.now() }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { ms: self.now_ms.get(), step: self.step.get() }
    }

    /// Time passes.
    pub(crate) fn pass(&self, ms: u64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    /// The world makes its next step.
    pub(crate) fn count_step(&self) {
        self.step.set(self.step.get() + 1);
    }

    pub(crate) fn is_mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.get()
    }

    pub(crate) fn become_calm(&self) {
        self.is_calm.set(true);
        self.say("world: ", || "the faults stop".to_owned());
    }

    /// A line of the log, made only where somebody reads it.
    pub(crate) fn say(&self, who: &str, what: impl FnOnce() -> String) {
        if self.is_traced {
            println!("{:>9.3} {:>6}  {who}{}", self.now_ms() as f64 / 1000.0, self.step.get(), what());
        }
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        self.random.borrow_mut().below(bound)
    }

    pub(crate) fn one_in(&self, count: usize) -> bool {
        self.random.borrow_mut().one_in(count)
    }

    pub(crate) fn per_mille(&self, chance: u32) -> bool {
        self.random.borrow_mut().per_mille(chance)
    }
}

/// Where the wall clock of every world begins.
const EPOCH_S: u64 = 1_700_000_000;
