//! From words to options.

use std::ffi::{OsStr, OsString};

use super::nearest;
use super::table::{Flag, Moment, Relation, Rule, Table, Takes};
use super::text::lossy;
use super::words::Words;

/// Reads the words of a command: those of its options file first, where it has one, then those of its command line. What a
/// later one says replaces what an earlier one said, and rules hold over all of them.
pub struct Reader<O: 'static> {
    table: &'static Table<O>,
    options: O,
    /// The first names of the flags that were there, each as often as it was.
    given: Vec<&'static str>,
}

/// Why reading ends before there are options.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// How the command is used was asked for.
    Help,
    /// The version was asked for.
    Version,
    /// The words are wrong. This is the message for the user.
    Wrong(String),
}

impl<O> Reader<O> {
    /// Begins with what counts where no flag is given.
    pub fn new(table: &'static Table<O>, options: O) -> Self {
        Self { table, options, given: Vec::new() }
    }

    /// Reads flags, and gives the words from the first on that is none. In a command without operands that is an error.
    pub fn read<'a>(&mut self, words: &'a [OsString]) -> Result<&'a [OsString], Stop> {
        let mut words = Words::new(words);
        loop {
            let operands = words.rest();
            let Some(word) = words.next() else { return Ok(operands) };
            match word.to_str().and_then(|word| self.table.flag(word)) {
                Some(flag) => self.take(flag, &mut words)?,
                None if self.table.operands.is_empty() => return Err(unknown(self.table, word)),
                None => return Ok(operands),
            }
        }
    }

    /// Reads flags, and gives the operands, of which the first must not look like a flag.
    pub fn read_with_plain_operands<'a>(&mut self, words: &'a [OsString]) -> Result<&'a [OsString], Stop> {
        let operands = self.read(words)?;
        match operands.first() {
            Some(word) if word.len() > 1 && word.as_encoded_bytes().starts_with(b"-") => Err(unknown(self.table, word)),
            _ => Ok(operands),
        }
    }

    /// Reads flags and operands in any order, and gives the operands, none of which looks like a flag.
    pub fn read_with_operands_between<'a>(&mut self, words: &'a [OsString]) -> Result<Vec<&'a OsString>, Stop> {
        let mut operands = Vec::new();
        let mut rest = self.read_with_plain_operands(words)?;
        while let Some((operand, behind)) = rest.split_first() {
            operands.push(operand);
            rest = self.read_with_plain_operands(behind)?;
        }
        Ok(operands)
    }

    /// The options, where no rule is broken.
    pub fn finish(self) -> Result<O, Stop> {
        self.check(Moment::AtTheEnd)?;
        Ok(self.options)
    }

    fn take(&mut self, flag: &Flag<O>, words: &mut Words<'_>) -> Result<(), Stop> {
        self.given.push(flag.name());
        self.check(Moment::AtOnce)?;
        let set = match &flag.takes {
            Takes::Help => return Err(Stop::Help),
            Takes::Version => return Err(Stop::Version),
            Takes::Nothing(set) => set(&mut self.options),
            Takes::Words(_, set) => set(&mut self.options, words),
            Takes::Word(expected, set) => match words.next() {
                Some(word) => set(&mut self.options, word),
                None => Err(expected.missing.to_owned()),
            },
        };
        set.map_err(Stop::Wrong)
    }

    fn check(&self, moment: Moment) -> Result<(), Stop> {
        let broken = self.table.rules.iter().find(|rule| rule.moment == moment && !self.holds(rule));
        broken.map_or(Ok(()), |rule| Err(Stop::Wrong(rule.message.to_owned())))
    }

    fn holds(&self, rule: &Rule) -> bool {
        let is_given = |name: &&str| self.given.contains(name);
        match &rule.relation {
            Relation::OnlyOne(names) => self.given.iter().filter(|given| names.contains(given)).count() <= 1,
            Relation::NotBoth(one, other) => !is_given(one) || !is_given(other),
            Relation::Needs(one, others) => !is_given(one) || others.iter().all(is_given),
        }
    }
}

/// What is said about a word that is no flag of the command.
fn unknown<O>(table: &Table<O>, word: &OsStr) -> Stop {
    let word = lossy(word);
    let hint = nearest::hint(table, &word).map(|flag| format!("\nDid you mean '{flag}'?"));
    Stop::Wrong(format!("Error: Unknown option '{word}'.{}", hint.unwrap_or_default()))
}
