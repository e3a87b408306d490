//! Questions to one Topic Filter, for where there is no tree to walk.

/// Whether a validated filter has a wildcard. A Topic Name has none.
pub(super) fn has_wildcard(filter: &[u8]) -> bool {
    filter.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// Whether `filter` matches `topic`. Both validated; `filter` without a `$share` prefix.
pub(crate) fn matches(filter: &[u8], topic: &[u8]) -> bool {
    // Filters that begin with a wildcard do not match topics that begin with `$` [MQTT-4.7.2-1].
    if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return false;
    }
    let mut topic_levels = topic.split(is_separator);
    for filter_level in filter.split(is_separator) {
        if filter_level == b"#" {
            return true;
        }
        match topic_levels.next() {
            Some(topic_level) if filter_level == b"+" || filter_level == topic_level => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// What stands between levels.
pub(super) fn is_separator(byte: &u8) -> bool {
    *byte == b'/'
}

#[cfg(test)]
mod tests {
    use super::matches;

    fn check(filter: &str, yes: &[&str], no: &[&str]) {
        for topic in yes {
            assert!(matches(filter.as_bytes(), topic.as_bytes()), "{filter} should match {topic}");
        }
        for topic in no {
            assert!(!matches(filter.as_bytes(), topic.as_bytes()), "{filter} should not match {topic}");
        }
    }

    #[test]
    fn levels_are_compared_one_by_one() {
        check("a/b", &["a/b"], &["a", "a/b/", "/a/b", "a/bc", "a/b/c", "A/b"]);
        check("a/+/c", &["a/b/c", "a//c"], &["a/c", "a/b/c/d", "a/b"]);
        check("+", &["a"], &["a/", "/a", "$SYS"]);
        check("/+", &["/a", "/"], &["a", "//"]);
        check("+/+", &["/a", "/", "a/"], &["a", "$SYS/a"]);
    }

    #[test]
    fn a_hash_matches_its_parent_and_everything_below() {
        check("a/#", &["a", "a/", "a/b", "a/b/c"], &["ab", "/a", ""]);
        check("#", &["a", "/", "a/b"], &["$SYS", "$SYS/a"]);
        check("+/#", &["a", "a/b", "/"], &["$SYS/a"]);
        check("a/+/#", &["a/b", "a/b/c", "a/"], &["a"]);
        check("$SYS/#", &["$SYS", "$SYS/a"], &["SYS/a"]);
        check("$SYS/+", &["$SYS/a"], &["$SYS"]);
    }
}
