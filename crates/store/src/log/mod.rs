//! An open log: appending, syncing, going on to the next segment, and giving up old ones.
//!
//! What must hold:
//! * only the last segment can have unsynced bytes: a new one begins after the old one was synced;
//! * everything that may be refused for lack of room is asked for before the first byte is written;
//! * after the first failure nothing is done any more.

mod copy;
mod pool;
mod reader;
mod scan;

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use copy::Copied;
pub(crate) use pool::{Bound, Pool, Refusal, Spare, UNFINISHED, write_zeros};
pub(crate) use reader::{Held, Shared};
pub use reader::{Lease, Reader};
pub(crate) use scan::{Stop, next_good, walk};

use crate::batch::{HEADER_BYTES, u32_at};
use crate::error::Failure;
use crate::recovery::{self, Opened};
use crate::segment::{Segment, SegmentHeader};
use crate::{BATCH_HEADER_BYTES, Disk, OpenError, Options, Position, ReadError, Repair, Snapshot, WriteError};

/// An open log. There is one for each folder, and it writes.
pub struct Log<D: Disk> {
    shared: Arc<Shared<D>>,
    folder: PathBuf,
    reserve_segments: usize,
    max_bytes: u64,
    identity: u64,
    pool: Pool<D>,
    /// The segment that is written.
    last: Arc<Segment<D>>,
    end: Position,
    durable: Position,
    snapshot: Option<Snapshot>,
    failure: Option<Failure>,
}

/// What recovery hands over.
pub(crate) struct Recovered<D: Disk> {
    pub(crate) shared: Shared<D>,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) identity: u64,
    pub(crate) pool: Pool<D>,
    pub(crate) last: Arc<Segment<D>>,
    pub(crate) snapshot: Option<Snapshot>,
}

/// What the log has room for, in files that are ready and such as can still be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Within [`Options::max_bytes`].
    pub allowed_bytes: u64,
    /// On the disk.
    pub disk_bytes: u64,
}

/// Batches that go into one segment.
struct Run {
    bytes: usize,
    /// The room of the segment that is begun for them.
    new_room_bytes: Option<u64>,
}

impl<D: Disk> Log<D> {
    /// Opens the log in a folder, which is made where it is missing: locks it, recovers, and begins a segment.
    pub fn open(disk: D, folder: &Path, options: Options, repair: Repair) -> Result<Opened<D>, OpenError> {
        recovery::open(disk, folder, options, repair)
    }

    /// Whether a log could be opened in a folder, as far as the folder tells: nothing is made, locked or read, and a log that is
    /// open is no hindrance.
    pub fn check_folder(disk: &D, folder: &Path, options: &Options) -> Result<(), OpenError> {
        recovery::check_folder(disk, folder, options)
    }

    pub(crate) fn new(recovered: Recovered<D>) -> Self {
        let Recovered { shared, folder, options, identity, pool, last, snapshot } = recovered;
        let end = shared.end();
        Self {
            shared: Arc::new(shared),
            folder,
            reserve_segments: options.reserve_segments as usize,
            max_bytes: options.max_bytes.unwrap_or(u64::MAX),
            identity,
            pool,
            last,
            end,
            durable: end,
            snapshot,
            failure: None,
        }
    }

    /// Visits the payloads of all batches between two positions, in order, each with its position. `from` is the beginning of
    /// a batch, or the start or the end of the log. Gives the position behind the last batch visited. Everything read is
    /// verified, and what a repair gave up is passed over.
    pub fn read(
        &self,
        from: Position,
        to: Position,
        mut visit: impl FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<Position, ReadError> {
        if from < self.start() || from > self.end {
            return Err(ReadError::NotHeld(from));
        }
        let to = to.min(self.end);
        let segments: Vec<_> = self.shared.held().iter().map(|held| (Arc::clone(&held.segment), held.end)).collect();
        let mut position = from;
        for (segment, end) in segments {
            let end = end.min(to);
            if position >= end {
                continue;
            }
            let (disk, seal) = (&self.shared.disk, self.shared.seal);
            let mut is_broken_off = false;
            let mut visit = |header: &crate::batch::BatchHeader, payload: &[u8]| {
                if header.is_hole() || header.position < from {
                    return ControlFlow::Continue(());
                }
                let flow = visit(header.position, payload);
                is_broken_off = flow.is_break();
                flow
            };
            let begin = position.max(segment.base);
            let mut stop = walk(disk, &segment, seal, begin, end, &mut visit)?;
            if stop == Stop::Bad(begin) && begin > segment.base {
                // It may have begun in what a repair gave up.
                stop = walk(disk, &segment, seal, segment.base, end, &mut visit)?;
            }
            match stop {
                Stop::Done(behind) if is_broken_off => return Ok(behind),
                Stop::Done(behind) => position = behind,
                Stop::Bad(bad) => return Err(segment.damage(bad).into()),
            }
        }
        Ok(position.max(from))
    }

    /// The same with a visit that may fail, which ends it: the outer error is the log's, the inner one the visit's.
    pub fn try_read<E>(
        &self,
        from: Position,
        to: Position,
        mut visit: impl FnMut(Position, &[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, ReadError> {
        let mut outcome = Ok(());
        self.read(from, to, |position, payload| {
            outcome = visit(position, payload);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(outcome)
    }

    /// The first position still held.
    pub fn start(&self) -> Position {
        self.shared.held().front().map_or(self.end, |held| held.segment.base)
    }

    /// Where the next batch goes.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Everything before is synced.
    pub fn durable(&self) -> Position {
        self.durable
    }

    /// The snapshot in force: what the last [`Log::retire`] was given.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.snapshot
    }

    /// Appends batches that stand back to back in the buffer, each behind a header that holds its payload's length and zeros.
    /// Fills the headers in. The first batch gets the position [`Log::end`], and the others follow without a gap. Does not
    /// sync, except the old segment when a new one begins.
    pub fn write(&mut self, batches: &mut [u8]) -> Result<(), WriteError> {
        self.append(batches, self.reserve_segments, Bound::Kept)
    }

    /// [`Log::write`] that may also use the reserve, and make the log larger than [`Options::max_bytes`]: for what has to be
    /// written all the same, and leads to space becoming free.
    pub fn write_reserved(&mut self, batches: &mut [u8]) -> Result<(), WriteError> {
        self.append(batches, 0, Bound::MayBeExceeded)
    }

    /// Makes durable what was written. Gives the position before which everything is.
    pub fn sync(&mut self) -> Result<Position, WriteError> {
        self.not_failed()?;
        let synced = self.sync_last();
        self.or_fail(synced)?;
        Ok(self.durable)
    }

    /// Makes the next segment and the reserve ready, so that [`Log::write`] finds them. For idle moments.
    pub fn prepare(&mut self) -> Result<(), WriteError> {
        self.not_failed()?;
        self.provide(self.reserve_segments + 1, &[], Bound::Kept)?;
        let tidied = self.pool.tidy(&self.shared.disk, self.last.sequence);
        self.or_fail(tidied)
    }

    /// Syncs, begins a segment whose header holds this snapshot, and frees the segments that end at or before its floor. The
    /// snapshot's records must have been written. May use the reserve, and exceed [`Options::max_bytes`].
    pub fn retire(&mut self, snapshot: Snapshot) -> Result<(), WriteError> {
        self.not_failed()?;
        if !snapshot.is_in_order(self.end) || snapshot.from < self.start() {
            return Err(WriteError::Misuse("a snapshot has floor <= from <= end, and lies in the log"));
        }
        self.provide(1, &[], Bound::MayBeExceeded)?;
        let room_bytes = self.pool.usual_room_bytes();
        let retired = self.begin_segment(room_bytes, Some(snapshot)).and_then(|()| self.free_segments(snapshot.floor));
        self.or_fail(retired)
    }

    /// The size of a segment file of the usual size.
    pub fn segment_bytes(&self) -> u64 {
        self.pool.usual_room_bytes() + crate::SEGMENT_HEADER_BYTES
    }

    /// The size of all segment files together, those that are ready or kept free included.
    pub fn bytes(&self) -> u64 {
        self.pool.total_bytes()
    }

    /// How many bytes of batches can be written without the reserve. Others may take the disk's room meanwhile: only the
    /// attempt tells.
    pub fn room(&self) -> Room {
        let room_bytes = self.pool.usual_room_bytes();
        let free_bytes = self.shared.disk.free_bytes(&self.folder).unwrap_or(u64::MAX);
        let with = |may_grow_bytes: u64| {
            let to_come = may_grow_bytes / self.segment_bytes();
            let segments = (self.pool.ready_count() as u64 + to_come).saturating_sub(self.reserve_segments as u64);
            self.last.limit().since(self.end).saturating_add(segments.saturating_mul(room_bytes))
        };
        let may_grow_bytes = self.max_bytes.saturating_sub(self.bytes());
        Room { allowed_bytes: with(may_grow_bytes.min(free_bytes)), disk_bytes: with(free_bytes) }
    }

    /// Reads single places from other threads.
    pub fn reader(&self) -> Reader<D> {
        Reader::new(Arc::clone(&self.shared))
    }

    fn append(&mut self, batches: &mut [u8], reserve_segments: usize, bound: Bound) -> Result<(), WriteError> {
        self.not_failed()?;
        let room_bytes = self.last.limit().since(self.end);
        let usual_room_bytes = self.pool.usual_room_bytes();
        let shared_bytes_max = self.pool.shared_file_batch_bytes_max();
        let runs = divide(batches, room_bytes, usual_room_bytes, shared_bytes_max).ok_or(MALFORMED)?;
        let (usual, others): (Vec<u64>, Vec<u64>) =
            runs.iter().filter_map(|run| run.new_room_bytes).partition(|bytes| *bytes == usual_room_bytes);
        if runs.len() > 1 {
            let reserve_segments = if usual.is_empty() { 0 } else { reserve_segments };
            self.provide(usual.len() + reserve_segments, &others, bound)?;
        }
        let mut rest = batches;
        for run in runs {
            let (batches, behind) = rest.split_at_mut(run.bytes);
            let written = run
                .new_room_bytes
                .map_or(Ok(()), |room_bytes| self.begin_segment(room_bytes, self.snapshot))
                .and_then(|()| self.write_run(batches));
            self.or_fail(written)?;
            rest = behind;
        }
        Ok(())
    }

    /// Writes batches that all go into the last segment.
    fn write_run(&mut self, batches: &mut [u8]) -> Result<(), Failure> {
        if batches.is_empty() {
            return Ok(());
        }
        let mut at = 0;
        while at < batches.len() {
            let behind = at + BATCH_HEADER_BYTES + u32_at(batches, at) as usize;
            self.shared.seal.put(&mut batches[at..behind], self.end.plus(at as u64), self.durable);
            at = behind;
        }
        self.last.write(&self.shared.disk, self.last.offset(self.end), batches)?;
        self.end = self.end.plus(batches.len() as u64);
        self.shared.set_end(self.end);
        Ok(())
    }

    fn sync_last(&mut self) -> Result<(), Failure> {
        if self.durable < self.end {
            self.last.sync(&self.shared.disk)?;
            self.durable = self.end;
        }
        Ok(())
    }

    /// Begins a segment at the end of the log. A file for it must be ready.
    fn begin_segment(&mut self, room_bytes: u64, snapshot: Option<Snapshot>) -> Result<(), Failure> {
        self.sync_last()?;
        let header = SegmentHeader {
            identity: self.identity,
            sequence: self.last.sequence,
            base: self.end,
            previous_end: self.end,
            snapshot,
            room_bytes,
        };
        let last = Arc::new(begin_segment(&self.shared.disk, &mut self.pool, header)?);
        let mut held = self.shared.held();
        if let Some(old) = held.back_mut() {
            old.end = self.end;
        }
        held.push_back(Held { segment: Arc::clone(&last), end: last.limit() });
        self.last = last;
        self.snapshot = snapshot;
        Ok(())
    }

    fn free_segments(&mut self, floor: Position) -> Result<(), Failure> {
        let disk = &self.shared.disk;
        self.pool.collect_leased(disk, self.last.base)?;
        loop {
            let mut held = self.shared.held();
            let is_free = held.len() > 1 && held.front().is_some_and(|first| first.end <= floor);
            let Some(freed) = is_free.then(|| held.pop_front()).flatten() else {
                return Ok(());
            };
            drop(held);
            self.pool.give_back(disk, freed.segment, self.last.base)?;
        }
    }

    fn provide(&mut self, usual_count: usize, others: &[u64], bound: Bound) -> Result<(), WriteError> {
        let disk = &self.shared.disk;
        let collected = self.pool.collect_leased(disk, self.last.base).map_err(Refusal::Failed);
        match collected.and_then(|()| self.pool.provide(disk, usual_count, others, bound)) {
            Ok(()) => Ok(()),
            Err(Refusal::Full(limit)) => Err(WriteError::Full { folder: self.folder.clone(), limit }),
            Err(Refusal::Failed(failure)) => self.or_fail(Err(failure)),
        }
    }

    fn not_failed(&self) -> Result<(), WriteError> {
        self.failure.clone().map_or(Ok(()), |failure| Err(WriteError::Failed(failure)))
    }

    fn or_fail(&mut self, result: Result<(), Failure>) -> Result<(), WriteError> {
        result.map_err(|failure| {
            self.failure = Some(failure.clone());
            WriteError::Failed(failure)
        })
    }
}

impl<D: Disk> fmt::Debug for Log<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log in {} from {} to {}", self.folder.display(), self.start(), self.end)
    }
}

/// Puts a header into a file that is ready and has the room that it states. `header.sequence` is that of the segment before; it becomes the file's.
pub(crate) fn begin_segment<D: Disk>(
    disk: &D,
    pool: &mut Pool<D>,
    mut header: SegmentHeader,
) -> Result<Segment<D>, Failure> {
    let spare = pool.take(disk, header.room_bytes, header.sequence)?;
    let Spare { path, file, sequence, room_bytes } = spare.ok_or_else(|| pool.nothing_ready())?;
    header.sequence = sequence;
    let segment = Segment { path, file, sequence, base: header.base, room_bytes };
    segment.write(disk, 0, &header.encode())?;
    segment.sync(disk)?;
    Ok(segment)
}

/// Divides batches among the last segment, which has some room left, and new ones; a batch longer than `shared_bytes_max` shares no
/// new one. `None` if the lengths do not add up.
fn divide(batches: &[u8], mut room_bytes: u64, usual_room_bytes: u64, shared_bytes_max: u64) -> Option<VecDeque<Run>> {
    let mut runs = VecDeque::from([Run { bytes: 0, new_room_bytes: None }]);
    let mut rest = batches;
    while !rest.is_empty() {
        let header = rest.first_chunk::<BATCH_HEADER_BYTES>()?;
        let batch_bytes = HEADER_BYTES + u64::from(u32_at(header, 0));
        rest = rest.get(usize::try_from(batch_bytes).ok()?..)?;
        if batch_bytes > room_bytes {
            room_bytes = if batch_bytes > shared_bytes_max { batch_bytes } else { usual_room_bytes };
            runs.push_back(Run { bytes: 0, new_room_bytes: Some(room_bytes) });
        }
        room_bytes -= batch_bytes;
        runs.back_mut()?.bytes += batch_bytes as usize;
    }
    Some(runs)
}

const MALFORMED: WriteError =
    WriteError::Misuse("batches stand back to back, each behind a header that begins with its payload's length");
