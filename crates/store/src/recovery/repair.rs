//! Going on without what is damaged: a copy is set aside first, then what is good is made to follow on what is good.
//!
//! A damaged stretch between good batches is written over with a hole, which is a batch without content. One at the end of a
//! segment is left out by the header of the next segment, which states where the one before it ends; so the stretch may also
//! be a whole file that is missing.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::Lost;
use super::gaps;
use super::inventory::Link;
use crate::batch::{HEADER_BYTES, HOLE, Seal};
use crate::error::{Context, Failure};
use crate::log::{Stop, next_good, walk};
use crate::segment::{Segment, SegmentHeader};
use crate::{Disk, MissingSegment, Operation, Position};

/// Repairs, and keeps account.
pub(super) struct Surgeon {
    folder: PathBuf,
    /// The copies, by the files they were made of.
    copies: BTreeMap<PathBuf, PathBuf>,
    lost: Vec<Lost>,
}

impl Surgeon {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), copies: BTreeMap::new(), lost: Vec::new() }
    }

    pub(super) fn into_lost(self) -> Vec<Lost> {
        self.lost
    }

    pub(super) fn gave_up(&mut self, lost: Lost) {
        self.lost.push(lost);
    }

    /// Looks through all segments whose end is known.
    pub(super) fn mend_all_but_the_last<D: Disk>(
        &mut self,
        disk: &D,
        links: &mut VecDeque<Link<D>>,
        seal: Seal,
    ) -> Result<(), Failure> {
        for index in 1..links.len() {
            let (segment, next) = (&links[index - 1].segment, &links[index]);
            let end = self.mend(disk, segment, seal, next)?;
            if end != next.header.previous_end {
                self.copy(disk, &next.segment.path, &next.segment.file)?;
                let header = SegmentHeader { previous_end: end, ..next.header };
                self.write_header(disk, &next.segment.path, &next.segment.file, header)?;
                links[index].header = header;
            }
        }
        Ok(())
    }

    /// Makes the batches of a segment follow each other. Gives where they end then, which is before where the next segment says
    /// if the last of them are lost, or a segment between the two is.
    fn mend<D: Disk>(
        &mut self,
        disk: &D,
        segment: &Segment<D>,
        seal: Seal,
        next: &Link<D>,
    ) -> Result<Position, Failure> {
        let (mut position, end) = (segment.base, next.header.previous_end);
        loop {
            let bad = match walk(disk, segment, seal, position, end, |_, _| ControlFlow::Continue(()))? {
                Stop::Done(end) => return Ok(end),
                Stop::Bad(bad) => bad,
            };
            let Some(good) = next_good(disk, segment, seal, bad.plus(HEADER_BYTES), end)? else {
                let (path, set_aside) = match gaps::between(disk, seal, &self.folder, (segment, next))? {
                    Some(MissingSegment { first, last, .. }) if first == last => (first, None),
                    Some(_) => (self.folder.clone(), None),
                    None => (segment.path.clone(), Some(self.copy(disk, &segment.path, &segment.file)?)),
                };
                self.gave_up(Lost { path, set_aside, from: bad, to: end });
                return Ok(bad);
            };
            self.fill_hole(disk, segment, seal, bad, good.position)?;
            position = good.position;
        }
    }

    /// Writes a hole over what is between two positions, which are at least the length of a header apart.
    pub(super) fn fill_hole<D: Disk>(
        &mut self,
        disk: &D,
        segment: &Segment<D>,
        seal: Seal,
        from: Position,
        to: Position,
    ) -> Result<(), Failure> {
        let set_aside = self.copy(disk, &segment.path, &segment.file)?;
        let mut position = from;
        while position < to {
            // Several, so that none needs much memory; what is left after each has room for another header.
            let left = to.since(position);
            let bytes = if left > HOLE_BYTES + HEADER_BYTES { HOLE_BYTES } else { left };
            let mut hole = vec![0; bytes as usize];
            let payload_bytes = (bytes - HEADER_BYTES) as u32;
            hole[..4].copy_from_slice(&payload_bytes.to_le_bytes());
            seal.put(&mut hole, position, HOLE);
            segment.write(disk, segment.offset(position), &hole)?;
            position = position.plus(bytes);
        }
        segment.sync(disk)?;
        self.gave_up(Lost { path: segment.path.clone(), set_aside: Some(set_aside), from, to });
        Ok(())
    }

    /// Gives a segment a new header in place of a damaged one.
    pub(super) fn replace_header<D: Disk>(
        &mut self,
        disk: &D,
        path: &Path,
        file: &D::File,
        header: SegmentHeader,
    ) -> Result<(), Failure> {
        let set_aside = self.copy(disk, path, file)?;
        self.write_header(disk, path, file, header)?;
        let (from, to) = (header.base, header.base);
        self.gave_up(Lost { path: path.to_path_buf(), set_aside: Some(set_aside), from, to });
        Ok(())
    }

    /// Takes a file out of the log of which nothing can be read, with so much room for batches.
    pub(super) fn set_aside_whole<D: Disk>(&mut self, disk: &D, path: &Path, room_bytes: u64) -> Result<(), Failure> {
        let aside = self.free_name(disk, path)?;
        disk.rename(path, &aside).context(Operation::Rename, path)?;
        disk.sync_folder(&self.folder).context(Operation::Sync, &self.folder)?;
        // Where in the log it stood, nobody knows.
        let (from, to) = (Position(0), Position(room_bytes));
        self.gave_up(Lost { path: path.to_path_buf(), set_aside: Some(aside), from, to });
        Ok(())
    }

    fn write_header<D: Disk>(
        &self,
        disk: &D,
        path: &Path,
        file: &D::File,
        header: SegmentHeader,
    ) -> Result<(), Failure> {
        disk.write_at(file, 0, &header.encode()).context(Operation::Write, path)?;
        disk.sync_data(file).context(Operation::Sync, path)
    }

    /// Copies a file as it is, before it is touched for the first time.
    fn copy<D: Disk>(&mut self, disk: &D, path: &Path, file: &D::File) -> Result<PathBuf, Failure> {
        if let Some(copy) = self.copies.get(path) {
            return Ok(copy.clone());
        }
        let aside = self.free_name(disk, path)?;
        let copy = disk.create(&aside).context(Operation::Create, &aside)?;
        let mut buffer = vec![0; PIECE_BYTES];
        let mut offset = 0;
        loop {
            let count = disk.read_at(file, offset, &mut buffer).context(Operation::Read, path)?;
            if count == 0 {
                break;
            }
            disk.write_at(&copy, offset, &buffer[..count]).context(Operation::Write, &aside)?;
            offset += count as u64;
        }
        disk.sync_data(&copy).context(Operation::Sync, &aside)?;
        disk.sync_folder(&self.folder).context(Operation::Sync, &self.folder)?;
        self.copies.insert(path.to_path_buf(), aside.clone());
        Ok(aside)
    }

    /// `<segment>.bad`; a repair before may have left one.
    fn free_name<D: Disk>(&self, disk: &D, path: &Path) -> Result<PathBuf, Failure> {
        let mut aside = path.with_added_extension("bad");
        for number in 2.. {
            match disk.kind(&aside) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                kind => kind.context(Operation::Open, &aside)?,
            };
            aside = path.with_added_extension(format!("{number}.bad"));
        }
        Ok(aside)
    }
}

const PIECE_BYTES: usize = 256 << 10;

/// How much one hole covers.
const HOLE_BYTES: u64 = 1 << 20;
