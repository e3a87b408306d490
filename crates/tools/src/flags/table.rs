//! The rows of a table of flags.

use std::ffi::OsStr;

use super::words::Words;

/// Everything that a command understands. `O` is what its flags set.
pub struct Table<O: 'static> {
    /// The word behind `midge`: `passwd`.
    pub name: &'static str,
    /// Mosquitto's name for it, where it has one: `mosquitto_passwd`.
    pub link: Option<&'static str>,
    /// What it does, as the end of "NAME - …": no capital, no full stop.
    pub summary: &'static str,
    /// The ways to use it, without its name.
    pub synopsis: &'static [&'static str],
    /// What there is to know before the flags. Paragraphs are parted by blank lines.
    pub description: &'static str,
    /// The flags, in the order in which they are shown.
    pub sections: &'static [&'static Section<O>],
    /// What does not go together. The order is that in which it is told.
    pub rules: &'static [Rule],
    /// The words that follow the flags. Where there are none, each word has to be a flag.
    pub operands: &'static [Operand],
    /// What the exit status says, such as `("1", "It could not do its work.")`.
    pub statuses: &'static [(&'static str, &'static str)],
}

/// Flags that belong together.
pub struct Section<O: 'static> {
    /// Its heading.
    pub title: &'static str,
    /// Its rows.
    pub flags: &'static [Flag<O>],
}

/// One flag.
pub struct Flag<O: 'static> {
    /// All its spellings, with their dashes; the first is the one by which rules and messages name it.
    pub names: &'static [&'static str],
    /// What follows it, and what is done with it.
    pub takes: Takes<O>,
    /// Whether each one counts, and not the last alone.
    pub repeats: bool,
    /// What it does, in sentences.
    pub help: &'static str,
}

/// What follows a flag. The functions set the options; their error is the message for the user, as Mosquitto words it.
pub enum Takes<O: 'static> {
    /// Nothing.
    Nothing(fn(&mut O) -> Result<(), String>),
    /// The next word.
    Word(Word, fn(&mut O, &OsStr) -> Result<(), String>),
    /// As many words as it wants. It is asked where none follows, too.
    Words(Word, fn(&mut O, &mut Words<'_>) -> Result<(), String>),
    /// Nothing: how the command is used is shown, and nothing else is done.
    Help,
    /// Nothing: the version is shown, and nothing else is done.
    Version,
}

/// The word behind a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// How it is called in help texts: `SECONDS`.
    pub name: &'static str,
    /// What can stand there.
    pub kind: Kind,
    /// The message where no word follows. Unused where the flag takes [`Takes::Words`].
    pub missing: &'static str,
}

/// What a word can be, for completion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Anything.
    Text,
    /// The path of a file.
    File,
    /// The path of a folder.
    Folder,
    /// The name of a machine.
    Host,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// A word that follows the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// How it is called in help texts: `FILE`.
    pub name: &'static str,
    /// What can stand there.
    pub kind: Kind,
    /// What it is, in sentences.
    pub help: &'static str,
}

/// What flags demand of each other. Flags are named by the first of their names.
pub struct Rule {
    /// What must hold.
    pub relation: Relation,
    /// When it is told.
    pub moment: Moment,
    /// The message where it does not hold.
    pub message: &'static str,
}

/// What must hold of flags.
pub enum Relation {
    /// No more than one of these, and that once.
    OnlyOne(&'static [&'static str]),
    /// The first never goes with the second; either may be repeated.
    NotBoth(&'static str, &'static str),
    /// Where the first is, all of the others are.
    Needs(&'static str, &'static [&'static str]),
}

/// When a rule is told that does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// At the flag that breaks it, before what follows that is looked at.
    AtOnce,
    /// When all words are read.
    AtTheEnd,
}

impl<O> Table<O> {
    /// All its rows.
    pub fn flags(&self) -> impl Iterator<Item = &'static Flag<O>> {
        self.sections.iter().flat_map(|section| section.flags)
    }

    /// The row of the flag that is spelled like this.
    pub fn flag(&self, spelling: &str) -> Option<&'static Flag<O>> {
        self.flags().find(|flag| flag.names.contains(&spelling))
    }
}

impl<O> Flag<O> {
    /// The name by which rules and messages know it.
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    /// What stands behind it, where something does.
    pub fn word(&self) -> Option<Word> {
        match &self.takes {
            Takes::Word(word, _) | Takes::Words(word, _) => Some(*word),
            Takes::Nothing(_) | Takes::Help | Takes::Version => None,
        }
    }
}
