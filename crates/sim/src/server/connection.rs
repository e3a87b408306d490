//! A connection as its shard sees it.

use std::collections::VecDeque;

use super::obligation::Held;
use crate::network::WireId;

pub(super) struct Connection {
    pub(super) wire: WireId,
    /// Its number is used again: this tells it from others.
    pub(super) generation: u32,
    pub(super) phase: Phase,
    /// Read and not used yet.
    pub(super) input: Vec<u8>,
    /// Bytes that its socket did not take.
    pub(super) backlog: VecDeque<u8>,
    /// What waits for the log.
    pub(super) held: Held,
    pub(super) is_congested: bool,
    pub(super) is_held: bool,
    /// It is not read until what waits for the log is written.
    pub(super) is_parked: bool,
    /// It is not read before, by the server's clock: messages come faster than the log takes them.
    pub(super) paused_until_ms: Option<u64>,
    /// Writing failed. The end is told when everything that has arrived is read.
    pub(super) is_broken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Greeting,
    Serving,
    /// It is closed at the end of the turn.
    Ending,
    /// The broker knows it no more; what waits for the log is written first.
    Lingering,
}

impl Connection {
    pub(super) fn new(wire: WireId, generation: u32, phase: Phase) -> Connection {
        Connection {
            wire,
            generation,
            phase,
            input: Vec::new(),
            backlog: VecDeque::new(),
            held: Held::default(),
            is_congested: false,
            is_held: false,
            is_parked: false,
            paused_until_ms: None,
            is_broken: false,
        }
    }

    /// For the time being nothing is read from it. Its Keep Alive stands still.
    pub(super) fn is_unread(&self) -> bool {
        self.is_held || self.is_parked || self.paused_until_ms.is_some()
    }

    /// Nothing is read from it any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Lingering)
    }

    /// Its end is to be told, and nobody wakes the shard for that.
    pub(super) fn is_to_be_ended(&self) -> bool {
        self.is_broken && self.phase != Phase::Lingering
    }
}
