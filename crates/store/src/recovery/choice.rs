//! Which snapshot a repaired log goes on from: the latest that is whole.
//!
//! A snapshot is what stood before it, written anew. As long as that is still there, as it is until its files are used again,
//! it does as well as the snapshot, and better than one with holes. Each header states the snapshot that was in force before
//! it; the first one of a log states none, and then the log itself is all there is.
//!
//! A snapshot may also begin where a segment does. It was taken at a start, by a server that may have given new names to what
//! the log speaks of: what stood before has the old ones, and cannot stand in for it.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::inventory::{Link, Unused};
use crate::batch::Seal;
use crate::error::Failure;
use crate::log::{Stop, walk};
use crate::segment::Segment;
use crate::{Disk, Position, Snapshot};

/// A snapshot that was in force, and has a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedSnapshot {
    /// Where it begins.
    pub from: Position,
    /// Where it ends.
    pub end: Position,
    /// The log is read from here on instead. `None`: what stands before it cannot be used in its place, and what is
    /// left of the snapshot is used.
    pub replayed_from: Option<Position>,
}

/// A stretch of the log that is lost.
struct Hole {
    from: Position,
    to: Position,
}

/// Puts an older snapshot in force, or none, where that in force is damaged and what stands before it is whole. The segments
/// must have been mended.
pub(super) fn choose<D: Disk>(
    disk: &D,
    seal: Seal,
    links: &mut VecDeque<Link<D>>,
    spares: &mut Vec<Unused<D>>,
    in_force: &mut Option<Snapshot>,
) -> Result<Option<DamagedSnapshot>, Failure> {
    let (Some(damaged), Some(first)) = (*in_force, links.front()) else { return Ok(None) };
    let is_begun_before = first.segment.base > damaged.from;
    let mut holes = Vec::new();
    for (link, next) in links.iter().zip(links.iter().skip(1)) {
        find_holes(disk, seal, &link.segment, next, &mut holes)?;
    }
    if !is_begun_before && !is_hit(&holes, damaged.from, damaged.end) {
        return Ok(None);
    }
    take_back(disk, seal, links, spares, &mut holes)?;
    let older = latest_whole(links, damaged, &holes);
    let replayed_from = older.map(|older| older.map_or(Position(0), |older| older.from));
    *in_force = older.unwrap_or(Some(damaged));
    Ok(Some(DamagedSnapshot { from: damaged.from, end: damaged.end, replayed_from }))
}

/// Takes the files before the first segment back into the log, as far as they were not used again.
fn take_back<D: Disk>(
    disk: &D,
    seal: Seal,
    links: &mut VecDeque<Link<D>>,
    spares: &mut Vec<Unused<D>>,
    holes: &mut Vec<Hole>,
) -> Result<(), Failure> {
    while let Some(first) = links.front() {
        let sequence =
            |unused: &Unused<D>| unused.retired_sequence().filter(|sequence| *sequence < first.segment.sequence);
        let before = (0..spares.len()).max_by_key(|index| sequence(&spares[*index]));
        let Some(index) = before.filter(|index| sequence(&spares[*index]).is_some()) else {
            return Ok(());
        };
        let unused = match spares.remove(index).into_link() {
            Ok(link) if find_holes(disk, seal, &link.segment, first, holes)? => {
                links.push_front(link);
                continue;
            }
            Ok(link) => link.into_unused(),
            Err(unused) => unused,
        };
        spares.push(unused);
        return Ok(());
    }
    Ok(())
}

/// Finds what is lost of a segment, and between it and the next. Gives whether it reaches up to there.
fn find_holes<D: Disk>(
    disk: &D,
    seal: Seal,
    segment: &Segment<D>,
    next: &Link<D>,
    holes: &mut Vec<Hole>,
) -> Result<bool, Failure> {
    let (end, base) = (next.header.previous_end, next.header.base);
    let stop = walk(disk, segment, seal, segment.base, end, |header, _| {
        if header.is_hole() {
            holes.push(Hole { from: header.position, to: header.position.plus(header.batch_bytes()) });
        }
        ControlFlow::Continue(())
    })?;
    if end < base {
        holes.push(Hole { from: end, to: base });
    }
    Ok(stop == Stop::Done(end))
}

/// The latest snapshot before a damaged one that is whole, with all that it needs.
fn latest_whole<D: Disk>(links: &VecDeque<Link<D>>, damaged: Snapshot, holes: &[Hole]) -> Option<Option<Snapshot>> {
    let start = links.front()?.segment.base;
    let mut given_up = vec![damaged];
    let is_older = |snapshot: &Option<Snapshot>| snapshot.is_none_or(|snapshot| snapshot.end <= damaged.from);
    for older in links.iter().rev().map(|link| link.header.snapshot).filter(is_older) {
        let newer = given_up.last().copied();
        if older == newer {
            continue;
        }
        if links.iter().any(|link| newer.is_some_and(|newer| link.segment.base == newer.from)) {
            return None;
        }
        let (floor, end) = older.map_or((Position(0), Position(0)), |older| (older.floor, older.end));
        // What another snapshot between them lacks is not read.
        let is_of_another = |hole: &Hole| given_up.iter().any(|other| other.from <= hole.from && hole.to <= other.end);
        let is_whole = !is_hit(holes, floor, end)
            && holes.iter().all(|hole| hole.to <= end || hole.from >= damaged.from || is_of_another(hole));
        if start <= floor && is_whole {
            return Some(older);
        }
        given_up.push(older?);
    }
    None
}

/// Whether something is lost between two positions.
fn is_hit(holes: &[Hole], from: Position, to: Position) -> bool {
    holes.iter().any(|hole| hole.from < to && from < hole.to)
}
