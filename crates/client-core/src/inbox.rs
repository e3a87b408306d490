//! Messages from the Server: which of them are new, and when each is acknowledged.
//!
//! What was received in a Session means nothing in the next one. Where it is not known whether the Server still has the same
//! Session, what was received before stands aside until the Server shows which it is: it sends everything again that is under
//! way, with DUP or as PUBREL, before it answers what we send. So whichever comes first decides.

use midge_codec::{PacketId, QoS, ReasonCode};
use midge_protocol::{Arrival, Inbound};

use crate::receipts::{Pending, Receipt, Receipts};

/// QoS 1 and 2 messages that the Server has under way to us.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    inbound: Inbound,
    receipts: Receipts,
    /// What was received before, where it may be of another Session than the Server's.
    aside: Option<Box<Inbound>>,
}

/// More messages at a time than our Receive Maximum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OverReceiveMaximum;

impl Inbox {
    /// QoS 2 messages that were received before the process was started and not released.
    pub(crate) fn restore(received: impl IntoIterator<Item = PacketId>) -> Inbox {
        Inbox { inbound: Inbound::restore(received), ..Inbox::default() }
    }

    /// A message of QoS 1 or 2 came. Its receipt, if it is to be shown. `receive_maximum` is `None` where the version knows none.
    pub(crate) fn admit(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        dup: bool,
        receive_maximum: Option<u16>,
    ) -> Result<Option<Receipt>, OverReceiveMaximum> {
        let left = receive_maximum.map(|maximum| maximum.saturating_sub(self.receipts.open_qos1()));
        if qos == QoS::AtLeastOnce {
            let is_over = left.is_some_and(|left| self.inbound.open() >= left);
            return if is_over { Err(OverReceiveMaximum) } else { Ok(Some(self.receipts.add(packet_id, qos))) };
        }
        if dup {
            self.note_known(packet_id);
        }
        match self.inbound.handle_publish(packet_id, left) {
            Arrival::OverReceiveMaximum => Err(OverReceiveMaximum),
            Arrival::New => Ok(Some(self.receipts.add(packet_id, qos))),
            Arrival::Repeated => {
                self.receipts.repeat(packet_id);
                Ok(None)
            }
        }
    }

    /// The user acknowledges. What that was, if it was waited for.
    pub(crate) fn settle(&mut self, receipt: Receipt, reason_code: ReasonCode) -> Option<Pending> {
        self.receipts.settle(receipt, reason_code)
    }

    /// The next acknowledgement that may be sent now.
    pub(crate) fn take(&mut self) -> Option<(Pending, ReasonCode)> {
        let (pending, reason_code) = self.receipts.take()?;
        if pending.qos == QoS::ExactlyOnce && reason_code.is_error() {
            self.inbound.refuse(pending.packet_id);
        }
        Some((pending, reason_code))
    }

    /// PUBREL came. Whether its identifier was known; `None` where PUBREC has not been sent.
    pub(crate) fn release(&mut self, packet_id: PacketId) -> Option<bool> {
        self.note_known(packet_id);
        (!self.receipts.is_due(packet_id)).then(|| self.inbound.handle_release(packet_id))
    }

    /// A new connection goes on with the Session.
    pub(crate) fn handle_connection(&mut self) {
        self.inbound.handle_connection();
        self.receipts.handle_connection();
    }

    /// The Session of the new connection may be another than that of what is here.
    pub(crate) fn set_aside(&mut self) {
        let mut received = std::mem::take(&mut self.inbound);
        if let Some(aside) = self.aside.take() {
            received.adopt(&aside);
        }
        self.aside = (!received.is_empty()).then(|| Box::new(received));
    }

    /// The Server goes on with something of this identifier: where we know it, the Session is the one that we know.
    fn note_known(&mut self, packet_id: PacketId) {
        let is_new = self.inbound.is_open(packet_id);
        if let Some(aside) = self.aside.take_if(|aside| !is_new && aside.is_open(packet_id)) {
            self.inbound.adopt(&aside);
        }
    }

    /// The Server has answered something of this connection, and gone on with nothing that we know: its Session is another. Gives
    /// the identifiers that mean nothing any more.
    pub(crate) fn note_answer(&mut self) -> Vec<u16> {
        let Some(aside) = self.aside.take() else { return Vec::new() };
        self.receipts.forget_left();
        let mut forgotten = aside.packet_ids();
        forgotten.retain(|&id| PacketId::new(id).is_some_and(|id| !self.inbound.is_open(id)));
        forgotten
    }

    /// The Session is gone.
    pub(crate) fn clear(&mut self) {
        self.inbound = Inbound::default();
        self.receipts.clear();
        self.aside = None;
    }

    /// Whether a QoS 2 message was acknowledged with PUBREC, and PUBREL has not come.
    pub(crate) fn awaits_release(&self) -> bool {
        let mut received = self.inbound.packet_ids().into_iter().filter_map(PacketId::new);
        received.any(|packet_id| !self.receipts.is_due(packet_id))
    }

    /// Identifiers of QoS 2 messages that were received and not released.
    pub(crate) fn packet_ids(&self) -> Vec<u16> {
        let aside = self.aside.iter().flat_map(|aside| aside.packet_ids());
        self.inbound.packet_ids().into_iter().chain(aside).collect()
    }
}
