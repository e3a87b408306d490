//! The levels of topics and filters, each text held once however many nodes of a tree are named so.
//!
//! Most levels are short. A text of up to eight bytes stands in its record, where the look-up needs no further memory.

use std::hash::{BuildHasher, Hasher};

use super::index::Index;
use super::slots::{Slots, Texts};
use foldhash::fast::FixedState;

/// A level that somebody uses. The number may be used again once the last user is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LevelId(pub(crate) u32);

/// Level texts and who is using them.
#[derive(Debug)]
pub(crate) struct Levels {
    keys: FixedState,
    index: Index,
    records: Slots<Record>,
    texts: Texts,
}

#[derive(Default, Debug)]
struct Record {
    /// The text, if it is short.
    short: [u8; SHORT_MAX],
    /// Where the text begins, if it is long.
    offset: u32,
    hash: u32,
    users: u32,
    len: u16,
}

const SHORT_MAX: usize = 8;

impl Levels {
    pub(crate) fn new(seed: u64) -> Levels {
        Levels {
            keys: FixedState::with_seed(seed),
            index: Index::default(),
            records: Slots::default(),
            texts: Texts::default(),
        }
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
        let short = shorten(text);
        let offset = if short.is_some() { 0 } else { self.texts.push(text) };
        let record = Record { short: short.unwrap_or_default(), offset, hash, users: 1, len: text.len() as u16 };
        let number = self.records.insert(record);
        let records = &self.records;
        self.index.insert(hash, number, |other| records[other].hash);
        LevelId(number)
    }

    /// One user less. With the last one the text goes.
    pub(crate) fn release(&mut self, level: LevelId) {
        let record = &mut self.records[level.0];
        record.users -= 1;
        if record.users > 0 {
            return;
        }
        let record = self.records.remove(level.0);
        let records = &self.records;
        self.index.remove(record.hash, level.0, |other| records[other].hash);
        if record.is_long() && self.texts.release(record.len) {
            let owned = self.records.iter_mut().filter(|record| record.is_long());
            self.texts.compact(owned.map(|record| (&mut record.offset, record.len)));
        }
    }

    /// The text of a level that is in use.
    pub(crate) fn text(&self, level: LevelId) -> &[u8] {
        let record = &self.records[level.0];
        if record.is_long() {
            self.texts.get(record.offset, record.len)
        } else {
            &record.short[..usize::from(record.len)]
        }
    }

    /// How many different levels are in use.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.index.memory() + self.records.memory() + self.texts.memory()
    }

    fn find_hashed(&self, hash: u32, text: &[u8]) -> Option<LevelId> {
        let found = match shorten(text) {
            Some(short) => self.index.find(hash, |number| {
                let record = &self.records[number];
                record.short == short && usize::from(record.len) == text.len()
            }),
            None => self.index.find(hash, |number| {
                let record = &self.records[number];
                record.hash == hash && self.texts.get(record.offset, record.len) == text
            }),
        };
        found.map(LevelId)
    }
}

impl Record {
    fn is_long(&self) -> bool {
        usize::from(self.len) > SHORT_MAX
    }
}

/// A short text, filled up with zeros.
#[inline]
fn shorten(text: &[u8]) -> Option<[u8; SHORT_MAX]> {
    let mut short = [0; SHORT_MAX];
    short.get_mut(..text.len())?.copy_from_slice(text);
    Some(short)
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
        assert_eq!((levels.len(), levels.texts.used()), (0, 0));
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
