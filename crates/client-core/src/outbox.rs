//! Messages that were accepted and have not ended: those under way, and those that wait for their turn.

use std::collections::VecDeque;

use midge_codec::{PacketId, QoS};
use midge_protocol::Outbound;

use crate::message::Kept;

/// Everything that is to be published.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// QoS 1 and 2 under way, with their Packet Identifiers. Those of requests are taken from the same window.
    pub(crate) exchanges: Outbound<Kept>,
    /// Not sent yet, oldest first.
    waiting: VecDeque<Kept>,
    waiting_qos0: usize,
    messages: usize,
    bytes: usize,
}

impl Outbox {
    /// What was there before the process was started, oldest first: the messages, some under an identifier already, and
    /// the identifiers that wait for PUBCOMP.
    pub(crate) fn restore(
        messages: impl Iterator<Item = (Kept, Option<PacketId>)>,
        released: impl Iterator<Item = PacketId>,
    ) -> Outbox {
        let mut outbox = Outbox::default();
        let mut exchanges: Vec<_> = released.map(|id| (id, None)).collect();
        for (kept, packet_id) in messages {
            outbox.count(&kept);
            match packet_id {
                Some(id) if kept.qos > QoS::AtMostOnce => exchanges.push((id, Some((kept.qos, kept)))),
                _ => outbox.push_back(kept),
            }
        }
        outbox.exchanges = Outbound::restore(exchanges);
        outbox
    }

    /// Whether another message may be accepted.
    pub(crate) fn has_room(&self, messages_max: usize, bytes_max: usize) -> bool {
        self.messages < messages_max && self.bytes < bytes_max
    }

    /// Messages and bytes that have not ended.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.exchanges.is_empty()
    }

    /// Whether a message of this QoS would overtake none that waits, if it were sent now. One of QoS 0 may overtake those of
    /// other QoS, as they do not wait for the same.
    pub(crate) fn is_next(&self, qos: QoS) -> bool {
        match qos {
            QoS::AtMostOnce => self.waiting_qos0 == 0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.waiting.is_empty(),
        }
    }

    /// A message was accepted.
    pub(crate) fn count(&mut self, kept: &Kept) {
        self.messages += 1;
        self.bytes += kept.len();
    }

    /// A message has ended.
    pub(crate) fn end(&mut self, kept: &Kept) {
        self.messages -= 1;
        self.bytes -= kept.len();
    }

    pub(crate) fn push_back(&mut self, kept: Kept) {
        self.waiting_qos0 += usize::from(kept.qos == QoS::AtMostOnce);
        self.waiting.push_back(kept);
    }

    pub(crate) fn front(&self) -> Option<&Kept> {
        self.waiting.front()
    }

    pub(crate) fn pop_front(&mut self) -> Option<Kept> {
        let kept = self.waiting.pop_front()?;
        self.waiting_qos0 -= usize::from(kept.qos == QoS::AtMostOnce);
        Some(kept)
    }

    /// The Session is gone: what was under way waits again, before everything else. What PUBREC had taken over has ended.
    pub(crate) fn handle_session_lost(&mut self) {
        let under_way: Vec<Kept> = self.exchanges.drain().map(|(_, kept)| kept).collect();
        for kept in under_way.into_iter().rev() {
            self.waiting.push_front(kept);
        }
    }
}
