//! Whether a Topic Filter could bring a message, by examples.
//!
//! What a rule and a filter have in common is again what one filter matches, or nothing. Whether denials cover all of it is seen
//! from a few topics: each wildcard is filled with a level that no rule names, which only wildcards match; where such an example
//! is denied, so is every other level in its place. A `#` is filled with no level, with one, and so on until there are more than
//! any denial has; from there on all are alike.
//!
//! This takes as long as there are rules for the Client, times denials; a SUBSCRIBE is rare beside the messages it brings.

use crate::filter::{Filter, Names};
use crate::rights::Decision;
use crate::rules::Rules;

/// Decides about a valid filter. `lists` are the rules that may allow something, `decide` says what comes of one topic.
pub(crate) fn decide<'a>(
    filter: &str,
    lists: impl Iterator<Item = &'a Rules> + Clone,
    names: Names<'a>,
    decide: impl Fn(&str) -> Decision,
) -> Decision {
    let Ok(wanted) = Filter::new(filter, false) else {
        return Decision::NoRule;
    };
    if wanted.is_exact() {
        return decide(filter);
    }
    let deny_levels = lists.clone().map(|list| list.deny_levels_max(names)).max().unwrap_or(0);
    let levels: Vec<&str> = filter.split('/').collect();
    // An example that need not match any rule: it says why the filter is refused if it is.
    let mut best = common(&levels, &levels).map_or(Decision::NoRule, |all| decide(&all.example(1)));
    for list in lists {
        for rule in list.readable_filters().filter_map(|rule| rule.levels(names)) {
            let examples = common(&levels, &rule).into_iter().flat_map(|common| common.examples(deny_levels));
            best = examples.map(|topic| decide(&topic)).fold(best, better);
            if best.is_allowed() {
                return best;
            }
        }
        // They come in no order, so all are looked at for the one to name.
        let topics = list.readable_topics().filter(|topic| wanted.matches(topic, names));
        best = topics.map(&decide).fold(best, better);
    }
    best
}

/// The topics that two filters have in common.
struct Common<'a> {
    /// A level of which any text may be taken is [`ANY`].
    levels: Vec<&'a str>,
    /// Any number of levels may follow.
    is_open: bool,
}

impl<'a> Common<'a> {
    fn examples(self, deny_levels: usize) -> impl Iterator<Item = String> + use<'a> {
        // No topic is empty.
        let least = usize::from(matches!(self.levels[..], [] | [""]));
        let most = if self.is_open { (deny_levels + 1).saturating_sub(self.levels.len()).max(1) } else { 0 };
        (least..=most).map(move |more| self.example(more))
    }

    fn example(&self, more: usize) -> String {
        let more = if self.is_open { more } else { 0 };
        let levels = self.levels.iter().copied().chain(std::iter::repeat_n(ANY, more));
        levels.collect::<Vec<&str>>().join("/")
    }
}

fn common<'a>(filter: &[&'a str], rule: &[&'a str]) -> Option<Common<'a>> {
    let mut levels = Vec::with_capacity(filter.len().max(rule.len()));
    let mut at = 0;
    let is_open = loop {
        match (level(filter, at), level(rule, at)) {
            (Some("#"), Some("#")) => break true,
            (None | Some("#"), None) | (None, Some("#")) => break false,
            (Some("+" | "#"), Some("+")) | (Some("+"), Some("#")) => levels.push(ANY),
            (Some("+" | "#"), Some(level)) | (Some(level), Some("+" | "#")) => levels.push(level),
            (Some(level), Some(other)) if level == other => levels.push(level),
            _ => return None,
        }
        at += 1;
    };
    // No wildcard of a filter reaches topics such as `$SYS` [MQTT-4.7.2-1].
    let is_hidden =
        matches!(filter.first(), Some(&"+" | &"#")) && levels.first().is_some_and(|first| first.starts_with('$'));
    (!is_hidden).then_some(Common { levels, is_open })
}

/// The level at this place: `#` goes on for ever.
fn level<'a>(filter: &[&'a str], at: usize) -> Option<&'a str> {
    filter.get(at).or_else(|| filter.last().filter(|last| **last == "#")).copied()
}

/// Of two answers the one to give: yes before a denial before everything else, and the earlier line.
fn better(one: Decision, other: Decision) -> Decision {
    let rank = |decision: Decision| match decision {
        Decision::Allowed { line } => (0, line),
        Decision::Denied { line } => (1, line),
        _ => (2, 0),
    };
    if rank(other) < rank(one) { other } else { one }
}

/// No rule names it: no line of a file has a NUL byte.
const ANY: &str = "\0";
