//! Acknowledgements that the user gives: in the order of the messages, whatever the order in which he gives them
//! `[MQTT-4.6.0-2]` `[MQTT-4.6.0-3]`.
//!
//! A receipt of QoS 1 ends with the connection: the Server sends the message again, and that is another receipt. One of
//! QoS 2 goes on: the message is known when it comes again, is not shown twice, and takes its place in the new order.

use std::collections::VecDeque;

use midge_codec::{PacketId, QoS, ReasonCode};

/// Stands for a message that is to be acknowledged by hand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Receipt(u64);

/// Messages that wait to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    last: u64,
    /// Came on this connection, oldest first.
    due: VecDeque<Pending>,
    /// Of QoS 2, came on an earlier connection and not again yet.
    left: Vec<Pending>,
    /// Those of QoS 1 in `due`.
    open_qos1: u16,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    receipt: Receipt,
    pub(crate) packet_id: PacketId,
    pub(crate) qos: QoS,
    /// What the user says.
    outcome: Option<ReasonCode>,
}

impl Receipts {
    /// A message came for the first time.
    pub(crate) fn add(&mut self, packet_id: PacketId, qos: QoS) -> Receipt {
        self.last += 1;
        let receipt = Receipt(self.last);
        self.open_qos1 += u16::from(qos == QoS::AtLeastOnce);
        self.due.push_back(Pending { receipt, packet_id, qos, outcome: None });
        receipt
    }

    /// A QoS 2 message came again: what became of its receipt takes its place in the order. One that nobody waits for any more
    /// is acknowledged once more.
    pub(crate) fn repeat(&mut self, packet_id: PacketId) {
        if self.is_due(packet_id) {
            return;
        }
        if let Some(at) = self.left.iter().position(|pending| pending.packet_id == packet_id) {
            self.due.push_back(self.left.swap_remove(at));
        } else {
            let receipt = self.add(packet_id, QoS::ExactlyOnce);
            self.settle(receipt, ReasonCode::SUCCESS);
        }
    }

    /// What came on earlier connections was of a Session that is gone.
    pub(crate) fn forget_left(&mut self) {
        self.left.clear();
    }

    /// Whether a QoS 2 message of this connection waits for its receipt.
    pub(crate) fn is_due(&self, packet_id: PacketId) -> bool {
        self.due.iter().any(|pending| pending.packet_id == packet_id && pending.qos == QoS::ExactlyOnce)
    }

    /// The user acknowledges. What that was, if it was waited for.
    pub(crate) fn settle(&mut self, receipt: Receipt, reason_code: ReasonCode) -> Option<Pending> {
        let mut all = self.due.iter_mut().chain(&mut self.left);
        let pending = all.find(|pending| pending.receipt == receipt && pending.outcome.is_none())?;
        pending.outcome = Some(reason_code);
        Some(*pending)
    }

    /// The next message whose acknowledgement may be sent now.
    pub(crate) fn take(&mut self) -> Option<(Pending, ReasonCode)> {
        let reason_code = self.due.front()?.outcome?;
        let pending = self.due.pop_front()?;
        self.open_qos1 -= u16::from(pending.qos == QoS::AtLeastOnce);
        Some((pending, reason_code))
    }

    /// Messages of QoS 1 that take a place of our Receive Maximum.
    pub(crate) fn open_qos1(&self) -> u16 {
        self.open_qos1
    }

    /// A new connection goes on with the Session.
    pub(crate) fn handle_connection(&mut self) {
        self.open_qos1 = 0;
        self.left.extend(self.due.drain(..).filter(|pending| pending.qos == QoS::ExactlyOnce));
    }

    /// The Session is gone, and with it everything that could be acknowledged.
    pub(crate) fn clear(&mut self) {
        *self = Receipts { last: self.last, ..Receipts::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    fn taken(receipts: &mut Receipts) -> Vec<u16> {
        std::iter::from_fn(|| receipts.take()).map(|(pending, _)| pending.packet_id.get()).collect()
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_the_messages() {
        let mut receipts = Receipts::default();
        let [a, b, c] = [1, 2, 3].map(|value| receipts.add(id(value), QoS::AtLeastOnce));
        assert!(receipts.settle(b, ReasonCode::SUCCESS).is_some() && taken(&mut receipts).is_empty());
        assert!(receipts.settle(b, ReasonCode::SUCCESS).is_none(), "only once");
        assert!(receipts.settle(a, ReasonCode::SUCCESS).is_some());
        assert_eq!((taken(&mut receipts), receipts.open_qos1()), (vec![1, 2], 1));
        assert!(receipts.settle(c, ReasonCode::SUCCESS).is_some());
        assert_eq!((taken(&mut receipts), receipts.open_qos1()), (vec![3], 0));
    }

    #[test]
    fn a_receipt_of_qos_2_outlives_its_connection_and_one_of_qos_1_does_not() {
        let mut receipts = Receipts::default();
        let [once, again, late] = [(1, QoS::AtLeastOnce), (2, QoS::ExactlyOnce), (3, QoS::ExactlyOnce)]
            .map(|(value, qos)| receipts.add(id(value), qos));
        receipts.handle_connection();
        assert!(receipts.settle(once, ReasonCode::SUCCESS).is_none());
        assert!(receipts.settle(again, ReasonCode::SUCCESS).is_some());
        assert!(taken(&mut receipts).is_empty(), "the server has not sent it on this connection");
        receipts.repeat(id(3));
        receipts.repeat(id(2));
        assert!(taken(&mut receipts).is_empty(), "3 stands before it now");
        assert!(receipts.settle(late, ReasonCode::SUCCESS).is_some());
        assert_eq!(taken(&mut receipts), [3, 2]);
        receipts.repeat(id(2));
        assert_eq!(taken(&mut receipts), [2], "once more, as the first did not arrive");
    }
}
