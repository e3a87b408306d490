//! Who may come in: the first bytes of a connection, judged before anything comes of them.

use super::Shard;
use super::packets::Consumed;
use crate::directory::Claim;
use crate::event::{Event, EventKind, EventMask};
use crate::identity::{Authentication, Credentials, Identity, RefusedCredentials};
use crate::ids::{ConnectionId, ListenerId, ShardId};
use crate::limits::{self, TOPIC_BYTES_MAX};
use crate::options::ListenerOptions;
use crate::outbox::After;
use crate::service;
use crate::turn::Turn;
use midge_codec::{ConnAck, Connect, DecodeError, Packet, PropertiesBuf, Property, QoS, ReasonCode, Version};
use midge_codec::{fixed_header, topic_levels};
use std::sync::Arc;

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
    /// Somebody must be asked who this is. Keep the bytes, and call [`Shard::handle_authenticated`] with the answer.
    Authenticate(Credentials),
    /// Refused. What there is to say is in the outbox, the close in `turn.closes`.
    Refused,
}

/// A connection whose CONNECT was judged and whose Client Identifier was claimed.
#[derive(Debug)]
pub struct Arrival {
    pub(super) claim: Claim,
    pub(super) listener: ListenerId,
    pub(super) identity: Option<Arc<Identity>>,
    /// Where it is not the one in CONNECT.
    pub(super) client_id: Option<String>,
    pub(super) is_assigned: bool,
}

impl Arrival {
    pub(super) fn client_id<'a>(&'a self, connect: &Connect<'a>) -> &'a str {
        self.client_id.as_deref().unwrap_or(connect.client_id)
    }

    pub(super) fn username<'a>(&'a self, connect: &Connect<'a>) -> Option<&'a str> {
        self.identity.as_ref().map_or(connect.username, |identity| identity.username.as_deref())
    }
}

/// Why a CONNECT is refused.
pub(super) struct Refusal {
    /// What CONNACK says; without it there is none, only the end.
    code: Option<u8>,
    /// The same as version 5 would put it.
    reason: ReasonCode,
    cause: &'static str,
}

impl Refusal {
    /// `v3` is what versions before 5 say.
    fn new(version: Version, v3: Option<u8>, reason: ReasonCode, cause: &'static str) -> Refusal {
        Refusal { code: if version == Version::V5 { Some(reason.0) } else { v3 }, reason, cause }
    }

    pub(super) fn not_authorised(version: Version, cause: &'static str) -> Refusal {
        Refusal::new(version, Some(5), ReasonCode::NOT_AUTHORIZED, cause)
    }
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
        self.receive(id, listener, bytes, None, turn)
    }

    /// The same bytes again, after it was asked who this is.
    pub fn handle_authenticated(
        &mut self,
        id: ConnectionId,
        listener: ListenerId,
        bytes: &[u8],
        authentication: &Authentication,
        turn: &mut Turn,
    ) -> FirstBytes {
        self.receive(id, listener, bytes, Some(authentication), turn)
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        listener: ListenerId,
        bytes: &[u8],
        authentication: Option<&Authentication>,
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
        let all = Arc::clone(&self.options);
        let options = all.listener(listener);
        let admitted = self.admit(options, &connect).and_then(|()| identify(options, &connect, authentication));
        let identity = match admitted {
            Ok(_) if options.authenticates && authentication.is_none() => {
                return FirstBytes::Authenticate(credentials_of(&connect));
            }
            Ok(identity) => identity,
            Err(refusal) => return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn),
        };
        let (client_id, is_assigned) = match self.name_client(options, &connect, identity.as_deref()) {
            Ok(client_id) => client_id,
            Err(refusal) => return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn),
        };
        let name = client_id.as_deref().unwrap_or(connect.client_id);
        if service::is_service(name) != (listener == ListenerId::SERVICES) {
            let refusal = Refusal::not_authorised(connect.version, "client identifier of a service of the server");
            return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn);
        }
        if listener == ListenerId::SERVICES && all.services.iter().all(|service| *service.client_id != *name) {
            let refusal = Refusal::not_authorised(connect.version, "service that is not wanted any more");
            return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn);
        }
        if options.username_is_client_id
            && let Err(refusal) = self.admit_session(name, &connect)
        {
            return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn);
        }
        let assigned = client_id.as_deref().filter(|_| is_assigned);
        if let Err(refusal) = self.check_connack_size(options, assigned, &connect) {
            return self.refuse(id, connect.version, listener, Some(&connect), &refusal, turn);
        }
        let claim = self.shared.directory().claim(name, self.id);
        let arrival = Arrival { claim, listener, identity, client_id, is_assigned };
        if claim.shard != self.id {
            return FirstBytes::Move { shard: claim.shard, arrival };
        }
        FirstBytes::Stay(self.handle_arrival(id, arrival, bytes, turn))
    }

    /// Whether the client takes a packet as large as CONNACK would be `[MQTT-3.1.2-24]`. Without its properties it would promise what
    /// we do not hold.
    fn check_connack_size(
        &self,
        listener: &ListenerOptions,
        assigned: Option<&str>,
        connect: &Connect<'_>,
    ) -> Result<(), Refusal> {
        let max = packet_bytes_max(connect);
        if max >= CONNACK_BYTES_MAX {
            return Ok(());
        }
        let (mut properties, mut bytes) = (PropertiesBuf::default(), Vec::new());
        self.connack_properties(listener, assigned, connect, &mut properties);
        let answer = ConnAck { session_present: false, code: 0, properties: properties.as_properties() };
        Packet::ConnAck(answer).encode(connect.version, &mut bytes);
        if bytes.len() <= max {
            return Ok(());
        }
        let cause = "CONNACK is larger than the client's maximum packet size";
        Err(Refusal { code: None, reason: ReasonCode::PACKET_TOO_LARGE, cause })
    }

    /// The Client Identifier where it is not the one in CONNECT, and whether the server assigns it.
    fn name_client(
        &mut self,
        listener: &ListenerOptions,
        connect: &Connect<'_>,
        identity: Option<&Identity>,
    ) -> Result<(Option<String>, bool), Refusal> {
        let (client_id, is_assigned) = if listener.username_is_client_id {
            let username = identity.map_or(connect.username, |identity| identity.username.as_deref());
            let Some(username) = username else {
                return Err(Refusal::not_authorised(connect.version, "no user name to be the client identifier"));
            };
            (Some(username.to_owned()), false)
        } else if connect.client_id.is_empty() {
            (Some(format!("{}{}", listener.auto_id_prefix, self.random.uuid())), true)
        } else {
            (None, false)
        };
        match is_assigned || self.options.accepts(client_id.as_deref().unwrap_or(connect.client_id)) {
            true => Ok((client_id, is_assigned)),
            false => Err(Refusal::not_authorised(
                connect.version,
                "client identifier without the prefix of clientid_prefixes",
            )),
        }
    }

    /// Whether a CONNECT is acceptable at all. Everything that needs no Session is judged here, before any effect.
    fn admit(&self, listener: &ListenerOptions, connect: &Connect<'_>) -> Result<(), Refusal> {
        let v5 = connect.version == Version::V5;
        let refuse = |v3, reason, cause| Err(Refusal::new(connect.version, v3, reason, cause));
        if !listener.accepts(connect.version) {
            return refuse(Some(1), ReasonCode::UNSUPPORTED_PROTOCOL_VERSION, "protocol version not accepted here");
        }
        if self.shared.is_memory_short() {
            return refuse(Some(3), ReasonCode::QUOTA_EXCEEDED, "memory_limit reached");
        }
        // Where the User Name is the Client Identifier, it is known when it is known who that is.
        if !listener.username_is_client_id {
            self.admit_session(connect.client_id, connect)?;
        }
        if connect.client_id.is_empty() && !listener.username_is_client_id {
            let needs_clean = connect.version == Version::V311 && !connect.clean_start;
            if connect.version == Version::V31 || needs_clean || !listener.allow_zero_length_client_id {
                return refuse(Some(2), ReasonCode::UNSPECIFIED_ERROR, "client identifier must not be empty");
            }
        }
        if connect.properties.authentication_method().is_some() {
            return refuse(None, ReasonCode::BAD_AUTHENTICATION_METHOD, "authentication method not supported");
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
            let topic = [&listener.mount_point, will.topic].concat();
            let invalid = will.topic.is_empty() || will.topic.contains(['+', '#']) || topic.len() > TOPIC_BYTES_MAX;
            if invalid || topic_levels(&topic) > self.options.topic_levels_max {
                return refuse(None, ReasonCode::TOPIC_NAME_INVALID, "topic of the will is not valid");
            }
        }
        Ok(())
    }

    /// Whether there is room for the Session of this name, where that is another one than there are. Of a log that is stuck one that
    /// is there could not even be told so.
    fn admit_session(&self, client_id: &str, connect: &Connect<'_>) -> Result<(), Refusal> {
        let directory = self.shared.directory();
        let is_recorded = self.session_expiry(connect) > 0 || connect.will.is_some();
        let is_without_room = self.shared.is_log_scarce() && is_recorded;
        let max_clients = self.options.global_max_clients.filter(|_| !service::is_service(client_id));
        let are_enough = max_clients.is_some_and(|max| directory.sessions() >= max);
        let is_known = directory.knows(client_id);
        let is_stuck = self.shared.is_log_stuck() && (is_recorded || is_known);
        if !is_stuck && (is_known || !(is_without_room || are_enough)) {
            return Ok(());
        }
        let refuse = |v3, reason, cause| Err(Refusal::new(connect.version, v3, reason, cause));
        match is_without_room || is_stuck {
            true => refuse(Some(3), ReasonCode::QUOTA_EXCEEDED, "no room for the log"),
            false => refuse(None, ReasonCode::SERVER_BUSY, "global_max_clients reached"),
        }
    }

    pub(super) fn refuse(
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
        let max_qos = self.options.listener(listener).max_qos;
        let room = connect.map_or(usize::MAX, packet_bytes_max);
        if let Some(code) = refusal.code.filter(|_| room >= REFUSAL_BYTES_MAX) {
            let is_room = |connect: &&Connect<'_>| {
                wants_reason_strings(connect) && room >= REFUSAL_BYTES_MAX + 3 + refusal.cause.len()
            };
            let reason = connect.filter(is_room).map(|_| refusal.cause);
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
            username: connect.and_then(|connect| connect.username).map(Into::into),
            kind: EventKind::Refused { reason: refusal.reason, cause: refusal.cause },
        });
        turn.closes.push(id);
        FirstBytes::Refused
    }
}

/// Who the client is, as far as it was asked.
fn identify(
    listener: &ListenerOptions,
    connect: &Connect<'_>,
    authentication: Option<&Authentication>,
) -> Result<Option<Arc<Identity>>, Refusal> {
    let version = connect.version;
    let not_now = |reason, cause| Err(Refusal::new(version, Some(3), reason, cause));
    let refused = match authentication {
        Some(Authentication::Known(identity)) => return Ok(Some(Arc::clone(identity))),
        Some(Authentication::Refused(refused)) => *refused,
        None if listener.authenticates || listener.allow_anonymous => return Ok(None),
        None => RefusedCredentials::NotAuthorized,
    };
    match refused {
        RefusedCredentials::NotAuthorized => Err(Refusal::not_authorised(version, "not authorised")),
        RefusedCredentials::NotValid(cause) => Err(Refusal::not_authorised(version, cause)),
        RefusedCredentials::NoAnswer => {
            not_now(ReasonCode::SERVER_UNAVAILABLE, "no answer from who decides about clients")
        }
        RefusedCredentials::NoIdentity => {
            let told = if version == Version::V5 { ReasonCode::BAD_USER_NAME_OR_PASSWORD.0 } else { 4 };
            let (reason, cause) = (ReasonCode::NOT_AUTHORIZED, "no identity in the certificate");
            Err(Refusal { code: Some(told), reason, cause })
        }
        RefusedCredentials::Busy => not_now(ReasonCode::SERVER_BUSY, "too many clients wait to be checked"),
        RefusedCredentials::TooOften => {
            not_now(ReasonCode::CONNECTION_RATE_EXCEEDED, "too many failed logins from this address")
        }
    }
}

fn credentials_of(connect: &Connect<'_>) -> Credentials {
    Credentials {
        client_id: connect.client_id.into(),
        username: connect.username.map(Into::into),
        password: connect.password.map(Into::into),
    }
}

/// The CONNECT that `bytes` begins with, and its length.
pub(super) fn first_packet(bytes: &[u8]) -> Result<Option<(Connect<'_>, usize)>, Refusal> {
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

/// The largest packet that the client takes.
fn packet_bytes_max(connect: &Connect<'_>) -> usize {
    connect.properties.maximum_packet_size().map_or(usize::MAX, |max| max as usize)
}

/// No CONNACK that lets a client in is larger: all properties, and an assigned Client Identifier, whose prefix has 50 bytes at most.
const CONNACK_BYTES_MAX: usize = 256;

/// A CONNACK that refuses, with Maximum QoS and without Reason String.
const REFUSAL_BYTES_MAX: usize = 7;

/// Only a client that asks in so many words gets Reason Strings: many compare packets byte for byte.
pub(super) fn wants_reason_strings(connect: &Connect<'_>) -> bool {
    connect.properties.iter().any(|property| property == Property::RequestProblemInformation(1))
}

/// Questions about a Keep Alive.
pub(super) trait KeepAlive {
    fn keep_alive_s_above(&self, max_s: u16) -> bool;
}

impl KeepAlive for Connect<'_> {
    /// Whether it is above a bound. 0, which is no Keep Alive at all, is above every bound but the highest.
    fn keep_alive_s_above(&self, max_s: u16) -> bool {
        max_s < u16::MAX && max_s > 0 && (self.keep_alive_s == 0 || self.keep_alive_s > max_s)
    }
}
