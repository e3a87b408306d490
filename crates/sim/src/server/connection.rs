//! A connection as its shard sees it.

use std::collections::VecDeque;

use crate::network::WireId;

pub(super) struct Connection {
    pub(super) wire: WireId,
    pub(super) phase: Phase,
    /// Read and not used yet.
    pub(super) input: Vec<u8>,
    /// Bytes that its socket did not take.
    pub(super) backlog: VecDeque<u8>,
    pub(super) is_congested: bool,
    pub(super) is_held: bool,
    /// Writing failed. The end is told when everything that has arrived is read.
    pub(super) is_broken: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Greeting,
    Serving,
    /// It is closed at the end of the turn.
    Ending,
}

impl Connection {
    pub(super) fn new(wire: WireId, phase: Phase) -> Connection {
        Connection {
            wire,
            phase,
            input: Vec::new(),
            backlog: VecDeque::new(),
            is_congested: false,
            is_held: false,
            is_broken: false,
        }
    }
}
