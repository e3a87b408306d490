//! Reading single places from any thread, while the log is written.
//!
//! What must hold: a segment that somebody holds is not used for anything else. Whoever looks a segment up takes a share of
//! it under the lock under which the log removes it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::segment::Segment;
use crate::{BATCH_HEADER_BYTES, Disk, Position, ReadError};

/// What the log and its readers share.
pub(crate) struct Shared<D: Disk> {
    pub(crate) disk: D,
    pub(crate) seal: Seal,
    pub(crate) held: Mutex<VecDeque<Held<D>>>,
    end: AtomicU64,
    /// Readers need the lock as much as the log does: another process would use the files again under them.
    _lock: D::Lock,
}

/// A segment in the log.
pub(crate) struct Held<D: Disk> {
    pub(crate) segment: Arc<Segment<D>>,
    /// Where its batches end; for the last one, where they may end at most.
    pub(crate) end: Position,
}

/// Reads single places of the log from any thread, while it is written.
pub struct Reader<D: Disk> {
    shared: Arc<Shared<D>>,
}

/// Holds on to a segment: as long as it lives, the segment's bytes stay, also when the log has retired it.
pub struct Lease<D: Disk> {
    shared: Arc<Shared<D>>,
    segment: Arc<Segment<D>>,
    /// Where the segment's batches end, if it was complete.
    end: Position,
}

impl<D: Disk> Reader<D> {
    pub(crate) fn new(shared: Arc<Shared<D>>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Shared<D> {
        &self.shared
    }

    /// Fills the buffer with the log's bytes from a position on, all of which must stand in one segment (as a batch does).
    /// They are as the disk gives them: nothing is verified.
    pub fn read_at(&self, position: Position, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.lease(position)?.read_at(position, buffer)
    }

    /// Reads and verifies the batch at a position; its payload replaces what is in the buffer.
    pub fn read_batch(&self, position: Position, payload: &mut Vec<u8>) -> Result<(), ReadError> {
        self.lease(position)?.read_batch(position, payload)
    }

    /// Holds on to the segment with that position.
    pub fn lease(&self, position: Position) -> Result<Lease<D>, ReadError> {
        let held = self.shared.held();
        let behind = held.partition_point(|held| held.segment.base <= position);
        let found = behind
            .checked_sub(1)
            .map(|index| &held[index])
            .filter(|held| position < held.end && position < self.shared.end());
        let Some(Held { segment, end }) = found else {
            return Err(ReadError::NotHeld(position));
        };
        Ok(Lease { shared: Arc::clone(&self.shared), segment: Arc::clone(segment), end: *end })
    }
}

impl<D: Disk> Lease<D> {
    /// As [`Reader::read_at`], within this segment.
    pub fn read_at(&self, position: Position, buffer: &mut [u8]) -> Result<(), ReadError> {
        let end = self.end.min(self.shared.end());
        let is_held = position >= self.segment.base
            && position.0.checked_add(buffer.len() as u64).is_some_and(|behind| behind <= end.0);
        if !is_held {
            return Err(ReadError::NotHeld(position));
        }
        let count = self.segment.read(&self.shared.disk, self.segment.offset(position), buffer)?;
        // The file is shorter than it was.
        if count < buffer.len() { Err(self.segment.damage(position).into()) } else { Ok(()) }
    }

    /// As [`Reader::read_batch`], within this segment.
    pub fn read_batch(&self, position: Position, payload: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut bytes = [0; BATCH_HEADER_BYTES];
        self.read_at(position, &mut bytes)?;
        let header = BatchHeader::decode(&bytes);
        let room_bytes = self.end.min(self.shared.end()).since(position);
        if header.position != position || header.batch_bytes() > room_bytes {
            return Err(self.segment.damage(position).into());
        }
        payload.clear();
        payload.resize(header.payload_bytes as usize, 0);
        self.read_at(position.plus(HEADER_BYTES), payload)?;
        let is_good = self.shared.seal.is_good_in_parts(&bytes, payload);
        if is_good && !header.is_hole() { Ok(()) } else { Err(self.segment.damage(position).into()) }
    }
}

impl<D: Disk> Shared<D> {
    pub(crate) fn new(disk: D, seal: Seal, lock: D::Lock, held: VecDeque<Held<D>>, end: Position) -> Self {
        Self { disk, seal, held: Mutex::new(held), end: AtomicU64::new(end.0), _lock: lock }
    }

    pub(crate) fn end(&self) -> Position {
        Position(self.end.load(Ordering::Acquire))
    }

    /// What is before has been written.
    pub(crate) fn set_end(&self, end: Position) {
        self.end.store(end.0, Ordering::Release);
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, VecDeque<Held<D>>> {
        // No code that holds it can leave it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Disk> Clone for Reader<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Disk> fmt::Debug for Reader<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader up to {}", self.shared.end())
    }
}

impl<D: Disk> fmt::Debug for Lease<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease of {:?}", self.segment)
    }
}
