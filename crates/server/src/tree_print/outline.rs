//! The tree as text: a line for each level, two spaces further in than the one above, with who is subscribed there and
//! whether a message is retained.

use std::io::{self, Write};

use super::selection::{Entry, Mark, Path};
use crate::log::Escaped;

/// Writes entries that come in their order. Of the text it holds what has no room in one write yet.
pub(super) struct Outline<W> {
    out: W,
    text: Vec<u8>,
    /// What was written last.
    path: Option<Path>,
    /// More may come on the last line.
    is_line_open: bool,
    pub(super) subscriptions: u64,
    pub(super) retained: u64,
}

impl<W: Write> Outline<W> {
    pub(super) fn new(out: W) -> Outline<W> {
        Outline { out, text: Vec::new(), path: None, is_line_open: false, subscriptions: 0, retained: 0 }
    }

    pub(super) fn write(&mut self, entry: Entry) -> io::Result<()> {
        if self.path.as_ref() != Some(&entry.path) {
            self.write_levels(&entry.path)?;
            self.path = Some(entry.path);
        }
        match entry.mark {
            Mark::Subscriber { client_id, qos } => {
                self.subscriptions += 1;
                write!(self.text, " ({}, {qos})", Escaped(&client_id))?;
            }
            Mark::Retained => {
                self.retained += 1;
                write!(self.text, " (r)")?;
            }
        }
        self.make_room()
    }

    /// Ends the last line, and writes what is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.end_line();
        self.out.write_all(&self.text)?;
        self.text.clear();
        self.out.flush()
    }

    /// A line for each level that the path before does not have in common with this one.
    fn write_levels(&mut self, path: &Path) -> io::Result<()> {
        let before = self.path.take();
        let known = before.iter().flat_map(Path::levels).zip(path.levels()).take_while(|(was, is)| was == is).count();
        for (depth, level) in path.levels().enumerate().skip(known) {
            self.end_line();
            self.is_line_open = true;
            let spaces = FIRST_SPACES + LEVEL_SPACES * depth.min(INDENTED_LEVELS_MAX);
            write!(self.text, "{:spaces$}{}", "", Escaped(level))?;
            self.make_room()?;
        }
        Ok(())
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.is_line_open) {
            self.text.push(b'\n');
        }
    }

    /// Writes whole lines, so that those of a log on the same stream do not come between; but a line that is too long in parts.
    fn make_room(&mut self) -> io::Result<()> {
        if self.text.len() < TEXT_BYTES_MAX {
            return Ok(());
        }
        let end = self.text.iter().rposition(|&byte| byte == b'\n').map_or(self.text.len(), |at| at + 1);
        self.out.write_all(&self.text[..end])?;
        self.text.drain(..end);
        Ok(())
    }
}

/// No line of the tree begins as one of the log does, whatever clients call their topics.
const FIRST_SPACES: usize = 4;

const LEVEL_SPACES: usize = 2;

/// As many as a topic has at most where nothing else is configured. Below, where lines would be mostly space, they stand
/// below each other.
const INDENTED_LEVELS_MAX: usize = 200;

const TEXT_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entries: &[(&str, Mark)], expected: &str) {
        let mut outline = Outline::new(Vec::new());
        for (topic, mark) in entries {
            outline.write(Entry { path: Path::new(topic), mark: mark.clone() }).expect("written");
        }
        outline.finish().expect("written");
        assert_eq!(String::from_utf8(outline.out).expect("text"), expected);
    }

    fn subscriber(client_id: &str, qos: u8) -> Mark {
        Mark::Subscriber { client_id: client_id.into(), qos }
    }

    #[test]
    fn levels_stand_once_with_all_that_is_there() {
        check(&[], "");
        check(
            &[
                ("/x", Mark::Retained),
                ("a", subscriber("one", 0)),
                ("a", subscriber("two", 2)),
                ("a", Mark::Retained),
                ("a//b", Mark::Retained),
                ("a/c/d", subscriber("one", 1)),
                ("ab", Mark::Retained),
            ],
            "    \n      x (r)\n    a (one, 0) (two, 2) (r)\n      \n        b (r)\n      c\n        d (one, 1)\n    ab (r)\n",
        );
    }

    #[test]
    fn nobody_writes_lines_of_his_own() {
        check(
            &[("a\n1795312912: x", subscriber("\u{1b}[2J\u{202e}", 0))],
            "    a\\x0a1795312912: x (\\x1b[2J\\u{202e}, 0)\n",
        );
    }

    #[test]
    fn what_is_long_is_written_in_parts_and_no_line_is_lost() {
        let many: Vec<(String, Mark)> = (0..20_000).map(|n| (format!("a/{n:05}"), subscriber("one", 0))).collect();
        let many: Vec<(&str, Mark)> = many.iter().map(|(topic, mark)| (topic.as_str(), mark.clone())).collect();
        let lines: String = (0..20_000).map(|n| format!("      {n:05} (one, 0)\n")).collect();
        check(&many, &format!("    a\n{lines}"));
        let crowd: Vec<(&str, Mark)> = (0..20_000).map(|n| ("a", subscriber(&format!("{n:05}"), 1))).collect();
        let line: String = (0..20_000).map(|n| format!(" ({n:05}, 1)")).collect();
        check(&crowd, &format!("    a{line}\n"));
    }
}
