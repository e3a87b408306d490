//! Packets that wait for the log.

use std::collections::VecDeque;

use midge_broker::LogState;
use midge_broker::outbox::{After, Gathered};

use super::connection::Phase;
use super::lane::{Lane, connection_id};

/// Packets of one connection that wait, by the position that the log must reach.
#[derive(Default)]
pub(super) struct Held {
    turns: VecDeque<(u64, Vec<u8>)>,
    /// Nothing may pass.
    holds_all: bool,
}

/// A connection that has something held.
#[derive(Clone, Copy)]
pub(super) struct Waiter {
    position: u64,
    index: usize,
    generation: u32,
}

/// Which of a turn's packets are to be written now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// Those that never wait.
    Now,
    Nothing,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// CONNACK is among it, or among these packets, which join it.
    fn waits_for_connack(&self, bytes: &[u8]) -> bool {
        let is_connack = |bytes: &[u8]| bytes.first().is_some_and(|first| first >> 4 == 2);
        is_connack(bytes) || self.turns.front().is_some_and(|turn| is_connack(&turn.1))
    }

    fn add(&mut self, position: u64, bytes: Vec<u8>, holds_all: bool) {
        self.holds_all |= holds_all;
        match self.turns.back_mut() {
            Some(last) if last.0 == position => last.1.extend(bytes),
            _ => self.turns.push_back((position, bytes)),
        }
    }

    fn release(&mut self, durable: u64, into: &mut VecDeque<u8>) {
        while let Some((_, bytes)) = self.turns.pop_front_if(|turn| turn.0 <= durable) {
            into.extend(bytes);
        }
        self.holds_all &= !self.turns.is_empty();
    }
}

impl Lane {
    /// Keeps what must wait of the turn's packets for a connection until the log has come to `wait_for`. Returns which part is
    /// to be written now.
    pub(super) fn hold_back(&mut self, index: usize, wait_for: Option<u64>) -> Part {
        let id = connection_id(index);
        let Some(Some(connection)) = self.connections.get_mut(index) else { return Part::Nothing };
        let held_all = connection.held.holds_all && !connection.held.is_empty();
        // Behind what waits already everything of its kind waits, even if it need not.
        let is_behind = !connection.held.is_empty();
        let must_wait = || wait_for.is_some() && self.broker.waits_for_log(id);
        let waits = (is_behind || must_wait()) && self.turn.outbox.waits(id);
        if !waits && !held_all {
            return Part::All;
        }
        let position = wait_for.unwrap_or(0);
        let holds_all = held_all || self.turn.outbox.holds_all(id);
        let mut scratch = Vec::new();
        let gathered = match holds_all {
            true => self.turn.outbox.gather(id, &mut scratch),
            false => self.turn.outbox.gather_after(id, After::TurnDurable, &mut scratch),
        };
        let mut bytes = bytes_of(&gathered);
        let had_backlog = !connection.backlog.is_empty();
        if let Some(mutation) = self.ground.mutation {
            mutation.forget(&mut bytes);
            let (early, waiting) = mutation.part(&bytes, connection.held.waits_for_connack(&bytes));
            connection.backlog.extend(early);
            bytes = waiting;
        }
        let has_early = !had_backlog && !connection.backlog.is_empty();
        self.ground.say(&self.name, || {
            format!("keeps {} bytes for connection {} until {position}", bytes.len(), connection.wire)
        });
        connection.held.add(position, bytes, holds_all);
        self.waiters.push_back(Waiter { position, index, generation: connection.generation });
        if has_early {
            self.write_backlog(index);
        }
        if holds_all { Part::Nothing } else { Part::Now }
    }

    /// The log may have come further: what waited for that is written.
    pub(super) fn take_durable(&mut self) {
        let Some(durable) = self.durable() else { return };
        while let Some(waiter) = self.waiters.pop_front_if(|waiter| waiter.position <= durable) {
            self.release(waiter, durable);
        }
    }

    /// Whether something is free that was held back, or the broker waits no longer.
    pub(super) fn has_durable(&self) -> bool {
        let first = self.waiters.front().map(|first| first.position);
        let awaited = [first, self.broker.awaited_position()].into_iter().flatten().min();
        awaited.is_some_and(|awaited| self.durable().is_some_and(|durable| awaited <= durable))
    }

    /// Announces to the log's thread whether this shard waits for it.
    pub(super) fn announce_waiters(&self) {
        let waits = !self.waiters.is_empty() || self.broker.awaited_position().is_some();
        if let Some(log) = self.shared.log()
            && log.is_waiting(self.id) != waits
        {
            log.set_waiting(self.id, waits);
        }
    }

    /// Whether a connection is not to be read: it makes records that the log has no room for.
    pub(super) fn is_ahead_of_log(&self, index: usize) -> bool {
        let Some(connection) = &self.connections[index] else { return false };
        let may_wait = !connection.is_over() && !connection.is_broken;
        may_wait
            && !connection.held.is_empty()
            && !self.ground.network.borrow().has_end_arrived(connection.wire)
            && self.shared.log().is_some_and(|log| log.is_over() || log.state() != LogState::Ready)
    }

    /// A connection is not read until the log has caught up. Its Keep Alive stands still.
    pub(super) fn park(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        connection.is_parked = true;
        self.note_unread(index);
        self.say(|| "does not read on: the log is full".to_owned());
    }

    fn durable(&self) -> Option<u64> {
        self.shared.log().map(|log| log.durable())
    }

    fn release(&mut self, waiter: Waiter, durable: u64) {
        let Some(Some(connection)) = self.connections.get_mut(waiter.index) else { return };
        if connection.generation != waiter.generation || connection.held.is_empty() {
            return;
        }
        connection.held.release(durable, &mut connection.backlog);
        let is_broken = connection.is_broken;
        if std::mem::take(&mut connection.is_parked) {
            self.note_unread(waiter.index);
        }
        if !is_broken {
            self.write_backlog(waiter.index);
        }
        let Some(Some(connection)) = self.connections.get(waiter.index) else { return };
        if connection.phase == Phase::Lingering && connection.held.is_empty() {
            self.let_go(waiter.index);
        }
    }
}

pub(super) fn bytes_of(gathered: &Gathered<'_>) -> Vec<u8> {
    match gathered {
        Gathered::One(bytes) => bytes.to_vec(),
        Gathered::Many(pieces) => pieces.iter().flat_map(|piece| piece.bytes).copied().collect(),
    }
}
