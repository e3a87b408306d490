//! What must hold for any Topic Filter and Topic Name; run by the test beside this and by the fuzz target.

use midge_codec::{TopicFilter, check_topic_name, topic_levels, topic_matches};

/// Reads `data` as a filter, a line feed and a topic. Nothing may panic, and the answer must be that of the specification's text
/// followed word by word. Returns whether both were valid.
pub(crate) fn match_any(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let (filter, topic) = text.split_once('\n').unwrap_or((text, "a"));
    let (Ok(filter), Ok(topic)) = (TopicFilter::parse(filter), check_topic_name(topic)) else { return false };
    assert_eq!(topic_levels(topic), topic.split('/').count(), "{topic:?}");
    assert_eq!(topic_levels(filter.filter()), filter.filter().split('/').count(), "{filter:?}");
    assert_eq!(filter.has_wildcard(), filter.filter().contains(['+', '#']), "{filter:?}");
    let expected = matches_by_the_book(filter.filter(), topic);
    assert_eq!(topic_matches(filter.filter(), topic), expected, "{filter:?} {topic:?}");
    true
}

/// `[MQTT5-4.7.1]` and `[MQTT5-4.7.2]`, with nothing clever.
fn matches_by_the_book(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    levels_match(&filter, &topic)
}

fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        // "#" stands for its parent too.
        (["#"], _) => true,
        ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => levels_match(filter, topic),
        ([level, filter @ ..], [same, topic @ ..]) => level == same && levels_match(filter, topic),
        _ => false,
    }
}
