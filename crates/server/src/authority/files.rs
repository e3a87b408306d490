//! The files with passwords and rights: read whole, each once however many listeners name it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use midge_auth::{Acl, FileError, Keys, Loaded, Passwords, TokenPolicy};

use super::TokenOptions;
use super::keyring::Keyring;
use crate::process::check_link;

/// What was read so far.
#[derive(Default)]
pub(super) struct Files {
    passwords: BTreeMap<String, Arc<Passwords>>,
    acls: BTreeMap<String, Arc<Acl>>,
    pre_shared_keys: BTreeMap<String, Arc<Keyring>>,
    passwords_before: BTreeMap<String, Arc<Passwords>>,
    acls_before: BTreeMap<String, Arc<Acl>>,
    pre_shared_keys_before: BTreeMap<String, Arc<Keyring>>,
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
    /// What it says does not do; a sentence.
    Unusable(String),
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileProblem::Unreadable { directive, path, error } => {
                write!(f, "Error: Unable to open {directive} \"{path}\": {error}.")
            }
            FileProblem::Malformed(error) => write!(f, "{error}"),
            FileProblem::Unusable(text) => write!(f, "Error: {text}"),
        }
    }
}

/// Whether a server could use the file that this option names; gives what the operator should know of it.
pub fn check_file(directive: &'static str, path: &str) -> Result<Vec<String>, FileProblem> {
    let mut files = Files::default();
    match directive {
        "password_file" => drop(files.passwords(path)?),
        "acl_file" => drop(files.acl(path)?),
        "psk_file" => drop(files.pre_shared_keys(path)?),
        "auth_jwt_key_file" | "auth_jwt_secret_file" | "auth_jwt_jwks_file" => drop(files.keys(directive, path)?),
        _ => files.look_at(directive, path)?,
    }
    Ok(files.notes)
}

impl Files {
    /// What a file of passwords held when it was read last.
    pub(super) fn remember_passwords(&mut self, known: Option<(&str, &Arc<Passwords>)>) {
        self.passwords_before.extend(known.map(|(path, passwords)| (path.to_owned(), Arc::clone(passwords))));
    }

    /// The same of rights.
    pub(super) fn remember_acl(&mut self, known: Option<(&str, &Arc<Acl>)>) {
        self.acls_before.extend(known.map(|(path, acl)| (path.to_owned(), Arc::clone(acl))));
    }

    /// The same of pre-shared keys.
    pub(super) fn remember_pre_shared_keys(&mut self, known: Option<(&str, &Arc<Keyring>)>) {
        self.pre_shared_keys_before.extend(known.map(|(path, keys)| (path.to_owned(), Arc::clone(keys))));
    }

    /// A file that only root could read goes on to count as it was; one that is wrong, or was not there before, is a fault.
    fn keep<T>(
        &mut self,
        directive: &str,
        path: &str,
        before: Option<Arc<T>>,
        problem: FileProblem,
    ) -> Result<Arc<T>, FileProblem> {
        let is_forbidden = |problem: &FileProblem| matches!(problem, FileProblem::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied);
        let Some(before) = before.filter(|_| is_forbidden(&problem)) else { return Err(problem) };
        let text = "cannot be read by whom the server has become: what it held before counts";
        self.notes.push(format!("Warning: the {directive} {path} {text}."));
        Ok(before)
    }

    pub(super) fn passwords(&mut self, path: &str) -> Result<Arc<Passwords>, FileProblem> {
        if let Some(known) = self.passwords.get(path) {
            return Ok(Arc::clone(known));
        }
        let passwords = match self.read("password_file", path) {
            Ok(bytes) => Arc::new(self.take(Passwords::parse(path, &bytes))?),
            Err(problem) => {
                let before = self.passwords_before.get(path).cloned();
                self.keep("password_file", path, before, problem)?
            }
        };
        self.passwords.insert(path.to_owned(), Arc::clone(&passwords));
        Ok(passwords)
    }

    pub(super) fn acl(&mut self, path: &str) -> Result<Arc<Acl>, FileProblem> {
        if let Some(known) = self.acls.get(path) {
            return Ok(Arc::clone(known));
        }
        let acl = match self.read("acl_file", path) {
            Ok(bytes) => Arc::new(self.take(Acl::parse(path, &bytes))?),
            Err(problem) => {
                let before = self.acls_before.get(path).cloned();
                self.keep("acl_file", path, before, problem)?
            }
        };
        self.acls.insert(path.to_owned(), Arc::clone(&acl));
        Ok(acl)
    }

    pub(super) fn pre_shared_keys(&mut self, path: &str) -> Result<Arc<Keyring>, FileProblem> {
        if let Some(known) = self.pre_shared_keys.get(path) {
            return Ok(Arc::clone(known));
        }
        let keys = match self.read("psk_file", path) {
            Ok(bytes) => Arc::new(Keyring(self.take(midge_auth::PreSharedKeys::parse(path, &bytes))?)),
            Err(problem) => {
                let before = self.pre_shared_keys_before.get(path).cloned();
                self.keep("psk_file", path, before, problem)?
            }
        };
        self.pre_shared_keys.insert(path.to_owned(), Arc::clone(&keys));
        Ok(keys)
    }

    /// Keys are read for each listener that names them: there are few.
    pub(super) fn tokens(&mut self, options: &TokenOptions) -> Result<TokenPolicy, FileProblem> {
        let TokenOptions { key_file, secret_file, jwks_file, .. } = options;
        let named =
            [("auth_jwt_key_file", key_file), ("auth_jwt_secret_file", secret_file), ("auth_jwt_jwks_file", jwks_file)];
        let mut keys = Keys::default();
        for (directive, path) in named.into_iter().filter_map(|(directive, path)| Some((directive, path.as_ref()?))) {
            keys.add(self.keys(directive, path)?);
        }
        let policy = TokenPolicy {
            algorithms: options.algorithms.clone(),
            keys,
            issuer: options.issuer.clone(),
            audience: options.audience.clone(),
            user_claim: options.user_claim.clone(),
            acl_claim: options.acl_claim.clone(),
        };
        match policy.idle_algorithm() {
            None => Ok(policy),
            Some(idle) => {
                let name = idle.name();
                Err(FileProblem::Unusable(format!("There is no key for {name}, which auth_jwt_algorithms names.")))
            }
        }
    }

    fn keys(&mut self, directive: &'static str, path: &str) -> Result<Keys, FileProblem> {
        let bytes = self.read(directive, path)?;
        let parsed = match directive {
            "auth_jwt_secret_file" => Keys::secret(path, &bytes),
            "auth_jwt_jwks_file" => Keys::set(path, &bytes),
            _ => Keys::public(path, &bytes),
        };
        self.take(parsed)
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
        check_link(Path::new(path)).map_err(unreadable)?;
        // A pipe may never be written to, and who reads it would wait.
        let is_file = fs::metadata(path).map_err(unreadable)?.is_file();
        let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no file");
        is_file.then_some(()).ok_or_else(no_file).map_err(unreadable)?;
        let bytes = fs::read(path).map_err(unreadable)?;
        self.notes.extend(warning(directive, Path::new(path)));
        Ok(bytes)
    }
}

/// Keys are to be read by nobody else, and hashes can be guessed at by whoever can read them. Nobody else is to change anything.
fn warning(directive: &str, path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let mode = metadata.mode() & 0o7777;
    let is_secret = SECRETS.contains(&directive);
    // Of a folder for everybody, such as /tmp, that is the purpose.
    let is_for_all = metadata.is_dir() && mode & STICKY != 0;
    let danger = match (mode & OTHERS_WRITE != 0 && !is_for_all, mode & OTHERS_READ != 0 && is_secret) {
        (true, true) => "read and change",
        (true, false) => "change",
        (false, true) => "read",
        (false, false) => return None,
    };
    let shown = path.display();
    let remedy = if is_secret { "give it to the group that the server runs as, and chmod 640" } else { "chmod o-w" };
    Some(format!(
        "Warning: every user of this machine can {danger} the {directive} {shown} (mode {mode:04o}): {remedy} {shown}"
    ))
}

const SECRETS: [&str; 6] =
    ["password_file", "acl_file", "psk_file", "keyfile", "bridge_keyfile", "auth_jwt_secret_file"];
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
