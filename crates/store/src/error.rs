//! What can go wrong, by who has to do something about it, in words for the one who runs the server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{FORMAT_VERSION, Owner, Position};

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused an operation.
    #[error("{}", plain_words(.0))]
    Disk(Failure),
    /// The folder belongs to another user, who has not let us in.
    #[error(
        "{failure}; {} belongs to user {}, and this is user {}: give it to the one that runs the server (chown -R {} {})",
        .folder.display(), .owner.owner, .owner.user, .owner.user, .folder.display()
    )]
    NotOurs {
        /// What was refused.
        failure: Failure,
        /// The folder of the log.
        folder: PathBuf,
        /// Whose it is.
        owner: Owner,
    },
    /// The folder is ours, and its mode keeps us from making files in it.
    #[error("{failure}; its mode does not let its own user make files in it: chmod 700 {}", .folder.display())]
    Closed {
        /// What was refused.
        failure: Failure,
        /// The folder of the log.
        folder: PathBuf,
    },
    /// The folder's name is that of something else.
    #[error("{} is not a folder; name another, or move it away", .0.display())]
    NotAFolder(PathBuf),
    /// A symbolic link where none is allowed.
    #[error("{} is a symbolic link; name the place itself, or allow symbolic links", .0.display())]
    SymbolicLink(PathBuf),
    /// Another process has the log open.
    #[error("{} is in use by {}; stop that one first, or name another folder", .folder.display(), other(*.process))]
    InUse {
        /// The folder of the log.
        folder: PathBuf,
        /// The process that holds it, where it has said so.
        process: Option<u32>,
    },
    /// Written by a newer version of the program.
    #[error(
        "{} has format version {version}; this program reads versions up to {FORMAT_VERSION}: use the program that wrote it, \
         or a newer one", .path.display()
    )]
    Newer {
        /// The segment file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Synced bytes are damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// A segment of another log.
    #[error("{} belongs to another log; move it away", .0.display())]
    Foreign(PathBuf),
    /// A segment file that lacks its end.
    #[error(
        "{} is shorter than it was made; restore it from a copy, or start with --repair to keep what is good", .0.display()
    )]
    Shortened(PathBuf),
    /// The beginning of the log is gone.
    #[error(
        "the log in {} begins at position {to} instead of {from}: a segment file is missing; restore it from a copy, or start \
         with --repair to keep what is there", .folder.display()
    )]
    Missing {
        /// The folder of the log.
        folder: PathBuf,
        /// Where the log should begin.
        from: Position,
        /// Where it begins.
        to: Position,
    },
    /// A segment in the middle of the log is gone.
    #[error("{0}; restore it from a copy, or start with --repair to keep what is there")]
    MissingSegment(#[from] MissingSegment),
    /// No room for the segment with which the log goes on.
    #[error("no room for another segment in {}: {limit}; free some space, or allow more", .folder.display())]
    Full {
        /// The folder of the log.
        folder: PathBuf,
        /// What is full.
        limit: Limit,
    },
    /// The options contradict each other.
    #[error("{0}")]
    Options(&'static str),
}

/// Why a write, a sync or a preparation did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// No room for another segment. Nothing was written; the same buffer can be written later.
    #[error("no room for another segment in {}: {limit}", .folder.display())]
    Full {
        /// The folder of the log.
        folder: PathBuf,
        /// What is full.
        limit: Limit,
    },
    /// The disk failed. Every later call returns this again, because only opening the log anew can tell what the disk holds.
    #[error("{0}; nothing more is written until the log is opened anew")]
    Failed(Failure),
    /// The caller broke the rules. Nothing was written.
    #[error("{0}")]
    Misuse(&'static str),
}

/// What ended the room for segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The disk, or the quota on it.
    Disk,
    /// [`crate::Options::max_bytes`].
    MaxBytes,
}

/// Why reading ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The position is not, or no longer, in the log.
    #[error("position {0} is not in the log")]
    NotHeld(Position),
    /// Synced bytes are damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk failed.
    #[error("{0}")]
    Failed(Failure),
}

/// Why a log was not copied. What had been copied was removed again.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Something stands where the copy is to be.
    #[error("{} is not empty; name an empty folder, or one that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    /// The folder's name is that of something else.
    #[error("{} is not a folder; name another", .0.display())]
    NotAFolder(PathBuf),
    /// The log itself is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The system refused an operation.
    #[error("{}", copying_words(.0))]
    Failed(#[from] Failure),
}

/// Synced bytes that are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is damaged at byte {offset} (position {position}); restore it from a copy, or start with --repair to keep what is good",
    .path.display()
)]
pub struct Damage {
    /// The segment file.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// Where in the log.
    pub position: Position,
}

/// A segment in the middle of the log that is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} (positions {from} to {to}) is missing", segment_between(first, last))]
pub struct MissingSegment {
    /// The segment file. Not every number is used: it may be one of those up to `last`.
    pub first: PathBuf,
    /// The last that it may be.
    pub last: PathBuf,
    /// Where what is missing begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
}

/// An operation that the system refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {operation} {}: {}", .path.display(), words(error))]
pub struct Failure {
    /// What was tried.
    pub operation: Operation,
    /// On what.
    pub path: PathBuf,
    /// What the system says.
    pub error: Arc<io::Error>,
}

/// What the system says, without the number that Rust adds.
fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    text.truncate(text.rfind(" (os error ").unwrap_or(text.len()));
    text
}

/// What is done with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make a file or folder.
    Create,
    /// Open a file.
    Open,
    /// Read, or ask for its size.
    Read,
    /// Write.
    Write,
    /// Sync a file or a folder.
    Sync,
    /// Rename.
    Rename,
    /// Remove.
    Remove,
    /// List a folder.
    List,
    /// Lock.
    Lock,
}

/// Gives an error of the system the operation and the path.
pub(crate) trait Context<T> {
    fn context(self, operation: Operation, path: &Path) -> Result<T, Failure>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, operation: Operation, path: &Path) -> Result<T, Failure> {
        self.map_err(|error| Failure { operation, path: path.to_path_buf(), error: Arc::new(error) })
    }
}

impl Failure {
    /// Whether space is all that is missing.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        OpenError::Disk(failure)
    }
}

impl From<Failure> for ReadError {
    fn from(failure: Failure) -> Self {
        ReadError::Failed(failure)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Create => "create",
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Sync => "sync",
            Operation::Rename => "rename",
            Operation::Remove => "remove",
            Operation::List => "list",
            Operation::Lock => "lock",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Disk => "the disk is full",
            Limit::MaxBytes => "the log has reached its greatest size",
        })
    }
}

fn plain_words(failure: &Failure) -> String {
    let advice = match failure.error.kind() {
        io::ErrorKind::NotFound => "the folder around it does not exist; create it first",
        io::ErrorKind::NotADirectory => "what is named as the folder around it is a file; name a folder",
        io::ErrorKind::FileTooLarge => {
            "the process may not write files as large as the log needs: raise the limit (ulimit -f, LimitFSIZE of systemd)"
        }
        io::ErrorKind::PermissionDenied => {
            "it must belong to the user that runs the server, who must be able to write it"
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only; name a folder on another",
        io::ErrorKind::StorageFull => "free some space, or name a folder on another disk",
        io::ErrorKind::QuotaExceeded => "the user's quota is used up; free some space, or have it raised",
        _ => return failure.to_string(),
    };
    format!("{failure}; {advice}")
}

fn copying_words(failure: &Failure) -> String {
    let advice = match failure.error.kind() {
        io::ErrorKind::NotFound => "the folder around it does not exist; create it first",
        io::ErrorKind::PermissionDenied => "the server writes the copy, so its user must be allowed to",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only; name a folder on another",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "there is no room for the copy",
        _ => return failure.to_string(),
    };
    format!("{failure}; {advice}")
}

fn segment_between(first: &Path, last: &Path) -> String {
    let (one, other) = (first.display(), last.display());
    if first == last { format!("segment {one}") } else { format!("a segment from {one} to {other}") }
}

fn other(process: Option<u32>) -> String {
    process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"))
}
