//! The log.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use std::path::Path;

use crate::recovery::Opened;
use crate::{Disk, OpenError, Options, Position, ReadError, Repair, Snapshot, WriteError};

/// An open log. There is one for each folder, and it writes.
#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: PhantomData<D>,
}

/// Reads single places of the log from any thread, while it is written.
#[derive(Debug)]
pub struct Reader<D: Disk> {
    disk: PhantomData<D>,
}

/// Holds on to a segment: as long as it lives, the segment's bytes stay, also when the log has retired it.
#[derive(Debug)]
pub struct Lease<D: Disk> {
    disk: PhantomData<D>,
}

const SOON: &str = "not there yet";

impl<D: Disk> Log<D> {
    /// Opens the log in a folder, which is made where it is missing: locks it, recovers, and begins a segment.
    pub fn open(_disk: D, _folder: &Path, _options: Options, _repair: Repair) -> Result<Opened<D>, OpenError> {
        Err(OpenError::Options(SOON))
    }

    /// Visits the payloads of all batches between two positions that are the beginnings of batches (or the end of the log), in
    /// order, each with its position. Gives the position behind the last one visited.
    pub fn read(
        &self,
        from: Position,
        _to: Position,
        _visit: impl FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<Position, ReadError> {
        Err(ReadError::NotHeld(from))
    }

    /// The first position still held.
    pub fn start(&self) -> Position {
        Position(0)
    }

    /// Where the next batch goes.
    pub fn end(&self) -> Position {
        Position(0)
    }

    /// Everything before is synced.
    pub fn durable(&self) -> Position {
        Position(0)
    }

    /// Appends batches that stand back to back in the buffer, each behind a header that holds its payload's length and zeros.
    /// Fills the headers in. The first batch gets the position [`Log::end`], the next ones follow; where a segment ends
    /// between two of them, their positions still follow each other. Does not sync, except the old segment when a new one begins.
    pub fn write(&mut self, _batches: &mut [u8]) -> Result<(), WriteError> {
        Err(WriteError::Misuse(SOON))
    }

    /// [`Log::write`] that may also use the reserve: for what leads to space becoming free.
    pub fn write_reserved(&mut self, _batches: &mut [u8]) -> Result<(), WriteError> {
        Err(WriteError::Misuse(SOON))
    }

    /// Makes durable what was written. Gives the position before which everything is.
    pub fn sync(&mut self) -> Result<Position, WriteError> {
        Err(WriteError::Misuse(SOON))
    }

    /// Makes the next segment and the reserve ready, so that [`Log::write`] finds them. For idle moments.
    pub fn prepare(&mut self) -> Result<(), WriteError> {
        Err(WriteError::Misuse(SOON))
    }

    /// Syncs, begins a segment whose header holds this snapshot, and frees the segments that end at or before its floor. The
    /// snapshot's records must have been written. May use the reserve.
    pub fn retire(&mut self, _snapshot: Snapshot) -> Result<(), WriteError> {
        Err(WriteError::Misuse(SOON))
    }

    /// The size of all segment files together, those that are ready or kept free included.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Whether [`Log::write`] has room for that many bytes without allocating, or may allocate as far as the options go. What the disk has,
    /// only the attempt tells.
    pub fn has_room(&self, _bytes: u64) -> bool {
        true
    }

    /// Reads single places from other threads.
    pub fn reader(&self) -> Reader<D> {
        Reader { disk: PhantomData }
    }
}

impl<D: Disk> Clone for Reader<D> {
    fn clone(&self) -> Self {
        Self { disk: PhantomData }
    }
}

impl<D: Disk> Reader<D> {
    /// Fills the buffer with the log's bytes from a position on, all of which must stand in one segment (as a batch does).
    /// They are as the disk gives them: nothing is verified.
    pub fn read_at(&self, position: Position, _buffer: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::NotHeld(position))
    }

    /// Reads and verifies the batch at a position; its payload replaces what is in the buffer.
    pub fn read_batch(&self, position: Position, _payload: &mut Vec<u8>) -> Result<(), ReadError> {
        Err(ReadError::NotHeld(position))
    }

    /// Holds on to the segment with that position.
    pub fn lease(&self, position: Position) -> Result<Lease<D>, ReadError> {
        Err(ReadError::NotHeld(position))
    }
}

impl<D: Disk> Lease<D> {
    /// As [`Reader::read_at`], within this segment.
    pub fn read_at(&self, position: Position, _buffer: &mut [u8]) -> Result<(), ReadError> {
        Err(ReadError::NotHeld(position))
    }

    /// As [`Reader::read_batch`], within this segment.
    pub fn read_batch(&self, position: Position, _payload: &mut Vec<u8>) -> Result<(), ReadError> {
        Err(ReadError::NotHeld(position))
    }
}
