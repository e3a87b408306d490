//! One part of the table of all filters, behind one lock: text → filter → receivers.
//!
//! Made for millions of filters with one receiver each: such a filter costs its text, 20 bytes of [`Record`] and a place
//! in a hash table of `u32`. Filters with more receivers have a list for each shard on the side.

use smallvec::SmallVec;

use super::index::Index;
use super::slots::{Slots, Texts};
use super::{FilterId, Matches};
use crate::ids::{Receiver, ShardId};

/// See the module. Filters are numbered within the stripe.
#[derive(Default)]
pub(super) struct Stripe {
    index: Index,
    records: Slots<Record>,
    texts: Texts,
    crowds: Slots<Crowd>,
}

/// A filter. A free record has no text; every filter has one.
struct Record {
    text_offset: u32,
    text_len: u16,
    /// The shard of the only receiver, or [`CROWD`].
    shard: u16,
    hash: u32,
    /// The only receiver; with [`CROWD`], its slot is the number of the crowd.
    receiver: Receiver,
}

/// The receivers of a filter that has more than one.
type Crowd = SmallVec<[ShardList; 1]>;

struct ShardList {
    shard: ShardId,
    /// Never empty.
    receivers: Vec<Receiver>,
}

/// No shard has this number. (The highest one stands for the share groups, which belong to no shard.)
const CROWD: u16 = u16::MAX - 1;

const NOBODY: Receiver = Receiver::from_words([0, 0]);

impl Default for Record {
    fn default() -> Self {
        Record { text_offset: 0, text_len: 0, shard: 0, hash: 0, receiver: NOBODY }
    }
}

impl Stripe {
    /// The filter with this text.
    #[inline]
    pub(super) fn find(&self, hash: u32, text: &[u8]) -> Option<u32> {
        self.index.find(hash, |number| {
            let record = &self.records[number];
            record.hash == hash && self.texts.get(record.text_offset, record.text_len) == text
        })
    }

    /// Makes a filter that is not there yet, with its first receiver, who stands at position 0.
    pub(super) fn insert(&mut self, hash: u32, text: &[u8], shard: ShardId, receiver: Receiver) -> u32 {
        assert!(!text.is_empty() && shard.0 != CROWD);
        debug_assert!(self.find(hash, text).is_none());
        let text_offset = self.texts.push(text);
        let record = Record { text_offset, text_len: text.len() as u16, shard: shard.0, hash, receiver };
        let number = self.records.insert(record);
        let records = &self.records;
        self.index.insert(hash, number, |other| records[other].hash);
        number
    }

    /// Adds a receiver to a filter and tells its position in the list of its shard.
    pub(super) fn add(&mut self, number: u32, shard: ShardId, receiver: Receiver) -> u32 {
        let record = &mut self.records[number];
        if record.shard != CROWD {
            let first = ShardList { shard: ShardId(record.shard), receivers: vec![record.receiver] };
            let crowd = self.crowds.insert(SmallVec::from_buf([first]));
            record.shard = CROWD;
            record.receiver.slot = crowd;
        }
        let crowd = &mut self.crowds[record.receiver.slot];
        if let Some(list) = crowd.iter_mut().find(|list| list.shard == shard) {
            list.receivers.push(receiver);
            return (list.receivers.len() - 1) as u32;
        }
        crowd.push(ShardList { shard, receivers: vec![receiver] });
        0
    }

    /// Puts a receiver in the place of another.
    pub(super) fn replace(&mut self, number: u32, shard: ShardId, position: u32, receiver: Receiver) {
        let record = &mut self.records[number];
        if record.shard != CROWD {
            assert!(record.shard == shard.0 && position == 0, "replaced a receiver that is not there");
            record.receiver = receiver;
            return;
        }
        let crowd = &mut self.crowds[record.receiver.slot];
        let at = list_of(crowd, shard);
        crowd[at].receivers[position as usize] = receiver;
    }

    /// Whether the filter has one receiver only.
    pub(super) fn is_single(&self, number: u32) -> bool {
        self.records[number].shard != CROWD
    }

    /// Removes a receiver, and the filter with its last one. The last receiver of the shard's list moves into the gap and
    /// is returned.
    pub(super) fn remove(&mut self, number: u32, shard: ShardId, position: u32) -> Option<Receiver> {
        let record = &mut self.records[number];
        if record.shard != CROWD {
            assert!(record.shard == shard.0 && position == 0, "removed a receiver that is not there");
            self.remove_filter(number);
            return None;
        }
        let crowd = &mut self.crowds[record.receiver.slot];
        let at = list_of(crowd, shard);
        let receivers = &mut crowd[at].receivers;
        receivers.swap_remove(position as usize);
        let moved = receivers.get(position as usize).copied();
        if receivers.is_empty() {
            crowd.swap_remove(at);
        } else if receivers.len() < receivers.capacity() / 4 {
            receivers.shrink_to(receivers.len() * 2);
        }
        if let [list] = crowd.as_slice()
            && let [only] = list.receivers.as_slice()
        {
            let dissolved = record.receiver.slot;
            record.shard = list.shard.0;
            record.receiver = *only;
            self.crowds.remove(dissolved);
        }
        moved
    }

    /// Adds the filter's receivers to `matches`. Of a filter that has just been removed there may be none, or those of
    /// another filter: the caller finds out.
    #[inline]
    pub(super) fn collect(&self, number: u32, filter: FilterId, matches: &mut Matches) {
        let Some(record) = self.records.get(number) else { return };
        if record.shard != CROWD {
            matches.push(filter, ShardId(record.shard), &[record.receiver]);
            return;
        }
        for list in &self.crowds[record.receiver.slot] {
            matches.push(filter, list.shard, &list.receivers);
        }
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        let record = &self.records[number];
        self.texts.get(record.text_offset, record.text_len)
    }

    /// How many filters there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes allocated.
    pub(super) fn memory(&self) -> usize {
        let crowd_bytes = |crowd: &Crowd| {
            let lists = if crowd.spilled() { crowd.capacity() * size_of::<ShardList>() } else { 0 };
            lists + crowd.iter().map(|list| list.receivers.capacity() * size_of::<Receiver>()).sum::<usize>()
        };
        let crowds: usize = self.crowds.iter().map(crowd_bytes).sum();
        self.index.memory() + self.records.memory() + self.texts.memory() + self.crowds.memory() + crowds
    }

    /// Whether nothing is left of the filters there were.
    #[cfg(test)]
    pub(super) fn is_bare(&self) -> bool {
        self.index.len() == 0 && self.records.len() == 0 && self.texts.used() == 0 && self.crowds.len() == 0
    }

    fn remove_filter(&mut self, number: u32) {
        let record = self.records.remove(number);
        let records = &self.records;
        self.index.remove(record.hash, number, |other| records[other].hash);
        if self.texts.release(record.text_len) {
            let owned = self.records.iter_mut().filter(|record| record.text_len > 0);
            self.texts.compact(owned.map(|record| (&mut record.text_offset, record.text_len)));
        }
    }
}

fn list_of(crowd: &Crowd, shard: ShardId) -> usize {
    crowd.iter().position(|list| list.shard == shard).expect("the shard has a receiver here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ReceiverOptions;

    #[test]
    fn a_record_is_twenty_bytes() {
        assert_eq!(size_of::<Record>(), 20);
    }

    #[test]
    fn a_crowd_forms_and_dissolves() {
        let receiver = |slot| Receiver::new(slot, 0, ReceiverOptions::default());
        let (here, there) = (ShardId(0), ShardId(u16::MAX));
        let mut stripe = Stripe::default();
        let filter = stripe.insert(7, b"a/b", here, receiver(1));
        assert!(stripe.is_single(filter));
        assert_eq!(stripe.add(filter, here, receiver(2)), 1);
        assert_eq!(stripe.add(filter, there, receiver(3)), 0);
        assert_eq!(stripe.add(filter, here, receiver(4)), 2);

        let mut matches = Matches::default();
        stripe.collect(filter, FilterId(9), &mut matches);
        let runs: Vec<_> = matches.runs.iter().map(|&run| (run.shard, matches.of(run).to_vec())).collect();
        assert_eq!(runs, [(here, vec![receiver(1), receiver(2), receiver(4)]), (there, vec![receiver(3)])]);

        assert_eq!(stripe.remove(filter, here, 0), Some(receiver(4)), "the last one moves into the gap");
        assert_eq!(stripe.remove(filter, here, 1), None, "the last one leaves no gap");
        assert_eq!(stripe.remove(filter, there, 0), None);
        assert!(stripe.is_single(filter));
        stripe.replace(filter, here, 0, receiver(5));
        assert_eq!(stripe.remove(filter, here, 0), None);
        assert!(stripe.is_bare());
    }
}
