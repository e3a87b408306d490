//! The Topic Filter of a rule: whether it is one, and what it matches.
//!
//! It is matched level by level as section 4.7 has it, with two additions: in a `pattern`, a level `%c` stands for the Client
//! Identifier and `%u` for the User Name, which are several levels where they have `/` in them; and a topic that begins with `$` is matched only where the filter itself is written
//! with `$`, so not by a `%c` that stands for one.

use thiserror::Error;

/// Whose request is judged.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) user_name: Option<&'a str>,
}

/// The Topic Filter of a rule.
pub(crate) struct Filter {
    text: Box<str>,
    /// How far the text stands for itself: up to the end of the level in front of the first that does not.
    literal_bytes: u32,
    is_pattern: bool,
    /// A pattern with `%u` anywhere in it, be it not a level, is no rule for Clients without User Name.
    needs_user_name: bool,
}

impl Filter {
    pub(crate) fn new(text: &str, is_pattern: bool) -> Result<Self, FilterFault> {
        check(text)?;
        let literal = text.split('/').take_while(|level| !is_special(level, is_pattern));
        let literal_bytes = literal.map(|level| level.len() + 1).sum::<usize>().saturating_sub(1);
        let needs_user_name = is_pattern && text.contains("%u");
        Ok(Self { text: text.into(), literal_bytes: literal_bytes as u32, is_pattern, needs_user_name })
    }

    /// Whether this Topic Name matches.
    pub(crate) fn matches(&self, topic: &str, names: Names<'_>) -> bool {
        if self.needs_user_name && names.user_name.is_none() {
            return false;
        }
        let (literal, rest) = self.text.split_at(self.literal_bytes as usize);
        if literal.is_empty() {
            return !topic.starts_with('$') && self.levels_match(Levels(Some(rest)), Levels(Some(topic)), names);
        }
        let topic = topic.strip_prefix(literal).and_then(Levels::behind);
        let (Some(topic), Some(rest)) = (topic, Levels::behind(rest)) else {
            return false;
        };
        self.levels_match(rest, topic, names)
    }

    fn levels_match(&self, mut filter: Levels<'_>, mut topic: Levels<'_>, names: Names<'_>) -> bool {
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(level), Some(first))
                    if self.means(level, names).is_some_and(|meant| topic.goes_on_with(meant, first)) => {}
                _ => return false,
            }
        }
    }

    /// What a level means that is no wildcard; `None` for a name that is empty or not there, which matches nothing.
    fn means<'a>(&self, level: &'a str, names: Names<'a>) -> Option<&'a str> {
        match level {
            "%c" if self.is_pattern => Some(names.client_id).filter(|name| !name.is_empty()),
            "%u" if self.is_pattern => names.user_name.filter(|name| !name.is_empty()),
            _ => Some(level),
        }
    }

    /// The levels with names in their place; `None` where no topic can match because of them, or they are more than a filter has.
    pub(crate) fn levels<'a>(&'a self, names: Names<'a>) -> Option<Vec<&'a str>> {
        let mut levels = Vec::new();
        for level in self.text.split('/') {
            levels.extend(self.means(level, names)?.split('/').take(LEVELS_MAX + 1 - levels.len()));
        }
        (levels.len() <= LEVELS_MAX).then_some(levels)
    }

    /// Whether it matches its own text and nothing else, whoever asks.
    pub(crate) fn is_exact(&self) -> bool {
        self.literal_bytes as usize == self.text.len() && !self.needs_user_name
    }

    /// The text where that is all it matches, else the filter.
    pub(crate) fn into_exact(self) -> Result<Box<str>, Filter> {
        if self.is_exact() { Ok(self.text) } else { Err(self) }
    }
}

/// What is left of a topic or filter, level by level; `None` behind its last.
#[derive(Clone, Copy)]
struct Levels<'a>(Option<&'a str>);

impl<'a> Levels<'a> {
    /// The levels behind one that has been taken off; `None` where it goes on.
    fn behind(rest: &'a str) -> Option<Self> {
        if rest.is_empty() { Some(Levels(None)) } else { Some(Levels(Some(rest.strip_prefix('/')?))) }
    }

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let end = rest.bytes().position(|byte| byte == b'/');
        self.0 = end.map(|end| &rest[end + 1..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }

    /// Whether the level that was taken off last, and those behind it, are these; takes off as many as those have.
    fn goes_on_with(&mut self, meant: &str, first: &str) -> bool {
        let mut meant = Levels(Some(meant));
        meant.next() == Some(first) && std::iter::from_fn(|| meant.next()).all(|level| self.next() == Some(level))
    }
}

/// Why a text is no Topic Filter of a rule; shown as a hint for the operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum FilterFault {
    #[error("A topic has at most 65535 bytes.")]
    TooLong,
    #[error("A topic has at most 201 levels.")]
    TooManyLevels,
    #[error("'+' and '#' stand for whole levels between '/', and '#' only at the end.")]
    Wildcard,
}

fn check(text: &str) -> Result<(), FilterFault> {
    if text.len() > usize::from(u16::MAX) {
        return Err(FilterFault::TooLong);
    }
    if text.split('/').count() > LEVELS_MAX {
        return Err(FilterFault::TooManyLevels);
    }
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_right = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            level => !level.contains(['+', '#']),
        };
        if !is_right {
            return Err(FilterFault::Wildcard);
        }
    }
    Ok(())
}

fn is_special(level: &str, is_pattern: bool) -> bool {
    matches!(level, "+" | "#") || is_pattern && matches!(level, "%c" | "%u")
}

/// As many as Mosquitto takes.
const LEVELS_MAX: usize = 201;

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Names<'_> = Names { client_id: "c1", user_name: Some("ada") };
    const NOBODY: Names<'_> = Names { client_id: "c1", user_name: None };

    #[track_caller]
    fn check_match(filter: &str, names: Names<'_>, topic: &str, expected: bool) {
        let filter = Filter::new(filter, true).expect(filter);
        assert_eq!(filter.matches(topic, names), expected, "{} {topic}", filter.text);
    }

    #[test]
    fn names_stand_for_whole_levels() {
        let yes = |filter, topic| check_match(filter, ADA, topic, true);
        let no = |filter, topic| check_match(filter, ADA, topic, false);
        yes("%c", "c1");
        yes("%c/#", "c1");
        yes("a/%c/+/%u", "a/c1/x/ada");
        yes("a/%u/#", "a/ada/b/c");
        no("%c", "%c");
        no("%c", "c");
        no("%c", "c11");
        no("%c", "c1/");
        no("a/%c", "a");
        no("a/%c/+", "a/c1");
        yes("a/x%c", "a/x%c");
        no("a/x%c", "a/xc1");
        yes("%c%u", "%c%u");
    }

    #[test]
    fn names_with_levels_of_their_own_are_all_of_them() {
        let names = Names { client_id: "x/y", user_name: Some("/") };
        let check = |filter, topic, expected| check_match(filter, names, topic, expected);
        check("a/%c/b", "a/x/y/b", true);
        check("%c", "x/y", true);
        check("%c/#", "x/y", true);
        check("a/%u/b", "a///b", true);
        check("a/%c", "a/x", false);
        check("a/%c", "a/x/y/z", false);
        check("a/%c/b", "a/x/b", false);
        check("a/%u", "a/", false);
    }

    #[test]
    fn names_that_are_no_level_match_nothing() {
        check_match("a/%u/b", Names { client_id: "c", user_name: Some("") }, "a//b", false);
        check_match("%c/b", Names { client_id: "$x", user_name: None }, "$x/b", false);
        check_match("$SYS/%c", Names { client_id: "$x", user_name: None }, "$SYS/$x", true);
        check_match("a/%u", NOBODY, "a/%u", false);
        check_match("a/x%u", NOBODY, "a/x%u", false);
        check_match("a/x%u", ADA, "a/x%u", true);
    }

    #[test]
    fn what_is_no_filter() {
        let check = |text: &str, expected| assert_eq!(Filter::new(text, false).err(), expected, "{text:.20}");
        let deep = |levels: usize| vec!["a"; levels].join("/");
        check("a/+/#", None);
        check(&deep(201), None);
        check(&deep(202), Some(FilterFault::TooManyLevels));
        check(&"a".repeat(65_535), None);
        check(&"a".repeat(65_536), Some(FilterFault::TooLong));
        for text in ["a+", "+a/b", "a#", "#/a", "a/#/b", "##", "++"] {
            check(text, Some(FilterFault::Wildcard));
        }
    }

    #[test]
    fn exact_is_what_matches_itself_only() {
        let check = |text: &str, is_pattern, expected| {
            let filter = Filter::new(text, is_pattern).expect(text);
            assert_eq!(filter.is_exact(), expected, "{text}");
        };
        check("a/b", false, true);
        check("a/%c", false, true);
        check("a/%c", true, false);
        check("a/x%c", true, true);
        check("a/x%u", true, false);
        check("+", false, false);
        check("/", false, true);
        check("a/#", false, false);
    }
}
