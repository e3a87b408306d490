//! The terminal while it is looked at: a screen of its own, and keys that count when they are pressed.

use std::io::{self, IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::output::print;

/// A terminal that goes back to what it was when this is dropped.
pub(super) struct Terminal {
    /// Where keys come from a terminal, how it was.
    before: Option<Termios>,
}

impl Terminal {
    /// `None`: standard output is none.
    pub(super) fn open() -> Option<Terminal> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let before = io::stdin().is_terminal().then(|| tcgetattr(io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            // A read gives what is there, which may be nothing.
            raw.special_codes[SpecialCodeIndex::VMIN] = 0;
            raw.special_codes[SpecialCodeIndex::VTIME] = 0;
            // Keys that wait for Return are better than none.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &raw);
        }
        print("\x1b[?1049h\x1b[?25l");
        Some(Terminal { before })
    }

    /// Whether there are keys.
    pub(super) fn has_keys(&self) -> bool {
        self.before.is_some()
    }

    /// Keys that were pressed.
    pub(super) fn keys(&self) -> Vec<u8> {
        let mut keys = [0; 64];
        let count = io::stdin().read(&mut keys).unwrap_or(0);
        keys[..count].to_vec()
    }

    /// Columns and rows.
    pub(super) fn size() -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
            _ => (80, 24),
        }
    }

    /// Shows these lines in the place of what was there.
    pub(super) fn show(lines: &[String]) {
        let mut text = "\x1b[H".to_owned();
        text.push_str(&lines.iter().map(|line| format!("{line}\x1b[K")).collect::<Vec<_>>().join("\r\n"));
        text.push_str("\x1b[J");
        print(&text);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        print("\x1b[?25h\x1b[?1049l");
        if let Some(before) = &self.before {
            // Nothing can be done about a terminal that has gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
