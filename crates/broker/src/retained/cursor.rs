//! A replay's way through the tree: one node after the other, parents before children, only where the filter can match.
//!
//! Between two portions the cursor stands on a node that it has visited and pins it, so that the node keeps its place
//! among its siblings, whatever is written. All that is behind the cursor stays behind, and what is new is put first
//! among its siblings: behind it, or ahead and then known by its `v`.

use smallvec::SmallVec;

use super::RetainedMessage;
use super::tree::{ROOT, Tree, is_separator};
use crate::router::levels::LevelId;
use crate::router::slots::NONE;

/// How far a replay for one Subscription has come. One that is given up unfinished goes through
/// [`Retained::abandon`](super::Retained::abandon), else the node it stands on is kept for ever.
#[derive(Debug)]
#[must_use]
pub struct Cursor {
    filter: Box<str>,
    upto: u64,
    /// Where it stands: not yet begun on [`ROOT`], finished on [`NONE`].
    pub(super) node: u32,
    depth: usize,
}

/// A filter in terms of the tree as it is now.
pub(super) struct Pattern {
    levels: SmallVec<[Wanted; 8]>,
    /// Whether the filter ends with `#`, which is not among the levels.
    everything_below: bool,
    begins_with_wildcard: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Any,
    Named(LevelId),
    Nothing,
}

impl Cursor {
    /// A replay of the messages that match `filter` (validated, without a `$share` prefix) and were written no later
    /// than `upto`, a value of [`Retained::sequence`](super::Retained::sequence).
    pub fn new(filter: &str, upto: u64) -> Cursor {
        Cursor { filter: filter.into(), upto, node: ROOT, depth: 0 }
    }

    /// The filter it was made with.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The number of the latest write that it gives.
    pub fn upto(&self) -> u64 {
        self.upto
    }

    /// Whether everything has been given.
    pub fn is_finished(&self) -> bool {
        self.node == NONE
    }

    /// Visits at most `budget` nodes and appends the messages there that are wanted, each with its number.
    pub(super) fn advance(&mut self, tree: &Tree, now_s: u64, budget: usize, out: &mut Vec<(RetainedMessage, u64)>) {
        let pattern = Pattern::new(&self.filter, tree);
        for _ in 0..budget {
            self.step(tree, &pattern);
            if self.is_finished() {
                return;
            }
            let node = tree.node(self.node);
            if pattern.ends_at(self.depth)
                && node.v <= self.upto
                && let Some(message) = &node.message
                && !message.is_expired(now_s)
                && !self.is_hidden(tree, &pattern)
            {
                out.push((message.clone(), node.v));
            }
        }
    }

    /// To the next node that the pattern leads to: a child, else a sibling, else one of an ancestor.
    fn step(&mut self, tree: &Tree, pattern: &Pattern) {
        let child = match pattern.wanted(self.depth) {
            _ if self.is_hidden(tree, pattern) => NONE,
            Wanted::Any => tree.node(self.node).first_child,
            Wanted::Named(level) => tree.child(self.node, level).unwrap_or(NONE),
            Wanted::Nothing => NONE,
        };
        if child != NONE {
            self.node = child;
            self.depth += 1;
            return;
        }
        while self.depth > 0 {
            let node = tree.node(self.node);
            if pattern.wanted(self.depth - 1) == Wanted::Any && node.next != NONE {
                self.node = node.next;
                return;
            }
            self.node = node.parent;
            self.depth -= 1;
        }
        self.node = NONE;
    }

    /// Filters that begin with a wildcard do not match topics that begin with `$` [MQTT-4.7.2-1].
    fn is_hidden(&self, tree: &Tree, pattern: &Pattern) -> bool {
        self.depth == 1 && pattern.begins_with_wildcard && tree.level_text(self.node).first() == Some(&b'$')
    }
}

impl Pattern {
    fn new(filter: &str, tree: &Tree) -> Pattern {
        let filter = filter.as_bytes();
        let mut pattern = Pattern {
            levels: SmallVec::new(),
            everything_below: false,
            begins_with_wildcard: matches!(filter.first(), Some(b'+' | b'#')),
        };
        for level in filter.split(is_separator) {
            let wanted = match level {
                b"#" => {
                    pattern.everything_below = true;
                    break;
                }
                b"+" => Wanted::Any,
                _ => tree.level(level).map_or(Wanted::Nothing, Wanted::Named),
            };
            pattern.levels.push(wanted);
            if wanted == Wanted::Nothing {
                break;
            }
        }
        pattern
    }

    /// Which children to visit of a node at this depth.
    #[inline]
    fn wanted(&self, depth: usize) -> Wanted {
        let below = if self.everything_below { Wanted::Any } else { Wanted::Nothing };
        self.levels.get(depth).copied().unwrap_or(below)
    }

    /// Whether the filter matches a topic of that many levels to which it has led.
    #[inline]
    fn ends_at(&self, depth: usize) -> bool {
        depth == self.levels.len() || (self.everything_below && depth > self.levels.len())
    }
}
