//! Retained Messages: which value a topic may have, and in which order a subscriber may see values.
//!
//! A write acts at some time between its first PUBLISH and its acknowledgement (or the end of all attempts). It is *replaced*
//! once a write that began later, as seen by everybody, has been acknowledged.

use super::{Ask, Delivery, Message, MessageId, Record, SessionId, describe};
use crate::topics;

impl Record {
    /// Whether `new` acted after `old` whatever the server did in between.
    pub(crate) fn is_later(&self, new: MessageId, old: MessageId) -> bool {
        let (new_write, old_write) = (&self.messages[new], &self.messages[old]);
        let is_after = old_write.settled.is_some_and(|settled| settled < new_write.sent);
        // One publisher's writes act in their order, but for those that he sends again.
        let is_next =
            new_write.session.is_some() && new_write.session == old_write.session && new > old && old_write.sends == 1;
        is_after || is_next
    }

    /// Writes to a topic that may be the last.
    fn may_be_last<'a>(&'a self, topic: &'a str, before: u64) -> impl Iterator<Item = MessageId> + 'a {
        let writes = move || self.writes(topic);
        let is_replaced = move |old: MessageId| {
            writes().any(|new| self.messages[new].acknowledged.is_some_and(|at| at < before) && self.is_later(new, old))
        };
        writes().filter(move |&write| !is_replaced(write))
    }

    fn writes<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = MessageId> + 'a {
        let is_write = move |message: &Message| message.retain && message.topic == topic && !message.is_refused;
        (0..self.messages.len()).filter(move |&id| is_write(&self.messages[id]))
    }

    /// A fresh subscriber, who asked at `asked` when all was at rest, was given these values.
    pub(crate) fn check_fresh(&self, asked: u64, given: &[(String, MessageId)]) -> Result<(), String> {
        for topic in topics::RETAINED {
            let values: Vec<MessageId> = given.iter().filter(|value| value.0 == topic).map(|value| value.1).collect();
            let candidates: Vec<MessageId> = self.may_be_last(topic, asked).collect();
            let may_be_bare = candidates.iter().any(|&id| self.messages[id].is_clear || self.messages[id].expires)
                || self.writes(topic).all(|id| self.messages[id].acknowledged.is_none());
            match values[..] {
                [] if may_be_bare => {}
                [] => return Err(format!("{topic} has no Retained Message, but one of {candidates:?}")),
                [value] if candidates.contains(&value) && !self.messages[value].is_clear => {}
                _ => return Err(format!("{topic} has {values:?}, but may have {candidates:?}")),
            }
        }
        Ok(())
    }

    /// Nothing that was replaced before the first SUBSCRIBE, and nothing older than what was seen.
    pub(super) fn check_retained(&self, session: SessionId, delivery: &Delivery) -> Result<(), String> {
        let (id, message) = (delivery.message, &self.messages[delivery.message]);
        // A service is not told what is retained.
        if !message.retain || delivery.dup || message.will.is_some() || self.sessions[session].is_service {
            return Ok(());
        }
        let it = &self.sessions[session];
        // Where several Subscriptions match, what is replayed for one may overtake what is on its way for another.
        let is_for_one = it.occasions(message.topic) == 1;
        // What was never acknowledged may be forgotten by a server that dies.
        let is_remembered = |step: u64| self.deaths_since(step) == 0;
        for seen in it.deliveries.iter().filter(|seen| seen.qos == delivery.qos && !seen.dup) {
            let is_same_topic = self.messages[seen.message].topic == message.topic;
            if is_for_one
                && is_remembered(seen.step)
                && is_same_topic
                && seen.message != id
                && self.is_later(seen.message, id)
            {
                let what = describe(id, message);
                return Err(format!("{delivery:?} came after the newer {}: {what}", seen.message));
            }
        }
        let first = it
            .asked
            .iter()
            .find(|asked| matches!(asked.ask, Ask::Subscribe { .. }) && topics::matches(asked.filter, message.topic));
        if let Some(first) = first
            && !self.may_be_last(message.topic, first.sent).any(|candidate| candidate == id)
        {
            return Err(format!("{delivery:?} was replaced before the SUBSCRIBE: {}", describe(id, message)));
        }
        Ok(())
    }
}
