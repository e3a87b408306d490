//! Payloads from files and standard input.

use std::fs;
use std::io::{self, Read};

use super::Failure;
use super::settings::Source;
use crate::output::reason;

/// The payload that a source has as a whole. `None`: its lines are payloads ([`Lines`]).
///
/// # Errors
/// When it cannot be read, or is empty or too long.
pub(super) fn payload(source: &Source) -> Result<Option<Vec<u8>>, Failure> {
    let payload = match source {
        Source::Word(word) => word.clone(),
        Source::Nothing => Vec::new(),
        Source::Lines => return Ok(None),
        Source::File(path) => fs::read(path).map_err(|error| {
            let path = path.display();
            let message = format!(
                "Error: Unable to read file \"{path}\": {}.\nError loading input file \"{path}\".",
                reason(&error)
            );
            Failure::Other(message)
        })?,
        Source::StandardInput => {
            let mut payload = Vec::new();
            io::stdin().lock().read_to_end(&mut payload).map_err(|error| {
                Failure::Other(format!("Error: Unable to read standard input: {}.", reason(&error)))
            })?;
            if payload.is_empty() {
                let message = "Error: Zero length input.\nError loading input from stdin.";
                return Err(Failure::Other(message.to_owned()));
            }
            payload
        }
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Failure::Other(format!("Error: Message length must be less than {PAYLOAD_BYTES_MAX} bytes.")));
    }
    Ok(Some(payload))
}

/// Lines of standard input, read as they come, which hold no more than was asked for.
#[derive(Default)]
pub(super) struct Lines {
    /// Read and not taken.
    bytes: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    /// How much of it was looked at without finding the end of a line.
    searched: usize,
    has_ended: bool,
}

impl Lines {
    /// Reads once.
    ///
    /// # Errors
    /// When that fails, or a line is too long for a message.
    pub(super) fn read(&mut self, input: &mut impl Read) -> io::Result<()> {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        let length = self.bytes.len();
        if length > PAYLOAD_BYTES_MAX {
            return Err(io::Error::other("a line is longer than any message"));
        }
        self.bytes.resize(length + READ_BYTES, 0);
        let outcome = input.read(&mut self.bytes[length..]);
        self.bytes.truncate(length + outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(0) => self.has_ended = true,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The next line, without its end; the last one need not have an end. It is taken with [`Lines::take`].
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let from = self.taken + self.searched;
        match self.bytes[from..].iter().position(|&byte| byte == b'\n') {
            Some(at) => {
                self.searched += at;
                Some(&self.bytes[self.taken..from + at])
            }
            None => {
                self.searched = self.bytes.len() - self.taken;
                (self.has_ended && self.searched > 0).then(|| &self.bytes[self.taken..])
            }
        }
    }

    /// The line that [`Lines::next`] gave has been dealt with.
    pub(super) fn take(&mut self) {
        self.taken = self.bytes.len().min(self.taken + std::mem::take(&mut self.searched) + 1);
    }

    /// Whether nothing follows any more.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended && self.taken == self.bytes.len()
    }

    /// Whether all that was read has been taken, up to a line that has begun.
    pub(super) fn wants_more(&self) -> bool {
        !self.has_ended && self.taken + self.searched == self.bytes.len()
    }
}

/// What a packet of MQTT can hold at most.
const PAYLOAD_BYTES_MAX: usize = 268_435_455;

const READ_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut input: impl Read) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        while !lines.is_over() {
            lines.read(&mut input).unwrap();
            while let Some(line) = lines.next() {
                found.push(String::from_utf8_lossy(line).into_owned());
                lines.take();
            }
        }
        found
    }

    /// A byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1);
            self.0.read(&mut buffer[..count])
        }
    }

    #[test]
    fn lines_come_as_they_are() {
        for (text, expected) in [
            ("", &[][..]),
            ("a\n", &["a"]),
            ("a", &["a"]),
            ("\n", &[""]),
            ("a\n\nb\0c\r\n d", &["a", "", "b\0c\r", " d"]),
        ] {
            assert_eq!(lines(text.as_bytes()), expected, "{text:?}");
            assert_eq!(lines(Slow(text.as_bytes())), expected, "{text:?}");
        }
        let long = "x".repeat(3 * READ_BYTES);
        assert_eq!(lines(format!("{long}\n{long}").as_bytes()), [long.clone(), long]);
    }

    #[test]
    fn a_line_that_is_not_taken_stays() {
        let mut lines = Lines::default();
        lines.read(&mut &b"a\nb"[..]).unwrap();
        assert_eq!(lines.next(), Some(&b"a"[..]));
        assert_eq!(lines.next(), Some(&b"a"[..]));
        assert!(!lines.wants_more());
        lines.take();
        assert_eq!(lines.next(), None);
        assert!(lines.wants_more() && !lines.is_over());
        lines.read(&mut &b""[..]).unwrap();
        assert_eq!(lines.next(), Some(&b"b"[..]));
        lines.take();
        assert!(lines.is_over());
    }
}
