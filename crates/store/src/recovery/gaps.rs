//! Segments that are gone: which file is to blame for what cannot be read.
//!
//! A file that is missing shows in those around it: the one behind it begins where the one before it has no batch any more.
//! The same is seen where the newest header is damaged, which said that what stood before was used again.

use std::ops::ControlFlow;
use std::path::Path;

use super::check_start_of;
use super::inventory::{Chain, Link, Unused};
use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::error::Failure;
use crate::log::{Stop, next_good, walk};
use crate::segment::{Segment, segment_path};
use crate::{BATCH_HEADER_BYTES, Damage, Disk, MissingSegment, OpenError, Position};

/// The log must be without gaps. Damage within a segment is found by those who read it.
pub(super) fn check<D: Disk>(disk: &D, folder: &Path, chain: &Chain<D>) -> Result<(), OpenError> {
    let Some(gap) = find(disk, folder, chain)? else {
        return Ok(());
    };
    Err(newest_header(disk, chain)?.unwrap_or(gap))
}

fn find<D: Disk>(disk: &D, folder: &Path, chain: &Chain<D>) -> Result<Option<OpenError>, Failure> {
    let start = chain.links.front().map(|first| first.segment.base);
    if let Some((from, to)) = start.and_then(|start| check_start_of(start, chain.snapshot)) {
        return Ok(Some(OpenError::Missing { folder: folder.to_path_buf(), from, to }));
    }
    let seal = Seal::of_log(chain.identity);
    for (before, next) in chain.links.iter().zip(chain.links.iter().skip(1)) {
        let Some(gap) = between(disk, seal, folder, (&before.segment, next))? else { continue };
        let numbers = before.segment.sequence + 1..next.segment.sequence;
        let is_left = |unused: &&Unused<D>| numbers.contains(&unused.spare.sequence) && unused.header.is_none();
        return Ok(Some(match chain.spares.iter().find(is_left) {
            Some(left) => Damage { path: left.spare.path.clone(), offset: 0, position: gap.from }.into(),
            None => gap.into(),
        }));
    }
    Ok(None)
}

/// The file that is missing between two segments of which the second follows the first.
pub(super) fn between<D: Disk>(
    disk: &D,
    seal: Seal,
    folder: &Path,
    (before, next): (&Segment<D>, &Link<D>),
) -> Result<Option<MissingSegment>, Failure> {
    let (first, last) = (before.sequence + 1, next.segment.sequence.saturating_sub(1));
    if first > last {
        return Ok(None);
    }
    let to = next.header.previous_end;
    let from = end_of(disk, seal, before, to)?;
    let (first, last) = (segment_path(folder, first), segment_path(folder, last));
    Ok(from.map(|from| MissingSegment { first, last, from, to }))
}

/// Where the batches of a segment end, if that is before the next one begins and nothing shows that they went on.
fn end_of<D: Disk>(disk: &D, seal: Seal, segment: &Segment<D>, next: Position) -> Result<Option<Position>, Failure> {
    let Stop::Bad(end) = walk(disk, segment, seal, segment.base, next, |_, _| ControlFlow::Continue(()))? else {
        return Ok(None);
    };
    let mut bytes = [0; BATCH_HEADER_BYTES];
    if end < segment.limit() {
        segment.read(disk, segment.offset(end), &mut bytes)?;
    }
    // A batch that is damaged still states its position, or what was synced then. Old ones state what was before.
    let header = BatchHeader::decode(&bytes);
    let is_of_now = header.position == end || (segment.base..=end).contains(&header.synced);
    let is_begun = bytes != [0; BATCH_HEADER_BYTES] && is_of_now;
    let is_damaged = is_begun || next_good(disk, segment, seal, end.plus(HEADER_BYTES), next)?.is_some();
    Ok((!is_damaged).then_some(end))
}

/// A damaged header behind all good ones. Where nothing is missing, it was torn when it was written, and nothing followed.
fn newest_header<D: Disk>(disk: &D, chain: &Chain<D>) -> Result<Option<OpenError>, Failure> {
    let Some(last) = chain.links.back() else { return Ok(None) };
    let is_newest = |sequence| sequence > last.segment.sequence;
    let Some(bad) = chain.spares.iter().find(|unused| unused.is_bad && is_newest(unused.spare.sequence)) else {
        return Ok(None);
    };
    let (seal, segment) = (Seal::of_log(chain.identity), &last.segment);
    let stop = walk(disk, segment, seal, segment.base, segment.limit(), |_, _| ControlFlow::Continue(()))?;
    let (Stop::Done(position) | Stop::Bad(position)) = stop;
    Ok(Some(Damage { path: bad.spare.path.clone(), offset: 0, position }.into()))
}
