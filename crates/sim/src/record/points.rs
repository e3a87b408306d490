//! What services are given: nothing is missing, and each message has one time of receipt, which no other has.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Ask, Message, MessageId, Record, Session, SessionId, describe};

/// The times that services were told.
#[derive(Default)]
pub(crate) struct Receipts {
    /// By time: the topic, and which message, unless it is empty and clears what was retained.
    by_time: BTreeMap<u64, (String, Option<MessageId>)>,
    by_message: BTreeMap<MessageId, BTreeSet<u64>>,
}

impl Record {
    /// A service is told when a message was received. Whether it, or another service, was told that before.
    pub(crate) fn note_receipt(
        &mut self,
        topic: &str,
        message: Option<MessageId>,
        received_ns: u64,
    ) -> Result<bool, String> {
        let it = (topic.to_owned(), message);
        let is_known = match self.receipts.by_time.entry(received_ns) {
            Entry::Vacant(free) => {
                free.insert(it);
                false
            }
            Entry::Occupied(known) if *known.get() == it => true,
            Entry::Occupied(known) => {
                return Err(format!("{it:?} and {:?} were received at one time, {received_ns}", known.get()));
            }
        };
        let Some(id) = message else { return Ok(is_known) };
        let times = self.receipts.by_message.entry(id).or_default();
        times.insert(received_ns);
        let (count, most) = (times.len(), self.publications(id));
        if count > most {
            let what = describe(id, &self.messages[id]);
            return Err(format!("it was received {count} times, and may have been {most} times: {what}"));
        }
        Ok(is_known)
    }

    /// A service has a Session of which it is not known when it began: of these filters anything may come, and nothing must.
    pub(crate) fn doubt_subscriptions(&mut self, session: SessionId, filters: &[usize]) {
        for &filter in filters {
            self.ask(session, filter, Ask::Subscribe { qos: 1, identifier: 0 }, 0);
        }
    }

    /// How often the server may have taken a message for a new one.
    fn publications(&self, id: MessageId) -> usize {
        let message = &self.messages[id];
        // What was handed on is durable: no server has forgotten it.
        let sends = if message.qos == 1 { message.sends as usize } else { 1 };
        sends + message.renewals as usize
    }

    /// What services should have been given and were not: what was acknowledged; Wills, which came into being some time after a step;
    /// and of QoS 0 what somebody else has.
    pub(crate) fn missing_points(&self, wills: &[(MessageId, u64)], now: u64) -> Vec<String> {
        let mut missing = Vec::new();
        for (number, session) in self.sessions.iter().enumerate().filter(|(_, it)| it.is_service && it.ended.is_none())
        {
            let has: BTreeSet<MessageId> = session.deliveries.iter().map(|delivery| delivery.message).collect();
            for (id, message) in self.messages.iter().enumerate().filter(|(id, _)| !has.contains(id)) {
                let will = wills.iter().find(|will| will.0 == id && message.qos > 0).map(|will| (will.1, now));
                let Some((from, to)) = will.or_else(|| self.routed(id, message)) else { continue };
                if !message.is_clear && session.gets(message.topic, from, to).is_some() {
                    let client = self.sessions[number].client;
                    missing.push(format!("the service c{client} never got {}", describe(id, message)));
                }
            }
        }
        missing
    }

    /// Between which steps a message was certainly routed to Subscriptions, for good.
    fn routed(&self, id: MessageId, message: &Message) -> Option<(u64, u64)> {
        match message.qos {
            _ if message.will.is_some() => None,
            0 => {
                let seen = self.sessions.iter().filter_map(|session| seen_at(session, id)).min()?;
                (!self.may_be_forgotten(message.sent, seen)).then_some((message.sent, seen))
            }
            _ => Some((message.sent, message.acknowledged?)),
        }
    }

    /// Whether a server that died may have forgotten what it did at some time between two steps. While its log is full it keeps QoS 0
    /// in memory.
    fn may_be_forgotten(&self, from: u64, to: u64) -> bool {
        self.deaths.iter().any(|death| death.at.step >= from && (death.unsafe_since <= to || self.may_refuse))
    }
}

fn seen_at(session: &Session, id: MessageId) -> Option<u64> {
    session.deliveries.iter().find(|delivery| delivery.message == id).map(|delivery| delivery.step)
}
