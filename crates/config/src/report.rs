//! What the operator is told: errors that keep the server from starting, notes that do not.
//!
//! The lines are Mosquitto's where there is one, because scripts compare them; a hint of ours follows.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::config::Config;

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
    pub fn new(line: &[u8], bytes: Range<usize>) -> Self {
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

impl Excerpt {
    /// The same line, where this part of what was meant is meant alone; all of it where the part is not seen.
    #[must_use]
    pub fn narrowed_to(&self, part: &str) -> Excerpt {
        let meant: String = self.line.chars().skip(self.columns.start).take(self.columns.len()).collect();
        let columns = meant.find(part).filter(|_| !part.is_empty()).map(|at| {
            let start = self.columns.start + meant[..at].chars().count();
            start..start + part.chars().count()
        });
        Excerpt { line: self.line.clone(), columns: columns.unwrap_or_else(|| self.columns.clone()) }
    }
}

/// What a screen has room for.
const LINE_CHARACTERS_MAX: usize = 160;

/// What is mentioned where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions {
    /// The lines without an error, in the order of the configuration.
    pub lines: Vec<Mention>,
    /// Options of which a line is wrong: what follows from their missing was said with that.
    pub(crate) faulty: BTreeSet<&'static str>,
}

impl Mentions {
    /// The line that gives this option; of several the last.
    pub fn last_of(&self, directive: &str) -> Option<&Mention> {
        self.lines.iter().rfind(|mention| mention.directive == directive)
    }

    /// The line that gives this option this value; of several the first.
    pub fn find(&self, directive: &str, value: &str) -> Option<&Mention> {
        self.lines.iter().find(|mention| mention.directive == directive && mention.value == value)
    }

    /// The lines of the listener that begins at this place, up to the next one's; `None`: those above all listeners.
    pub fn of_listener(&self, place: Option<&Place>) -> &[Mention] {
        let begin = place.and_then(|place| self.lines.iter().position(|mention| mention.place == *place));
        let lines = &self.lines[begin.unwrap_or(0)..];
        let opens = |mention: &Mention| matches!(mention.directive, "listener" | "console_listener");
        let next = lines.iter().skip(1).position(opens);
        &lines[..next.map_or(lines.len(), |next| next + 1)]
    }

    /// What stands in this line.
    pub fn at(&self, place: &Place) -> Option<&Mention> {
        self.lines.iter().find(|mention| mention.place == *place)
    }

    /// Whether a line is wrong that gives one of these options, or was to give it.
    pub(crate) fn are_faulty(&self, directives: &[&str]) -> bool {
        directives.iter().any(|directive| self.faulty.contains(directive))
    }

    /// The lines that name a file or folder to be read.
    pub fn paths(&self) -> impl Iterator<Item = &Mention> {
        self.lines.iter().filter(|mention| mention.is_path)
    }

    /// The fault of an option of the listener that begins at this place.
    pub(crate) fn problem_of(&self, option: &str, listener: &Place, text: &str) -> Problem {
        let mention = self.of_listener(Some(listener)).iter().rfind(|mention| mention.directive == option);
        let place = mention.map_or(listener, |mention| &mention.place).clone();
        let excerpt = mention.map(|mention| mention.excerpt.clone());
        Problem { text: text.to_owned(), place: Some(place), hint: None, excerpt }
    }

    /// Where the first of the options stands whose names begin like this.
    pub(crate) fn first_of(&self, prefix: &str) -> Option<Place> {
        self.lines.iter().find(|mention| mention.directive.starts_with(prefix)).map(|mention| mention.place.clone())
    }
}

/// A line that gives an option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// The option, by its usual name.
    pub directive: &'static str,
    /// What follows it, as it was written.
    pub value: String,
    /// Whether that is the path of a file or folder to be read.
    pub is_path: bool,
    /// The line.
    pub place: Place,
    /// What the line looks like; the value is meant.
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
#[derive(Clone, PartialEq, Debug)]
pub struct ConfigError {
    /// At least one, in the order of the file.
    pub problems: Vec<Problem>,
    /// What was noted besides.
    pub notes: Vec<Note>,
    /// What the good lines mention.
    pub mentions: Mentions,
    /// What the good lines say, for those who look for what else is wrong; `None`: no line was read.
    pub config: Option<Box<Config>>,
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
