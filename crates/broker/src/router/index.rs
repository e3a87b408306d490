//! A hash table of numbers: finds a slot by what stands in it.
//!
//! An entry is four bytes: the number of the slot and, in the bits that numbers do not need yet, as many of its hash, so
//! that a wrong slot is seldom looked at. A look-up therefore touches one line of the table and the slot; tables that keep
//! hash bits apart touch two lines, and among a million filters that miss more is a fifth of the time. Three quarters of
//! the places are used at most, and the table grows by a quarter instead of doubling: five to seven bytes for each number.
//! Entries lie from their home onwards, wherever the first free place was.

/// See the module. The owner of the slots knows their hashes and gives them with each call.
#[derive(Default, Debug)]
pub(crate) struct Index {
    entries: Vec<u32>,
    len: usize,
    /// How many bits of an entry are for the number. All numbers are below `number_mask`, so that none looks [`EMPTY`].
    number_bits: u32,
}

/// A table that does not fit into the processor's cache is slow to rebuild: it grows by half.
const QUICKLY_REBUILT: usize = 1 << 16;

const EMPTY: u32 = u32::MAX;

impl Index {
    /// The number under `hash` of which `is_it` is true.
    #[inline]
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let mask = self.number_mask();
        let mut at = self.home(hash);
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return None;
            }
            if (entry ^ hash << self.number_bits) <= mask && is_it(entry & mask) {
                return Some(entry & mask);
            }
            at = self.after(at);
        }
    }

    /// Adds a number that is not there yet. `hash_of` tells the hash of any number in the table.
    pub(crate) fn insert(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        let number_bits = self.number_bits.max((number + 1).ilog2() + 1);
        let mut places = self.entries.len();
        if (self.len + 1) * 4 > places * 3 {
            let more = if places < QUICKLY_REBUILT { places / 4 } else { places / 2 };
            places = (places + more).max(8);
        }
        if places > self.entries.len() || number_bits > self.number_bits {
            self.rebuild(places, number_bits, hash_of);
        }
        self.put(hash, number);
        self.len += 1;
    }

    /// Removes a number that is there. `hash_of` tells the hash of any number that remains.
    pub(crate) fn remove(&mut self, hash: u32, number: u32, hash_of: impl Fn(u32) -> u32) {
        let mask = self.number_mask();
        let mut hole = self.home(hash);
        while self.entries[hole] & mask != number {
            assert!(self.entries[hole] != EMPTY, "removed a number that is not there");
            hole = self.after(hole);
        }
        // Those behind the hole whose way from home leads over it move into it, or they would not be found.
        let mut at = self.after(hole);
        while self.entries[at] != EMPTY {
            let home = self.home(hash_of(self.entries[at] & mask));
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
            self.rebuild(self.len * 2, self.number_bits, hash_of);
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

    fn rebuild(&mut self, places: usize, number_bits: u32, hash_of: impl Fn(u32) -> u32) {
        let mask = self.number_mask();
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; places]);
        self.number_bits = number_bits;
        for entry in old.into_iter().filter(|&entry| entry != EMPTY) {
            self.put(hash_of(entry & mask), entry & mask);
        }
    }

    fn put(&mut self, hash: u32, number: u32) {
        let mut at = self.home(hash);
        while self.entries[at] != EMPTY {
            at = self.after(at);
        }
        self.entries[at] = hash << self.number_bits | number;
    }

    fn number_mask(&self) -> u32 {
        (1 << self.number_bits) - 1
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
    fn numbers_may_be_as_high_as_slots_have() {
        let hash_of = |number: u32| number.wrapping_mul(0x9e37_79b9);
        let numbers: Vec<u32> = (0..31).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).chain([(1 << 31) - 2]).collect();
        let mut index = Index::default();
        for (i, &number) in numbers.iter().enumerate() {
            if i < 2 || number > 1 {
                index.insert(hash_of(number), number, hash_of);
            }
            for &number in &numbers[..=i] {
                assert_eq!(index.find(hash_of(number), |candidate| candidate == number), Some(number));
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
