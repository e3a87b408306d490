//! A log on a simulated disk, and what was written to it.
//!
//! Payloads tell which one they are, so that what is read can be compared with what was written by number: whatever happens,
//! a log holds a beginning of what was written, at least up to the last sync.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use midge_store::memory_disk::MemoryDisk;
use midge_store::{
    BATCH_HEADER_BYTES, Disk, Log, OpenError, Opened, Options, Position, ReadError, Repair, Snapshot, WriteError,
};

/// Room for 4096 bytes of batches in each segment.
pub(crate) const OPTIONS: Options =
    Options { segment_bytes: 8192, reserve_segments: 2, max_bytes: None, allow_symlinks: false };

pub(crate) fn folder() -> &'static Path {
    Path::new("/log")
}

pub(crate) fn segment(number: u32) -> PathBuf {
    folder().join(format!("{number:010}.segment"))
}

/// The files that have a header under their own name, in order, each with where its batches begin.
pub(crate) fn segments(disk: &MemoryDisk) -> Vec<(PathBuf, Position)> {
    let mut segments = Vec::new();
    for path in disk.paths().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "segment")) {
        let bytes = disk.contents(&path).expect("there");
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("a header"));
        if bytes.starts_with(b"MidgeLog") && path == folder().join(format!("{:010}.segment", number(24))) {
            segments.push((path, Position(number(32))));
        }
    }
    segments
}

pub(crate) fn open<D: Disk>(disk: D) -> Result<Opened<D>, OpenError> {
    Log::open(disk, folder(), OPTIONS, Repair::No)
}

pub(crate) fn repair(disk: &MemoryDisk) -> Opened<MemoryDisk> {
    Log::open(disk.clone(), folder(), OPTIONS, Repair::Yes).expect("repaired")
}

#[track_caller]
pub(crate) fn must_open(disk: &MemoryDisk) -> Opened<MemoryDisk> {
    open(disk.clone()).expect("opened")
}

/// A buffer with batches of these payloads.
pub(crate) fn buffer<P: AsRef<[u8]>>(payloads: &[P]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads.iter().map(AsRef::as_ref) {
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend([0; BATCH_HEADER_BYTES - 4]);
        bytes.extend(payload);
    }
    bytes
}

/// The payload with that number: some have no more than the number, some fill much of a segment, and one in 29 is larger.
pub(crate) fn payload(number: u32) -> Vec<u8> {
    let length = match number % 29 {
        28 => 5000,
        remainder => 4 + remainder * remainder % 700,
    };
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(length as usize, number as u8);
    bytes
}

pub(crate) fn write<D: Disk>(log: &mut Log<D>, numbers: impl IntoIterator<Item = u32>) -> Result<(), WriteError> {
    let payloads: Vec<_> = numbers.into_iter().map(payload).collect();
    log.write(&mut buffer(&payloads))
}

/// Writes and syncs.
#[track_caller]
pub(crate) fn put<D: Disk>(log: &mut Log<D>, numbers: impl IntoIterator<Item = u32>) {
    write(log, numbers).expect("written");
    assert_eq!(log.sync().expect("synced"), log.end());
}

/// All batches, with their positions.
pub(crate) fn read<D: Disk>(log: &Log<D>) -> Result<Vec<(Position, Vec<u8>)>, ReadError> {
    let mut batches = Vec::new();
    let end = log.read(log.start(), log.end(), |position, payload| {
        batches.push((position, payload.to_vec()));
        ControlFlow::Continue(())
    })?;
    assert_eq!(end, log.end());
    Ok(batches)
}

/// The numbers of all payloads, each of which must be as it was written.
#[track_caller]
pub(crate) fn numbers<D: Disk>(log: &Log<D>) -> Vec<u32> {
    let batches = read(log).expect("readable");
    let number = |(_, bytes): &(Position, Vec<u8>)| {
        let number = u32::from_le_bytes(*bytes.first_chunk().expect("a number"));
        assert_eq!(*bytes, payload(number));
        number
    };
    batches.iter().map(number).collect()
}

/// A snapshot that needs the log from there on.
pub(crate) fn snapshot_at(position: Position) -> Snapshot {
    Snapshot { from: position, end: position, floor: position, mark: position.0 }
}
