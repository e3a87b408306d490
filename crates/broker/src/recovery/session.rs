//! A Session that is being put together.

use super::queue::{DraftQueue, Held};
use crate::ids::ReceiverOptions;
use crate::message::Message;
use crate::record::{AwayRecord, PublishRecord, SessionRecord, SubscriptionRecord, WillRecord};
use crate::router::matching;
use crate::session::Will;
use midge_codec::QoS;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
pub(crate) struct Draft {
    pub generation: u32,
    pub client_id: Box<str>,
    pub is_durable: bool,
    /// The port where its client came in, and its User Name.
    pub owner: Option<(u16, Option<Box<str>>)>,
    pub expiry_interval_s: u32,
    pub will: Option<Will>,
    pub away: Option<AwayRecord>,
    /// It had a connection when the server ended.
    pub was_connected: bool,
    pub subscriptions: BTreeMap<Box<str>, DraftSubscription>,
    pub queue: DraftQueue,
    /// QoS 2 exchanges that have begun, in that order; without a message they wait for PUBCOMP.
    pub exchanges: Vec<(u16, Option<Held>)>,
    /// Packet Identifiers of QoS 2 messages that came and are not released.
    pub inbound: BTreeSet<u16>,
    /// The latest message that was routed here, and whether it was put into the queue: a Session is named once for each
    /// Subscription that matches.
    latest: (u64, bool),
}

/// A Subscription.
#[derive(Debug)]
pub(crate) struct DraftSubscription {
    pub options: ReceiverOptions,
    pub identifier: u32,
    /// Retained writes up to this number are, or were, replayed for it.
    pub replay_upto: u64,
    /// Those up to this number do not reach it live.
    pub covered_upto: u64,
    /// The replay is not finished.
    pub replays: bool,
    /// What it has sent so far with records of their own.
    pub sent: BTreeSet<u64>,
    /// The latest message that was routed to the Session before this began.
    since: u64,
}

impl Draft {
    pub(super) fn new(generation: u32, client_id: &str, state: &SessionRecord<'_>) -> Draft {
        let mut draft = Draft {
            generation,
            client_id: client_id.into(),
            is_durable: false,
            owner: None,
            expiry_interval_s: 0,
            will: None,
            away: None,
            was_connected: false,
            subscriptions: BTreeMap::new(),
            queue: DraftQueue::default(),
            exchanges: Vec::new(),
            inbound: BTreeSet::new(),
            latest: (0, false),
        };
        draft.change(state);
        draft
    }

    pub(super) fn change(&mut self, state: &SessionRecord<'_>) {
        self.is_durable = state.is_durable;
        self.expiry_interval_s = state.expiry_interval_s;
        self.away = state.away;
        match &state.will {
            WillRecord::None => self.will = None,
            WillRecord::Same => {}
            WillRecord::Set { message, delay_s } => {
                self.will = Some(Will { message: Message::new(message), delay_s: *delay_s });
            }
        }
    }

    pub(super) fn subscribe(&mut self, subscription: &SubscriptionRecord<'_>) {
        let SubscriptionRecord { filter, options, identifier, replay_upto, covered_upto } = *subscription;
        let replays = replay_upto != 0;
        let known = self.subscriptions.get_mut(filter);
        let since = known.as_ref().map_or(self.latest.0, |known| known.since);
        let sent = BTreeSet::new();
        let begun = DraftSubscription { options, identifier, replay_upto, covered_upto, replays, sent, since };
        match known {
            Some(known) if !replays => (known.options, known.identifier) = (options, identifier),
            Some(known) => *known = begun,
            None => drop(self.subscriptions.insert(filter.into(), begun)),
        }
        if covered_upto > 0 {
            self.leave_out_covered(since, covered_upto);
        }
    }

    /// A Subscription is in the router before it is known up to where it is replayed. What came to it in between as well is left
    /// out when it arrives, and so here.
    fn leave_out_covered(&mut self, since: u64, upto: u64) {
        let came_live = self.queue.after(since).filter(|held| (1..=upto).contains(&held.retained_sequence));
        let is_covered = |held: &&Held| self.is_covered_by_replay(held.message.topic(), held.retained_sequence);
        let covered: Vec<u64> = came_live.filter(is_covered).map(Held::identity).collect();
        for message in covered {
            self.queue.take_held(message);
        }
    }

    pub(super) fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.remove(filter);
    }

    pub(super) fn accept(&mut self, packet_id: u16) {
        self.inbound.insert(packet_id);
    }

    pub(super) fn release(&mut self, packet_id: u16) {
        self.inbound.remove(&packet_id);
    }

    pub(super) fn replayed(&mut self, filter: &str) {
        if let Some(subscription) = self.subscriptions.get_mut(filter) {
            subscription.replays = false;
            subscription.sent.clear();
        }
    }

    pub(super) fn replay_sent(&mut self, filter: &str, number: u64) {
        if let Some(subscription) = self.subscriptions.get_mut(filter) {
            subscription.sent.insert(number);
        }
    }

    /// A message that one of the Subscriptions matched. The first naming brings it in, with all Subscription Identifiers;
    /// further ones may raise its QoS.
    pub(super) fn route(
        &mut self,
        publish: &PublishRecord<'_>,
        message: &Message,
        options: ReceiverOptions,
        upgrade: bool,
    ) {
        let granted = QoS::from_u8(options.qos()).unwrap_or(QoS::AtMostOnce);
        let qos = if upgrade || options.is_service() { granted } else { granted.min(publish.parts.qos) };
        let retain = publish.parts.retain && options.is_retain_as_published();
        if self.latest.0 != publish.identity {
            let is_known = self.queue.contains(publish.identity)
                || self.is_covered_by_replay(publish.parts.topic, publish.retained_sequence);
            self.latest = (publish.identity, !is_known);
            if !is_known {
                let identifiers = self.identifiers(publish.parts.topic);
                let (message, retained_sequence) = (message.clone(), publish.retained_sequence);
                self.queue.insert(Held { message, qos, retain, dup: false, identifiers, retained_sequence });
            }
        } else if self.latest.1
            && let Some(held) = self.queue.get_mut(publish.identity)
        {
            held.qos = held.qos.max(qos);
            held.retain |= retain;
        }
    }

    /// Whether every Subscription that matches a Retained Message gets it by replay instead.
    fn is_covered_by_replay(&self, topic: &str, sequence: u64) -> bool {
        if sequence == 0 || self.subscriptions.values().all(|subscription| subscription.covered_upto < sequence) {
            return false;
        }
        self.matching(topic).all(|subscription| subscription.covered_upto >= sequence)
    }

    fn identifiers(&self, topic: &str) -> SmallVec<[u32; 2]> {
        if self.subscriptions.values().all(|subscription| subscription.identifier == 0) {
            return SmallVec::new();
        }
        let identifiers = self.matching(topic).map(|subscription| subscription.identifier);
        identifiers.filter(|&identifier| identifier != 0).collect()
    }

    fn matching(&self, topic: &str) -> impl Iterator<Item = &DraftSubscription> {
        let matches =
            |filter: &str| !filter.starts_with("$share/") && matching::matches(filter.as_bytes(), topic.as_bytes());
        self.subscriptions.iter().filter(move |(filter, _)| matches(filter)).map(|(_, subscription)| subscription)
    }

    /// A message that a share group gave to the Session.
    pub(super) fn hold_from_group(&self, share: &str, message: Message) -> Held {
        let membership = self.subscriptions.get(share);
        let retain = message.retain() && membership.is_some_and(|known| known.options.is_retain_as_published());
        let identifiers = membership.map(|known| known.identifier).filter(|&identifier| identifier != 0);
        let (qos, identifiers) = (QoS::ExactlyOnce, identifiers.into_iter().collect());
        Held { message, qos, retain, dup: false, identifiers, retained_sequence: 0 }
    }

    pub(super) fn exchange_mut(&mut self, packet_id: u16) -> Option<&mut Held> {
        self.exchanges.iter_mut().find(|exchange| exchange.0 == packet_id)?.1.as_mut()
    }

    pub(super) fn done(&mut self, message: u64) {
        if self.queue.take_held(message).is_some() {
            return;
        }
        let known = self.exchanges.len();
        self.exchanges.retain(|(_, held)| held.as_ref().is_none_or(|held| held.identity() != message));
        if self.exchanges.len() == known {
            self.queue.done_in_run(message);
        }
    }

    /// Takes a message out of the queue or of an exchange.
    pub(super) fn take(&mut self, message: u64) -> Option<Held> {
        self.queue.take(message).or_else(|| {
            let is_it = |held: &Held| held.identity() == message;
            let at = self.exchanges.iter().position(|(_, held)| held.as_ref().is_some_and(is_it))?;
            self.exchanges.remove(at).1
        })
    }

    pub(super) fn set_exchange(&mut self, packet_id: u16, held: Option<Held>) {
        match (self.exchanges.iter_mut().find(|exchange| exchange.0 == packet_id), held) {
            (Some(known), None) => known.1 = None,
            (_, held) => {
                self.end_exchange(packet_id);
                self.exchanges.push((packet_id, held));
            }
        }
    }

    pub(super) fn end_exchange(&mut self, packet_id: u16) {
        self.exchanges.retain(|exchange| exchange.0 != packet_id);
    }

    pub(super) fn messages(&self) -> u64 {
        let exchanges = self.exchanges.iter().filter(|exchange| exchange.1.is_some()).count();
        self.queue.messages() + exchanges as u64
    }

    /// A Session that was connected when the server ended has lost its connection then; anything may have been sent to it.
    pub(super) fn close(&mut self, crash_ms: u64) {
        if self.away.is_some() {
            return;
        }
        let after = |seconds: u32| crash_ms + u64::from(seconds) * 1000;
        let ends_at_ms =
            (self.expiry_interval_s != u32::MAX || !self.is_durable).then(|| after(self.expiry_interval_s));
        let will_at_ms = self.will.as_ref().map(|will| after(will.delay_s));
        self.away = Some(AwayRecord { ends_at_ms, will_at_ms, sent_upto: u64::MAX });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageParts;
    use crate::record::Receivers;

    /// What is left for a Session with these Subscriptions (filter, covered up to) of messages on `t`, given as identity and
    /// number of the retained write, that came before the last one was known to be replayed.
    #[track_caller]
    fn check(subscriptions: &[(&str, u64)], messages: &[(u64, u64)], left: &[u64]) {
        let will = WillRecord::None;
        let state = SessionRecord { is_durable: true, expiry_interval_s: 9, receive_maximum: 9, will, away: None };
        let mut draft = Draft::new(1, "c", &state);
        let options = ReceiverOptions::with_qos(2);
        let begun = |filter| SubscriptionRecord::without_replay(filter, options, 0);
        subscriptions.iter().for_each(|(filter, _)| draft.subscribe(&begun(filter)));
        for &(identity, retained_sequence) in messages {
            let parts = MessageParts {
                topic: "t",
                properties: &[],
                payload: b"m",
                qos: QoS::ExactlyOnce,
                retain: retained_sequence > 0,
                received_s: 0,
                received_ns: 0,
                expiry_interval_s: None,
            };
            let message = Message::new(&parts);
            message.set_identity(identity);
            let (publisher, will_of, receivers) = (None, None, Receivers::default());
            let record = PublishRecord { identity, parts, retained_sequence, publisher, will_of, receivers };
            draft.route(&record, &message, options, false);
        }
        for &(filter, upto) in subscriptions.iter().filter(|(_, upto)| *upto > 0) {
            draft.subscribe(&SubscriptionRecord { replay_upto: upto, covered_upto: upto, ..begun(filter) });
        }
        let held: Vec<u64> = draft.queue.after(0).map(Held::identity).collect();
        assert_eq!(held, left, "{subscriptions:?} {messages:?}");
    }

    #[test]
    fn what_is_replayed_does_not_come_live_as_well() {
        // Not retained, covered, and written later.
        check(&[("#", 2)], &[(100, 0), (110, 2), (120, 3)], &[100, 120]);
        check(&[("#", 2), ("t", 2)], &[(100, 1)], &[]);
        check(&[("#", 2), ("u", 0)], &[(100, 1)], &[]);
        check(&[("#", 2), ("t", 0)], &[(100, 1)], &[100]);
    }
}
