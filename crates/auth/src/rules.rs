//! A list of rules, compiled: one User's, that for Clients without User Name, or the patterns.
//!
//! Denials come before what is allowed, wherever they stand in the file. Rules without wildcard are found by hash, the others are
//! tried in their order.

use std::num::NonZeroU32;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::filter::{Filter, Names};
use crate::rights::Decision;

/// A line of the file.
pub(crate) type Line = NonZeroU32;

/// What a rule says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Permission {
    Read,
    Write,
    ReadWrite,
    Deny,
}

/// What is asked of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// From the server to the Client.
    Read,
    /// From the Client to the server.
    Write,
}

#[derive(Default)]
pub(crate) struct Rules {
    /// By topic. Nobody but the operator chooses what goes in here, so the seed needs to be no secret.
    exact: HashMap<Box<str>, Lines, FixedState>,
    denies: Vec<Rule>,
    allows: Vec<Rule>,
}

/// The first line of each kind with the same topic.
#[derive(Clone, Copy, Default)]
struct Lines {
    deny: Option<Line>,
    read: Option<Line>,
    write: Option<Line>,
}

impl Lines {
    fn allow(&self, way: Way) -> Option<Line> {
        match way {
            Way::Read => self.read,
            Way::Write => self.write,
        }
    }
}

/// A rule with wildcards or names.
struct Rule {
    filter: Filter,
    line: Line,
    permission: Permission,
}

impl Rules {
    pub(crate) fn add(&mut self, line: Line, permission: Permission, filter: Filter) {
        let topic = match filter.into_exact() {
            Ok(topic) => topic,
            Err(filter) => {
                let list = if permission == Permission::Deny { &mut self.denies } else { &mut self.allows };
                return list.push(Rule { filter, line, permission });
            }
        };
        let lines = self.exact.entry(topic).or_default();
        match permission {
            Permission::Deny => keep_first(&mut lines.deny, line),
            Permission::Read => keep_first(&mut lines.read, line),
            Permission::Write => keep_first(&mut lines.write, line),
            Permission::ReadWrite => {
                keep_first(&mut lines.read, line);
                keep_first(&mut lines.write, line);
            }
        }
    }

    /// Gives back what was reserved for more rules.
    pub(crate) fn shrink(&mut self) {
        self.exact.shrink_to_fit();
        self.denies.shrink_to_fit();
        self.allows.shrink_to_fit();
    }

    /// What these rules say about a topic; `None` when no rule does.
    #[inline]
    pub(crate) fn decide(&self, way: Way, topic: &str, names: Names<'_>) -> Option<Decision> {
        let exact = self.exact.get(topic).copied().unwrap_or_default();
        let deny = || self.denies.iter().find(|rule| rule.filter.matches(topic, names)).map(|rule| rule.line);
        if let Some(line) = exact.deny.or_else(deny) {
            return Some(Decision::Denied { line: line.get() });
        }
        let allow = || {
            let mut rules = self.allows.iter().filter(|rule| rule.permission.allows(way));
            rules.find(|rule| rule.filter.matches(topic, names)).map(|rule| rule.line)
        };
        let line = exact.allow(way).or_else(allow)?;
        Some(Decision::Allowed { line: line.get() })
    }

    /// The topics without wildcard that may be read unless a denial says otherwise, in no order.
    pub(crate) fn readable_topics(&self) -> impl Iterator<Item = &str> {
        let readable = self.exact.iter().filter(|(_, lines)| lines.read.is_some());
        readable.map(|(topic, _)| &**topic)
    }

    /// The filters with wildcards or names of what may be read unless a denial says otherwise, in the order of the file.
    pub(crate) fn readable_filters(&self) -> impl Iterator<Item = &Filter> {
        self.allows.iter().filter(|rule| rule.permission.allows(Way::Read)).map(|rule| &rule.filter)
    }

    /// The levels of the longest denial with wildcards or names, as this Client's.
    pub(crate) fn deny_levels_max(&self, names: Names<'_>) -> usize {
        self.denies.iter().filter_map(|rule| rule.filter.levels(names)).map(|levels| levels.len()).max().unwrap_or(0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.denies.is_empty() && self.allows.is_empty()
    }
}

impl Permission {
    fn allows(self, way: Way) -> bool {
        match self {
            Permission::Read => way == Way::Read,
            Permission::Write => way == Way::Write,
            Permission::ReadWrite => true,
            Permission::Deny => false,
        }
    }
}

fn keep_first(first: &mut Option<Line>, line: Line) {
    first.get_or_insert(line);
}
