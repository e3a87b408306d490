//! A shard's thread: turn after turn, each in the order of the real one.
//!
//! Mail, accept, arrivals, timeouts, pauses that end, room for output, input, work left over; then the end of the turn: hand over to the log,
//! post mail, post connections that move, write sockets, close.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use midge_broker::event::EventMask;
use midge_broker::{ConnectionId, Parcel, Shard, ShardId, Shared, Turn};

use super::connection::{Connection, Phase};
use super::log_reader::Counter;
use super::log_writer::Desk;
use super::obligation::Waiter;
use super::{Gate, Moved};
use crate::coroutine::{self, Pause};
use crate::ground::Ground;
use crate::mutation::Mutation;
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
    /// Connections with packets that wait for the log, in the order in which they will be free.
    pub(super) waiters: VecDeque<Waiter>,
    generations: u32,
    desk: Rc<Desk>,
    counter: Rc<Counter>,
    /// The server's clock shows so much more than the world's.
    ahead_ms: i64,
    /// What the log calls it.
    pub(super) name: String,
    has_work: bool,
    /// Somebody was let in by other settings than are in force here.
    pub(super) looks_again: bool,
}

/// What a shard's thread is made of.
pub(super) struct Parts {
    pub(super) broker: Shard,
    pub(super) id: ShardId,
    pub(super) shared: Arc<Shared>,
    pub(super) ground: Rc<Ground>,
    pub(super) gates: Rc<[Gate]>,
    pub(super) desk: Rc<Desk>,
    pub(super) counter: Rc<Counter>,
    pub(super) ahead_ms: i64,
}

impl Lane {
    pub(super) fn new(parts: Parts) -> Lane {
        let Parts { broker, id, shared, ground, gates, desk, counter, ahead_ms } = parts;
        let shards = gates.len() as u16;
        let mut turn = Turn::new(shards);
        turn.now = ground.now_ahead(ahead_ms);
        if ground.is_traced {
            turn.wanted = EventMask::ALL;
        }
        Lane {
            id,
            broker,
            turn,
            shared,
            ground,
            gates,
            connections: Vec::new(),
            departures: (0..shards).map(|_| Vec::new()).collect(),
            ended: Vec::new(),
            closes_seen: 0,
            waiters: VecDeque::new(),
            generations: 0,
            desk,
            counter,
            ahead_ms,
            name: format!("        shard {}: ", id.0),
            has_work: false,
            looks_again: false,
        }
    }

    /// Runs until the server is killed.
    pub(super) fn run(&mut self) {
        self.broker.handle_restored(&mut self.turn);
        self.look_at_settings();
        self.finish_turn();
        loop {
            self.wait();
            self.look_at_settings();
            self.take_durable();
            self.broker.look_at_snapshot();
            self.take_mail();
            self.take_reads();
            self.accept();
            self.take_arrivals();
            self.take_time();
            self.end_pauses();
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
        let is_busy = self.has_work || self.connections.iter().flatten().any(Connection::is_to_be_ended);
        self.announce_waiters();
        let sleeps = !is_busy
            && (self.shared.mesh().about_to_sleep(self.id) || self.ground.is_mutated(Mutation::Oversleeping))
            && gate.arrivals.borrow().is_empty()
            && gate.reads.borrow().is_empty()
            && !self.has_durable();
        gate.deadline_ms.set(if sleeps { self.deadline_ms() } else { None });
        gate.is_waiting.set(sleeps);
        coroutine::pause(if sleeps { Pause::Wait } else { Pause::Switch });
        gate.is_waiting.set(false);
        gate.is_woken.set(false);
        self.shared.mesh().awake(self.id);
        self.turn.now = self.ground.now_ahead(self.ahead_ms);
    }

    /// When it wakes by itself, by the world's clock.
    fn deadline_ms(&self) -> Option<u64> {
        let due_ms = [self.broker.next_deadline_ms(), self.next_pause_end_ms()].into_iter().flatten().min();
        let due_ms = due_ms.map(|due| due.saturating_add_signed(-self.ahead_ms));
        let looks_again_ms = self.broker.awaits_snapshot().then(|| self.ground.now_ms() + 1);
        [due_ms, looks_again_ms].into_iter().flatten().min()
    }

    fn take_mail(&mut self) {
        let mut parcels: Vec<Parcel> = Vec::new();
        self.shared.mesh().collect(self.id, &mut parcels);
        if self.ground.is_mutated(Mutation::ShuffledInbox) {
            self.ground.random.borrow_mut().shuffle(&mut parcels);
        }
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

    fn take_reads(&mut self) {
        let reads = self.gates[usize::from(self.id.0)].reads.take();
        for read in reads {
            self.say(|| format!("takes a run that was read: {:?}", read.request));
            let was_wanted = self.broker.handle_read(&read.request, &read.run, &read.referred, &mut self.turn);
            assert!(!was_wanted || read.error.is_none(), "what was read is lost: {:?}", read.error);
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
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
        // What waited longer goes first; and what it makes room for is part of this turn.
        self.take_durable();
        if self.ground.is_mutated(Mutation::MailFirst) {
            self.post_mail();
        }
        let wait_for = self.broker.hand_over(&mut self.turn);
        if let Some(end) = wait_for {
            self.desk.turns.borrow_mut().push((self.ground.moment().step, end));
        }
        self.publish_counts();
        if std::mem::take(&mut self.turn.wakes_writer) {
            coroutine::interlude();
            self.desk.is_woken.set(true);
        }
        self.tell_events();
        self.post_mail();
        self.post_departures();
        self.write_sockets(wait_for);
        self.tell_events();
        self.close_connections();
        for request in self.turn.reads.drain(..) {
            self.counter.requests.borrow_mut().push_back((self.id, request));
        }
        self.turn.clear();
        self.broker.note_turn_finished();
        self.publish_counts();
    }

    fn publish_counts(&self) {
        let gate = &self.gates[usize::from(self.id.0)];
        gate.counters.set(*self.broker.counters());
        gate.gauges.set(self.broker.gauges());
        gate.is_bare.set(self.broker.is_bare());
    }

    fn post_mail(&mut self) {
        let mut woken = Vec::new();
        for (to, parcel) in self.turn.mail.parcels() {
            self.ground.say(&self.name, || format!("posts mail to shard {}", to.0));
            if self.shared.mesh().post(to, parcel) {
                woken.push(to);
            }
        }
        woken.into_iter().for_each(|shard| self.wake(shard));
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
        self.generations += 1;
        self.connections[free] = Some(Connection::new(wire, self.generations, phase));
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
