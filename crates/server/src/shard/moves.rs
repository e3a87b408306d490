//! Connections that move to the shard on which their Session lives: once, right after CONNECT.

use midge_broker::Arrival;
use midge_broker::ids::ShardId;
use midge_net::{Address, Stream, words};

use super::connection::{Connection, Phase};
use super::input::end_of;
use super::{Shard, connection_id};
use crate::options::SeenByProxy;

/// A connection between two shards, with everything it has and everything it has sent so far.
pub(crate) struct Moved {
    stream: Stream,
    address: Address,
    listener: u16,
    seen: SeenByProxy,
    arrival: Arrival,
    /// Unprocessed input; begins with the CONNECT.
    input: Vec<u8>,
    /// What was in force where it was let in.
    settings_number: u64,
}

impl Shard {
    /// Takes a connection off this shard; it leaves at the end of the turn.
    pub(super) fn depart(&mut self, index: usize, to: ShardId, arrival: Arrival, input: &[u8]) {
        let mut connection = self.connections.remove(index);
        self.sockets.open -= 1;
        self.taps.forget(connection_id(index));
        if let Err(error) = mio::event::Source::deregister(&mut connection.stream, self.poll.registry()) {
            // Nothing is lost: the other shard registers it anew, and here its events are not known any more.
            self.warn(format_args!("Warning: a connection could not leave its event loop: {}", words(&error)));
        }
        let (seen, input, settings_number) = (connection.seen_by_proxy(), input.to_vec(), self.settings_number);
        let Connection { stream, address, listener, .. } = connection;
        let moved = Moved { stream, address, listener, seen, arrival, input, settings_number };
        self.departures[usize::from(to.0)].push(moved);
    }

    /// Hands departing connections over.
    pub(super) fn post_departures(&mut self) {
        for (shard, moved) in self.departures.iter_mut().enumerate().filter(|(_, moved)| !moved.is_empty()) {
            let shard = ShardId(shard as u16);
            self.peers.send(shard, moved);
            if self.shared.mesh().is_to_be_woken(shard) {
                self.peers.wake(shard);
            }
        }
    }

    /// Welcomes the connections that have come from other shards.
    pub(super) fn take_arrivals(&mut self) {
        let arrived = self.peers.arrived(self.id);
        if !arrived.is_empty() {
            // They may have come by a listener that is newer than this turn.
            self.look_at_settings();
        }
        for moved in arrived {
            self.hear_predecessor(&moved);
            let Moved { stream, address, listener, seen, arrival, input, settings_number } = moved;
            let index = self.insert(stream, address, listener, Phase::Serving);
            self.connections[index].set_seen_by_proxy(seen);
            // Whatever comes on the socket from now on, or came meanwhile, makes an event here.
            let registered = self.register(index);
            self.note_input(index);
            let id = connection_id(index);
            let first = if settings_number == self.settings_number {
                self.broker.handle_arrival(id, arrival, &input, &mut self.turn)
            } else {
                let renew = self.settings.authority.renewal();
                self.broker.handle_outdated_arrival(id, arrival, &input, &renew, &mut self.turn)
            };
            self.trace_first(index, &input[..first.bytes]);
            let used = self.consume_after(index, first, &input);
            self.keep(index, used, &input);
            if let Err(error) = registered {
                self.end(index, end_of(&error));
            }
            self.note_judged_by(settings_number);
        }
    }

    /// Reads the connection that is about to be taken over: a client that publishes, leaves and comes back at once is seen coming
    /// back before an event tells what it sent.
    fn hear_predecessor(&mut self, moved: &Moved) {
        let Some(predecessor) = self.broker.predecessor(&moved.arrival, &moved.input) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        self.read_now(predecessor.0 as usize, &mut buffer);
        self.buffer = buffer;
    }
}
