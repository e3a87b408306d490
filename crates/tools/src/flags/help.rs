//! What `--help` shows.

use super::page::{Page, PageFlag};
use super::text::wrapped;

impl Page {
    /// How the command is used that goes by `called`, such as `midge pub` or `mosquitto_pub`.
    pub fn help(&self, called: &str) -> String {
        let mut text = format!("{called} - {}\n\n", self.summary);
        for (number, usage) in self.synopsis.iter().enumerate() {
            let before = if number == 0 { "Usage:" } else { "      " };
            text += &format!("{before} {called} {usage}\n");
        }
        if !self.description.is_empty() {
            text += &format!("\n{}", wrapped(self.description, COLUMNS, ""));
        }
        let operands = self.operands.iter().map(|operand| entry(operand.name, operand.help));
        text += &section("", operands);
        for it in &self.sections {
            text += &section(it.title, it.flags.iter().map(|flag| entry(&flag.usage(), &flag.text())));
        }
        let statuses = self.statuses.iter().map(|(status, what)| entry(status, what));
        text + &section("Exit status", statuses)
    }
}

impl PageFlag {
    /// Its names, with what follows: `-k, --keepalive SECONDS`.
    pub(super) fn usage(&self) -> String {
        let names = self.names.join(", ");
        self.word.map(|word| format!("{names} {}", word.name)).unwrap_or(names)
    }

    /// What it does, and what goes with it.
    pub(super) fn text(&self) -> String {
        let mut text = self.help.to_owned();
        if self.repeats {
            text += " Can be repeated.";
        }
        if !self.needs.is_empty() {
            text += &format!(" Needs {}.", listed(&self.needs, "and"));
        }
        if !self.rivals.is_empty() {
            text += &format!(" Not with {}.", listed(&self.rivals, "or"));
        }
        text
    }
}

/// Entries below a heading; nothing where there are none.
pub(crate) fn section(title: &str, entries: impl Iterator<Item = String>) -> String {
    let heading = if title.is_empty() { String::new() } else { format!("{title}:\n") };
    let entries: String = entries.collect();
    if entries.is_empty() { entries } else { format!("\n{heading}{entries}") }
}

/// What it is called, and beside that, or below where there is no room, what it is.
pub(crate) fn entry(name: &str, text: &str) -> String {
    let indent = " ".repeat(INDENT);
    let lines = wrapped(text, COLUMNS, &indent);
    let room = INDENT - 2;
    match name.chars().count() < room {
        true => format!(" {name:room$} {}", lines.trim_start()),
        false => format!(" {name}\n{lines}"),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} {word} {last}", before.join(", ")),
    }
}

/// As wide as a terminal is at least.
pub(crate) const COLUMNS: usize = 80;

const INDENT: usize = 18;
