//! What clients may do, asked for each message, and asked anew when what decides has changed.

use super::Shard;
use super::end::WillFate;
use super::publish::Source;
use crate::event::DisconnectReason;
use crate::identity::{Identity, Renew, Renewed, Rights};
use crate::ids::{ConnectionId, ListenerId};
use crate::message::Message;
use crate::options::Options;
use crate::record::PublisherRecord;
use crate::session::Port;
use crate::turn::{Now, Turn};
use midge_codec::ReasonCode;
use std::sync::Arc;

impl Shard {
    /// The identity of this Session has changed.
    pub(super) fn note_identity(&mut self, slot: u32) {
        let identity = self.sessions.get(slot).and_then(|session| session.identity.as_ref());
        let is_restricted = identity.is_some_and(|identity| identity.rights.is_some());
        self.sessions.set_flag(slot, Port::RESTRICTED, is_restricted);
    }

    /// Who the client is, where there is something that it may not do.
    pub(super) fn restricted(&self, slot: u32) -> Option<&Identity> {
        let port = self.sessions.port(slot).filter(|port| port.is(Port::RESTRICTED));
        port.and_then(|_| self.sessions.get(slot)).and_then(|session| session.identity.as_deref())
    }

    /// Whether there are messages that may not be sent to this Session's client.
    #[inline]
    pub(super) fn is_judged(port: Port) -> bool {
        port.is(Port::RESTRICTED | Port::MOUNTED)
    }

    /// Whether messages of a topic may be sent to this Session's client.
    #[inline]
    pub(super) fn may_receive(&self, slot: u32, port: Port, topic: &str) -> bool {
        !Shard::is_judged(port)
            || self.restricted(slot).is_none_or(|identity| identity.may_receive(topic)) && self.is_visible(port, topic)
    }

    /// Whether this message may not be sent to this Session's client. Its topic is looked at only where it has to be.
    #[inline]
    pub(super) fn is_denied(&self, slot: u32, port: Port, message: &Message) -> bool {
        Shard::is_judged(port) && !self.may_receive(slot, port, message.topic())
    }

    /// Who publishes, and what he may do (`None`: everything), where that is to be asked again before others are given the
    /// Retained Message.
    pub(super) fn publisher(&self, source: Source) -> Option<(PublisherRecord<'_>, Option<&Arc<dyn Rights>>)> {
        let slot = source.slot.filter(|_| self.options.check_retain_source)?;
        let session = self.sessions.get(slot)?;
        let identity = session.identity.as_deref();
        let username = identity.and_then(|identity| identity.username.as_deref());
        let port = identity.map_or(0, |identity| identity.port);
        let publisher = PublisherRecord { client_id: &session.client_id, username, port };
        Some((publisher, identity.and_then(|identity| identity.rights.as_ref())))
    }

    /// Whether the Retained Message with this number is not to be given to anybody, because its publisher may not publish it any
    /// more.
    pub(super) fn is_withdrawn(&self, number: u64, topic: &str) -> bool {
        let publisher = if self.options.check_retain_source { self.shared.retained().publisher(number) } else { None };
        publisher.is_some_and(|publisher| !publisher.may_publish(topic))
    }

    /// What decides who a client is and what it may do has changed: `renew` is asked of each Session, with the listener of its
    /// connection where it has one. Those that would not be let in any more lose their connections, without a Will; nobody else
    /// notices.
    pub fn renew_identities(&mut self, renew: &Renew<'_>, turn: &mut Turn) {
        for slot in self.sessions.slots() {
            if self.sessions.port(slot).is_some_and(|port| port.is(Port::SERVICE)) {
                continue;
            }
            let connection = self.sessions.port(slot).and_then(Port::connection);
            let here = connection.and_then(|id| self.connection(id));
            let listener = here.map(|connection| connection.listener);
            let is_named_by_us = here.is_none_or(|connection| connection.is_named_by_us);
            let options = Arc::clone(&self.options);
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            let caller = (&*session.client_id, is_named_by_us);
            if let Some(identity) = renewed(&options, renew, listener, caller, session.identity.as_deref()) {
                session.identity = Some(identity);
                self.note_identity(slot);
            } else if let Some(id) = connection {
                self.expel(id, turn);
            }
        }
        // Each shard does so: a message that one with the old rights has kept meanwhile is not overlooked.
        self.shared.retained().renew_publishers(renew);
    }

    /// Who the client is counts only so long: notes when that ends.
    pub(super) fn note_permit(&mut self, id: ConnectionId, identity: Option<&Identity>, now: Now) {
        if let Some(expires_at_s) = identity.and_then(|identity| identity.expires_at_s) {
            let left_ms = expires_at_s.saturating_sub(now.wall_s).saturating_mul(1000);
            self.permits.set(id.0, now.monotonic_ms.saturating_add(left_ms));
        }
    }

    /// Closes the connections of clients whose identity has come to its end. Their Wills are published: they were let in with
    /// them, and those who watch are to know.
    pub(super) fn expire_permits(&mut self, turn: &mut Turn) {
        let mut due = Vec::new();
        self.permits.expire(turn.now.monotonic_ms, &mut due);
        for id in due.into_iter().map(ConnectionId) {
            // The connection of this number may be another by now.
            let session = self.connection(id).and_then(|connection| self.sessions.get(connection.session));
            let identity = session.and_then(|session| session.identity.clone());
            match identity.as_deref().and_then(|identity| identity.expires_at_s) {
                Some(at_s) if at_s > turn.now.wall_s => self.note_permit(id, identity.as_deref(), turn.now),
                Some(_) => self.close(id, ReasonCode::MAXIMUM_CONNECT_TIME, "what let the client in has expired", turn),
                None => {}
            }
        }
    }

    /// This client would not be let in any more: it loses its connection, without a Will.
    pub fn expel(&mut self, id: ConnectionId, turn: &mut Turn) {
        if self.connection(id).is_none() {
            return;
        }
        let reason = DisconnectReason::ByServer(ReasonCode::NOT_AUTHORIZED, "not authorised");
        self.send_disconnect(id, ReasonCode::NOT_AUTHORIZED, "not authorised", turn);
        self.tell_disconnected(id, reason, turn);
        turn.closes.push(id);
        self.detach(id, WillFate::Dropped, turn);
    }

    /// The operator has closed where this client came in. Its Session lives on and its Will is published, as when it had gone
    /// itself without a word.
    pub fn dismiss(&mut self, id: ConnectionId, turn: &mut Turn) {
        if self.connection(id).is_some() {
            self.close(id, ReasonCode::ADMINISTRATIVE_ACTION, "administrative action", turn);
        }
    }

    /// From now on these are the rules. Connections keep the limits that they were told when they came. The seed and the sizes of
    /// queues in memory are those of the start.
    pub fn put_in_force(&mut self, options: Arc<Options>) {
        self.sampler.keep_history(options.keeps_samples);
        self.options = options;
    }
}

/// Who a client is now that calls itself so, or was called so by us; `None`: it would not be let in any more.
pub(super) fn renewed(
    options: &Options,
    renew: &Renew<'_>,
    listener: Option<ListenerId>,
    (client_id, is_named_by_us): (&str, bool),
    identity: Option<&Identity>,
) -> Option<Arc<Identity>> {
    let renewed = match identity {
        Some(identity) => identity.renewed(renew, listener, client_id),
        None => Identity::default().renewed(renew, listener, client_id),
    };
    match renewed {
        Renewed::Known(identity) if is_named_by_us || options.accepts(client_id) => Some(identity),
        _ => None,
    }
}
