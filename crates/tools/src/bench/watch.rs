//! What goes on while servers are measured: the progress that people see, and their wish to end.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::clients::signals::Signals;

/// See the module.
pub(super) struct Watch {
    signals: Signals,
    /// It is shown, as standard error is a terminal.
    is_shown: bool,
    /// What is measured, in front of all that is shown.
    title: String,
    shown_at: Option<Instant>,
}

impl Watch {
    /// From now on SIGINT and SIGTERM do not end the program by themselves.
    pub(super) fn new(is_quiet: bool) -> io::Result<Watch> {
        let is_shown = !is_quiet && io::stderr().is_terminal();
        Ok(Watch { signals: Signals::new()?, is_shown, title: String::new(), shown_at: None })
    }

    /// Something else is measured now.
    pub(super) fn begin(&mut self, title: String) {
        self.title = title;
        self.shown_at = None;
    }

    /// A signal that has come.
    pub(super) fn signal(&mut self) -> Option<u8> {
        self.signals.take()
    }

    /// Shows what is done, in the place of what was shown before.
    pub(super) fn show(&mut self, doing: &str, share: f64) {
        if !self.is_shown || self.shown_at.is_some_and(|shown_at| shown_at.elapsed() < INTERVAL) {
            return;
        }
        self.shown_at = Some(Instant::now());
        write(&format!("\r{} {}: {doing}\x1b[K", bar(share), self.title));
    }

    /// Takes away what is shown.
    pub(super) fn clear(&self) {
        if self.is_shown {
            write("\r\x1b[K");
        }
    }
}

fn bar(share: f64) -> String {
    let filled = ((share.clamp(0.0, 1.0) * BAR_COLUMNS as f64) as usize).min(BAR_COLUMNS);
    format!("[{}{}]", "#".repeat(filled), " ".repeat(BAR_COLUMNS - filled))
}

/// Nobody misses progress that cannot be shown.
fn write(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

const INTERVAL: Duration = Duration::from_millis(100);

const BAR_COLUMNS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills() {
        assert_eq!(bar(0.0), "[                    ]");
        assert_eq!(bar(0.5), "[##########          ]");
        assert_eq!(bar(1.7), "[####################]");
        assert_eq!(bar(f64::NAN), "[                    ]");
    }
}
