//! The words of a command line that are not read yet.

use std::ffi::{OsStr, OsString};
use std::slice;

/// Words, first to last.
pub struct Words<'a> {
    rest: slice::Iter<'a, OsString>,
}

impl<'a> Words<'a> {
    /// All of them.
    pub fn new(words: &'a [OsString]) -> Self {
        Self { rest: words.iter() }
    }

    /// Takes the next word.
    #[expect(clippy::should_implement_trait, reason = "what is left is asked for too, so that it is no plain iterator")]
    pub fn next(&mut self) -> Option<&'a OsStr> {
        self.rest.next().map(OsString::as_os_str)
    }

    /// What is not taken yet.
    pub fn rest(&self) -> &'a [OsString] {
        self.rest.as_slice()
    }
}
