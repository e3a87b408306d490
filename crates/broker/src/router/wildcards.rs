//! The filters with wildcards, as one tree of levels, and the latest changes to it.
//!
//! A node has no map: the way to a child is looked up in one table for the whole tree, by (parent, level). `+` is a child
//! with a place of its own in its parent; `#` is no node but a filter noted at its parent, which it matches too.

use foldhash::fast::FixedState;

use super::FilterId;
use super::index::Index;
use super::levels::{LevelId, Levels, hash_edge};
use super::matching::{self, is_separator};
use super::slots::{NONE, Slots};

/// See the module.
pub(super) struct Wildcards {
    keys: FixedState,
    levels: Levels,
    nodes: Slots<Node>,
    children: Index,
    filters: u32,
    changes: Changes,
}

/// A level of some filters, below those that lead to it. 24 bytes.
struct Node {
    parent: u32,
    level: LevelId,
    /// How many children it has beside `plus`.
    named_children: u32,
    /// The child for `+`.
    plus: u32,
    /// The filter that ends here.
    here: FilterId,
    /// The filter that goes on with `#`.
    below: FilterId,
}

/// A filter made or removed.
enum Change {
    Made(FilterId, Box<[u8]>),
    Removed(FilterId),
}

/// The latest changes, each of which makes a new state of the tree.
#[derive(Default)]
struct Changes {
    /// How many there have been.
    count: u64,
    /// Change number `n` is at `n % CHANGES_KEPT`.
    ring: Vec<Change>,
}

/// Space that a walk needs, kept for the next one.
#[derive(Default, Debug)]
pub(super) struct Frontier {
    nodes: Vec<u32>,
    next: Vec<u32>,
}

/// Testing a topic against so many filters costs about what a walk through the tree does.
const CHANGES_KEPT: u64 = 64;

const ROOT: u32 = 0;
const NO_FILTER: FilterId = FilterId(NONE);

/// The level of the root, which has no name, and of `+` nodes, whose name is their place.
const UNNAMED: LevelId = LevelId(NONE);

impl Default for Node {
    fn default() -> Self {
        Node { parent: NONE, level: UNNAMED, named_children: 0, plus: NONE, here: NO_FILTER, below: NO_FILTER }
    }
}

impl Wildcards {
    pub(super) fn new(seed: u64) -> Wildcards {
        let mut nodes = Slots::default();
        nodes.insert(Node::default());
        Wildcards {
            keys: FixedState::with_seed(seed),
            levels: Levels::new(seed),
            nodes,
            children: Index::default(),
            filters: 0,
            changes: Changes::default(),
        }
    }

    /// A number for the set of filters as it is now: another one after each change, odd when there is any filter.
    pub(super) fn state(&self) -> u64 {
        self.changes.count << 1 | u64::from(self.filters > 0)
    }

    /// Adds a filter that is not there yet.
    pub(super) fn insert(&mut self, filter: &[u8], id: FilterId) {
        let mut node = ROOT;
        for level in filter.split(is_separator) {
            node = match level {
                b"#" => break,
                b"+" => self.make_plus(node),
                _ => self.make_named(node, level),
            };
        }
        *self.place_of(node, filter) = id;
        self.filters += 1;
        self.changes.push(Change::Made(id, filter.into()));
    }

    /// Removes a filter that is there, and the nodes that nobody else needs.
    pub(super) fn remove(&mut self, filter: &[u8], id: FilterId) {
        let mut node = ROOT;
        for level in filter.split(is_separator) {
            node = match level {
                b"#" => break,
                b"+" => self.nodes[node].plus,
                _ => self.levels.find(level).and_then(|level| self.child(node, level)).unwrap_or(NONE),
            };
        }
        let place = self.place_of(node, filter);
        debug_assert!(*place == id);
        *place = NO_FILTER;
        self.prune(node);
        self.filters -= 1;
        self.changes.push(Change::Removed(id));
    }

    /// Adds every filter that matches `topic` to `found`.
    pub(super) fn walk(&self, topic: &[u8], frontier: &mut Frontier, found: &mut Vec<FilterId>) {
        let Frontier { nodes: frontier, next } = frontier;
        frontier.clear();
        frontier.push(ROOT);
        // Filters that begin with a wildcard do not match topics that begin with `$` [MQTT-4.7.2-1].
        let mut wildcards_count = topic.first() != Some(&b'$');
        for level in topic.split(is_separator) {
            let level = self.levels.find(level);
            next.clear();
            for &index in frontier.iter() {
                let node = &self.nodes[index];
                if wildcards_count {
                    found.extend(node.below.exists());
                    next.extend((node.plus != NONE).then_some(node.plus));
                }
                if node.named_children > 0 {
                    next.extend(level.and_then(|level| self.child(index, level)));
                }
            }
            wildcards_count = true;
            std::mem::swap(frontier, next);
            if frontier.is_empty() {
                return;
            }
        }
        for &index in frontier.iter() {
            let node = &self.nodes[index];
            found.extend(node.here.exists());
            found.extend(node.below.exists());
        }
    }

    /// Makes `found`, the filters that matched `topic` in an earlier `state`, those of now. False when too much has
    /// changed since.
    pub(super) fn catch_up(&self, state: u64, topic: &[u8], found: &mut Vec<FilterId>) -> bool {
        let seen = state >> 1;
        if self.changes.count - seen > CHANGES_KEPT {
            return false;
        }
        for number in seen..self.changes.count {
            match &self.changes.ring[(number % CHANGES_KEPT) as usize] {
                Change::Made(id, filter) if matching::matches(filter, topic) => found.push(*id),
                Change::Made(..) => {}
                Change::Removed(id) => found.retain(|other| other != id),
            }
        }
        true
    }

    /// Bytes allocated, less the texts of the latest changes.
    pub(super) fn memory(&self) -> usize {
        self.levels.memory() + self.nodes.memory() + self.children.memory()
    }

    /// Whether nothing is left of the filters there were.
    #[cfg(test)]
    pub(super) fn is_bare(&self) -> bool {
        self.filters == 0 && self.nodes.len() == 1 && self.levels.len() == 0 && self.children.len() == 0
    }

    fn place_of(&mut self, node: u32, filter: &[u8]) -> &mut FilterId {
        let node = &mut self.nodes[node];
        if filter.ends_with(b"#") { &mut node.below } else { &mut node.here }
    }

    #[inline]
    fn child(&self, parent: u32, level: LevelId) -> Option<u32> {
        self.children.find(hash_edge(&self.keys, parent, level), |index| {
            let node = &self.nodes[index];
            node.parent == parent && node.level == level
        })
    }

    fn make_plus(&mut self, parent: u32) -> u32 {
        if self.nodes[parent].plus == NONE {
            let child = self.nodes.insert(Node { parent, ..Node::default() });
            self.nodes[parent].plus = child;
        }
        self.nodes[parent].plus
    }

    fn make_named(&mut self, parent: u32, level: &[u8]) -> u32 {
        if let Some(child) = self.levels.find(level).and_then(|level| self.child(parent, level)) {
            return child;
        }
        let level = self.levels.acquire(level);
        let child = self.nodes.insert(Node { parent, level, ..Node::default() });
        self.nodes[parent].named_children += 1;
        let (keys, nodes) = (&self.keys, &self.nodes);
        let hash_of = |index: u32| hash_edge(keys, nodes[index].parent, nodes[index].level);
        self.children.insert(hash_of(child), child, hash_of);
        child
    }

    /// Removes `node` if nothing needs it any more, then its parent if that was the last to need it, and so on.
    fn prune(&mut self, mut index: u32) {
        while index != ROOT && self.nodes[index].is_unused() {
            let node = self.nodes.remove(index);
            let parent = &mut self.nodes[node.parent];
            if node.level == UNNAMED {
                parent.plus = NONE;
            } else {
                parent.named_children -= 1;
                self.remove_edge(node.parent, node.level, index);
                self.levels.release(node.level);
            }
            index = node.parent;
        }
        self.nodes.give_back_behind_root();
    }

    fn remove_edge(&mut self, parent: u32, level: LevelId, child: u32) {
        let (keys, nodes) = (&self.keys, &self.nodes);
        let hash_of = |index: u32| hash_edge(keys, nodes[index].parent, nodes[index].level);
        self.children.remove(hash_edge(keys, parent, level), child, hash_of);
    }
}

impl Node {
    fn is_unused(&self) -> bool {
        self.named_children == 0 && self.plus == NONE && self.here == NO_FILTER && self.below == NO_FILTER
    }
}

impl FilterId {
    #[inline]
    fn exists(self) -> Option<FilterId> {
        (self != NO_FILTER).then_some(self)
    }
}

impl Changes {
    fn push(&mut self, change: Change) {
        let at = (self.count % CHANGES_KEPT) as usize;
        if at < self.ring.len() {
            self.ring[at] = change;
        } else {
            self.ring.push(change);
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filters of `tree` that match `topic`, by walking and by catching up from `known` in `state`.
    fn check(tree: &Wildcards, topic: &str, expected: &[u32]) {
        let mut found = Vec::new();
        tree.walk(topic.as_bytes(), &mut Frontier::default(), &mut found);
        let mut found: Vec<u32> = found.into_iter().map(|id| id.0).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "filters that match {topic}");
    }

    const FILTERS: [&str; 8] = ["#", "+", "+/+", "a/#", "a/+/c", "/+", "$SYS/#", "a/+"];

    fn tree() -> Wildcards {
        let mut tree = Wildcards::new(1);
        for (i, filter) in FILTERS.iter().enumerate() {
            tree.insert(filter.as_bytes(), FilterId(i as u32));
        }
        tree
    }

    #[test]
    fn a_walk_finds_what_matches() {
        let tree = tree();
        check(&tree, "a", &[0, 1, 3]);
        check(&tree, "a/b", &[0, 2, 3, 7]);
        check(&tree, "a/b/c", &[0, 3, 4]);
        check(&tree, "a/b/d", &[0, 3]);
        check(&tree, "/", &[0, 2, 5]);
        check(&tree, "$SYS", &[6]);
        check(&tree, "$SYS/x/y", &[6]);
        check(&tree, "$other", &[]);
    }

    #[test]
    fn a_filter_goes_without_the_others_and_the_last_takes_all() {
        let mut tree = tree();
        tree.remove(b"a/+", FilterId(7));
        check(&tree, "a/b", &[0, 2, 3]);
        check(&tree, "a/b/c", &[0, 3, 4]);
        for (i, filter) in FILTERS[..7].iter().enumerate() {
            tree.remove(filter.as_bytes(), FilterId(i as u32));
        }
        check(&tree, "a/b/c", &[]);
        assert!(tree.is_bare());
        assert_eq!(tree.state() & 1, 0);
    }

    #[test]
    fn what_matched_earlier_catches_up_over_a_bounded_number_of_changes() {
        let mut tree = tree();
        let state = tree.state();
        let mut found = vec![FilterId(0), FilterId(2), FilterId(3), FilterId(7)];
        tree.insert(b"a/b/#", FilterId(8));
        tree.insert(b"+/c", FilterId(9));
        tree.remove(b"+/+", FilterId(2));
        assert!(tree.catch_up(state, b"a/b", &mut found));
        assert_eq!(found, [0, 3, 7, 8].map(FilterId));

        for _ in 3..CHANGES_KEPT {
            tree.insert(b"x/+", FilterId(10));
            tree.remove(b"x/+", FilterId(10));
        }
        assert!(!tree.catch_up(state, b"a/b", &mut found), "the first changes are no longer known");
    }

    #[test]
    fn depth_costs_no_stack() {
        let mut tree = Wildcards::new(1);
        let deep = "+/".repeat(30_000) + "#";
        tree.insert(deep.as_bytes(), FilterId(0));
        check(&tree, &"/".repeat(65_535), &[0]);
        check(&tree, &"/".repeat(29_998), &[]);
        tree.remove(deep.as_bytes(), FilterId(0));
        assert!(tree.is_bare());
    }
}
