//! Input: from ready sockets through the shard's one buffer to the broker.
//!
//! Sockets are registered edge-triggered, so a readable one must be read until it has no more; the stream says whether it
//! may have. A connection is read once for each turn, and stands in line again if it has, so that a flood on one does not hold
//! up the others.

use std::io;

use midge_broker::ids::ListenerId;
use midge_broker::{ConnectionEnd, Consumed, FirstBytes, Next};
use midge_net::{Received, words};

use super::connection::{Connection, Mark, Phase};
use super::memory_limit::MEMORY_LIMIT;
use super::{Shard, connection_id};

impl Shard {
    /// Reads every ready connection, unless mail for other shards piles up: what is not read cannot become more of it.
    pub(super) fn take_input(&mut self) {
        if self.ready.is_empty() || self.peers_are_full() {
            return;
        }
        std::mem::swap(&mut self.ready, &mut self.reading);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut handshakes = 0;
        for at in 0..self.reading.len() {
            let index = self.reading[at];
            if self.connections.get(index).is_some_and(Connection::is_in_handshake) {
                handshakes += 1;
                if handshakes > HANDSHAKES_PER_TURN {
                    self.ready.push(index);
                    continue;
                }
            }
            self.read(index, &mut buffer);
            if self.turn.is_full() {
                self.finish_turn();
            }
        }
        self.buffer = buffer;
        self.reading.clear();
    }

    /// Puts a connection in line to be read.
    pub(super) fn queue_input(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.is(Mark::Queued) {
            connection.set(Mark::Queued, true);
            self.ready.push(index);
        }
    }

    /// Reads a connection before its turn comes.
    pub(super) fn read_now(&mut self, index: usize, buffer: &mut [u8]) {
        self.ready.retain(|queued| *queued != index);
        self.read(index, buffer);
    }

    /// Reads one connection: once, or to the end when the other side has ended its stream.
    fn read(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.set(Mark::Queued, false);
        self.note_input(index);
        let mut budget = BUFFER_BYTES;
        loop {
            let Some(connection) = self.connections.get_mut(index) else { return };
            match connection.phase {
                Phase::Opening | Phase::Greeting | Phase::Serving => {}
                Phase::Proxied => return self.read_proxy_header(index, buffer),
                Phase::Lingering => return self.discard_input(index, buffer),
                Phase::Answering if connection.is(Mark::Broken) => {
                    return self.end(index, ConnectionEnd::ClosedByClient);
                }
                Phase::Answering | Phase::Authenticating | Phase::Ending => return,
            }
            if connection.is(Mark::Held) || self.pauses.has(index, connection.generation) {
                return;
            }
            let may_wait = !connection.is(Mark::ReadClosed) && !connection.is(Mark::Broken);
            if may_wait && self.is_ahead_of_log(index) {
                return self.park(index);
            }
            let connection = &self.connections[index];
            let read = if connection.input().len() <= INPUT_BYTES_COPIED_MAX {
                self.read_shared(index, buffer)
            } else {
                self.read_own(index, buffer)
            };
            match read {
                Read::Some { bytes, is_more } => {
                    let Some(connection) = self.connections.get(index) else { return };
                    if connection.early_bytes() > EARLY_BYTES_MAX && self.shared.is_memory_short() {
                        return self.deny(index, MEMORY_LIMIT);
                    }
                    let is_ending = connection.is(Mark::ReadClosed) || connection.is(Mark::Broken);
                    budget = budget.saturating_sub(bytes);
                    if budget == 0 || !is_ending {
                        if is_more || is_ending {
                            self.queue_input(index);
                        }
                        return;
                    }
                }
                Read::Nothing => return,
                Read::End(end) => return self.end(index, end),
            }
        }
    }

    /// Reads into the shared buffer, behind what the connection has kept, which is little.
    fn read_shared(&mut self, index: usize, buffer: &mut [u8]) -> Read {
        let connection = &mut self.connections[index];
        let kept = connection.input().len();
        buffer[..kept].copy_from_slice(connection.input());
        let room = &mut buffer[kept..];
        match retry(|| connection.stream.read(room)) {
            Ok(Received::End) => Read::End(ConnectionEnd::ClosedByClient),
            Ok(Received::Bytes { count: 0, is_more }) => Read::Some { bytes: 0, is_more },
            Ok(Received::Bytes { count, is_more }) => {
                let input = &buffer[..kept + count];
                let used = self.consume(index, input);
                self.keep(index, used, input);
                Read::Some { bytes: count, is_more }
            }
            Err(error) => self.read_failed(index, &error),
        }
    }

    /// Reads into the connection's own buffer: a large packet is not copied again with each piece of it that comes.
    fn read_own(&mut self, index: usize, buffer: &mut [u8]) -> Read {
        let connection = &mut self.connections[index];
        let mut input = connection.take_input();
        match retry(|| connection.stream.read_to_end_of(&mut input, BUFFER_BYTES, buffer)) {
            Ok(Received::End) => Read::End(ConnectionEnd::ClosedByClient),
            Ok(Received::Bytes { count, is_more }) => {
                let read = Read::Some { bytes: count, is_more };
                if let Some(used) = self.consume(index, &input) {
                    input.drain(..used);
                    self.connections[index].keep_input_buffer(input);
                }
                read
            }
            Err(error) => {
                connection.keep_input_buffer(input);
                self.read_failed(index, &error)
            }
        }
    }

    fn read_failed(&mut self, index: usize, error: &io::Error) -> Read {
        let connection = &self.connections[index];
        match error.kind() {
            io::ErrorKind::WouldBlock if connection.is(Mark::Broken) => Read::End(ConnectionEnd::ClosedByClient),
            io::ErrorKind::WouldBlock => Read::Nothing,
            _ => {
                self.tell_tls_failure(index, error);
                Read::End(end_of(error))
            }
        }
    }

    /// Hands `input` to the broker, which takes complete packets. How many bytes it used; `None` when the connection
    /// has ended or moved away.
    pub(super) fn consume(&mut self, index: usize, input: &[u8]) -> Option<usize> {
        let id = connection_id(index);
        let connection = &self.connections[index];
        if connection.phase == Phase::Opening {
            return self.open(index, input);
        }
        if connection.phase == Phase::Greeting {
            let listener = ListenerId(connection.listener);
            let first = self.broker.handle_first_bytes(id, listener, input, &mut self.turn);
            return self.welcome(index, first, input);
        }
        let first = self.hand_in(index, input);
        self.consume_after(index, first, input)
    }

    /// Does what the broker wants of a connection's first bytes. As `consume`.
    pub(super) fn welcome(&mut self, index: usize, first: FirstBytes, input: &[u8]) -> Option<usize> {
        match first {
            // The broker refuses a first packet that is too large when it sees its header.
            FirstBytes::NeedMore => Some(0),
            FirstBytes::Stay(consumed) => {
                self.connections[index].phase = Phase::Serving;
                self.trace_first(index, &input[..consumed.bytes]);
                self.consume_after(index, consumed, input)
            }
            FirstBytes::Move { shard, arrival } => {
                self.depart(index, shard, arrival, input);
                None
            }
            FirstBytes::Authenticate(credentials) => {
                let Some(authentication) = self.authenticate(index, credentials) else { return Some(0) };
                let listener = ListenerId(self.connections[index].listener);
                let id = connection_id(index);
                let first = self.broker.handle_authenticated(id, listener, input, &authentication, &mut self.turn);
                self.welcome(index, first, input)
            }
            FirstBytes::Refused => {
                self.trace_first(index, input);
                self.note_closes();
                None
            }
        }
    }

    /// Goes on with `input` after the broker has taken its first part. As `consume`.
    pub(super) fn consume_after(&mut self, index: usize, first: Consumed, input: &[u8]) -> Option<usize> {
        let mut used = first.bytes;
        let mut next = first.next;
        loop {
            self.note_closes();
            match next {
                Next::NeedMore(_) => break,
                Next::Closed => return None,
                Next::Paused(until_ms) => {
                    self.pause(index, until_ms);
                    break;
                }
                Next::TurnFull => self.finish_turn(),
            }
            // The turn may have shown that the connection is at its end.
            self.connections.get(index).filter(|connection| connection.phase == Phase::Serving)?;
            let more = self.hand_in(index, &input[used..]);
            used += more.bytes;
            next = more.next;
        }
        let is_serving = self.connections[index].phase == Phase::Serving;
        is_serving.then_some(used)
    }

    /// Keeps what the broker has not used.
    pub(super) fn keep(&mut self, index: usize, used: Option<usize>, input: &[u8]) {
        if let Some(used) = used {
            self.connections[index].keep_input(&input[used..]);
        }
    }

    /// The Network Connection has ended without the broker asking for it.
    pub(super) fn end(&mut self, index: usize, end: ConnectionEnd) {
        let connection = &mut self.connections[index];
        let is_news = !connection.is_only_a_look() || matches!(end, ConnectionEnd::ConnectTimeout);
        connection.phase = Phase::Ending;
        self.ended.push(index);
        if !is_news {
            return;
        }
        self.broker.handle_closed(connection_id(index), end, &mut self.turn);
        self.note_closes();
    }

    /// Notes that input of a connection is handled in this turn.
    pub(super) fn note_input(&mut self, index: usize) {
        self.connections[index].set(Mark::Read, true);
        self.was_read.push(index);
    }

    /// At the end of the turn: has input acknowledged that no write has answered.
    pub(super) fn acknowledge_input(&mut self) {
        for index in self.was_read.drain(..) {
            if let Some(connection) = self.connections.get_mut(index) {
                connection.set(Mark::Read, false);
                connection.acknowledge();
            }
        }
    }
}

/// What came of one read.
enum Read {
    Some { bytes: usize, is_more: bool },
    Nothing,
    End(ConnectionEnd),
}

/// How the end of a connection is told. A reset is the client's doing like any other close.
pub(super) fn end_of(error: &io::Error) -> ConnectionEnd {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ConnectionEnd::ClosedByClient,
        _ => ConnectionEnd::SocketError(words(error).into()),
    }
}

fn retry(mut read: impl FnMut() -> io::Result<Received>) -> io::Result<Received> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The shared buffer, and so what one connection may bring into a turn: about what a socket holds on loopback, and well
/// within a core's cache.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

/// Encrypted connections without CONNECT that are read in one turn. A step of a handshake costs as much as a thousand messages,
/// and when all clients come back at once those that are there are still served.
const HANDSHAKES_PER_TURN: usize = 16;

/// Where memory is short, nobody has more kept before he has come in; most say all in less.
const EARLY_BYTES_MAX: usize = 4 * 1024;

/// A connection that has kept more than this reads into its own buffer. Below it, copying costs less than the calls for
/// smaller reads would.
const INPUT_BYTES_COPIED_MAX: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_told_without_its_number() {
        let error = io::Error::from_raw_os_error(110);
        assert_eq!(words(&error), "Connection timed out");
        assert!(matches!(end_of(&error), ConnectionEnd::SocketError(text) if &*text == "Connection timed out"));
        let reset = io::Error::from_raw_os_error(104);
        assert!(matches!(end_of(&reset), ConnectionEnd::ClosedByClient));
    }
}
