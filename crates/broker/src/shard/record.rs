//! What a shard tells the log: see [`crate::record`] for what the records mean.
//!
//! What must hold: what a turn records is handed over before its mail is posted and its packets leave
//! ([`Shard::hand_over`]); a Session or Subscription is in the log's queue before another shard can see it
//! ([`Shard::hand_over_now`]). A packet that acknowledges, or was derived from what is recorded, leaves when the batch that
//! its Session noted last ([`Session::batch`](crate::session::Session)) is durable.

use super::Shard;
use super::deliver::Publication;
use super::publish::Source;
use crate::groups::GroupId;
use crate::ids::{ConnectionId, ReceiverOptions};
use crate::log_queue::{Appended, LogQueue};
use crate::message::{Message, MessageParts};
use crate::record::{
    AwayRecord, GroupName, LARGE_MESSAGE_BYTES, Origin, SessionName, SessionRecord, SubscriptionRecord, WillRecord,
};
use crate::router::{FilterId, MatchRun, Matches};
use crate::session::{Kept, Port, Session, Will};
use crate::turn::Turn;
use midge_codec::QoS;
use midge_protocol::Outbound;
use std::collections::VecDeque;
use std::sync::Arc;

/// How far this shard's records have come.
#[derive(Default)]
pub(super) struct Progress {
    /// Number of the batch that is being filled, from 1.
    pub batch: u64,
    /// Batches up to this one are durable.
    pub durable: u64,
    /// Behind the last batch that was handed over.
    pub end: u64,
    /// Batches that are not durable yet, and where each ends.
    waiting: VecDeque<(u64, u64)>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { batch: 1, ..Progress::default() }
    }

    pub(super) fn handed_over(&mut self, end: u64) {
        self.waiting.push_back((self.batch, end));
        self.batch += 1;
        self.end = end;
    }

    fn advance(&mut self, durable: u64) {
        while let Some(&(batch, end)) = self.waiting.front()
            && end <= durable
        {
            self.durable = batch;
            self.waiting.pop_front();
        }
    }
}

impl Shard {
    /// Hands over what the turn has recorded. Returns the position that packets which wait must wait for; `None` where
    /// everything is durable. To be called before the mail is posted.
    pub fn hand_over(&mut self, turn: &mut Turn) -> Option<u64> {
        self.sampler.refill(turn.now.monotonic_ms);
        self.hand_over_pending(turn);
        self.put_retained_on_disk();
        self.hand_over_snapshot(turn);
        let log = self.shared.log()?;
        self.progress.advance(log.durable());
        (!self.progress.waiting.is_empty()).then_some(self.progress.end)
    }

    /// Whether the packets of this connection that acknowledge something must wait for the log. Of a connection that has
    /// ended, nobody knows what they were derived from: they wait for everything.
    pub fn waits_for_log(&self, id: ConnectionId) -> bool {
        let session = self.connection(id).and_then(|connection| self.sessions.get(connection.session));
        session.is_none_or(|session| session.batch > self.progress.durable)
    }

    /// Hands over what was recorded so far.
    pub(super) fn hand_over_now(&mut self, turn: &mut Turn) {
        let shared = Arc::clone(&self.shared);
        if let Some(log) = shared.log() {
            self.hand_over_to(log, turn);
        }
    }

    /// The same, if there is anything.
    pub(super) fn hand_over_pending(&mut self, turn: &mut Turn) {
        if !turn.records.is_empty() {
            self.hand_over_now(turn);
        }
    }

    /// A large message begins a batch, so that it can be read alone.
    fn begin_batch_if_large(&mut self, parts: &MessageParts<'_>, turn: &mut Turn) {
        if parts.payload.len() >= LARGE_MESSAGE_BYTES {
            self.hand_over_pending(turn);
        }
    }

    /// A message is about to be seen by other shards: its record must have its place in the log. Called with a share group
    /// locked.
    pub(super) fn hand_over_message(&mut self, message: &Message, turn: &mut Turn) {
        let shared = Arc::clone(&self.shared);
        if message.identity() != message.place().unwrap_or(0)
            && let Some(log) = shared.log_within_lock()
        {
            self.hand_over_to(log, turn);
        }
    }

    /// The same as [`Shard::hand_over_pending`] for who holds a lock, or `log`.
    pub(super) fn hand_over_pending_to(&mut self, log: &LogQueue, turn: &mut Turn) {
        if !turn.records.is_empty() {
            self.hand_over_to(log, turn);
        }
    }

    fn hand_over_to(&mut self, log: &LogQueue, turn: &mut Turn) {
        let appended = turn.records.hand_over(log, self.id, false, turn.now);
        self.note_handed_over(&appended, turn);
    }

    /// A batch stands in the log's queue: who waits for what the turn derives from now on waits for a later one.
    pub(super) fn note_handed_over(&mut self, appended: &Appended, turn: &mut Turn) {
        turn.wakes_writer |= appended.wakes_writer;
        self.progress.handed_over(appended.end);
    }

    pub(super) fn is_durable(&self, slot: u32) -> bool {
        self.sessions.port(slot).is_some_and(|port| port.is(Port::DURABLE))
    }

    /// Whether the log knows the Session.
    pub(super) fn is_recorded(&self, slot: u32) -> bool {
        self.sessions.port(slot).is_some_and(|port| port.is(Port::RECORDED))
    }

    pub(super) fn session_name(&self, slot: u32) -> SessionName {
        let generation = self.sessions.port(slot).map_or(0, |port| port.generation);
        SessionName { shard: self.id.0, slot, generation }
    }

    /// What is derived from this Session from now on waits for the batch that is being filled.
    pub(super) fn note_record(&mut self, slot: u32) {
        let batch = self.progress.batch;
        if let Some(session) = self.sessions.get_mut(slot) {
            session.batch = batch;
        }
    }

    /// A Session that is durable begins a record.
    fn durable_name(&mut self, slot: u32) -> Option<SessionName> {
        if !self.is_durable(slot) {
            return None;
        }
        self.note_record(slot);
        Some(self.session_name(slot))
    }

    /// A message that has been routed. Of QoS 0 only what is retained or a service's is recorded, the latter as long as there is
    /// room; of others what somebody is to keep.
    pub(super) fn record_publish(
        &mut self,
        publication: &mut Publication<'_>,
        matches: &Matches,
        source: Source,
        turn: &mut Turn,
    ) {
        let parts = publication.parts;
        let is_retained = publication.retained_sequence != 0;
        let is_kept = (parts.qos > QoS::AtMostOnce || parts.received_ns != 0 && !self.shared.is_log_full())
            && matches.receivers.iter().any(|receiver| receiver.options().is_kept(parts.qos));
        if is_kept || is_retained || source.is_will {
            self.begin_batch_if_large(&parts, turn);
            let message = publication.message(&mut self.scratch.message).clone();
            let sequence = publication.retained_sequence;
            let receivers = |run: MatchRun| (run.shard, if is_kept { matches.of(run) } else { &[] });
            let origin = &self.origin(source);
            turn.records.publish(&message, &parts, sequence, origin, matches.runs.iter().copied().map(receivers));
            if let Some((publisher, _)) = self.publisher(source).filter(|_| is_retained && !parts.payload.is_empty()) {
                turn.records.retained_by(sequence, publisher);
            }
            if parts.payload.len() >= LARGE_MESSAGE_BYTES {
                self.note_large(message, sequence, is_kept);
            }
        } else if let (Some(slot), Some(packet_id)) = (source.slot, source.packet_id) {
            turn.records.accepted(self.session_name(slot), packet_id);
        } else {
            return;
        }
        if let Some(slot) = source.slot {
            self.note_record(slot);
        }
    }

    /// A large message was recorded: a Retained one leaves memory with the end of the turn.
    fn note_large(&mut self, message: Message, retained_sequence: u64, is_kept: bool) {
        if let Some(log) = self.shared.log().filter(|_| is_kept) {
            log.note_large(message.bytes() as u64);
        }
        if retained_sequence != 0 {
            self.large_retained.push((message, retained_sequence));
        }
    }

    /// A message that only this Session gets: it has a record of its own, whatever others there are of the same.
    pub(super) fn record_delivery(&mut self, slot: u32, parts: &MessageParts<'_>, turn: &mut Turn) -> Message {
        let message = Message::with_scratch(parts, &mut self.scratch.message);
        if self.is_durable(slot) {
            self.begin_batch_if_large(parts, turn);
            self.note_record(slot);
            let options = ReceiverOptions::with_qos(2).retain_as_published(true).durable(true);
            let receiver = [self.sessions.receiver(slot, options)];
            let runs = std::iter::once((self.id, &receiver[..]));
            turn.records.publish(&message, &message.parts(), 0, &Origin::default(), runs);
        }
        message
    }

    /// A Session, or the share group that gave it the message, holds it no longer.
    pub(super) fn record_done(&mut self, slot: u32, message: &Message, group: Option<GroupId>, turn: &mut Turn) {
        if let Some(group) = group {
            self.record_group_done(group, message, turn);
        } else if message.identity() != 0
            && let Some(name) = self.durable_name(slot)
        {
            turn.records.done(name, message.identity());
        }
    }

    /// A share group is done with a message.
    pub(super) fn record_group_done(&mut self, group: GroupId, message: &Message, turn: &mut Turn) {
        if message.identity() != 0 {
            turn.records.group_done(group.name(), message.identity());
        }
    }

    /// A QoS 2 message is about to be sent under a Packet Identifier.
    pub(super) fn record_sent(&mut self, slot: u32, kept: &Kept, packet_id: u16, turn: &mut Turn) {
        let group = self.extras.get(kept.extra as usize).and_then(|extra| extra.group);
        if let Some(name) = self.durable_name(slot) {
            if kept.message.is_from_run() {
                turn.records.body(&kept.message);
            }
            turn.records.sent(name, kept.message.identity(), packet_id, group.map(GroupId::name));
        }
    }

    pub(super) fn record_pubrec(&mut self, slot: u32, packet_id: u16, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.pubrec(name, packet_id);
        }
    }

    pub(super) fn record_complete(&mut self, slot: u32, packet_id: u16, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.complete(name, packet_id);
        }
    }

    pub(super) fn record_released(&mut self, slot: u32, packet_id: u16, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.released(name, packet_id);
        }
    }

    /// A Session has a connection: it is recorded if it outlives that, or has a Will. `is_new`: it begins.
    pub(super) fn record_connected(&mut self, slot: u32, is_new: bool, turn: &mut Turn) {
        if !self.is_logging() {
            return;
        }
        let Some(session) = self.sessions.get(slot) else { return };
        let is_durable = session.expiry_interval_s > 0;
        let was_recorded = self.is_recorded(slot);
        if !is_durable && session.will.is_none() && !was_recorded {
            return;
        }
        let name = self.session_name(slot);
        let state = session.record(is_durable, self.receive_maximum_of(slot), None);
        if is_new || !was_recorded {
            turn.records.began(name, &session.client_id, &state);
        } else {
            turn.records.changed(name, &state);
        }
        if let Some(identity) = session.identity.as_deref() {
            turn.records.owner(name, identity.port, identity.username.as_deref());
        }
        self.note_record(slot);
        self.sessions.set_flag(slot, Port::RECORDED, true);
        if self.is_durable(slot) != is_durable {
            self.sessions.set_flag(slot, Port::DURABLE, is_durable);
            self.renew_receivers(slot);
        }
    }

    /// A Session has lost its connection and goes on without.
    pub(super) fn record_away(&mut self, slot: u32, turn: &mut Turn) {
        let Some(name) = self.durable_name(slot) else { return };
        let Some(session) = self.sessions.get(slot) else { return };
        let state = session.record(true, self.receive_maximum_of(slot), Some(self.away(slot)));
        let will = if session.will.is_some() { WillRecord::Same } else { WillRecord::None };
        turn.records.changed(name, &SessionRecord { will, ..state });
    }

    /// How things stand with a Session that has no connection.
    pub(super) fn away(&self, slot: u32) -> AwayRecord {
        let session = self.sessions.get(slot);
        let inflight = session.and_then(|session| session.outbound.as_deref());
        let sent = inflight.into_iter().flat_map(Outbound::messages).filter(|kept| kept.qos == QoS::AtLeastOnce);
        let queued = session.and_then(|session| session.queue.as_deref());
        let before = queued.into_iter().flat_map(|queue| queue.in_memory()).filter(|kept| kept.dup);
        let on_disk = queued.map_or(0, |queue| queue.sent_upto);
        AwayRecord {
            ends_at_ms: session.and_then(|session| session.ends_at_ms),
            will_at_ms: session.and_then(|session| session.will_at_ms),
            sent_upto: sent.chain(before).map(|kept| kept.message.identity()).max().unwrap_or(0).max(on_disk),
        }
    }

    pub(super) fn record_ended(&mut self, slot: u32, turn: &mut Turn) {
        if self.is_recorded(slot) {
            self.note_record(slot);
            turn.records.ended(self.session_name(slot));
        }
    }

    /// Clients whose Sessions have ended may come back to any shard, once that is durable: what they do there comes after.
    /// Until then they come back here, where it is known that their CONNACK must wait.
    pub(super) fn release_ended(&mut self) {
        let Progress { durable, ref waiting, .. } = self.progress;
        let (sessions, directory) = (&self.sessions, self.shared.directory());
        self.ended.retain(|&hash, &mut batch| {
            let waits = batch > durable && !waiting.is_empty();
            if !waits && !sessions.has_hash(hash) {
                directory.release(hash);
            }
            waits
        });
    }

    /// The position in the log that this shard waits for itself, beside the packets that wait: when the log has come so far,
    /// a turn is due.
    pub fn awaited_position(&self) -> Option<u64> {
        let ended = (!self.ended.is_empty()).then(|| self.progress.waiting.front().map_or(0, |waiting| waiting.1));
        [ended, self.overdue.awaited_position()].into_iter().flatten().min()
    }

    /// A Subscription. It is in the log's queue when this returns, so that it may become visible.
    pub(super) fn record_subscribed(
        &mut self,
        slot: u32,
        filter: &str,
        options: ReceiverOptions,
        identifier: u32,
        turn: &mut Turn,
    ) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.subscribed(name, &SubscriptionRecord::without_replay(filter, options, identifier));
            self.hand_over_now(turn);
            self.note_record(slot);
        }
    }

    /// Retained Messages are to be replayed for a Subscription.
    pub(super) fn record_replay(&mut self, slot: u32, subscription: &SubscriptionRecord<'_>, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.subscribed(name, subscription);
        }
    }

    /// A Retained Message that is about to be sent by the Session's first replay: where the Session lasts, it becomes a message
    /// of its own, and the replay does not send it again after a restart.
    pub(super) fn record_replayed_message(
        &mut self,
        slot: u32,
        filter: FilterId,
        number: u64,
        message: Message,
        qos: QoS,
        turn: &mut Turn,
    ) -> Message {
        let Some(name) = self.durable_name(slot) else { return message };
        let parts = MessageParts { retain: true, qos, ..message.parts() };
        let message = self.record_delivery(slot, &parts, turn);
        self.scratch.filter.clear();
        self.shared.router().text(filter, &mut self.scratch.filter);
        turn.records.replay_sent(name, &self.scratch.filter, number);
        let replays = self.sessions.get_mut(slot).and_then(|session| session.replays.as_deref_mut());
        if let Some(replay) = replays.and_then(VecDeque::front_mut) {
            replay.sent.insert(number);
        }
        message
    }

    /// They are all under way.
    pub(super) fn record_replayed(&mut self, slot: u32, filter: FilterId, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            self.scratch.filter.clear();
            self.shared.router().text(filter, &mut self.scratch.filter);
            turn.records.replayed(name, &self.scratch.filter);
        }
    }

    /// A share group becomes durable. It is in the log's queue when this returns. Called with the group locked.
    pub(super) fn record_group_began(&mut self, group: GroupName, share: &str, turn: &mut Turn) {
        turn.records.group_began(group, share);
        let shared = Arc::clone(&self.shared);
        if let Some(log) = shared.log_within_lock() {
            self.hand_over_to(log, turn);
        }
    }

    pub(super) fn record_unsubscribed(&mut self, slot: u32, filter: &str, turn: &mut Turn) {
        if let Some(name) = self.durable_name(slot) {
            turn.records.unsubscribed(name, filter);
        }
    }

    /// The Session has become durable, or is no longer: what is routed to it is recorded or not.
    fn renew_receivers(&mut self, slot: u32) {
        let is_durable = self.is_durable(slot);
        let receiver = |options| self.sessions.receiver(slot, options);
        let Some(session) = self.sessions.get(slot) else { return };
        let changed: Vec<_> =
            session.subscriptions.iter().map(|subscription| (subscription.place, subscription.options)).collect();
        for (place, options) in changed {
            let options = options.durable(is_durable && options.qos() > 0);
            self.shared.router().replace(place, self.id, receiver(options));
        }
    }

    pub(super) fn receive_maximum_of(&self, slot: u32) -> u16 {
        let connection = self.sessions.port(slot).and_then(Port::connection).and_then(|id| self.connection(id));
        connection.map_or(u16::MAX, |connection| connection.receive_maximum)
    }

    /// Whether anything is recorded at all.
    pub(super) fn is_logging(&self) -> bool {
        self.shared.has_log()
    }

    /// As the log names it.
    fn origin(&self, source: Source) -> Origin {
        let from = source.slot.map(|slot| self.session_name(slot));
        Origin { from, packet_id: source.packet_id, is_will: source.is_will }
    }
}

impl Session {
    /// As it stands in the log.
    pub(super) fn record(&self, is_durable: bool, receive_maximum: u16, away: Option<AwayRecord>) -> SessionRecord<'_> {
        SessionRecord {
            is_durable,
            expiry_interval_s: self.expiry_interval_s,
            receive_maximum,
            will: self.will.as_deref().map_or(WillRecord::None, Will::record),
            away,
        }
    }
}

impl Will {
    /// As it stands in the log.
    pub(crate) fn record(&self) -> WillRecord<'_> {
        WillRecord::Set { message: self.message.parts(), delay_s: self.delay_s }
    }
}
