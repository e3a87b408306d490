//! Subscription Identifiers: by them a stream knows its messages where Topic Filters overlap.
//!
//! They follow from the Topic Filter, so that a later process gives the same ones: what the Server had queued for the Session still
//! names those of the process before.

use std::collections::BTreeSet;

/// Those that this process has given, its user's own among them.
#[derive(Debug, Default)]
pub(crate) struct Identifiers(BTreeSet<u32>);

impl Identifiers {
    /// The one of a Subscription with this Topic Filter.
    pub(crate) fn give(&mut self, filter: &str) -> u32 {
        let identifier = of_filter(filter);
        self.note(identifier);
        identifier
    }

    /// The user has given one.
    pub(crate) fn note(&mut self, identifier: u32) {
        self.0.insert(identifier);
    }

    /// The Subscription with this Topic Filter was given up.
    pub(crate) fn forget(&mut self, filter: &str) {
        self.0.remove(&of_filter(filter));
    }

    /// Whether it is known who was meant by it. If not, it is of an earlier process.
    pub(crate) fn has(&self, identifier: u32) -> bool {
        self.0.contains(&identifier)
    }
}

/// FNV-1a, folded.
fn of_filter(filter: &str) -> u32 {
    let hash = filter.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIRST + (hash ^ hash >> FIRST.ilog2()) % FIRST
}

/// Users' own are below.
const FIRST: u32 = 1 << 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_the_same_identifier_in_each_process() {
        let (mut one, mut other) = (Identifiers::default(), Identifiers::default());
        let given = ["a", "b", "t/+", "t/#"].map(|filter| one.give(filter));
        assert_eq!(given, [67_905_813, 118_238_684, 91_346_277, 91_343_091], "a server may have kept them");
        assert_eq!(given[2], other.give("t/+"));
        assert!(!other.has(given[3]));
        other.forget("t/+");
        assert!(!other.has(given[2]) && one.has(given[2]));
    }
}
