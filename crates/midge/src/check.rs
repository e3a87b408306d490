//! `midge check FILE`, and `--test-config`: all that is wrong with a configuration and the files it names, and all that is right
//! and dangerous.
//!
//! Nothing is decided here: what a server would say at its start is said beforehand, with the line beside it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use lexopt::prelude::{Long, Short, Value};
use midge_config::{Config, Excerpt, Loaded, NamedPath, Note, Problem};
use midge_server::{FileProblem, Identity, Options, PersistenceOptions};

use crate::files::FileSystem;
use crate::persistence::{self, Environment};
use crate::{Status, help, subcommand};

/// Does what the words behind `check` ask for.
pub(crate) fn run(words: Vec<OsString>) -> Status {
    subcommand::run(parse(words), help::CHECK, |path: String| check(&path))
}

/// The file; `None` is a wish for help. The error is the message for the user.
fn parse(words: Vec<OsString>) -> Result<Option<String>, String> {
    let mut path = None;
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next().map_err(|error| format!("Error: {error}."))? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(word) if path.is_none() => path = Some(word.to_string_lossy().into_owned()),
            other => return Err(format!("Error: {}.", other.unexpected())),
        }
    }
    path.map(Some).ok_or_else(|| "Error: Which file? Name the configuration file.".to_owned())
}

/// Tells what is to be said of this configuration file.
pub(crate) fn check(path: &str) -> Status {
    let mut findings = Findings::default();
    match midge_config::load(path, &FileSystem) {
        Ok(Loaded { mut config, notes, mentions }) => {
            findings.take_files(&mentions.paths);
            findings.take_folder(&mut config);
            findings.take_authority(&config);
            findings.take_certificates(&config);
            findings.take_notes(&notes);
            findings.take_notes(&midge_config::traps(&config, &mentions));
        }
        Err(error) => {
            findings.errors.extend(error.problems.iter().map(explained));
            findings.take_files(&error.mentions.paths);
            findings.take_notes(&error.notes);
        }
    }
    let is_colourful = is_colourful();
    for text in findings.errors.iter().chain(&findings.warnings) {
        eprintln!("{}", if is_colourful { coloured(text) } else { text.clone() });
    }
    if findings.errors.is_empty() {
        println!("Configuration file is OK.");
        Status::Success
    } else {
        Status::Usage
    }
}

/// What is to be told, each in one or more lines.
#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    fn take_notes(&mut self, notes: &[Note]) {
        self.warnings.extend(notes.iter().map(ToString::to_string));
    }

    /// The files that the configuration names, each once.
    fn take_files(&mut self, paths: &[NamedPath]) {
        let mut seen = BTreeSet::new();
        for named in paths.iter().filter(|named| seen.insert((named.directive, &named.path))) {
            match midge_server::check_file(named.directive, &named.path) {
                Ok(warnings) => self.warnings.extend(warnings),
                Err(malformed @ (FileProblem::Malformed(_) | FileProblem::Unusable(_))) => {
                    self.errors.push(malformed.to_string());
                }
                Err(unreadable @ FileProblem::Unreadable { .. }) => self.errors.push(explained(&Problem {
                    text: unreadable.to_string().trim_start_matches("Error: ").to_owned(),
                    place: Some(named.place.clone()),
                    hint: None,
                    excerpt: Some(named.excerpt.clone()),
                })),
            }
        }
    }

    /// Files that are right each, and do not go together. Those that are wrong were told with their lines.
    fn take_authority(&mut self, config: &Config) {
        let options = Options::from_config(config, Identity::Midge).authority;
        if let Err(unusable @ FileProblem::Unusable(_)) = midge_server::check_authority(&options) {
            self.errors.push(unusable.to_string());
        }
    }

    /// Certificates and keys must fit each other.
    fn take_certificates(&mut self, config: &Config) {
        let options = Options::from_config(config, Identity::Midge);
        for (listener, options) in config.listeners.iter().zip(&options.listeners) {
            match midge_server::check_certificates(options) {
                Ok(warnings) => self.warnings.extend(warnings),
                Err(text) => {
                    let place = listener.place.clone();
                    self.errors.push(explained(&Problem { text, place, hint: None, excerpt: None }));
                }
            }
        }
    }

    /// What is kept needs a place. Nothing is made.
    fn take_folder(&mut self, config: &mut Config) {
        let environment = Environment::of_process();
        let checked = persistence::relocate(&mut config.persistence, &environment).and_then(|()| {
            let Some(options) = Options::from_config(config, Identity::Midge).persistence else { return Ok(None) };
            let options = PersistenceOptions { allow_symlinks: environment.allows_symlinks, ..options };
            midge_server::check_folder(&options).map_err(|error| format!("Error: {error}"))
        });
        match checked {
            Ok(warning) => self.warnings.extend(warning),
            Err(message) => self.errors.push(message),
        }
    }
}

/// The lines of an error, with the line that it is about above the hint.
fn explained(problem: &Problem) -> String {
    let bare = Problem { hint: None, ..problem.clone() }.to_string();
    let line = problem.place.as_ref().map_or(0, |place| place.line);
    let excerpt = problem.excerpt.as_ref().map(|excerpt| marked(line, excerpt));
    [Some(bare), excerpt, problem.hint.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn marked(number: u32, excerpt: &Excerpt) -> String {
    let number = number.to_string();
    let (indent, before) = (" ".repeat(number.len()), " ".repeat(excerpt.columns.start));
    let marker = "^".repeat(excerpt.columns.len());
    format!("  {number} | {}\n  {indent} | {before}{marker}", excerpt.line)
}

/// A terminal that allows it, and a user who does.
fn is_colourful() -> bool {
    let refuses = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    !refuses && !is_dumb && io::stderr().is_terminal()
}

fn coloured(text: &str) -> String {
    text.lines().map(coloured_line).collect::<Vec<_>>().join("\n")
}

fn coloured_line(line: &str) -> String {
    let is_marker = line.contains('^') && line.chars().all(|character| matches!(character, ' ' | '|' | '^'));
    let (colour, part) = if is_marker {
        (RED, line.trim_start_matches([' ', '|']))
    } else if line.starts_with("Error:") {
        (RED, "Error:")
    } else if line.starts_with("Warning:") {
        (YELLOW, "Warning:")
    } else {
        return line.to_owned();
    };
    line.replacen(part, &format!("{colour}{part}{PLAIN}"), 1)
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const PLAIN: &str = "\u{1b}[0m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_named() {
        let check = |line: &str, expected: Result<Option<&str>, &str>| {
            let words = line.split_whitespace().map(Into::into).collect();
            assert_eq!(parse(words), expected.map(|path| path.map(str::to_owned)).map_err(str::to_owned), "{line}");
        };
        check("a.conf", Ok(Some("a.conf")));
        check("a.conf --help", Ok(None));
        check("", Err("Error: Which file? Name the configuration file."));
        check("a b", Err("Error: unexpected argument \"b\"."));
        check("-x", Err("Error: invalid option '-x'."));
    }

    #[test]
    fn the_marker_stands_below_what_it_marks() {
        let excerpt = Excerpt { line: "port x".to_owned(), columns: 5..6 };
        assert_eq!(marked(12, &excerpt), "  12 | port x\n     |      ^");
    }

    #[test]
    fn colours_stand_around_the_words_that_matter() {
        let text = "Error: no.\nError found at a:1.\n  1 | x ^\n    | ^\nWarning: a ^ b";
        let expected = "\u{1b}[1;31mError:\u{1b}[0m no.\nError found at a:1.\n  1 | x ^\n    | \u{1b}[1;31m^\u{1b}[0m\n\
                        \u{1b}[1;33mWarning:\u{1b}[0m a ^ b";
        assert_eq!(coloured(text), expected);
    }
}
