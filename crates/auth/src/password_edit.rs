//! Password files as text: lines are set and removed, all others stay byte for byte as they are.

use thiserror::Error;

use crate::lines::is_blank;
use crate::password_file::fields;
use crate::password_hash::PasswordHash;

/// A file after a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edited {
    /// What to write.
    pub bytes: Vec<u8>,
    /// How many lines were replaced or removed.
    pub lines: usize,
}

/// Gives the user this password. Its first line is replaced and further ones are removed; where there is none, a line is added
/// at the end. The User Name must have passed [`check_user_name`].
pub fn set_password(bytes: &[u8], user_name: &str, hash: &PasswordHash) -> Edited {
    let line = format!("{user_name}:{hash}\n").into_bytes();
    let mut is_set = false;
    let mut edited = edit(bytes, |name, _| {
        (name == user_name).then(|| if std::mem::replace(&mut is_set, true) { Vec::new() } else { line.clone() })
    });
    if !is_set {
        if edited.bytes.last().is_some_and(|last| *last != b'\n') {
            edited.bytes.push(b'\n');
        }
        edited.bytes.extend(line);
    }
    edited
}

/// Removes all lines of the user.
pub fn remove_user(bytes: &[u8], user_name: &str) -> Edited {
    edit(bytes, |name, _| (name == user_name).then(Vec::new))
}

/// Replaces each password that does not begin with `$` by what `hash` makes of it. Mosquitto's `mosquitto_passwd -U` hashes
/// again what is a hash already.
pub fn hash_plain_text(bytes: &[u8], mut hash: impl FnMut(&[u8]) -> PasswordHash) -> Edited {
    edit(bytes, |user_name, password| {
        let is_plain = !user_name.is_empty() && !password.is_empty() && !password.starts_with('$');
        is_plain.then(|| format!("{user_name}:{}\n", hash(password.as_bytes())).into_bytes())
    })
}

/// The number of the first line that is no User Name with a password, though neither blank nor a comment. `mosquitto_passwd`
/// changes nothing in a file that has one.
pub fn corrupt_line(bytes: &[u8]) -> Option<usize> {
    let position = bytes.split(|byte| *byte == b'\n').map(String::from_utf8_lossy).position(|line| {
        let is_entry = fields(&line).is_some_and(|(user_name, password)| {
            !user_name.is_empty() && password.is_some_and(|password| !password.is_empty())
        });
        !is_entry && !line.starts_with('#') && !line.trim_matches(is_blank).is_empty()
    });
    position.map(|index| index + 1)
}

/// Whether a password file can have this User Name. The error is the message of `mosquitto_passwd`, without its `Error: `.
pub fn check_user_name(user_name: &str) -> Result<(), UserNameError> {
    if user_name.trim().is_empty() {
        Err(UserNameError::Empty)
    } else if user_name.len() > usize::from(u16::MAX) {
        Err(UserNameError::TooLong)
    } else if user_name.chars().any(char::is_control) {
        Err(UserNameError::ControlCharacter)
    } else if user_name.contains(':') {
        Err(UserNameError::Colon)
    } else if user_name.starts_with('#') || user_name.trim() != user_name {
        Err(UserNameError::Unreadable)
    } else {
        Ok(())
    }
}

/// Why a password file cannot have a User Name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum UserNameError {
    /// It is empty or blank.
    #[error("Username must not be empty.")]
    Empty,
    /// It has more bytes than an MQTT string.
    #[error("Username must be less than 65536 characters long.")]
    TooLong,
    /// A control character is in it.
    #[error("Username must not contain control characters.")]
    ControlCharacter,
    /// A colon would end it.
    #[error("Username must not contain the ':' character.")]
    Colon,
    /// Its line would be a comment, or its blanks no part of it.
    #[error("Username must not begin with '#', or begin or end with a space.")]
    Unreadable,
}

/// Asks for each line with a User Name and a password by what bytes it is to be replaced, line feed included.
fn edit(bytes: &[u8], mut replace: impl FnMut(&str, &str) -> Option<Vec<u8>>) -> Edited {
    let mut edited = Edited { bytes: Vec::with_capacity(bytes.len()), lines: 0 };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let fields = str::from_utf8(line).ok().and_then(fields);
        let replaced = fields.and_then(|(user_name, password)| replace(user_name, password.unwrap_or_default()));
        edited.lines += usize::from(replaced.is_some());
        edited.bytes.extend(replaced.as_deref().unwrap_or(line));
    }
    edited
}
