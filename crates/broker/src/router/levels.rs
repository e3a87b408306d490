//! The levels of topics and filters, each text held once however many nodes of a tree are named so.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::index::Index;
use super::slots::Slots;

/// A level that somebody uses. The number may be used again once the last user is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LevelId(pub(crate) u32);

/// Level texts and who is using them.
#[derive(Debug)]
pub(crate) struct Levels {
    keys: FixedState,
    index: Index,
    records: Slots<Record>,
}

/// 32 bytes.
#[derive(Default, Debug)]
struct Record {
    /// Most levels are short: their texts stand here, and the look-up needs no further memory.
    text: SmallVec<[u8; 16]>,
    hash: u32,
    users: u32,
}

impl Levels {
    pub(crate) fn new(seed: u64) -> Levels {
        Levels { keys: FixedState::with_seed(seed), index: Index::default(), records: Slots::default() }
    }

    /// The level with this text, if somebody uses it.
    pub(crate) fn find(&self, text: &[u8]) -> Option<LevelId> {
        self.find_hashed(hash_bytes(&self.keys, text) as u32, text)
    }

    /// The level with this text, with one user more.
    pub(crate) fn acquire(&mut self, text: &[u8]) -> LevelId {
        let hash = hash_bytes(&self.keys, text) as u32;
        if let Some(level) = self.find_hashed(hash, text) {
            self.records[level.0].users += 1;
            return level;
        }
        let number = self.records.insert(Record { text: SmallVec::from_slice(text), hash, users: 1 });
        let records = &self.records;
        self.index.insert(hash, number, |other| records[other].hash);
        LevelId(number)
    }

    /// One user less. With the last one the text goes.
    pub(crate) fn release(&mut self, level: LevelId) {
        let record = &mut self.records[level.0];
        record.users -= 1;
        if record.users == 0 {
            let hash = self.records.remove(level.0).hash;
            let records = &self.records;
            self.index.remove(hash, level.0, |other| records[other].hash);
        }
    }

    /// The text of a level that is in use.
    pub(crate) fn text(&self, level: LevelId) -> &[u8] {
        &self.records[level.0].text
    }

    /// How many different levels are in use.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        let long = self.records.iter().filter(|record| record.text.spilled());
        self.index.memory() + self.records.memory() + long.map(|record| record.text.capacity()).sum::<usize>()
    }

    fn find_hashed(&self, hash: u32, text: &[u8]) -> Option<LevelId> {
        let is_text = |number| {
            let record: &Record = &self.records[number];
            record.hash == hash && *record.text == *text
        };
        self.index.find(hash, is_text).map(LevelId)
    }
}

/// Keyed hash of a text.
#[inline]
pub(crate) fn hash_bytes(keys: &FixedState, bytes: &[u8]) -> u64 {
    let mut hasher = keys.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Keyed hash of the way from a node of a tree to its child of that level.
#[inline]
pub(crate) fn hash_edge(keys: &FixedState, parent: u32, level: LevelId) -> u32 {
    keys.hash_one(u64::from(parent) << 32 | u64::from(level.0)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_lives_as_long_as_its_users() {
        let mut levels = Levels::new(1);
        let a = levels.acquire(b"kitchen");
        let empty = levels.acquire(b"");
        assert_eq!(levels.acquire(b"kitchen"), a);
        levels.release(a);
        assert_eq!((levels.find(b"kitchen"), levels.find(b"")), (Some(a), Some(empty)));
        assert_eq!(levels.text(a), b"kitchen");
        levels.release(a);
        assert_eq!((levels.find(b"kitchen"), levels.len()), (None, 1));
        levels.release(empty);
        assert_eq!((levels.len(), levels.memory()), (0, 0));
    }

    #[test]
    fn a_record_is_32_bytes() {
        assert_eq!(size_of::<Record>(), 32);
    }

    #[test]
    fn texts_survive_the_going_of_others() {
        let mut levels = Levels::new(2);
        let name = |i: u32| if i.is_multiple_of(3) { i.to_string() } else { format!("long level {i}") };
        let ids: Vec<LevelId> = (0..2000).map(|i| levels.acquire(name(i).as_bytes())).collect();
        for (i, &id) in ids.iter().enumerate().filter(|(i, _)| i % 10 != 0) {
            levels.release(id);
            assert_eq!(levels.find(name(i as u32).as_bytes()), None);
        }
        for i in (0..2000).step_by(10) {
            assert_eq!(levels.find(name(i).as_bytes()), Some(ids[i as usize]));
        }
        assert_eq!(levels.len(), 200);
    }
}
