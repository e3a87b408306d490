//! What everybody in a world stands on: the clock, the network, chance, and the log of what happens.

use std::cell::{Cell, RefCell};

use midge_broker::{Now, Options, ServiceOptions};
use midge_choices::Random;
use midge_store::Options as StoreOptions;

use crate::mutation::Mutation;
use crate::network::{Moment, Network};
use crate::settings::Settings;
use crate::topics::FILTERS;
use crate::{How, Seen};

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
    /// The operator has taken back the bound on the log's size.
    is_unbounded: Cell<bool>,
    seen: Cell<Seen>,
    /// What the operator wants now.
    pub(crate) wanted: RefCell<WantedServices>,
    /// A fault of the server.
    pub(crate) mutation: Option<Mutation>,
    /// Every line of what happens is printed.
    pub(crate) is_traced: bool,
}

/// The services that the operator wants: their Client Identifiers, and what they subscribe to, by its index.
#[derive(Default)]
pub(crate) struct WantedServices {
    /// How often that was changed.
    pub(crate) number: u64,
    pub(crate) services: Vec<(String, Vec<usize>)>,
}

impl Ground {
    pub(crate) fn new(settings: Settings, random: Random, how: How) -> Ground {
        let has_little_room = settings.is_durable && settings.space.is_some();
        Ground {
            settings,
            network: RefCell::default(),
            random: RefCell::new(random),
            now_ms: Cell::new(1_000),
            step: Cell::new(0),
            is_calm: Cell::new(false),
            is_unbounded: Cell::new(false),
            wanted: RefCell::default(),
            seen: Cell::new(Seen { has_little_room, ..Seen::default() }),
            mutation: how.mutation,
            is_traced: how.is_traced,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// The time, also by the clock on the wall.
    pub(crate) fn now(&self) -> Now {
        let wall_ns = (self.now_ms() % 1000) as u32 * 1_000_000;
        Now { monotonic_ms: self.now_ms(), wall_s: EPOCH_S + self.now_ms() / 1000, wall_ns }
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

    /// Whether there may be no room for a message.
    pub(crate) fn may_refuse(&self) -> bool {
        self.settings.is_durable && self.settings.space.is_some()
    }

    /// The rules that the operator wants now.
    pub(crate) fn options(&self) -> Options {
        let filter = |filter: &usize| FILTERS[*filter].into();
        let service = |(client_id, filters): &(String, Vec<usize>)| ServiceOptions {
            client_id: client_id.as_str().into(),
            filters: filters.iter().map(filter).collect(),
        };
        let services = self.wanted.borrow().services.iter().map(service).collect();
        Options { services, ..self.settings.options.clone() }
    }

    /// How the server's log is kept, as the operator wants it by now.
    pub(crate) fn store_options(&self) -> StoreOptions {
        let Settings { segment_bytes, reserve_segments, space, .. } = self.settings;
        let max_bytes = space.and_then(|space| space.log_bytes_max).filter(|_| !self.is_unbounded.get());
        StoreOptions { segment_bytes, reserve_segments, max_bytes, ..StoreOptions::default() }
    }

    /// The operator takes back the bound on the log's size: the next start goes without.
    pub(crate) fn take_back_bound(&self) {
        self.is_unbounded.set(true);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.get()
    }

    /// Notes something that worlds are to show often enough.
    pub(crate) fn see(&self, note: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.get();
        note(&mut seen);
        self.seen.set(seen);
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
