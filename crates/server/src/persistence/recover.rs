//! The start: what the log holds goes back into the shards.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use midge_broker::record::RecordError;
use midge_broker::recovery::{self, Recovery};
use midge_broker::{Shard, Shared};
use midge_store::{Log, Opened, Options, Position, Repair, Report, SystemDisk};

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

/// Opens the log and puts everything back. `make` makes the shards of a server with this `Shared`.
pub(crate) fn recover(
    options: &PersistenceOptions,
    broker: &Arc<midge_broker::Options>,
    shards: u16,
    clock: Clock,
    make: impl FnOnce(Arc<Shared>) -> Vec<Shard>,
) -> Result<Recovered, Failure> {
    let begun = Instant::now();
    let Opened { log, snapshot, report } = open(options)?;
    let mut recovery = Recovery::new(Arc::clone(broker), snapshot.map_or(0, |snapshot| snapshot.mark));
    if let Some(snapshot) = snapshot {
        read(&log, snapshot.from, snapshot.end, |address, content| recovery.read_snapshot(address, content))?;
    }
    let from = snapshot.map_or(log.start(), |snapshot| snapshot.from);
    // Long queues and large messages stand before: damage there is to be known now, not when somebody comes for them.
    read(&log, log.start(), from, |_, _| Ok(()))?;
    read(&log, from, log.end(), |address, content| recovery.replay(address, content))?;
    let read_bytes = log.end().0 - from.0;
    let clock = clock.set(recovery.clock().resume_ms(clock::wall_ms() / 1000).max(clock.monotonic_ms()));
    let mut persistence = Persistence {
        options: options.clone(),
        log,
        segment_bytes: store_options(options).segment_bytes,
        kept_bytes: 0,
    };
    let shared = Shared::new(shards, broker.seed).with_log(persistence.queue(shards));
    if let (Some(queue), Some(snapshot)) = (shared.log(), snapshot) {
        queue.set_kept_from(snapshot.from.0);
    }
    let shared = Arc::new(shared);
    let mut shards = make(Arc::clone(&shared));
    let recovered = recovery.restore(&mut shards, &shared, clock.now());
    if recovered.is_renamed {
        take_snapshot(&mut persistence.log, &shared, &mut shards, clock)?;
    }
    persistence.kept_bytes = recovered.kept_bytes;
    let took_ms = begun.elapsed().as_millis() as u64;
    let remarks = remarks(&options.folder, &report, &recovered, read_bytes, took_ms);
    Ok(Recovered { persistence, shared, shards, clock, remarks })
}

fn open(options: &PersistenceOptions) -> Result<Opened<SystemDisk>, Failure> {
    let repair = if options.repair { Repair::Yes } else { Repair::No };
    Log::open(SystemDisk, &options.folder, store_options(options), repair).map_err(Failure::Open)
}

pub(super) fn store_options(options: &PersistenceOptions) -> Options {
    Options { max_bytes: options.max_bytes, allow_symlinks: options.allow_symlinks, ..Options::default() }
}

fn read(
    log: &Log<SystemDisk>,
    from: Position,
    to: Position,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), RecordError>,
) -> Result<(), Failure> {
    let visited = log.try_read(from, to, |position, content| visit(position.0, content));
    let outcome = visited.map_err(|error| Failure::Log(error.to_string()))?;
    outcome.map_err(|error| Failure::Log(error.to_string()))
}

/// All state is written anew, and what was before is retired.
fn take_snapshot(
    log: &mut Log<SystemDisk>,
    shared: &Shared,
    shards: &mut [Shard],
    clock: Clock,
) -> Result<(), Failure> {
    let failed = |error: midge_store::WriteError| Failure::Log(error.to_string());
    let Some(queue) = shared.log() else { return Ok(()) };
    let done = recovery::write_snapshot(shards, queue, || clock.now(), |batches| log.write(batches)).map_err(failed)?;
    log.sync().map_err(failed)?;
    log.retire(super::snapshot(done)).map_err(failed)?;
    queue.set_durable(log.durable().0);
    Ok(())
}

fn remarks(
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
