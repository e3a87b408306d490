//! Output: what the turn holds for each connection, and what becomes of the bytes that a socket does not take.

use midge_broker::outbox::After;

use super::connection::Phase;
use super::lane::{Lane, connection_id};
use super::obligation::{Held, Part, bytes_of};

impl Lane {
    /// Writes what the turn's outbox holds. What waits for the log to come to `wait_for` is kept.
    pub(super) fn write_sockets(&mut self, wait_for: Option<u64>) {
        let mut scratch = Vec::new();
        for at in 0..self.turn.outbox.dirty().len() {
            let id = self.turn.outbox.dirty()[at];
            let index = id.0 as usize;
            if self.connections.get(index).is_none_or(|it| it.as_ref().is_none_or(|connection| connection.is_broken)) {
                continue;
            }
            let gathered = match self.hold_back(index, wait_for) {
                Part::All => self.turn.outbox.gather(id, &mut scratch),
                Part::Now => self.turn.outbox.gather_after(id, After::Now, &mut scratch),
                Part::Nothing => continue,
            };
            let mut bytes = bytes_of(&gathered);
            if let Some(mutation) = self.ground.mutation {
                mutation.forget(&mut bytes);
            }
            let Some(Some(connection)) = self.connections.get_mut(index).filter(|_| !bytes.is_empty()) else {
                continue;
            };
            let had_backlog = !connection.backlog.is_empty();
            connection.backlog.extend(bytes);
            if had_backlog {
                // The socket tells when it takes more.
                self.settle(index);
            } else {
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

    pub(super) fn write_backlog(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        let wire = connection.wire;
        if let Some(mutation) = self.ground.mutation {
            mutation.change(connection.backlog.make_contiguous());
        }
        let written = self.ground.network.borrow_mut().server_write(wire, connection.backlog.make_contiguous());
        match written {
            Ok(count) => {
                self.ground.say(&self.name, || format!("writes connection {wire}, {count} bytes"));
                connection.backlog.drain(..count);
            }
            Err(()) => {
                connection.backlog.clear();
                connection.held = Held::default();
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
        let was_unread = connection.is_unread();
        connection.is_held =
            waiting > settings.held_bytes || was_held && waiting >= settings.congested_bytes && !connection.is_broken;
        {
            let mut network = self.ground.network.borrow_mut();
            let wire = network.wire_mut(connection.wire);
            (wire.has_backlog, wire.is_held) = (waiting > 0, connection.is_unread());
        }
        if connection.phase != Phase::Serving {
            return;
        }
        let (is_unread, was_congested) = (connection.is_unread(), connection.is_congested);
        connection.is_congested = waiting > settings.congested_bytes || was_congested && waiting > 0;
        let is_congested = connection.is_congested;
        if is_unread != was_unread {
            self.broker.handle_held(id, is_unread, self.turn.now);
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
