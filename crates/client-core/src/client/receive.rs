//! Receiving: messages from the Server, shown once and acknowledged in their order.

use midge_codec::{AcknowledgementKind, FixedHeader, PacketId, Publish, QoS, ReasonCode, Version};

use super::packets::Fault;
use super::{Client, Phase};
use crate::event::{Event, Visit};
use crate::options::Acknowledge;
use crate::receipts::Receipt;
use crate::steps::Step;

impl Client {
    /// PUBLISH.
    pub(super) fn handle_publish(&mut self, header: FixedHeader, body: &[u8], visit: Visit<'_>) -> Result<(), Fault> {
        let version = self.options.version;
        let mut publish = Publish::decode_from_server(version, header, body)?;
        // The aliases alone are borrowed, by the topic: the rest of the Client goes on.
        let aliases = &mut self.inbound_aliases;
        if let Some(alias) = publish.properties.topic_alias {
            let resolved = aliases.resolve(alias, publish.topic, self.options.topic_alias_maximum);
            publish.topic = resolved.map_err(|_| TOPIC_ALIAS)?;
        }
        let Some(packet_id) = publish.packet_id else {
            visit(Event::Message(publish, None));
            return Ok(());
        };
        let counts = version == Version::V5 && !self.options.tolerates_excess;
        let receive_maximum = counts.then_some(self.options.receive_maximum.max(1));
        let admitted = self.inbox.admit(packet_id, publish.qos, publish.dup, receive_maximum);
        if let Some(receipt) = admitted.map_err(|_| OVER_RECEIVE_MAXIMUM)? {
            let by_hand = self.options.acknowledge == Acknowledge::ByHand;
            visit(Event::Message(publish, by_hand.then_some(receipt)));
            if !by_hand {
                self.acknowledge(receipt, ReasonCode::SUCCESS);
            }
        }
        self.send_receipts();
        Ok(())
    }

    /// Acknowledges a message that was shown with this receipt; a code of 0x80 or more refuses it (version 5). Whether the receipt
    /// was waited for: one of QoS 1 ends with its connection, as the message will come again.
    ///
    /// The packet leaves when all messages that came before it are acknowledged.
    pub fn acknowledge(&mut self, receipt: Receipt, reason_code: ReasonCode) -> bool {
        let is_v5 = self.options.version == Version::V5;
        let reason_code = if is_v5 { reason_code } else { ReasonCode::SUCCESS };
        let Some(pending) = self.inbox.settle(receipt, reason_code) else { return false };
        if pending.qos == QoS::ExactlyOnce && !reason_code.is_error() {
            self.note(Step::Received { packet_id: pending.packet_id });
        }
        self.send_receipts();
        true
    }

    /// Sends the acknowledgements that may leave.
    fn send_receipts(&mut self) {
        if self.phase != Phase::Online {
            return;
        }
        while let Some((pending, reason_code)) = self.inbox.take() {
            let kind = match pending.qos {
                QoS::ExactlyOnce => AcknowledgementKind::PubRec,
                QoS::AtLeastOnce | QoS::AtMostOnce => AcknowledgementKind::PubAck,
            };
            self.send_acknowledgement(kind, pending.packet_id, reason_code);
        }
    }

    /// PUBREL: the identifier means a new message from now on.
    pub(super) fn handle_pubrel(&mut self, packet_id: PacketId) -> Result<(), Fault> {
        let reason_code = match self.inbox.release(packet_id) {
            Some(true) => {
                self.note(Step::Forgotten { packet_id });
                ReasonCode::SUCCESS
            }
            Some(false) => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            None => return Err(Fault::protocol("PUBREL before PUBREC")),
        };
        self.send_acknowledgement(AcknowledgementKind::PubComp, packet_id, reason_code);
        Ok(())
    }
}

const TOPIC_ALIAS: Fault =
    Fault::new(ReasonCode::TOPIC_ALIAS_INVALID, "a Topic Alias that is out of range or was never set");
const OVER_RECEIVE_MAXIMUM: Fault =
    Fault::new(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, "more messages at a time than Receive Maximum");
