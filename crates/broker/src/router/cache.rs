//! What one shard remembers: Topic Name → the wildcard filters it matched, and in which state of the tree that was.

use super::FilterId;
use super::index::Index;
use super::slots::reserve;
use super::wildcards::Frontier;

/// Remembers the wildcard filters that recent Topic Names matched. Belongs to one shard, which lends it to
/// [`Router::route`](super::Router::route).
///
/// Bounded, and without a list of who was used last: there are two halves. What is used is put in the young one; when
/// that is full it becomes the old one, and what nobody has used since the last time goes. Only a topic that comes a
/// second time is remembered: where hardly any does, nothing is gained by pushing other things out of the processor's
/// cache.
#[derive(Debug)]
pub struct RouteCache {
    young: Half,
    old: Half,
    half_bytes_max: usize,
    /// Topics that came once: for a number made of some bits of the hash, the others.
    seen: Vec<u16>,
    /// What the route that is under way has found.
    pub(super) found: Vec<FilterId>,
    pub(super) frontier: Frontier,
}

#[derive(Default, Debug)]
struct Half {
    index: Index,
    entries: Vec<Entry>,
    topics: Vec<u8>,
    filters: Vec<FilterId>,
}

#[derive(Debug)]
struct Entry {
    state: u64,
    hash: u32,
    topic_offset: u32,
    topic_len: u16,
    filters_len: u32,
    filters_start: u32,
}

impl RouteCache {
    /// An empty cache that will not hold more than about `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> RouteCache {
        RouteCache {
            young: Half::default(),
            old: Half::default(),
            half_bytes_max: bytes_max / 2,
            seen: vec![0; (bytes_max / 64).next_power_of_two().min(1 << 16)],
            found: Vec::new(),
            frontier: Frontier::default(),
        }
    }

    /// The filters that match `topic`, if that is known of just this `state` of the tree.
    #[inline]
    pub(super) fn get(&self, hash: u32, topic: &[u8], state: u64) -> Option<&[FilterId]> {
        let entry = &self.young.entries[self.young.find(hash, topic)? as usize];
        (entry.state == state).then(|| self.young.filters(entry))
    }

    /// Puts what is known of `topic` into `found` and tells of which state it is.
    pub(super) fn recall(&mut self, hash: u32, topic: &[u8]) -> Option<u64> {
        self.found.clear();
        let known = |half: &Half, found: &mut Vec<FilterId>| {
            let entry = &half.entries[half.find(hash, topic)? as usize];
            found.extend_from_slice(half.filters(entry));
            Some(entry.state)
        };
        known(&self.young, &mut self.found).or_else(|| known(&self.old, &mut self.found))
    }

    /// Whether a topic that is not known has come before, not too long ago. Notes that it has come now.
    pub(super) fn has_come_before(&mut self, hash: u32) -> bool {
        let slot = hash as usize & (self.seen.len() - 1);
        let mark = (hash >> 16) as u16;
        std::mem::replace(&mut self.seen[slot], mark) == mark
    }

    /// Remembers that `topic` matches `found` in this `state` of the tree.
    pub(super) fn remember(&mut self, hash: u32, topic: &[u8], state: u64) {
        if self.young.overwrite(hash, topic, state, &self.found) {
            return;
        }
        let bytes = Half::bytes_of(topic, &self.found);
        if bytes > self.half_bytes_max {
            return;
        }
        if self.young.bytes() + bytes > self.half_bytes_max {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(hash, topic, state, &self.found);
    }
}

impl Half {
    /// What an entry costs: itself, its place in the table, and what it refers to.
    fn bytes_of(topic: &[u8], filters: &[FilterId]) -> usize {
        size_of::<Entry>() + 8 + topic.len() + size_of_val(filters)
    }

    fn bytes(&self) -> usize {
        self.entries.len() * (size_of::<Entry>() + 8) + self.topics.len() + self.filters.len() * size_of::<FilterId>()
    }

    #[inline]
    fn find(&self, hash: u32, topic: &[u8]) -> Option<u32> {
        self.index.find(hash, |number| {
            let entry = &self.entries[number as usize];
            entry.hash == hash && self.topic(entry) == topic
        })
    }

    fn topic(&self, entry: &Entry) -> &[u8] {
        &self.topics[entry.topic_offset as usize..][..usize::from(entry.topic_len)]
    }

    fn filters(&self, entry: &Entry) -> &[FilterId] {
        &self.filters[entry.filters_start as usize..][..entry.filters_len as usize]
    }

    /// Corrects what is there, if it is there and has the room.
    fn overwrite(&mut self, hash: u32, topic: &[u8], state: u64, filters: &[FilterId]) -> bool {
        let Some(number) = self.find(hash, topic) else { return false };
        let entry = &mut self.entries[number as usize];
        if entry.filters_len as usize >= filters.len() {
            entry.state = state;
            entry.filters_len = filters.len() as u32;
            self.filters[entry.filters_start as usize..][..filters.len()].copy_from_slice(filters);
            return true;
        }
        // Its bytes stay behind until the halves change places.
        let entries = &self.entries;
        self.index.remove(hash, number, |other| entries[other as usize].hash);
        false
    }

    fn insert(&mut self, hash: u32, topic: &[u8], state: u64, filters: &[FilterId]) {
        let entry = Entry {
            state,
            hash,
            topic_offset: self.topics.len() as u32,
            topic_len: topic.len() as u16,
            filters_len: filters.len() as u32,
            filters_start: self.filters.len() as u32,
        };
        reserve(&mut self.topics, topic.len());
        self.topics.extend_from_slice(topic);
        reserve(&mut self.filters, filters.len());
        self.filters.extend_from_slice(filters);
        let number = self.entries.len() as u32;
        reserve(&mut self.entries, 1);
        self.entries.push(entry);
        let entries = &self.entries;
        self.index.insert(hash, number, |other| entries[other as usize].hash);
    }

    fn clear(&mut self) {
        self.index.clear();
        self.entries.clear();
        self.topics.clear();
        self.filters.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(cache: &mut RouteCache, topic: &str, state: u64, found: &[u32]) {
        cache.found.clear();
        cache.found.extend(found.iter().copied().map(FilterId));
        cache.remember(hash(topic), topic.as_bytes(), state);
    }

    fn known(cache: &RouteCache, topic: &str, state: u64) -> Option<Vec<u32>> {
        Some(cache.get(hash(topic), topic.as_bytes(), state)?.iter().map(|id| id.0).collect())
    }

    fn hash(topic: &str) -> u32 {
        topic.bytes().fold(7, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)))
    }

    #[test]
    fn an_entry_is_good_for_its_state_only_and_can_be_corrected() {
        let mut cache = RouteCache::new(10_000);
        remember(&mut cache, "a", 1, &[1, 2]);
        remember(&mut cache, "b", 1, &[]);
        assert_eq!(known(&cache, "a", 1), Some(vec![1, 2]));
        assert_eq!(known(&cache, "b", 1), Some(vec![]));
        assert_eq!((known(&cache, "a", 3), known(&cache, "c", 1)), (None, None));
        assert_eq!(cache.recall(hash("a"), b"a"), Some(1));
        assert_eq!(cache.found, [FilterId(1), FilterId(2)]);

        remember(&mut cache, "a", 3, &[2]);
        assert_eq!(known(&cache, "a", 3), Some(vec![2]));
        remember(&mut cache, "a", 5, &[2, 3, 4]);
        assert_eq!((known(&cache, "a", 5), known(&cache, "a", 3)), (Some(vec![2, 3, 4]), None));
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let mut cache = RouteCache::new(2_000);
        remember(&mut cache, "used", 1, &[1]);
        remember(&mut cache, "unused", 1, &[2]);
        for i in 0..200 {
            remember(&mut cache, &format!("topic {i}"), 1, &[3]);
            if known(&cache, "used", 1).is_none() {
                assert_eq!(cache.recall(hash("used"), b"used"), Some(1), "forgotten after {i}");
                cache.remember(hash("used"), b"used", 1);
            }
            assert!(cache.young.bytes() + cache.old.bytes() <= 2_000);
        }
        assert_eq!(cache.recall(hash("unused"), b"unused"), None);
    }
}
