//! What the operator is told: errors that keep the server from starting, notes that do not.
//!
//! The lines are Mosquitto's where there is one, because scripts compare them; a hint of ours follows.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// A line of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// As it was named.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// The line that includes this file; `None` in the main file.
    pub included_at: Option<Box<Place>>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What is wrong, a sentence.
    pub text: String,
    /// Where; `None` when the main file cannot be read at all.
    pub place: Option<Place>,
    /// How it may have been meant, a sentence.
    pub hint: Option<String>,
    /// The line, where there is one.
    pub excerpt: Option<Excerpt>,
}

/// A line for people to look at, and the part of it that is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The line, or the beginning of a long one; without control characters.
    pub line: String,
    /// Which characters of it are meant; behind its end where something is missing. Never empty.
    pub columns: Range<usize>,
}

impl Excerpt {
    /// `bytes` are those of the line that are meant.
    pub(crate) fn new(line: &[u8], bytes: Range<usize>) -> Self {
        let characters = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().count();
        let start = characters(&line[..bytes.start]).min(LINE_CHARACTERS_MAX);
        let end = characters(&line[..bytes.end]).clamp(start + 1, LINE_CHARACTERS_MAX + 1);
        let visible = |character: char| match character {
            '\t' => ' ',
            other if other.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        };
        let line = String::from_utf8_lossy(line).chars().take(LINE_CHARACTERS_MAX).map(visible).collect();
        Excerpt { line, columns: start..end }
    }
}

/// What a screen has room for.
const LINE_CHARACTERS_MAX: usize = 160;

/// What is mentioned where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions {
    /// The options that are given, by their usual names; of those given more than once the last.
    pub places: BTreeMap<&'static str, Place>,
    /// The files and folders to be read, in the order of the configuration.
    pub paths: Vec<NamedPath>,
}

impl Mentions {
    /// Where the first of the options stands whose names begin like this.
    pub(crate) fn first_of(&self, prefix: &str) -> Option<Place> {
        let named = self.places.iter().filter(|(name, _)| name.starts_with(prefix));
        named.map(|(_, place)| place).min_by_key(|place| place.line).cloned()
    }
}

/// A file or folder that the configuration names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedPath {
    /// The option that names it.
    pub directive: &'static str,
    /// Where it is, as it was written.
    pub path: String,
    /// The line.
    pub place: Place,
    /// What the line looks like.
    pub excerpt: Excerpt,
}

/// One or more lines: the error, where it was found, the hint.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error: {}", self.text)?;
        if let Some(place) = &self.place {
            match &place.included_at {
                Some(outer) => write!(f, "\nError found at '{place}'.\nError found at {outer}.")?,
                None => write!(f, "\nError found at {place}.")?,
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

/// Why the server must not start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
    /// What was noted besides.
    pub notes: Vec<Note>,
    /// What the good lines mention.
    pub mentions: Mentions,
    /// The exit status with which Mosquitto would end.
    pub status: u8,
}

/// The lines of all errors.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// What the operator should know although the server can start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// A sentence.
    pub text: String,
    /// The line it is about.
    pub place: Place,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = match self.level {
            Level::Warning => "Warning: ",
            Level::Information => "",
        };
        write!(f, "{before}{} ({})", self.text, self.place)
    }
}

/// How much a note matters; the log types of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The file says something that the server does not do.
    Warning,
    /// What was done.
    Information,
}
