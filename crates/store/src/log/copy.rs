//! A copy of an open log, made beside its writer.
//!
//! What must hold:
//! * everything that was written when the copy was asked for is in it, and the copy opens;
//! * the writer is held up for no longer than it takes to hand over the list of segments; what it retires meanwhile stays
//!   until it is copied;
//! * a copy that was broken off does not open: the first segment comes last, and no file has a segment's name before it is
//!   whole and synced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reader::{Reader, Shared};
use super::{Stop, UNFINISHED, walk, write_zeros};
use crate::error::{Context, Failure};
use crate::segment::{HEADER_LENGTH, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, segment_path};
use crate::{CopyError, Disk, EntryKind, Operation, Position};

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The copy ends here: everything before is in it, as far as the log still had it.
    pub end: Position,
    /// How many segment files it has.
    pub segments: usize,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// A segment, up to where it is to be copied.
struct Part<D: Disk> {
    segment: Arc<Segment<D>>,
    end: Position,
    is_last: bool,
}

impl<D: Disk> Reader<D> {
    /// Copies the log as it is now into a folder, which must be empty, or is made for this user alone. Everything copied is
    /// verified.
    pub fn copy_to(&self, folder: &Path) -> Result<Copied, CopyError> {
        let disk = &self.shared().disk;
        enter(disk, folder)?;
        let (parts, end) = list(self.shared());
        let mut made = Vec::new();
        let copied = copy_all(self.shared(), folder, &parts, &mut made);
        if copied.is_err() {
            // Where not even that works, the copy does not open, as its first segment is missing.
            made.push(folder.join(UNFINISHED));
            made.iter().for_each(|path| drop(disk.remove(path)));
        }
        Ok(Copied { end, segments: parts.len(), bytes: copied? })
    }
}

/// The folder of the copy: one that holds nothing.
fn enter<D: Disk>(disk: &D, folder: &Path) -> Result<(), CopyError> {
    match disk.kind(folder) {
        Ok(EntryKind::Folder | EntryKind::SymbolicLink) => {
            let is_empty = disk.list(folder).context(Operation::List, folder)?.is_empty();
            if is_empty { Ok(()) } else { Err(CopyError::NotEmpty(folder.to_path_buf())) }
        }
        Ok(_) => Err(CopyError::NotAFolder(folder.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create_folder(folder).context(Operation::Create, folder)?;
            let around = folder.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(disk.sync_folder(around).context(Operation::Sync, around)?)
        }
        Err(error) => Ok(Err(error).context(Operation::Create, folder)?),
    }
}

/// The segments there are, held so that nothing is done with them, and where the log ends.
fn list<D: Disk>(shared: &Shared<D>) -> (Vec<Part<D>>, Position) {
    let held = shared.held();
    // Under the lock, so that the last segment is the one in which the log ends.
    let end = shared.end();
    let last = held.len().saturating_sub(1);
    let part = |(index, held): (usize, &super::Held<D>)| {
        let segment = Arc::clone(&held.segment);
        Part { segment, end: held.end.min(end), is_last: index == last }
    };
    (held.iter().enumerate().map(part).collect(), end)
}

fn copy_all<D: Disk>(
    shared: &Shared<D>,
    folder: &Path,
    parts: &[Part<D>],
    made: &mut Vec<PathBuf>,
) -> Result<u64, CopyError> {
    let disk = &shared.disk;
    let mut bytes = 0;
    for (left, part) in parts.iter().enumerate().rev() {
        let unfinished = folder.join(UNFINISHED);
        let path = segment_path(folder, part.segment.sequence);
        bytes += copy(shared, part, &unfinished)?;
        if left == 0 {
            // Its name makes the copy whole: those of the others come before it.
            disk.sync_folder(folder).context(Operation::Sync, folder)?;
        }
        disk.rename(&unfinished, &path).context(Operation::Rename, &unfinished)?;
        made.push(path);
    }
    disk.sync_folder(folder).context(Operation::Sync, folder)?;
    Ok(bytes)
}

/// Copies one segment; gives its length.
fn copy<D: Disk>(shared: &Shared<D>, part: &Part<D>, path: &Path) -> Result<u64, CopyError> {
    let (disk, segment) = (&shared.disk, &*part.segment);
    let mut header = [0; HEADER_LENGTH];
    segment.read(disk, 0, &mut header)?;
    let is_good = SegmentHeader::decode(&header).is_ok_and(|header| header.base == segment.base);
    if !is_good {
        let (path, position) = (segment.path.clone(), segment.base);
        return Err(crate::Damage { path, offset: 0, position }.into());
    }
    let go_on = |_: &_, _: &[u8]| std::ops::ControlFlow::Continue(());
    if let Stop::Bad(bad) = walk(disk, segment, shared.seal, segment.base, part.end, go_on)? {
        return Err(segment.damage(bad).into());
    }
    let file = disk.create(path).context(Operation::Create, path)?;
    let mut end = segment.offset(part.end);
    copy_bytes(disk, segment, &file, path, end)?;
    if part.is_last {
        // A log may go on in it, and wants its room to be there.
        let room = SEGMENT_HEADER_BYTES + segment.room_bytes;
        write_zeros(disk, &file, path, end, room)?;
        end = room;
    }
    disk.sync_data(&file).context(Operation::Sync, path)?;
    Ok(end)
}

fn copy_bytes<D: Disk>(disk: &D, segment: &Segment<D>, file: &D::File, path: &Path, end: u64) -> Result<(), Failure> {
    let mut buffer = vec![0; PIECE_BYTES.min(end as usize)];
    let mut offset = 0;
    while offset < end {
        let wanted = buffer.len().min((end - offset) as usize);
        let count = segment.read(disk, offset, &mut buffer[..wanted])?;
        if count == 0 {
            break;
        }
        disk.write_at(file, offset, &buffer[..count]).context(Operation::Write, path)?;
        offset += count as u64;
    }
    Ok(())
}

/// How much is copied at once.
const PIECE_BYTES: usize = 256 << 10;
