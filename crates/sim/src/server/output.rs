//! Output: what the turn holds for each connection, and what becomes of the bytes that a socket does not take.

use midge_broker::outbox::Gathered;

use super::connection::Phase;
use super::lane::{Lane, connection_id};

impl Lane {
    /// Writes what the turn's outbox holds.
    pub(super) fn write_sockets(&mut self) {
        let mut scratch = Vec::new();
        for at in 0..self.turn.outbox.dirty().len() {
            let id = self.turn.outbox.dirty()[at];
            let index = id.0 as usize;
            let Some(Some(connection)) = self.connections.get_mut(index) else { continue };
            if connection.is_broken {
                continue;
            }
            let had_backlog = !connection.backlog.is_empty();
            match self.turn.outbox.gather(id, &mut scratch) {
                Gathered::One(bytes) => connection.backlog.extend(bytes),
                Gathered::Many(pieces) => pieces.iter().for_each(|piece| connection.backlog.extend(piece.bytes)),
            }
            if !had_backlog {
                // Else the socket tells when it takes more. What the broker adds when a connection is quick again has no
                // place in a turn that is over.
                self.write_backlog(index);
            }
        }
    }

    /// Goes on where sockets take bytes again.
    pub(super) fn take_output_room(&mut self) {
        for index in 0..self.connections.len() {
            let has_room = |wire| self.ground.network.borrow().has_room(wire);
            if self.connections[index].as_ref().is_some_and(|connection| has_room(connection.wire)) {
                self.write_backlog(index);
            }
        }
    }

    fn write_backlog(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        let wire = connection.wire;
        let written = self.ground.network.borrow_mut().server_write(wire, connection.backlog.make_contiguous());
        match written {
            Ok(count) => {
                self.ground.say(&self.name, || format!("writes connection {wire}, {count} bytes"));
                connection.backlog.drain(..count);
            }
            Err(()) => {
                connection.backlog.clear();
                connection.is_broken = true;
                self.ground.say(&self.name, || format!("cannot write connection {wire}"));
            }
        }
        self.settle(index);
    }

    /// After a write: tells the broker when a connection becomes slow or quick again.
    fn settle(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        let settings = &self.ground.settings;
        let (id, waiting, was_held) = (connection_id(index), connection.backlog.len(), connection.is_held);
        connection.is_held =
            waiting > settings.held_bytes || was_held && waiting >= settings.congested_bytes && !connection.is_broken;
        {
            let mut network = self.ground.network.borrow_mut();
            let wire = network.wire_mut(connection.wire);
            (wire.has_backlog, wire.is_held) = (waiting > 0, connection.is_held);
        }
        if connection.phase != Phase::Serving {
            return;
        }
        let (is_held, was_congested) = (connection.is_held, connection.is_congested);
        connection.is_congested = waiting > settings.congested_bytes || was_congested && waiting > 0;
        let is_congested = connection.is_congested;
        if is_held != was_held {
            self.broker.handle_held(id, is_held, self.turn.now);
        }
        if is_congested && !was_congested {
            self.say(|| "finds it slow".to_owned());
            self.broker.handle_congested(id);
        } else if was_congested && !is_congested {
            self.say(|| "finds it quick again".to_owned());
            self.broker.handle_drained(id, &mut self.turn);
        }
    }
}
