//! Messages that wait in a Session or in a share group, oldest first.
//!
//! ```text
//!   front: in memory, next to be sent  →  runs: on disk only  →  back: in memory, newest
//! ```
//!
//! Mostly there is the front alone. A queue that grows while memory is wanted elsewhere has its back written to the log as
//! a *run*: a batch of its own with whole messages, or with references to large ones. Of a run memory holds one entry. It is
//! read back whole when the front is used up, so that a long queue is drained in a few large reads, in order.

use std::collections::VecDeque;

use crate::queue_age::Arrivals;
use crate::record::RunRecord;
use crate::session::Kept;

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    front: VecDeque<Kept>,
    runs: VecDeque<Stretch>,
    back: VecDeque<Kept>,
    /// All messages, wherever they are.
    total: Load,
    /// Those in runs.
    on_disk: Load,
    /// Bytes of those at the back.
    back_bytes: u64,
    /// What those cost that cannot become part of a run, when that was last tried.
    staying_cost: u64,
    /// How many have been taken from the front, for those who go through the front in portions.
    taken: u64,
    arrivals: Arrivals,
    /// The first run is being read.
    pub is_reading: bool,
    /// Messages up to this identity may have been sent before the server was started.
    pub sent_upto: u64,
}

/// Messages, and their topics, properties and payloads.
#[derive(Clone, Copy, Default)]
struct Load {
    messages: u64,
    bytes: u64,
}

/// What comes between front and back. Messages in memory stand there that hold their place though they cannot leave; and after a start,
/// when the log did not tell where among those of the runs they belong but by their identities.
struct Stretch {
    run: Option<Run>,
    /// Together with those of the run in the order of their identities.
    messages: VecDeque<Kept>,
}

/// What becomes of a message where a run is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// It becomes a part of the run.
    Leaves,
    /// It cannot, and stays in memory, behind the run.
    StaysBehind,
    /// It cannot, and nothing that is newer may pass it: the run ends before it, or begins behind it.
    HoldsItsPlace,
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

    /// Messages of it that are still wanted.
    pub(crate) fn messages(&self) -> u64 {
        self.record.left(self.done.as_ref().map_or(0, |done| done.len()))
    }

    /// Bytes of its batch that are of use.
    pub(crate) fn alive_bytes(&self) -> u64 {
        self.record.alive_bytes(self.messages())
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.total.messages == 0 && self.runs.is_empty()
    }

    /// Messages, wherever they are.
    pub(crate) fn len(&self) -> u64 {
        self.total.messages
    }

    /// Topics, properties and payloads of all messages.
    pub(crate) fn bytes(&self) -> u64 {
        self.total.bytes
    }

    /// Messages that are on disk only.
    pub(crate) fn on_disk(&self) -> u64 {
        self.on_disk.messages
    }

    /// What those in memory cost there.
    pub(crate) fn memory_cost(&self) -> u64 {
        self.total.without(self.on_disk).cost()
    }

    /// Adds the newest message, which has come now.
    pub(crate) fn push_new(&mut self, kept: Kept, now_s: u32) {
        self.arrivals.note(self.taken + self.total.messages, now_s);
        self.push(kept);
    }

    /// Adds the newest message, of which it is not known when it came.
    pub(crate) fn push(&mut self, kept: Kept) {
        self.total.add(Load::of(&kept));
        if self.runs.is_empty() && self.back.is_empty() {
            self.front.push_back(kept);
        } else {
            self.back_bytes += kept.message.bytes() as u64;
            self.back.push_back(kept);
        }
    }

    /// Adds one among the first `count` in memory, which are sorted: behind all that are not newer. Not for those who go through
    /// the front in portions.
    pub(crate) fn insert_among_first(&mut self, count: usize, kept: Kept) {
        let (count, identity) = (count.min(self.front.len()), kept.message.identity());
        let is_newer = |other: &Kept| other.message.identity() > identity;
        let newer = self.front.range(..count).rev().take_while(|other| is_newer(other)).count();
        self.total.add(Load::of(&kept));
        self.front.insert(count - newer, kept);
        self.arrivals.make_way();
    }

    /// The oldest message, if it is in memory.
    pub(crate) fn first(&self) -> Option<&Kept> {
        self.front.front()
    }

    /// Takes the oldest message, if it is in memory.
    pub(crate) fn pop(&mut self) -> Option<Kept> {
        let kept = self.front.pop_front()?;
        self.taken += 1;
        self.total.remove(Load::of(&kept));
        self.advance();
        Some(kept)
    }

    /// When the message came that was taken last, as far as that is known, in monotonic seconds.
    pub(crate) fn taken_arrived_s(&mut self) -> Option<u32> {
        self.arrivals.take(self.taken - 1)
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

    /// The runs that may be written again elsewhere: not the one that is on its way into memory.
    pub(crate) fn movable_runs(&self) -> impl Iterator<Item = &Run> {
        self.runs().skip(usize::from(self.is_reading))
    }

    /// The run that is to be read next, if memory holds little of what comes before it.
    pub(crate) fn wanted_run(&self) -> Option<&Run> {
        let first = self.runs.front().and_then(|stretch| stretch.run.as_ref());
        first.filter(|_| !self.is_reading && self.front.len() < READ_AHEAD_MESSAGES)
    }

    /// Takes messages that are to become the next run, of about `run_bytes`: the oldest in memory behind the runs there are, or
    /// behind about `keep_bytes` at the very front. None: there are none that can leave.
    pub(crate) fn take_run(
        &mut self,
        keep_bytes: u64,
        run_bytes: u64,
        move_of: impl Fn(&Kept) -> Move,
    ) -> VecDeque<Kept> {
        if self.runs.is_empty() && self.back.is_empty() {
            self.split_front(keep_bytes);
        }
        let (mut run, mut load) = (VecDeque::new(), Load::default());
        let (mut staying, mut staying_load) = (Vec::new(), Load::default());
        let mut holding = VecDeque::new();
        while load.cost() <= run_bytes
            && let Some(kept) = self.back.pop_front()
        {
            match move_of(&kept) {
                Move::Leaves => {
                    load.add(Load::of(&kept));
                    run.push_back(kept);
                }
                Move::StaysBehind => {
                    staying_load.add(Load::of(&kept));
                    staying.push(kept);
                }
                Move::HoldsItsPlace if run.is_empty() => holding.push_back(kept),
                Move::HoldsItsPlace => {
                    self.back.push_front(kept);
                    break;
                }
            }
        }
        staying.into_iter().rev().for_each(|kept| self.back.push_front(kept));
        let holding_load = Load::sum(&holding);
        self.staying_cost = staying_load.cost();
        self.back_bytes -= load.bytes + holding_load.bytes;
        self.total.remove(load);
        self.total.remove(holding_load);
        self.push_between(holding);
        if run.is_empty() && self.runs.is_empty() {
            self.front.append(&mut self.back);
            self.staying_cost += holding_load.cost();
            self.back_bytes = 0;
        }
        run
    }

    fn split_front(&mut self, keep_bytes: u64) {
        let mut kept = Load::default();
        let split = self.front.iter().position(|next| {
            kept.add(Load::of(next));
            kept.cost() > keep_bytes
        });
        self.back = self.front.split_off(split.unwrap_or(self.front.len()));
        self.back_bytes = Load::sum(&self.back).bytes;
    }

    /// A run behind all others.
    pub(crate) fn push_run(&mut self, run: Run) {
        self.push_run_among(run, VecDeque::new());
    }

    /// A run behind all others, and messages that stand somewhere among its own.
    pub(crate) fn push_run_among(&mut self, run: Run, messages: VecDeque<Kept>) {
        self.on_disk.add(Load::of_run(&run));
        self.total.add(Load::of_run(&run));
        self.total.add(Load::sum(&messages));
        self.runs.push_back(Stretch { run: Some(run), messages });
    }

    /// Messages behind all runs there are, before any further ones.
    pub(crate) fn push_between(&mut self, messages: VecDeque<Kept>) {
        self.total.add(Load::sum(&messages));
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
        self.on_disk.remove(Load::of_run(&run));
        self.total.remove(Load::of_run(&run));
        let from = self.front.len();
        for kept in messages {
            self.total.add(Load::of(&kept));
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
            let old = std::mem::replace(run, Run { record: to, done: None });
            for load in [&mut self.on_disk, &mut self.total] {
                load.remove(Load::of_run(&old));
                load.add(Load::of_run(run));
            }
        }
    }

    /// Nothing of a run is wanted any more.
    pub(crate) fn remove_run(&mut self, origin: u64) {
        let is_it = |run: &mut Run| run.record.origin == origin;
        for run in self.runs.iter_mut().filter_map(|stretch| stretch.run.take_if(is_it)) {
            self.on_disk.remove(Load::of_run(&run));
            self.total.remove(Load::of_run(&run));
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

    /// What its newest messages cost in memory: those that would become the next run. Where many had to stay that stand before them, an
    /// eighth of those is taken off: to pass by them again must be worth it.
    pub(crate) fn newest_cost(&self) -> u64 {
        let newest = match self.runs.is_empty() && self.back.is_empty() {
            true => self.total,
            false => Load { messages: self.back.len() as u64, bytes: self.back_bytes },
        };
        newest.cost().saturating_sub(self.staying_cost + self.staying_cost / 8)
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
        self.back_bytes = Load::sum(&self.back).bytes;
        self.total.remove(Load::sum(&extracted));
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

impl Load {
    fn of(kept: &Kept) -> Load {
        Load { messages: 1, bytes: kept.message.bytes() as u64 }
    }

    fn of_run(run: &Run) -> Load {
        let messages = run.messages();
        Load { messages, bytes: run.record.part(run.record.bytes, messages) }
    }

    fn sum<'k>(messages: impl IntoIterator<Item = &'k Kept>) -> Load {
        messages.into_iter().fold(Load::default(), |sum, kept| {
            let Load { messages, bytes } = Load::of(kept);
            Load { messages: sum.messages + messages, bytes: sum.bytes + bytes }
        })
    }

    fn add(&mut self, more: Load) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }

    fn remove(&mut self, less: Load) {
        self.messages -= less.messages;
        self.bytes -= less.bytes;
    }

    fn without(self, less: Load) -> Load {
        Load { messages: self.messages - less.messages, bytes: self.bytes - less.bytes }
    }

    /// In memory.
    fn cost(self) -> u64 {
        self.bytes + self.messages * MESSAGE_OVERHEAD_BYTES
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
            received_ns: 0,
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
        let back = queue.take_run(2 * (10 + MESSAGE_OVERHEAD_BYTES), 1000, |_| Move::Leaves);
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
    fn a_run_has_so_many_of_the_oldest_and_what_cannot_leave_stays_behind_it() {
        let cost = 10 + MESSAGE_OVERHEAD_BYTES;
        let is_even = |kept: &Kept| match kept.message.payload()[0].is_multiple_of(2) {
            true => Move::Leaves,
            false => Move::StaysBehind,
        };
        let payloads = |run: &VecDeque<Kept>| run.iter().map(|kept| kept.message.payload()[0]).collect::<Vec<_>>();
        let mut queue = Queue::default();
        (0..8).for_each(|number| queue.push(kept(number)));
        assert_eq!((queue.newest_cost(), queue.memory_cost()), (8 * cost, 8 * cost));
        let first = queue.take_run(cost, cost, is_even);
        assert_eq!((payloads(&first), numbers(&queue)), (vec![2, 4], vec![0, 1, 3, 5, 6, 7]));
        queue.push_run(Run { record: RunRecord { messages: 2, bytes: 20, ..RunRecord::default() }, done: None });
        let staying_cost = 2 * cost;
        assert_eq!(queue.newest_cost(), 3 * cost - staying_cost / 8);
        assert_eq!((queue.memory_cost(), queue.len()), (6 * cost, 8));
        let second = queue.take_run(cost, cost, is_even);
        assert_eq!((payloads(&second), numbers(&queue)), (vec![6], vec![0, 1, 3, 5, 7]));
        assert!(queue.take_run(cost, cost, is_even).is_empty() && queue.newest_cost() == 0);
    }

    /// A flood of messages that cannot leave would otherwise be walked through for each few that come.
    #[test]
    fn many_that_had_to_stay_are_passed_by_only_for_many_new_ones() {
        let mut queue = Queue::default();
        let push = |queue: &mut Queue, count| (0..count).for_each(|_| queue.push(kept(0)));
        push(&mut queue, 800);
        assert!(queue.take_run(0, 1, |_| Move::StaysBehind).is_empty());
        push(&mut queue, 100);
        assert_eq!(queue.newest_cost(), 0);
        push(&mut queue, 1);
        assert!(queue.newest_cost() > 0);
    }

    #[test]
    fn what_holds_its_place_is_passed_by_nothing() {
        let move_of =
            |kept: &Kept| if (2..4).contains(&kept.message.payload()[0]) { Move::HoldsItsPlace } else { Move::Leaves };
        let mut queue = Queue::default();
        (0..6).for_each(|number| queue.push(kept(number)));
        for (address, messages) in [(1, 2), (2, 2)] {
            let run = queue.take_run(0, 1000, move_of);
            assert_eq!(run.len(), messages as usize);
            let record = RunRecord { address, messages, bytes: 10 * u64::from(messages), ..RunRecord::default() };
            queue.push_run(Run { record, done: None });
        }
        assert_eq!((numbers(&queue), queue.len(), queue.bytes(), queue.on_disk()), (vec![2, 3], 6, 60, 4));
        assert!(queue.replace_run(1, [kept(0), kept(1)]));
        assert_eq!(numbers(&queue), [0, 1, 2, 3]);
        assert!(queue.replace_run(2, [kept(4), kept(5)]));
        assert_eq!((numbers(&queue), queue.bytes()), (vec![0, 1, 2, 3, 4, 5], 60));
        assert!(queue.take_run(0, 1000, |_| Move::HoldsItsPlace).is_empty());
        assert_eq!((numbers(&queue), queue.newest_cost()), (vec![0, 1, 2, 3, 4, 5], 0));
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
        assert_eq!((at, queue.len(), queue.on_disk()), (vec![1, 20], 10, 8));
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
    fn where_nothing_can_leave_nothing_changes() {
        let mut queue = Queue::default();
        (0..3).for_each(|number| queue.push(kept(number)));
        assert!(queue.take_run(0, 1000, |_| Move::StaysBehind).is_empty());
        assert_eq!((queue.newest_cost(), queue.pop().map(|kept| kept.message.payload()[0])), (0, Some(0)));
        queue.insert_among_first(0, kept(9));
        assert_eq!((numbers(&queue), queue.len(), queue.bytes()), (vec![9, 1, 2], 3, 30));
    }

    #[test]
    fn some_are_taken_from_the_middle() {
        let mut queue = Queue::default();
        (0..4).for_each(|number| queue.push(kept(number)));
        let taken = queue.extract(|kept| kept.message.payload()[0] % 2 == 1);
        assert_eq!((taken.len(), numbers(&queue), queue.bytes()), (2, vec![0, 2], 20));
    }
}
