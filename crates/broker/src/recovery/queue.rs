//! The queue of a Session or of a share group that is being put together.

use crate::message::Message;
use crate::queue::{Queue, Run};
use crate::record::{EntryRecord, RunRecord};
use crate::session::Kept;
use midge_codec::QoS;
use smallvec::SmallVec;
use std::collections::{BTreeSet, VecDeque};

/// See the module.
#[derive(Default)]
pub(crate) struct DraftQueue {
    held: HeldQueue,
    /// Stretches of the queue that are on disk, behind none of which anything older is held.
    runs: Vec<DraftRun>,
}

/// A stretch of the queue that is on disk.
#[derive(Debug)]
struct DraftRun {
    record: RunRecord,
    /// What is done with. There may be some among them that are not in it.
    done: BTreeSet<u64>,
}

impl DraftRun {
    fn left(&self) -> u64 {
        self.record.left(self.done.len())
    }

    fn may_have(&self, message: u64) -> bool {
        (self.record.first..=self.record.last).contains(&message)
    }
}

/// A message in the hands of a Session, or of a share group.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub message: Message,
    pub qos: QoS,
    pub retain: bool,
    pub dup: bool,
    pub identifiers: SmallVec<[u32; 2]>,
    /// The number of the retained write that came as this; 0 where there was none, or it is not known.
    pub retained_sequence: u64,
}

impl Held {
    /// A message about which no more is known.
    pub(super) fn of(message: Message) -> Held {
        let (qos, retain) = (message.qos(), false);
        Held { message, qos, retain, dup: false, identifiers: SmallVec::new(), retained_sequence: 0 }
    }

    pub(super) fn with(message: Message, entry: &EntryRecord) -> Held {
        let qos = QoS::from_u8(entry.qos).unwrap_or(QoS::AtLeastOnce);
        let (retain, dup) = (entry.retain, entry.dup);
        Held { message, qos, retain, dup, identifiers: SmallVec::new(), retained_sequence: 0 }
    }

    pub(crate) fn identity(&self) -> u64 {
        self.message.identity()
    }
}

/// Messages in the order of their identities. Most come at the back and go at the front.
#[derive(Default)]
struct HeldQueue {
    entries: VecDeque<(u64, Option<Held>)>,
    len: usize,
}

impl HeldQueue {
    fn contains(&self, identity: u64) -> bool {
        self.position(identity).is_ok_and(|at| self.entries[at].1.is_some())
    }

    fn insert(&mut self, held: Held) {
        let identity = held.identity();
        match self.position(identity) {
            Ok(at) if self.entries[at].1.is_some() => return,
            Ok(at) => self.entries[at].1 = Some(held),
            Err(at) if at == self.entries.len() => self.entries.push_back((identity, Some(held))),
            Err(at) => self.entries.insert(at, (identity, Some(held))),
        }
        self.len += 1;
    }

    fn take(&mut self, identity: u64) -> Option<Held> {
        let at = self.position(identity).ok()?;
        let held = self.entries[at].1.take()?;
        self.len -= 1;
        while self.entries.front().is_some_and(|entry| entry.1.is_none()) {
            self.entries.pop_front();
        }
        Some(held)
    }

    fn get_mut(&mut self, identity: u64) -> Option<&mut Held> {
        let at = self.position(identity).ok()?;
        self.entries[at].1.as_mut()
    }

    fn len(&self) -> usize {
        self.len
    }

    /// Those that came after this one.
    fn after(&self, identity: u64) -> impl Iterator<Item = &Held> {
        let from = self.entries.partition_point(|entry| entry.0 <= identity);
        self.entries.range(from..).filter_map(|entry| entry.1.as_ref())
    }

    fn into_entries(self) -> impl Iterator<Item = Held> {
        self.entries.into_iter().filter_map(|entry| entry.1)
    }

    fn position(&self, identity: u64) -> Result<usize, usize> {
        match self.entries.back() {
            Some(last) if last.0 < identity => Err(self.entries.len()),
            _ => self.entries.binary_search_by_key(&identity, |entry| entry.0),
        }
    }
}

impl DraftQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.held.len() == 0 && self.runs.is_empty()
    }

    /// Messages, wherever they are.
    pub(super) fn messages(&self) -> u64 {
        self.held.len() as u64 + self.runs.iter().map(DraftRun::left).sum::<u64>()
    }

    /// What the runs have on disk.
    pub(super) fn run_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.record.alive_bytes(run.left())).sum()
    }

    /// Gives up the runs that the log does not have any more, and says how many messages were lost with them.
    pub(super) fn forget_runs(&mut self, is_there: impl Fn(&RunRecord) -> bool) -> u64 {
        let (there, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.runs).into_iter().partition(|run| is_there(&run.record));
        self.runs = there;
        lost.iter().map(DraftRun::left).sum()
    }

    /// Whether it has the message, and not in a run.
    pub(super) fn contains(&self, message: u64) -> bool {
        self.held.contains(message)
    }

    /// What it has beside runs, and came after this message.
    pub(super) fn after(&self, message: u64) -> impl Iterator<Item = &Held> {
        self.held.after(message)
    }

    pub(super) fn get_mut(&mut self, message: u64) -> Option<&mut Held> {
        self.held.get_mut(message)
    }

    /// There is no second one of a message that it has.
    pub(super) fn insert(&mut self, held: Held) {
        self.held.insert(held);
    }

    pub(super) fn take_held(&mut self, message: u64) -> Option<Held> {
        self.held.take(message)
    }

    /// Takes the QoS 1 messages in memory that are older than this one, oldest first.
    pub(crate) fn take_older(&mut self, identity: u64) -> Vec<Held> {
        let is_older = |held: &Held| held.qos == QoS::AtLeastOnce && held.identity() < identity;
        let older = self.held.entries.iter().filter_map(|entry| entry.1.as_ref()).filter(|held| is_older(held));
        let older: Vec<u64> = older.map(Held::identity).collect();
        older.into_iter().filter_map(|identity| self.held.take(identity)).collect()
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&mut self, held: Held) {
        self.held.insert(held);
    }

    /// Takes a message out. One that stands in a run is done with there, and `None`.
    pub(super) fn take(&mut self, message: u64) -> Option<Held> {
        let held = self.held.take(message);
        if held.is_none() {
            self.done_in_run(message);
        }
        held
    }

    /// A message that is in some run is not wanted from there any more.
    pub(super) fn done_in_run(&mut self, message: u64) {
        for run in self.runs.iter_mut().filter(|run| run.may_have(message)) {
            run.done.insert(message);
        }
    }

    /// A run from the snapshot, or of which the log tells next. One that is known was written again. `false`: it was written
    /// again and is not known, because the snapshot came later and found its messages in memory.
    pub(super) fn hold_run(&mut self, run: &RunRecord, is_of_snapshot: bool) -> bool {
        match self.runs.iter_mut().find(|known| known.record.origin == run.origin) {
            Some(known) if known.record.address < run.address => known.record = *run,
            Some(_) => {}
            None if run.origin == run.address || is_of_snapshot => {
                self.runs.push(DraftRun { record: *run, done: BTreeSet::new() });
            }
            None => return false,
        }
        true
    }

    /// A message that moves from the queue, perhaps from a run that was read before, into a run. Where the run was moved, the
    /// queue only has the message if the snapshot found it there later.
    pub(super) fn move_into_run(&mut self, into: &RunRecord, message: u64) {
        self.held.take(message);
        for run in self.runs.iter_mut().filter(|run| run.may_have(message)) {
            if run.record.origin == into.origin {
                // What the log told before of the message was before it came here.
                run.done.remove(&message);
            } else if run.record.origin < into.origin && into.origin == into.address {
                run.done.insert(message);
            }
        }
    }

    pub(super) fn run_done(&mut self, origin: u64, message: u64) {
        if let Some(run) = self.runs.iter_mut().find(|run| run.record.origin == origin) {
            run.done.insert(message);
        }
    }

    /// What is held beside runs, and where those are, with what of each is done with.
    pub(super) fn into_parts(self) -> (impl Iterator<Item = Held>, impl Iterator<Item = (u64, BTreeSet<u64>)>) {
        (self.held.into_entries(), self.runs.into_iter().map(|run| (run.record.address, run.done)))
    }

    /// Messages and runs in the order of their identities.
    pub(crate) fn into_queue(mut self, mut keep: impl FnMut(Held) -> Kept) -> Queue {
        self.runs.sort_by_key(|run| run.record.origin);
        let mut held = self.held.into_entries().peekable();
        let mut take = |upto: u64| -> VecDeque<Kept> {
            std::iter::from_fn(|| held.next_if(|held| held.identity() < upto).map(&mut keep)).collect()
        };
        let mut queue = Queue::default();
        for DraftRun { record, done } in self.runs {
            let done = (!done.is_empty()).then(|| done.into_iter().collect());
            queue.push_between(take(record.first));
            queue.push_run_among(Run { record, done }, take(record.last));
        }
        take(u64::MAX).into_iter().for_each(|kept| queue.push(kept));
        queue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageParts;

    fn held(identity: u64) -> Held {
        let (properties, qos) = (&[][..], QoS::AtLeastOnce);
        let parts = MessageParts {
            topic: "t",
            properties,
            payload: b"m",
            qos,
            retain: false,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        };
        let message = Message::new(&parts);
        message.set_identity(identity);
        Held::of(message)
    }

    fn run(origin: u64, address: u64) -> RunRecord {
        RunRecord { origin, address, first: 1, last: 9, messages: 2, ..RunRecord::default() }
    }

    /// What is left: messages in memory, and by run what is done with there.
    fn left(queue: DraftQueue) -> (Vec<u64>, Vec<(u64, Vec<u64>)>) {
        let runs = queue.runs.iter().map(|run| (run.record.address, run.done.iter().copied().collect())).collect();
        (queue.held.into_entries().map(|held| held.identity()).collect(), runs)
    }

    #[test]
    fn a_run_that_was_moved_and_then_read_before_the_snapshot_came_is_not_there() {
        let mut queue = DraftQueue::default();
        queue.insert(held(3));
        assert!(!queue.hold_run(&run(20, 50), false), "its entries are not to be looked at");
        assert_eq!(left(queue), (vec![3], vec![]));
        let mut queue = DraftQueue::default();
        assert!(queue.hold_run(&run(20, 50), true), "of a snapshot it counts");
        assert!(queue.hold_run(&run(20, 60), false) && queue.hold_run(&run(20, 40), false));
        assert_eq!(left(queue), (vec![], vec![(60, vec![])]));
    }

    #[test]
    fn a_message_is_wanted_from_the_run_into_which_it_came_last() {
        let mut queue = DraftQueue::default();
        queue.insert(held(3));
        // The snapshot knows the second run, and the log tells how it came to that.
        assert!(queue.hold_run(&run(30, 30), true));
        assert!(queue.hold_run(&run(20, 20), false));
        queue.move_into_run(&run(20, 20), 3);
        queue.done_in_run(3);
        queue.insert(held(3));
        queue.move_into_run(&run(30, 30), 3);
        assert_eq!(left(queue), (vec![], vec![(30, vec![]), (20, vec![3])]));
    }

    #[test]
    fn a_run_that_is_gone_is_not_there_and_what_is_done_with_is_not_counted() {
        let range = |origin, first, last| RunRecord { first, last, ..run(origin, origin) };
        let mut queue = DraftQueue::default();
        assert!(queue.hold_run(&range(20, 4, 6), true) && queue.hold_run(&range(30, 5, 9), true));
        [4, 6].into_iter().for_each(|message| queue.done_in_run(message));
        assert_eq!(queue.messages(), 1, "6 may be one of the last");
        assert_eq!(queue.forget_runs(|run| run.address != 30), 1);
        let queue = queue.into_queue(|held| Kept::in_group(held.message));
        assert_eq!((queue.runs().count(), queue.len()), (1, 0));
        assert!(!queue.is_empty(), "whether all of it is done with is known when it is read");
    }
}
