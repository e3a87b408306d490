//! Opening a log: what is there, how far it is good, and where it goes on.
//!
//! What must hold:
//! * what was synced is found again, or the log is refused ([`Damage`]);
//! * a bad batch is damage if anything good behind it states that it was synced, and a torn tail otherwise;
//! * the log goes on in a new segment, so that nothing behind a cut is ever read again; where room is short, in the last
//!   one, whose rest is filled with zeros: what makes room needs it, and a disk that the log itself has filled must not keep it
//!   from being opened;
//! * opening never makes anything worse: until a header is written for the new segment, what was good stays as it is.

mod choice;
mod folder;
mod gaps;
mod inspection;
mod inventory;
mod repair;
mod tail;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use choice::DamagedSnapshot;
pub(crate) use folder::check as check_folder;
pub use inspection::{Examined, FileRole, InspectedBatch, InspectedFile, Inspection};
use inventory::{Chain, Inventory, Link, Unused};
use repair::Surgeon;
use tail::Tail;

use crate::batch::Seal;
use crate::error::Context;
use crate::log::{Bound, Held, Pool, Recovered, Refusal, Shared, begin_segment};
use crate::segment::{Segment, SegmentHeader};
use crate::{Disk, Limit, Log, OpenError, Operation, Options, Position, Repair, Snapshot};

/// A log that has been opened, and how it was found.
#[derive(Debug)]
pub struct Opened<D: Disk> {
    /// The log.
    pub log: Log<D>,
    /// The snapshot in force: what the last [`Log::retire`] was given. Without one, all of the log is what there is. Where a
    /// repair has lost the beginning of the log, the positions in it are moved behind the loss; where it found the snapshot
    /// damaged, this may be the one before ([`Report::damaged_snapshot`]).
    pub snapshot: Option<Snapshot>,
    /// What was found and done.
    pub report: Report,
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Nothing was there.
    pub is_new: bool,
    /// The tail that was never synced and was cut.
    pub cut: Option<Cut>,
    /// What [`Repair::Yes`] could not keep.
    pub lost: Vec<Lost>,
    /// Files that lacked their end. How much stood there is not known.
    pub shortened: Vec<PathBuf>,
    /// The snapshot that was in force, where [`Repair::Yes`] found it damaged.
    pub damaged_snapshot: Option<DamagedSnapshot>,
}

/// A tail that was cut. It is no loss: no sync had covered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// Where in the log; the log goes on from here.
    pub position: Position,
    /// How long it was, as far as what was left of it tells.
    pub bytes: u64,
}

/// A stretch of the log that was damaged and is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The segment file, or the folder where one of several was missing.
    pub path: PathBuf,
    /// The copy of the file as it was; `None`: it was missing.
    pub set_aside: Option<PathBuf>,
    /// Where the stretch begins.
    pub from: Position,
    /// Where it ends. The same as `from` where only a header was damaged.
    pub to: Position,
}

impl Lost {
    /// How long the stretch is.
    pub fn bytes(&self) -> u64 {
        self.to.since(self.from)
    }
}

pub(crate) fn open<D: Disk>(disk: D, folder: &Path, options: Options, repair: Repair) -> Result<Opened<D>, OpenError> {
    options.check()?;
    let lock = folder::enter(&disk, folder, &options)?;
    let inventory = Inventory::take(&disk, folder, &options)?;
    let mut surgeon = (repair == Repair::Yes).then(|| Surgeon::new(folder));
    let chain = inventory.into_chain(&disk, surgeon.as_mut())?;
    let shortened = chain.shortened();
    if surgeon.is_none() {
        shortened.first().map_or(Ok(()), |path| Err(OpenError::Shortened(path.clone())))?;
        gaps::check(&disk, folder, &chain)?;
    }
    let Chain { identity, mut links, mut snapshot, mut spares } = chain;
    let seal = Seal::of_log(identity);
    let mut report = Report { is_new: links.is_empty(), shortened, ..Report::default() };
    if let Some(surgeon) = &mut surgeon {
        surgeon.mend_all_but_the_last(&disk, &mut links, seal)?;
        report.damaged_snapshot = choice::choose(&disk, seal, &mut links, &mut spares, &mut snapshot)?;
        give_up_start(folder, &links, &mut snapshot, surgeon);
    }
    let mut pool = Pool::new(folder, options);
    let (base, room_bytes) = (Position(0), pool.usual_room_bytes());
    let mut header = SegmentHeader { identity, sequence: 0, base, previous_end: base, snapshot, room_bytes };
    let (mut is_begun, mut may_go_on) = (false, false);
    if let Some(link @ Link { segment, header: last }) = links.back() {
        let Tail { end, cut } = tail::find(&disk, segment, seal, surgeon.as_mut())?;
        report.cut = cut.filter(|_| !link.is_shortened());
        header = SegmentHeader { sequence: last.sequence, base: end, previous_end: end, ..header };
        may_go_on = last.snapshot == snapshot && !link.is_shortened();
        is_begun = segment.base == end && may_go_on;
        if is_begun {
            // Another segment would begin where this one does.
            tail::clean(&disk, segment, end)?;
        }
    }
    fill_pool(&disk, &mut pool, &links, spares, header.base)?;
    if !is_begun {
        let provided = match may_go_on && !pool.has_ample_room(&disk) {
            true => Err(Refusal::Full(Limit::Disk)),
            // A log that is as large as it may be is opened all the same: what is in it may make room.
            false => pool.provide(&disk, 1, &[], Bound::MayBeExceeded),
        };
        match (provided, links.back().filter(|_| may_go_on)) {
            (Ok(()), _) => {
                let segment = begin_segment(&disk, &mut pool, header)?;
                links.push_back(Link { segment, header });
            }
            (Err(Refusal::Full(_)), Some(last)) => tail::clean(&disk, &last.segment, header.base)?,
            (Err(Refusal::Full(limit)), None) => return Err(OpenError::Full { folder: folder.to_path_buf(), limit }),
            (Err(Refusal::Failed(failure)), _) => return Err(failure.into()),
        }
    }
    report.lost = surgeon.map(Surgeon::into_lost).unwrap_or_default();

    let (held, last) = hold(links).ok_or_else(|| pool.nothing_ready())?;
    let shared = Shared::new(disk, seal, lock, held, header.base);
    let folder = folder.to_path_buf();
    let log = Log::new(Recovered { shared, folder, options, identity, pool, last, snapshot });
    Ok(Opened { log, snapshot, report })
}

/// A log whose beginning is missing goes on from where it begins now.
fn give_up_start<D: Disk>(
    folder: &Path,
    links: &VecDeque<Link<D>>,
    snapshot: &mut Option<Snapshot>,
    surgeon: &mut Surgeon,
) {
    let start = links.front().map(|first| first.segment.base);
    let Some((wanted, start)) = start.and_then(|start| check_start_of(start, *snapshot)) else {
        return;
    };
    surgeon.gave_up(Lost { path: folder.to_path_buf(), set_aside: None, from: wanted, to: start });
    let old = snapshot.unwrap_or(Snapshot { from: start, end: start, floor: start, mark: 0 });
    let moved = |position: Position| position.max(start);
    *snapshot = Some(Snapshot { from: moved(old.from), end: moved(old.end), floor: moved(old.floor), mark: old.mark });
}

/// What is missing before the first segment: the log must begin where the snapshot in force, or nothing, says that it does.
fn check_start_of(start: Position, snapshot: Option<Snapshot>) -> Option<(Position, Position)> {
    let wanted = snapshot.map_or(Position(0), |snapshot| snapshot.floor);
    (start > wanted).then_some((wanted, start))
}

fn fill_pool<D: Disk>(
    disk: &D,
    pool: &mut Pool<D>,
    links: &VecDeque<Link<D>>,
    mut spares: Vec<Unused<D>>,
    end: Position,
) -> Result<(), OpenError> {
    // What the log gave up last is used last: a repair may want it back, also after a start that was refused.
    spares.sort_by_key(|unused| unused.header.map(|header| header.base));
    for link in links {
        pool.enter_segment(&link.segment);
    }
    for unused in spares {
        // Where old batches would stand where new ones are looked for, the file is not used again.
        let is_stale = unused.header.is_some_and(|header| header.base >= end);
        if is_stale || unused.is_shortened() {
            disk.remove(&unused.spare.path).context(Operation::Remove, &unused.spare.path)?;
        } else {
            pool.enter_spare(unused.spare);
        }
    }
    Ok(())
}

/// The segments as the log and its readers hold them, and the last of them.
#[expect(clippy::type_complexity, reason = "named by its two parts")]
fn hold<D: Disk>(links: VecDeque<Link<D>>) -> Option<(VecDeque<Held<D>>, Arc<Segment<D>>)> {
    let mut held: VecDeque<Held<D>> = VecDeque::with_capacity(links.len());
    for Link { segment, header } in links {
        if let Some(before) = held.back_mut() {
            before.end = header.previous_end;
        }
        let end = segment.limit();
        held.push_back(Held { segment: Arc::new(segment), end });
    }
    let last = Arc::clone(&held.back()?.segment);
    Some((held, last))
}
