//! The files with passwords and rights: read whole, each once however many listeners name it.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midge_auth::{Acl, Algorithm, FileError, Keys, Loaded, Passwords, TokenPolicy};
use midge_config::JwtAuth;
use midge_net::{check_folder, check_readable, read_regular_file, words};

use super::keyring::Keyring;
use crate::process::check_link;

/// Files that are being read.
#[derive(Default)]
pub(super) struct Files {
    /// What was read so far.
    pub(super) contents: Contents,
    /// What they held when they were read last.
    before: Contents,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

/// What files hold, by the directive that names them and their paths.
#[derive(Clone, Default)]
pub(super) struct Contents {
    passwords: Paths<Passwords>,
    acls: Paths<Acl>,
    pre_shared_keys: Paths<Keyring>,
    public_keys: Paths<Keys>,
    secrets: Paths<Keys>,
    key_sets: Paths<Keys>,
    issuers: Paths<Vec<u8>>,
}

type Paths<T> = BTreeMap<String, Arc<T>>;

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
    /// What it says does not do.
    Unusable {
        /// The option that is to be changed, or the file that it names.
        directive: &'static str,
        /// A sentence.
        text: String,
    },
}

impl FileProblem {
    fn is_forbidden(&self) -> bool {
        matches!(self, FileProblem::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileProblem::Unreadable { directive, path, error } => {
                let folder = folder_of_relative(path).map(|folder| format!(" (relative to {})", folder.display()));
                let folder = folder.unwrap_or_default();
                write!(f, "Error: Unable to open {directive} \"{path}\"{folder}: {}.", words(error))
            }
            FileProblem::Malformed(error) => write!(f, "{error}"),
            FileProblem::Unusable { text, .. } => write!(f, "Error: {text}"),
        }
    }
}

/// Where a file of this path is looked for, where that does not say it: people take it for the folder of the configuration.
fn folder_of_relative(path: &str) -> Option<PathBuf> {
    env::current_dir().ok().filter(|_| Path::new(path).is_relative())
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

/// Whom a password file knows.
pub fn user_names(path: &str) -> Result<Vec<String>, FileProblem> {
    let passwords = Files::default().passwords(path)?;
    Ok(passwords.user_names().into_iter().map(str::to_owned).collect())
}

impl Files {
    /// None of them, but what they held `before`.
    pub(super) fn after(before: Contents) -> Files {
        Files { before, ..Files::default() }
    }

    pub(super) fn passwords(&mut self, path: &str) -> Result<Arc<Passwords>, FileProblem> {
        self.once("password_file", path, |contents| &mut contents.passwords, Passwords::parse)
    }

    pub(super) fn acl(&mut self, path: &str) -> Result<Arc<Acl>, FileProblem> {
        self.once("acl_file", path, |contents| &mut contents.acls, Acl::parse)
    }

    pub(super) fn pre_shared_keys(&mut self, path: &str) -> Result<Arc<Keyring>, FileProblem> {
        self.once("psk_file", path, |contents| &mut contents.pre_shared_keys, Keyring::parse)
    }

    /// Reads a file, unless that was done. One that only root could read goes on to count as it was; one that is wrong, or was not
    /// there before, is a fault.
    fn once<T>(
        &mut self,
        directive: &'static str,
        path: &str,
        kind: fn(&mut Contents) -> &mut Paths<T>,
        parse: fn(&str, &[u8]) -> Result<Loaded<T>, FileError>,
    ) -> Result<Arc<T>, FileProblem> {
        if let Some(known) = kind(&mut self.contents).get(path) {
            return Ok(Arc::clone(known));
        }
        let content = match (self.read(directive, path), kind(&mut self.before).get(path).cloned()) {
            (Ok(bytes), _) => Arc::new(self.take(parse(path, &bytes))?),
            (Err(problem), Some(before)) if problem.is_forbidden() => {
                let text = "cannot be read by whom the server has become: what it held before counts";
                self.notes.push(format!("Warning: the {directive} {path} {text}."));
                before
            }
            (Err(problem), _) => return Err(problem),
        };
        kind(&mut self.contents).insert(path.to_owned(), Arc::clone(&content));
        Ok(content)
    }

    /// By what tokens are judged, with the keys of all files.
    pub(super) fn tokens(&mut self, options: &JwtAuth) -> Result<TokenPolicy, FileProblem> {
        let JwtAuth { key_file, secret_file, jwks_file, .. } = options;
        let named =
            [("auth_jwt_key_file", key_file), ("auth_jwt_secret_file", secret_file), ("auth_jwt_jwks_file", jwks_file)];
        let mut keys = Keys::default();
        for (directive, path) in named.into_iter().filter_map(|(directive, path)| Some((directive, path.as_ref()?))) {
            let of_file = self.keys(directive, path)?;
            keys.add(&of_file);
        }
        let policy = TokenPolicy {
            // The table of directives takes no other names.
            algorithms: options.algorithms.iter().filter_map(|name| Algorithm::from_name(name)).collect(),
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
                let text = format!("There is no key for {name}, which auth_jwt_algorithms names.");
                Err(FileProblem::Unusable { directive: "auth_jwt_algorithms", text })
            }
        }
    }

    fn keys(&mut self, directive: &'static str, path: &str) -> Result<Arc<Keys>, FileProblem> {
        match directive {
            "auth_jwt_secret_file" => self.once(directive, path, |contents| &mut contents.secrets, Keys::secret),
            "auth_jwt_jwks_file" => self.once(directive, path, |contents| &mut contents.key_sets, Keys::set),
            _ => self.once(directive, path, |contents| &mut contents.public_keys, Keys::public),
        }
    }

    /// What the file holds by which web services are trusted.
    pub(super) fn issuers(&mut self, path: &str) -> Result<Arc<Vec<u8>>, FileProblem> {
        let whole = |_: &str, bytes: &[u8]| Ok(Loaded { content: bytes.to_vec(), notes: Vec::new() });
        self.once("auth_http_cafile", path, |contents| &mut contents.issuers, whole)
    }

    fn take<T>(&mut self, parsed: Result<Loaded<T>, FileError>) -> Result<T, FileProblem> {
        let Loaded { content, notes } = parsed.map_err(FileProblem::Malformed)?;
        self.notes.extend(notes.iter().map(ToString::to_string));
        Ok(content)
    }

    /// What reads the file understands it; here it has to be there.
    fn look_at(&mut self, directive: &'static str, path: &str) -> Result<(), FileProblem> {
        let unreadable = |error| FileProblem::Unreadable { directive, path: path.to_owned(), error };
        let may_be_read = if directive == "http_dir" { check_folder } else { check_readable };
        may_be_read(Path::new(path)).map_err(unreadable)?;
        self.notes.extend(warning(directive, Path::new(path)));
        Ok(())
    }

    fn read(&mut self, directive: &'static str, path: &str) -> Result<Vec<u8>, FileProblem> {
        let unreadable = |error| FileProblem::Unreadable { directive, path: path.to_owned(), error };
        if directive != LINK_OF_ANYBODY {
            check_link(Path::new(path)).map_err(unreadable)?;
        }
        let bytes = read_regular_file(Path::new(path)).map_err(unreadable)?;
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

/// Of a `keyfile` it is told where it is used.
const SECRETS: [&str; 6] =
    ["password_file", "acl_file", "psk_file", "keyfile_passphrase_file", "bridge_keyfile", "auth_jwt_secret_file"];

/// Certificates are often links, of whoever manages them.
const LINK_OF_ANYBODY: &str = "auth_http_cafile";

const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
