//! Lines as records, each with what it is about, on their way from those who tell them to the one who hands them on (`otlp`).
//!
//! What must hold: who tells a line never waits for who takes it. There is a bound to what waits, and what comes beyond it is counted.
#![cfg_attr(
    not(feature = "otlp"),
    allow(dead_code, reason = "nobody takes records in a server that is built without it")
)]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use super::object::Members;
use super::{About, LogType, cut};

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// When it was told, in nanoseconds since 1970.
    pub(crate) time_ns: u64,
    pub(crate) kind: LogType,
    /// The sentence, without a time.
    pub(crate) text: String,
    pub(crate) attributes: Attributes,
}

/// What a line is about, by the names that `log_format json` has.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Attributes(pub(crate) Vec<(&'static str, Attribute)>);

/// One value of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    Text(String),
    Number(u64),
    Flag(bool),
}

impl From<&About<'_>> for Attributes {
    fn from(about: &About<'_>) -> Attributes {
        let mut attributes = Attributes::default();
        about.describe(&mut attributes);
        attributes
    }
}

impl Members for Attributes {
    fn text(&mut self, name: &'static str, value: &str) {
        self.0.push((name, Attribute::Text(cut(value).to_owned())));
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.0.push((name, Attribute::Number(value)));
    }

    fn flag(&mut self, name: &'static str, value: bool) {
        self.0.push((name, Attribute::Flag(value)));
    }
}

/// Records that wait for who takes them.
#[derive(Default)]
pub(crate) struct Records {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    records: Vec<Record>,
    bytes: usize,
    left_out: u64,
    /// Who takes them.
    taker: Option<Thread>,
}

impl Records {
    /// From now on this thread is woken when there is something to take.
    pub(crate) fn begin(&self, taker: Thread) {
        self.queue().taker = Some(taker);
    }

    /// Adds some, which are gone from `records` then.
    pub(super) fn hand_over(&self, records: &mut Vec<Record>) {
        let mut queue = self.queue();
        let before = queue.records.len();
        for record in records.drain(..) {
            let bytes = record.bytes();
            if queue.bytes + bytes > QUEUE_BYTES_MAX {
                queue.left_out += 1;
                continue;
            }
            queue.bytes += bytes;
            queue.records.push(record);
        }
        let is_news = before == 0 || before < MANY && queue.records.len() >= MANY;
        if let Some(taker) = queue.taker.as_ref().filter(|_| is_news) {
            taker.unpark();
        }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue().records.len()
    }

    /// Takes the oldest, so many at most.
    pub(crate) fn take(&self, count_max: usize) -> Vec<Record> {
        let mut queue = self.queue();
        let count = queue.records.len().min(count_max);
        let later = queue.records.split_off(count);
        let taken = std::mem::replace(&mut queue.records, later);
        queue.bytes -= taken.iter().map(Record::bytes).sum::<usize>();
        taken
    }

    /// How many were left out since somebody asked.
    pub(crate) fn take_left_out(&self) -> u64 {
        std::mem::take(&mut self.queue().left_out)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Memory, roughly.
    fn bytes(&self) -> usize {
        let text = |value: &Attribute| if let Attribute::Text(text) = value { text.len() } else { 0 };
        let attributes = self.attributes.0.iter().map(|(_, value)| size_of::<(&str, Attribute)>() + text(value));
        size_of::<Record>() + self.text.len() + attributes.sum::<usize>()
    }
}

/// As many are worth a request at once.
pub(crate) const MANY: usize = 1000;

/// Lines that may wait while nobody takes them.
pub(crate) const QUEUE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize, text: String) -> Record {
        let attributes = Attributes(vec![("number", Attribute::Number(number as u64))]);
        Record { time_ns: 1, kind: LogType::Notice, text, attributes }
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_stays_in_order() {
        let records = Records::default();
        let all = 2 * QUEUE_BYTES_MAX / 1000;
        for number in 0..all {
            records.hand_over(&mut vec![record(number, "x".repeat(1000))]);
        }
        let waiting = records.waiting();
        assert!(waiting > QUEUE_BYTES_MAX / 1500 && waiting < QUEUE_BYTES_MAX / 1000, "{waiting}");
        assert_eq!(records.take_left_out(), (all - waiting) as u64);
        assert_eq!(records.take_left_out(), 0);
        let taken: Vec<Record> =
            std::iter::repeat_with(|| records.take(7)).take_while(|it| !it.is_empty()).flatten().collect();
        assert!(taken.iter().enumerate().all(|(at, it)| it.attributes.0[0].1 == Attribute::Number(at as u64)));
        assert_eq!(taken.len(), waiting);
        records.hand_over(&mut vec![record(0, String::new())]);
        assert_eq!((records.waiting(), records.take_left_out()), (1, 0), "there is room again");
    }
}
