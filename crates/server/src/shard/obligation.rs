//! Packets that wait for the log.
//!
//! Every packet that acknowledges something, or was derived from state that must survive, may leave only when the records
//! it was derived from are durable; the outbox marks them. What hangs on a batch that is not durable yet is kept with the
//! connection, with the position up to which the log must have come, and written when it has. Among themselves these
//! packets keep their order; others pass them, but for those behind a CONNACK, which is always the first, behind a SUBACK, or
//! behind a QoS 2 PUBLISH: messages come in their order.

use std::collections::VecDeque;

use midge_broker::LogState;
use midge_broker::outbox::{After, Gathered};

use super::backlog::Backlog;
use super::connection::Mark;
use super::output::{Waiting, push};
use super::{Shard, connection_id};

/// Packets of one connection that wait, by the position that the log must reach.
#[derive(Default)]
pub(super) struct Held {
    turns: VecDeque<(u64, Backlog)>,
    /// Nothing may pass.
    holds_all: bool,
}

/// The connections of a shard that have something held, in the order in which it will be free.
#[derive(Default)]
pub(super) struct Waiters {
    queue: VecDeque<Waiter>,
}

#[derive(Clone, Copy)]
struct Waiter {
    position: u64,
    index: u32,
    generation: u32,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Whether a packet must join what is held although nothing else keeps it.
    pub(super) fn holds_all(&self) -> bool {
        self.holds_all
    }

    fn add(&mut self, position: u64, gathered: Gathered<'_>, holds_all: bool) {
        self.holds_all |= holds_all;
        match self.turns.back_mut() {
            Some(last) if last.0 == position => push(&mut last.1, gathered),
            _ => {
                let mut backlog = Backlog::default();
                push(&mut backlog, gathered);
                self.turns.push_back((position, backlog));
            }
        }
    }

    /// Everything that is free once the log has come to `durable`.
    fn free(&self, durable: u64) -> impl Iterator<Item = &[u8]> {
        let free = self.turns.iter().take_while(move |(position, _)| *position <= durable);
        free.flat_map(|(_, backlog)| backlog.pieces())
    }

    /// Takes everything that is free once the log has come to `durable`.
    fn release(&mut self, durable: u64, into: &mut Backlog) {
        while let Some(first) = self.turns.front_mut()
            && first.0 <= durable
        {
            into.append(&mut first.1);
            self.turns.pop_front();
        }
        self.holds_all &= !self.turns.is_empty();
    }
}

impl Shard {
    /// Keeps what must wait of the turn's packets for a connection until the log has come to `wait_for`. Returns which part is
    /// to be written now.
    pub(super) fn hold_back(&mut self, index: usize, wait_for: Option<u64>) -> Part {
        let id = connection_id(index);
        let outbox = &self.turn.outbox;
        let connection = &mut self.connections[index];
        let held_all = connection.held().is_some_and(Held::holds_all);
        // Behind what waits already everything of its kind waits, even if it need not.
        let is_behind = connection.held().is_some();
        let must_wait = || wait_for.is_some() && self.broker.waits_for_log(id);
        let waits = (is_behind || must_wait()) && outbox.waits(id);
        if !waits && !held_all {
            return Part::All;
        }
        let position = wait_for.unwrap_or(0);
        let holds_all = held_all || outbox.holds_all(id);
        let gathered = match holds_all {
            true => outbox.gather(id, &mut self.scratch),
            false => outbox.gather_after(id, After::TurnDurable, &mut self.scratch),
        };
        let (index, generation) = (index as u32, connection.generation);
        connection.held_mut().add(position, gathered, holds_all);
        self.waiters.queue.push_back(Waiter { position, index, generation });
        if holds_all { Part::Nothing } else { Part::Now }
    }

    /// The log may have come further: what waited for that is written.
    pub(super) fn take_durable(&mut self) {
        let Some(durable) = self.durable() else { return };
        while let Some(&Waiter { position, index, generation }) = self.waiters.queue.front()
            && position <= durable
        {
            self.waiters.queue.pop_front();
            self.release(index as usize, generation, durable);
        }
    }

    /// Whether something is free that was held back, or the broker waits no longer. To be asked after it was announced that
    /// this shard sleeps.
    pub(super) fn has_durable(&self) -> bool {
        let first = self.waiters.queue.front().map(|first| first.position);
        let awaited = [first, self.broker.awaited_position()].into_iter().flatten().min();
        awaited.is_some_and(|awaited| self.durable().is_some_and(|durable| awaited <= durable))
    }

    /// Whether anything is held back. Announces to the log's thread whether this shard waits for it.
    pub(super) fn announce_waiters(&self) -> bool {
        let holds_back = !self.waiters.queue.is_empty();
        let waits = holds_back || self.broker.awaited_position().is_some();
        if let Some(log) = self.shared.log()
            && log.is_waiting(self.id) != waits
        {
            log.set_waiting(self.id, waits);
        }
        holds_back
    }

    /// Whether a connection is not to be read: it makes records faster than the log can write them.
    pub(super) fn is_ahead_of_log(&self, index: usize) -> bool {
        self.connections[index].held().is_some()
            && self.shared.log().is_some_and(|log| log.is_over() || log.state() != LogState::Ready)
    }

    /// A connection is not read until the log has caught up. Its Keep Alive stands still.
    pub(super) fn park(&mut self, index: usize) {
        self.connections[index].set(Mark::Parked, true);
        self.broker.handle_held(connection_id(index), true, self.turn.now);
    }

    fn durable(&self) -> Option<u64> {
        self.shared.log().map(|log| log.durable())
    }

    fn release(&mut self, index: usize, generation: u32, durable: u64) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.generation != generation || connection.held().is_none() {
            return;
        }
        let before = Waiting::of(connection);
        let mut free = std::mem::take(connection.held_mut());
        if !self.taps.is_idle() {
            self.taps.sent(connection_id(index), &connection.address, free.free(durable));
        }
        free.release(durable, connection.backlog_mut());
        connection.keep_held(free);
        let was_parked = connection.take(Mark::Parked);
        let has_failed = !connection.is(Mark::Broken) && connection.write_backlog().is_err();
        connection.set(Mark::Written, true);
        self.settle(index, before, has_failed);
        if was_parked && self.connections.contains(index) {
            self.broker.handle_held(connection_id(index), false, self.turn.now);
            self.queue_input(index);
        }
    }
}

/// Which of a turn's packets are to be written now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// Those that never wait.
    Now,
    Nothing,
}
