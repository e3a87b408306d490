//! The log as the thread writes it that starts the server and waits for signals: line by line, each written before it goes on.

use std::fmt;

use crate::clock;
use crate::log::{LogBuffer, LogType};

/// See the module.
pub(crate) struct Journal(pub(crate) LogBuffer);

impl Journal {
    pub(crate) fn line(&mut self, kind: LogType, text: fmt::Arguments<'_>) {
        let wall_s = clock::wall_ms() / 1000;
        text.to_string().lines().for_each(|line| self.0.line(wall_s, kind, format_args!("{line}")));
        self.0.flush(wall_s);
        self.0.log().settle();
    }

    /// Opens files again, after they were renamed.
    pub(crate) fn rotate(&mut self) {
        if let Err(error) = self.0.log().reopen() {
            self.line(LogType::Error, format_args!("Error: {error}."));
        }
    }
}
