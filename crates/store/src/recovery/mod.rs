//! Opening a log.

use std::path::PathBuf;

use crate::{Disk, Log, Position, Snapshot};

/// A log that has been opened, and how it was found.
#[derive(Debug)]
pub struct Opened<D: Disk> {
    /// The log.
    pub log: Log<D>,
    /// The snapshot in force: what the last [`Log::retire`] was given. Without one, all of the log is what there is.
    pub snapshot: Option<Snapshot>,
    /// What was found and done.
    pub report: Report,
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing was there.
    pub is_new: bool,
    /// The tail that was never synced and was cut.
    pub cut: Option<Cut>,
    /// What [`crate::Repair::Yes`] could not keep.
    pub lost: Vec<Lost>,
}

/// A tail that was cut. It is no loss: no sync had covered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// Where in the log; the log goes on from here.
    pub position: Position,
}

/// A stretch of the log that was damaged and is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The segment file.
    pub path: PathBuf,
    /// The copy of the file as it was, where there was a file.
    pub set_aside: Option<PathBuf>,
    /// Where the stretch begins.
    pub from: Position,
    /// Where it ends. The same as `from` where only a header was damaged.
    pub to: Position,
}
