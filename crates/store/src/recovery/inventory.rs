//! Which files there are, and which of them are segments of the log.
//!
//! A file is a segment if its header is good, states the number that is its name, and the snapshot in force needs it. A file
//! whose header is none is ready for use, unless a batch of the log stands in it where a segment in its place would have its
//! first: then its header was good once, and is damaged.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::repair::Surgeon;
use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::error::{Context, Failure};
use crate::log::{Spare, UNFINISHED};
use crate::segment::{HEADER_LENGTH, HeaderFault, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, sequence_of};
use crate::{BATCH_HEADER_BYTES, Damage, Disk, EntryKind, OpenError, Operation, Options, Position, Snapshot};

/// All files that have the name of a segment.
pub(super) struct Inventory<D: Disk> {
    /// By number.
    pub(super) found: Vec<Found<D>>,
}

/// The segments of the log, in order, and what else is there.
pub(super) struct Chain<D: Disk> {
    pub(super) identity: u64,
    pub(super) links: VecDeque<Link<D>>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) spares: Vec<Unused<D>>,
}

/// One segment of the log.
pub(super) struct Link<D: Disk> {
    pub(super) segment: Segment<D>,
    pub(super) header: SegmentHeader,
}

/// A file without a part in the log.
pub(super) struct Unused<D: Disk> {
    pub(super) spare: Spare<D>,
    /// What it was when it last had one.
    pub(super) header: Option<SegmentHeader>,
    /// Something stands where a header would, and is none.
    pub(super) is_bad: bool,
}

/// A file that has the name of a segment.
pub(super) struct Found<D: Disk> {
    pub(super) path: PathBuf,
    file: D::File,
    pub(super) sequence: u64,
    pub(super) length_bytes: u64,
    pub(super) room_bytes: u64,
    pub(super) header: Result<SegmentHeader, HeaderFault>,
    /// What stands in the header's place for the log's number.
    claimed_identity: u64,
}

impl<D: Disk> Inventory<D> {
    pub(super) fn take(disk: &D, folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let mut found = Vec::new();
        for entry in disk.list(folder).context(Operation::List, folder)? {
            let path = folder.join(&entry.name);
            let sequence = sequence_of(&entry.name);
            if sequence.is_some() && entry.kind == EntryKind::SymbolicLink && !options.allow_symlinks {
                return Err(OpenError::SymbolicLink(path));
            }
            if let Some(sequence) = sequence {
                let file = disk.open(&path).context(Operation::Open, &path)?;
                let file = Found::examine(disk, path, file, sequence)?;
                if let Err(HeaderFault::Newer(version)) = file.header {
                    return Err(OpenError::Newer { path: file.path, version });
                }
                found.push(file);
            } else if entry.name == UNFINISHED {
                disk.remove(&path).context(Operation::Remove, &path)?;
            }
        }
        found.sort_by_key(|file| file.sequence);
        Ok(Self { found })
    }

    /// The same without changing anything, for those who do not hold the lock.
    pub(super) fn look(disk: &D, folder: &Path) -> Result<Self, Failure> {
        let mut found = Vec::new();
        for entry in disk.list(folder).context(Operation::List, folder)? {
            let is_file = matches!(entry.kind, EntryKind::File | EntryKind::SymbolicLink);
            if let Some(sequence) = sequence_of(&entry.name).filter(|_| is_file) {
                let path = folder.join(&entry.name);
                let file = disk.open_to_read(&path).context(Operation::Open, &path)?;
                found.push(Found::examine(disk, path, file, sequence)?);
            }
        }
        found.sort_by_key(|file| file.sequence);
        Ok(Self { found })
    }

    /// One file alone, whatever its name is.
    pub(super) fn look_at(disk: &D, path: &Path) -> Result<Self, Failure> {
        let file = disk.open_to_read(path).context(Operation::Open, path)?;
        let mut found = Found::examine(disk, path.to_path_buf(), file, 0)?;
        found.sequence = found.header.map_or(0, |header| header.sequence);
        Ok(Self { found: vec![found] })
    }

    /// Sorts the files. Without a surgeon, a damaged header is an error.
    pub(super) fn into_chain(mut self, disk: &D, mut surgeon: Option<&mut Surgeon>) -> Result<Chain<D>, OpenError> {
        let Some(identity) = self.identity(disk)? else {
            return self.without_a_header(disk, surgeon);
        };
        if let Some(stranger) = self.found.iter().find(|file| file.is_of_another_log(identity)) {
            return Err(OpenError::Foreign(stranger.path.clone()));
        }
        let first = self.first_needed();
        for index in first..self.found.len() {
            let Some(base) = self.base_of_damaged(disk, index, first, Seal::of_log(identity))? else {
                continue;
            };
            let before = self.found[..index].iter().rev().find_map(Found::header);
            let snapshot = before.and_then(|header| header.snapshot);
            let file = &mut self.found[index];
            let Some(surgeon) = surgeon.as_deref_mut() else {
                return Err(Damage { path: file.path.clone(), offset: 0, position: base }.into());
            };
            let sequence = file.sequence;
            let room_bytes = file.room_bytes;
            let header = SegmentHeader { identity, sequence, base, previous_end: base, snapshot, room_bytes };
            surgeon.replace_header(disk, &file.path, &file.file, header)?;
            file.header = Ok(header);
        }
        Ok(self.sort(identity))
    }

    /// The log's number: most headers state it, and of two logs of which as many files are there, the newest. Where none is good, a
    /// damaged one may, if a batch agrees.
    pub(super) fn identity(&self, disk: &D) -> Result<Option<u64>, Failure> {
        let stated = || self.found.iter().filter_map(|file| Some(file.header()?.identity));
        if let Some(identity) = stated().max_by_key(|identity| stated().filter(|other| other == identity).count()) {
            return Ok(Some(identity));
        }
        for file in &self.found {
            let seal = Seal::of_log(file.claimed_identity);
            if file.header == Err(HeaderFault::Bad) && file.find_base(disk, seal, Position(0), None)?.is_some() {
                return Ok(Some(file.claimed_identity));
            }
        }
        Ok(None)
    }

    /// The index of the first file that the snapshot in force may need. Those before it were given up when a later header
    /// was written, and some of them may since have been used for something else.
    pub(super) fn first_needed(&self) -> usize {
        let floor = self.snapshot().map_or(Position(0), |snapshot| snapshot.floor);
        let begins_early = |file: &Found<D>| file.header().is_some_and(|header| header.base <= floor);
        let index = self.found.iter().rposition(begins_early).unwrap_or_default();
        // An empty segment with the same base may stand before; it holds nothing.
        index
    }

    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.found.iter().rev().find_map(Found::header).and_then(|header| header.snapshot)
    }

    /// Where the batches of a file begin whose header was good once.
    pub(super) fn base_of_damaged(
        &self,
        disk: &D,
        index: usize,
        first: usize,
        seal: Seal,
    ) -> Result<Option<Position>, Failure> {
        let file = &self.found[index];
        if !matches!(file.header, Err(HeaderFault::Bad | HeaderFault::Blank)) {
            return Ok(None);
        }
        // What it held before it was used again began before the segment in front of it.
        let before = self.found[first..index].iter().rev().find_map(Found::header);
        let behind = self.found[index..].iter().find_map(Found::header);
        let least = before.map_or(Position(0), |header| header.base);
        file.find_base(disk, seal, least, behind.map(|header| header.base))
    }

    fn sort(self, identity: u64) -> Chain<D> {
        let first = self.first_needed();
        let snapshot = self.snapshot();
        let mut chain = Chain { identity, links: VecDeque::new(), snapshot, spares: Vec::new() };
        for (index, file) in self.found.into_iter().enumerate() {
            match file.header().copied() {
                Some(header) if index >= first => chain.links.push_back(file.into_link(header)),
                _ => chain.spares.push(file.into_unused()),
            }
        }
        chain
    }

    /// A new log, or one whose making was broken off before anything could be written to it: then all files hold zeros.
    fn without_a_header(self, disk: &D, mut surgeon: Option<&mut Surgeon>) -> Result<Chain<D>, OpenError> {
        let mut chain = Chain { identity: disk.random(), links: VecDeque::new(), snapshot: None, spares: Vec::new() };
        for file in self.found {
            if !file.holds_data(disk)? {
                chain.spares.push(file.into_unused());
                continue;
            }
            let Some(surgeon) = surgeon.as_deref_mut() else {
                return Err(Damage { path: file.path, offset: 0, position: Position(0) }.into());
            };
            surgeon.set_aside_whole(disk, &file.path, file.room_bytes)?;
        }
        Ok(chain)
    }
}

impl<D: Disk> Found<D> {
    fn examine(disk: &D, path: PathBuf, file: D::File, sequence: u64) -> Result<Self, Failure> {
        let length_bytes = disk.length_bytes(&file).context(Operation::Read, &path)?;
        let mut bytes = [0; HEADER_LENGTH];
        disk.read_at(&file, 0, &mut bytes).context(Operation::Read, &path)?;
        let header = SegmentHeader::decode(&bytes);
        let claimed_identity = SegmentHeader::identity_of(&bytes);
        let room_bytes = length_bytes.saturating_sub(SEGMENT_HEADER_BYTES);
        Ok(Self { path, file, sequence, length_bytes, room_bytes, header, claimed_identity })
    }

    /// The header of a segment: one that was written under this name.
    pub(super) fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref().ok().filter(|header| header.sequence == self.sequence)
    }

    pub(super) fn is_of_another_log(&self, identity: u64) -> bool {
        self.header.is_ok_and(|header| header.identity != identity)
    }

    /// Looks for a good batch, which tells where the segment began: not before `least`, nor behind `most`.
    fn find_base(
        &self,
        disk: &D,
        seal: Seal,
        least: Position,
        most: Option<Position>,
    ) -> Result<Option<Position>, Failure> {
        let mut bytes = vec![0; BATCH_HEADER_BYTES];
        self.read(disk, &mut bytes)?;
        if self.header == Err(HeaderFault::Blank) && bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        bytes.resize(self.room_bytes as usize, 0);
        let count = self.read(disk, &mut bytes)?;
        bytes.truncate(count);
        let found = (0..count).find_map(|at| {
            let header = BatchHeader::decode_first(&bytes[at..])?;
            let base = Position(header.position.0.checked_sub(at as u64)?);
            let is_in_place = base >= least && most.is_none_or(|most| base <= most);
            let is_good = || {
                let rest = &bytes[at..];
                rest.get(..header.batch_bytes() as usize).is_some_and(|batch| seal.is_good(batch))
            };
            (is_in_place && header.batch_bytes() >= HEADER_BYTES && is_good()).then_some(base)
        });
        Ok(found)
    }

    pub(super) fn holds_data(&self, disk: &D) -> Result<bool, Failure> {
        let mut bytes = vec![0; self.room_bytes as usize];
        self.read(disk, &mut bytes)?;
        Ok(bytes.iter().any(|byte| *byte != 0))
    }

    /// Reads from where the batches begin.
    fn read(&self, disk: &D, buffer: &mut [u8]) -> Result<usize, Failure> {
        disk.read_at(&self.file, SEGMENT_HEADER_BYTES, buffer).context(Operation::Read, &self.path)
    }

    pub(super) fn into_link(self, header: SegmentHeader) -> Link<D> {
        let Self { path, file, sequence, room_bytes, .. } = self;
        Link { segment: Segment { path, file, sequence, base: header.base, room_bytes }, header }
    }

    pub(super) fn into_unused(self) -> Unused<D> {
        let Self { path, file, sequence, room_bytes, header, .. } = self;
        let is_bad = header == Err(HeaderFault::Bad);
        Unused { spare: Spare { path, file, sequence, room_bytes }, header: header.ok(), is_bad }
    }
}

impl<D: Disk> Chain<D> {
    /// Files that are shorter than they were made. Of the segments only the last is looked at: those before it may have been
    /// copied up to where their batches end, and must have these.
    pub(super) fn shortened(&self) -> Vec<PathBuf> {
        let last = self.links.back().filter(|link| link.is_shortened()).map(|link| &link.segment.path);
        let unused = self.spares.iter().filter(|unused| unused.is_shortened()).map(|unused| &unused.spare.path);
        last.into_iter().chain(unused).cloned().collect()
    }
}

impl<D: Disk> Link<D> {
    /// Its header was written when the file had its whole length for good: no power cut can take some of that.
    pub(super) fn is_shortened(&self) -> bool {
        self.segment.room_bytes < self.header.room_bytes
    }

    pub(super) fn into_unused(self) -> Unused<D> {
        let Segment { path, file, sequence, room_bytes, .. } = self.segment;
        Unused { spare: Spare { path, file, sequence, room_bytes }, header: Some(self.header), is_bad: false }
    }
}

impl<D: Disk> Unused<D> {
    /// No file is made without room for batches.
    pub(super) fn is_shortened(&self) -> bool {
        self.header.is_none() && self.spare.room_bytes == 0
    }

    /// The number of the segment that the file was, if nothing else has come of it since.
    pub(super) fn retired_sequence(&self) -> Option<u64> {
        let header = self.header.filter(|header| header.sequence == self.spare.sequence);
        header.map(|header| header.sequence)
    }

    /// The segment that the file was.
    pub(super) fn into_link(self) -> Result<Link<D>, Self> {
        let Some(header) = self.header else { return Err(self) };
        let Spare { path, file, sequence, room_bytes } = self.spare;
        Ok(Link { segment: Segment { path, file, sequence, base: header.base, room_bytes }, header })
    }
}
