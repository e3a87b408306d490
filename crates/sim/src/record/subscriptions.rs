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
    Subscribe { qos: u8, identifier: u32 },
    Unsubscribe,
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

    /// Whether a client subscribed once more to a filter that it held, after a Retained Message was sent. The message counts as
    /// replayed then, and what is replayed is its successor if there is one by that time.
    pub(crate) fn asks_again(&self, message: &Message, from: u64) -> bool {
        let is_again = |asked: &&Asked| {
            matches!(asked.ask, Ask::Subscribe { .. })
                && asked.answered.is_none_or(|at| at >= from)
                && topics::matches(asked.filter, message.topic)
        };
        message.retain && self.asked.iter().any(|asked| is_again(&asked))
    }

    /// How many times a retained write to `topic` may each have brought a message: once live or replayed for each SUBSCRIBE, and
    /// once for each UNSUBSCRIBE, because what is on its way between shards then may still come, though it was replayed before.
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
