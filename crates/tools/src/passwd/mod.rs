//! `passwd`, Mosquitto's `mosquitto_passwd`: changes a password file.
//!
//! What a line is and how it is changed is decided by `auth`, which reads them for the server too. Lines that are not meant stay
//! byte for byte as they are, and comments and blank lines, which a server passes over, are no error here.

mod flags;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use midge_auth::{PasswordHash, Passwords, Scheme};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::flags::{Reader, Stop};
use crate::output::{print, reason};
use crate::prompt::{self, Typed};
use crate::{Called, Command, rewrite};
use flags::{Options, TABLE};

/// The row of the command.
pub(crate) const COMMAND: Command = Command { page: || TABLE.page(), run };

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    file: Destination,
    change: Change,
    scheme: Scheme,
}

/// Where the lines stand.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Destination {
    Existing(PathBuf),
    New(PathBuf),
    Stdout,
}

/// What becomes of the lines.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Change {
    /// Without a password it is asked for.
    Set {
        user_name: String,
        password: Option<Vec<u8>>,
    },
    Remove {
        user_name: String,
    },
    HashPlainText,
}

/// How it ends where it could not be done.
#[derive(Debug)]
struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    fn new(message: String) -> Self {
        Self { status: 1, message }
    }
}

fn run(called: &Called, words: &[OsString]) -> u8 {
    let wish = match wish(words) {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            called.help(&TABLE.page());
            return 1;
        }
        Err(Stop::Wrong(message)) => {
            // Mosquitto's names no help here.
            eprintln!("{message}");
            return 1;
        }
        Err(stop) => return called.stop(stop, &TABLE.page()),
    };
    match act(wish) {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{}", failure.message);
            failure.status
        }
    }
}

/// `None`: the words are not enough to say what is wrong with them.
fn wish(words: &[OsString]) -> Result<Option<Wish>, Stop> {
    let mut reader = Reader::new(&TABLE, Options::default());
    let operands = reader.read_with_plain_operands(words)?;
    let options = reader.finish()?;
    let needed = 2 + usize::from(options.is_batch);
    let is_enough = match (options.creates || options.deletes, options.updates) {
        (true, _) => operands.len() >= needed,
        (false, true) => operands.len() == 1,
        (false, false) => operands.len() == needed,
    };
    if !is_enough {
        let missing = match (options.creates, options.deletes, options.updates) {
            (true, ..) if options.is_batch => "-c argument given but password file, username, or password missing.",
            (true, ..) => "-c argument given but password file or username missing.",
            (_, true, _) => "-D argument given but password file or username missing.",
            (.., true) => "-U argument given but password file missing.",
            _ => return Ok(None),
        };
        return Err(Stop::Wrong(format!("Error: {missing}")));
    }
    let file = match options.creates {
        true if operands[0] == "-" => Destination::Stdout,
        true => Destination::New(PathBuf::from(&operands[0])),
        false => Destination::Existing(PathBuf::from(&operands[0])),
    };
    let change = change(&options, &operands[1..]).map_err(Stop::Wrong)?;
    Ok(Some(Wish { file, change, scheme: options.scheme() }))
}

/// The error is the message for the user.
fn change(options: &Options, operands: &[OsString]) -> Result<Change, String> {
    let [user_name, rest @ ..] = operands else { return Ok(Change::HashPlainText) };
    let user_name = user_name.to_str().ok_or("Error: Username must be UTF-8.")?.to_owned();
    midge_auth::check_user_name(&user_name).map_err(|error| format!("Error: {error}"))?;
    if options.deletes {
        return Ok(Change::Remove { user_name });
    }
    let password = rest.first().filter(|_| options.is_batch).map(|word| usable(word.as_encoded_bytes().to_vec()));
    Ok(Change::Set { user_name, password: password.transpose()? })
}

/// A password that a client can come with. The error is the message for the user.
fn usable(password: Vec<u8>) -> Result<Vec<u8>, String> {
    match password.len() {
        0 => Err("Error: Empty password.".to_owned()),
        1..=PASSWORD_BYTES_MAX => Ok(password),
        _ => Err("Error: Password must be less than 65536 characters long.".to_owned()),
    }
}

fn act(wish: Wish) -> Result<(), Failure> {
    let Wish { file, change, scheme } = wish;
    match file {
        Destination::Existing(path) => edit(&path, change, scheme),
        Destination::New(path) => {
            let (bytes, told) = changed(&[], change, scheme)?;
            create(&path, &bytes).map_err(|error| {
                let why = reason(&error);
                Failure::new(format!("Error: Unable to open file {} for writing. {why}.", path.display()))
            })?;
            print(&told);
            Ok(())
        }
        Destination::Stdout => {
            let (bytes, _) = changed(&[], change, scheme)?;
            let written = io::stdout().write_all(&bytes);
            written.map_err(|error| Failure::new(format!("Error: Unable to write. {}.", reason(&error))))
        }
    }
}

/// Changes a file that is there. A link is followed, so that it stays one.
fn edit(path: &Path, change: Change, scheme: Scheme) -> Result<(), Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(format!("Error: Unable to open password file {}. {}.", path.display(), reason(&error)))
    };
    let path = fs::canonicalize(path).map_err(unreadable)?;
    let metadata = fs::metadata(&path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::new(format!("Error: {} is not a file.", path.display())));
    }
    let bytes = fs::read(&path).map_err(unreadable)?;
    if let Some(line) = midge_auth::corrupt_line(&bytes) {
        return Err(Failure::new(format!("Error: Corrupt password file at line {line}.")));
    }
    let (bytes, told) = changed(&bytes, change, scheme)?;
    rewrite::replace(&path, &metadata, &bytes).map_err(Failure::new)?;
    print(&told);
    Ok(())
}

/// The bytes after the change, and what is said when they are written.
fn changed(bytes: &[u8], change: Change, scheme: Scheme) -> Result<(Vec<u8>, String), Failure> {
    match change {
        Change::Set { user_name, password } => {
            let password = password.map_or_else(new_password, Ok)?;
            let edited = midge_auth::set_password(bytes, &user_name, &hash(scheme, &password));
            let verb = if edited.lines == 0 { "Adding" } else { "Updating" };
            Ok((edited.bytes, format!("{verb} password for user {user_name}\n")))
        }
        Change::Remove { user_name } => {
            let edited = midge_auth::remove_user(bytes, &user_name);
            match edited.lines {
                0 => Err(Failure::new(format!("Warning: User {user_name} not found in password file."))),
                _ => Ok((edited.bytes, String::new())),
            }
        }
        Change::HashPlainText => {
            let edited = midge_auth::hash_plain_text(bytes, |password| hash(scheme, password));
            if let Err(error) = Passwords::parse("password file", &edited.bytes) {
                eprintln!("Warning: A server cannot read the file yet.\n{error}");
            }
            Ok((edited.bytes, String::new()))
        }
    }
}

fn new_password() -> Result<Vec<u8>, Failure> {
    match prompt::new_password("Password: ", "Reenter password: ") {
        Typed::Password(password) => usable(password).map_err(Failure::new),
        Typed::Nothing => usable(Vec::new()).map_err(Failure::new),
        Typed::Different => Err(Failure { status: 2, message: "Error: Passwords do not match.".to_owned() }),
    }
}

/// With a salt of its own, and of the length that all versions of Mosquitto read.
pub(crate) fn hash(scheme: Scheme, password: &[u8]) -> PasswordHash {
    let mut salt = [0; SALT_BYTES];
    let filled = getrandom(&mut salt, GetRandomFlags::empty());
    assert_eq!(filled, Ok(SALT_BYTES), "the kernel has so many random bytes at once");
    PasswordHash::new(scheme, password, &salt).expect("numbers and salt are such as it takes")
}

/// Makes a file that only its owner can read.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// As many as go into an MQTT string.
const PASSWORD_BYTES_MAX: usize = u16::MAX as usize;

const SALT_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_user_and_a_password_are_named() {
        let check = |line: &str, expected: Option<(Destination, Change)>| {
            let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
            let wish = wish(&words).expect("right").map(|wish| (wish.file, wish.change));
            assert_eq!(wish, expected, "{line}");
        };
        let existing = || Destination::Existing("f".into());
        let set = |password: Option<&str>| Change::Set {
            user_name: "ada".to_owned(),
            password: password.map(|password| password.as_bytes().to_vec()),
        };
        check("f ada", Some((existing(), set(None))));
        check("-b f ada x", Some((existing(), set(Some("x")))));
        check("-c f ada", Some((Destination::New("f".into()), set(None))));
        check("-c -b - ada x", Some((Destination::Stdout, set(Some("x")))));
        check("-D f ada", Some((existing(), Change::Remove { user_name: "ada".to_owned() })));
        check("-U f", Some((existing(), Change::HashPlainText)));
        check("", None);
        check("f", None);
        check("f ada x", None);
        check("-b f ada", None);
    }

    #[test]
    fn hashes_are_chosen() {
        let scheme = |line: &str| {
            let words: Vec<OsString> = format!("{line} f ada").split_whitespace().map(Into::into).collect();
            wish(&words).ok().flatten().map(|wish| wish.scheme)
        };
        assert_eq!(scheme(""), Some(Scheme::PBKDF2));
        assert_eq!(scheme("-I 101"), Some(Scheme::Pbkdf2 { iterations: 101 }));
        assert_eq!(scheme("-I 101 -H argon2id"), Some(Scheme::ARGON2ID));
        assert_eq!(scheme("-H sha512"), Some(Scheme::Sha512));
    }
}
