//! Lines of findings on standard output.

use std::env;
use std::io::{self, IsTerminal};

use crate::{output, screen};

/// What was found so far.
pub(super) struct Report {
    has_colours: bool,
    problem_count: u32,
    warning_count: u32,
}

impl Report {
    /// Colours are for terminals, unless the user wants none.
    pub(super) fn new() -> Report {
        let has_colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Report { has_colours, problem_count: 0, warning_count: 0 }
    }

    /// This is fine.
    pub(super) fn fine(&mut self, what: &str, text: &str) {
        self.line("ok", GREEN, what, text);
    }

    /// This works, and should be looked at.
    pub(super) fn warn(&mut self, what: &str, text: &str) {
        self.warning_count += 1;
        self.line("warn", YELLOW, what, text);
    }

    /// This does not work.
    pub(super) fn fail(&mut self, what: &str, text: &str) {
        self.problem_count += 1;
        self.line("FAIL", RED, what, text);
    }

    /// The sum, and the exit status that says it.
    pub(super) fn finish(self) -> u8 {
        output::print(&match (self.problem_count, self.warning_count) {
            (0, 0) => "All is well.\n".to_owned(),
            (0, warnings) => format!("It works. Warnings: {warnings}.\n"),
            (problems, _) => format!("It does not work. Problems: {problems}.\n"),
        });
        u8::from(self.problem_count > 0)
    }

    /// Names and texts of others do nothing to the terminal.
    fn line(&self, mark: &str, colour: &str, what: &str, text: &str) {
        let text = screen::shown(text.as_bytes());
        let (before, behind) = if self.has_colours { (colour, PLAIN) } else { ("", "") };
        output::print(&format!("{before}{mark:<4}{behind}  {what:<11} {}\n", String::from_utf8_lossy(&text)));
    }
}

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
