//! The start: what the log holds goes back into the shards.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use midge_broker::recovery::{self, LostMessages};
use midge_broker::{Shard, Shared};
use midge_persistence::start;
use midge_store::{DamagedSnapshot, Log, Opened, Options, Repair, Report, SystemDisk};

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
    Options { max_bytes: options.max_bytes, allow_symlinks: options.allow_symlinks, ..Options::default() }
}

fn describe(
    folder: &Path,
    report: &Report,
    recovered: &recovery::Recovered,
    read_bytes: u64,
    took_ms: u64,
) -> Vec<String> {
    let mut remarks = Vec::from_iter(super::folder::warning(folder));
    let folder = folder.display();
    if let Some(cut) = &report.cut {
        remarks.push(format!(
            "{} bytes at the end of {} were never completely written and are cut off; nothing that was acknowledged was \
             among them, unless the disk has damaged what it had kept.",
            cut.bytes,
            cut.path.display()
        ));
    }
    for lost in &report.lost {
        let aside = lost.set_aside.as_ref().map(|path| format!("; the file as it was is {}", path.display()));
        let (bytes, path) = (lost.bytes(), lost.path.display());
        let (from, to, aside) = (lost.from, lost.to, aside.unwrap_or_default());
        if bytes == 0 {
            remarks.push(format!(
                "Warning: the header of {path} was damaged and is written anew; nothing else is lost{aside}."
            ));
            continue;
        }
        remarks.push(format!(
            "Warning: {bytes} bytes of {path} were damaged and are lost (positions {from} to {to}){aside}."
        ));
    }
    remarks.extend(report.shortened.iter().map(|path| {
        format!("Warning: {} was shorter than it was made; what stood in the rest of it is lost.", path.display())
    }));
    remarks.extend(report.damaged_snapshot.as_ref().map(on_damaged_snapshot));
    if report.is_new {
        remarks.push(format!("What is acknowledged is kept in {folder}."));
    } else {
        let recovery::Recovered { sessions, subscriptions, messages, retained, .. } = recovered;
        remarks.push(format!(
            "Restored from {folder}: {sessions} sessions with {subscriptions} subscriptions and {messages} messages, \
             {retained} retained messages ({read_bytes} bytes of log in {took_ms} ms)."
        ));
    }
    remarks
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
