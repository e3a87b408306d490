//! A table as those see it who only tell about it.

use super::table::{Flag, Operand, Relation, Rule, Table, Takes, Word};

/// What is to be told about a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// [`Table::name`].
    pub name: &'static str,
    /// [`Table::link`].
    pub link: Option<&'static str>,
    /// [`Table::summary`].
    pub summary: &'static str,
    /// [`Table::synopsis`].
    pub synopsis: &'static [&'static str],
    /// [`Table::description`].
    pub description: &'static str,
    /// [`Table::sections`].
    pub sections: Vec<PageSection>,
    /// [`Table::operands`].
    pub operands: &'static [Operand],
    /// [`Table::statuses`].
    pub statuses: &'static [(&'static str, &'static str)],
}

/// What is to be told about flags that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageSection {
    /// Its heading.
    pub title: &'static str,
    /// Its flags.
    pub flags: Vec<PageFlag>,
}

/// What is to be told about a flag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageFlag {
    /// All its spellings.
    pub names: &'static [&'static str],
    /// What follows it.
    pub word: Option<Word>,
    /// Whether it takes more words than that one.
    pub takes_words: bool,
    /// Whether each one counts.
    pub repeats: bool,
    /// What it does.
    pub help: &'static str,
    /// The first names of flags that must not stand beside it.
    pub rivals: Vec<&'static str>,
    /// The first names of flags that must.
    pub needs: Vec<&'static str>,
}

impl Page {
    /// All its flags.
    pub fn flags(&self) -> impl Iterator<Item = &PageFlag> {
        self.sections.iter().flat_map(|section| &section.flags)
    }
}

impl PageFlag {
    /// What it does in one sentence, for where there is no room for more.
    pub(super) fn brief(&self) -> &'static str {
        self.help.split_once(". ").map_or(self.help.trim_end_matches('.'), |(sentence, _)| sentence)
    }
}

impl<O> Table<O> {
    /// What is to be told about it.
    pub fn page(&self) -> Page {
        let flags = |flags: &'static [Flag<O>]| flags.iter().map(|flag| self.page_flag(flag)).collect();
        let sections = self.sections.iter();
        Page {
            name: self.name,
            link: self.link,
            summary: self.summary,
            synopsis: self.synopsis,
            description: self.description,
            sections: sections.map(|it| PageSection { title: it.title, flags: flags(it.flags) }).collect(),
            operands: self.operands,
            statuses: self.statuses,
        }
    }

    fn page_flag(&self, flag: &Flag<O>) -> PageFlag {
        let name = flag.name();
        PageFlag {
            names: flag.names,
            word: flag.word(),
            takes_words: matches!(flag.takes, Takes::Words(..)),
            repeats: flag.repeats,
            help: flag.help,
            rivals: self.rules.iter().flat_map(|rule| rule.rivals_of(name)).collect(),
            needs: self.rules.iter().flat_map(|rule| rule.needs_of(name)).collect(),
        }
    }
}

impl Rule {
    fn rivals_of(&self, name: &str) -> Vec<&'static str> {
        match self.relation {
            Relation::OnlyOne(names) if names.contains(&name) => {
                names.iter().filter(|rival| **rival != name).copied().collect()
            }
            Relation::NotBoth(one, other) if one == name => vec![other],
            Relation::NotBoth(one, other) if other == name => vec![one],
            _ => Vec::new(),
        }
    }

    fn needs_of(&self, name: &str) -> Vec<&'static str> {
        match self.relation {
            Relation::Needs(one, others) if one == name => others.to_vec(),
            _ => Vec::new(),
        }
    }
}
