//! What is kept on disk: the log, its thread, and the start from it.
//!
//! The log knows no MQTT (`midge-store`), the broker knows no files (`midge_broker::recovery`); here they meet. Before
//! anybody is let in, everything is read back ([`recover`]); from then on a thread of its own writes what the shards hand
//! over ([`writer`]).

mod admin;
mod folder;
mod reader;
mod recover;
mod snapshots;
mod writer;

use std::path::PathBuf;

use midge_broker::{BATCH_HEADER_BYTES, LogQueue, SnapshotDone};
use midge_config::PersistenceSync;
use midge_store::{Log, OpenError, Position, Snapshot, SystemDisk};

pub(crate) use self::admin::{Admin, AdminParts};
pub use self::folder::check_folder;
pub(crate) use self::reader::{ReaderParts, Reads, RunRead};
pub(crate) use self::recover::{Recovered, recover};
pub(crate) use self::writer::{Writer, WriterParts};

/// What is kept on disk, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersistenceOptions {
    /// The folder of the log.
    pub folder: PathBuf,
    /// When what was written counts as safe.
    pub sync: PersistenceSync,
    /// Seconds, or changes, after which a snapshot is taken, if anything has changed; `None` is only to tidy up.
    pub autosave_interval: Option<u32>,
    /// The interval counts changes.
    pub autosave_on_changes: bool,
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
    /// The size of its files.
    pub(crate) segment_bytes: u64,
    /// What of it is alive beside the last snapshot.
    pub(crate) kept_bytes: u64,
}

/// What keeps the server from starting.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The log cannot be opened.
    Open(OpenError),
    /// It cannot be read or written.
    Log(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Open(error) => write!(f, "{error}."),
            Failure::Log(error) => write!(f, "{error}."),
        }
    }
}

impl Persistence {
    /// Bytes of files that hold nothing.
    fn wasted_bytes(&self) -> u64 {
        self.log.bytes().saturating_sub(self.log.end().0 - self.log.start().0)
    }

    /// The queue through which the shards reach the log.
    pub(crate) fn queue(&self, shards: u16) -> LogQueue {
        LogQueue::new(shards, self.log.end().0)
    }
}

/// What the broker has written as a snapshot, as the store knows it.
fn snapshot(done: SnapshotDone) -> Snapshot {
    let (from, end, floor) = (Position(done.from), Position(done.end), Position(done.floor));
    Snapshot { from, end, floor, mark: done.retained_sequence }
}

// The broker leaves the room that the store fills.
const _: () = assert!(BATCH_HEADER_BYTES == midge_store::BATCH_HEADER_BYTES);
