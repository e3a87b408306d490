//! What is kept on disk: the log, its thread, and the start from it.
//!
//! What the threads of the log decide stands in `midge_persistence`. Here are the threads: before anybody is let in, everything
//! is read back ([`recover`]); from then on one writes what the shards hand over ([`writer`]), and one reads for them
//! ([`reader`]).

mod export;
mod folder;
mod import;
mod reader;
mod recover;
mod shortage;
mod writer;

use std::io;
use std::path::PathBuf;

use midge_net::words;

use midge_persistence::start::StartError;
pub use midge_persistence::{Autosave, SyncPolicy};
use midge_store::{Log, OpenError, SystemDisk};

pub use self::export::{ExportReport, export};
pub(crate) use self::folder::check;
pub(crate) use self::import::is_due as is_import_due;
pub(crate) use self::reader::{ReaderParts, Reads};
pub(crate) use self::recover::{Recovered, recover};
pub(crate) use self::writer::{Orders, Writer, WriterParts};

/// What is kept on disk, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistenceOptions {
    /// The folder of the log.
    pub folder: PathBuf,
    /// A database of Mosquitto, with which a server begins that has no log yet. It may be missing.
    pub database: PathBuf,
    /// When what was written counts as safe.
    pub sync: SyncPolicy,
    /// After what a snapshot is taken; `None` is only to tidy up.
    pub autosave: Option<Autosave>,
    /// Most bytes of disk to use.
    pub max_bytes: Option<u64>,
    /// A damaged log is repaired instead of refused.
    pub repair: bool,
    /// The folder, and files in it, may be symbolic links.
    pub allow_symlinks: bool,
}

/// An open log whose content the shards have taken over.
pub(crate) struct Persistence {
    pub(crate) options: PersistenceOptions,
    pub(crate) log: Log<SystemDisk>,
    /// What of it is alive beside the last snapshot.
    pub(crate) kept_bytes: u64,
}

/// What keeps the server from starting.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The log cannot be opened.
    Open(OpenError),
    /// It cannot be read or written.
    Log(StartError),
    /// A database of Mosquitto cannot be taken over.
    Import {
        /// The file.
        database: PathBuf,
        /// What is wrong with it, and where.
        cause: String,
    },
    /// A database of Mosquitto cannot be read.
    Unreadable {
        /// The file.
        database: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Failure {
    /// What the system says, where it has refused something.
    pub(crate) fn refusal(&self) -> Option<&io::Error> {
        match self {
            Failure::Open(
                OpenError::Disk(failure) | OpenError::NotOurs { failure, .. } | OpenError::Closed { failure, .. },
            ) => Some(&failure.error),
            _ => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // The last words of this error are to name another folder.
            Failure::Open(error @ OpenError::InUse { .. }) => write!(
                f,
                "{error}: persistence_location says which in a configuration file, and without one it is \
                 XDG_STATE_HOME=/other/folder midge -p 1885"
            ),
            Failure::Open(error) => write!(f, "{error}."),
            Failure::Log(error) => write!(f, "{error}."),
            Failure::Import { database, cause } => {
                let path = database.display();
                write!(
                    f,
                    "{path} cannot be imported: {cause}. Nothing was changed. Restore it from a copy, or move it away to \
                     start with nothing: mv {path} {path}.bad"
                )
            }
            Failure::Unreadable { database, error } => {
                let (path, error) = (database.display(), words(error));
                write!(
                    f,
                    "{path} cannot be imported: {error}. Nothing was changed. Whoever the server runs as must be able to read it: \
                     chown or chgrp it, and chmod 640 {path}"
                )
            }
        }
    }
}
