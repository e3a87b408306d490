//! Standard output, whose reader may go away at any time.

use std::io::{self, Write};

/// Prints text at once. A reader that has gone has seen enough, and a disk that is full cannot be told to it.
pub fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// What the system says about an error, in its words alone: `No such file or directory`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}
