//! Words as text, and text in lines.

use std::borrow::Cow;
use std::ffi::OsStr;

/// A word as text, for people and for values that are ASCII; what is not UTF-8 is replaced.
pub fn lossy(word: &OsStr) -> Cow<'_, str> {
    word.to_string_lossy()
}

/// Breaks paragraphs into lines of no more than `columns`, each behind `indent`. A longer word has a line of its own.
pub(crate) fn wrapped(text: &str, columns: usize, indent: &str) -> String {
    let mut lines = String::new();
    for (number, paragraph) in text.split("\n\n").enumerate() {
        if number > 0 {
            lines.push('\n');
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > columns {
                lines += &format!("{indent}{line}\n");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line += word;
        }
        lines += &format!("{indent}{line}\n");
    }
    lines
}
