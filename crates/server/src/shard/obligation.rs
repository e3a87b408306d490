//! What the packets of a turn wait for before they may leave.
//!
//! Every packet that acknowledges something, or was derived from state that must survive, may leave only when the turn's
//! records are durable; the outbox marks them. There is no log yet, so nothing is recorded and every obligation is met at
//! once. When there is one, `hand_over` gives it the records and answers with their position.

use midge_broker::Turn;

/// How far the log must have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Obligation {
    /// Nothing to wait for.
    Met,
}

/// Hands the turn's records over to the log. Called before mail is posted: what others can see is already in the log's
/// queue.
pub(super) fn hand_over(_turn: &mut Turn) -> Obligation {
    Obligation::Met
}
