//! Standard output, whose reader may go away at any time.

use std::io::{self, Write};

/// What the system says about an error.
pub(crate) use midge_client_transport::words as reason;

/// Prints text at once. A reader that has gone has seen enough, and a disk that is full cannot be told to it.
pub fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
