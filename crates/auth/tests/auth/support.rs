//! Files that must be right, and errors as the operator sees them.

use midge_auth::{FileError, Loaded, Passwords};

/// The content of a password file without errors.
#[track_caller]
pub(crate) fn passwords(text: &str) -> Passwords {
    content(Passwords::parse("pw", text.as_bytes()))
}

/// The errors of a file.
#[track_caller]
pub(crate) fn errors<T>(result: Result<Loaded<T>, FileError>) -> String {
    match result {
        Ok(_) => panic!("the file is accepted"),
        Err(error) => error.to_string(),
    }
}

/// What is noted about a file without errors, one a line.
#[track_caller]
pub(crate) fn notes<T>(result: Result<Loaded<T>, FileError>) -> Vec<String> {
    match result {
        Ok(loaded) => loaded.notes.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn content<T>(result: Result<Loaded<T>, FileError>) -> T {
    match result {
        Ok(loaded) => loaded.content,
        Err(error) => panic!("{error}"),
    }
}
