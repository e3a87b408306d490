//! A line at the bottom of the terminal that says how far something is.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use crate::columns::beginning;

/// See the module. It stands on standard error.
pub(super) struct Progress {
    shown: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Progress {
        Progress { shown: None }
    }

    /// Shows this, unless something was shown just now.
    pub(super) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.next_ms() == 0 {
            self.shown = Some(Instant::now());
            let columns = tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col)).max(20);
            let text = text();
            let text = beginning(&text, columns - 1);
            // Whoever has closed the terminal does not miss it.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    /// Milliseconds until it can be shown again.
    pub(super) fn next_ms(&self) -> u64 {
        self.shown.map_or(0, |shown| EVERY.saturating_sub(shown.elapsed()).as_millis() as u64)
    }

    /// Takes it away, so that something else can be written.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// `[#####-----]` of a share.
pub(super) fn bar(share: f64) -> String {
    let done = (share.clamp(0.0, 1.0) * BAR_COLUMNS as f64) as usize;
    format!("[{}{}]", "#".repeat(done), "-".repeat(BAR_COLUMNS - done))
}

/// `1:02:03`, or `2:03`.
pub(super) fn clock(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

const EVERY: Duration = Duration::from_millis(200);

const BAR_COLUMNS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_times_are_drawn() {
        assert_eq!(bar(0.5), "[##########----------]");
        assert_eq!((bar(-1.0), bar(2.0)), (format!("[{}]", "-".repeat(20)), format!("[{}]", "#".repeat(20))));
        assert_eq!([5, 65, 3_661].map(clock), ["0:05", "1:05", "1:01:01"]);
    }
}
