//! Looking at a log without opening it: nothing is locked, repaired, made or removed, so that it can be done while a server
//! writes.
//!
//! What must hold:
//! * nothing is written, whatever the files hold;
//! * what a writer does meanwhile is not taken for damage: a segment that it has begun to use for something else is told as
//!   overtaken, and what looks bad is looked at once more.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::inventory::{Found, Inventory, Link};
use super::tail::look_behind;
use super::{Cut, check_start_of, gaps};
use crate::batch::{HEADER_BYTES, Seal};
use crate::error::Failure;
use crate::log::{Stop, next_good, walk};
use crate::segment::{HEADER_LENGTH, HeaderFault, Segment, SegmentHeader};
use crate::{Damage, Disk, MissingSegment, OpenError, Position, Snapshot};

/// A log as it was found in a folder, not opened.
pub struct Inspection<D: Disk> {
    disk: D,
    seal: Seal,
    files: Vec<InspectedFile>,
    links: Vec<Link<D>>,
    snapshot: Option<Snapshot>,
    faults: Vec<OpenError>,
}

/// A file that has the name of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedFile {
    /// Where it is.
    pub path: PathBuf,
    /// How long it is.
    pub length_bytes: u64,
    /// What it is to the log.
    pub role: FileRole,
}

/// What a file is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// Batches of the log stand in it.
    Segment {
        /// The position of the first one.
        base: Position,
        /// Where the segment before ends. Less than the base where a repair gave up what stood between.
        previous_end: Position,
        /// Whether its header is damaged, so that a server would not start.
        is_damaged: bool,
    },
    /// It held batches that are no longer needed, and waits to be used again.
    Retired,
    /// It was made in advance and never used.
    Spare,
    /// A newer program wrote it, in this version of the format.
    Newer(u32),
    /// It belongs to another log.
    Foreign,
    /// It holds something, and no header of the log says what.
    Unknown,
}

/// A batch, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct InspectedBatch<'a> {
    /// Where in the log.
    pub position: Position,
    /// The segment file.
    pub path: &'a Path,
    /// Where in the file.
    pub offset: u64,
    /// Everything before this position was durable when the batch was written. `None`: a repair put it over a damaged
    /// stretch, and its payload means nothing.
    pub synced: Option<Position>,
    /// What was written.
    pub payload: &'a [u8],
}

/// What reading all batches has shown.
#[derive(Debug, Default)]
pub struct Examined {
    /// Behind the last good batch.
    pub end: Position,
    /// What stands behind the end and is not a whole batch: torn by a crash, or being written just now. It is no damage.
    pub tail: Option<Cut>,
    /// Bad batches, by where they begin.
    pub damages: Vec<Damage>,
    /// Segments that are gone.
    pub missing: Vec<MissingSegment>,
    /// Segments that a writer began to use for something else while they were read.
    pub overtaken: Vec<PathBuf>,
}

impl<D: Disk> Inspection<D> {
    /// Looks at the files in a folder and at their headers.
    pub fn take(disk: D, folder: &Path) -> Result<Self, OpenError> {
        for _ in 1..ATTEMPTS {
            // A writer may rename files between listing and opening them, and write a header between reading it and what
            // follows it.
            let Ok(inventory) = Inventory::look(&disk, folder) else { continue };
            let before = headers(&inventory);
            let sorted = Sorted::of_a_log(&disk, folder, inventory)?;
            if Inventory::look(&disk, folder).is_ok_and(|again| headers(&again) == before) {
                return Ok(sorted.with(disk));
            }
        }
        let inventory = Inventory::look(&disk, folder)?;
        Ok(Sorted::of_a_log(&disk, folder, inventory)?.with(disk))
    }

    /// Looks at one segment file alone, whatever its name is: also at one that a repair set aside.
    pub fn take_file(disk: D, path: &Path) -> Result<Self, OpenError> {
        let inventory = Inventory::look_at(&disk, path)?;
        Ok(Sorted::new(&disk, inventory)?.with(disk))
    }

    /// All files that have the name of a segment, by their number.
    pub fn files(&self) -> &[InspectedFile] {
        &self.files
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.snapshot
    }

    /// What is wrong with the files, as far as their headers tell.
    pub fn faults(&self) -> &[OpenError] {
        &self.faults
    }

    /// The same, to keep.
    pub fn into_faults(self) -> Vec<OpenError> {
        self.faults
    }

    /// Visits all good batches, in order, those that a repair made too, until the visitor breaks off.
    pub fn read(&self, mut visit: impl FnMut(InspectedBatch<'_>) -> ControlFlow<()>) -> Result<Examined, Failure> {
        let mut examined = Examined::default();
        for (index, link) in self.links.iter().enumerate() {
            let missing_before = examined.missing.len();
            let flow = match self.links.get(index + 1) {
                Some(next) => self.read_complete(&link.segment, next, &mut examined, &mut visit)?,
                None => self.read_last(&link.segment, &mut examined, &mut visit)?,
            };
            if flow.is_break() {
                break;
            }
            if self.was_overtaken(link)? {
                examined.damages.retain(|damage| damage.path != link.segment.path);
                examined.missing.truncate(missing_before);
                examined.overtaken.push(link.segment.path.clone());
            }
        }
        if self.is_newer() {
            // Of a log that is understood in part, nobody can say what is missing in it.
            (examined.damages, examined.missing) = (Vec::new(), Vec::new());
        }
        Ok(examined)
    }

    fn is_newer(&self) -> bool {
        self.files.iter().any(|file| matches!(file.role, FileRole::Newer(_)))
    }

    /// A segment that is followed by another: whatever is bad before its end is damage.
    fn read_complete(
        &self,
        segment: &Segment<D>,
        next: &Link<D>,
        examined: &mut Examined,
        visit: &mut impl FnMut(InspectedBatch<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        let (mut position, end) = (segment.base, next.header.previous_end);
        loop {
            let (stop, flow) = self.walk(segment, position, end, visit)?;
            match stop {
                Stop::Done(behind) => {
                    examined.end = behind;
                    return Ok(flow);
                }
                Stop::Bad(bad) => {
                    examined.end = bad;
                    let Some(good) = next_good(&self.disk, segment, self.seal, bad.plus(HEADER_BYTES), end)? else {
                        match gaps::between(&self.disk, self.seal, folder_of(segment), (segment, next))? {
                            Some(gap) => examined.missing.push(gap),
                            None => examined.damages.push(segment.damage(bad)),
                        }
                        return Ok(flow);
                    };
                    examined.damages.push(segment.damage(bad));
                    position = good.position;
                }
            }
        }
    }

    /// The last segment: where it ends is where nothing good follows that was synced.
    fn read_last(
        &self,
        segment: &Segment<D>,
        examined: &mut Examined,
        visit: &mut impl FnMut(InspectedBatch<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut position = segment.base;
        let mut looked_again_at = None;
        loop {
            let (stop, flow) = self.walk(segment, position, segment.limit(), visit)?;
            let (Stop::Done(end) | Stop::Bad(end)) = stop;
            examined.end = end;
            if flow.is_break() {
                return Ok(flow);
            }
            let rest = look_behind(&self.disk, segment, self.seal, end)?;
            let Some(next) = rest.next.filter(|_| rest.was_synced) else {
                let (path, offset) = (segment.path.clone(), segment.offset(end));
                examined.tail = rest.bytes.map(|bytes| Cut { path, offset, position: end, bytes });
                return Ok(flow);
            };
            if looked_again_at == Some(end) {
                examined.damages.push(segment.damage(end));
                position = next;
            } else {
                // What was being written at the first look is whole by now.
                (looked_again_at, position) = (Some(end), end);
            }
        }
    }

    fn walk(
        &self,
        segment: &Segment<D>,
        from: Position,
        to: Position,
        visit: &mut impl FnMut(InspectedBatch<'_>) -> ControlFlow<()>,
    ) -> Result<(Stop, ControlFlow<()>), Failure> {
        let mut flow = ControlFlow::Continue(());
        let stop = walk(&self.disk, segment, self.seal, from, to, |header, payload| {
            let synced = (!header.is_hole()).then_some(header.synced);
            let (position, offset) = (header.position, segment.offset(header.position));
            flow = visit(InspectedBatch { position, path: &segment.path, offset, synced, payload });
            flow
        })?;
        Ok((stop, flow))
    }

    /// Whether the file has another header by now. A writer changes that before the batches.
    fn was_overtaken(&self, link: &Link<D>) -> Result<bool, Failure> {
        if self.is_damaged(&link.segment.path) {
            return Ok(false);
        }
        let mut bytes = [0; HEADER_LENGTH];
        link.segment.read(&self.disk, 0, &mut bytes)?;
        Ok(SegmentHeader::decode(&bytes) != Ok(link.header))
    }

    fn is_damaged(&self, path: &Path) -> bool {
        let is_it = |file: &&InspectedFile| file.path == path;
        let file = self.files.iter().find(is_it);
        file.is_some_and(|file| matches!(file.role, FileRole::Segment { is_damaged: true, .. }))
    }
}

fn folder_of<D: Disk>(segment: &Segment<D>) -> &Path {
    segment.path.parent().unwrap_or(Path::new("."))
}

/// What the headers say, for comparison.
fn headers<D: Disk>(inventory: &Inventory<D>) -> Vec<(u64, Result<SegmentHeader, HeaderFault>)> {
    inventory.found.iter().map(|file| (file.sequence, file.header)).collect()
}

/// An inspection without its disk.
struct Sorted<D: Disk> {
    seal: Seal,
    files: Vec<InspectedFile>,
    links: Vec<Link<D>>,
    snapshot: Option<Snapshot>,
    faults: Vec<OpenError>,
}

impl<D: Disk> Sorted<D> {
    /// All files of a folder, and what is wrong with them as a whole.
    fn of_a_log(disk: &D, folder: &Path, inventory: Inventory<D>) -> Result<Self, Failure> {
        let mut sorted = Self::new(disk, inventory)?;
        let is_newer = |fault: &OpenError| matches!(fault, OpenError::Newer { .. });
        if sorted.faults.iter().any(is_newer) {
            // What else is wrong, and what would help, only the program knows that wrote it.
            sorted.faults.retain(is_newer);
            return Ok(sorted);
        }
        if let Some(start) = sorted.links.first().map(|first| first.segment.base)
            && let Some((from, to)) = check_start_of(start, sorted.snapshot)
        {
            sorted.faults.push(OpenError::Missing { folder: folder.to_path_buf(), from, to });
        }
        if let Some(last) = sorted.links.last().filter(|last| last.is_shortened()) {
            sorted.faults.push(OpenError::Shortened(last.segment.path.clone()));
        }
        Ok(sorted)
    }

    fn new(disk: &D, mut inventory: Inventory<D>) -> Result<Self, Failure> {
        let identity = inventory.identity(disk)?;
        let seal = Seal::of_log(identity.unwrap_or_default());
        let first = inventory.first_needed();
        let snapshot = inventory.snapshot();
        let mut sorted = Self { seal, files: Vec::new(), links: Vec::new(), snapshot, faults: Vec::new() };
        let mut roles = Vec::new();
        for index in 0..inventory.found.len() {
            let mut role = role_of(&inventory.found[index], identity, index >= first);
            if role == FileRole::Unknown {
                role = sorted.explain(disk, &mut inventory, index, first, identity)?;
            }
            roles.push(role);
        }
        for (role, file) in roles.into_iter().zip(inventory.found) {
            let length_bytes = file.length_bytes;
            sorted.files.push(InspectedFile { path: file.path.clone(), length_bytes, role });
            match role {
                FileRole::Newer(version) => sorted.faults.push(OpenError::Newer { path: file.path, version }),
                FileRole::Foreign => sorted.faults.push(OpenError::Foreign(file.path)),
                FileRole::Segment { .. } => {
                    let header = file.header().copied();
                    sorted.links.extend(header.map(|header| file.into_link(header)));
                }
                FileRole::Retired | FileRole::Spare | FileRole::Unknown => {
                    let unused = file.into_unused();
                    if unused.is_shortened() {
                        sorted.faults.push(OpenError::Shortened(unused.spare.path));
                    }
                }
            }
        }
        Ok(sorted)
    }

    /// A file without a good header: one that was made ready, or a segment whose header is damaged.
    fn explain(
        &mut self,
        disk: &D,
        inventory: &mut Inventory<D>,
        index: usize,
        first: usize,
        identity: Option<u64>,
    ) -> Result<FileRole, Failure> {
        let is_damaged = true;
        let base = match identity {
            Some(_) if index >= first => inventory.base_of_damaged(disk, index, first, self.seal)?,
            _ => None,
        };
        let file = &mut inventory.found[index];
        let (Some(base), Some(identity)) = (base, identity) else {
            if identity.is_none() && (file.header == Err(HeaderFault::Bad) || file.holds_data(disk)?) {
                self.faults.push(Damage { path: file.path.clone(), offset: 0, position: Position(0) }.into());
                return Ok(FileRole::Unknown);
            }
            let is_blank = file.header == Err(HeaderFault::Blank);
            return Ok(if is_blank { FileRole::Spare } else { FileRole::Retired });
        };
        self.faults.push(Damage { path: file.path.clone(), offset: 0, position: base }.into());
        // As a repair would write it.
        let (sequence, snapshot, room_bytes) = (file.sequence, self.snapshot, file.room_bytes);
        file.header = Ok(SegmentHeader { identity, sequence, base, previous_end: base, snapshot, room_bytes });
        Ok(FileRole::Segment { base, previous_end: base, is_damaged })
    }

    fn with(self, disk: D) -> Inspection<D> {
        let Self { seal, files, links, snapshot, faults } = self;
        Inspection { disk, seal, files, links, snapshot, faults }
    }
}

/// What the header of a file tells.
fn role_of<D: Disk>(file: &Found<D>, identity: Option<u64>, is_needed: bool) -> FileRole {
    if let Err(HeaderFault::Newer(version)) = file.header {
        return FileRole::Newer(version);
    }
    if identity.is_some_and(|identity| file.is_of_another_log(identity)) {
        return FileRole::Foreign;
    }
    match file.header() {
        Some(header) if is_needed => {
            FileRole::Segment { base: header.base, previous_end: header.previous_end, is_damaged: false }
        }
        _ if file.header.is_ok() => FileRole::Retired,
        _ => FileRole::Unknown,
    }
}

/// How often the files are looked at until two looks agree.
const ATTEMPTS: usize = 20;
