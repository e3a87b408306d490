//! Topic Name: what is published to, and whether a Topic Filter matches it (section 4.7).

use crate::error::DecodeError;
use crate::utf8_string::check_topic_text;

/// Checks a Topic Name that did not come by PUBLISH: not empty `[MQTT-4.7.3-1]`, no wildcard `[MQTT-4.7.1-1]`, no
/// control character, U+0000 `[MQTT-4.7.3-2]` among them, at most 65,535 bytes `[MQTT-4.7.3-3]`. Gives it back for use in a chain.
pub fn check_topic_name(topic: &str) -> Result<&str, DecodeError> {
    if topic.is_empty() {
        return Err(DecodeError::malformed("Topic Name is empty"));
    }
    if topic.len() > usize::from(u16::MAX) {
        return Err(DecodeError::malformed("Topic Name of more than 65,535 bytes"));
    }
    check_topic_text(topic)
}

/// Levels of a Topic Name or Topic Filter: one more than it has `/`.
#[inline]
pub fn topic_levels(topic: &str) -> usize {
    1 + topic.bytes().filter(|&byte| byte == b'/').count()
}

/// Whether a valid filter (without `$share/…/`) matches a valid Topic Name. This is the plain meaning of section 4.7,
/// level by level; the router finds the same receivers faster and is tested against this.
pub fn topic_matches(filter: &str, topic: &str) -> bool {
    // A wildcard in the first level does not reach topics such as `$SYS` [MQTT-4.7.2-1].
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = topic.split('/');
    for filter_level in filter.split('/') {
        // `#` also stands for no level at all: `sport/#` matches `sport`.
        if filter_level == "#" {
            return true;
        }
        match topic_levels.next() {
            Some(topic_level) if filter_level == "+" || filter_level == topic_level => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        let check = |filter: &str, topic: &str, expected: bool| {
            assert_eq!(topic_matches(filter, topic), expected, "{filter} and {topic}");
        };
        for (filter, topic) in [
            ("sport", "sport"),
            ("sport/tennis", "sport/tennis"),
            ("sport/#", "sport"),
            ("sport/#", "sport/"),
            ("sport/#", "sport/tennis/player1/ranking"),
            ("#", "sport"),
            ("#", "/"),
            ("+", "sport"),
            ("+/+", "/finance"),
            ("/+", "/finance"),
            ("sport/+", "sport/"),
            ("sport/+/player1", "sport/tennis/player1"),
            ("sport/+/#", "sport/tennis"),
            ("+/tennis/#", "sport/tennis"),
            ("/", "/"),
            ("//", "//"),
            ("$SYS/#", "$SYS"),
            ("$SYS/#", "$SYS/monitor"),
            ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("a/#", "a/$b"),
            ("a/+", "a/$b"),
        ] {
            check(filter, topic, true);
        }
        for (filter, topic) in [
            ("sport", "Sport"),
            ("sport", "sport/"),
            ("sport/", "sport"),
            ("sport/+", "sport"),
            ("sport/+", "sport/tennis/player1"),
            ("sport/tennis", "sport/tennis/player1"),
            ("sport/tennis/#", "sport"),
            ("sport/#", "sports"),
            ("+", "/finance"),
            ("+", "sport/"),
            ("#", "$SYS/monitor"),
            ("+/monitor/Clients", "$SYS/monitor/Clients"),
            ("+", "$SYS"),
            ("+/#", "$SYS/a"),
            ("$SYS/#", "$SYSTEM"),
        ] {
            check(filter, topic, false);
        }
    }

    #[test]
    fn levels_are_counted_by_their_separators() {
        for (topic, levels) in [("a", 1), ("/", 2), ("a/b", 2), ("/a", 2), ("a/", 2), ("a//b", 3), ("#", 1)] {
            assert_eq!(topic_levels(topic), levels, "{topic}");
        }
    }

    #[test]
    fn what_is_no_topic_name() {
        let long = "a".repeat(65_536);
        for topic in ["", "a/+", "#", "a#b", "a\0b", "a\tb", "\u{85}", &long] {
            assert!(check_topic_name(topic).is_err(), "{topic:.20}");
        }
        for topic in ["a", "/", "$SYS/a", "a b", "ä/\u{feff}", &long[1..]] {
            assert_eq!(check_topic_name(topic), Ok(topic));
        }
    }
}
