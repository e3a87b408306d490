//! CONNECT: whose Session it is, and what CONNACK says.

use super::Shard;
use super::admission::{Arrival, KeepAlive, Refusal, first_packet, wants_reason_strings};
use super::end::WillFate;
use super::packets::{Consumed, Next};
use super::rights::renewed;
use crate::client_rate::TakenTime;
use crate::connection::{Connection, Received};
use crate::event::{DisconnectReason, Event, EventKind, EventMask};
use crate::identity::Renew;
use crate::ids::{ConnectionId, ListenerId};
use crate::message::{Message, MessageParts};
use crate::options::ListenerOptions;
use crate::outbox::After;
use crate::service::is_service;
use crate::session::{Port, Session, Will};
use crate::turn::Turn;
use midge_codec::{
    ConnAck, Connect, PACKET_SIZE_MAX, Packet, PropertiesBuf, Property, ReasonCode, Version, forward_will,
};
use midge_protocol::{OutboundAliases, keep_alive_limit_ms};
use std::sync::Arc;

impl Shard {
    /// A connection whose CONNECT was accepted, on the shard that owns its Session. `bytes` begins with the CONNECT.
    #[expect(clippy::needless_pass_by_value, reason = "a claim is settled once")]
    pub fn handle_arrival(&mut self, id: ConnectionId, arrival: Arrival, bytes: &[u8], turn: &mut Turn) -> Consumed {
        let Ok(Some((connect, length))) = first_packet(bytes) else {
            // It was read once already; only a caller who lost bytes on the way gets here.
            self.shared.directory().settle(&arrival.claim, self.sessions.has_hash(arrival.claim.hash));
            turn.closes.push(id);
            return Consumed { bytes: bytes.len(), next: Next::Closed };
        };
        self.counters.packets_received += 1;
        self.counters.bytes_received += length as u64;
        if !self.attach(id, &arrival, &connect, turn) {
            return Consumed { bytes: bytes.len(), next: Next::Closed };
        }
        if let Some(connection) = self.connection_mut(id) {
            connection.received.count(bytes[0], length);
        }
        let rest = self.handle_bytes(id, &bytes[length..], turn);
        Consumed { bytes: length + rest.bytes, next: rest.next }
    }

    /// The same, where what decides who a client is has changed since: it is asked again before anything counts that the client
    /// has sent.
    pub fn handle_outdated_arrival(
        &mut self,
        id: ConnectionId,
        mut arrival: Arrival,
        bytes: &[u8],
        renew: &Renew<'_>,
        turn: &mut Turn,
    ) -> Consumed {
        let Ok(Some((connect, _))) = first_packet(bytes) else { return self.handle_arrival(id, arrival, bytes, turn) };
        if arrival.listener == ListenerId::SERVICES {
            return self.handle_arrival(id, arrival, bytes, turn);
        }
        let caller = (arrival.client_id(&connect), arrival.is_assigned);
        let renewed = renewed(&self.options, renew, Some(arrival.listener), caller, arrival.identity.as_deref());
        if renewed.is_some() {
            arrival.identity = renewed;
            return self.handle_arrival(id, arrival, bytes, turn);
        }
        self.shared.directory().settle(&arrival.claim, self.sessions.has_hash(arrival.claim.hash));
        let refusal = Refusal::not_authorised(connect.version, "not authorised");
        self.refuse(id, connect.version, arrival.listener, Some(&connect), &refusal, turn);
        Consumed { bytes: bytes.len(), next: Next::Closed }
    }

    /// The connection that an arrival is about to take over: what it has sent until now came first, and is to be handed in before.
    pub fn predecessor(&self, arrival: &Arrival, bytes: &[u8]) -> Option<ConnectionId> {
        if !self.sessions.has_hash(arrival.claim.hash) {
            return None;
        }
        let (connect, _) = first_packet(bytes).ok().flatten()?;
        let slot = self.sessions.find(arrival.client_id(&connect), arrival.claim.hash)?;
        self.sessions.port(slot).and_then(Port::connection)
    }

    /// Joins the connection with its Session. `false`: a later connection of the same client came first.
    fn attach(&mut self, id: ConnectionId, arrival: &Arrival, connect: &Connect<'_>, turn: &mut Turn) -> bool {
        let client_id = arrival.client_id(connect);
        let claim = &arrival.claim;
        let mut known = self.sessions.find(client_id, claim.hash);
        if let Some(session) = known.and_then(|slot| self.sessions.get(slot))
            && (claim.ticket.wrapping_sub(session.ticket) as i32) < 0
        {
            turn.tell_client(EventMask::CONNECTION, id, client_id, || {
                let code = ReasonCode::SESSION_TAKEN_OVER;
                EventKind::Disconnected(DisconnectReason::ByServer(code, "session taken over"))
            });
            turn.closes.push(id);
            self.shared.directory().settle(claim, true);
            return false;
        }
        let expiry_interval_s = self.session_expiry(connect);
        if let Some(slot) = known {
            self.take_over(slot, connect, expiry_interval_s, turn);
            if connect.clean_start {
                self.end_session(slot, turn);
            }
            known = self.sessions.find(client_id, claim.hash);
        }
        let slot = known.unwrap_or_else(|| {
            self.shared.directory().session_began(self.id);
            self.sessions.insert(Session::new(client_id, claim.hash))
        });
        // Not before: where one Session ended to make room for the next, the claim alone kept the entry.
        self.shared.directory().settle(claim, true);
        self.tell_discards(slot, turn);
        if let Some(session) = self.sessions.get_mut(slot) {
            session.ticket = claim.ticket;
            session.identity.clone_from(&arrival.identity);
            session.expiry_interval_s = expiry_interval_s;
            (session.ends_at_ms, session.will_at_ms) = (None, None);
            let mount_point = &self.options.listener(arrival.listener).mount_point;
            session.will = connect.will.as_ref().map(|will| Box::new(will_of(will, mount_point, turn)));
        }
        if claim.is_known && known.is_none() {
            // CONNACK says that nothing is left of the one before: not before that is durable.
            self.note_record(slot);
        }
        self.connect(id, arrival, connect, slot, turn);
        self.record_connected(slot, known.is_none(), turn);
        self.send_connack(id, arrival, connect, known.is_some(), turn);
        self.resume(slot, turn);
        true
    }

    /// Session Expiry Interval in force: what the client asks, within `persistent_client_expiration`.
    pub(super) fn session_expiry(&self, connect: &Connect<'_>) -> u32 {
        let asked = match connect.version {
            Version::V5 => connect.properties.session_expiry_interval_s().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        match self.options.persistent_client_expiration_s.filter(|_| !is_service(connect.client_id)) {
            Some(limit) => asked.min(limit.min(u64::from(u32::MAX)) as u32),
            None => asked,
        }
    }

    /// The present connection of this Session, if any, makes room `[MQTT-3.1.4-3]`.
    fn take_over(&mut self, slot: u32, connect: &Connect<'_>, expiry_interval_s: u32, turn: &mut Turn) {
        let Some(old) = self.sessions.port(slot).and_then(Port::connection) else {
            return;
        };
        let keeps = !connect.clean_start
            && expiry_interval_s > 0
            && self.sessions.get(slot).is_some_and(|session| session.expiry_interval_s > 0);
        self.send_disconnect(old, ReasonCode::SESSION_TAKEN_OVER, "session taken over", turn);
        let reason = DisconnectReason::ByServer(ReasonCode::SESSION_TAKEN_OVER, "session taken over");
        self.tell_disconnected(old, reason, turn);
        turn.closes.push(old);
        self.detach(old, if keeps { WillFate::Dropped } else { WillFate::PublishedNow }, turn);
    }

    fn connect(&mut self, id: ConnectionId, arrival: &Arrival, connect: &Connect<'_>, slot: u32, turn: &mut Turn) {
        let listener = self.options.listener(arrival.listener);
        let properties = &connect.properties;
        let aliases = properties.topic_alias_maximum().unwrap_or(0).min(listener.max_topic_alias_broker);
        let is_service = arrival.listener == ListenerId::SERVICES;
        let inflight_messages_max = if is_service { u16::MAX } else { self.options.max_inflight_messages };
        let keep_alive_s = self.keep_alive(connect);
        let connection = Connection {
            session: slot,
            version: connect.version,
            is_bridge: connect.bridge,
            is_named_by_us: arrival.is_assigned,
            is_clean_start: connect.clean_start,
            listener: arrival.listener,
            agreed: Arc::clone(&self.options),
            keep_alive_s,
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX).min(inflight_messages_max),
            packet_bytes_max: properties.maximum_packet_size().unwrap_or(PACKET_SIZE_MAX).min(PACKET_SIZE_MAX),
            last_packet_ms: turn.now.monotonic_ms,
            received: Received::default(),
            since_ms: turn.now.monotonic_ms,
            is_held: false,
            expires_at_close: properties.session_expiry_interval_s().unwrap_or(0) == 0,
            wants_reason_strings: wants_reason_strings(connect),
            inbound_aliases: None,
            outbound_aliases: (aliases > 0).then(|| Box::new(OutboundAliases::new(aliases))),
            refusals: None,
            taken_time: TakenTime::new(self.options.client_rate).filter(|_| !is_service).map(Box::new),
        };
        let particular = connection.packet_bytes_max < PACKET_SIZE_MAX || aliases > 0;
        let (is_v5, is_mounted) = (connection.is_v5(), !listener.mount_point.is_empty());
        let at = id.0 as usize;
        if at >= self.connections.len() {
            self.connections.resize_with(at + 1, || None);
        }
        self.connections[at] = Some(connection);
        self.connected += 1;
        self.counters.connections += 1;
        if let Some(limit) = keep_alive_limit_ms(keep_alive_s) {
            self.keep_alive.set(id.0, turn.now.monotonic_ms + limit);
        }
        self.sessions.ports[slot as usize].connection = id.0;
        self.sessions.set_flag(slot, Port::V5, is_v5);
        self.sessions.set_flag(slot, Port::CONGESTED, false);
        self.sessions.set_flag(slot, Port::PARTICULAR, particular);
        self.sessions.set_flag(slot, Port::MOUNTED, is_mounted);
        self.note_identity(slot);
        self.note_permit(id, arrival.identity.as_deref(), turn.now);
        turn.tell(EventMask::CONNECTION, || Event {
            connection: Some(id),
            client_id: Some(arrival.client_id(connect).into()),
            username: arrival.username(connect).map(Into::into),
            kind: EventKind::Connected {
                version: connect.version,
                is_bridge: connect.bridge,
                clean_start: connect.clean_start,
                keep_alive_s: connect.keep_alive_s,
                will: connect.will.as_ref().map(|will| (will.topic.into(), will.payload.len(), will.qos, will.retain)),
            },
        });
    }

    /// Keep Alive in force: ours where the client's is above our bound, or has none.
    fn keep_alive(&self, connect: &Connect<'_>) -> u16 {
        if connect.keep_alive_s_above(self.options.max_keep_alive_s) {
            self.options.max_keep_alive_s
        } else {
            connect.keep_alive_s
        }
    }

    fn send_connack(
        &mut self,
        id: ConnectionId,
        arrival: &Arrival,
        connect: &Connect<'_>,
        session_present: bool,
        turn: &mut Turn,
    ) {
        let mut properties = PropertiesBuf::default();
        if connect.version == Version::V5 {
            let listener = self.options.listener(arrival.listener);
            let assigned = arrival.client_id.as_deref().filter(|_| arrival.is_assigned);
            self.connack_properties(listener, assigned, connect, &mut properties);
        }
        let answer = Packet::ConnAck(ConnAck { session_present, code: 0, properties: properties.as_properties() });
        self.send_control(id, After::TurnDurable, turn, |out| answer.encode(connect.version, out));
        turn.outbox.hold_behind(id);
        self.tell_packet(id, turn, || EventKind::SendingConnAck { session_present, code: 0 });
    }

    /// In the order in which Mosquitto sends them: some test suites compare bytes.
    pub(super) fn connack_properties(
        &self,
        listener: &ListenerOptions,
        assigned: Option<&str>,
        connect: &Connect<'_>,
        properties: &mut PropertiesBuf,
    ) {
        let expiry_interval_s = self.session_expiry(connect);
        if expiry_interval_s != connect.properties.session_expiry_interval_s().unwrap_or(0) {
            properties.push(Property::SessionExpiryInterval(expiry_interval_s));
        }
        let keep_alive_s = self.keep_alive(connect);
        if keep_alive_s != connect.keep_alive_s {
            properties.push(Property::ServerKeepAlive(keep_alive_s));
        }
        if listener.max_topic_alias > 0 {
            properties.push(Property::TopicAliasMaximum(listener.max_topic_alias));
        }
        if let Some(assigned) = assigned {
            properties.push(Property::AssignedClientIdentifier(assigned));
        }
        if !self.options.retain_available {
            properties.push(Property::RetainAvailable(0));
        }
        if self.options.max_packet_size < PACKET_SIZE_MAX {
            properties.push(Property::MaximumPacketSize(self.options.max_packet_size));
        }
        if self.options.max_inflight_messages < u16::MAX {
            properties.push(Property::ReceiveMaximum(self.options.max_inflight_messages));
        }
        if (listener.max_qos as u8) < 2 {
            properties.push(Property::MaximumQoS(listener.max_qos as u8));
        }
    }
}

fn will_of(will: &midge_codec::Will<'_>, mount_point: &str, turn: &Turn) -> Will {
    let mut properties = Vec::new();
    forward_will(will.properties, &mut properties);
    Will {
        message: Message::new(&MessageParts {
            topic: &[mount_point, will.topic].concat(),
            properties: &properties,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            received_s: turn.now.seconds() as u32,
            received_ns: 0,
            expiry_interval_s: will.properties.message_expiry_interval_s(),
        }),
        delay_s: will.properties.will_delay_interval_s().unwrap_or(0),
    }
}
