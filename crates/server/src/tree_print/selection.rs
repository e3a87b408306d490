//! What comes next in the order of the tree, as far as memory allows.
//!
//! Shards list what they have in no order. Of all that is offered the first entries behind those that were printed before
//! are kept, up to a bound of bytes; with what is left out the next pass begins.

use std::collections::BTreeSet;

/// Something that stands on one line of the tree. Ordered as it is printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Entry {
    pub(super) path: Path,
    pub(super) mark: Mark,
}

/// A Topic Name or Topic Filter with U+0000 (which neither may hold) in the place of `/`: so what stands below a level comes
/// right behind it, before `a b` and all others that begin alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Path(Box<str>);

/// What stands behind the last level.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Mark {
    /// Somebody is subscribed.
    Subscriber { client_id: Box<str>, qos: u8 },
    /// A message is retained.
    Retained,
}

/// See the module.
pub(super) struct Selection {
    /// The entries after this one are wanted; `None`: all.
    behind: Option<Entry>,
    /// And only those before this one, which found no room.
    before: Option<Entry>,
    entries: BTreeSet<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Path {
    pub(super) fn new(topic: &str) -> Path {
        Path(topic.replace('/', "\0").into())
    }

    pub(super) fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.split('\0')
    }
}

impl Entry {
    /// What it costs in memory, roughly.
    fn bytes(&self) -> usize {
        let client_id = match &self.mark {
            Mark::Subscriber { client_id, .. } => client_id.len(),
            Mark::Retained => 0,
        };
        // Nodes of the set are half full at worst, and each text is an allocation.
        2 * size_of::<Entry>() + 32 + self.path.0.len() + client_id
    }
}

impl Selection {
    pub(super) fn new(behind: Option<Entry>, bytes_max: usize) -> Selection {
        Selection { behind, before: None, entries: BTreeSet::new(), bytes: 0, bytes_max }
    }

    /// Keeps the entry if it is among the first.
    pub(super) fn offer(&mut self, entry: Entry) {
        let is_printed = self.behind.as_ref().is_some_and(|behind| entry <= *behind);
        if is_printed || self.before.as_ref().is_some_and(|before| entry >= *before) {
            return;
        }
        let bytes = entry.bytes();
        if self.entries.insert(entry) {
            self.bytes += bytes;
        }
        while self.bytes > self.bytes_max
            && self.entries.len() > 1
            && let Some(last) = self.entries.pop_last()
        {
            self.bytes -= last.bytes();
            self.before = Some(last);
        }
    }

    /// The entries in order, and the last one where others have to follow.
    pub(super) fn finish(self) -> (BTreeSet<Entry>, Option<Entry>) {
        let last = self.before.and_then(|_| self.entries.last().cloned());
        (self.entries, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let topics =
            ["", "/", "/a", "a", "a/", "a/b", "a/b/c", "a b", "a!", "b", "#", "+/x", "$SYS/broker", "$share/g/a"];
        let marks = |path: Path| {
            let subscriber = |client_id: &str, qos| Mark::Subscriber { client_id: client_id.into(), qos };
            let marks = [Mark::Retained, subscriber("two", 1), subscriber("one", 2)];
            marks.map(|mark| Entry { path: path.clone(), mark })
        };
        topics.into_iter().map(Path::new).flat_map(marks).collect()
    }

    /// As many passes as it takes, with what each has.
    fn passes(bytes_max: usize) -> Vec<Vec<Entry>> {
        let (mut passes, mut behind) = (Vec::new(), None);
        loop {
            let mut selection = Selection::new(behind, bytes_max);
            entries().into_iter().for_each(|entry| selection.offer(entry));
            entries().into_iter().rev().for_each(|entry| selection.offer(entry));
            let (entries, last) = selection.finish();
            passes.push(entries.into_iter().collect());
            behind = last;
            if behind.is_none() {
                return passes;
            }
        }
    }

    #[test]
    fn several_passes_have_what_one_has_and_each_keeps_its_bound() {
        let whole = passes(usize::MAX);
        assert_eq!((whole.len(), whole[0].len()), (1, entries().len()));
        for bytes_max in [1, 200, 500, 1000, 3000] {
            let parts = passes(bytes_max);
            assert!(parts.len() > 1, "{bytes_max}");
            for part in &parts {
                let bytes: usize = part.iter().map(Entry::bytes).sum();
                assert!(bytes <= bytes_max || part.len() == 1, "{bytes} of {bytes_max}");
            }
            assert_eq!(parts.concat(), whole[0], "{bytes_max}");
        }
    }

    #[test]
    fn what_is_below_a_level_comes_right_behind_it() {
        let whole = passes(usize::MAX).concat();
        let paths: Vec<String> = whole.iter().map(|entry| entry.path.levels().collect::<Vec<_>>().join("/")).collect();
        let is_below = |path: &String| path == "a" || path.starts_with("a/");
        let first = paths.iter().position(is_below).expect("it is there");
        let count = paths.iter().filter(|path| is_below(path)).count();
        assert!(paths[first..first + count].iter().all(is_below), "{paths:?}");
    }
}
