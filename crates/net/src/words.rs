//! What the system says, for people.

use std::io;

/// What the system says about an error, in its words alone, without the number that Rust adds: `No such file or directory`.
pub fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.rfind(" (os error ").unwrap_or(text.len()));
    text
}
