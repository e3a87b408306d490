//! PUBLISH: from a client's packet to everybody it concerns.

use super::Shard;
use super::deliver::Publication;
use super::packets::Fault;
use crate::access::{self, Allowed, Denied};
use crate::event::{EventKind, EventMask, PublishSummary};
use crate::groups::GROUPS;
use crate::ids::ConnectionId;
use crate::limits::{self, TOPIC_BYTES_MAX};
use crate::mail::INLINE_PAYLOAD_BYTES_MAX;
use crate::message::{MessageParts, SCRATCH_BYTES_KEPT};
use crate::options::ListenerOptions;
use crate::outbox::After;
use crate::retained::limited;
use crate::router::{MatchRun, Matches};
use crate::turn::Turn;
use midge_codec::{
    AcknowledgementKind, FixedHeader, Forward, PacketId, Publish, QoS, ReasonCode, encode_acknowledgement,
};
use midge_protocol::{AliasError, Arrival, InboundAliases};

impl Shard {
    /// A PUBLISH came.
    pub(super) fn handle_publish(
        &mut self,
        id: ConnectionId,
        header: FixedHeader,
        body: &[u8],
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let Some(connection) = self.connections.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Ok(());
        };
        let publish = Publish::decode(connection.version, header, body)?;
        self.counters.publish_received += 1;
        self.counters.publish_bytes_received += publish.payload.len() as u64;
        if let Some(taken) = &mut connection.taken_time {
            taken.add_message(turn.now.monotonic_ms);
        }
        let listener = connection.agreed.listener(connection.listener);
        if publish.qos > listener.max_qos {
            return Err(Fault::new(ReasonCode::QOS_NOT_SUPPORTED, "QoS above max_qos"));
        }
        if publish.retain && !connection.agreed.retain_available {
            return Err(Fault::new(ReasonCode::RETAIN_NOT_SUPPORTED, "retain is not available"));
        }
        let mut topic_buffer = std::mem::take(&mut self.scratch.topic);
        let mut properties_buffer = std::mem::take(&mut self.scratch.properties);
        let mut outcome = Ok(());
        let mut topic = publish.topic;
        if publish.properties.topic_alias.is_some() || !listener.mount_point.is_empty() {
            outcome = write_topic(&mut connection.inbound_aliases, listener, &publish, &mut topic_buffer);
            topic = &topic_buffer;
        }
        if outcome.is_ok() {
            let parts = MessageParts {
                topic,
                properties: contiguous(&publish.properties.forward, &mut properties_buffer),
                payload: publish.payload,
                qos: publish.qos,
                retain: publish.retain,
                received_s: turn.now.seconds() as u32,
                received_ns: 0,
                expiry_interval_s: publish.properties.message_expiry_interval_s,
            };
            outcome = self.take_publish(id, &parts, publish.packet_id, publish.dup, turn);
        }
        self.scratch.topic = topic_buffer;
        properties_buffer.clear();
        properties_buffer.shrink_to(SCRATCH_BYTES_KEPT);
        self.scratch.properties = properties_buffer;
        outcome
    }

    /// Access, duplicates, routing, acknowledgement.
    fn take_publish(
        &mut self,
        id: ConnectionId,
        parts: &MessageParts<'_>,
        packet_id: Option<PacketId>,
        dup: bool,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let verdict = match self.is_repeat(id, parts.qos, packet_id) {
            true => Ok(access::repeat()),
            false => {
                let restricted = self.connection(id).and_then(|connection| self.restricted(connection.session));
                access::publish(&self.options, &self.shared, restricted, parts)
            }
        };
        let verdict = match verdict {
            Err(denied) if denied.is_for_log && !self.leaves_record(id, parts) => Ok(access::unrecorded()),
            verdict => verdict,
        };
        let summary = || summary(parts, packet_id.map_or(0, PacketId::get), dup);
        match &verdict {
            Ok(_) => self.tell_packet(id, turn, || EventKind::ReceivedPublish(summary())),
            Err(denied) => {
                self.counters.count_refusal(denied);
                let connection = self.connections.get_mut(id.0 as usize).and_then(Option::as_mut);
                let now_ms = turn.now.monotonic_ms;
                let more = connection.and_then(|connection| connection.note_refusal(denied.cause, now_ms));
                self.tell(EventMask::NOTICE, id, turn, || EventKind::PublishDenied {
                    packet: summary(),
                    code: denied.code,
                    cause: denied.cause,
                    more,
                });
            }
        }
        let Some(connection) = self.connection(id) else { return Ok(()) };
        let (slot, is_v5) = (connection.session, connection.is_v5());
        if let Err(denied) = &verdict
            && denied.closes
            && (!is_v5 || parts.qos == QoS::AtMostOnce || denied.code == ReasonCode::MALFORMED_PACKET)
        {
            return Err(Fault::new(denied.code, denied.cause));
        }
        match (parts.qos, packet_id) {
            (QoS::AtLeastOnce, Some(packet_id)) => {
                let code = self.route_if_allowed(parts, Source::client(slot, None), &verdict, is_v5, turn);
                self.acknowledge(id, AcknowledgementKind::PubAck, packet_id, code, turn);
            }
            (QoS::ExactlyOnce, Some(packet_id)) => {
                self.take_qos_2(id, slot, parts, (packet_id, dup), &verdict, turn)?
            }
            _ => {
                self.route_if_allowed(parts, Source::client(slot, None), &verdict, is_v5, turn);
            }
        }
        Ok(())
    }

    /// Whether the message was taken over before, and its sender has not heard of it.
    fn is_repeat(&self, id: ConnectionId, qos: QoS, packet_id: Option<PacketId>) -> bool {
        let (QoS::ExactlyOnce, Some(packet_id), Some(connection)) = (qos, packet_id, self.connection(id)) else {
            return false;
        };
        let inbound = self.sessions.get(connection.session).and_then(|session| session.inbound.as_deref());
        inbound.is_some_and(|inbound| inbound.is_open(packet_id))
    }

    /// Whether anything of the message would have to be recorded. It takes a look-up of those who would get it; one who subscribes
    /// right behind that still gets his record, as what was on its way does when the log becomes full.
    fn leaves_record(&mut self, id: ConnectionId, parts: &MessageParts<'_>) -> bool {
        let slot = self.connection(id).map(|connection| connection.session);
        let is_remembered = parts.qos == QoS::ExactlyOnce && slot.is_some_and(|slot| self.is_durable(slot));
        let matches = &mut self.scratch.matches;
        matches.clear();
        self.shared.router().route(parts.topic, &mut self.cache, matches);
        let mut receivers = matches.receivers.iter();
        let is_kept = parts.qos > QoS::AtMostOnce && receivers.any(|receiver| receiver.options().is_durable());
        let is_retained = parts.retain && !parts.payload.is_empty();
        is_retained || is_remembered || is_kept
    }

    fn take_qos_2(
        &mut self,
        id: ConnectionId,
        slot: u32,
        parts: &MessageParts<'_>,
        (packet_id, dup): (PacketId, bool),
        verdict: &Result<Allowed, Denied>,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let v5 = self.connection(id).filter(|connection| connection.is_v5());
        let receive_maximum = v5.map(|connection| connection.agreed.max_inflight_messages);
        let is_v5 = v5.is_some();
        let Some(session) = self.sessions.get_mut(slot) else { return Ok(()) };
        let inbound = session.inbound.get_or_insert_default();
        let arrival = inbound.handle_publish(packet_id, receive_maximum);
        if arrival == Arrival::OverReceiveMaximum {
            return Err(Fault::new(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, "receive maximum exceeded"));
        }
        if arrival == Arrival::Repeated && !dup {
            self.note_reused(id, parts, packet_id, turn);
        }
        let Some(inbound) = self.sessions.get_mut(slot).and_then(|session| session.inbound.as_deref_mut()) else {
            return Ok(());
        };
        let denied = verdict.as_ref().err().filter(|_| is_v5 && arrival == Arrival::New);
        if denied.is_some() {
            inbound.refuse(packet_id);
        }
        // PUBREC says success whether anybody subscribes or not: it takes the message over, before it is passed on.
        let code = denied.map_or(ReasonCode::SUCCESS, |denied| denied.code);
        self.acknowledge(id, AcknowledgementKind::PubRec, packet_id, code, turn);
        if arrival == Arrival::New && denied.is_none() {
            let remembered = self.is_durable(slot).then_some(packet_id.get());
            self.route_if_allowed(parts, Source::client(slot, remembered), verdict, is_v5, turn);
        }
        Ok(())
    }

    /// Who sends a message again says so `[MQTT-3.3.1-1]`: this is another one, under the identifier of one that is not finished.
    fn note_reused(&mut self, id: ConnectionId, parts: &MessageParts<'_>, packet_id: PacketId, turn: &mut Turn) {
        self.counters.identifiers_reused += 1;
        let now_ms = turn.now.monotonic_ms;
        let connection = self.connection_mut(id);
        if let Some(more) = connection.and_then(|it| it.note_refusal("Packet Identifier in use", now_ms)) {
            let packet = summary(parts, packet_id.get(), false);
            self.tell(EventMask::NOTICE, id, turn, || EventKind::IdentifierReused { packet, more });
        }
    }

    /// Routes what may be routed. Returns the Reason Code for PUBACK; 3.x has none and is answered as if all were well
    /// `[MQTT-3.3.5-2]`.
    fn route_if_allowed(
        &mut self,
        parts: &MessageParts<'_>,
        source: Source,
        verdict: &Result<Allowed, Denied>,
        is_v5: bool,
        turn: &mut Turn,
    ) -> ReasonCode {
        match verdict {
            Ok(allowed) if self.publish(parts, source, allowed, turn) => ReasonCode::SUCCESS,
            Ok(_) => ReasonCode::NO_MATCHING_SUBSCRIBERS,
            Err(denied) if is_v5 => denied.code,
            Err(_) => ReasonCode::SUCCESS,
        }
    }

    /// Sends an acknowledgement that waits for what the turn records.
    pub(super) fn acknowledge(
        &mut self,
        id: ConnectionId,
        kind: AcknowledgementKind,
        packet_id: PacketId,
        code: ReasonCode,
        turn: &mut Turn,
    ) {
        let Some(connection) = self.connection(id) else { return };
        let version = connection.version;
        self.send_control(id, After::TurnDurable, turn, |out| {
            encode_acknowledgement(kind, version, packet_id.get(), code, out);
        });
        self.tell_packet(id, turn, || EventKind::Sending(name_of(kind), packet_id.get(), code));
    }

    /// Publishes an Application Message: keeps it if it is to be retained, finds who is to get it, and sends it on its
    /// way. Whether anybody has subscribed to it.
    pub(super) fn publish(
        &mut self,
        parts: &MessageParts<'_>,
        source: Source,
        _allowed: &Allowed,
        turn: &mut Turn,
    ) -> bool {
        let mut publication = Publication::new(*parts, source.slot);
        if parts.retain {
            self.note_receipt(&mut publication, turn);
        }
        // First the retained write, then the look-up: a Subscription made in between gets one of the two, never none.
        if parts.retain {
            publication.retained_sequence = self.retain(&mut publication, source, turn);
        }
        if self.sampler.is_looking() {
            self.look(parts, publication.retained_sequence, turn.now);
        }
        let mut matches = std::mem::take(&mut self.scratch.matches);
        matches.clear();
        self.shared.router().route(parts.topic, &mut self.cache, &mut matches);
        let is_wanted = !matches.is_empty();
        turn.receivers += matches.receivers.len();
        if self.shared.router().knows_services()
            && matches.receivers.iter().any(|receiver| receiver.options().is_service())
        {
            self.note_receipt(&mut publication, turn);
        }
        // What the server says of itself is said again when it is started again.
        if self.is_logging() && (source.slot.is_some() || source.is_of_operator) {
            self.record_publish(&mut publication, &matches, source, turn);
        }
        if is_wanted {
            self.distribute(&mut publication, &mut matches, turn);
        }
        self.scratch.matches = matches;
        is_wanted
    }

    /// Keeps or clears the Retained Message of the topic; the sequence number of that write.
    fn retain(&mut self, publication: &mut Publication<'_>, source: Source, turn: &Turn) -> u64 {
        let parts = publication.parts;
        if parts.payload.is_empty() {
            return self.shared.retained().clear(parts.topic).v;
        }
        let limited = limited(&parts, &self.options, turn.now.seconds() as u32);
        let message = limited.unwrap_or_else(|| publication.message(&mut self.scratch.message).clone());
        if message.expires_at_s().is_some() {
            self.retained_sweep_at_ms.get_or_insert(turn.now.monotonic_ms + limits::RETAINED_SWEEP_EVERY_MS);
        }
        let retained = self.shared.retained();
        match self.publisher(source) {
            Some((publisher, rights)) => retained.keep_of(message, publisher, rights).v,
            None => retained.keep(message).v,
        }
    }

    /// Hands a message to those who are here, by mail to other shards, and to one member of each share group.
    fn distribute(&mut self, publication: &mut Publication<'_>, matches: &mut Matches, turn: &mut Turn) {
        if publication.parts.payload.len() > INLINE_PAYLOAD_BYTES_MAX {
            publication.message(&mut self.scratch.message);
        }
        if let [run] = matches.runs[..]
            && run.shard == self.id
        {
            let receivers = matches.of(run);
            return self.deliver_to_filter(publication, run.filter, receivers, turn);
        }
        matches.runs.sort_by_key(|run| run.shard);
        for runs in matches.runs.chunk_by(|one, other| one.shard == other.shard) {
            if runs[0].shard == self.id {
                let lists = runs.iter().map(|&run| (run.filter, matches.of(run)));
                self.deliver(publication, lists, turn);
            } else if runs[0].shard == GROUPS {
                for &group in runs.iter().flat_map(|&run| matches.of(run)) {
                    self.offer(publication, group, turn);
                }
            } else {
                self.mail(publication, runs, matches, turn);
            }
        }
    }

    fn mail(&mut self, publication: &mut Publication<'_>, runs: &[MatchRun], matches: &Matches, turn: &mut Turn) {
        if publication.parts.qos > QoS::AtMostOnce || publication.parts.received_ns != 0 {
            publication.message(&mut self.scratch.message);
        }
        let (parts, message) = (&publication.parts, publication.known_message());
        let parcel = turn.mail.parcel(runs[0].shard);
        parcel.publish(publication.envelope(), parts, message, runs, &matches.receivers);
    }
}

/// Who publishes a message.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// The Session it comes from; `None` where it is the server's own.
    pub slot: Option<u32>,
    /// The Packet Identifier, where a durable Session must remember it (QoS 2).
    pub packet_id: Option<u16>,
    /// It is the Session's Will.
    pub is_will: bool,
    /// The operator has published it: it is kept as a client's would be.
    pub is_of_operator: bool,
}

impl Source {
    pub(super) const SERVER: Source = Source { slot: None, packet_id: None, is_will: false, is_of_operator: false };

    pub(super) const OPERATOR: Source = Source { is_of_operator: true, ..Source::SERVER };

    pub(super) fn client(slot: u32, packet_id: Option<u16>) -> Source {
        Source { slot: Some(slot), packet_id, ..Source::SERVER }
    }

    pub(super) fn will(slot: u32) -> Source {
        Source { is_will: true, ..Source::client(slot, None) }
    }
}

/// The topic in full: behind the mount point, and where an alias stands for it what that means.
fn write_topic(
    aliases: &mut Option<Box<InboundAliases>>,
    listener: &ListenerOptions,
    publish: &Publish<'_>,
    buffer: &mut String,
) -> Result<(), Fault> {
    buffer.clear();
    buffer.push_str(&listener.mount_point);
    match publish.properties.topic_alias {
        None => buffer.push_str(publish.topic),
        Some(alias) => {
            let aliases = aliases.get_or_insert_default();
            buffer.push_str(aliases.resolve(alias, publish.topic, listener.max_topic_alias).map_err(alias_fault)?);
        }
    }
    match buffer.len() {
        0..=TOPIC_BYTES_MAX => Ok(()),
        _ => Err(Fault::new(ReasonCode::TOPIC_NAME_INVALID, "topic too long behind the mount point")),
    }
}

fn alias_fault(error: AliasError) -> Fault {
    match error {
        AliasError::OutOfRange => Fault::new(ReasonCode::TOPIC_ALIAS_INVALID, "topic alias invalid"),
        AliasError::Unknown => Fault::new(ReasonCode::PROTOCOL_ERROR, "topic alias was never set"),
    }
}

/// The properties to pass on in one slice: as they came, or put together in `buffer` where some stay behind.
fn contiguous<'b>(forward: &Forward<'b>, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    if forward.is_empty() {
        return &[];
    }
    let mut parts = forward.parts();
    match (parts.next(), parts.next()) {
        (Some(whole), None) => whole,
        _ => {
            buffer.clear();
            forward.append_to(buffer);
            buffer
        }
    }
}

pub(super) fn summary(parts: &MessageParts<'_>, packet_id: u16, dup: bool) -> PublishSummary {
    PublishSummary {
        dup,
        qos: parts.qos,
        retain: parts.retain,
        packet_id,
        topic: parts.topic.into(),
        payload_bytes: parts.payload.len(),
    }
}

pub(super) fn name_of(kind: AcknowledgementKind) -> &'static str {
    match kind {
        AcknowledgementKind::PubAck => "PUBACK",
        AcknowledgementKind::PubRec => "PUBREC",
        AcknowledgementKind::PubRel => "PUBREL",
        AcknowledgementKind::PubComp => "PUBCOMP",
    }
}
