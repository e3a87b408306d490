//! Connections that are not read for a while, because their clients have sent more than they may in a second. What they have sent
//! stays in their sockets, and soon with them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::connection::{Mark, Phase};
use super::{Shard, connection_id};

/// The connections of a shard that pause.
#[derive(Default)]
pub(super) struct Pauses {
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// By connection: the generation that pauses.
    paused: BTreeMap<usize, u32>,
}

impl Pauses {
    /// When the next one ends.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ms, _))| *due_ms)
    }

    /// Whether this connection pauses.
    pub(super) fn has(&self, index: usize, generation: u32) -> bool {
        !self.paused.is_empty() && self.paused.get(&index) == Some(&generation)
    }

    fn begin(&mut self, index: usize, generation: u32, until_ms: u64) {
        self.due.push(Reverse((until_ms, index)));
        self.paused.insert(index, generation);
    }

    /// One that is over: the connection and its generation.
    fn pop_due(&mut self, now_ms: u64) -> Option<(usize, u32)> {
        while self.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            let Some(Reverse((_, index))) = self.due.pop() else { break };
            if let Some(generation) = self.paused.remove(&index) {
                return Some((index, generation));
            }
        }
        None
    }
}

impl Shard {
    /// Reads a connection no more before `until_ms`. Its Keep Alive stands still.
    pub(super) fn pause(&mut self, index: usize, until_ms: u64) {
        self.pauses.begin(index, self.connections[index].generation, until_ms);
        self.broker.handle_held(connection_id(index), true, self.turn.now);
    }

    /// Goes on with those whose pauses are over: first with what was read of them already.
    pub(super) fn end_pauses(&mut self, now_ms: u64) {
        while let Some((index, generation)) = self.pauses.pop_due(now_ms) {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            if connection.generation != generation || connection.phase != Phase::Serving {
                continue;
            }
            let is_held = connection.is(Mark::Held) || connection.is(Mark::Parked);
            self.broker.handle_held(connection_id(index), is_held, self.turn.now);
            let input = self.connections[index].take_input();
            self.note_input(index);
            let used = self.consume(index, &input);
            self.keep(index, used, &input);
            if self.connections.contains(index) {
                self.queue_input(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_in_the_order_of_their_times() {
        let mut pauses = Pauses::default();
        pauses.begin(1, 10, 300);
        pauses.begin(2, 20, 200);
        assert!(pauses.has(1, 10) && !pauses.has(1, 11) && !pauses.has(3, 10));
        assert_eq!((pauses.due_ms(), pauses.pop_due(199)), (Some(200), None));
        assert_eq!((pauses.pop_due(300), pauses.pop_due(300)), (Some((2, 20)), Some((1, 10))));
        assert_eq!((pauses.due_ms(), pauses.has(1, 10)), (None, false));
    }

    /// The connection that paused has gone, and another one with its number pauses too.
    #[test]
    fn who_takes_a_number_over_has_its_own_pause() {
        let mut pauses = Pauses::default();
        pauses.begin(1, 10, 300);
        pauses.begin(1, 11, 200);
        assert_eq!((pauses.pop_due(250), pauses.pop_due(400)), (Some((1, 11)), None));
    }
}
