//! What may be delivered: judged when it comes.
//!
//! Every delivery needs a Subscription that may have been there; a message comes no more often than its QoS allows; those of one
//! publisher on one topic with one QoS come in their order; a Will does not come while its client lives.

use std::collections::BTreeMap;

use super::{Ask, MessageId, Record, SessionId, describe};
use crate::topics;

/// A PUBLISH as a client took it; a repeated one of QoS 2 is none.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "what nobody judges is read in messages")]
pub(crate) struct Delivery {
    pub(crate) message: MessageId,
    pub(crate) qos: u8,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) identifiers: Vec<u32>,
    pub(crate) step: u64,
}

impl Record {
    /// A client takes a message. `Err`: it should not have come.
    pub(crate) fn deliver(&mut self, session: SessionId, topic: &str, delivery: Delivery) -> Result<(), String> {
        let id = delivery.message;
        let Some(message) = self.messages.get(id) else {
            return Err(format!("nobody ever published {id}"));
        };
        let said = |what: &str| Err(format!("{what}: {delivery:?} of {}", describe(id, message)));
        if message.topic != topic {
            return said(&format!("it came on {topic}"));
        }
        if message.is_refused {
            return said("it was refused");
        }
        if delivery.qos > message.qos && !self.sessions[session].is_service {
            return said("the QoS is higher than it was published with");
        }
        if let Some(will) = message.will
            && self.wills[will].may_come_since.is_none()
        {
            return said("the Will of a living client");
        }
        self.check_subscription(session, &delivery)?;
        self.check_order(session, &delivery)?;
        self.check_retained(session, &delivery)?;
        self.sessions[session].deliveries.push(delivery);
        self.check_copies(session, id)
    }

    fn check_subscription(&self, session: SessionId, delivery: &Delivery) -> Result<(), String> {
        let message = &self.messages[delivery.message];
        let session = &self.sessions[session];
        // Retained ones were published long before, and come for a Subscription that is there now.
        let from = if message.retain { 0 } else { message.sent };
        let may_hold = |filter: &usize| session.may_hold(*filter, from, delivery.step);
        let matching = || (0..topics::FILTERS.len()).filter(|&filter| topics::matches(filter, message.topic));
        let what = || format!("{delivery:?} of {}", describe(delivery.message, message));
        if !matching().any(|filter| may_hold(&filter)) {
            return Err(format!("there is no Subscription for it (any more): {}", what()));
        }
        let granted = |asked: &super::Asked| match asked.ask {
            Ask::Subscribe { qos, .. } if topics::matches(asked.filter, message.topic) => Some(qos),
            _ => None,
        };
        let most = session.asked.iter().filter_map(granted).max().unwrap_or(0);
        if delivery.qos > most {
            return Err(format!("QoS {most} was granted: {}", what()));
        }
        if session.no_local && message.publisher == session.client && !message.retain && message.will.is_none() {
            let is_shared = matching().any(|filter| topics::is_share(filter) && may_hold(&filter));
            if !is_shared {
                return Err(format!("No Local was asked for: {}", what()));
            }
        }
        for &wanted in &delivery.identifiers {
            let is_it = |asked: &&super::Asked| {
                matches!(asked.ask, Ask::Subscribe { identifier, .. } if identifier == wanted)
                    && asked.sent <= delivery.step
                    && topics::matches(asked.filter, message.topic)
            };
            if !session.asked.iter().any(|asked| is_it(&asked)) {
                return Err(format!("no matching Subscription has the identifier {wanted}: {}", what()));
            }
        }
        Ok(())
    }

    /// Messages that are not retained, of one publisher's Session on one topic with one QoS, come in their order; a repetition may
    /// come later. Not those of two Sessions: the second one may live on another shard, which may be quicker.
    fn check_order(&self, session: SessionId, delivery: &Delivery) -> Result<(), String> {
        let message = &self.messages[delivery.message];
        let has_share = self.is_of_share(session, message.topic);
        // After a death, what was delivered before it was durable is sent again by its publisher; and what was refused, if he did
        // not hear of that.
        let is_repeated = message.sends > 1
            && (message.qos == 1 || !self.deaths.is_empty() || self.may_refuse || message.renewals > 0);
        if message.retain || message.will.is_some() || has_share || is_repeated || delivery.dup {
            return Ok(());
        }
        // A service is given all of them with one QoS, so they have one order.
        let is_service = self.sessions[session].is_service;
        let is_like = |other: &&Delivery| {
            let it = &self.messages[other.message];
            it.session == message.session
                && it.topic == message.topic
                && (it.qos == message.qos || is_service)
                && it.will.is_none()
                && other.qos == delivery.qos
        };
        let deliveries = &self.sessions[session].deliveries;
        if deliveries.iter().any(|other| other.message == delivery.message) {
            // Whether it may come twice is judged elsewhere.
            return Ok(());
        }
        match deliveries.iter().filter(is_like).map(|other| other.message).max() {
            Some(newer) if newer > delivery.message => {
                Err(format!("{delivery:?} came after {newer}: {}", describe(delivery.message, message)))
            }
            _ => Ok(()),
        }
    }

    /// No more copies than the QoS allows.
    fn check_copies(&self, session: SessionId, id: MessageId) -> Result<(), String> {
        let message = &self.messages[id];
        let copies = |session: SessionId| {
            let copies = self.sessions[session].deliveries.iter().filter(|delivery| delivery.message == id);
            copies.filter(|copy| copy.qos == 2 || !copy.dup).count()
        };
        if self.is_of_share(session, message.topic) {
            let shares = (topics::FIRST_SHARE..topics::FILTERS.len())
                .filter(|&filter| topics::matches(filter, message.topic) && self.has_asked(session, filter));
            for share in shares {
                let members = (0..self.sessions.len()).filter(|&member| self.has_asked(member, share));
                let count: usize = members.map(copies).sum();
                // One that began with a Session which the server forgot, dying, goes to another member.
                let forgot = self.deaths_since(message.sent) > 0 && self.has_ended_member(share, message.sent);
                if message.qos == 2 && count > 1 && self.share_qos(share) == Some(2) && !forgot {
                    return Err(format!("a share group got {count} copies of {}", describe(id, message)));
                }
            }
            return Ok(());
        }
        // A QoS 1 PUBLISH that its publisher sends again is a message of its own. So is one whose receiver gets it with less than
        // QoS 2 before it is durable, if the server dies; and a Will that is published anew.
        let deaths = self.deaths_since(message.sent);
        let is_twice = self.sessions[session].deliveries.iter().any(|copy| copy.message == id && copy.qos == 2);
        let mut times = if message.qos == 1 || deaths > 0 && !is_twice { message.sends as usize } else { 1 };
        times += message.renewals as usize;
        if message.retain {
            // A replay goes on after a death, but what it sent with less than QoS 2 was perhaps not durable.
            let is_always_2 = self.sessions[session].deliveries.iter().all(|copy| copy.message != id || copy.qos == 2);
            let replays = if is_always_2 { 1 } else { 1 + deaths };
            times = self.sessions[session].occasions(message.topic).max(1) * replays + times - 1;
        }
        // QoS 0 messages that waited in a Session are forgotten only when the log has it that they were sent.
        let is_plain = self.sessions[session].deliveries.iter().any(|copy| copy.message == id && copy.qos == 0);
        if message.will.is_some() && !is_twice || is_plain {
            times += deaths;
        }
        let count = copies(session);
        if count > times {
            return Err(format!(
                "{count} copies for c{}, not {times}, of {}",
                self.sessions[session].client,
                describe(id, message)
            ));
        }
        Ok(())
    }

    fn has_ended_member(&self, share: usize, since: u64) -> bool {
        let mut members = self.sessions.iter().enumerate().filter(|(number, _)| self.has_asked(*number, share));
        members.any(|(_, member)| member.may_end_since(since))
    }

    /// Whether a Session gets messages of this topic as a member of a share group.
    pub(crate) fn is_of_share(&self, session: SessionId, topic: &str) -> bool {
        let shares = topics::FIRST_SHARE..topics::FILTERS.len();
        shares.into_iter().any(|share| topics::matches(share, topic) && self.has_asked(session, share))
    }

    pub(crate) fn has_asked(&self, session: SessionId, filter: usize) -> bool {
        self.sessions[session].asked.iter().any(|asked| asked.filter == filter)
    }

    /// The QoS with which all members of a share group subscribe.
    pub(crate) fn share_qos(&self, share: usize) -> Option<u8> {
        let asked = self.sessions.iter().flat_map(|session| &session.asked).filter(|asked| asked.filter == share);
        let qos: BTreeMap<u8, ()> = asked
            .filter_map(|asked| match asked.ask {
                Ask::Subscribe { qos, .. } => Some((qos, ())),
                Ask::Unsubscribe | Ask::Refused => None,
            })
            .collect();
        if qos.len() == 1 { qos.into_keys().next() } else { None }
    }
}
