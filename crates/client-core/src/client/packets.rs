//! Bytes from the Server, packet by packet.

use midge_codec::{
    Acknowledgement, AcknowledgementKind, DecodeError, FixedHeader, Packet, ReasonCode, Version, fixed_header,
};

use super::{Client, Phase};
use crate::event::{Cause, Event, Visit};

/// How much of the bytes was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consumed {
    /// Bytes that need not be kept. The rest is to be handed in again, together with what follows it.
    pub bytes: usize,
    /// Bytes of the packet that begins behind them, as far as is known. Not more than
    /// [`Options::maximum_packet_size`](crate::Options::maximum_packet_size).
    pub needed: usize,
}

/// What became of the first packet.
enum Next {
    /// It had this many bytes.
    Handled(usize),
    /// It will have this many bytes, as far as is known.
    Needs(usize),
}

/// What the Server did that ends the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    code: ReasonCode,
    cause: &'static str,
}

impl Fault {
    pub(super) const fn new(code: ReasonCode, cause: &'static str) -> Fault {
        Fault { code, cause }
    }

    pub(super) const fn protocol(cause: &'static str) -> Fault {
        Fault::new(ReasonCode::PROTOCOL_ERROR, cause)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault::new(error.reason_code(), error.message())
    }
}

impl Client {
    /// Bytes came: handles every whole packet in them.
    pub fn handle_bytes(&mut self, now_ms: u64, bytes: &[u8], visit: Visit<'_>) -> Consumed {
        if !bytes.is_empty() {
            self.keep_alive.note_received(now_ms);
        }
        let mut at = 0;
        let needed = loop {
            if !matches!(self.phase, Phase::Greeting(_) | Phase::Online) {
                return Consumed { bytes: bytes.len(), needed: 0 };
            }
            match self.handle_next(now_ms, &bytes[at..], visit) {
                Ok(Next::Handled(bytes)) => at += bytes,
                Ok(Next::Needs(bytes)) => break bytes,
                Err(fault) => self.fail(fault, visit),
            }
            self.tell_sent(visit);
        };
        self.pump(now_ms, visit);
        self.tell_sent(visit);
        Consumed { bytes: at, needed }
    }

    /// Handles the first packet, if it is whole.
    fn handle_next(&mut self, now_ms: u64, bytes: &[u8], visit: Visit<'_>) -> Result<Next, Fault> {
        let Some(header) = fixed_header(bytes)? else { return Ok(Next::Needs(2.max(bytes.len() + 1))) };
        header.check_size(self.options.maximum_packet_size)?;
        let Some(packet) = bytes.get(..header.packet_len()) else { return Ok(Next::Needs(header.packet_len())) };
        if self.options.tells_packets {
            visit(Event::PacketReceived(packet));
        }
        let body = &packet[usize::from(header.length)..];
        if matches!(header.first >> 4, 1 | 8 | 10 | 12) {
            return Err(Fault::protocol("a packet that a Server does not send"));
        }
        let is_online = self.phase == Phase::Online;
        if is_online && header.first >> 4 == 3 {
            self.handle_publish(header, body, visit)?;
        } else if let Some(kind) = AcknowledgementKind::of(header).filter(|_| is_online) {
            let acknowledgement = Acknowledgement::decode(kind, self.options.version, header, body)?;
            self.handle_acknowledgement(kind, &acknowledgement, visit)?;
        } else {
            self.handle_control(now_ms, header, body, visit)?;
        }
        Ok(Next::Handled(packet.len()))
    }

    /// Before CONNACK only it, AUTH and, from Servers that know no better, DISCONNECT come.
    fn handle_control(&mut self, now_ms: u64, header: FixedHeader, body: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        match Packet::decode_from_server(self.options.version, header, body)? {
            Packet::ConnAck(connack) => self.handle_connack(now_ms, &connack, visit),
            Packet::Auth(auth) => self.handle_auth(&auth, visit),
            Packet::Disconnect(disconnect) if self.options.version == Version::V5 => {
                self.end(Cause::Dismissed(disconnect), visit);
                Ok(())
            }
            _ if self.phase != Phase::Online => Err(Fault::protocol("a packet before CONNACK")),
            Packet::SubAck(suback) => {
                self.handle_answer(suback.packet_id, suback.codes, suback.properties, true, visit)
            }
            Packet::UnsubAck(unsuback) => {
                self.handle_answer(unsuback.packet_id, unsuback.codes, unsuback.properties, false, visit)
            }
            Packet::PingResp => {
                self.keep_alive.note_ping_response();
                Ok(())
            }
            _ => Err(Fault::protocol("a packet that a Server does not send")),
        }
    }

    fn handle_acknowledgement(
        &mut self,
        kind: AcknowledgementKind,
        acknowledgement: &Acknowledgement<'_>,
        visit: Visit<'_>,
    ) -> Result<(), Fault> {
        match kind {
            AcknowledgementKind::PubAck => self.handle_puback(acknowledgement, visit),
            AcknowledgementKind::PubRec => self.handle_pubrec(acknowledgement, visit),
            AcknowledgementKind::PubComp => self.handle_pubcomp(acknowledgement.packet_id),
            AcknowledgementKind::PubRel => self.handle_pubrel(acknowledgement.packet_id),
        }
    }

    /// Ends the connection for what the Server did. Version 3 has no word for that, and its DISCONNECT would take the Will back.
    fn fail(&mut self, fault: Fault, visit: Visit<'_>) {
        self.send_disconnect_of_fault(fault.code);
        self.end(Cause::ProtocolError(fault.code, fault.cause), visit);
    }

    /// The connection is over but for what is still to be written.
    pub(super) fn end(&mut self, cause: Cause<'_>, visit: Visit<'_>) {
        self.phase = Phase::Ending;
        visit(Event::Disconnected(cause));
    }
}
