//! The header of a batch.

/// How many bytes a caller leaves free before the payload of each batch. The first four hold the payload's length, little
/// endian; the log fills the rest.
pub const BATCH_HEADER_BYTES: usize = 24;
