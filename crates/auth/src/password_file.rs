//! The password file: one `USER NAME:HASHED PASSWORD` a line.
//!
//! Lines that begin with `#` and lines without `:` are passed over, which includes empty ones. Blanks around User Name and
//! password are no part of them, colons before the User Name are passed over, and what follows a further colon is ignored.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::lines::{is_blank, read_lines};
use crate::password_hash::{Cost, PasswordHash, Scheme};
use crate::report::{FileError, Loaded, Report};

/// The content of a password file.
pub struct Passwords {
    users: Users,
    /// Stands for those whom the file does not know.
    nobody: PasswordHash,
}

impl Passwords {
    /// Reads the bytes of a file, which is named only in messages. The error has every line that is wrong.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Loaded<Passwords>, FileError> {
        let mut report = Report::new(file);
        let mut users = Users::default();
        read_lines(&mut report, "password file", bytes, |report, line| read_line(report, &mut users, line));
        report.finish(Passwords { nobody: nobody(&users), users })
    }

    /// Whether User Name and Password belong together; an empty Password belongs to nobody. For a User Name that is not in the file the password is checked against
    /// a hash of the kind that most entries have, so that it takes as long.
    pub fn verify(&self, user_name: &str, password: Option<&[u8]>) -> PasswordVerdict {
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            return PasswordVerdict::NoPassword;
        };
        let hash = self.users.get(user_name);
        // Not to be left out where the outcome is known before.
        let is_right = black_box(hash.unwrap_or(&self.nobody).is_of(password));
        match hash {
            None => PasswordVerdict::UnknownUser,
            Some(_) if is_right => PasswordVerdict::Right,
            Some(_) => PasswordVerdict::Wrong,
        }
    }

    /// What [`verify`](Passwords::verify) takes for this User Name.
    pub fn cost(&self, user_name: &str) -> Cost {
        self.users.get(user_name).unwrap_or(&self.nobody).scheme().cost()
    }

    /// The entry of this User Name: it is another one when the password has changed.
    pub fn entry(&self, user_name: &str) -> Option<&PasswordHash> {
        self.users.get(user_name)
    }

    /// Whether the file knows this User Name.
    pub fn contains(&self, user_name: &str) -> bool {
        self.users.contains_key(user_name)
    }

    /// Its User Names, in the order of their bytes.
    pub fn user_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.users.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }

    /// How many User Names it has.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether it lets in nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// Without names and hashes, which are nothing for a log.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// What came of User Name and Password. The Client must not be told more than [`is_right`](PasswordVerdict::is_right).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordVerdict {
    /// They belong together.
    Right,
    /// They do not.
    Wrong,
    /// The User Name is not in the file.
    UnknownUser,
    /// The Client gave a User Name only, or an empty Password, which is the same and lets in nobody.
    NoPassword,
}

impl PasswordVerdict {
    /// Whether the Client is who it says.
    pub fn is_right(self) -> bool {
        self == PasswordVerdict::Right
    }
}

/// User Name and password of a line, as Mosquitto separates them; either may be empty. `None` for a line that is passed over,
/// and for the password where no colon follows the User Name.
pub(crate) fn fields(line: &str) -> Option<(&str, Option<&str>)> {
    if line.starts_with('#') || !line.contains(':') {
        return None;
    }
    let line = line.trim_start_matches(':');
    let Some((user_name, rest)) = line.split_once(':') else {
        return Some((line.trim_matches(is_blank), None));
    };
    let password = rest.split(':').find(|field| !field.is_empty()).unwrap_or_default();
    Some((user_name.trim_matches(is_blank), Some(password.trim_matches(is_blank))))
}

fn read_line(report: &mut Report<'_>, users: &mut Users, line: &str) {
    let file = report.file();
    let Some((user_name, password)) = fields(line) else {
        if !line.is_empty() {
            report.note("A line without ':' is ignored.");
        }
        return;
    };
    match new_hash(users, user_name, password, file) {
        Ok(hash) => drop(users.insert(user_name.into(), hash)),
        Err((text, hint)) => report.error_in_name(user_name, text, hint),
    }
}

/// The hash of a line, or text and hint of the first error in Mosquitto's order.
fn new_hash(
    users: &Users,
    user_name: &str,
    password: Option<&str>,
    file: &str,
) -> Result<PasswordHash, (String, String)> {
    let error = |text: String, hint: &str| Err((text, hint.to_owned()));
    if user_name.len() > STRING_BYTES_MAX {
        let text = format!("Invalid line in password file '{file}', username too long.");
        return error(text, "A User Name has at most 65535 bytes.");
    }
    if user_name.is_empty() {
        return error(format!("Empty username in password file '{file}'."), FORM);
    }
    if users.contains_key(user_name) {
        return error(format!("Duplicate user '{user_name}' in password file '{file}'."), "Keep one of the lines.");
    }
    let Some(password) = password else {
        return error(format!("Invalid line in password file '{file}': {user_name}"), FORM);
    };
    if password.len() > STRING_BYTES_MAX {
        let text = format!("Invalid line in password file '{file}', password too long.");
        return error(text, "A hashed password has at most 65535 bytes.");
    }
    let undecodable = || format!("Unable to decode line in password file '{file}'.");
    PasswordHash::parse(password).map_err(|error| (undecodable(), error.to_string()))
}

/// A hash of the kind that most users have, or of the usual kind where there are none.
fn nobody(users: &Users) -> PasswordHash {
    let mut kinds: BTreeMap<Scheme, usize> = BTreeMap::new();
    for hash in users.values() {
        *kinds.entry(hash.scheme()).or_default() += 1;
    }
    let most = kinds.into_iter().max_by_key(|(_, count)| *count);
    PasswordHash::nobodys(most.map_or(Scheme::PBKDF2, |(scheme, _)| scheme))
}

/// Nobody but the operator chooses names that go in here, so the seed needs to be no secret.
type Users = HashMap<Box<str>, PasswordHash, FixedState>;

const FORM: &str = "A line is a User Name, ':' and a hashed password.";

/// Whatever goes into an MQTT string.
const STRING_BYTES_MAX: usize = u16::MAX as usize;
