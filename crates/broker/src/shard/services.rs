//! Sessions of services ([`crate::service`]): their messages' times of receipt, and their end.

use super::Shard;
use super::deliver::Publication;
use crate::event::{Event, EventKind, EventMask};
use crate::queue::Queue;
use crate::session::Port;
use crate::turn::Turn;
use midge_codec::{ReasonCode, TopicFilter};
use std::sync::Arc;

impl Shard {
    #[inline]
    pub(super) fn is_service(&self, slot: u32) -> bool {
        self.sessions.port(slot).is_some_and(|port| port.is(Port::SERVICE))
    }

    /// The message has its time of receipt from now on, if there are services that may want to know. One that other shards have given
    /// up already is a service still.
    #[inline]
    pub(super) fn note_receipt(&mut self, publication: &mut Publication<'_>, turn: &Turn) {
        if self.shared.router().knows_services() && publication.parts.received_ns == 0 {
            let received_ns = self.receipts.next(self.id, turn.now);
            publication.note_receipt(received_ns);
        }
    }

    /// Ends the Sessions of services that there are no longer, with what waits for them, and Subscriptions of the others that are
    /// not wanted any more. After [`Shard::put_in_force`].
    pub fn look_at_services(&mut self, turn: &mut Turn) {
        for slot in self.sessions.slots().filter(|&slot| self.is_service(slot)).collect::<Vec<_>>() {
            let options = Arc::clone(&self.options);
            let Some(session) = self.sessions.get(slot) else { continue };
            match options.services.iter().find(|service| service.client_id == session.client_id) {
                Some(service) => self.keep_subscriptions(slot, &service.filters, turn),
                None => self.end_service(slot, turn),
            }
        }
    }

    fn keep_subscriptions(&mut self, slot: u32, wanted: &[Box<str>], turn: &mut Turn) {
        let Some(session) = self.sessions.get(slot) else { return };
        let filters = session.subscriptions.iter().map(|subscription| {
            let mut text = String::new();
            self.shared.router().text(subscription.place.filter, &mut text);
            text
        });
        let unwanted: Vec<String> = filters.filter(|text| wanted.iter().all(|filter| **filter != **text)).collect();
        for filter in unwanted.iter().filter_map(|text| TopicFilter::parse(text).ok()) {
            self.unsubscribe(slot, &filter, turn);
        }
    }

    fn end_service(&mut self, slot: u32, turn: &mut Turn) {
        let Some(session) = self.sessions.get(slot) else { return };
        let inflight = session.outbound.as_deref().map_or(0, |outbound| outbound.messages().count() as u64);
        let waiting = session.queue.as_deref().map_or(0, Queue::len) + inflight;
        let connection = self.sessions.port(slot).and_then(Port::connection);
        turn.tell(EventMask::NOTICE, || {
            Event::of_session(self.sessions.get(slot), connection, EventKind::ServiceEnded { waiting })
        });
        if let Some(id) = connection {
            self.close(id, ReasonCode::ADMINISTRATIVE_ACTION, "administrative action", turn);
        }
        if self.is_service(slot) {
            self.end_session(slot, turn);
        }
    }
}
