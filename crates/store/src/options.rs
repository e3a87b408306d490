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
    /// The size of a segment file. A batch that is larger gets a file of its own size. With segments below the default, which small
    /// disks have, one that has no room in the last segment and is longer than an eighth of the next gets one too, if it has
    /// 64 KiB: of the next, too, much would stay empty.
    pub segment_bytes: u64,
    /// Segments kept free for what must be written even when the disk is full, because freeing space needs space.
    pub reserve_segments: u32,
    /// A bound on the size of all segment files together. [`crate::Log::write_reserved`] and [`crate::Log::retire`] may exceed it.
    pub max_bytes: Option<u64>,
    /// Whether the folder and the files in it may be symbolic links.
    pub allow_symlinks: bool,
}

impl Options {
    /// The size of a segment that suits a disk of so many bytes. The last one, the one behind it and the reserve must not be a good
    /// part of the disk: with the usual size one of 40 MB would have no room for anything else.
    pub fn segment_bytes_on(disk_bytes: u64) -> u64 {
        let part = disk_bytes / DISK_PARTS_MIN;
        let power_of_two = part.checked_ilog2().map_or(0, |exponent| 1 << exponent);
        power_of_two.clamp(SEGMENT_BYTES_ON_SMALL_DISKS, SEGMENT_BYTES_USUAL)
    }

    /// A batch longer than this gets a file of its own size where the last segment has no room for it.
    pub(crate) fn shared_file_batch_bytes_max(&self) -> u64 {
        let room_bytes = self.segment_bytes - SEGMENT_HEADER_BYTES;
        match self.segment_bytes < SEGMENT_BYTES_USUAL {
            true => (room_bytes / SHARED_FILE_BATCHES_MIN).clamp(SHARED_FILE_BATCH_BYTES.min(room_bytes), room_bytes),
            false => room_bytes,
        }
    }

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

const SEGMENT_BYTES_USUAL: u64 = 8 << 20;

/// A disk has at least so many segments' room,
const DISK_PARTS_MIN: u64 = 32;

/// unless they would be smaller than this.
const SEGMENT_BYTES_ON_SMALL_DISKS: u64 = 64 << 10;

/// Where segments are small, so many batches at least share one: with fewer, what is left of it would be too much of the disk.
const SHARED_FILE_BATCHES_MIN: u64 = 8;

/// Shorter ones share one all the same: the header of a file of their own would be worth as much.
const SHARED_FILE_BATCH_BYTES: u64 = 64 << 10;

/// Twice the header.
const SEGMENT_BYTES_MIN: u64 = 2 * SEGMENT_HEADER_BYTES;

const SEGMENT_BYTES_MAX: u64 = 1 << 40;

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES_USUAL, reserve_segments: 2, max_bytes: None, allow_symlinks: false }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_smaller_on_small_disks() {
        let check =
            |disk_bytes: u64, expected| assert_eq!(Options::segment_bytes_on(disk_bytes), expected, "{disk_bytes}");
        check(1 << 40, 8 << 20);
        check(256 << 20, 8 << 20);
        check(255 << 20, 4 << 20);
        check(12 << 20, 256 << 10);
        check(1 << 20, 64 << 10);
        check(0, 64 << 10);
    }

    #[test]
    fn long_batches_share_no_file_where_segments_are_small() {
        let check = |segment_bytes, expected| {
            let options = Options { segment_bytes, ..Options::default() };
            assert_eq!(options.shared_file_batch_bytes_max(), expected, "{segment_bytes}");
        };
        check(8 << 20, (8 << 20) - 4096);
        check(4 << 20, (512 << 10) - 512);
        check(512 << 10, 64 << 10);
        check(64 << 10, 60 << 10);
        check(8 << 10, 4 << 10);
    }
}
