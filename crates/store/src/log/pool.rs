//! Segment files that hold nothing the log needs: made in advance, or retired and used again.
//!
//! What must hold:
//! * a file has the name of a segment only once all of its bytes were written and synced, so that writing batches into it
//!   later takes no space and syncing them no change of its size;
//! * the number in a file's name grows with each use, and the name is durable before the file gets a header;
//! * a file that began where the next segment may begin is not used again: old batches in it would stand where new ones are
//!   looked for.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Context, Failure};
use crate::segment::{SEGMENT_HEADER_BYTES, Segment, segment_path};
use crate::{Disk, Limit, Operation, Options, Position};

/// The files that are ready for use.
pub(crate) struct Pool<D: Disk> {
    folder: PathBuf,
    options: Options,
    ready: VecDeque<Spare<D>>,
    /// Retired segments that somebody still reads.
    leased: Vec<Arc<Segment<D>>>,
    /// The greatest number in any file's name.
    greatest_sequence: u64,
    /// The size of all segment files, those of the log included.
    total_bytes: u64,
    names_are_durable: bool,
}

/// A file without a part in the log.
pub(crate) struct Spare<D: Disk> {
    pub(crate) path: PathBuf,
    pub(crate) file: D::File,
    pub(crate) sequence: u64,
    pub(crate) room_bytes: u64,
}

/// Whether the log may become larger than its owner wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It may not.
    Kept,
    /// What has to be written all the same, so that room is made.
    MayBeExceeded,
}

/// Why there is no further file.
pub(crate) enum Refusal {
    Full(Limit),
    Failed(Failure),
}

/// How many files are kept beyond the reserve. More, and retired ones are removed.
const READY_MAX: u32 = 3;

/// So many files beyond the reserve are room that nobody has to be sparing with.
const AMPLE_SEGMENTS: u32 = 6;

/// While a file is being made. What is found under this name was never used.
pub(crate) const UNFINISHED: &str = "unfinished";

/// How many zeros are written at once.
const ZEROS_BYTES: usize = 256 << 10;

impl<D: Disk> Pool<D> {
    pub(crate) fn new(folder: &Path, options: Options) -> Self {
        Self {
            folder: folder.to_path_buf(),
            options,
            ready: VecDeque::new(),
            leased: Vec::new(),
            greatest_sequence: 0,
            total_bytes: 0,
            names_are_durable: false,
        }
    }

    /// A file of the log, found when it was opened.
    pub(crate) fn enter_segment(&mut self, segment: &Segment<D>) {
        self.greatest_sequence = self.greatest_sequence.max(segment.sequence);
        self.total_bytes += SEGMENT_HEADER_BYTES + segment.room_bytes;
    }

    /// A file without a part in the log, found when it was opened.
    pub(crate) fn enter_spare(&mut self, spare: Spare<D>) {
        self.greatest_sequence = self.greatest_sequence.max(spare.sequence);
        self.total_bytes += SEGMENT_HEADER_BYTES + spare.room_bytes;
        self.ready.push_back(spare);
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The room in a segment of the usual size.
    pub(crate) fn usual_room_bytes(&self) -> u64 {
        self.options.segment_bytes - SEGMENT_HEADER_BYTES
    }

    /// See [`Options::shared_file_batch_bytes_max`].
    pub(crate) fn shared_file_batch_bytes_max(&self) -> u64 {
        self.options.shared_file_batch_bytes_max()
    }

    /// How many files of the usual size are ready.
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.iter().filter(|spare| spare.room_bytes == self.usual_room_bytes()).count()
    }

    /// Has at least as many files of the usual size ready, and one for each of the other sizes.
    pub(crate) fn provide(
        &mut self,
        disk: &D,
        usual_count: usize,
        others: &[u64],
        bound: Bound,
    ) -> Result<(), Refusal> {
        while self.ready_count() < usual_count {
            match self.make(disk, self.usual_room_bytes(), bound) {
                // One of a size that nobody waits for takes the room.
                Err(Refusal::Full(_)) if self.remove_odd(disk, others)? => {}
                made => made?,
            }
        }
        for room_bytes in others {
            let wanted = others.iter().filter(|other| *other == room_bytes).count();
            while self.ready.iter().filter(|spare| spare.room_bytes == *room_bytes).count() < wanted {
                match self.make(disk, *room_bytes, bound) {
                    // One that is not needed takes the room.
                    Err(Refusal::Full(_)) if self.ready_count() > usual_count => self.remove_usual(disk)?,
                    made => made?,
                }
            }
        }
        Ok(())
    }

    /// Takes a file with that much room, which [`Pool::provide`] has seen to, and whose number is greater than `sequence`.
    pub(crate) fn take(&mut self, disk: &D, room_bytes: u64, sequence: u64) -> Result<Option<Spare<D>>, Failure> {
        let Some(index) = self.ready.iter().position(|spare| spare.room_bytes == room_bytes) else {
            return Ok(None);
        };
        self.rename_behind(disk, index, sequence)?;
        self.make_names_durable(disk)?;
        Ok(self.ready.remove(index))
    }

    /// Takes back what the log no longer needs. `next_base` is where the last segment begins.
    pub(crate) fn give_back(&mut self, disk: &D, segment: Arc<Segment<D>>, next_base: Position) -> Result<(), Failure> {
        match Arc::try_unwrap(segment) {
            Ok(segment) => self.recycle(disk, segment, next_base),
            Err(leased) => {
                self.leased.push(leased);
                Ok(())
            }
        }
    }

    /// Takes back what was still being read when it was given back.
    pub(crate) fn collect_leased(&mut self, disk: &D, next_base: Position) -> Result<(), Failure> {
        for segment in std::mem::take(&mut self.leased) {
            self.give_back(disk, segment, next_base)?;
        }
        Ok(())
    }

    /// Removes what is of no use, and gives the next file its name, so that [`Pool::take`] has nothing left to do.
    pub(crate) fn tidy(&mut self, disk: &D, sequence: u64) -> Result<(), Failure> {
        while let Some(index) = self.ready.iter().position(|spare| spare.room_bytes != self.usual_room_bytes()) {
            self.remove(disk, index)?;
        }
        while self.ready.len() > self.ready_max() {
            self.remove(disk, self.ready.len() - 1)?;
        }
        if !self.ready.is_empty() {
            self.rename_behind(disk, 0, sequence)?;
        }
        self.make_names_durable(disk)
    }

    /// The failure to find what should have been provided.
    pub(crate) fn nothing_ready(&self) -> Failure {
        let error = Arc::new(io::Error::other("no segment is ready"));
        Failure { operation: Operation::Open, path: self.folder.clone(), error }
    }

    fn recycle(&mut self, disk: &D, segment: Segment<D>, next_base: Position) -> Result<(), Failure> {
        let Segment { path, file, sequence, base, room_bytes } = segment;
        self.ready.push_back(Spare { path, file, sequence, room_bytes });
        let is_usual = room_bytes == self.usual_room_bytes();
        if !is_usual || base >= next_base || self.ready.len() > self.ready_max() {
            self.remove(disk, self.ready.len() - 1)?;
        }
        Ok(())
    }

    fn ready_max(&self) -> usize {
        (self.options.reserve_segments + READY_MAX) as usize
    }

    fn remove(&mut self, disk: &D, index: usize) -> Result<(), Failure> {
        if let Some(spare) = self.ready.remove(index) {
            self.total_bytes -= SEGMENT_HEADER_BYTES + spare.room_bytes;
            self.names_are_durable = false;
            disk.remove(&spare.path).context(Operation::Remove, &spare.path)?;
        }
        Ok(())
    }

    fn remove_usual(&mut self, disk: &D) -> Result<(), Failure> {
        let usual = self.usual_room_bytes();
        let index = self.ready.iter().position(|spare| spare.room_bytes == usual);
        index.map_or(Ok(()), |index| self.remove(disk, index))
    }

    /// Removes one of another size than the usual one and these, if there is one: it was made for a batch that was never written.
    fn remove_odd(&mut self, disk: &D, others: &[u64]) -> Result<bool, Failure> {
        let usual = self.usual_room_bytes();
        let is_odd = |spare: &Spare<D>| spare.room_bytes != usual && !others.contains(&spare.room_bytes);
        let index = self.ready.iter().position(is_odd);
        index.map_or(Ok(()), |index| self.remove(disk, index))?;
        Ok(index.is_some())
    }

    /// Whether there is so much room that a file may be begun without need, as far as is known without making one.
    pub(crate) fn has_ample_room(&self, disk: &D) -> bool {
        let missing =
            u64::from(self.options.reserve_segments + AMPLE_SEGMENTS).saturating_sub(self.ready_count() as u64);
        missing == 0
            || disk.free_bytes(&self.folder).is_none_or(|free_bytes| free_bytes / self.options.segment_bytes >= missing)
    }

    /// Sees to it that a ready file has a number greater than `sequence`.
    fn rename_behind(&mut self, disk: &D, index: usize, sequence: u64) -> Result<(), Failure> {
        let spare = &mut self.ready[index];
        if spare.sequence <= sequence {
            self.greatest_sequence += 1;
            let path = segment_path(&self.folder, self.greatest_sequence);
            disk.rename(&spare.path, &path).context(Operation::Rename, &spare.path)?;
            (spare.path, spare.sequence) = (path, self.greatest_sequence);
            self.names_are_durable = false;
        }
        Ok(())
    }

    fn make_names_durable(&mut self, disk: &D) -> Result<(), Failure> {
        if !self.names_are_durable {
            disk.sync_folder(&self.folder).context(Operation::Sync, &self.folder)?;
            self.names_are_durable = true;
        }
        Ok(())
    }

    /// Makes a file. Without room it leaves none behind.
    fn make(&mut self, disk: &D, room_bytes: u64, bound: Bound) -> Result<(), Refusal> {
        let bytes = SEGMENT_HEADER_BYTES + room_bytes;
        let is_bound = bound == Bound::Kept;
        if is_bound && self.options.max_bytes.is_some_and(|max| self.total_bytes.saturating_add(bytes) > max) {
            return Err(Refusal::Full(Limit::MaxBytes));
        }
        let unfinished = self.folder.join(UNFINISHED);
        if disk.free_bytes(&self.folder).is_some_and(|free_bytes| free_bytes < bytes) {
            // A full disk is asked often: it is not filled up to the last byte each time. What is left of an attempt before is no loss.
            let _ = disk.remove(&unfinished);
            return Err(Refusal::Full(Limit::Disk));
        }
        let made = self.make_unfinished(disk, &unfinished, bytes);
        let file = made.inspect_err(|_| {
            // What cannot be removed now is removed before the next is made.
            let _ = disk.remove(&unfinished);
        })?;
        self.greatest_sequence += 1;
        let (sequence, path) = (self.greatest_sequence, segment_path(&self.folder, self.greatest_sequence));
        disk.rename(&unfinished, &path).context(Operation::Rename, &unfinished)?;
        self.names_are_durable = false;
        self.total_bytes += bytes;
        self.ready.push_back(Spare { path, file, sequence, room_bytes });
        Ok(())
    }

    fn make_unfinished(&self, disk: &D, path: &Path, bytes: u64) -> Result<D::File, Failure> {
        let mut created = disk.create(path);
        if created.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            disk.remove(path).context(Operation::Remove, path)?;
            created = disk.create(path);
        }
        let file = created.context(Operation::Create, path)?;
        write_zeros(disk, &file, path, 0, bytes)?;
        disk.sync_data(&file).context(Operation::Sync, path)?;
        Ok(file)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        if failure.is_full() { Refusal::Full(Limit::Disk) } else { Refusal::Failed(failure) }
    }
}

/// Writes zeros from an offset up to an end. They are written, not merely promised by the file system, so that syncing what
/// is written in their place changes nothing but data.
pub(crate) fn write_zeros<D: Disk>(disk: &D, file: &D::File, path: &Path, from: u64, to: u64) -> Result<(), Failure> {
    let zeros = vec![0; to.saturating_sub(from).min(ZEROS_BYTES as u64) as usize];
    let mut offset = from;
    while offset < to {
        let count = zeros.len().min((to - offset) as usize);
        disk.write_at(file, offset, &zeros[..count]).context(Operation::Write, path)?;
        offset += count as u64;
    }
    Ok(())
}
