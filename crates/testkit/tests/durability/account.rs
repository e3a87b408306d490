//! The verdict: what publishers were promised against what subscribers were given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A publisher, as subscribers see it: each has a topic of its own and counts its messages from 0.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) qos: u8,
    /// How many were published, all acknowledged in the end.
    pub(crate) count: u64,
}

/// A subscriber, with every message in the order in which it was given to the application.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) subscriber: String,
    pub(crate) qos: u8,
    pub(crate) messages: Vec<(String, u64)>,
}

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Acknowledged and not delivered.
    pub(crate) lost: u64,
    /// Delivered twice, published and subscribed to with QoS 2.
    pub(crate) doubled: u64,
    /// Delivered for the first time behind a later one.
    pub(crate) out_of_order: u64,
    /// Delivered again where that is allowed.
    pub(crate) repeated: u64,
    /// The first of each kind, in words.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    pub(crate) fn of(published: &[Published], delivered: &[Delivered]) -> Verdict {
        let mut verdict = Verdict::default();
        for subscriber in delivered {
            let mut by_topic: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
            for (topic, number) in &subscriber.messages {
                by_topic.entry(topic).or_default().push(*number);
            }
            for publisher in published {
                let numbers = by_topic.remove(publisher.topic.as_str()).unwrap_or_default();
                verdict.judge(publisher, subscriber, &numbers);
            }
            assert!(by_topic.is_empty(), "topics that nobody publishes: {:?}", by_topic.keys());
        }
        verdict
    }

    fn judge(&mut self, publisher: &Published, subscriber: &Delivered, numbers: &[u64]) {
        let mut seen = BTreeSet::new();
        let mut tell = |what: &str, number: u64, around: &str| {
            let is_like = |example: &&String| example.contains(what);
            if self.examples.iter().filter(is_like).count() < EXAMPLES_MAX {
                let Published { topic, qos, count } = publisher;
                let Delivered { subscriber, qos: granted, .. } = subscriber;
                let text =
                    format!("{topic} {number} of {count} (QoS {qos}) {what} for {subscriber} (QoS {granted}) {around}");
                self.examples.push(text);
            }
        };
        for (place, &number) in numbers.iter().enumerate() {
            let latest = seen.last().copied().unwrap_or_default();
            let seen_from = place.saturating_sub(3);
            let around =
                format!("at {place}: {:?}, latest {latest}", &numbers[seen_from..(place + 3).min(numbers.len())]);
            if !seen.insert(number) {
                if publisher.qos == 2 && subscriber.qos == 2 {
                    tell("came twice", number, &around);
                    self.doubled += 1;
                } else {
                    self.repeated += 1;
                }
            } else if latest > number {
                tell("came behind a later one", number, &around);
                self.out_of_order += 1;
            }
        }
        for number in (0..publisher.count).filter(|number| !seen.contains(number)) {
            tell("is lost", number, "");
            self.lost += 1;
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        (self.lost, self.doubled, self.out_of_order) == (0, 0, 0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { lost, doubled, out_of_order, repeated, examples } = self;
        write!(f, "{lost} lost, {doubled} doubled, {out_of_order} out of order, {repeated} repeated at QoS 1")?;
        examples.iter().try_for_each(|example| write!(f, "\n  {example}"))
    }
}

const EXAMPLES_MAX: usize = 10;

#[test]
fn each_fault_is_found() {
    let check = |qos, granted, count, numbers: &[u64], expected: (u64, u64, u64, u64)| {
        let published = [Published { topic: "t".to_owned(), qos, count }];
        let messages = numbers.iter().map(|number| ("t".to_owned(), *number)).collect();
        let delivered = [Delivered { subscriber: "s".to_owned(), qos: granted, messages }];
        let verdict = Verdict::of(&published, &delivered);
        assert_eq!((verdict.lost, verdict.doubled, verdict.out_of_order, verdict.repeated), expected, "{numbers:?}");
    };
    check(2, 2, 3, &[0, 1, 2], (0, 0, 0, 0));
    check(2, 2, 4, &[0, 2], (2, 0, 0, 0));
    check(2, 2, 2, &[0, 1, 0], (0, 1, 0, 0));
    check(1, 2, 2, &[0, 1, 0], (0, 0, 0, 1));
    check(2, 1, 2, &[0, 0, 1], (0, 0, 0, 1));
    check(1, 1, 3, &[0, 2, 1], (0, 0, 1, 0));
}
