//! Input: from connections to the broker, also of those that move from shard to shard.

use midge_broker::{ConnectionEnd, Consumed, FirstBytes, ListenerId, Next};

use super::Moved;
use super::connection::Phase;
use super::lane::{Lane, connection_id};
use crate::coroutine;
use crate::network::Read;

impl Lane {
    /// Reads some of the ready connections, in any order.
    pub(super) fn take_input(&mut self) {
        let ground = self.ground.clone();
        let mut ready: Vec<usize> = (0..self.connections.len()).filter(|&index| self.is_readable(index)).collect();
        ground.random.borrow_mut().shuffle(&mut ready);
        for index in ready {
            if ground.one_in(8) {
                continue;
            }
            if self.is_ahead_of_log(index) {
                self.park(index);
            } else {
                self.read(index);
            }
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
    }

    fn is_readable(&self, index: usize) -> bool {
        self.connections[index].as_ref().is_some_and(|connection| {
            !connection.is_over() && (connection.is_broken || self.ground.network.borrow().is_readable(connection.wire))
        })
    }

    fn read(&mut self, index: usize) {
        // Another connection that was read before may have taken over.
        let Some(connection) = &mut self.connections[index] else { return };
        if connection.is_over() {
            return;
        }
        let wire = connection.wire;
        let small = self.ground.settings.small_reads && self.ground.one_in(2);
        let most = if small { 1 + self.ground.below(40) } else { usize::MAX };
        let read = self.ground.network.borrow_mut().server_read(wire, most);
        match read {
            Read::Bytes(bytes) => {
                let mut input = std::mem::take(&mut connection.input);
                input.extend(bytes);
                self.say(|| format!("reads connection {wire}, {} bytes", input.len()));
                if let Some(used) = self.consume(index, &input)
                    && let Some(connection) = &mut self.connections[index]
                {
                    input.drain(..used);
                    connection.input = input;
                }
            }
            Read::Nothing if !connection.is_broken => {}
            Read::End | Read::Nothing => self.end(index),
        }
    }

    /// The connection is gone, and everything that had arrived on it was read.
    fn end(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        connection.phase = Phase::Ending;
        let wire = connection.wire;
        self.say(|| format!("sees the end of connection {wire}"));
        self.ended.push(index);
        self.broker.handle_closed(connection_id(index), ConnectionEnd::ClosedByClient, &mut self.turn);
        self.note_closes();
    }

    /// Hands bytes to the broker: how many it used; `None` when the connection has ended or moved away.
    pub(super) fn consume(&mut self, index: usize, input: &[u8]) -> Option<usize> {
        let id = connection_id(index);
        let is_first = self.connections[index].as_ref().is_some_and(|connection| connection.phase == Phase::Greeting);
        if !is_first {
            let first = self.broker.handle_bytes(id, input, &mut self.turn);
            return self.consume_after(index, first, input);
        }
        let listener = self.listener(index);
        match self.broker.handle_first_bytes(id, listener, input, &mut self.turn) {
            FirstBytes::NeedMore => Some(0),
            FirstBytes::Stay(consumed) => {
                self.set_phase(index, Phase::Serving);
                self.consume_after(index, consumed, input)
            }
            FirstBytes::Move { shard, arrival } => {
                let wire = self.connections[index].take()?.wire;
                self.say(|| format!("sends connection {wire} to shard {}", shard.0));
                self.ground.network.borrow_mut().wire_mut(wire).lane = None;
                let (input, settings_number) = (input.to_vec(), self.settings_number());
                self.departures[usize::from(shard.0)].push(Moved { wire, arrival, input, settings_number });
                None
            }
            FirstBytes::Authenticate(_) => unreachable!("its listeners ask nobody"),
            FirstBytes::Refused => {
                self.note_closes();
                None
            }
        }
    }

    fn consume_after(&mut self, index: usize, first: Consumed, input: &[u8]) -> Option<usize> {
        let Consumed { bytes: mut used, mut next } = first;
        loop {
            self.note_closes();
            match next {
                Next::NeedMore(_) => break,
                Next::Paused(until_ms) => {
                    self.pause(index, until_ms);
                    break;
                }
                Next::Closed => return None,
                Next::TurnFull => self.finish_turn(),
            }
            self.connections[index].as_ref().filter(|connection| connection.phase == Phase::Serving)?;
            let more = self.broker.handle_bytes(connection_id(index), &input[used..], &mut self.turn);
            used += more.bytes;
            next = more.next;
        }
        let is_serving = self.connections[index].as_ref().is_some_and(|it| it.phase == Phase::Serving);
        is_serving.then_some(used)
    }

    /// Welcomes the connections that have come from other shards.
    pub(super) fn take_arrivals(&mut self) {
        coroutine::interlude();
        let lane = usize::from(self.id.0);
        let arrivals = self.gates[lane].arrivals.take();
        for Moved { wire, arrival, input, settings_number } in arrivals {
            self.note_judged_by(settings_number);
            let index = self.insert(wire, Phase::Serving);
            self.ground.network.borrow_mut().wire_mut(wire).lane = Some(lane);
            self.say(|| format!("welcomes connection {wire}, as number {index}"));
            let first = self.broker.handle_arrival(connection_id(index), arrival, &input, &mut self.turn);
            if let Some(used) = self.consume_after(index, first, &input)
                && let Some(connection) = &mut self.connections[index]
            {
                connection.input = input[used..].to_vec();
            }
        }
    }

    fn listener(&self, index: usize) -> ListenerId {
        let wire = self.connections[index].as_ref().map(|connection| connection.wire);
        wire.map_or(ListenerId(0), |wire| self.ground.network.borrow().wire(wire).listener)
    }

    fn set_phase(&mut self, index: usize, phase: Phase) {
        if let Some(connection) = &mut self.connections[index] {
            connection.phase = phase;
        }
    }
}
