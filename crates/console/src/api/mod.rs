//! What the routes of `/api/midge/v1` answer.

pub(crate) mod clients;
pub(crate) mod messages;
pub(crate) mod server;
pub(crate) mod topics;

use midge_codec::{TopicFilter, check_topic_name};
use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::routes::{Call, Outcome};
use crate::source::{Portion, WrongPlace};

/// Gathers one page of what `ask` gives in portions, as `show` lets it be seen. A page ends where it is full, at the end of all, or
/// when enough was looked at: a search may find little.
pub(super) fn page<T>(
    call: &Call<'_>,
    ask: impl Fn(&str) -> Result<Portion<T>, WrongPlace>,
    mut show: impl FnMut(T) -> Option<Value>,
) -> Result<Outcome, Refusal> {
    let (mut items, limit) = (Vec::new(), call.limit());
    let mut at = call.cursor().unwrap_or_default().to_owned();
    for _ in 0..PORTIONS_MAX {
        let portion = ask(&at).map_err(|WrongPlace| wrong_cursor())?;
        for (item, behind) in portion.items {
            items.extend(show(item));
            if items.len() == limit {
                return Ok(page_of(items, Some(&behind)));
            }
        }
        match portion.next {
            Some(next) => at = next,
            None => return Ok(page_of(items, None)),
        }
    }
    Ok(page_of(items, Some(&at)))
}

pub(super) fn page_of(items: Vec<Value>, next: Option<&str>) -> Outcome {
    let members = [("items".to_owned(), Value::Array(items)), ("next".to_owned(), json!(next))];
    Outcome::Json(Value::Object(members.into_iter().collect()))
}

pub(super) fn wrong_cursor() -> Refusal {
    Refusal::parameter("The parameter 'cursor' is not the \"next\" of a page.")
}

/// Whether a text has another one in it, in whatever case. `wanted` is in lower case.
pub(super) fn has(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// Whether a Topic Filter is well formed (MQTT 5.0, 4.7.1).
pub(crate) fn is_filter(filter: &str) -> bool {
    TopicFilter::parse(filter).is_ok()
}

/// Whether a Topic Name is well formed (MQTT 5.0, 4.7.3).
pub(crate) fn is_topic(topic: &str) -> bool {
    check_topic_name(topic).is_ok()
}

/// The filter that is asked for; all where none is.
pub(super) fn filter_of(call: &Call<'_>) -> Result<String, Refusal> {
    let filter = call.text("filter").unwrap_or("#");
    let not_one = || Refusal::parameter(format!("'{filter}' is no Topic Filter."));
    is_filter(filter).then(|| filter.to_owned()).ok_or_else(not_one)
}

/// Portions that are asked for one page: each costs a shard tens of microseconds.
const PORTIONS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use midge_codec::topic_matches;

    use super::*;

    #[test]
    fn filters_match_as_the_specification_says() {
        let check = |filter: &str, topic: &str, expected: bool| {
            assert!(is_filter(filter) && is_topic(topic));
            assert_eq!(topic_matches(filter, topic), expected, "{filter} {topic}");
        };
        check("#", "a/b", true);
        check("a/#", "a", true);
        check("a/#", "a/b/c", true);
        check("a/+", "a/b", true);
        check("a/+", "a", false);
        check("a/+", "a/b/c", false);
        check("+/b", "/b", true);
        check("a", "a/b", false);
        check("#", "$SYS/a", false);
        check("+/a", "$SYS/a", false);
        check("$SYS/#", "$SYS/a", true);
    }

    #[test]
    fn what_is_no_filter_and_no_topic() {
        for filter in ["", "a#", "#/a", "a/#/b", "a+", "a/+b", "a\0"] {
            assert!(!is_filter(filter), "{filter}");
        }
        for topic in ["", "a/+", "#", "a\0"] {
            assert!(!is_topic(topic), "{topic}");
        }
    }
}
