//! Where packets pass those who trace them: behind the reads of sockets, and before their writes.
//!
//! They are shown as they stand in the stream: what one read has brought first, then what the turn answers.

use midge_broker::Consumed;

use super::connection::Phase;
use super::{Shard, connection_id};
use crate::trace::TraceOrder;

impl Shard {
    /// Begins or ends a trace.
    pub(super) fn obey_trace(&mut self, order: TraceOrder) {
        self.taps.obey(order);
        self.know_named();
    }

    /// Hands a connection's bytes to the broker, and shows those that it takes.
    #[inline]
    pub(super) fn hand_in(&mut self, index: usize, input: &[u8]) -> Consumed {
        if self.taps.is_idle() {
            return self.broker.handle_bytes(connection_id(index), input, &mut self.turn);
        }
        self.hand_in_traced(index, input)
    }

    #[cold]
    fn hand_in_traced(&mut self, index: usize, input: &[u8]) -> Consumed {
        let id = connection_id(index);
        let address = &self.connections[index].address;
        // Before: the broker may let go of it.
        self.taps.know(id, address, &self.broker);
        let consumed = self.broker.handle_bytes(id, input, &mut self.turn);
        self.taps.received(id, address, &input[..consumed.bytes]);
        consumed
    }

    /// Shows the first bytes of a connection, which the broker has judged.
    pub(super) fn trace_first(&mut self, index: usize, bytes: &[u8]) {
        if self.taps.is_idle() {
            return;
        }
        let id = connection_id(index);
        self.taps.first(id, &self.connections[index].address, self.broker.client_id(id), bytes);
    }

    /// Who is named by a trace may be sent something without having said anything, such as the last word.
    fn know_named(&mut self) {
        for client_id in self.taps.client_ids() {
            let Some(id) = self.broker.connection_of(&client_id) else { continue };
            let Some(connection) = self.connections.get(id.0 as usize) else { continue };
            self.taps.know(id, &connection.address, &self.broker);
        }
        for (index, connection) in &self.connections {
            if connection.phase == Phase::Serving && self.taps.names_address(&connection.address) {
                self.taps.know(connection_id(index), &connection.address, &self.broker);
            }
        }
    }
}
