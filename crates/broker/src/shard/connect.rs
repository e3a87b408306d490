//! CONNECT: who may come in, whose Session it is, and what CONNACK says.

use super::Shard;
use super::end::WillFate;
use super::packets::{Consumed, Next};
use crate::connection::Connection;
use crate::directory::Claim;
use crate::event::{DisconnectReason, Event, EventKind, EventMask};
use crate::ids::{ConnectionId, ListenerId, ShardId};
use crate::limits;
use crate::message::{Message, MessageParts};
use crate::options::ListenerOptions;
use crate::outbox::After;
use crate::session::{Port, Session, Will};
use crate::turn::Turn;
use midge_codec::{
    ConnAck, Connect, DecodeError, PACKET_SIZE_MAX, Packet, PropertiesBuf, Property, QoS, ReasonCode, Version,
};
use midge_codec::{fixed_header, forward_will, topic_levels};
use midge_protocol::{OutboundAliases, keep_alive_limit_ms};

/// What the first bytes of a connection turned out to be.
pub enum FirstBytes {
    /// Not a whole packet yet: keep them until more come.
    NeedMore,
    /// Accepted, and its Session lives here.
    Stay(Consumed),
    /// Its Session lives on another shard: move the connection there with all its bytes, and call
    /// [`Shard::handle_arrival`].
    Move {
        /// Where it lives.
        shard: ShardId,
        /// What that shard must be given.
        arrival: Arrival,
    },
    /// Refused. What there is to say is in the outbox, the close in `turn.closes`.
    Refused,
}

/// A connection whose CONNECT was judged and whose Client Identifier was claimed.
#[derive(Debug)]
pub struct Arrival {
    claim: Claim,
    listener: ListenerId,
    assigned_client_id: Option<String>,
    /// What counts instead of the User Name in CONNECT.
    username: Option<Box<str>>,
}

/// Who says who a client is.
#[derive(Clone, Copy)]
enum Witness<'a> {
    /// The client itself, in CONNECT.
    Client,
    /// Its transport, if that knows.
    Transport(Option<&'a str>),
}

/// Why a CONNECT is refused.
struct Refusal {
    /// What CONNACK says; without it there is none, only the end.
    code: Option<u8>,
    /// The same as version 5 would put it.
    reason: ReasonCode,
    cause: &'static str,
}

impl Shard {
    /// The first bytes of a connection that has no Session yet.
    pub fn handle_first_bytes(
        &mut self,
        id: ConnectionId,
        listener: ListenerId,
        bytes: &[u8],
        turn: &mut Turn,
    ) -> FirstBytes {
        self.receive(id, listener, bytes, Witness::Client, turn)
    }

    /// The same on a listener whose transport says who the client is: `username` counts, and not what CONNECT says. Without one
    /// it is refused.
    pub fn handle_identified(
        &mut self,
        id: ConnectionId,
        listener: ListenerId,
        bytes: &[u8],
        username: Option<&str>,
        turn: &mut Turn,
    ) -> FirstBytes {
        self.receive(id, listener, bytes, Witness::Transport(username), turn)
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        listener: ListenerId,
        bytes: &[u8],
        witness: Witness<'_>,
        turn: &mut Turn,
    ) -> FirstBytes {
        let connect = match first_packet(bytes) {
            Ok(Some((connect, _))) => connect,
            Ok(None) => return FirstBytes::NeedMore,
            Err(refusal) => {
                let version = peek_version(bytes).unwrap_or(Version::V311);
                return self.refuse(id, version, listener, None, &refusal, turn);
            }
        };
        if let Err(refusal) = self.admit(&self.options.listeners[usize::from(listener.0)], &connect, witness) {
            return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn);
        }
        let assigned_client_id = connect.client_id.is_empty().then(|| {
            let prefix = &self.options.listeners[usize::from(listener.0)].auto_id_prefix;
            format!("{prefix}{}", self.random.uuid())
        });
        let client_id = assigned_client_id.as_deref().unwrap_or(connect.client_id);
        let claim = self.shared.directory().claim(client_id, self.id);
        let username = match witness {
            Witness::Transport(username) => username.map(Into::into),
            Witness::Client => None,
        };
        let arrival = Arrival { claim, listener, assigned_client_id, username };
        if claim.shard != self.id {
            return FirstBytes::Move { shard: claim.shard, arrival };
        }
        FirstBytes::Stay(self.handle_arrival(id, arrival, bytes, turn))
    }

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
        let rest = self.handle_bytes(id, &bytes[length..], turn);
        Consumed { bytes: length + rest.bytes, next: rest.next }
    }

    /// Whether a CONNECT is acceptable at all. Everything that needs no Session is judged here, before any effect.
    fn admit(&self, listener: &ListenerOptions, connect: &Connect<'_>, witness: Witness<'_>) -> Result<(), Refusal> {
        let v5 = connect.version == Version::V5;
        let refuse = |v3: Option<u8>, reason: ReasonCode, cause| {
            Err(Refusal { code: if v5 { Some(reason.0) } else { v3 }, reason, cause })
        };
        if !listener.accepts(connect.version) {
            return refuse(Some(1), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, "protocol version not accepted here");
        }
        if self.shared.is_memory_short() {
            return refuse(Some(3), ReasonCode::QUOTA_EXCEEDED, "memory_limit reached");
        }
        if self.shared.is_log_scarce() && self.would_be_recorded(connect) {
            return refuse(Some(3), ReasonCode::QUOTA_EXCEEDED, "no room for the log");
        }
        if connect.client_id.is_empty() {
            let needs_clean = connect.version == Version::V311 && !connect.clean_start;
            if connect.version == Version::V31 || needs_clean || !listener.allow_zero_length_client_id {
                return refuse(Some(2), ReasonCode::UNSPECIFIED_ERROR, "client identifier must not be empty");
            }
        }
        if connect.properties.authentication_method().is_some() {
            return refuse(None, ReasonCode::BAD_AUTHENTICATION_METHOD, "authentication method not supported");
        }
        match witness {
            Witness::Client if !listener.allow_anonymous => {
                return refuse(Some(5), ReasonCode::NOT_AUTHORIZED, "not authorised");
            }
            Witness::Transport(None) => {
                let cause = "no certificate that names the client";
                return refuse(Some(4), ReasonCode::BAD_USER_NAME_OR_PASSWORD, cause);
            }
            Witness::Client | Witness::Transport(Some(_)) => {}
        }
        if !v5 && connect.keep_alive_s_above(self.options.max_keep_alive_s) {
            return refuse(Some(2), ReasonCode::UNSPECIFIED_ERROR, "keep alive above max_keepalive");
        }
        if let Some(will) = &connect.will {
            if will.qos > listener.max_qos {
                return refuse(None, ReasonCode::QOS_NOT_SUPPORTED, "QoS of the will above max_qos");
            }
            if will.retain && !self.options.retain_available {
                return refuse(None, ReasonCode::RETAIN_NOT_SUPPORTED, "retained will, but retain is not available");
            }
            let limit = self.options.message_size_limit as usize;
            if limit != 0 && will.payload.len() > limit {
                return refuse(Some(5), ReasonCode::PACKET_TOO_LARGE, "payload of the will above message_size_limit");
            }
            let invalid = will.topic.is_empty() || will.topic.contains(['+', '#']);
            if invalid || topic_levels(will.topic) > self.options.topic_levels_max {
                return refuse(None, ReasonCode::TOPIC_NAME_INVALID, "topic of the will is not valid");
            }
        }
        let directory = self.shared.directory();
        if self.options.global_max_clients.is_some_and(|max| directory.sessions() >= max)
            && !directory.knows(connect.client_id)
        {
            return refuse(None, ReasonCode::SERVER_BUSY, "global_max_clients reached");
        }
        Ok(())
    }

    /// Whether this begins a Session that the log would have to know.
    fn would_be_recorded(&self, connect: &Connect<'_>) -> bool {
        let lasts = self.session_expiry(connect) > 0 || connect.will.is_some();
        lasts && !self.shared.directory().knows(connect.client_id)
    }

    fn refuse(
        &mut self,
        id: ConnectionId,
        version: Version,
        listener: ListenerId,
        connect: Option<&Connect<'_>>,
        refusal: &Refusal,
        turn: &mut Turn,
    ) -> FirstBytes {
        self.counters.connects_refused += 1;
        self.counters.packets_received += 1;
        let max_qos = self.options.listeners[usize::from(listener.0)].max_qos;
        if let Some(code) = refusal.code {
            let reason = connect.filter(|connect| wants_reason_strings(connect)).map(|_| refusal.cause);
            let mut properties = PropertiesBuf::default();
            if let Some(reason) = reason {
                properties.push(Property::ReasonString(reason));
            }
            if version == Version::V5 && max_qos < QoS::ExactlyOnce {
                properties.push(Property::MaximumQoS(max_qos as u8));
            }
            let answer =
                Packet::ConnAck(ConnAck { session_present: false, code, properties: properties.as_properties() });
            self.send_control(id, After::Now, turn, |out| answer.encode(version, out));
            turn.tell_client(EventMask::PACKET, id, connect.map_or("", |connect| connect.client_id), || {
                EventKind::SendingConnAck { session_present: false, code }
            });
        }
        turn.tell(EventMask::NOTICE, || Event {
            connection: Some(id),
            client_id: connect.map(|connect| connect.client_id.into()),
            kind: EventKind::Refused { reason: refusal.reason, cause: refusal.cause },
        });
        turn.closes.push(id);
        FirstBytes::Refused
    }

    /// Joins the connection with its Session. `false`: a later connection of the same client came first.
    fn attach(&mut self, id: ConnectionId, arrival: &Arrival, connect: &Connect<'_>, turn: &mut Turn) -> bool {
        let client_id = arrival.assigned_client_id.as_deref().unwrap_or(connect.client_id);
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
            session.expiry_interval_s = expiry_interval_s;
            (session.ends_at_ms, session.will_at_ms) = (None, None);
            session.will = connect.will.as_ref().map(|will| Box::new(will_of(will, turn)));
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
    fn session_expiry(&self, connect: &Connect<'_>) -> u32 {
        let asked = match connect.version {
            Version::V5 => connect.properties.session_expiry_interval_s().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        match self.options.persistent_client_expiration_s {
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
        let listener = &self.options.listeners[usize::from(arrival.listener.0)];
        let properties = &connect.properties;
        let aliases = properties.topic_alias_maximum().unwrap_or(0).min(listener.max_topic_alias_broker);
        let keep_alive_s = self.keep_alive(connect);
        let connection = Connection {
            session: slot,
            version: connect.version,
            listener: arrival.listener,
            keep_alive_s,
            receive_maximum: properties.receive_maximum().unwrap_or(u16::MAX).min(self.options.max_inflight_messages),
            packet_bytes_max: properties.maximum_packet_size().unwrap_or(PACKET_SIZE_MAX).min(PACKET_SIZE_MAX),
            last_packet_ms: turn.now.monotonic_ms,
            is_held: false,
            expires_at_close: properties.session_expiry_interval_s().unwrap_or(0) == 0,
            wants_reason_strings: wants_reason_strings(connect),
            inbound_aliases: None,
            outbound_aliases: (aliases > 0).then(|| Box::new(OutboundAliases::new(aliases))),
            refusals: None,
        };
        let particular = connection.packet_bytes_max < PACKET_SIZE_MAX || aliases > 0;
        let is_v5 = connection.is_v5();
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
        let client_id = arrival.assigned_client_id.as_deref().unwrap_or(connect.client_id);
        turn.tell_client(EventMask::CONNECTION, id, client_id, || EventKind::Connected {
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive_s: connect.keep_alive_s,
            username: arrival.username.clone().or_else(|| connect.username.map(Into::into)),
            will: connect.will.as_ref().map(|will| (will.topic.into(), will.payload.len(), will.qos, will.retain)),
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
            self.connack_properties(arrival, connect, &mut properties);
        }
        let answer = Packet::ConnAck(ConnAck { session_present, code: 0, properties: properties.as_properties() });
        self.send_control(id, After::TurnDurable, turn, |out| answer.encode(connect.version, out));
        turn.outbox.hold_behind(id);
        let client_id = arrival.assigned_client_id.as_deref().unwrap_or(connect.client_id);
        turn.tell_client(EventMask::PACKET, id, client_id, || EventKind::SendingConnAck { session_present, code: 0 });
    }

    /// In the order in which Mosquitto sends them: some test suites compare bytes.
    fn connack_properties(&self, arrival: &Arrival, connect: &Connect<'_>, properties: &mut PropertiesBuf) {
        let listener = &self.options.listeners[usize::from(arrival.listener.0)];
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
        if let Some(assigned) = &arrival.assigned_client_id {
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

/// The CONNECT that `bytes` begins with, and its length.
fn first_packet(bytes: &[u8]) -> Result<Option<(Connect<'_>, usize)>, Refusal> {
    let close = |cause| Refusal { code: None, reason: ReasonCode::PROTOCOL_ERROR, cause };
    if bytes.first().is_some_and(|first| first >> 4 != 1) {
        return Err(close("first packet is not CONNECT"));
    }
    let header = match fixed_header(bytes) {
        Ok(Some(header)) => header,
        Ok(None) => return Ok(None),
        Err(error) => return Err(close(error.message())),
    };
    let length = usize::from(header.length) + header.remaining as usize;
    if header.remaining as usize > limits::CONNECT_BYTES_MAX {
        return Err(close("CONNECT too large"));
    }
    let Some(packet) = bytes.get(..length) else { return Ok(None) };
    let body = &packet[usize::from(header.length)..];
    match Connect::decode(header, body) {
        Ok(connect) => Ok(Some((connect, length))),
        Err(error) => {
            let code = refusal_code(&error, bytes);
            let reason = if code.is_some() { error.reason_code() } else { ReasonCode::PROTOCOL_ERROR };
            Err(Refusal { code, reason, cause: error.message() })
        }
    }
}

/// What CONNACK can say of a CONNECT that does not decode: versions 3.x only know that the version is wrong.
fn refusal_code(error: &DecodeError, bytes: &[u8]) -> Option<u8> {
    let is_version = error.reason_code() == ReasonCode::UNSUPPORTED_PROTOCOL_VERSION;
    match (peek_version(bytes), is_version) {
        (None, _) => None,
        (Some(Version::V5), _) => Some(error.reason_code().0),
        (Some(_), true) => Some(1),
        (Some(_), false) => None,
    }
}

/// The version in which a CONNECT that does not decode is to be answered; `None` where the protocol is not MQTT.
fn peek_version(bytes: &[u8]) -> Option<Version> {
    let header = fixed_header(bytes).ok()??;
    let body = bytes.get(usize::from(header.length)..)?;
    let level = match body {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => level & 0x7f,
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => level & 0x7f,
        _ => return None,
    };
    Some(if level >= 5 { Version::V5 } else { Version::V311 })
}

/// Only a client that asks in so many words gets Reason Strings: many compare packets byte for byte.
fn wants_reason_strings(connect: &Connect<'_>) -> bool {
    connect.properties.iter().any(|property| property == Property::RequestProblemInformation(1))
}

fn will_of(will: &midge_codec::Will<'_>, turn: &Turn) -> Will {
    let mut properties = Vec::new();
    forward_will(will.properties, &mut properties);
    Will {
        message: Message::new(&MessageParts {
            topic: will.topic,
            properties: &properties,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            received_s: turn.now.seconds() as u32,
            expiry_interval_s: will.properties.message_expiry_interval_s(),
        }),
        delay_s: will.properties.will_delay_interval_s().unwrap_or(0),
    }
}

/// Questions about a Keep Alive.
trait KeepAlive {
    fn keep_alive_s_above(&self, max_s: u16) -> bool;
}

impl KeepAlive for Connect<'_> {
    /// Whether it is above a bound. 0, which is no Keep Alive at all, is above every bound but the highest.
    fn keep_alive_s_above(&self, max_s: u16) -> bool {
        max_s < u16::MAX && max_s > 0 && (self.keep_alive_s == 0 || self.keep_alive_s > max_s)
    }
}
