//! A shard's thread: turn after turn, each in the order of the real one.
//!
//! Mail, accept, arrivals, timeouts, room for output, input, work left over; then the end of the turn: hand over to the log,
//! post mail, post connections that move, write sockets, close.

use std::rc::Rc;
use std::sync::Arc;

use midge_broker::event::EventMask;
use midge_broker::{ConnectionId, Options, Parcel, Shard, ShardId, Shared, Turn};

use super::connection::{Connection, Phase};
use super::{Gate, Moved};
use crate::coroutine::{self, Pause};
use crate::ground::Ground;
use crate::network::WireId;

pub(super) struct Lane {
    pub(super) id: ShardId,
    pub(super) broker: Shard,
    pub(super) turn: Turn,
    pub(super) shared: Arc<Shared>,
    pub(super) ground: Rc<Ground>,
    pub(super) gates: Rc<[Gate]>,
    /// By [`ConnectionId`].
    pub(super) connections: Vec<Option<Connection>>,
    pub(super) departures: Vec<Vec<Moved>>,
    /// Gone by themselves in this turn.
    pub(super) ended: Vec<usize>,
    pub(super) closes_seen: usize,
    /// What the log calls it.
    pub(super) name: String,
    has_work: bool,
}

impl Lane {
    pub(super) fn new(
        shard: u16,
        options: Arc<Options>,
        shared: Arc<Shared>,
        ground: Rc<Ground>,
        gates: Rc<[Gate]>,
    ) -> Lane {
        let shards = gates.len() as u16;
        let mut turn = Turn::new(shards);
        if ground.is_traced {
            turn.wanted = EventMask::ALL;
        }
        let id = ShardId(shard);
        Lane {
            id,
            broker: Shard::new(options, id, shared.clone()),
            turn,
            shared,
            ground,
            gates,
            connections: Vec::new(),
            departures: (0..shards).map(|_| Vec::new()).collect(),
            ended: Vec::new(),
            closes_seen: 0,
            name: format!("        shard {shard}: "),
            has_work: false,
        }
    }

    /// Runs until the server is killed.
    pub(super) fn run(&mut self) {
        loop {
            self.wait();
            self.take_mail();
            self.accept();
            self.take_arrivals();
            self.take_time();
            self.take_output_room();
            self.take_input();
            self.has_work = self.broker.handle_work(&mut self.turn);
            self.finish_turn();
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&mut self) {
        let gate = &self.gates[usize::from(self.id.0)];
        // Not even a busy shard goes on from turn to turn without the others.
        let is_busy = self.has_work || self.connections.iter().flatten().any(|connection| connection.is_broken);
        let sleeps = !is_busy && self.shared.mesh().about_to_sleep(self.id) && gate.arrivals.borrow().is_empty();
        gate.deadline_ms.set(if sleeps { self.broker.next_deadline_ms() } else { None });
        gate.is_waiting.set(sleeps);
        coroutine::pause(if sleeps { Pause::Wait } else { Pause::Switch });
        gate.is_waiting.set(false);
        gate.is_woken.set(false);
        self.shared.mesh().awake(self.id);
        self.turn.now = self.ground.now();
    }

    fn take_mail(&mut self) {
        let mut parcels: Vec<Parcel> = Vec::new();
        self.shared.mesh().collect(self.id, &mut parcels);
        if !parcels.is_empty() {
            self.say(|| format!("takes mail, {} parcels", parcels.len()));
        }
        for parcel in &parcels {
            self.broker.handle_mail(parcel, &mut self.turn);
            self.note_closes();
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
        self.shared.mesh().recycle(self.id, &mut parcels);
    }

    fn accept(&mut self) {
        while self.ground.one_in(2) {
            let accepted = self.ground.network.borrow_mut().accept(usize::from(self.id.0));
            let Some(wire) = accepted else { return };
            let index = self.insert(wire, Phase::Greeting);
            self.say(|| format!("accepts connection {wire}, as number {index}"));
        }
    }

    fn take_time(&mut self) {
        let now_ms = self.turn.now.monotonic_ms;
        if self.broker.next_deadline_ms().is_some_and(|due| due <= now_ms) {
            self.say(|| "looks at what is due".to_owned());
            self.broker.handle_timeouts(&mut self.turn);
            self.note_closes();
        }
    }

    /// The end of a turn.
    pub(super) fn finish_turn(&mut self) {
        self.tell_events();
        let mut woken = Vec::new();
        for (to, parcel) in self.turn.mail.parcels() {
            self.ground.say(&self.name, || format!("posts mail to shard {}", to.0));
            if self.shared.mesh().post(to, parcel) {
                woken.push(to);
            }
        }
        woken.into_iter().for_each(|shard| self.wake(shard));
        self.post_departures();
        self.write_sockets();
        self.tell_events();
        self.close_connections();
        self.turn.clear();
        let gate = &self.gates[usize::from(self.id.0)];
        gate.counters.set(*self.broker.counters());
        gate.gauges.set(self.broker.gauges());
        gate.is_bare.set(self.broker.is_bare());
    }

    fn post_departures(&mut self) {
        for to in 0..self.departures.len() {
            if self.departures[to].is_empty() {
                continue;
            }
            coroutine::interlude();
            self.gates[to].arrivals.borrow_mut().append(&mut self.departures[to]);
            let shard = ShardId(to as u16);
            if self.shared.mesh().is_to_be_woken(shard) {
                self.wake(shard);
            }
        }
    }

    fn wake(&self, shard: ShardId) {
        coroutine::interlude();
        self.gates[usize::from(shard.0)].is_woken.set(true);
    }

    pub(super) fn insert(&mut self, wire: WireId, phase: Phase) -> usize {
        let free = self.connections.iter().position(Option::is_none).unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.connections[free] = Some(Connection::new(wire, phase));
        free
    }

    pub(super) fn say(&self, what: impl FnOnce() -> String) {
        self.ground.say(&self.name, what);
    }

    fn tell_events(&mut self) {
        for event in self.turn.events.drain(..) {
            self.ground.say(&self.name, || {
                let client = event.client_id.as_deref().unwrap_or("-");
                format!("  {client}: {:?}", event.kind)
            });
        }
    }
}

pub(super) fn connection_id(index: usize) -> ConnectionId {
    ConnectionId(index as u32)
}
