//! PUBACK, PUBREC, PUBREL, PUBCOMP: the rest of an exchange.

use super::Shard;
use super::packets::Fault;
use super::publish::name_of;
use crate::event::EventKind;
use crate::groups::GroupId;
use crate::ids::ConnectionId;
use crate::session::{Kept, Session};
use crate::turn::Turn;
use midge_codec::{Acknowledgement, AcknowledgementKind, PacketId, QoS, ReasonCode};
use midge_protocol::{Outbound, Received};

const OUT_OF_TURN: Fault =
    Fault::new(ReasonCode::PROTOCOL_ERROR, "acknowledgement that the exchange does not wait for");

impl Shard {
    pub(super) fn handle_acknowledgement(
        &mut self,
        id: ConnectionId,
        kind: AcknowledgementKind,
        packet: &Acknowledgement<'_>,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        self.tell_packet(id, turn, || EventKind::Received(name_of(kind), packet.packet_id.get(), packet.reason_code));
        match kind {
            AcknowledgementKind::PubAck => {
                self.complete(id, packet.packet_id, turn, |outbound| outbound.handle_puback(packet.packet_id))
            }
            AcknowledgementKind::PubRec => self.handle_pubrec(id, packet, turn),
            AcknowledgementKind::PubRel => {
                self.handle_pubrel(id, packet, turn);
                Ok(())
            }
            AcknowledgementKind::PubComp => {
                self.complete(id, packet.packet_id, turn, |outbound| outbound.handle_pubcomp(packet.packet_id))
            }
        }
    }

    /// PUBREC is always answered by PUBREL, so that the other end can forget the exchange even where we have.
    fn handle_pubrec(&mut self, id: ConnectionId, packet: &Acknowledgement<'_>, turn: &mut Turn) -> Result<(), Fault> {
        let is_error = packet.reason_code.is_error();
        let Some((slot, received)) = self.settle(id, |outbound| outbound.handle_pubrec(packet.packet_id, is_error))
        else {
            return Ok(());
        };
        let code = match received {
            Received::Complete(kept) => {
                kept.into_iter().for_each(|kept| self.finish_exchange(slot, kept, turn));
                self.pump(slot, turn);
                return Ok(());
            }
            Received::Release(kept) => {
                if let Some(kept) = kept {
                    self.release_exchange(slot, kept, packet.packet_id, turn);
                }
                ReasonCode::SUCCESS
            }
            Received::OutOfTurn => return Err(OUT_OF_TURN),
            Received::Unknown if is_error => return Ok(()),
            Received::Unknown => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
        };
        self.acknowledge(id, AcknowledgementKind::PubRel, packet.packet_id, code, turn);
        // The payload takes no more room; where that is not counted, nothing can go out that could not before.
        if self.options.max_inflight_bytes != u64::MAX {
            self.pump(slot, turn);
        }
        Ok(())
    }

    /// PUBREL is always completed, and with success: one that we do not know was completed before, and its sender has not heard of
    /// it. Clients that are told "not found" tell their users that the message was not delivered.
    fn handle_pubrel(&mut self, id: ConnectionId, packet: &Acknowledgement<'_>, turn: &mut Turn) {
        let inbound = self.session_of(id).and_then(|(_, session)| session.inbound.as_mut());
        let is_known = inbound.is_some_and(|inbound| inbound.handle_release(packet.packet_id));
        if is_known && let Some(slot) = self.connection(id).map(|connection| connection.session) {
            self.record_released(slot, packet.packet_id.get(), turn);
        }
        self.acknowledge(id, AcknowledgementKind::PubComp, packet.packet_id, ReasonCode::SUCCESS, turn);
    }

    /// The end of an exchange makes room for the next. One that we do not know was settled before and is passed over.
    fn complete(
        &mut self,
        id: ConnectionId,
        packet_id: PacketId,
        turn: &mut Turn,
        handle: impl FnOnce(&mut Outbound<Kept>) -> Received<Kept>,
    ) -> Result<(), Fault> {
        match self.settle(id, handle) {
            Some((slot, Received::Complete(kept))) => {
                match kept {
                    Some(kept) => self.finish_exchange(slot, kept, turn),
                    None => self.record_complete(slot, packet_id.get(), turn),
                }
                self.pump(slot, turn);
                Ok(())
            }
            Some((_, Received::OutOfTurn)) => Err(OUT_OF_TURN),
            _ => Ok(()),
        }
    }

    /// A Session is done with a message that it had not begun to send, or that is acknowledged.
    pub(super) fn finish(&mut self, slot: u32, kept: Kept, turn: &mut Turn) {
        let qos = kept.qos;
        let (message, extra) = self.release(kept);
        let group = extra.and_then(|extra| extra.group);
        if qos > QoS::AtMostOnce && self.is_logging() {
            self.record_done(slot, &message, group, turn);
        }
        self.give_credit(slot, group, turn);
    }

    /// A Session is done with an exchange. At QoS 2 it was the Session's own, whoever gave it the message.
    #[inline]
    pub(super) fn finish_exchange(&mut self, slot: u32, kept: Kept, turn: &mut Turn) {
        if kept.qos != QoS::ExactlyOnce || !self.is_durable(slot) {
            return self.finish(slot, kept, turn);
        }
        let (message, extra) = self.release(kept);
        self.record_done(slot, &message, None, turn);
        self.give_credit(slot, extra.and_then(|extra| extra.group), turn);
    }

    /// PUBREC took the message over: only the Packet Identifier is still held.
    fn release_exchange(&mut self, slot: u32, kept: Kept, packet_id: PacketId, turn: &mut Turn) {
        if !self.is_durable(slot) {
            return self.finish(slot, kept, turn);
        }
        let (_, extra) = self.release(kept);
        self.record_pubrec(slot, packet_id.get(), turn);
        self.give_credit(slot, extra.and_then(|extra| extra.group), turn);
    }

    /// A share group may give the Session another message.
    fn give_credit(&mut self, slot: u32, group: Option<GroupId>, turn: &mut Turn) {
        if let Some(group) = group {
            self.shared.groups().credit(group, self.id, self.name(slot));
            self.pull(slot, group, turn);
        }
    }

    fn settle(
        &mut self,
        id: ConnectionId,
        handle: impl FnOnce(&mut Outbound<Kept>) -> Received<Kept>,
    ) -> Option<(u32, Received<Kept>)> {
        let slot = self.connection(id)?.session;
        Some((slot, self.settle_exchange(slot, handle)?))
    }

    /// Something ends an exchange of this Session, or has it go on.
    pub(super) fn settle_exchange(
        &mut self,
        slot: u32,
        handle: impl FnOnce(&mut Outbound<Kept>) -> Received<Kept>,
    ) -> Option<Received<Kept>> {
        let received = self.sessions.get_mut(slot)?.outbound.as_mut().map_or(Received::Unknown, |it| handle(it));
        self.inflight -= u64::from(matches!(received, Received::Complete(_)));
        Some(received)
    }

    /// The Session of a connection, and its slot.
    pub(super) fn session_of(&mut self, id: ConnectionId) -> Option<(u32, &mut Session)> {
        let slot = self.connection(id)?.session;
        self.sessions.get_mut(slot).map(|session| (slot, session))
    }
}
