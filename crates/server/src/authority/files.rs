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
pub(crate) enum FileProblem {
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

    fn read(&mut self, directive: &'static str, path: &str) -> Result<Vec<u8>, FileProblem> {
        let unreadable = |error| FileProblem::Unreadable { directive, path: path.to_owned(), error };
        let bytes = fs::read(path).map_err(unreadable)?;
        self.notes.extend(warning(directive, Path::new(path)));
        Ok(bytes)
    }
}

/// Hashes can be guessed at by whoever can read them.
fn warning(directive: &str, path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    let shown = path.display();
    let text = format!(
        "Warning: every user of this machine can read the {directive} {shown} (mode {mode:04o}): chmod 640 {shown}"
    );
    (mode & OTHERS_READ != 0).then_some(text)
}

const OTHERS_READ: u32 = 0o004;
