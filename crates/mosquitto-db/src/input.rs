//! The bytes of a file as they come, and how far they have come.

use std::io::{self, Read};

use crate::error::ReadErrorKind;

type Result<T> = std::result::Result<T, ReadErrorKind>;

/// What is still to be read, and what was read since [`begin`](Input::begin).
#[derive(Debug)]
pub(crate) struct Input<R> {
    rest: R,
    position: u64,
    /// Grows with what is there, not with what the file says to be there.
    read: Vec<u8>,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(file: R) -> Input<R> {
        Input { rest: file, position: 0, read: Vec::new() }
    }

    /// Where in the file the next byte stands.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Forgets what was read.
    pub(crate) fn begin(&mut self) {
        self.read.clear();
    }

    /// All that was read since then.
    pub(crate) fn read(&self) -> &[u8] {
        &self.read
    }

    /// Reads on, and gives only that: fewer bytes than asked for where the file ends.
    pub(crate) fn up_to(&mut self, count: usize) -> Result<&[u8]> {
        let start = self.read.len();
        let outcome = self.rest.by_ref().take(count as u64).read_to_end(&mut self.read);
        self.position += (self.read.len() - start) as u64;
        match outcome {
            Ok(_) => Ok(&self.read[start..]),
            Err(error) => Err(ReadErrorKind::Input(error)),
        }
    }

    /// The same, but wants all of them.
    pub(crate) fn exactly(&mut self, count: usize) -> Result<&[u8]> {
        match self.up_to(count) {
            Ok(bytes) if bytes.len() < count => Err(ReadErrorKind::Truncated),
            outcome => outcome,
        }
    }

    /// Passes over bytes without keeping them.
    pub(crate) fn skip(&mut self, count: u64) -> Result<()> {
        match io::copy(&mut self.rest.by_ref().take(count), &mut io::sink()) {
            Ok(passed) => {
                self.position += passed;
                if passed == count { Ok(()) } else { Err(ReadErrorKind::Truncated) }
            }
            Err(error) => Err(ReadErrorKind::Input(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn room_is_made_for_what_is_there() {
        let mut input = Input::new(&[7; 100][..]);
        let read = input.up_to(1 << 30).expect("memory can be read");
        assert_eq!(read, [7; 100]);
        assert!(input.read.capacity() < 1000);
    }
}
