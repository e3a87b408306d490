//! A hash table of numbers: finds a slot by what stands in it.
//!
//! An entry is four bytes: the number of the slot and six bits of its hash, so that a wrong one is seldom looked at. A
//! look-up therefore touches one line of the table and the slot; tables that keep their hash bits apart touch two lines,
//! and among a million filters the miss more is a fifth of the time. Three quarters of the places are used at most, and
//! the table grows by a quarter instead of doubling: five to seven bytes for each number. Entries lie from their home
//! onwards, wherever the first free place was.

/// See the module. The owner of the slots knows their hashes and gives them with each call.
#[derive(Default, Debug)]
pub(crate) struct Index {
    entries: Vec<u32>,
    len: usize,
}

const NUMBER_BITS: u32 = 26;
const NUMBER_MASK: u32 = (1 << NUMBER_BITS) - 1;

/// A table that does not fit into the processor's cache is slow to rebuild: it grows by half.
const QUICKLY_REBUILT: usize = 1 << 16;

/// No entry looks so, because no slot has the number `NUMBER_MASK`.
const EMPTY: u32 = u32::MAX;

impl Index {
    /// The number under `hash` of which `is_it` is true.
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return None;
            }
            if (entry ^ hash << NUMBER_BITS) <= NUMBER_MASK && is_it(entry & NUMBER_MASK) {
                return Some(entry & NUMBER_MASK);
            }
            at = self.after(at);
        }
    }

    /// Adds a number that is not there yet. `hash_of` tells the hash of any number in the table.
    pub(crate) fn insert(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        assert!(number < NUMBER_MASK, "2^26 - 1 slots are in use");
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            let places = self.entries.len();
            let more = if places < QUICKLY_REBUILT { places / 4 } else { places / 2 };
            self.rebuild((places + more).max(8), hash_of);
        }
        self.put(hash, number);
        self.len += 1;
    }

    /// Removes a number that is there. `hash_of` tells the hash of any number that remains.
    pub(crate) fn remove(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        let mut hole = self.home(hash);
        while self.entries[hole] & NUMBER_MASK != number || self.entries[hole] == EMPTY {
            assert!(self.entries[hole] != EMPTY, "removed a number that is not there");
            hole = self.after(hole);
        }
        // Those behind the hole whose way from home leads over it move into it, or they would not be found.
        let mut at = self.after(hole);
        while self.entries[at] != EMPTY {
            let home = self.home(hash_of(self.entries[at] & NUMBER_MASK));
            if self.distance(home, at) >= self.distance(hole, at) {
                self.entries[hole] = self.entries[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.entries[hole] = EMPTY;
        self.len -= 1;
        let places = self.entries.len();
        if self.len == 0 || (places > 16 && self.len < places / 4) {
            self.rebuild(self.len * 2, hash_of);
        }
    }

    /// Forgets all numbers and keeps the room for as many.
    pub(crate) fn clear(&mut self) {
        self.entries.fill(EMPTY);
        self.len = 0;
    }

    /// How many numbers there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<u32>()
    }

    fn rebuild(&mut self, places: usize, hash_of: impl Fn(u32) -> u32) {
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; places]);
        for entry in old.into_iter().filter(|&entry| entry != EMPTY) {
            let number = entry & NUMBER_MASK;
            self.put(hash_of(number), number);
        }
    }

    fn put(&mut self, hash: u32, number: u32) {
        let mut at = self.home(hash);
        while self.entries[at] != EMPTY {
            at = self.after(at);
        }
        self.entries[at] = hash << NUMBER_BITS | number;
    }

    /// Where the search begins: the hash scaled to the number of places.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.entries.len() as u64) >> u32::BITS) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    /// How many steps lead from one place to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.entries.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Slots whose hashes are given; those in use are what the index should hold.
    fn check(index: &Index, hashes: &[u32], in_use: &[bool]) {
        assert_eq!(index.len(), in_use.iter().filter(|&&used| used).count());
        for (number, &hash) in hashes.iter().enumerate() {
            let number = number as u32;
            let expected = in_use[number as usize].then_some(number);
            assert_eq!(index.find(hash, |candidate| candidate == number), expected);
        }
    }

    proptest! {
        /// Hashes that are all alike, or nearly, make one long row of entries; there removing is hardest.
        #[test]
        fn holds_what_was_inserted_and_not_removed(
            (hashes, toggles) in (1..60_usize).prop_flat_map(|count| {
                let hash = prop_oneof![any::<u32>(), 0..3_u32, (u32::MAX - 3)..=u32::MAX];
                (prop::collection::vec(hash, count), prop::collection::vec(0..count, 1..300))
            })
        ) {
            let mut index = Index::default();
            let mut in_use = vec![false; hashes.len()];
            for number in toggles {
                if in_use[number] {
                    index.remove(hashes[number], number as u32, |other| hashes[other as usize]);
                } else {
                    index.insert(hashes[number], number as u32, |other| hashes[other as usize]);
                }
                in_use[number] = !in_use[number];
                check(&index, &hashes, &in_use);
            }
        }
    }

    #[test]
    fn room_is_made_and_given_back() {
        let hash_of = |number: u32| number.wrapping_mul(0x9e37_79b9);
        let mut index = Index::default();
        for number in 0..10_000 {
            index.insert(hash_of(number), number, hash_of);
        }
        assert!((10_000 * 5..10_000 * 7).contains(&index.memory()), "{} bytes", index.memory());
        for number in 0..10_000 {
            index.remove(hash_of(number), number, hash_of);
        }
        assert_eq!((index.len(), index.memory()), (0, 0));
    }
}
