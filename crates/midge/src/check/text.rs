//! What `midge check` prints: an error with its line, and a marker below what is meant in it.

use std::env;
use std::io::{self, IsTerminal};

use midge_config::{Excerpt, Problem};

/// The lines of an error, with the line that it is about above the hint.
pub(super) fn explained(problem: &Problem) -> String {
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
pub(super) fn is_colourful() -> bool {
    let refuses = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    !refuses && !is_dumb && io::stderr().is_terminal()
}

pub(super) fn coloured(text: &str) -> String {
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
