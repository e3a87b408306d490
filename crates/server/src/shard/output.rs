//! Output: one write for each connection that has something, and what becomes of the bytes that a socket does not take.

use std::io;

use midge_broker::outbox::{After, Gathered};

use super::backlog::Backlog;
use super::connection::{Connection, Mark, Phase};
use super::obligation::Part;
use super::{Shard, connection_id};

impl Shard {
    /// Writes what the turn's outbox holds, straight from where it was encoded. What waits for the log to come to `wait_for`
    /// is kept.
    pub(super) fn write_sockets(&mut self, wait_for: Option<u64>) {
        for at in 0..self.turn.outbox.dirty().len() {
            let id = self.turn.outbox.dirty()[at];
            let index = id.0 as usize;
            if self.connections.get(index).is_none_or(|connection| connection.is(Mark::Broken)) {
                continue;
            }
            let part = self.hold_back(index, wait_for);
            let connection = &mut self.connections[index];
            connection.count_sent(self.turn.outbox.load(id));
            let waiting = Waiting::of(connection);
            let gathered = match part {
                Part::All => self.turn.outbox.gather(id, &mut self.scratch),
                Part::Now => self.turn.outbox.gather_after(id, After::Now, &mut self.scratch),
                Part::Nothing => continue,
            };
            if matches!(gathered, Gathered::One(&[])) {
                continue;
            }
            if !self.taps.is_idle() {
                self.taps.know(id, &connection.address, &self.broker);
                self.taps.sent(id, &connection.address, pieces(&gathered));
            }
            connection.set(Mark::Written, true);
            let has_failed = send(connection, gathered).is_err();
            if connection.is(Mark::Read) {
                connection.acknowledge();
            }
            if connection.backlog().is_some() {
                connection.backlog_mut().add_packets(self.turn.outbox.packets(id).0);
            }
            self.settle(index, waiting, has_failed);
        }
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
    }

    /// Writes backlogs whose sockets take bytes again.
    pub(super) fn take_output_room(&mut self) {
        for at in 0..self.output_room.len() {
            let index = self.output_room[at];
            let Some(connection) = self.connections.get_mut(index) else { continue };
            let waiting = Waiting::of(connection);
            let has_failed = connection.write_backlog().is_err();
            self.settle(index, waiting, has_failed);
        }
        self.output_room.clear();
    }

    /// After a write: counts what waits, and tells the broker when a connection becomes slow or quick again.
    pub(super) fn settle(&mut self, index: usize, before: Waiting, has_failed: bool) {
        let connection = &mut self.connections[index];
        if has_failed {
            // The end is told when everything that has arrived is read.
            connection.drop_backlog();
            connection.set(Mark::Broken, true);
            connection.set(Mark::Held, false);
        }
        let after = Waiting::of(connection);
        self.sockets.waiting_bytes += after.bytes;
        self.sockets.waiting_bytes -= before.bytes;
        self.sockets.waiting_packets += after.packets;
        self.sockets.waiting_packets -= before.packets;
        if has_failed {
            return self.queue_input(index);
        }
        if after == before {
            return;
        }
        let copied = connection.backlog().map_or(0, |backlog| backlog.copied_bytes());
        let was_held = connection.is(Mark::Held);
        connection.set(Mark::Held, copied > HELD_BYTES || was_held && copied >= CONGESTED_BYTES);
        if was_held != connection.is(Mark::Held) {
            self.broker.handle_held(connection_id(index), !was_held, self.turn.now);
        }
        if was_held && !connection.is(Mark::Held) {
            self.queue_input(index);
        }
        self.tell_congestion(index, after);
    }

    fn tell_congestion(&mut self, index: usize, waiting: Waiting) {
        let connection = &mut self.connections[index];
        match connection.phase {
            Phase::Serving if !connection.is(Mark::Congested) && waiting.bytes > CONGESTED_BYTES as u64 => {
                connection.set(Mark::Congested, true);
                self.broker.handle_congested(connection_id(index));
            }
            Phase::Serving if connection.is(Mark::Congested) && waiting.bytes == 0 => {
                connection.set(Mark::Congested, false);
                self.broker.handle_drained(connection_id(index), &mut self.turn);
            }
            Phase::Lingering if waiting.is_nothing() && connection.held().is_none() => self.say_goodbye(index),
            Phase::Answering if waiting.is_nothing() => self.go_on_answering(index),
            _ => {}
        }
    }
}

/// What a connection's socket has not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) bytes: u64,
    pub(super) packets: u64,
    /// Bytes that layers of the stream have made of packets that count as sent.
    encoded_bytes: usize,
}

impl Waiting {
    #[inline]
    pub(super) fn of(connection: &Connection) -> Waiting {
        let backlog = connection.backlog();
        Waiting {
            bytes: backlog.map_or(0, |backlog| backlog.bytes() as u64),
            packets: backlog.map_or(0, |backlog| u64::from(backlog.packets())),
            encoded_bytes: connection.stream.unsent(),
        }
    }

    pub(super) fn is_nothing(self) -> bool {
        self.bytes == 0 && self.encoded_bytes == 0
    }
}

/// Writes at once what the socket takes; the rest joins the backlog, and everything does where there is one already.
fn send(connection: &mut Connection, gathered: Gathered<'_>) -> io::Result<()> {
    match gathered {
        Gathered::One(bytes) if connection.backlog().is_none() => match connection.stream.write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => connection.backlog_mut().push(&bytes[written..]),
            Err(error) if is_temporary(&error) => connection.backlog_mut().push(bytes),
            Err(error) => return Err(error),
        },
        gathered => {
            let had_backlog = connection.backlog().is_some();
            push(connection.backlog_mut(), gathered);
            if had_backlog {
                // The socket tells when it takes more.
                return Ok(());
            }
        }
    }
    connection.write_backlog()
}

fn pieces<'a>(gathered: &'a Gathered<'a>) -> impl Iterator<Item = &'a [u8]> {
    let (one, many) = match gathered {
        Gathered::One(bytes) => (Some(*bytes), &[][..]),
        Gathered::Many(pieces) => (None, pieces.as_slice()),
    };
    one.into_iter().chain(many.iter().map(|piece| piece.bytes))
}

/// Adds packets to a queue.
pub(super) fn push(backlog: &mut Backlog, gathered: Gathered<'_>) {
    match gathered {
        Gathered::One(bytes) => backlog.push(bytes),
        Gathered::Many(pieces) => {
            for piece in pieces {
                match piece.owner {
                    Some(message) => backlog.push_payload(message),
                    None => backlog.push(piece.bytes),
                }
            }
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Above this a reader counts as slow, and QoS 0 messages for it are discarded: it has then not taken what a whole turn
/// may bring from one publisher, beside the megabytes that the system buffers.
const CONGESTED_BYTES: usize = 256 * 1024;

/// A client that does not read our answers is not read any further above this: its own packets make the answers, and
/// there is no other bound to them. By then it has left a quarter of a million acknowledgements unread, beside those that
/// the system holds.
const HELD_BYTES: usize = 1 << 20;

/// The gathering buffer above this size is given back.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;
