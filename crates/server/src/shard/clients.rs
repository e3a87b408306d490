//! What others ask of a shard (`inquiry`), and its clients as they see them: what the broker knows of each, and what the socket does.

use midge_broker::message::MessageParts;
use midge_broker::{Counters, ListedConnection, ListedSubscription, SubscriptionCursor};

use super::Shard;
use super::output::Waiting;
use crate::inquiry::{Client, ClientPortion, ClientSocket, Inquiry};
use crate::published::SocketCounts;

impl Shard {
    /// Does what somebody wants who is no shard.
    #[cold]
    pub(super) fn take_inquiry(&mut self, inquiry: Inquiry) {
        match inquiry {
            Inquiry::Question(answer) => answer(self),
            Inquiry::Order(order) => order(self),
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

    /// One client with a Session here, and the first of its Subscriptions.
    pub(crate) fn list_client(&self, client_id: &str, most: usize) -> Option<(Client, Vec<ListedSubscription>)> {
        let session = self.broker.list_session(client_id)?;
        let slot = session.place.0;
        let (mut subscriptions, mut at) = (Vec::new(), Some(SubscriptionCursor::at_slot(slot)));
        while let Some(from) = at.filter(|at| at.slot() == slot && subscriptions.len() < most) {
            let portion = self.broker.list_subscriptions(from);
            let own = portion.subscriptions.into_iter().filter(|it| it.client_id == session.client_id);
            subscriptions.extend(own);
            at = portion.next;
        }
        subscriptions.truncate(most);
        let socket = session.connection.as_ref().and_then(|connection| self.socket_of(connection));
        Some((Client { shard: self.id, session, socket }, subscriptions))
    }

    /// Publishes for the operator.
    ///
    /// # Errors
    /// The cause, in words, why it is not taken.
    pub(crate) fn publish_for_operator(&mut self, parts: &MessageParts<'_>) -> Result<usize, &'static str> {
        let published = self.broker.publish_for_operator(parts, &mut self.turn);
        if self.turn.is_full() {
            self.finish_turn();
        }
        published
    }

    /// Ends the connection of a client, and its Session if that is wanted. `false`: it is not here.
    pub(crate) fn dismiss_client(&mut self, client_id: &str, ends_session: bool) -> bool {
        let was_here = self.broker.dismiss_client(client_id, ends_session, &mut self.turn);
        self.note_closes();
        if was_here {
            self.presence.note_client(client_id, Some("ended by the operator".to_owned()));
        }
        was_here
    }

    /// What the broker and the sockets have counted.
    pub(crate) fn counts(&self) -> (Counters, SocketCounts) {
        (*self.broker.counters(), self.sockets)
    }

    /// When this turn began, in monotonic seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.turn.now.seconds()
    }

    fn socket_of(&self, listed: &ListedConnection) -> Option<ClientSocket> {
        let connection = self.connections.get(listed.id.0 as usize)?;
        let waiting = Waiting::of(connection);
        Some(ClientSocket {
            address: connection.address.clone(),
            is_encrypted: connection.stream.tls().is_some() || connection.seen_by_proxy().is_tls,
            encryption: connection.stream.tls().and_then(|tls| Some((tls.version()?, tls.cipher()?))),
            is_websocket: self.settings.door(listed.listener).websocket.is_some(),
            messages_sent: connection.sent.messages,
            bytes_sent: connection.sent.bytes,
            waiting_packets: waiting.packets,
            waiting_bytes: waiting.bytes,
        })
    }
}
