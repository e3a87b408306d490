//! Values numbered with a `u32`, and bytes kept in one place: what the router's and the retained store's tables are made
//! of, because millions of small values in boxes of their own would cost more than they hold.

use std::ops::{Index, IndexMut};

/// "No such slot": the end of a list, a missing child.
pub(crate) const NONE: u32 = u32::MAX;

/// What an [`Index`](super::index::Index) can tell apart. Memory ends before.
const SLOTS_MAX: usize = (1 << 31) - 1;

/// Room for more elements, an eighth at a time. Doubling, as `Vec` does, would leave a quarter of the memory empty on
/// average; this leaves a sixteenth and moves each element about eight times.
pub(crate) fn reserve<T>(vec: &mut Vec<T>, additional: usize) {
    if vec.capacity() - vec.len() < additional {
        vec.reserve_exact(additional.max(vec.len() / 8).max(4));
    }
}

/// Values of one kind under numbers that are used again. A freed slot holds `T::default()`.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { items: Vec::new(), free: Vec::new() }
    }
}

impl<T: Default> Slots<T> {
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.items[index as usize] = item;
            return index;
        }
        assert!(self.items.len() < SLOTS_MAX, "2^31 - 1 slots are in use");
        reserve(&mut self.items, 1);
        self.items.push(item);
        (self.items.len() - 1) as u32
    }

    /// Takes a value out; its number may be given to another one. With the last value all memory is given back.
    pub(crate) fn remove(&mut self, index: u32) -> T {
        let item = std::mem::take(&mut self.items[index as usize]);
        self.free.push(index);
        if self.free.len() == self.items.len() {
            *self = Slots::default();
        }
        item
    }

    /// Gives memory back when of a tree nothing is left but its root, the first value. (A few nodes are kept, for one that
    /// comes and goes.)
    pub(crate) fn give_back_behind_root(&mut self) {
        if self.len() == 1 && self.items.len() > 64 {
            self.items.truncate(1);
            self.items.shrink_to_fit();
            self.free = Vec::new();
        }
    }
}

impl<T> Slots<T> {
    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// Numbers are below this.
    pub(crate) fn end(&self) -> u32 {
        self.items.len() as u32
    }

    /// What is in a slot, if the number is in range.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.items.get(index as usize)
    }

    /// Every slot, free ones too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    /// Every slot, free ones too.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut()
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.items[index as usize]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.items[index as usize]
    }
}

/// Texts one behind the other. Whoever owns a text keeps its place and says when it is no longer needed; once half of the
/// bytes are unused, [`Texts::compact`] is due.
#[derive(Default, Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    unused: usize,
}

impl Texts {
    /// Keeps a text of at most 65,535 bytes and tells where it begins.
    pub(crate) fn push(&mut self, text: &[u8]) -> u32 {
        let offset = u32::try_from(self.bytes.len()).expect("4 GiB of topics in one table");
        reserve(&mut self.bytes, text.len());
        self.bytes.extend_from_slice(text);
        offset
    }

    #[inline]
    pub(crate) fn get(&self, offset: u32, len: u16) -> &[u8] {
        &self.bytes[offset as usize..][..usize::from(len)]
    }

    /// Forgets a text. True when it is time to compact.
    #[must_use]
    pub(crate) fn release(&mut self, len: u16) -> bool {
        self.unused += usize::from(len);
        self.unused * 2 > self.bytes.len() && (self.bytes.len() > 1024 || self.unused == self.bytes.len())
    }

    /// Moves the texts that are still owned together: `owned` yields where each begins (to be changed) and its length.
    pub(crate) fn compact<'a>(&mut self, owned: impl Iterator<Item = (&'a mut u32, u16)>) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused);
        for (offset, len) in owned {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(self.get(*offset, len));
            *offset = start;
        }
        *self = Texts { bytes, unused: 0 };
    }

    /// Bytes of the texts that are still owned.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.bytes.len() - self.unused
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_used_again_and_an_emptied_store_holds_nothing() {
        let mut slots = Slots::default();
        let (a, b) = (slots.insert("a"), slots.insert("b"));
        assert_eq!(slots.remove(a), "a");
        assert_eq!(slots.insert("c"), a);
        assert_eq!((slots[a], slots[b], slots.len()), ("c", "b", 2));
        slots.remove(a);
        slots.remove(b);
        assert_eq!((slots.len(), slots.memory()), (0, 0));
    }

    #[test]
    fn compacting_keeps_what_is_owned() {
        let mut texts = Texts::default();
        let mut owned: Vec<(u32, u16)> = Vec::new();
        for i in 0..1000_u16 {
            let text = vec![i as u8; usize::from(i % 7)];
            owned.push((texts.push(&text), text.len() as u16));
        }
        let mut kept = Vec::new();
        for (i, (offset, len)) in owned.into_iter().enumerate() {
            if i % 3 == 0 {
                kept.push((i, offset, len));
            } else if texts.release(len) {
                // Texts not yet released are still owned, as they would be in a table.
                assert!(texts.used() * 2 < texts.bytes.len());
            }
        }
        texts.compact(kept.iter_mut().map(|(_, offset, len)| (offset, *len)));
        assert_eq!(texts.used(), texts.bytes.len());
        for (i, offset, len) in kept {
            assert_eq!(texts.get(offset, len), vec![i as u8; i % 7]);
        }
    }
}
