//! A message for Sessions of this shard: who gets it, with which QoS, now or later.

use super::Shard;
use super::publish::summary;
use crate::event::{DiscardReason, Event, EventKind, EventMask};
use crate::ids::{ConnectionId, Receiver};
use crate::limits;
use crate::mail::Envelope;
use crate::message::{Message, MessageParts};
use crate::outbox::{After, Frame, SHARED_PAYLOAD_BYTES_MIN};
use crate::router::FilterId;
use crate::service::append_received;
use crate::session::{Extra, Kept, NO_EXTRA, Port, Session};
use crate::turn::Turn;
use midge_codec::{PublishOut, QoS, Version};
use midge_protocol::Aliased;
use smallvec::SmallVec;

/// A message on its way to its receivers. The shared [`Message`] is made when the first of them must keep it.
pub(super) struct Publication<'a> {
    pub parts: MessageParts<'a>,
    message: Option<Message>,
    /// Sequence number of its retained write; 0 where there was none.
    pub retained_sequence: u64,
    /// Slot of the Session it came from, if that lives here.
    publisher: Option<u32>,
    layouts: Layouts,
}

/// How a PUBLISH was encoded for earlier receivers: later ones that need the same share it.
#[derive(Default)]
pub(super) struct Layouts(SmallVec<[(u64, Frame); 4]>);

/// What may differ from receiver to receiver.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    pub packet_id: u16,
    pub identifiers: &'a [u32],
}

/// Joins the matches of overlapping Subscriptions into one delivery for each Session.
#[derive(Default)]
pub(super) struct Merge {
    entries: Vec<Merged>,
    /// By slot: the number of the merge that saw it last, and its entry then.
    seen: Vec<(u32, u32)>,
    number: u32,
}

struct Merged {
    receiver: Receiver,
    granted: QoS,
    retain_as_published: bool,
    identifiers: SmallVec<[u32; 2]>,
}

impl<'a> Publication<'a> {
    pub(super) fn new(parts: MessageParts<'a>, publisher: Option<u32>) -> Self {
        Publication { parts, message: None, retained_sequence: 0, publisher, layouts: Layouts::default() }
    }

    /// The same as it came by mail.
    pub(super) fn from_mail(envelope: Envelope, parts: MessageParts<'a>, message: Option<Message>) -> Self {
        let retained_sequence = envelope.retained_sequence;
        Publication { parts, message, retained_sequence, publisher: None, layouts: Layouts::default() }
    }

    pub(super) fn envelope(&self) -> Envelope {
        Envelope {
            qos: self.parts.qos,
            retain: self.parts.retain,
            received_s: self.parts.received_s,
            expiry_interval_s: self.parts.expiry_interval_s,
            retained_sequence: self.retained_sequence,
        }
    }

    /// It was received at this time. What is shared already, as a Retained Message, does not know it.
    pub(super) fn note_receipt(&mut self, received_ns: u64) {
        self.parts.received_ns = received_ns;
        self.message = None;
    }

    /// The shared message, made if need be.
    pub(super) fn message(&mut self, scratch: &mut Vec<u8>) -> &Message {
        self.message.get_or_insert_with(|| Message::with_scratch(&self.parts, scratch))
    }

    pub(super) fn known_message(&self) -> Option<&Message> {
        self.message.as_ref()
    }
}

impl Shard {
    /// Delivers to the receivers of one filter: nobody is among them twice.
    #[inline]
    pub(super) fn deliver_to_filter(
        &mut self,
        publication: &mut Publication<'_>,
        filter: FilterId,
        receivers: &[Receiver],
        turn: &mut Turn,
    ) {
        for &receiver in receivers {
            let Some((port, identifier)) = self.judge(publication, filter, receiver) else { continue };
            let options = receiver.options();
            let granted = QoS::from_u8(options.qos()).unwrap_or(QoS::AtMostOnce);
            let identifiers: &[u32] = if identifier == 0 { &[] } else { &[identifier] };
            self.deliver_one(
                publication,
                receiver.slot,
                port,
                granted,
                options.is_retain_as_published(),
                identifiers,
                turn,
            );
        }
    }

    /// Delivers to the receivers of several filters, to each Session once: with the highest QoS that one of its matching
    /// Subscriptions was granted `[MQTT-3.3.4-2]` and the identifiers of all of them `[MQTT-3.3.4-4]`.
    pub(super) fn deliver<'r>(
        &mut self,
        publication: &mut Publication<'_>,
        mut lists: impl ExactSizeIterator<Item = (FilterId, &'r [Receiver])>,
        turn: &mut Turn,
    ) {
        if lists.len() == 1
            && let Some((filter, receivers)) = lists.next()
        {
            return self.deliver_to_filter(publication, filter, receivers, turn);
        }
        let mut merge = std::mem::take(&mut self.scratch.merge);
        merge.begin(self.sessions.ports.len());
        for (filter, receivers) in lists {
            for &receiver in receivers {
                if let Some((_, identifier)) = self.judge(publication, filter, receiver) {
                    merge.add(receiver, identifier);
                }
            }
        }
        for merged in merge.entries.drain(..) {
            let Some(port) = self.sessions.port(merged.receiver.slot) else { continue };
            let Merged { receiver, granted, retain_as_published, identifiers } = merged;
            self.deliver_one(publication, receiver.slot, port, granted, retain_as_published, &identifiers, turn);
        }
        self.scratch.merge = merge;
    }

    /// Whether this Subscription gets the message, and under which Subscription Identifier (0: none).
    #[inline]
    fn judge(&self, publication: &Publication<'_>, filter: FilterId, receiver: Receiver) -> Option<(Port, u32)> {
        let port = self.sessions.port(receiver.slot).filter(|port| port.generation == receiver.generation())?;
        let options = receiver.options();
        if options.is_no_local() && publication.publisher == Some(receiver.slot) {
            return None;
        }
        if publication.retained_sequence != 0
            && self.replayed.covers(receiver.slot, filter, publication.retained_sequence)
        {
            return None;
        }
        let identifier = if options.has_identifier() {
            let session = self.sessions.get(receiver.slot)?;
            session.subscriptions.get(filter).map_or(0, |subscription| subscription.identifier)
        } else {
            0
        };
        Some((port, identifier))
    }

    #[expect(clippy::too_many_arguments, reason = "the innermost step of a fan-out; a struct would be built for each")]
    #[inline]
    fn deliver_one(
        &mut self,
        publication: &mut Publication<'_>,
        slot: u32,
        port: Port,
        granted: QoS,
        retain_as_published: bool,
        identifiers: &[u32],
        turn: &mut Turn,
    ) {
        let is_upgraded = self.options.upgrade_outgoing_qos || port.is(Port::SERVICE);
        let qos = if is_upgraded { granted } else { granted.min(publication.parts.qos) };
        if !self.may_receive(slot, port, publication.parts.topic) {
            return self.withhold(publication, slot, qos, turn);
        }
        let retain = publication.parts.retain && retain_as_published;
        if qos > QoS::AtMostOnce {
            let message = publication.message(&mut self.scratch.message).clone();
            let kept = self.hold(message, qos, retain, identifiers, None);
            return self.deliver_kept(slot, port, kept, &mut publication.layouts, turn);
        }
        match port.connection() {
            Some(_) if port.is(Port::CONGESTED) => self.discard(slot, DiscardReason::SlowReader, turn),
            Some(id) if !self.has_queued_qos_0(slot) => {
                let outgoing = Outgoing { qos, retain, dup: false, packet_id: 0, identifiers };
                let Publication { parts, message, layouts, .. } = publication;
                self.send_publish(id, port, parts, message.as_ref(), &outgoing, layouts, turn);
            }
            _ if self.options.queue_qos0_messages => {
                let message = publication.message(&mut self.scratch.message).clone();
                let kept = self.hold(message, qos, retain, identifiers, None);
                self.enqueue(slot, kept, turn);
            }
            _ => {}
        }
    }

    /// A message is not for this Session, which the log names among its receivers.
    #[cold]
    fn withhold(&mut self, publication: &mut Publication<'_>, slot: u32, qos: QoS, turn: &mut Turn) {
        if qos > QoS::AtMostOnce && self.is_durable(slot) {
            let message = publication.message(&mut self.scratch.message).clone();
            self.record_done(slot, &message, None, turn);
        }
    }

    /// Whether QoS 0 messages may wait in a Session's queue: those that come now may not pass them `[MQTT-4.6.0-6]`.
    fn has_queued_qos_0(&self, slot: u32) -> bool {
        self.options.queue_qos0_messages && self.sessions.get(slot).is_some_and(Session::has_queued)
    }

    /// A message that a Session is to hold until it is delivered.
    pub(super) fn hold(
        &mut self,
        message: Message,
        qos: QoS,
        retain: bool,
        identifiers: &[u32],
        group: Option<crate::groups::GroupId>,
    ) -> Kept {
        self.messages_held += 1;
        self.bytes_held += message.bytes() as u64;
        let extra = if identifiers.is_empty() && group.is_none() {
            NO_EXTRA
        } else {
            self.extras.insert(Extra { identifiers: identifiers.into(), group }) as u32
        };
        Kept { message, extra, qos, retain, dup: false }
    }

    /// Sends a QoS 1 or 2 message at once where that is possible and nothing older waits; else it is queued.
    pub(super) fn deliver_kept(&mut self, slot: u32, port: Port, kept: Kept, layouts: &mut Layouts, turn: &mut Turn) {
        let Some(session) = self.sessions.get_mut(slot) else { return drop(self.release(kept)) };
        if let Some(id) = port.connection()
            && !port.is(Port::CONGESTED)
            && !session.has_queued()
            && let Some(connection) = self.connections[id.0 as usize].as_ref()
            && session.outbound.get_or_insert_default().can_begin(connection.inflight_max(&self.options))
        {
            self.begin(slot, id, port, kept, layouts, turn);
        } else {
            self.enqueue(slot, kept, turn);
        }
    }

    /// Begins a QoS 1 or 2 exchange. The caller has asked whether it may.
    pub(super) fn begin(
        &mut self,
        slot: u32,
        id: ConnectionId,
        port: Port,
        kept: Kept,
        layouts: &mut Layouts,
        turn: &mut Turn,
    ) {
        let identifiers = self.identifiers(&kept);
        if needs_measuring(port, kept.message.payload())
            && !self.fits(id, &self.as_seen(port, &kept.message.parts()), kept.qos, &identifiers)
        {
            if let Some(session) = self.sessions.get_mut(slot) {
                session.outbound.get_or_insert_default().skip();
            }
            self.discard(slot, DiscardReason::PacketTooLarge, turn);
            return self.finish(slot, kept, turn);
        }
        let kept = if qos_2_needs_record(port, &kept) {
            // The Packet Identifier under which it is sent names a message in the log.
            let message = self.record_delivery(slot, &kept.message.parts(), turn);
            Kept { message, ..kept }
        } else {
            kept
        };
        let (message, qos, retain, dup) = (kept.message.clone(), kept.qos, kept.retain, kept.dup);
        if qos == QoS::ExactlyOnce && port.is(Port::DURABLE) {
            let Some(session) = self.sessions.get_mut(slot) else { return };
            let packet_id = session.outbound.get_or_insert_default().next_packet_id().get();
            self.record_sent(slot, &kept, packet_id, turn);
        }
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let packet_id = session.outbound.get_or_insert_default().begin(qos, kept).get();
        self.inflight += 1;
        let outgoing = Outgoing { qos, retain, dup, packet_id, identifiers: &identifiers };
        self.send_publish(id, port, &message.parts(), Some(&message), &outgoing, layouts, turn);
    }

    /// Subscription Identifiers of a delivery.
    pub(super) fn identifiers(&self, kept: &Kept) -> SmallVec<[u32; 2]> {
        if kept.extra == NO_EXTRA {
            return SmallVec::new();
        }
        self.extras.get(kept.extra as usize).map_or_else(SmallVec::new, |extra| extra.identifiers.clone())
    }

    /// Queues a message, or discards it where the bounds say so: the oldest are kept. What a share group gives is bounded
    /// by its credit instead, and must not be lost while other members could take it.
    pub(super) fn enqueue(&mut self, slot: u32, kept: Kept, turn: &mut Turn) {
        let is_shared = self.extras.get(kept.extra as usize).is_some_and(|extra| extra.group.is_some());
        let is_service = self.is_service(slot);
        let options = &self.options;
        let Some(session) = self.sessions.get_mut(slot) else { return drop(self.release(kept)) };
        let queue = session.queue.get_or_insert_default();
        let (messages_max, bytes_max) = (options.max_queued_messages, options.max_queued_bytes);
        let bytes = queue.bytes() + kept.message.bytes() as u64;
        let is_full = match is_service {
            // What is in the log has its bound there.
            true => kept.message.identity() == 0 && queue.memory_cost() >= limits::SERVICE_MEMORY_BYTES_MAX,
            false => messages_max != 0 && queue.len() >= messages_max || bytes_max != 0 && bytes > bytes_max,
        };
        if is_full && !is_shared {
            self.discard(slot, DiscardReason::QueueFull, turn);
            return self.finish(slot, kept, turn);
        }
        queue.push_new(kept, turn.now.seconds() as u32);
        if self.is_logging() {
            self.spill_if_long(slot, turn);
        }
    }

    /// Counts a discarded message, and tells of the first for each reason; of the others when the client comes or goes.
    pub(super) fn discard(&mut self, slot: u32, reason: DiscardReason, turn: &mut Turn) {
        self.counters.count_discard(reason);
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.discards = session.discards.saturating_add(1);
        let bit = 1 << reason as u8;
        if session.discards_told & bit == 0 {
            session.discards_told |= bit;
            self.tell_of_session(slot, turn, || EventKind::Discarded(reason));
        }
    }

    /// The client comes or goes: how many of its messages were discarded meanwhile, if more than were told of.
    pub(super) fn tell_discards(&mut self, slot: u32, turn: &mut Turn) {
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let (count, told) = (std::mem::take(&mut session.discards), std::mem::take(&mut session.discards_told));
        if count > told.count_ones() {
            self.tell_of_session(slot, turn, || EventKind::DiscardedInAll(count));
        }
    }

    fn tell_of_session(&self, slot: u32, turn: &mut Turn, kind: impl FnOnce() -> EventKind) {
        turn.tell(EventMask::NOTICE, || {
            let connection = self.sessions.port(slot).and_then(Port::connection);
            Event::of_session(self.sessions.get(slot), connection, kind())
        });
    }

    /// Whether a PUBLISH is within the client's Maximum Packet Size `[MQTT-3.1.2-24]`.
    pub(super) fn fits(&self, id: ConnectionId, parts: &MessageParts<'_>, qos: QoS, identifiers: &[u32]) -> bool {
        let Some(connection) = self.connection(id) else { return false };
        let out = PublishOut {
            version: connection.version,
            dup: false,
            qos,
            retain: false,
            topic: parts.topic.as_bytes(),
            packet_id: 0,
            topic_alias: None,
            message_expiry_interval_s: parts.expiry_interval_s,
            subscription_ids: identifiers,
            forward: parts.properties,
            payload: parts.payload,
        };
        out.encoded_len() <= connection.packet_bytes_max as usize
    }

    /// Puts out a PUBLISH. One that is too large for its receiver is left out as though it had been delivered
    /// `[MQTT-3.1.2-25]`.
    #[expect(clippy::too_many_arguments, reason = "the innermost step of a fan-out; a struct would be built for each")]
    #[inline]
    pub(super) fn send_publish(
        &mut self,
        id: ConnectionId,
        port: Port,
        parts: &MessageParts<'_>,
        message: Option<&Message>,
        outgoing: &Outgoing<'_>,
        layouts: &mut Layouts,
        turn: &mut Turn,
    ) {
        let seen;
        let mut properties = Vec::new();
        let parts = if port.is(Port::MOUNTED) {
            seen = self.as_seen(port, parts);
            &seen
        } else if port.is(Port::SERVICE) {
            properties = std::mem::take(&mut self.scratch.received);
            properties.clear();
            append_received(parts.properties, parts.received_ns, &mut properties);
            seen = MessageParts { properties: &properties, ..*parts };
            &seen
        } else {
            parts
        };
        let mut aliased = Aliased::No;
        if needs_measuring(port, parts.payload) {
            match self.particular(id, parts, outgoing) {
                Some(found) => aliased = found,
                None => {
                    let slot = self.connection(id).map(|connection| connection.session);
                    return slot.into_iter().for_each(|slot| self.discard(slot, DiscardReason::PacketTooLarge, turn));
                }
            }
        }
        let frame = layouts.frame(port, parts, message, outgoing, aliased, turn);
        let after = if outgoing.qos == QoS::ExactlyOnce { After::TurnDurable } else { After::Now };
        turn.outbox.send(id, &frame, outgoing.packet_id, after);
        if after == After::TurnDurable && port.is(Port::DURABLE) {
            // Messages come in the order in which they were published, whatever their QoS.
            turn.outbox.hold_behind(id);
        }
        self.counters.packets_sent += 1;
        self.counters.publish_sent += 1;
        self.counters.bytes_sent += turn.outbox.frame_len(&frame) as u64;
        self.counters.publish_bytes_sent += parts.payload.len() as u64;
        self.tell_packet(id, turn, || {
            let parts = MessageParts { qos: outgoing.qos, retain: outgoing.retain, ..*parts };
            EventKind::SendingPublish(summary(&parts, outgoing.packet_id, outgoing.dup))
        });
        if port.is(Port::SERVICE) {
            self.scratch.received = properties;
        }
    }

    /// How to name the topic for a client with aliases or a Maximum Packet Size; `None`: too large for it.
    fn particular(&mut self, id: ConnectionId, parts: &MessageParts<'_>, outgoing: &Outgoing<'_>) -> Option<Aliased> {
        const ALIAS_BYTES: usize = 3;
        let fits = self.fits(id, parts, outgoing.qos, outgoing.identifiers);
        let connection = self.connection_mut(id)?;
        if !fits {
            return None;
        }
        // What may wait for the log must not set an alias: packets that name it would come first.
        if outgoing.qos == QoS::ExactlyOnce {
            return Some(Aliased::No);
        }
        let Some(aliases) = &mut connection.outbound_aliases else { return Some(Aliased::No) };
        let bytes = parts.topic.len() + parts.properties.len() + parts.payload.len();
        // Setting an alias makes the packet longer; near the limit the topic is simply written out.
        let roomy = (connection.packet_bytes_max as usize) > bytes + 64 + outgoing.identifiers.len() * 5 + ALIAS_BYTES;
        Some(if roomy { aliases.alias(parts.topic.as_bytes()) } else { Aliased::No })
    }
}

/// Whether a QoS 2 message goes to a durable Session without being in the log: it was routed when nobody needed it there.
fn qos_2_needs_record(port: Port, kept: &Kept) -> bool {
    kept.qos == QoS::ExactlyOnce && port.is(Port::DURABLE) && kept.message.identity() == 0
}

/// Whether a packet might be too large: for this client, or for any, since what we add may lengthen it beyond what a
/// Remaining Length can say.
pub(super) fn needs_measuring(port: Port, payload: &[u8]) -> bool {
    port.is(Port::PARTICULAR) || payload.len() >= SHARED_PAYLOAD_BYTES_MIN
}

/// What is left of the key of a layout for the length of the topic.
const TOPIC_BYTES_SHARED_MAX: u64 = 1 << 12;

impl Layouts {
    /// The encoding for this receiver: an earlier one where nothing differs but the Packet Identifier.
    #[inline]
    fn frame(
        &mut self,
        port: Port,
        parts: &MessageParts<'_>,
        message: Option<&Message>,
        outgoing: &Outgoing<'_>,
        aliased: Aliased,
        turn: &mut Turn,
    ) -> Frame {
        let (alias, names_topic) = match aliased {
            Aliased::No => (0, true),
            Aliased::Set(alias) => (alias, true),
            Aliased::Known(alias) => (alias, false),
        };
        let is_v5 = port.is(Port::V5);
        let topic_len = parts.topic.len() as u64;
        let shareable = !outgoing.dup && outgoing.identifiers.len() <= 1 && topic_len < TOPIC_BYTES_SHARED_MAX;
        let key = u64::from(is_v5)
            | u64::from(outgoing.retain) << 1
            | u64::from(names_topic) << 2
            | (outgoing.qos as u64) << 3
            | u64::from(port.is(Port::SERVICE)) << 5
            | u64::from(alias) << 8
            | u64::from(outgoing.identifiers.first().copied().unwrap_or(0)) << 24
            // Behind mount points the topic ends in the same way, and begins where they do.
            | topic_len << 52;
        if shareable && let Some((_, frame)) = self.0.iter().find(|(known, _)| *known == key) {
            return *frame;
        }
        let now_s = turn.now.seconds();
        let left_s = |interval: u32| {
            (u64::from(parts.received_s) + u64::from(interval)).saturating_sub(now_s).min(u64::from(u32::MAX)) as u32
        };
        let out = PublishOut {
            version: if is_v5 { Version::V5 } else { Version::V311 },
            dup: outgoing.dup,
            qos: outgoing.qos,
            retain: outgoing.retain,
            topic: if names_topic { parts.topic.as_bytes() } else { &[] },
            packet_id: outgoing.packet_id,
            topic_alias: (alias != 0).then_some(alias),
            message_expiry_interval_s: parts.expiry_interval_s.map(left_s),
            subscription_ids: outgoing.identifiers,
            forward: parts.properties,
            payload: parts.payload,
        };
        let shared = message.filter(|_| parts.payload.len() >= SHARED_PAYLOAD_BYTES_MIN);
        let frame = turn.outbox.frame(outgoing.packet_id, shared, |bytes| {
            if shared.is_some() { out.encode_head(bytes) } else { out.encode(bytes) }
        });
        if shareable {
            self.0.push((key, frame));
        }
        frame
    }
}

impl Merge {
    fn begin(&mut self, slots: usize) {
        self.number = self.number.wrapping_add(1);
        if self.number == 0 {
            self.seen.clear();
            self.number = 1;
        }
        if self.seen.len() < slots {
            self.seen.resize(slots, (0, 0));
        }
        self.entries.clear();
    }

    fn add(&mut self, receiver: Receiver, identifier: u32) {
        let options = receiver.options();
        let granted = QoS::from_u8(options.qos()).unwrap_or(QoS::AtMostOnce);
        let seen = &mut self.seen[receiver.slot as usize];
        if seen.0 != self.number {
            *seen = (self.number, self.entries.len() as u32);
            let (retain_as_published, identifiers) = (false, SmallVec::new());
            self.entries.push(Merged { receiver, granted, retain_as_published, identifiers });
        }
        let merged = &mut self.entries[seen.1 as usize];
        merged.granted = merged.granted.max(granted);
        merged.retain_as_published |= options.is_retain_as_published();
        if identifier != 0 {
            merged.identifiers.push(identifier);
        }
    }
}
