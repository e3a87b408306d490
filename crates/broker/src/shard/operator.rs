//! What the operator does himself: publishes a message, ends a connection or a Session.

use super::Shard;
use super::publish::Source;
use crate::access;
use crate::message::MessageParts;
use crate::turn::Turn;
use midge_codec::ReasonCode;

impl Shard {
    /// Publishes a message that is nobody's, kept as a client's would be; how many Subscriptions and share groups it is for. Whether the
    /// operator may is left to the caller; the limits of clients hold.
    ///
    /// # Errors
    /// The cause, in words, why it is not taken.
    pub fn publish_for_operator(&mut self, parts: &MessageParts<'_>, turn: &mut Turn) -> Result<usize, &'static str> {
        match access::publish(&self.options, &self.shared, None, parts) {
            Ok(allowed) => {
                let before = turn.receivers;
                self.publish(parts, Source::OPERATOR, &allowed, turn);
                Ok(turn.receivers - before)
            }
            Err(denied) => Err(denied.cause),
        }
    }

    /// Ends the connection of this client, and its Session too if that is wanted. `false`: its Session does not live here.
    pub fn dismiss_client(&mut self, client_id: &str, ends_session: bool, turn: &mut Turn) -> bool {
        let hash = self.shared.directory().hash(client_id);
        let Some(slot) = self.sessions.find(client_id, hash) else { return false };
        if let Some(id) = self.connection_of(client_id) {
            self.close(id, ReasonCode::ADMINISTRATIVE_ACTION, "administrative action", turn);
        }
        // A Session that expires with its connection has ended by now.
        if ends_session && self.sessions.find(client_id, hash) == Some(slot) {
            self.end_session(slot, turn);
        }
        true
    }
}
