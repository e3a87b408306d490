//! The files with passwords and rights: read whole, each once however many listeners name it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use midge_auth::{Acl, FileError, Loaded, Passwords};

/// What was read so far.
#[derive(Default)]
pub(super) struct Files {
    passwords: BTreeMap<String, Arc<Passwords>>,
    acls: BTreeMap<String, Arc<Acl>>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

/// Why a file does not do. A server does not start with it.
#[derive(Debug)]
pub enum FileProblem {
    /// It cannot be read.
    Unreadable {
        /// What it is for.
        directive: &'static str,
        /// Its path.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// It says what nobody can understand.
    Malformed(FileError),
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileProblem::Unreadable { directive, path, error } => {
                write!(f, "Error: Unable to open {directive} \"{path}\": {error}.")
            }
            FileProblem::Malformed(error) => write!(f, "{error}"),
        }
    }
}

/// Whether a server could use the file that this option names; gives what the operator should know of it.
pub fn check_file(directive: &'static str, path: &str) -> Result<Vec<String>, FileProblem> {
    let mut files = Files::default();
    match directive {
        "password_file" => drop(files.passwords(path)?),
        "acl_file" => drop(files.acl(path)?),
        _ => files.look_at(directive, path)?,
    }
    Ok(files.notes)
}

impl Files {
    pub(super) fn passwords(&mut self, path: &str) -> Result<Arc<Passwords>, FileProblem> {
        if let Some(known) = self.passwords.get(path) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.read("password_file", path)?;
        let passwords = Arc::new(self.take(Passwords::parse(path, &bytes))?);
        self.passwords.insert(path.to_owned(), Arc::clone(&passwords));
        Ok(passwords)
    }

    pub(super) fn acl(&mut self, path: &str) -> Result<Arc<Acl>, FileProblem> {
        if let Some(known) = self.acls.get(path) {
            return Ok(Arc::clone(known));
        }
        let bytes = self.read("acl_file", path)?;
        let acl = Arc::new(self.take(Acl::parse(path, &bytes))?);
        self.acls.insert(path.to_owned(), Arc::clone(&acl));
        Ok(acl)
    }

    fn take<T>(&mut self, parsed: Result<Loaded<T>, FileError>) -> Result<T, FileProblem> {
        let Loaded { content, notes } = parsed.map_err(FileProblem::Malformed)?;
        self.notes.extend(notes.iter().map(ToString::to_string));
        Ok(content)
    }

    /// What reads the file understands it; here it has to be there.
    fn look_at(&mut self, directive: &'static str, path: &str) -> Result<(), FileProblem> {
        let unreadable = |error| FileProblem::Unreadable { directive, path: path.to_owned(), error };
        fs::File::open(path).map_err(unreadable)?;
        self.notes.extend(warning(directive, Path::new(path)));
        Ok(())
    }

    fn read(&mut self, directive: &'static str, path: &str) -> Result<Vec<u8>, FileProblem> {
        let unreadable = |error| FileProblem::Unreadable { directive, path: path.to_owned(), error };
        let bytes = fs::read(path).map_err(unreadable)?;
        self.notes.extend(warning(directive, Path::new(path)));
        Ok(bytes)
    }
}

/// Keys are to be read by nobody else, and hashes can be guessed at by whoever can read them. Nobody else is to change anything.
fn warning(directive: &str, path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    let is_secret = SECRETS.contains(&directive);
    let danger = match (mode & OTHERS_WRITE != 0, mode & OTHERS_READ != 0 && is_secret) {
        (true, true) => "read and change",
        (true, false) => "change",
        (false, true) => "read",
        (false, false) => return None,
    };
    let (shown, remedy) = (path.display(), if is_secret { "640" } else { "o-w" });
    Some(format!(
        "Warning: every user of this machine can {danger} the {directive} {shown} (mode {mode:04o}): chmod {remedy} {shown}"
    ))
}

const SECRETS: [&str; 5] = ["password_file", "acl_file", "psk_file", "keyfile", "bridge_keyfile"];
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
