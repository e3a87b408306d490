//! Segments that are gone: which file is to blame for what cannot be read.
//!
//! A file that is missing shows in those around it: the one behind it begins where the one before it has no batch any more.
//! The same is seen where the newest header is damaged, which said that what stood before was used again.

use std::ops::ControlFlow;
use std::path::Path;

use super::check_start_of;
use super::inventory::{Chain, Link};
use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::error::Failure;
use crate::log::{Stop, next_good, walk};
use crate::segment::segment_path;
use crate::{BATCH_HEADER_BYTES, Damage, Disk, OpenError, Position};

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
        let is_first_behind = before.segment.sequence + 1 == next.segment.sequence;
        if is_first_behind {
            continue;
        }
        if let Some(from) = end_of(disk, seal, before, next.header.previous_end)? {
            return Ok(Some(between(folder, chain, before, next, from)));
        }
    }
    Ok(None)
}

/// Where the batches of a segment end, if that is before the next one begins and nothing shows that they went on.
fn end_of<D: Disk>(disk: &D, seal: Seal, link: &Link<D>, next: Position) -> Result<Option<Position>, Failure> {
    let segment = &link.segment;
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

/// Of the files between two segments, the one that is missing, or the one of which nothing is left.
fn between<D: Disk>(folder: &Path, chain: &Chain<D>, before: &Link<D>, next: &Link<D>, from: Position) -> OpenError {
    let (first, last, to) = (before.segment.sequence + 1, next.segment.sequence - 1, next.header.previous_end);
    let left =
        chain.spares.iter().find(|unused| (first..=last).contains(&unused.spare.sequence) && unused.header.is_none());
    match left {
        Some(left) => Damage { path: left.spare.path.clone(), offset: 0, position: from }.into(),
        None => {
            OpenError::MissingSegment { first: segment_path(folder, first), last: segment_path(folder, last), from, to }
        }
    }
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
