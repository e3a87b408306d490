//! Publishing: straight into the output where that is possible, else kept until its turn.

use midge_codec::{
    Acknowledgement, AcknowledgementKind, PACKET_SIZE_MAX, PacketId, PublishOut, QoS, ReasonCode,
    encode_acknowledgement,
};
use midge_protocol::{Aliased, InflightMax, OutboundAliases, Received, Resend};

use super::packets::Fault;
use super::{Client, Phase};
use crate::event::{DropReason, Event, Visit};
use crate::message::{Kept, Message, Parts};
use crate::refusal::Refusal;
use crate::steps::Step;

/// What became of a message that is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// It has QoS 0 and is in the output: it has ended.
    Sent,
    /// It is kept under this number until an event says how it has ended.
    Held(u64),
}

impl Client {
    /// Publishes a message: sends it, or keeps it until it can be sent, also while there is no connection. A message that was
    /// accepted ends in exactly one event with its number, or has ended with [`Accepted::Sent`].
    ///
    /// # Errors
    /// When it is no message, when the Server of the present connection does not take it, or when there is no room.
    pub fn publish(&mut self, now_ms: u64, message: &Message<'_>) -> Result<Accepted, Refusal> {
        message.check()?;
        let parts = Parts::new(message);
        let publish = parts.publish(self.options.version);
        if self.phase == Phase::Online {
            self.limits.check_publish(&publish)?;
        } else if publish.encoded_len() > PACKET_SIZE_MAX as usize {
            return Err(Refusal::PacketTooLarge);
        }
        let is_next = self.outbox.is_next(message.qos) && self.can_send(message.qos);
        if is_next && message.qos == QoS::AtMostOnce {
            encode(publish, &mut self.outbound_aliases, self.limits.maximum_packet_size, self.output.end());
            return Ok(Accepted::Sent);
        }
        if !self.has_room() {
            return Err(Refusal::Full);
        }
        let kept = parts.keep(self.next_number(), now_ms);
        let number = kept.number;
        self.outbox.count(&kept);
        if is_next {
            self.begin(kept, now_ms);
        } else {
            self.outbox.push_back(kept);
        }
        Ok(Accepted::Held(number))
    }

    pub(super) fn inflight_max(&self) -> InflightMax {
        InflightMax { messages: self.limits.inflight_max, bytes: u64::MAX }
    }

    /// Sends a message of QoS 1 or 2 for the first time in this Session.
    fn begin(&mut self, kept: Kept, now_ms: u64) {
        let packet_id = self.outbox.exchanges.next_packet_id();
        let mut publish = kept.publish(self.options.version, now_ms);
        publish.packet_id = packet_id.get();
        encode(publish, &mut self.outbound_aliases, self.limits.maximum_packet_size, self.output.end());
        let number = kept.number;
        self.outbox.exchanges.begin(kept.qos, kept);
        self.note(Step::Sent { number, packet_id });
    }

    /// Sends what waits, as far as Server and output have room: first what was under way before, then requests, then
    /// messages in their order.
    pub(super) fn pump(&mut self, now_ms: u64, visit: Visit<'_>) {
        if self.phase != Phase::Online {
            return;
        }
        self.send_requests(visit);
        while self.output.has_room() && self.resend(now_ms, visit) {}
        while let Some(qos) = self.outbox.front().map(|kept| kept.qos) {
            if !self.can_send(qos) {
                break;
            }
            self.send_first(now_ms, visit);
        }
    }

    /// Sends the message that has waited longest.
    fn send_first(&mut self, now_ms: u64, visit: Visit<'_>) {
        let Some(kept) = self.outbox.pop_front() else { return };
        if kept.is_expired(now_ms) {
            return self.drop_message(&kept, DropReason::Expired, visit);
        }
        let publish = kept.publish(self.options.version, now_ms);
        if let Err(refusal) = self.limits.check_publish(&publish) {
            return self.drop_message(&kept, DropReason::Refused(refusal), visit);
        }
        if kept.qos > QoS::AtMostOnce {
            return self.begin(kept, now_ms);
        }
        encode(publish, &mut self.outbound_aliases, self.limits.maximum_packet_size, self.output.end());
        self.end_message(&kept);
        visit(Event::Sent { number: kept.number });
    }

    /// Sends the next thing again that was under way before this connection `[MQTT-4.4.0-1]`. `false`: there is none, or no room.
    fn resend(&mut self, now_ms: u64, visit: Visit<'_>) -> bool {
        let max = self.inflight_max();
        let version = self.options.version;
        match self.outbox.exchanges.next_resend(max) {
            None => false,
            Some(Resend::Release(packet_id)) => {
                self.send_acknowledgement(AcknowledgementKind::PubRel, packet_id, ReasonCode::SUCCESS);
                true
            }
            Some(Resend::Publish(packet_id, qos, kept)) => {
                let publish = PublishOut { dup: true, packet_id: packet_id.get(), ..kept.publish(version, now_ms) };
                if let Err(refusal) = self.limits.check_publish(&publish) {
                    self.give_up(packet_id, qos, refusal, visit);
                } else {
                    publish.encode(self.output.end());
                }
                true
            }
        }
    }

    /// A message that was sent before cannot be sent again: the Server has other limits than it had.
    fn give_up(&mut self, packet_id: PacketId, qos: QoS, refusal: Refusal, visit: Visit<'_>) {
        let exchanges = &mut self.outbox.exchanges;
        let received = match qos {
            QoS::ExactlyOnce => exchanges.handle_pubrec(packet_id, true),
            QoS::AtLeastOnce | QoS::AtMostOnce => exchanges.handle_puback(packet_id),
        };
        if let Received::Complete(Some(kept)) = received {
            self.drop_message(&kept, DropReason::Refused(refusal), visit);
        }
    }

    fn drop_message(&mut self, kept: &Kept, why: DropReason, visit: Visit<'_>) {
        self.end_message(kept);
        visit(Event::Dropped { number: kept.number, why });
    }

    fn end_message(&mut self, kept: &Kept) {
        self.outbox.end(kept);
        self.note(Step::Ended { number: kept.number });
    }

    /// PUBACK: the message has ended. One that answers nothing is left alone: it does no harm.
    pub(super) fn handle_puback(&mut self, puback: &Acknowledgement<'_>, visit: Visit<'_>) -> Result<(), Fault> {
        match self.outbox.exchanges.handle_puback(puback.packet_id) {
            Received::Complete(kept) => self.acknowledged(kept, puback, visit),
            Received::Unknown => {}
            Received::Release(_) | Received::OutOfTurn => {
                return Err(Fault::protocol("PUBACK answers no QoS 1 PUBLISH"));
            }
        }
        Ok(())
    }

    /// PUBREC: the message has ended, as the Server answers for it or has refused it. The exchange goes on to PUBCOMP.
    pub(super) fn handle_pubrec(&mut self, pubrec: &Acknowledgement<'_>, visit: Visit<'_>) -> Result<(), Fault> {
        let packet_id = pubrec.packet_id;
        let released = match self.outbox.exchanges.handle_pubrec(packet_id, pubrec.reason_code.is_error()) {
            Received::Complete(kept) => {
                self.acknowledged(kept, pubrec, visit);
                return Ok(());
            }
            Received::Release(kept) => {
                if kept.is_some() {
                    self.note(Step::Released { packet_id });
                }
                self.acknowledged(kept, pubrec, visit);
                ReasonCode::SUCCESS
            }
            Received::Unknown if pubrec.reason_code.is_error() => return Ok(()),
            Received::Unknown => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            Received::OutOfTurn => return Err(Fault::protocol("PUBREC answers no QoS 2 PUBLISH")),
        };
        self.send_acknowledgement(AcknowledgementKind::PubRel, packet_id, released);
        Ok(())
    }

    /// PUBCOMP: the Packet Identifier is free.
    pub(super) fn handle_pubcomp(&mut self, packet_id: PacketId) -> Result<(), Fault> {
        match self.outbox.exchanges.handle_pubcomp(packet_id) {
            Received::Complete(_) => self.note(Step::Completed { packet_id }),
            Received::Unknown => {}
            Received::Release(_) | Received::OutOfTurn => return Err(Fault::protocol("PUBCOMP answers no PUBREL")),
        }
        Ok(())
    }

    fn acknowledged(&mut self, kept: Option<Kept>, acknowledgement: &Acknowledgement<'_>, visit: Visit<'_>) {
        let Some(kept) = kept else { return };
        self.end_message(&kept);
        let Acknowledgement { reason_code, properties, .. } = *acknowledgement;
        visit(Event::Acknowledged { number: kept.number, reason_code, properties });
    }

    pub(super) fn send_acknowledgement(
        &mut self,
        kind: AcknowledgementKind,
        packet_id: PacketId,
        reason_code: ReasonCode,
    ) {
        encode_acknowledgement(kind, self.options.version, packet_id.get(), reason_code, self.output.end());
    }
}

/// Appends a PUBLISH, its topic by alias where the Server allows that.
fn encode(mut publish: PublishOut<'_>, aliases: &mut OutboundAliases, packet_size_max: u32, out: &mut Vec<u8>) {
    let is_near_limit = publish.encoded_len() + ALIAS_OVERHEAD_BYTES > packet_size_max as usize;
    if !is_near_limit {
        match aliases.alias(publish.topic) {
            Aliased::No => {}
            Aliased::Set(alias) => publish.topic_alias = Some(alias),
            Aliased::Known(alias) => (publish.topic_alias, publish.topic) = (Some(alias), b""),
        }
    }
    publish.encode(out);
}

/// What setting an alias may add: the Property, and a byte more for Property Length and Remaining Length.
const ALIAS_OVERHEAD_BYTES: usize = 5;
