//! What the operator is told about a file: errors that make it unusable, notes that do not.
//!
//! The first line of an error is Mosquitto's, because scripts compare it; place and hint are ours.

use std::fmt;
use std::ops::Range;

/// One error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What is wrong, a sentence.
    pub text: String,
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// How it may have been meant, a sentence.
    pub hint: String,
    /// The line, where there is something in it to point at.
    pub excerpt: Option<Excerpt>,
}

/// A line to look at, without what is secret in it, and the part of it that is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// The line.
    pub line: String,
    /// Which bytes of it are meant; none at its end where something is missing.
    pub bytes: Range<usize>,
}

impl Excerpt {
    /// `part` is a part of `line`, also in memory; behind its end where it is empty.
    fn new(line: &str, part: &str) -> Excerpt {
        let offset = (part.as_ptr() as usize).checked_sub(line.as_ptr() as usize);
        let start = offset.filter(|offset| !part.is_empty() && line.is_char_boundary(*offset)).unwrap_or(line.len());
        Excerpt { line: line.to_owned(), bytes: start..(start + part.len()).min(line.len()) }
    }
}

/// Three lines: the error, where it was found, the hint.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { text, file, line, hint, .. } = self;
        write!(f, "Error: {text}\nError found at {file}:{line}.\n{hint}")
    }
}

/// Why a file cannot be used. A server must not start with it; Mosquitto's exit status for it is 3.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileError {
    /// At least one, in the order of the file; those above the first hundred are left out.
    pub problems: Vec<Problem>,
}

/// The lines of all errors.
impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileError {}

/// What the operator should know although the file can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// A sentence.
    pub text: String,
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Warning: {} ({}:{})", self.text, self.file, self.line)
    }
}

/// What a file says.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// Its content.
    pub content: T,
    /// What the operator should know, in the order of the file; those above the first hundred are left out.
    pub notes: Vec<Note>,
}

/// What has been found so far while a file is read.
pub(crate) struct Report<'a> {
    file: &'a str,
    /// The line that is being read.
    pub(crate) line: u32,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, line: 0, problems: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    /// An error in the line that is being read.
    pub(crate) fn error(&mut self, text: impl Into<String>, hint: impl Into<String>) {
        let (text, file, hint) = (text.into(), self.file.into(), hint.into());
        self.problems.push(Problem { text, file, line: self.line, hint, excerpt: None });
    }

    /// The same, where a part of the line is to blame. What of it may be seen is `line`.
    pub(crate) fn error_in(&mut self, (line, part): (&str, &str), text: impl Into<String>, hint: impl Into<String>) {
        let (text, file, hint) = (text.into(), self.file.into(), hint.into());
        let excerpt = Some(Excerpt::new(line, part));
        self.problems.push(Problem { text, file, line: self.line, hint, excerpt });
    }

    /// The same in a line that begins with a name and holds a secret behind it.
    pub(crate) fn error_in_name(&mut self, name: &str, text: impl Into<String>, hint: impl Into<String>) {
        let shown = format!("{name}:...");
        let part = if name.is_empty() { &shown[..1] } else { &shown[..name.len()] };
        self.error_in((&shown, part), text, hint);
    }

    /// A note about the line that is being read.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        if self.notes.len() < REPORTED_MAX {
            self.notes.push(Note { text: text.into(), file: self.file.into(), line: self.line });
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.problems.is_empty()
    }

    /// There are enough errors.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= REPORTED_MAX
    }

    pub(crate) fn finish<T>(self, content: T) -> Result<Loaded<T>, FileError> {
        if self.problems.is_empty() {
            Ok(Loaded { content, notes: self.notes })
        } else {
            Err(FileError { problems: self.problems })
        }
    }
}

/// Whoever has so many wants to see the first ones; a file of another kind has one on each line.
const REPORTED_MAX: usize = 100;
