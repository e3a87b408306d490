//! Who held which Subscription when.

use super::{Message, Record, Session, SessionId};
use crate::topics;

/// A SUBSCRIBE or UNSUBSCRIBE for one filter.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) filter: usize,
    pub(crate) ask: Ask,
    pub(crate) sent: u64,
    pub(crate) answered: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    Subscribe {
        qos: u8,
        identifier: u32,
    },
    Unsubscribe,
    /// A SUBSCRIBE that was refused.
    Refused,
}

impl Record {
    /// A client asks; the number of the question.
    pub(crate) fn ask(&mut self, session: SessionId, filter: usize, ask: Ask, step: u64) -> usize {
        let asked = &mut self.sessions[session].asked;
        asked.push(Asked { filter, ask, sent: step, answered: None });
        asked.len() - 1
    }

    /// The server has answered.
    pub(crate) fn answered(&mut self, session: SessionId, question: usize, step: u64) {
        self.sessions[session].asked[question].answered = Some(step);
    }

    /// The server has no room for this Subscription.
    pub(crate) fn refused_subscription(&mut self, session: SessionId, question: usize) {
        self.sessions[session].asked[question].ask = Ask::Refused;
    }
}

impl Session {
    /// The QoS with which this filter was certainly subscribed to all the time between two steps; `None`: it was perhaps not.
    pub(crate) fn holds(&self, filter: usize, from: u64, to: u64) -> Option<u8> {
        let mut held = None;
        for asked in self.asked.iter().filter(|asked| asked.filter == filter) {
            match asked.ask {
                Ask::Subscribe { qos, .. } if asked.answered.is_some_and(|at| at <= from) => held = Some(qos),
                Ask::Unsubscribe if asked.sent <= to => held = None,
                _ => {}
            }
        }
        held
    }

    /// Whether this filter was perhaps subscribed to at some time between two steps.
    pub(crate) fn may_hold(&self, filter: usize, from: u64, to: u64) -> bool {
        let mut may = false;
        for asked in self.asked.iter().filter(|asked| asked.filter == filter) {
            match asked.ask {
                Ask::Subscribe { .. } if asked.sent <= to => may = true,
                // Answered before the interval, so over before it began.
                Ask::Unsubscribe if asked.answered.is_some_and(|at| at <= from) => may = false,
                _ => {}
            }
        }
        may
    }

    /// The highest QoS with which a plain Subscription certainly got what was published on `topic` between two steps.
    pub(crate) fn gets(&self, topic: &str, from: u64, to: u64) -> Option<u8> {
        let plain = (0..topics::FIRST_SHARE).filter(|&filter| topics::matches(filter, topic));
        plain.filter_map(|filter| self.holds(filter, from, to)).max()
    }

    /// The same of one message, which must come.
    pub(crate) fn must_get(&self, message: &Message, from: u64, to: u64) -> Option<u8> {
        let plain = (0..topics::FIRST_SHARE).filter(|&filter| topics::matches(filter, message.topic));
        let stays = |filter: &usize| !(message.retain && self.leaves_and_returns(*filter, from));
        plain.filter(stays).filter_map(|filter| self.holds(filter, from, to)).max()
    }

    /// Whether the client left a filter after a step and subscribed anew. A Retained Message that was still on its way between
    /// shards then is one of the old Subscription's, of which only what had begun must be completed `[MQTT-3.10.4-3]`; for the
    /// new one it was retained before, and its successor, if there is one, is what is replayed.
    fn leaves_and_returns(&self, filter: usize, from: u64) -> bool {
        let mut later = self.asked.iter().filter(|asked| asked.filter == filter);
        later.any(|asked| asked.ask == Ask::Unsubscribe && asked.answered.is_none_or(|at| at >= from))
            && later.any(|asked| matches!(asked.ask, Ask::Subscribe { .. }))
    }

    /// How many times a retained write to `topic` may each have brought a message: once live or replayed for each SUBSCRIBE, and
    /// once for each UNSUBSCRIBE. A server may deliver what it has buffered for a Subscription that is left (chapter 3.10.4),
    /// such as a live copy on its way between shards, which it would have left out while the replay was remembered.
    pub(crate) fn occasions(&self, topic: &str) -> usize {
        let is_one = |asked: &&Asked| !topics::is_share(asked.filter) && topics::matches(asked.filter, topic);
        self.asked.iter().filter(is_one).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_question_and_answer_nothing_is_certain() {
        let mut record = Record::default();
        let session = record.begin_session(0, false);
        let ask = Ask::Subscribe { qos: 1, identifier: 0 };
        let first = record.ask(session, 4, ask, 10);
        record.answered(session, first, 20);
        let second = record.ask(session, 4, Ask::Unsubscribe, 30);
        record.answered(session, second, 40);
        let it = &record.sessions[session];
        assert_eq!((it.holds(4, 15, 18), it.holds(4, 20, 29), it.holds(4, 20, 30)), (None, Some(1), None));
        assert!(!it.may_hold(4, 0, 9) && it.may_hold(4, 0, 10) && it.may_hold(4, 39, 50) && !it.may_hold(4, 40, 50));
        assert_eq!((it.gets("t/0", 21, 25), it.gets("t/1", 21, 25), it.occasions("t/0")), (Some(1), None, 2));
    }
}
