//! What callers say and are told in numbers: positions, snapshots, and the options of a log.

use std::fmt;

use crate::{OpenError, SEGMENT_HEADER_BYTES};

/// A place in the log: an offset in the stream of everything ever written. Never used again for other bytes that were synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The position that many bytes later.
    pub(crate) fn plus(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }

    /// How many bytes after an earlier position this is.
    pub(crate) fn since(self, earlier: Self) -> u64 {
        debug_assert!(earlier <= self, "{earlier} is not before {self}");
        self.0 - earlier.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the caller needs of the log to recover. Stands in the header of each segment that begins after [`crate::Log::retire`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// To recover, the log is read from here on.
    pub from: Position,
    /// The snapshot's own records stand between `from` and here.
    pub end: Position,
    /// Single records may be looked up from here on; what ends at or before this may go. Never behind `from`.
    pub floor: Position,
    /// A number of the caller's.
    pub mark: u64,
}

/// How a log is kept. The defaults suit a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The size of a segment file. A batch that is larger gets a file of its own size.
    pub segment_bytes: u64,
    /// Segments kept free for what must be written even when the disk is full, because freeing space needs space.
    pub reserve_segments: u32,
    /// A bound on the size of all segment files together. [`crate::Log::write_reserved`] and [`crate::Log::retire`] may exceed it.
    pub max_bytes: Option<u64>,
    /// Whether the folder and the files in it may be symbolic links.
    pub allow_symlinks: bool,
}

impl Options {
    /// What contradicts itself is refused before anything is touched.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(OpenError::Options("a segment has at least 8 KiB and at most 1 TiB"));
        }
        // The last segment, the one after it, and the reserve.
        let least = (u64::from(self.reserve_segments) + 2).saturating_mul(self.segment_bytes);
        if self.max_bytes.is_some_and(|max| max < least) {
            return Err(OpenError::Options("the greatest size of the log has room for two segments and the reserve"));
        }
        Ok(())
    }
}

/// Twice the header.
const SEGMENT_BYTES_MIN: u64 = 2 * SEGMENT_HEADER_BYTES;

const SEGMENT_BYTES_MAX: u64 = 1 << 40;

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, reserve_segments: 2, max_bytes: None, allow_symlinks: false }
    }
}

/// What happens when synced bytes turn out to be damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// The log is not opened.
    #[default]
    No,
    /// The whole log is looked through; segments with damage are copied aside as `.bad`, and what is good in them is kept.
    Yes,
}
