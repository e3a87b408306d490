//! The topics and Topic Filters of every world, and which match.
//!
//! Topics are kept apart by what is done with them, so that a delivery tells where it came from: only `r/…` is published
//! with RETAIN, only Wills go to `w/…`, and who subscribes to a share of `s/…` has no other Subscription to it.

/// Plain topics.
pub(crate) const PLAIN: [&str; 5] = ["t/0", "t/1", "t/2", "t/0/a", "u/0"];

/// Topics of Retained Messages.
pub(crate) const RETAINED: [&str; 3] = ["r/0", "r/1", "r/0/a"];

/// Topics to which share groups subscribe.
pub(crate) const SHARED: [&str; 2] = ["s/0", "s/1"];

/// Topics of Wills.
pub(crate) const WILLS: [&str; 2] = ["w/0", "w/1"];

/// Every Topic Filter that is used. The last ones are shares.
pub(crate) const FILTERS: [&str; 19] = [
    "#",
    "+/#",
    "t/#",
    "t/+",
    "t/0",
    "t/1",
    "+/1",
    "+/+/a",
    "u/#",
    "r/#",
    "r/+",
    "r/0",
    "r/1",
    "w/#",
    "w/0",
    "s/#",
    "s/1",
    "$share/one/s/#",
    "$share/two/s/+",
];

/// The index of the first share among [`FILTERS`].
pub(crate) const FIRST_SHARE: usize = 17;

/// Whether this filter stands for a Shared Subscription.
pub(crate) fn is_share(filter: usize) -> bool {
    filter >= FIRST_SHARE
}

/// Whether a filter, by its index, matches a topic.
pub(crate) fn matches(filter: usize, topic: &str) -> bool {
    let filter = FILTERS[filter];
    let filter = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')).map_or(filter, |it| it.1);
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether a filter could get a message of the topics for share groups.
pub(crate) fn reaches_shared(filter: usize) -> bool {
    SHARED.iter().any(|topic| matches(filter, topic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_at_the_end_and_match_what_stands_behind_their_name() {
        for (index, filter) in FILTERS.iter().enumerate() {
            assert_eq!(filter.starts_with("$share/"), is_share(index));
        }
        assert!(matches(FIRST_SHARE, "s/0") && !matches(FIRST_SHARE, "t/0"));
        assert!(matches(2, "t/0/a") && !matches(3, "t/0/a") && matches(0, "u/0"));
        assert!(reaches_shared(0) && reaches_shared(16) && !reaches_shared(2));
    }
}
