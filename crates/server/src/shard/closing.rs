//! The end of connections on our side.

use std::io::ErrorKind;

use midge_broker::ids::ListenerId;
use midge_net::Received;

use super::connection::{Mark, Phase};
use super::output::Waiting;
use super::{Shard, connection_id};

impl Shard {
    /// Marks the connections that the broker has asked to close since this was last called: it knows them no more, so
    /// nothing of theirs is read or handed to it in the rest of the turn.
    pub(super) fn note_closes(&mut self) {
        for id in &self.turn.closes[self.closes_seen..] {
            if let Some(connection) = self.connections.get_mut(id.0 as usize) {
                connection.phase = Phase::Ending;
            }
        }
        self.closes_seen = self.turn.closes.len();
    }

    /// Closes what is to be closed, after everything for it was written.
    pub(super) fn close_connections(&mut self) {
        self.note_closes();
        for at in 0..self.ended.len() {
            let index = self.ended[at];
            match self.connections.get(index).is_some_and(|it| it.stream.has_last_word()) {
                true => self.linger(index),
                false => self.remove(index),
            }
        }
        self.ended.clear();
        for at in 0..self.turn.closes.len() {
            let id = self.turn.closes[at];
            let was_sent_something = self.turn.outbox.bytes(id) > 0;
            self.let_go(id.0 as usize, was_sent_something);
        }
        self.turn.closes.clear();
        self.closes_seen = 0;
    }

    /// Has a connection linger, unless the other side is gone.
    pub(super) fn linger(&mut self, index: usize) {
        self.let_go(index, true);
    }

    /// Closes a connection, or has it linger while the other side may still want to read what was sent last.
    fn let_go(&mut self, index: usize, was_sent_something: bool) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let backlog = connection.backlog().is_some() || connection.held().is_some() || connection.stream.unsent() > 0;
        if connection.is(Mark::ReadClosed) || connection.is(Mark::Broken) || !(was_sent_something || backlog) {
            return self.remove(index);
        }
        connection.phase = Phase::Lingering;
        connection.set(Mark::Held, false);
        connection.take_input();
        let generation = connection.generation;
        self.lingerers.push(self.turn.now.monotonic_ms, index, generation);
        if !backlog {
            self.say_goodbye(index);
        }
    }

    /// Everything is written: ends our half of the stream. The other side closes next.
    pub(super) fn say_goodbye(&mut self, index: usize) {
        if self.connections[index].stream.shutdown_write().is_err() {
            self.remove(index);
        }
    }

    /// Reads what a lingering connection still sends, to throw it away; when it closes, so do we.
    pub(super) fn discard_input(&mut self, index: usize, buffer: &mut [u8]) {
        let connection = &mut self.connections[index];
        for _ in 0..DISCARDED_READS_MAX {
            match connection.stream.read(buffer) {
                Ok(Received::Bytes { .. }) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !connection.is(Mark::Broken) => return,
                _ => break,
            }
        }
        // It has closed too; or it sends so much after our last word that it will not read it.
        self.remove(index);
    }

    /// Closes a connection and forgets it.
    pub(super) fn remove(&mut self, index: usize) {
        let Some(connection) = self.connections.try_remove(index) else { return };
        let waiting = Waiting::of(&connection);
        self.sockets.waiting_bytes -= waiting.bytes;
        self.sockets.waiting_packets -= waiting.packets;
        self.sockets.open -= 1;
        self.taps.forget(connection_id(index));
        self.settings.leave(ListenerId(connection.listener));
    }
}

/// Time for a client to read our last packet and close.
pub(super) const LINGER_MS: u64 = 2_000;

/// Reads of the whole buffer for each event of a lingering connection.
const DISCARDED_READS_MAX: usize = 4;
