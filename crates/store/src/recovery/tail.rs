//! The last segment: how far it is good, and whether what follows was ever synced.

use std::ops::ControlFlow;

use super::Cut;
use super::repair::Surgeon;
use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::error::Failure;
use crate::log::{Stop, next_good, walk, write_zeros};
use crate::segment::{SEGMENT_HEADER_BYTES, Segment};
use crate::{BATCH_HEADER_BYTES, Disk, OpenError, Position};

/// Where the log ends.
pub(super) struct Tail {
    pub(super) end: Position,
    pub(super) cut: Option<Cut>,
}

/// Finds the end of the log and makes what stands before it durable. Without a surgeon, damage is an error.
pub(super) fn find<D: Disk>(
    disk: &D,
    segment: &Segment<D>,
    seal: Seal,
    mut surgeon: Option<&mut Surgeon>,
) -> Result<Tail, OpenError> {
    let mut position = segment.base;
    // What some batch behind states to be durable. The header states it of all before the segment.
    let mut proven = segment.base;
    loop {
        let stop = walk(disk, segment, seal, position, segment.limit(), |header, _| {
            if !header.is_hole() {
                proven = proven.max(header.synced);
            }
            ControlFlow::Continue(())
        })?;
        let end = match stop {
            Stop::Done(end) | Stop::Bad(end) => end,
        };
        let rest = look_behind(disk, segment, seal, end)?;
        let Some(next) = rest.next.filter(|_| rest.was_synced) else {
            make_durable(disk, segment, proven, end)?;
            let cut = rest.bytes.map(|bytes| Cut {
                path: segment.path.clone(),
                offset: segment.offset(end),
                position: end,
                bytes,
            });
            return Ok(Tail { end, cut });
        };
        let Some(surgeon) = surgeon.as_deref_mut() else {
            return Err(segment.damage(end).into());
        };
        surgeon.fill_hole(disk, segment, seal, end, next)?;
        position = next;
    }
}

/// Makes the rest of a segment as good as new: what a torn write left in it could otherwise stand behind what is written next.
pub(super) fn clean<D: Disk>(disk: &D, segment: &Segment<D>, end: Position) -> Result<(), Failure> {
    let behind = SEGMENT_HEADER_BYTES + segment.room_bytes;
    write_zeros(disk, &segment.file, &segment.path, segment.offset(end), behind)?;
    segment.sync(disk)
}

/// What is left behind the place where the good batches end.
pub(super) struct Rest {
    /// The next good batch that leaves room for what was lost before it.
    pub(super) next: Option<Position>,
    /// A good batch states that the place was synced.
    pub(super) was_synced: bool,
    /// How much was begun there, if anything.
    pub(super) bytes: Option<u64>,
}

pub(super) fn look_behind<D: Disk>(disk: &D, segment: &Segment<D>, seal: Seal, end: Position) -> Result<Rest, Failure> {
    let mut rest = Rest { next: None, was_synced: false, bytes: None };
    if end >= segment.limit() {
        return Ok(rest);
    }
    let mut bytes = [0; BATCH_HEADER_BYTES];
    let count = segment.read(disk, segment.offset(end), &mut bytes)?;
    let header = BatchHeader::decode(&bytes);
    if count == BATCH_HEADER_BYTES && header.position == end && bytes != [0; BATCH_HEADER_BYTES] {
        rest.bytes = Some(header.batch_bytes().min(segment.limit().since(end)));
    }
    let mut position = end.plus(HEADER_BYTES);
    while let Some(good) = next_good(disk, segment, seal, position, segment.limit())? {
        position = good.position.plus(good.batch_bytes());
        rest.next.get_or_insert(good.position);
        rest.was_synced |= good.synced > end;
        rest.bytes = Some(position.since(end).max(rest.bytes.unwrap_or_default()));
    }
    Ok(rest)
}

/// Makes durable what may only have been written: the header, and what no batch states to be synced. It is written once more
/// before it is synced: after a sync that failed, the system takes for clean what never reached the disk, and another sync
/// would find nothing to do.
fn make_durable<D: Disk>(disk: &D, segment: &Segment<D>, proven: Position, end: Position) -> Result<(), Failure> {
    write_again(disk, segment, 0, SEGMENT_HEADER_BYTES)?;
    write_again(disk, segment, segment.offset(proven.min(end)), segment.offset(end))?;
    segment.sync(disk)
}

fn write_again<D: Disk>(disk: &D, segment: &Segment<D>, from: u64, to: u64) -> Result<(), Failure> {
    let mut buffer = vec![0; PIECE_BYTES.min((to - from) as usize)];
    let mut offset = from;
    while offset < to {
        let wanted = buffer.len().min((to - offset) as usize);
        let count = segment.read(disk, offset, &mut buffer[..wanted])?;
        if count == 0 {
            break;
        }
        segment.write(disk, offset, &buffer[..count])?;
        offset += count as u64;
    }
    Ok(())
}

/// How much is written again at once.
const PIECE_BYTES: usize = 256 << 10;
