//! What clients may do, asked for each message, and asked anew when what decides has changed.

use super::Shard;
use super::end::WillFate;
use super::publish::Source;
use crate::event::DisconnectReason;
use crate::identity::{Credentials, Identity, Renewed, Rights};
use crate::ids::ConnectionId;
use crate::record::PublisherRecord;
use crate::session::Port;
use crate::turn::Turn;
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

    /// Whether messages of a topic may be sent to this Session's client.
    #[inline]
    pub(super) fn may_receive(&self, slot: u32, port: Port, topic: &str) -> bool {
        !port.is(Port::RESTRICTED | Port::MOUNTED)
            || self.restricted(slot).is_none_or(|identity| identity.may_receive(topic)) && self.is_visible(port, topic)
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

    /// What decides who a client is and what it may do has changed: `renew` is asked of each Session. Those that would not be let in
    /// any more lose their connections, without a Will; nobody else notices.
    pub fn renew_identities(&mut self, renew: &dyn Fn(&Credentials, &Identity) -> Renewed, turn: &mut Turn) {
        for slot in self.sessions.slots() {
            let connection = self.sessions.port(slot).and_then(Port::connection);
            let Some(session) = self.sessions.get_mut(slot) else { continue };
            let identity = session.identity.clone().unwrap_or_default();
            let credentials = Credentials {
                client_id: session.client_id.clone(),
                username: identity.username.clone(),
                password: None,
            };
            match renew(&credentials, &identity) {
                Renewed::Known(identity) => {
                    session.identity = Some(identity);
                    self.note_identity(slot);
                }
                Renewed::Refused => connection.into_iter().for_each(|id| self.expel(id, turn)),
            }
        }
        // Each shard does so: a message that one with the old rights has kept meanwhile is not overlooked.
        self.shared.retained().renew_publishers(renew);
    }

    fn expel(&mut self, id: ConnectionId, turn: &mut Turn) {
        let reason = DisconnectReason::ByServer(ReasonCode::NOT_AUTHORIZED, "not authorised");
        self.send_disconnect(id, ReasonCode::NOT_AUTHORIZED, "not authorised", turn);
        self.tell_disconnected(id, reason, turn);
        turn.closes.push(id);
        self.detach(id, WillFate::Dropped, turn);
    }
}
