//! The header of a segment.

/// The version of the format that is written. All versions up to it are read.
pub const FORMAT_VERSION: u32 = 1;

/// Where the batches begin in a segment file.
pub const SEGMENT_HEADER_BYTES: u64 = 4096;
