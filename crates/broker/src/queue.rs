//! Messages that wait in a Session, oldest first.
//!
//! ```text
//!   front: in memory, next to be sent  →  runs: on disk only  →  back: in memory, newest
//! ```
//!
//! Mostly there is the front alone. A queue that grows while memory is wanted elsewhere has its back written to the log as
//! a *run*: a batch of its own with whole messages, or with references to large ones. Of a run memory holds one entry. It is
//! read back whole when the front is used up, so that a long queue is drained in a few large reads, in order.

use std::collections::VecDeque;

use crate::record::RunRecord;
use crate::session::Kept;

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    front: VecDeque<Kept>,
    runs: VecDeque<Stretch>,
    back: VecDeque<Kept>,
    /// Of all messages, wherever they are.
    bytes: u64,
    /// Of those at the back.
    back_bytes: u64,
    /// What those cost that cannot become part of a run, when that was last tried.
    pub staying_cost: u64,
    /// Messages in runs.
    on_disk: u64,
    /// How many have been taken from the front, for those who go through the front in portions.
    taken: u64,
    /// The first run is being read.
    pub is_reading: bool,
    /// Messages up to this identity may have been sent before the server was started.
    pub sent_upto: u64,
}

/// What comes between front and back. Messages in memory stand there only after a start, when the log did not tell where among
/// those of the runs they belong but by their identities.
struct Stretch {
    run: Option<Run>,
    /// Together with those of the run in the order of their identities.
    messages: VecDeque<Kept>,
}

/// A stretch of the queue that is on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub record: RunRecord,
    /// Identities of messages in it that are done with. There are none but after a start.
    pub done: Option<Box<[u64]>>,
}

impl Run {
    /// Whether this message of it is not wanted any more.
    pub(crate) fn is_done(&self, message: u64) -> bool {
        self.done.as_ref().is_some_and(|done| done.binary_search(&message).is_ok())
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.runs.is_empty() && self.back.is_empty()
    }

    /// Messages, wherever they are.
    pub(crate) fn len(&self) -> u64 {
        let between: usize = self.runs.iter().map(|stretch| stretch.messages.len()).sum();
        (self.front.len() + between + self.back.len()) as u64 + self.on_disk
    }

    /// Topics, properties and payloads of all messages.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages that are on disk only.
    pub(crate) fn on_disk(&self) -> u64 {
        self.on_disk
    }

    /// Adds the newest message.
    pub(crate) fn push(&mut self, kept: Kept) {
        let bytes = kept.message.bytes() as u64;
        self.bytes += bytes;
        if self.runs.is_empty() && self.back.is_empty() {
            self.front.push_back(kept);
        } else {
            self.back_bytes += bytes;
            self.back.push_back(kept);
        }
    }

    /// The oldest message, if it is in memory.
    pub(crate) fn first(&self) -> Option<&Kept> {
        self.front.front()
    }

    /// Takes the oldest message, if it is in memory.
    pub(crate) fn pop(&mut self) -> Option<Kept> {
        let kept = self.front.pop_front()?;
        self.taken += 1;
        self.bytes -= kept.message.bytes() as u64;
        self.advance();
        Some(kept)
    }

    /// What is in memory, oldest first.
    pub(crate) fn in_memory(&self) -> impl Iterator<Item = &Kept> {
        self.front.iter().chain(self.runs.iter().flat_map(|stretch| &stretch.messages)).chain(&self.back)
    }

    /// Messages in memory, each with a number that it keeps while others are taken, from `from` on.
    pub(crate) fn numbered(&self, from: u64) -> impl Iterator<Item = (u64, &Kept)> {
        let skip = from.saturating_sub(self.taken) as usize;
        self.in_memory().enumerate().skip(skip).map(|(at, kept)| (self.taken + at as u64, kept))
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter_map(|stretch| stretch.run.as_ref())
    }

    /// The run that is to be read next, if memory holds little of what comes before it.
    pub(crate) fn wanted_run(&self) -> Option<&Run> {
        let first = self.runs.front().and_then(|stretch| stretch.run.as_ref());
        first.filter(|_| !self.is_reading && self.front.len() < READ_AHEAD_MESSAGES)
    }

    /// Takes the newest messages, which are to become a run: all in memory behind the runs there are, or all but about
    /// `keep_bytes` at the very front. The caller puts back what cannot be part of one.
    pub(crate) fn take_newest(&mut self, keep_bytes: u64) -> VecDeque<Kept> {
        if self.runs.is_empty() && self.back.is_empty() {
            let mut kept_bytes = 0;
            let split = self.front.iter().position(|kept| {
                kept_bytes += kept.message.bytes() as u64 + MESSAGE_OVERHEAD_BYTES;
                kept_bytes > keep_bytes
            });
            self.back = self.front.split_off(split.unwrap_or(self.front.len()));
        }
        let back = std::mem::take(&mut self.back);
        self.back_bytes = 0;
        self.bytes -= back.iter().map(|kept| kept.message.bytes() as u64).sum::<u64>();
        back
    }

    /// A run behind all others.
    pub(crate) fn push_run(&mut self, run: Run) {
        self.push_run_among(run, VecDeque::new());
    }

    /// A run behind all others, and messages that stand somewhere among its own.
    pub(crate) fn push_run_among(&mut self, run: Run, messages: VecDeque<Kept>) {
        self.on_disk += u64::from(run.record.messages);
        self.bytes += run.record.bytes + messages.iter().map(|kept| kept.message.bytes() as u64).sum::<u64>();
        self.runs.push_back(Stretch { run: Some(run), messages });
    }

    /// Messages behind all runs there are, before any further ones.
    pub(crate) fn push_between(&mut self, messages: VecDeque<Kept>) {
        self.bytes += messages.iter().map(|kept| kept.message.bytes() as u64).sum::<u64>();
        if self.runs.is_empty() {
            self.front.extend(messages);
        } else if !messages.is_empty() {
            self.runs.push_back(Stretch { run: None, messages });
        }
    }

    /// The first run was read: its messages come behind those at the front. `false`: it is not the one that was wanted.
    pub(crate) fn replace_run(&mut self, address: u64, messages: impl IntoIterator<Item = Kept>) -> bool {
        let is_it = |stretch: &mut Stretch| stretch.run.as_ref().is_some_and(|run| run.record.address == address);
        let Some(Stretch { run: Some(run), messages: among }) = self.runs.pop_front_if(is_it) else { return false };
        self.is_reading = false;
        self.on_disk -= u64::from(run.record.messages);
        self.bytes -= run.record.bytes;
        let from = self.front.len();
        for kept in messages {
            self.bytes += kept.message.bytes() as u64;
            self.front.push_back(kept);
        }
        if !among.is_empty() {
            // What comes from different shards is not sorted; what comes from one publisher is, and must be in the end.
            self.front.extend(among);
            self.front.make_contiguous()[from..].sort_by_key(|kept| kept.message.identity());
        }
        self.join_front();
        true
    }

    /// A run stands elsewhere now, without what was done with of it.
    pub(crate) fn move_run(&mut self, to: RunRecord) {
        let moved = self.runs.iter_mut().filter_map(|stretch| stretch.run.as_mut());
        for run in moved.filter(|run| run.record.origin == to.origin) {
            self.on_disk = self.on_disk - u64::from(run.record.messages) + u64::from(to.messages);
            self.bytes = self.bytes - run.record.bytes + to.bytes;
            *run = Run { record: to, done: None };
        }
    }

    /// Nothing of a run is wanted any more.
    pub(crate) fn remove_run(&mut self, origin: u64) {
        let is_it = |run: &mut Run| run.record.origin == origin;
        for run in self.runs.iter_mut().filter_map(|stretch| stretch.run.take_if(is_it)) {
            self.on_disk -= u64::from(run.record.messages);
            self.bytes -= run.record.bytes;
        }
        self.join_front();
    }

    /// What stood between runs follows the front, when those before it are gone.
    fn join_front(&mut self) {
        while let Some(between) = self.runs.pop_front_if(|stretch| stretch.run.is_none()) {
            self.front.extend(between.messages);
        }
        self.advance();
    }

    /// What its newest messages cost in memory: those that would become the next run.
    pub(crate) fn newest_cost(&self) -> u64 {
        let (newest, bytes) = match self.runs.is_empty() && self.back.is_empty() {
            true => (self.front.len(), self.bytes),
            false => (self.back.len(), self.back_bytes),
        };
        (bytes + newest as u64 * MESSAGE_OVERHEAD_BYTES).saturating_sub(self.staying_cost)
    }

    /// Takes the messages in memory for which `is_wanted`, from wherever they are.
    pub(crate) fn extract(&mut self, mut is_wanted: impl FnMut(&Kept) -> bool) -> Vec<Kept> {
        let mut extracted = Vec::new();
        let between = self.runs.iter_mut().map(|stretch| &mut stretch.messages);
        for part in std::iter::once(&mut self.front).chain(between).chain(std::iter::once(&mut self.back)) {
            if !part.iter().any(&mut is_wanted) {
                continue;
            }
            let (wanted, rest): (VecDeque<_>, VecDeque<_>) = std::mem::take(part).into_iter().partition(&mut is_wanted);
            *part = rest;
            extracted.extend(wanted);
        }
        self.back_bytes = self.back.iter().map(|kept| kept.message.bytes() as u64).sum();
        self.bytes -= extracted.iter().map(|kept| kept.message.bytes() as u64).sum::<u64>();
        self.advance();
        extracted
    }

    /// Everything in memory, oldest first; what is on disk is forgotten.
    pub(crate) fn into_messages(self) -> impl Iterator<Item = Kept> {
        self.front.into_iter().chain(self.runs.into_iter().flat_map(|stretch| stretch.messages)).chain(self.back)
    }

    /// Without runs in between, the back follows the front.
    fn advance(&mut self) {
        if self.front.is_empty() && self.runs.is_empty() {
            self.front = std::mem::take(&mut self.back);
            (self.back_bytes, self.staying_cost) = (0, 0);
        }
    }
}

/// What a waiting message costs in memory beside its bytes: its allocation, and its place in the queue.
pub(crate) const MESSAGE_OVERHEAD_BYTES: u64 = 66;

/// With fewer messages than these in front of it, a run is read.
const READ_AHEAD_MESSAGES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, MessageParts};
    use crate::session::NO_EXTRA;
    use midge_codec::QoS;

    fn kept(number: u8) -> Kept {
        let parts = MessageParts {
            topic: "t",
            properties: &[],
            payload: &[number; 9],
            qos: QoS::AtLeastOnce,
            retain: false,
            received_s: 0,
            expiry_interval_s: None,
        };
        let message = Message::new(&parts);
        Kept { message, extra: NO_EXTRA, qos: QoS::AtLeastOnce, retain: false, dup: false }
    }

    fn numbers(queue: &Queue) -> Vec<u8> {
        queue.in_memory().map(|kept| kept.message.payload()[0]).collect()
    }

    #[test]
    fn what_was_on_disk_comes_between_what_is_older_and_what_is_newer() {
        let mut queue = Queue::default();
        (0..6).for_each(|number| queue.push(kept(number)));
        let back = queue.take_newest(2 * (10 + MESSAGE_OVERHEAD_BYTES));
        assert_eq!((numbers(&queue), back.len(), queue.bytes()), (vec![0, 1], 4, 20));
        let run = RunRecord { address: 7, first: 3, last: 6, messages: 4, bytes: 40, ..RunRecord::default() };
        queue.push_run(Run { record: run, done: None });
        queue.push(kept(6));
        assert_eq!((queue.len(), queue.bytes(), queue.on_disk()), (7, 70, 4));
        assert_eq!(queue.wanted_run().map(|run| run.record.address), Some(7));
        queue.pop();
        queue.pop();
        assert!(queue.first().is_none() && queue.pop().is_none(), "the next is on disk");
        assert!(!queue.replace_run(8, back.iter().map(|_| kept(9))), "another run");
        assert!(queue.replace_run(7, back));
        assert_eq!((numbers(&queue), queue.len(), queue.bytes()), (vec![2, 3, 4, 5, 6], 5, 50));
        assert_eq!(
            std::iter::from_fn(|| queue.pop()).map(|kept| kept.message.payload()[0]).collect::<Vec<_>>(),
            [2, 3, 4, 5, 6]
        );
        assert_eq!((queue.len(), queue.bytes(), queue.is_empty()), (0, 0, true));
    }

    #[test]
    fn what_stood_among_the_messages_of_a_run_is_merged_with_them() {
        let named = |numbers: &[u8]| {
            let named = |&number: &u8| {
                let kept = kept(number);
                kept.message.set_identity(u64::from(number));
                kept
            };
            numbers.iter().map(named).collect::<VecDeque<Kept>>()
        };
        let run =
            |address, messages| Run { record: RunRecord { address, messages, ..RunRecord::default() }, done: None };
        let mut queue = Queue::default();
        queue.push_between(named(&[1, 2]));
        queue.push_run_among(run(7, 4), named(&[4, 6, 9]));
        queue.push_between(named(&[10]));
        queue.push_run(run(8, 1));
        named(&[20]).into_iter().for_each(|kept| queue.push(kept));
        assert_eq!((numbers(&queue), queue.len()), (vec![1, 2, 4, 6, 9, 10, 20], 12));
        assert!(queue.replace_run(7, named(&[5, 8, 3, 7])));
        assert_eq!(numbers(&queue)[..10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert!(queue.replace_run(8, named(&[15])));
        assert_eq!((numbers(&queue).last(), queue.len()), (Some(&20), 12));
    }

    #[test]
    fn a_run_that_is_moved_stays_in_its_place_and_one_that_is_removed_holds_nothing_up() {
        let run = |origin, messages| RunRecord { origin, address: origin, messages, ..RunRecord::default() };
        let mut queue = Queue::default();
        queue.push_run(Run { record: run(1, 4), done: Some([9].into()) });
        queue.push_between([kept(5)].into());
        queue.push_run(Run { record: run(2, 6), done: None });
        queue.push(kept(8));
        queue.move_run(RunRecord { address: 20, messages: 5, ..run(2, 0) });
        let at: Vec<u64> = queue.runs().map(|run| run.record.address).collect();
        assert_eq!((at, queue.len(), queue.on_disk()), (vec![1, 20], 11, 9));
        queue.remove_run(1);
        assert_eq!(queue.pop().map(|kept| kept.message.payload()[0]), Some(5));
        queue.remove_run(2);
        assert_eq!(queue.pop().map(|kept| kept.message.payload()[0]), Some(8));
        assert!(queue.is_empty() && queue.on_disk() == 0);
    }

    #[test]
    fn numbers_of_messages_stay_while_others_are_taken() {
        let mut queue = Queue::default();
        (0..4).for_each(|number| queue.push(kept(number)));
        let first_two: Vec<u64> = queue.numbered(0).take(2).map(|(number, _)| number).collect();
        assert_eq!(first_two, [0, 1]);
        queue.pop();
        queue.pop();
        queue.pop();
        let rest: Vec<_> = queue.numbered(2).map(|(number, kept)| (number, kept.message.payload()[0])).collect();
        assert_eq!(rest, [(3, 3)]);
    }

    #[test]
    fn some_are_taken_from_the_middle() {
        let mut queue = Queue::default();
        (0..4).for_each(|number| queue.push(kept(number)));
        let taken = queue.extract(|kept| kept.message.payload()[0] % 2 == 1);
        assert_eq!((taken.len(), numbers(&queue), queue.bytes()), (2, vec![0, 2], 20));
    }
}
