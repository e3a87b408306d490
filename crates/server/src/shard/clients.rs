//! What others ask of a shard (`inquiry`), and its clients as they see them: what the broker knows of each, and what the socket does.

use midge_broker::ListedConnection;

use super::Shard;
use super::output::Waiting;
use crate::inquiry::{Client, ClientPortion, ClientSocket, Inquiry};

impl Shard {
    /// Does what somebody wants who is no shard.
    #[cold]
    pub(super) fn take_inquiry(&mut self, inquiry: Inquiry) {
        match inquiry {
            Inquiry::Question(answer) => answer(self),
            Inquiry::Trace(order) => self.obey_trace(order),
        }
    }

    /// The rules and the Sessions of this shard.
    pub(crate) fn broker(&self) -> &midge_broker::Shard {
        &self.broker
    }

    /// Clients with a Session here, those that are away included: `from` is 0, or where the portion before ended.
    pub(crate) fn list_clients(&self, from: u32) -> ClientPortion {
        let portion = self.broker.list_sessions(from);
        let clients = portion.sessions.into_iter().map(|session| {
            let socket = session.connection.as_ref().and_then(|connection| self.socket_of(connection));
            Client { shard: self.id, session, socket }
        });
        ClientPortion { clients: clients.collect(), next: portion.next }
    }

    fn socket_of(&self, listed: &ListedConnection) -> Option<ClientSocket> {
        let connection = self.connections.get(listed.id.0 as usize)?;
        let waiting = Waiting::of(connection);
        Some(ClientSocket {
            address: connection.address.clone(),
            is_encrypted: connection.stream.tls().is_some() || connection.seen_by_proxy().is_tls,
            messages_sent: connection.sent.messages,
            bytes_sent: connection.sent.bytes,
            waiting_packets: waiting.packets,
            waiting_bytes: waiting.bytes,
        })
    }
}
