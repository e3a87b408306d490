//! Connections that are not read for a while because messages come faster than the log takes them.

use super::connection::Phase;
use super::lane::{Lane, connection_id};

impl Lane {
    pub(super) fn pause(&mut self, index: usize, until_ms: u64) {
        let Some(connection) = &mut self.connections[index] else { return };
        connection.paused_until_ms = Some(until_ms);
        self.ground.network.borrow_mut().wire_mut(connection.wire).is_paused = true;
        self.note_unread(index);
        self.say(|| "does not read on: the log is behind".to_owned());
    }

    /// When the next one goes on.
    pub(super) fn next_pause_end_ms(&self) -> Option<u64> {
        self.connections.iter().flatten().filter_map(|connection| connection.paused_until_ms).min()
    }

    /// Goes on with those whose pauses are over: first with what was read of them already.
    pub(super) fn end_pauses(&mut self) {
        let now_ms = self.turn.now.monotonic_ms;
        for index in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[index] else { continue };
            if connection.paused_until_ms.take_if(|until_ms| *until_ms <= now_ms).is_none() {
                continue;
            }
            let (wire, is_serving) = (connection.wire, connection.phase == Phase::Serving);
            let input = std::mem::take(&mut connection.input);
            self.note_unread(index);
            if !is_serving {
                continue;
            }
            self.ground.network.borrow_mut().wire_mut(wire).is_paused = false;
            if let Some(used) = self.consume(index, &input)
                && let Some(connection) = &mut self.connections[index]
            {
                connection.input = input[used..].to_vec();
            }
        }
    }

    /// Tells the network and the broker whether a connection is read.
    pub(super) fn note_unread(&mut self, index: usize) {
        let Some(connection) = &self.connections[index] else { return };
        self.ground.network.borrow_mut().wire_mut(connection.wire).is_held = connection.is_unread();
        if connection.phase == Phase::Serving {
            self.broker.handle_held(connection_id(index), connection.is_unread(), self.turn.now);
        }
    }
}
