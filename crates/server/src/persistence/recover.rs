//! The start: what the log holds goes back into the shards.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use midge_broker::recovery::{self, LostMessages};
use midge_broker::{Shard, Shared};
use midge_persistence::start;
use midge_store::{DamagedSnapshot, Log, Lost, Opened, Options, Repair, Report, SystemDisk};

use super::import::import;
use super::{Failure, Persistence, PersistenceOptions};
use crate::clock::{self, Clock};

/// Shards as they were, and the log to go on with.
pub(crate) struct Recovered {
    pub(crate) persistence: Persistence,
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: Vec<Shard>,
    pub(crate) clock: Clock,
    /// What is to be told.
    pub(crate) remarks: Vec<String>,
}

/// Opens the log, which is made of a database of Mosquitto where there is none, and puts everything back. `make` makes the shards of a server with this `Shared`.
pub(crate) fn recover(
    options: &PersistenceOptions,
    broker: &Arc<midge_broker::Options>,
    shards: u16,
    clock: Clock,
    make: impl FnOnce(Arc<Shared>) -> Vec<Shard>,
) -> Result<Recovered, Failure> {
    let mut remarks = import(options, shards, clock)?;
    let begun = Instant::now();
    let Opened { mut log, report, .. } = open(options)?;
    let (recovery, lost) = start::replay(&log, broker).map_err(Failure::Log)?;
    let read_bytes = log.end().0 - start::replayed_from(&log).0;
    let clock = clock.set(recovery.clock().resume_ms(clock::wall_ms() / 1000).max(clock.monotonic_ms()));
    let shared = Arc::new(Shared::new(shards, broker.seed).with_log(start::queue(&log, shards)));
    let mut shards = make(Arc::clone(&shared));
    let restored = start::restore(recovery, &mut log, &shared, &mut shards, || clock.now());
    let recovered = restored.map_err(Failure::Log)?;
    let persistence = Persistence { options: options.clone(), log, kept_bytes: recovered.kept_bytes };
    let took_ms = begun.elapsed().as_millis() as u64;
    remarks.extend(describe(&options.folder, &report, &recovered, read_bytes, took_ms));
    remarks.extend(lost.iter().map(|LostMessages { holder, messages }| {
        format!(
            "Warning: {messages} messages that waited for '{holder}' are lost: a repair gave up the part of the log where they \
             stood."
        )
    }));
    Ok(Recovered { persistence, shared, shards, clock, remarks })
}

fn open(options: &PersistenceOptions) -> Result<Opened<SystemDisk>, Failure> {
    let repair = if options.repair { Repair::Yes } else { Repair::No };
    Log::open(SystemDisk, &options.folder, store_options(options), repair).map_err(Failure::Open)
}

pub(super) fn store_options(options: &PersistenceOptions) -> Options {
    let on_disk = options_on_disk_of(&options.folder);
    Options { max_bytes: options.max_bytes, allow_symlinks: options.allow_symlinks, ..on_disk }
}

/// The usual ones, with segments that fit the disk of `folder`.
pub(super) fn options_on_disk_of(folder: &Path) -> Options {
    let usual = Options::default();
    let disk_bytes = SystemDisk.size_bytes(folder);
    Options { segment_bytes: disk_bytes.map_or(usual.segment_bytes, Options::segment_bytes_on), ..usual }
}

fn describe(
    folder: &Path,
    report: &Report,
    recovered: &recovery::Recovered,
    read_bytes: u64,
    took_ms: u64,
) -> Vec<String> {
    let mut remarks = Vec::from_iter(super::folder::warning(folder));
    if let Some(cut) = &report.cut {
        remarks.push(format!(
            "{} bytes at the end of {} were never completely written and are cut off; nothing that was acknowledged was \
             among them, unless the disk has damaged what it had kept.",
            cut.bytes,
            cut.path.display()
        ));
    }
    remarks.extend(report.lost.iter().map(|lost| on_lost(lost, folder)));
    remarks.extend(report.shortened.iter().map(|path| {
        format!("Warning: {} was shorter than it was made; what stood in the rest of it is lost.", path.display())
    }));
    remarks.extend(report.damaged_snapshot.as_ref().map(on_damaged_snapshot));
    if report.is_new {
        remarks.push(format!("What is acknowledged is kept in {}.", folder.display()));
    } else {
        let recovery::Recovered { sessions, subscriptions, messages, retained, .. } = recovered;
        remarks.push(format!(
            "Restored from {}: {sessions} sessions with {subscriptions} subscriptions and {messages} messages, \
             {retained} retained messages ({read_bytes} bytes of log in {took_ms} ms).",
            folder.display()
        ));
    }
    remarks
}

fn on_lost(lost: &Lost, folder: &Path) -> String {
    let (bytes, path, from, to) = (lost.bytes(), lost.path.display(), lost.from, lost.to);
    match lost.set_aside.as_ref().map(|aside| aside.display()) {
        Some(aside) if bytes == 0 => format!(
            "Warning: the header of {path} was damaged and is written anew; nothing else is lost; the file as it was is {aside}."
        ),
        Some(aside) => format!(
            "Warning: {bytes} bytes of {path} were damaged and are lost (positions {from} to {to}); the file as it was is {aside}."
        ),
        None => {
            let file = if lost.path == folder { "a segment file of " } else { "" };
            format!("Warning: {file}{path} is missing, and {bytes} bytes are lost with it (positions {from} to {to}).")
        }
    }
}

fn on_damaged_snapshot(snapshot: &DamagedSnapshot) -> String {
    let DamagedSnapshot { from, end, replayed_from } = snapshot;
    match replayed_from {
        Some(older) => format!(
            "The snapshot in force (positions {from} to {end}) was damaged and is not used: what stood before it is whole, and \
             is read instead from position {older} on."
        ),
        None => format!(
            "Warning: the snapshot in force (positions {from} to {end}) was damaged, and what stands before it cannot \
             be used in its place: Sessions and Retained Messages may be lost with it."
        ),
    }
}

#[cfg(test)]
mod tests {
    use midge_store::Position;

    use super::*;

    #[test]
    fn what_a_repair_gave_up_is_told() {
        let check = |name: &str, set_aside: Option<&str>, to, expected: &str| {
            let lost =
                Lost { path: name.into(), set_aside: set_aside.map(Into::into), from: Position(5), to: Position(to) };
            assert_eq!(on_lost(&lost, Path::new("/log")), format!("Warning: {expected}."));
        };
        let header = "the header of /log/3 was damaged and is written anew; nothing else is lost; the file as it was is /log/3.bad";
        check("/log/3", Some("/log/3.bad"), 5, header);
        let stretch =
            "2 bytes of /log/3 were damaged and are lost (positions 5 to 7); the file as it was is /log/3.bad";
        check("/log/3", Some("/log/3.bad"), 7, stretch);
        check("/log/3", None, 7, "/log/3 is missing, and 2 bytes are lost with it (positions 5 to 7)");
        check("/log", None, 7, "a segment file of /log is missing, and 2 bytes are lost with it (positions 5 to 7)");
    }
}
