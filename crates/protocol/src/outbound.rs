//! Sending: QoS 1 and 2 deliveries that are inflight, with their Packet Identifiers.
//!
//! ```text
//!   QoS 1   begin ──▶ AwaitPubAck ──PUBACK──▶ complete
//!   QoS 2   begin ──▶ AwaitPubRec ──PUBREC < 0x80──▶ AwaitPubComp ──PUBCOMP──▶ complete
//!                          └──────PUBREC ≥ 0x80──▶ complete
//! ```
//!
//! A Client's SUBSCRIBE and UNSUBSCRIBE take their Packet Identifiers from the same window (`begin_request`), so that no
//! two open exchanges have the same one. They belong to the Network Connection and end with it.
//!
//! Identifiers are handed out one after the other, so that the exchanges form a window over them and an
//! acknowledgement finds its exchange by subtraction. What completes out of order leaves a gap that closes with
//! the exchanges before it.

use midge_codec::{PacketId, QoS};
use std::collections::VecDeque;

/// What is kept to send a message again knows how large it is.
pub trait Payload {
    /// Bytes of its payload.
    fn payload_bytes(&self) -> u64;
}

/// How much may be inflight to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InflightMax {
    /// The peer's Receive Maximum `[MQTT-3.3.4-9]`.
    pub messages: u16,
    /// Another message goes out while the payloads that the peer has not acknowledged have fewer bytes.
    pub bytes: u64,
}

/// Inflight deliveries of a Session, oldest first. `M` is what the caller must keep to send one again.
#[derive(Debug)]
pub struct Outbound<M> {
    window: VecDeque<Pending<M>>,
    /// Packet Identifier of the window's first exchange; of the next one where the window is empty.
    first: u16,
    /// Exchanges that take a place of the peer's Receive Maximum on this connection.
    open: u16,
    /// Bytes of the payloads that were sent on this connection and that the peer has not said to have.
    open_bytes: u64,
    /// How far the window was sent again since the connection was made.
    resent: usize,
}

#[derive(Debug)]
struct Pending<M> {
    state: State,
    /// Whether it takes a place of the peer's Receive Maximum: sent on this connection and not complete.
    counted: bool,
    message: Option<M>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    AwaitPubAck,
    AwaitPubRec,
    AwaitPubComp,
    /// SUBACK or UNSUBACK.
    AwaitAnswer,
    Complete,
}

/// What an exchange waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exchange<'a, M> {
    /// PUBACK or PUBREC of this message.
    Publish(&'a M),
    /// PUBCOMP.
    Release,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received<M> {
    /// The exchange is over; here is what was kept for it (nothing where PUBREC had already let it go).
    Complete(Option<M>),
    /// PUBREC was taken: PUBREL is to be sent, and the message is not needed any more `[MQTT-4.3.3-4]`.
    Release(Option<M>),
    /// There is no such exchange.
    Unknown,
    /// The exchange waits for another packet than this: a Protocol Error.
    OutOfTurn,
}

/// Something to be sent again on a resumed Session, in the order of the first sending `[MQTT-4.4.0-1]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resend<'a, M> {
    /// PUBLISH with DUP 1.
    Publish(PacketId, QoS, &'a M),
    /// PUBREL.
    Release(PacketId),
}

/// Packet Identifiers run from 1 to this and then from 1 again.
const IDENTIFIERS: u32 = 65_535;

impl<M> Default for Outbound<M> {
    fn default() -> Self {
        Outbound { window: VecDeque::new(), first: 1, open: 0, open_bytes: 0, resent: 0 }
    }
}

impl<M: Payload> Outbound<M> {
    /// Exchanges that had begun before the server was started, each under its Packet Identifier; without a message they wait
    /// for PUBCOMP. The window begins behind the widest gap between identifiers.
    pub fn restore(exchanges: impl IntoIterator<Item = (PacketId, Option<(QoS, M)>)>) -> Self {
        let mut exchanges: Vec<_> = exchanges.into_iter().collect();
        exchanges.sort_by_key(|exchange| exchange.0.get());
        let gap = |at: usize| {
            let before = exchanges[(at + exchanges.len() - 1) % exchanges.len()].0;
            (u32::from(exchanges[at].0.get()) + IDENTIFIERS - u32::from(before.get()) - 1) % IDENTIFIERS
        };
        let first = (0..exchanges.len()).rev().max_by_key(|&at| gap(at)).unwrap_or(0);
        exchanges.rotate_left(first);
        let first = exchanges.first().map_or(1, |exchange| exchange.0.get());
        let mut outbound = Outbound { first, ..Outbound::default() };
        for (id, message) in exchanges {
            while outbound.identifier(outbound.window.len()) != id {
                outbound.window.push_back(Pending { state: State::Complete, counted: false, message: None });
            }
            let state = match message {
                None => State::AwaitPubComp,
                Some((QoS::ExactlyOnce, _)) => State::AwaitPubRec,
                Some(_) => State::AwaitPubAck,
            };
            let message = message.map(|(_, message)| message);
            outbound.window.push_back(Pending { state, counted: false, message });
        }
        outbound
    }

    /// Whether one more exchange may begin: all of a resumed Session's have been sent again, and there is room within
    /// `max` and within the identifiers.
    pub fn can_begin(&self, max: InflightMax) -> bool {
        self.resent == self.window.len() && self.has_room(max) && self.window.len() < IDENTIFIERS as usize
    }

    fn has_room(&self, max: InflightMax) -> bool {
        self.open < max.messages && self.open_bytes < max.bytes
    }

    /// The Packet Identifier that the next exchange will have.
    pub fn next_packet_id(&self) -> PacketId {
        self.identifier(self.window.len())
    }

    /// Begins an exchange and gives it a Packet Identifier. The caller has asked [`Outbound::can_begin`].
    pub fn begin(&mut self, qos: QoS, message: M) -> PacketId {
        let state = if qos == QoS::ExactlyOnce { State::AwaitPubRec } else { State::AwaitPubAck };
        let id = self.identifier(self.window.len());
        self.open += 1;
        self.open_bytes += message.payload_bytes();
        self.window.push_back(Pending { state, counted: true, message: Some(message) });
        self.resent = self.window.len();
        id
    }

    /// Gives a SUBSCRIBE or UNSUBSCRIBE its Packet Identifier; `None` while all are taken.
    pub fn begin_request(&mut self) -> Option<PacketId> {
        if self.window.len() >= IDENTIFIERS as usize {
            return None;
        }
        let id = self.identifier(self.window.len());
        let is_all_resent = !self.has_resends();
        self.window.push_back(Pending { state: State::AwaitAnswer, counted: false, message: None });
        if is_all_resent {
            self.resent = self.window.len();
        }
        Some(id)
    }

    /// SUBACK or UNSUBACK came. Whether a request waits for it.
    pub fn handle_answer(&mut self, id: PacketId) -> bool {
        let Some((at, State::AwaitAnswer)) = self.find(id) else { return false };
        self.complete(at);
        true
    }

    /// PUBACK came, with whatever Reason Code: the delivery is settled `[MQTT-4.4.0-2]`.
    pub fn handle_puback(&mut self, id: PacketId) -> Received<M> {
        match self.find(id) {
            Some((at, State::AwaitPubAck)) => Received::Complete(self.complete(at)),
            Some(_) => Received::OutOfTurn,
            None => Received::Unknown,
        }
    }

    /// PUBREC came. An error ends the exchange; success asks for PUBREL, also when it is a repetition.
    pub fn handle_pubrec(&mut self, id: PacketId, is_error: bool) -> Received<M> {
        match self.find(id) {
            Some((at, State::AwaitPubRec)) if is_error => Received::Complete(self.complete(at)),
            Some((at, State::AwaitPubRec)) => {
                self.window[at].state = State::AwaitPubComp;
                Received::Release(self.let_go(at))
            }
            Some((_, State::AwaitPubComp)) if !is_error => Received::Release(None),
            Some(_) => Received::OutOfTurn,
            None => Received::Unknown,
        }
    }

    /// PUBCOMP came.
    pub fn handle_pubcomp(&mut self, id: PacketId) -> Received<M> {
        match self.find(id) {
            Some((at, State::AwaitPubComp)) => Received::Complete(self.complete(at)),
            Some(_) => Received::OutOfTurn,
            None => Received::Unknown,
        }
    }

    /// Passes over one Packet Identifier: the message that would have had it is not sent after all. Mosquitto numbers
    /// messages when it queues them, and some tests of clients count on the numbers.
    pub fn skip(&mut self) {
        if self.window.len() < IDENTIFIERS as usize && self.resent == self.window.len() {
            self.window.push_back(Pending { state: State::Complete, counted: false, message: None });
            self.resent += 1;
            self.close_gap();
        }
    }

    /// A new Network Connection carries the Session: everything unfinished is to be sent again, quotas start afresh.
    pub fn handle_connection(&mut self) {
        (self.open, self.open_bytes) = (0, 0);
        self.resent = 0;
        for exchange in &mut self.window {
            exchange.counted = false;
            if exchange.state == State::AwaitAnswer {
                exchange.state = State::Complete;
            }
        }
        self.close_gap();
    }

    /// The next thing to send again, within `max`; `None` when all were, or when the peer must first acknowledge some. PUBREL
    /// takes no room.
    pub fn next_resend(&mut self, max: InflightMax) -> Option<Resend<'_, M>> {
        let (at, state) = loop {
            let exchange = self.window.get(self.resent)?;
            match exchange.state {
                State::Complete | State::AwaitAnswer => self.resent += 1,
                state => break (self.resent, state),
            }
        };
        let id = self.identifier(at);
        if state == State::AwaitPubComp {
            self.resent += 1;
            return Some(Resend::Release(id));
        }
        if !self.has_room(max) {
            return None;
        }
        self.resent += 1;
        self.open += 1;
        let exchange = &mut self.window[at];
        exchange.counted = true;
        self.open_bytes += exchange.message.as_ref().map_or(0, Payload::payload_bytes);
        let qos = if state == State::AwaitPubRec { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        exchange.message.as_ref().map(|message| Resend::Publish(id, qos, message))
    }

    /// Whether some of a resumed Session's exchanges still wait to be sent again.
    pub fn has_resends(&self) -> bool {
        self.resent < self.window.len()
    }

    /// Exchanges that are not complete.
    pub fn len(&self) -> usize {
        self.window.iter().filter(|exchange| exchange.state != State::Complete).count()
    }

    /// Whether nothing is inflight.
    pub fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// Exchanges that take a place of the peer's Receive Maximum on this connection.
    pub fn open(&self) -> u16 {
        self.open
    }

    /// Ends everything, giving back what was kept, oldest first, each with the QoS of its delivery.
    pub fn drain(&mut self) -> impl Iterator<Item = (QoS, M)> + '_ {
        self.first = self.identifier(self.window.len()).get();
        (self.open, self.open_bytes, self.resent) = (0, 0, 0);
        self.window.drain(..).filter_map(|exchange| {
            let qos = if exchange.state == State::AwaitPubAck { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            exchange.message.map(|message| (qos, message))
        })
    }

    /// What is kept for the exchanges that are not complete, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &M> {
        self.window.iter().filter_map(|exchange| exchange.message.as_ref())
    }

    /// The exchanges that are not complete, oldest first.
    pub fn exchanges(&self) -> impl Iterator<Item = (PacketId, Exchange<'_, M>)> {
        self.window.iter().enumerate().filter_map(|(at, pending)| {
            let exchange = match (pending.state, &pending.message) {
                (State::AwaitPubComp, _) => Exchange::Release,
                (_, Some(message)) => Exchange::Publish(message),
                (_, None) => return None,
            };
            Some((self.identifier(at), exchange))
        })
    }

    fn identifier(&self, at: usize) -> PacketId {
        let value = (u32::from(self.first) - 1 + at as u32) % IDENTIFIERS + 1;
        PacketId::new(value as u16).expect("1 to 65535")
    }

    /// Where an exchange that is not complete stands, and for what it waits.
    fn find(&self, id: PacketId) -> Option<(usize, State)> {
        let at = (u32::from(id.get()) + IDENTIFIERS - u32::from(self.first)) % IDENTIFIERS;
        let exchange = self.window.get(at as usize)?;
        (exchange.state != State::Complete).then_some((at as usize, exchange.state))
    }

    fn complete(&mut self, at: usize) -> Option<M> {
        let message = self.let_go(at);
        let exchange = &mut self.window[at];
        exchange.state = State::Complete;
        self.open -= u16::from(std::mem::take(&mut exchange.counted));
        self.close_gap();
        message
    }

    /// The peer has the message.
    fn let_go(&mut self, at: usize) -> Option<M> {
        let exchange = &mut self.window[at];
        let message = exchange.message.take();
        if exchange.counted {
            self.open_bytes -= message.as_ref().map_or(0, Payload::payload_bytes);
        }
        message
    }

    /// Lets go of what is complete at the front of the window.
    fn close_gap(&mut self) {
        while self.window.front().is_some_and(|exchange| exchange.state == State::Complete) {
            self.window.pop_front();
            self.first = if u32::from(self.first) == IDENTIFIERS { 1 } else { self.first + 1 };
            self.resent = self.resent.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(value: u16) -> PacketId {
        PacketId::new(value).unwrap()
    }

    /// No bound to the bytes.
    fn messages(messages: u16) -> InflightMax {
        InflightMax { messages, bytes: u64::MAX }
    }

    /// The messages of these tests are signs that stand for one; numbers say how large it is.
    impl Payload for char {
        fn payload_bytes(&self) -> u64 {
            1
        }
    }

    impl Payload for u16 {
        fn payload_bytes(&self) -> u64 {
            u64::from(*self)
        }
    }

    #[test]
    fn qos_1_is_settled_by_puback_in_any_order() {
        let mut outbound = Outbound::default();
        let ids: Vec<_> = "abc".chars().map(|message| outbound.begin(QoS::AtLeastOnce, message)).collect();
        assert_eq!(ids, [id(1), id(2), id(3)]);
        assert_eq!(outbound.handle_puback(id(2)), Received::Complete(Some('b')));
        assert_eq!(outbound.handle_puback(id(2)), Received::Unknown);
        assert_eq!(outbound.handle_puback(id(1)), Received::Complete(Some('a')));
        assert_eq!((outbound.len(), outbound.open()), (1, 1));
        assert_eq!(outbound.begin(QoS::AtLeastOnce, 'd'), id(4));
    }

    #[test]
    fn qos_2_holds_its_place_until_pubcomp() {
        let mut outbound = Outbound::default();
        outbound.begin(QoS::ExactlyOnce, 'a');
        assert!(!outbound.can_begin(messages(1)));
        assert_eq!(outbound.handle_puback(id(1)), Received::OutOfTurn, "PUBACK does not answer QoS 2");
        assert_eq!(outbound.handle_pubrec(id(1), false), Received::Release(Some('a')));
        assert_eq!(outbound.handle_pubrec(id(1), false), Received::Release(None), "PUBREL is repeated");
        assert!(!outbound.can_begin(messages(1)));
        assert_eq!(outbound.handle_pubcomp(id(1)), Received::Complete(None));
        assert!(outbound.can_begin(messages(1)));
    }

    #[test]
    fn an_identifier_that_is_passed_over_is_not_given_again_soon() {
        let mut outbound = Outbound::default();
        outbound.skip();
        assert_eq!(outbound.begin(QoS::AtLeastOnce, 'a'), id(2));
        outbound.skip();
        assert_eq!(outbound.begin(QoS::AtLeastOnce, 'b'), id(4));
        assert_eq!(outbound.handle_puback(id(3)), Received::Unknown);
        assert_eq!(outbound.handle_puback(id(2)), Received::Complete(Some('a')));
        assert_eq!((outbound.len(), outbound.open()), (1, 1));
    }

    #[test]
    fn a_refusing_pubrec_ends_the_exchange() {
        let mut outbound = Outbound::default();
        outbound.begin(QoS::ExactlyOnce, 'a');
        assert_eq!(outbound.handle_pubrec(id(1), true), Received::Complete(Some('a')));
        assert!(outbound.is_empty());
    }

    #[test]
    fn a_resumed_session_sends_again_in_order_and_within_the_new_receive_maximum() {
        let mut outbound = Outbound::default();
        outbound.begin(QoS::AtLeastOnce, 'a');
        outbound.begin(QoS::ExactlyOnce, 'b');
        outbound.begin(QoS::ExactlyOnce, 'c');
        outbound.handle_pubrec(id(2), false);
        outbound.handle_connection();
        assert_eq!(outbound.next_resend(messages(1)), Some(Resend::Publish(id(1), QoS::AtLeastOnce, &'a')));
        assert_eq!(outbound.next_resend(messages(1)), Some(Resend::Release(id(2))), "PUBREL needs no room");
        assert_eq!(outbound.next_resend(messages(1)), None);
        assert!(!outbound.can_begin(messages(2)), "new messages wait until the old ones were sent again");
        outbound.handle_puback(id(1));
        assert_eq!(outbound.next_resend(messages(1)), Some(Resend::Publish(id(3), QoS::ExactlyOnce, &'c')));
        assert_eq!(outbound.handle_pubcomp(id(2)), Received::Complete(None));
        assert!(!outbound.can_begin(messages(1)) && outbound.can_begin(messages(2)));
    }

    #[test]
    fn payloads_take_room_until_the_peer_says_that_it_has_them() {
        let max = InflightMax { messages: 20, bytes: 100 };
        let mut outbound = Outbound::default();
        outbound.begin(QoS::AtLeastOnce, 60_u16);
        assert!(outbound.can_begin(max), "there is room for a byte, so there is for any message");
        outbound.begin(QoS::ExactlyOnce, 1000);
        assert!(!outbound.can_begin(max));
        outbound.handle_pubrec(id(2), false);
        assert!(outbound.can_begin(max), "PUBREC takes the message over");
        outbound.begin(QoS::AtLeastOnce, 40);
        assert!(!outbound.can_begin(max));
        outbound.handle_connection();
        assert_eq!(outbound.next_resend(max), Some(Resend::Publish(id(1), QoS::AtLeastOnce, &60)));
        outbound.handle_puback(id(3));
        assert_eq!(outbound.next_resend(max), Some(Resend::Release(id(2))));
        assert_eq!(outbound.next_resend(max), None);
        assert!(outbound.can_begin(max), "what was acknowledged before it was sent again took no room");
        outbound.begin(QoS::AtLeastOnce, 40);
        assert!(!outbound.can_begin(max));
        outbound.handle_puback(id(1));
        assert!(outbound.can_begin(max));
    }

    #[test]
    fn requests_take_identifiers_of_the_same_window_and_end_with_the_connection() {
        let mut outbound = Outbound::default();
        outbound.begin(QoS::AtLeastOnce, 'a');
        assert_eq!(outbound.begin_request(), Some(id(2)));
        assert_eq!(outbound.begin(QoS::AtLeastOnce, 'b'), id(3));
        assert_eq!(outbound.handle_puback(id(2)), Received::OutOfTurn);
        assert!(!outbound.handle_answer(id(1)), "PUBLISH waits for PUBACK");
        assert!(outbound.handle_answer(id(2)));
        assert!(!outbound.handle_answer(id(2)));
        assert_eq!(outbound.begin_request(), Some(id(4)));
        outbound.handle_connection();
        assert_eq!(outbound.begin_request(), Some(id(5)), "while others wait to be sent again");
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Publish(id(1), QoS::AtLeastOnce, &'a')));
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Publish(id(3), QoS::AtLeastOnce, &'b')));
        assert_eq!(outbound.next_resend(messages(9)), None);
        assert!(outbound.can_begin(messages(9)) && !outbound.handle_answer(id(4)) && outbound.handle_answer(id(5)));
        assert_eq!((outbound.len(), outbound.open()), (2, 2));
    }

    #[test]
    fn exchanges_from_before_a_start_go_on_under_their_identifiers() {
        let restored = [
            (id(2), Some((QoS::ExactlyOnce, 'c'))),
            (id(65_534), Some((QoS::ExactlyOnce, 'a'))),
            (id(65_535), None),
            (id(1), Some((QoS::AtLeastOnce, 'b'))),
        ];
        let mut outbound = Outbound::restore(restored);
        outbound.handle_connection();
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Publish(id(65_534), QoS::ExactlyOnce, &'a')));
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Release(id(65_535))));
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Publish(id(1), QoS::AtLeastOnce, &'b')));
        assert_eq!(outbound.next_resend(messages(9)), Some(Resend::Publish(id(2), QoS::ExactlyOnce, &'c')));
        assert_eq!(outbound.next_resend(messages(9)), None);
        assert_eq!(outbound.len(), 4);
        assert_eq!(outbound.begin(QoS::AtLeastOnce, 'd'), id(3));
        assert_eq!(outbound.handle_pubcomp(id(65_535)), Received::Complete(None));
        assert_eq!(Outbound::<char>::restore([]).next_packet_id(), id(1));
    }

    #[test]
    fn identifiers_begin_again_at_one_and_never_become_zero() {
        let mut outbound = Outbound::default();
        for round in 0..200_000_u32 {
            let given = outbound.begin(QoS::AtLeastOnce, 'm');
            assert_eq!(u32::from(given.get()), round % 65_535 + 1);
            assert_eq!(outbound.handle_puback(given), Received::Complete(Some('m')));
        }
    }

    #[test]
    fn no_identifier_is_used_twice_at_a_time() {
        let mut outbound = Outbound::default();
        for _ in 0..65_535 {
            assert!(outbound.can_begin(messages(u16::MAX)));
            outbound.begin(QoS::AtLeastOnce, 'm');
        }
        assert!(!outbound.can_begin(messages(u16::MAX)));
    }

    proptest! {
        /// Whatever is acknowledged in whatever order: the window knows exactly what a plain map knows.
        #[test]
        fn agrees_with_a_map(steps in proptest::collection::vec((0..6_u8, 1..40_u16), 0..400)) {
            let mut outbound = Outbound::default();
            let mut model = std::collections::BTreeMap::new();
            let mut requests = std::collections::BTreeSet::new();
            for (step, value) in steps {
                match step {
                    0 if outbound.can_begin(messages(30)) => {
                        let qos = if value % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
                        let given = outbound.begin(qos, value);
                        prop_assert!(model.insert(given.get(), (qos, value)).is_none(), "identifier in use");
                        prop_assert!(!requests.contains(&given.get()), "identifier in use");
                    }
                    1 => {
                        let expected = model.get(&value).filter(|known| known.0 == QoS::AtLeastOnce).copied();
                        let got = outbound.handle_puback(id(value));
                        match expected {
                            Some(known) => prop_assert_eq!(got, Received::Complete(Some(known.1))),
                            None => prop_assert!(matches!(got, Received::Unknown | Received::OutOfTurn)),
                        }
                        if expected.is_some() {
                            model.remove(&value);
                        }
                    }
                    2 => {
                        let expected = model.get(&value).filter(|known| known.0 == QoS::ExactlyOnce).copied();
                        let got = outbound.handle_pubrec(id(value), false);
                        prop_assert_eq!(matches!(got, Received::Release(_)), expected.is_some());
                    }
                    4 if model.len() < 30 => {
                        let given = outbound.begin_request().expect("one is free");
                        prop_assert!(!model.contains_key(&given.get()), "identifier in use");
                        prop_assert!(requests.insert(given.get()), "identifier in use");
                    }
                    5 => prop_assert_eq!(outbound.handle_answer(id(value)), requests.remove(&value)),
                    3 if matches!(outbound.handle_pubcomp(id(value)), Received::Complete(_)) => {
                        prop_assert!(model.remove(&value).is_some());
                    }
                    _ => {}
                }
                prop_assert_eq!(outbound.len(), model.len() + requests.len());
                prop_assert_eq!(usize::from(outbound.open()), model.len());
                prop_assert_eq!(outbound.open_bytes, outbound.messages().map(Payload::payload_bytes).sum::<u64>());
            }
        }
    }
}
