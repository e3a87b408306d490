//! The end of a connection, of a Session, of the server; and the Will.

use super::Shard;
use super::publish::{Source, summary};
use crate::access::{self, Denied};
use crate::event::{DisconnectReason, Event, EventKind, EventMask};
use crate::ids::{ConnectionId, ReceiverOptions};
use crate::message::{Message, MessageParts};
use crate::session::{AWAY, NO_EXTRA, Port, Session};
use crate::turn::Turn;
use midge_codec::{QoS, ReasonCode};

/// How a Network Connection ended without the broker asking for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionEnd {
    /// FIN, or a clean end of the transport.
    ClosedByClient,
    /// The socket failed; the text says how.
    SocketError(Box<str>),
    /// No CONNECT came within the time allowed.
    ConnectTimeout,
}

/// What becomes of the Will when a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WillFate {
    /// Forgotten, unpublished.
    Dropped,
    /// Published when its delay or the Session is over, whichever is first.
    Published,
    /// Published at once, whatever its delay.
    PublishedNow,
}

impl Shard {
    /// The Network Connection ended, after all its bytes were handed in. Also for those that never got a Session.
    pub fn handle_closed(&mut self, id: ConnectionId, end: ConnectionEnd, turn: &mut Turn) {
        let reason = match end {
            ConnectionEnd::ClosedByClient => DisconnectReason::ClosedByClient,
            ConnectionEnd::SocketError(text) => DisconnectReason::SocketError(text),
            ConnectionEnd::ConnectTimeout => DisconnectReason::ConnectTimeout,
        };
        if self.connection(id).is_none() {
            turn.tell(EventMask::CONNECTION, || Event::of_session(None, Some(id), EventKind::Disconnected(reason)));
            return;
        }
        self.tell_disconnected(id, reason, turn);
        self.detach(id, WillFate::Published, turn);
    }

    /// Parts the connection from its Session. The Session ends if it expires with its connection.
    pub(super) fn detach(&mut self, id: ConnectionId, fate: WillFate, turn: &mut Turn) {
        let Some(connection) = self.connections.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.connected -= 1;
        let slot = connection.session;
        self.sessions.ports[slot as usize].connection = AWAY;
        self.sessions.set_flag(slot, Port::CONGESTED | Port::MOUNTED, false);
        self.leave_groups_ready(slot, turn);
        self.end_views(slot, turn);
        self.tell_discards(slot, turn);
        let now_ms = turn.now.monotonic_ms;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let expires_at_ms = match session.expiry_interval_s {
            u32::MAX => None,
            seconds => Some(now_ms + u64::from(seconds) * 1000),
        };
        let will_delay_s = session.will.as_ref().map_or(0, |will| will.delay_s);
        let waits = fate == WillFate::Published && will_delay_s > 0 && session.expiry_interval_s > 0;
        if fate == WillFate::Dropped {
            session.will = None;
        } else if waits && session.will.is_some() {
            session.will_at_ms = Some(now_ms + u64::from(will_delay_s) * 1000);
        } else {
            self.publish_will(slot, turn);
        }
        let Some(session) = self.sessions.get_mut(slot) else { return };
        if session.expiry_interval_s == 0 {
            self.end_session(slot, turn);
            return;
        }
        session.ends_at_ms = expires_at_ms;
        let deadlines = [session.ends_at_ms, session.will_at_ms];
        self.record_away(slot, turn);
        for deadline in deadlines.into_iter().flatten() {
            self.absences.set(slot, deadline);
        }
    }

    /// Ends a Session: its Subscriptions, its queue and what was under way are gone; a Will that still waits is
    /// published `[MQTT-3.1.2-8]`.
    pub(super) fn end_session(&mut self, slot: u32, turn: &mut Turn) {
        self.publish_will(slot, turn);
        self.tell_discards(slot, turn);
        self.unsubscribe_all(slot);
        let leaving = self.release_memberships(slot, turn);
        self.record_ended(slot, turn);
        let Some(mut session) = self.sessions.remove(slot) else { return };
        self.forget_messages(&mut session);
        if let Some(replays) = session.replays.take() {
            replays.into_iter().for_each(|replay| self.shared.retained().abandon(replay.cursor));
        }
        self.shared.directory().session_ended(self.id);
        let ended = self.ended.entry(session.hash).or_default();
        *ended = session.batch.max(*ended);
        self.pass_on(leaving, turn);
    }

    /// Will Delay and Session Expiry timers that have fired.
    pub(super) fn expire_absences(&mut self, turn: &mut Turn) {
        let mut due = std::mem::take(&mut self.scratch.due);
        self.absences.expire(turn.now.monotonic_ms, &mut due);
        due.drain(..).for_each(|slot| self.expire_absence(slot, turn));
        self.scratch.due = due;
    }

    /// What is due of one Session; its next deadline is set.
    fn expire_absence(&mut self, slot: u32, turn: &mut Turn) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let is_due = |deadline: Option<u64>| deadline.is_some_and(|at| at <= turn.now.monotonic_ms);
        let (ends, will) = (is_due(session.ends_at_ms), is_due(session.will_at_ms));
        if will && !ends {
            session.will_at_ms = None;
            self.publish_will(slot, turn);
        }
        if ends {
            self.tell_expired(slot, turn);
            self.end_session(slot, turn);
        } else if let Some(session) = self.sessions.get(slot) {
            let next = [session.ends_at_ms, session.will_at_ms];
            next.into_iter().flatten().for_each(|deadline| self.absences.set(slot, deadline));
        }
    }

    fn tell_expired(&mut self, slot: u32, turn: &mut Turn) {
        if self.is_logging() && !self.is_durable(slot) {
            // It was in the log for the sake of its Will.
            return;
        }
        let session = self.sessions.get(slot);
        turn.tell(EventMask::NOTICE, || Event::of_session(session, None, EventKind::SessionExpired));
        self.counters.clients_expired += 1;
    }

    /// Sessions were put back from the log: whatever became due while the server was off happens before anybody comes.
    pub fn handle_restored(&mut self, turn: &mut Turn) {
        // From the end of the server on they were away: the next end must not begin that anew.
        for slot in std::mem::take(&mut self.disconnected) {
            self.record_away(slot, turn);
        }
        for slot in self.sessions.slots() {
            self.expire_absence(slot, turn);
        }
    }

    /// Publishes the Will, if there is one, and forgets it `[MQTT-3.1.2-10]`. Its lifetime begins now.
    fn publish_will(&mut self, slot: u32, turn: &mut Turn) {
        let Some(will) = self.sessions.get_mut(slot).and_then(|session| session.will.take()) else {
            return;
        };
        let mut parts = MessageParts { received_s: turn.now.seconds() as u32, ..will.message.parts() };
        // Who is there learns of it all the same.
        if let Err(denied) = access::retain(&self.options, &self.shared, &parts) {
            self.tell_will_refused(slot, &parts, denied, turn);
            parts.retain = false;
        }
        match access::will(&self.options, self.restricted(slot), &parts) {
            Ok(allowed) => {
                turn.tell(EventMask::NOTICE, || {
                    let kind = EventKind::WillPublished(parts.topic.into());
                    Event::of_session(self.sessions.get(slot), None, kind)
                });
                self.publish(&parts, Source::will(slot), &allowed, turn);
            }
            Err(denied) => self.tell_will_refused(slot, &parts, denied, turn),
        }
    }

    fn tell_will_refused(&mut self, slot: u32, parts: &MessageParts<'_>, denied: Denied, turn: &mut Turn) {
        self.counters.count_refusal(&denied);
        turn.tell(EventMask::NOTICE, || {
            let packet = summary(parts, 0, false);
            let kind = EventKind::PublishDenied { packet, code: denied.code, cause: denied.cause, more: Some(0) };
            Event::of_session(self.sessions.get(slot), None, kind)
        });
    }

    /// The server is about to end: every Will is published while those who want it are still here.
    pub fn publish_wills(&mut self, turn: &mut Turn) {
        for slot in self.sessions.slots() {
            self.publish_will(slot, turn);
        }
    }

    /// The server ends: version 5 clients are told 0x8B, everybody is closed. Wills went out before, see
    /// [`Shard::publish_wills`].
    pub fn handle_shutdown(&mut self, turn: &mut Turn) {
        for number in 0..self.connections.len() as u32 {
            let id = ConnectionId(number);
            if self.connection(id).is_some() {
                self.close(id, ReasonCode::SERVER_SHUTTING_DOWN, "server shutting down", turn);
            }
        }
    }

    /// Publishes something of the server's own, such as `$SYS`.
    pub fn publish_from_server(&mut self, topic: &str, payload: &[u8], qos: QoS, retain: bool, turn: &mut Turn) {
        let received_s = turn.now.seconds() as u32;
        let parts = MessageParts {
            topic,
            properties: &[],
            payload,
            qos,
            retain,
            received_s,
            received_ns: 0,
            expiry_interval_s: None,
        };
        self.publish(&parts, Source::SERVER, &access::server(), turn);
    }

    /// The same for news, which nobody wants to hear after `expiry_interval_s`.
    pub fn publish_news_from_server(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: QoS,
        expiry_interval_s: u32,
        turn: &mut Turn,
    ) {
        let received_s = turn.now.seconds() as u32;
        let expiry_interval_s = Some(expiry_interval_s);
        let parts = MessageParts {
            topic,
            properties: &[],
            payload,
            qos,
            retain: false,
            received_s,
            received_ns: 0,
            expiry_interval_s,
        };
        self.publish(&parts, Source::SERVER, &access::server(), turn);
    }

    /// Queue and inflight of a Session that has ended.
    fn forget_messages(&mut self, session: &mut Session) {
        if let Some(queue) = session.queue.take() {
            self.messages_on_disk -= queue.on_disk();
            self.note_freed(queue.runs().map(|run| run.record.disk_bytes).sum());
            queue.into_messages().for_each(|kept| drop(self.release(kept)));
        }
        if let Some(mut outbound) = session.outbound.take() {
            self.inflight -= outbound.len() as u64;
            outbound.drain().for_each(|(_, kept)| drop(self.release(kept)));
        }
    }

    /// A message that a Session held is held no longer. Gives back its extra.
    pub(super) fn release(&mut self, kept: crate::session::Kept) -> (Message, Option<crate::session::Extra>) {
        self.messages_held -= 1;
        self.bytes_held -= kept.message.bytes() as u64;
        let extra = (kept.extra != NO_EXTRA).then(|| self.extras.try_remove(kept.extra as usize)).flatten();
        (kept.message, extra)
    }

    fn unsubscribe_all(&mut self, slot: u32) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let subscriptions = std::mem::take(&mut session.subscriptions);
        self.subscriptions -= subscriptions.len() as u64;
        for subscription in subscriptions.iter() {
            self.replayed.forget(slot, subscription.place.filter);
            self.leave_router(subscription.place);
        }
    }

    /// How others name this Session.
    pub(super) fn name(&self, slot: u32) -> crate::ids::Receiver {
        self.sessions.receiver(slot, ReceiverOptions::default())
    }
}
