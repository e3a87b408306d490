//! The file of pre-shared keys: one `IDENTITY:KEY` a line, the key in hexadecimal.
//!
//! Lines are taken apart as those of the password file are. The bytes of a key are those that Mosquitto's clients make of the same
//! digits (see [`decode`]).

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::lines::read_lines;
use crate::password_file::fields;
use crate::report::{FileError, Loaded, Report};

/// The content of a file of pre-shared keys.
#[derive(PartialEq, Eq)]
pub struct PreSharedKeys {
    keys: Keys,
}

impl PreSharedKeys {
    /// Reads the bytes of a file, which is named only in messages. The error has every line that is wrong.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Loaded<PreSharedKeys>, FileError> {
        let mut report = Report::new(file);
        let mut keys = Keys::default();
        read_lines(&mut report, "psk_file", bytes, |report, line| read_line(report, &mut keys, line));
        report.finish(PreSharedKeys { keys })
    }

    /// The key of this identity.
    pub fn key(&self, identity: &str) -> Option<&[u8]> {
        self.keys.get(identity).map(AsRef::as_ref)
    }
}

/// Without identities and keys, which are nothing for a log.
impl fmt::Debug for PreSharedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKeys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

fn read_line(report: &mut Report<'_>, keys: &mut Keys, line: &str) {
    let Some((identity, digits)) = fields(line) else {
        if !line.is_empty() {
            report.note("A line without ':' is ignored.");
        }
        return;
    };
    match new_key(keys, identity, digits.unwrap_or_default(), report.file()) {
        Ok(key) => drop(keys.insert(identity.into(), key)),
        Err((text, hint)) => report.error_in_name(identity, text, hint),
    }
}

/// The key of a line, or text and hint of the error.
fn new_key(keys: &Keys, identity: &str, digits: &str, file: &str) -> Result<Box<[u8]>, (String, &'static str)> {
    if identity.is_empty() {
        return Err((format!("Empty username in password file '{file}'."), FORM));
    }
    if keys.contains_key(identity) {
        return Err((format!("Duplicate user '{identity}' in password file '{file}'."), "Keep one of the lines."));
    }
    let of_identity = format!("psk for identity '{identity}' in psk_file '{file}'");
    let key = decode(digits).ok_or_else(|| (format!("{of_identity} contains non-hexadecimal characters."), FORM))?;
    match key.len() {
        0 => Err((format!("Empty {of_identity}."), FORM)),
        1..=KEY_BYTES_MAX => Ok(key.into()),
        _ => Err((format!("{of_identity} is too long."), "A key has at most 256 bytes, which are 512 digits.")),
    }
}

/// The key that these hexadecimal digits stand for, for clients and servers alike. `None`: they stand for none.
pub fn pre_shared_key(digits: &str) -> Option<Vec<u8>> {
    decode(digits).filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()))
}

/// The bytes of a number in hexadecimal, with a byte 0 for each `00` that it begins with and without other zeros before it.
fn decode(digits: &str) -> Option<Vec<u8>> {
    let pairs_of_zeros = digits.as_bytes().chunks(2).take_while(|pair| pair == b"00").count();
    let mut bytes = vec![0; pairs_of_zeros];
    let number = digits.trim_start_matches('0');
    let mut value = 0;
    for (at, digit) in number.chars().enumerate() {
        value = value << 4 | digit.to_digit(16)? as u8;
        if (number.len() - at) % 2 == 1 {
            bytes.push(std::mem::take(&mut value));
        }
    }
    Some(bytes)
}

/// Nobody but the operator chooses names that go in here, so the seed needs to be no secret.
type Keys = HashMap<Box<str>, Box<[u8]>, FixedState>;

const FORM: &str = "A line is an identity, ':' and a key in hexadecimal.";

/// What every version of OpenSSL takes.
const KEY_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_identity() {
        let file = b"# devices\n\nann:0a0B0c\nbob : 1234 \n no key\nzoe:00:ignored";
        let Loaded { content: keys, notes } = PreSharedKeys::parse("keys", file).expect("right");
        assert_eq!(keys.key("ann"), Some(&[10, 11, 12][..]));
        assert_eq!(keys.key("bob"), Some(&[0x12, 0x34][..]));
        assert_eq!(keys.key("zoe"), Some(&[0][..]));
        assert_eq!(keys.key("eve"), None);
        assert_eq!(notes[0].to_string(), "Warning: A line without ':' is ignored. (keys:5)");
        assert!(!format!("{keys:?}").contains("ann"));
    }

    /// Odd ones as Mosquitto's clients read them.
    #[test]
    fn digits_become_bytes() {
        let check = |digits: &str, expected: &[u8]| assert_eq!(decode(digits).as_deref(), Some(expected), "{digits}");
        check("deadBEEF", &[0xde, 0xad, 0xbe, 0xef]);
        check("abc", &[0x0a, 0xbc]);
        check("0abc", &[0x0a, 0xbc]);
        check("0000abc", &[0, 0, 0x0a, 0xbc]);
        check("000ab", &[0, 0xab]);
        check("0", &[]);
        check("", &[]);
        assert_eq!(decode("12x4"), None);
        assert_eq!(decode("12é4"), None);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let check = |file: &str, expected: &str| {
            let error = PreSharedKeys::parse("f", file.as_bytes()).expect_err(file).problems.remove(0);
            assert_eq!((error.text.as_str(), error.line), (expected, 1), "{file}");
        };
        check("ann:xy", "psk for identity 'ann' in psk_file 'f' contains non-hexadecimal characters.");
        check("ann:", "Empty psk for identity 'ann' in psk_file 'f'.");
        check(":", "Empty username in password file 'f'.");
        check(&format!("ann:1{}", "0".repeat(512)), "psk for identity 'ann' in psk_file 'f' is too long.");
        let errors = PreSharedKeys::parse("f", b"a:1\na:2\nb:q").expect_err("two").problems;
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3]);
    }
}
