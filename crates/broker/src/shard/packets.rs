//! Packets from the stream of a connection that carries a Session.

use super::Shard;
use super::end::WillFate;
use crate::event::{DisconnectReason, Event, EventKind, EventMask};
use crate::ids::ConnectionId;
use crate::limits;
use crate::log_queue::LogQueue;
use crate::outbox::After;
use crate::turn::{Now, Turn};
use midge_codec::fixed_header;
use midge_codec::{
    Acknowledgement, AcknowledgementKind, DecodeError, Disconnect, FixedHeader, Packet, PropertiesBuf, Property,
    ReasonCode, Version,
};
use midge_protocol::keep_alive_limit_ms;

/// How much of the bytes was used, and how to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consumed {
    /// Bytes that need not be kept.
    pub bytes: usize,
    /// How to go on.
    pub next: Next,
}

/// How to go on with a connection's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Keep the rest until more come: the packet that begins there has this many bytes in all, as far as is known.
    NeedMore(usize),
    /// Commit the turn, then hand in the rest.
    TurnFull,
    /// The client has sent more than it may in a second, or all have sent more than the log can write: keep the rest, read nothing
    /// more, and hand it in at this time, in monotonic milliseconds.
    Paused(u64),
    /// The connection is being closed; there is nothing more to be read.
    Closed,
}

/// Something a client did that ends its connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub code: ReasonCode,
    pub cause: &'static str,
}

impl Fault {
    pub(super) const fn new(code: ReasonCode, cause: &'static str) -> Fault {
        Fault { code, cause }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault::new(error.reason_code(), error.message())
    }
}

impl Shard {
    /// Further bytes of a connection that carries a Session: handles every complete packet in them.
    pub fn handle_bytes(&mut self, id: ConnectionId, bytes: &[u8], turn: &mut Turn) -> Consumed {
        let mut at = 0;
        loop {
            // The field alone, as the log is asked beside it.
            let Some(connection) = self.connections.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                return Consumed { bytes: bytes.len(), next: Next::Closed };
            };
            if turn.is_full() {
                return Consumed { bytes: at, next: Next::TurnFull };
            }
            let now_ms = turn.now.monotonic_ms;
            if let Some(pause) = connection.taken_time.as_ref().and_then(|taken| taken.pause(now_ms)) {
                return Consumed { bytes: at, next: self.pause(id, pause, turn) };
            }
            let rest = &bytes[at..];
            let header = match fixed_header(rest) {
                Ok(Some(header)) => header,
                other => match early_fault(rest, other.err()) {
                    Some(fault) => return self.fail(id, fault, bytes.len(), turn),
                    None => return Consumed { bytes: at, next: Next::NeedMore(2) },
                },
            };
            let length = usize::from(header.length) + header.remaining as usize;
            if length > connection.agreed.max_packet_size as usize {
                let fault = Fault::new(ReasonCode::PACKET_TOO_LARGE, "packet above max_packet_size");
                return self.fail(id, fault, bytes.len(), turn);
            }
            let Some(packet) = rest.get(..length) else {
                return Consumed { bytes: at, next: Next::NeedMore(length) };
            };
            if is_publish_to_keep(header) && self.shared.log().is_some_and(LogQueue::is_outrun) {
                return Consumed { bytes: at, next: Next::Paused(now_ms + OUTRUN_PAUSE_MS) };
            }
            connection.last_packet_ms = turn.now.monotonic_ms;
            connection.received.count(header.first, length);
            if let Some(taken) = &mut connection.taken_time {
                taken.add_bytes(length, now_ms);
            }
            self.counters.packets_received += 1;
            self.counters.bytes_received += length as u64;
            at += length;
            let body = &packet[usize::from(header.length)..];
            if let Err(fault) = self.handle_packet(id, header, body, turn) {
                return self.fail(id, fault, bytes.len(), turn);
            }
        }
    }

    /// A client is not read for a while. Counts it, and tells of the first time and then once a minute.
    fn pause(&mut self, id: ConnectionId, (until_ms, cause): (u64, &'static str), turn: &mut Turn) -> Next {
        self.counters.pauses += 1;
        let now_ms = turn.now.monotonic_ms;
        if let Some(more) = self.connection_mut(id).and_then(|connection| connection.note_refusal(cause, now_ms)) {
            self.tell(EventMask::NOTICE, id, turn, || EventKind::Throttled { cause, more });
        }
        Next::Paused(until_ms)
    }

    fn handle_packet(
        &mut self,
        id: ConnectionId,
        header: FixedHeader,
        body: &[u8],
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        if header.first >> 4 == 3 {
            return self.handle_publish(id, header, body, turn);
        }
        let Some(connection) = self.connection(id) else { return Ok(()) };
        check_type(header.first)?;
        check_size(connection.version, header, body)?;
        if let Some(kind) = AcknowledgementKind::of(header) {
            let acknowledgement = Acknowledgement::decode(kind, connection.version, header, body)?;
            return self.handle_acknowledgement(id, kind, &acknowledgement, turn);
        }
        let packet = Packet::decode(connection.version, header, body)?;
        match &packet {
            Packet::Subscribe(subscribe) => return self.handle_subscribe(id, subscribe, turn),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(id, unsubscribe, turn),
            Packet::PingReq => {
                self.tell_packet(id, turn, || EventKind::Received("PINGREQ", 0, ReasonCode::SUCCESS));
                self.tell_packet(id, turn, || EventKind::Sending("PINGRESP", 0, ReasonCode::SUCCESS));
                self.send_control(id, After::Now, turn, |out| Packet::PingResp.encode(Version::V311, out));
            }
            Packet::Disconnect(disconnect) => return self.handle_disconnect(id, disconnect, turn),
            _ => return Err(Fault::new(ReasonCode::PROTOCOL_ERROR, "packet that a client does not send now")),
        }
        Ok(())
    }

    /// DISCONNECT.
    fn handle_disconnect(
        &mut self,
        id: ConnectionId,
        disconnect: &Disconnect<'_>,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let code = disconnect.reason_code;
        self.tell_packet(id, turn, || EventKind::Received("DISCONNECT", 0, code));
        let Some(connection) = self.connection(id) else { return Ok(()) };
        if let Some(asked) = disconnect.properties.session_expiry_interval_s() {
            if connection.expires_at_close && asked != 0 {
                let cause = "session expiry interval in DISCONNECT after none in CONNECT";
                return Err(Fault::new(ReasonCode::PROTOCOL_ERROR, cause));
            }
            let slot = connection.session;
            let limit = self.options.persistent_client_expiration_s.unwrap_or(u64::MAX);
            if let Some(session) = self.sessions.get_mut(slot) {
                session.expiry_interval_s = asked.min(limit.min(u64::from(u32::MAX)) as u32);
            }
        }
        self.tell_disconnected(id, DisconnectReason::Disconnect, turn);
        turn.closes.push(id);
        let fate = if code == ReasonCode::SUCCESS { WillFate::Dropped } else { WillFate::Published };
        self.detach(id, fate, turn);
        Ok(())
    }

    /// Ends a connection for what its client did.
    fn fail(&mut self, id: ConnectionId, fault: Fault, bytes: usize, turn: &mut Turn) -> Consumed {
        self.close(id, fault.code, fault.cause, turn);
        Consumed { bytes, next: Next::Closed }
    }

    /// Ends a connection from our side: DISCONNECT with the code where the version has one, then the close.
    pub(super) fn close(&mut self, id: ConnectionId, code: ReasonCode, cause: &'static str, turn: &mut Turn) {
        self.send_disconnect(id, code, cause, turn);
        self.tell_disconnected(id, DisconnectReason::ByServer(code, cause), turn);
        turn.closes.push(id);
        self.detach(id, WillFate::Published, turn);
    }

    /// DISCONNECT, to version 5 only.
    pub(super) fn send_disconnect(&mut self, id: ConnectionId, code: ReasonCode, cause: &'static str, turn: &mut Turn) {
        let Some(connection) = self.connection(id).filter(|connection| connection.is_v5()) else {
            return;
        };
        let mut properties = PropertiesBuf::default();
        // 5 bytes: header, Remaining Length, code, Property Length, and the property's own header makes 3 more.
        let fits = connection.packet_bytes_max as usize >= cause.len() + 8;
        if connection.wants_reason_strings && fits {
            properties.push(Property::ReasonString(cause));
        }
        let packet = Packet::Disconnect(Disconnect { reason_code: code, properties: properties.as_properties() });
        self.send_control(id, After::TurnDurable, turn, |out| packet.encode(Version::V5, out));
        self.tell_packet(id, turn, || EventKind::Sending("DISCONNECT", 0, code));
    }

    /// Puts out a packet other than PUBLISH.
    #[inline]
    pub(super) fn send_control(
        &mut self,
        id: ConnectionId,
        after: After,
        turn: &mut Turn,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let before = turn.outbox.bytes(id);
        turn.outbox.packet(id, after, encode);
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += (turn.outbox.bytes(id) - before) as u64;
    }

    /// Tells of a packet, to those who asked for every packet.
    #[inline]
    pub(super) fn tell_packet(&self, id: ConnectionId, turn: &mut Turn, kind: impl FnOnce() -> EventKind) {
        self.tell(EventMask::PACKET, id, turn, kind);
    }

    /// Tells something about a connection.
    #[inline]
    pub(super) fn tell(&self, mask: EventMask, id: ConnectionId, turn: &mut Turn, kind: impl FnOnce() -> EventKind) {
        if turn.wanted.contains(mask) {
            let session = self.connection(id).and_then(|connection| self.sessions.get(connection.session));
            turn.tell(mask, || Event::of_session(session, Some(id), kind()));
        }
    }

    pub(super) fn tell_disconnected(&self, id: ConnectionId, reason: DisconnectReason, turn: &mut Turn) {
        self.tell(EventMask::CONNECTION, id, turn, || EventKind::Disconnected(reason));
    }

    /// The connection is not read for a while, because its client does not read us; or it is read again. What it sent
    /// meanwhile waits in its socket, so its Keep Alive stands still, for a minute: then it counts as gone.
    pub fn handle_held(&mut self, id: ConnectionId, is_held: bool, now: Now) {
        if let Some(connection) = self.connection_mut(id) {
            connection.is_held = is_held;
            connection.last_packet_ms = now.monotonic_ms;
        }
    }

    /// Keep Alive timers that have fired: whoever was silent too long is closed, the others are set anew.
    pub(super) fn expire_keep_alive(&mut self, turn: &mut Turn) {
        let mut due = std::mem::take(&mut self.scratch.due);
        self.keep_alive.expire(turn.now.monotonic_ms, &mut due);
        for number in due.drain(..) {
            let id = ConnectionId(number);
            let Some(connection) = self.connection(id) else { continue };
            let Some(limit) = keep_alive_limit_ms(connection.keep_alive_s) else { continue };
            let limit = if connection.is_held { limit.max(limits::HELD_MS_MAX) } else { limit };
            let deadline = connection.last_packet_ms + limit;
            if deadline > turn.now.monotonic_ms {
                self.keep_alive.set(number, deadline);
            } else {
                self.close(id, ReasonCode::KEEP_ALIVE_TIMEOUT, "exceeded timeout", turn);
            }
        }
        self.scratch.due = due;
    }
}

/// The fault of a packet whose header is not complete, or not right.
fn early_fault(bytes: &[u8], error: Option<DecodeError>) -> Option<Fault> {
    bytes.first().and_then(|first| check_type(*first).err()).or(error.map(Fault::from))
}

/// What a client may not send after its CONNECT is not even looked into, but for the flags that no packet of its kind has
/// `[MQTT-2.1.3-1]`.
fn check_type(first: u8) -> Result<(), Fault> {
    let cause = match first >> 4 {
        0 => "packet of the reserved type",
        1 => "second CONNECT",
        2 | 9 | 11 | 13 | 15 if first & 0x0F != 0 => {
            return Err(Fault::new(ReasonCode::MALFORMED_PACKET, "reserved flags of the fixed header"));
        }
        2 | 9 | 11 | 13 => "packet that only a server sends",
        15 => "AUTH without an authentication method",
        _ => return Ok(()),
    };
    Err(Fault::new(ReasonCode::PROTOCOL_ERROR, cause))
}

/// Whether it is a PUBLISH that may have to be recorded: above QoS 0, or to be retained.
fn is_publish_to_keep(header: FixedHeader) -> bool {
    header.first >> 4 == 3 && header.first & 0b0111 != 0
}

/// Packets that are small by nature may not be used to make us hold much.
fn check_size(version: Version, header: FixedHeader, body: &[u8]) -> Result<(), Fault> {
    let max = match header.first >> 4 {
        8 | 10 if version == Version::V5 => limits::SUBSCRIBE_BYTES_MAX,
        4..=7 | 14 | 15 if version == Version::V5 => limits::SMALL_PACKET_BYTES_MAX,
        _ => return Ok(()),
    };
    if body.len() > max {
        return Err(Fault::new(ReasonCode::PACKET_TOO_LARGE, "packet larger than its kind may be"));
    }
    Ok(())
}

/// After so long a publisher is looked at again for which the log was too slow.
const OUTRUN_PAUSE_MS: u64 = 5;
