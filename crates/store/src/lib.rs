//! A crash-safe log of batches in segment files, for one writer and many readers. It knows nothing of what a batch means.
//!
//! The log is one stream of bytes that only grows; the address of a batch is its offset in that stream for ever
//! ([`Position`]). Segment files hold consecutive stretches of it. `docs/storage-format.md` describes the bytes.
//!
//! What must hold:
//! * what [`Log::sync`] covered is there after any crash; of the rest, a beginning is there, never half a batch and never one
//!   behind a gap;
//! * a tail that a crash tore is cut, damage to what was synced is refused, and only [`Repair::Yes`] goes on without it;
//! * after a failed write or sync nothing is written any more: what the disk holds then, only recovery can tell;
//! * a full disk is no failure: it shows where a segment is allocated, before anything is written;
//! * no bytes in the files make it panic.
//!
//! [`Inspection`] looks at a log that somebody else may have open; [`Reader::copy_to`] makes a copy of an open one.
//!
//! Left to others: threads, when to sync, what to keep ([`Snapshot`]), and what to say to people about it.
//!
//! Reading order: `batch.rs` and `segment.rs` (the bytes), `log/` (writing and reading), `recovery/` (opening), `disk/` (the
//! seam to the system, with a simulated disk for tests).

#![forbid(unsafe_code)]

mod batch;
mod disk;
mod error;
mod log;
mod options;
mod recovery;
mod segment;

pub use batch::BATCH_HEADER_BYTES;
pub use disk::memory as memory_disk;
pub use disk::{Disk, Entry, EntryKind, Locked, Owner, SystemDisk};
pub use error::{CopyError, Damage, Failure, Limit, MissingSegment, OpenError, Operation, ReadError, WriteError};
pub use log::{Copied, Lease, Log, Reader, Room};
pub use options::{Options, Position, Repair, Snapshot};
pub use recovery::{
    Cut, DamagedSnapshot, Examined, FileRole, InspectedBatch, InspectedFile, Inspection, Lost, Opened, Report,
};
pub use segment::{FORMAT_VERSION, SEGMENT_HEADER_BYTES};
