//! The start: what the log holds goes back into the shards, before anybody is let in.

use std::path::Path;
use std::sync::Arc;

use midge_broker::record::RecordError;
use midge_broker::recovery::{self, Recovery};
use midge_broker::{LogQueue, Now, Shard, ShardId, Shared};
use midge_store::{Log, Opened, Options, Position, Repair, Snapshot};

use crate::coroutine;
use crate::disk::Disk;
use crate::ground::Ground;
use crate::mutation::Mutation;

/// A server that may begin.
pub(super) struct Started {
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Vec<Shard>,
    pub(super) log: Option<Log<Disk>>,
    /// The server's clock shows so much more than the world's.
    pub(super) ahead_ms: i64,
}

const FOLDER: &str = "/log";

/// Makes the shards: empty, or with what the log on this disk holds.
pub(super) fn boot(ground: &Ground, disk: Option<Disk>, count: u16) -> Result<Started, String> {
    let options = Arc::new(ground.settings.options.clone());
    let shared = |log: Option<LogQueue>| {
        let shared = Shared::new(count, options.seed).with_interlude(Box::new(coroutine::interlude));
        Arc::new(if let Some(log) = log { shared.with_log(log) } else { shared })
    };
    let make = |shared: &Arc<Shared>| {
        (0..count).map(|shard| Shard::new(options.clone(), ShardId(shard), shared.clone())).collect::<Vec<_>>()
    };
    let Some(disk) = disk else {
        let shared = shared(None);
        return Ok(Started { shards: make(&shared), shared, log: None, ahead_ms: 0 });
    };
    let store = Options {
        segment_bytes: ground.settings.segment_bytes,
        reserve_segments: ground.settings.reserve_segments,
        ..Options::default()
    };
    let opened = Log::open(disk, Path::new(FOLDER), store, Repair::No);
    let Opened { mut log, snapshot, report } = opened.map_err(|error| error.to_string())?;
    ground.say("        boot: ", || format!("{log:?}, {snapshot:?}, cut {:?}", report.cut));
    let mut recovery = Recovery::new(options.clone(), snapshot.map_or(0, |snapshot| snapshot.mark));
    if let Some(snapshot) = snapshot {
        read(&log, snapshot.from, snapshot.end, |address, content| recovery.read_snapshot(address, content))?;
    }
    let from = snapshot.map_or(log.start(), |snapshot| snapshot.from);
    replay(ground, &log, &mut recovery, from)?;
    let now_ms = ground.now_ms();
    let ahead_ms = recovery.clock().resume_ms(ground.now().wall_s) as i64 - now_ms as i64;
    let now = ground.now_ahead(ahead_ms);
    let shared = shared(Some(LogQueue::new(count, log.end().0)));
    if let (Some(queue), Some(snapshot)) = (shared.log(), snapshot) {
        queue.set_kept_from(snapshot.from.0);
    }
    let mut shards = make(&shared);
    let recovered = recovery.restore(&mut shards, &shared, now);
    ground.say("        boot: ", || format!("{recovered:?}"));
    if recovered.is_renamed {
        take_snapshot(&mut log, &shared, &mut shards, now)?;
    }
    Ok(Started { shared, shards, log: Some(log), ahead_ms })
}

/// What happened from `from` on.
fn replay(ground: &Ground, log: &Log<Disk>, recovery: &mut Recovery, from: Position) -> Result<(), String> {
    let end = log.end();
    read(log, from, end, |address, content| {
        tell_records(ground, address, content);
        recovery.replay(address, content)
    })?;
    if !ground.is_mutated(Mutation::ReplayedTwice) {
        return Ok(());
    }
    let middle = from.0.midpoint(end.0);
    let mut again = |address, content: &[u8]| if address < middle { recovery.replay(address, content) } else { Ok(()) };
    read(log, from, end, &mut again)
}

fn read(
    log: &Log<Disk>,
    from: Position,
    to: Position,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), RecordError>,
) -> Result<(), String> {
    let visited = log.try_read(from, to, |position, content| visit(position.0, content));
    visited.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// All state is written anew, and what was before is retired.
fn take_snapshot(log: &mut Log<Disk>, shared: &Shared, shards: &mut [Shard], now: Now) -> Result<(), String> {
    let Some(queue) = shared.log() else { return Ok(()) };
    let done = recovery::write_snapshot(shards, queue, || now, |batches| log.write(batches));
    let done = done.map_err(|error| error.to_string())?;
    let (from, end) = (Position(done.from), Position(done.end));
    log.sync().map_err(|error| error.to_string())?;
    let snapshot = Snapshot { from, end, floor: Position(done.floor), mark: done.retained_sequence };
    log.retire(snapshot).map_err(|error| error.to_string())?;
    queue.set_durable(log.durable().0);
    Ok(())
}

/// Each record in the log of what happens.
fn tell_records(ground: &Ground, address: u64, content: &[u8]) {
    if !ground.is_traced {
        return;
    }
    let Ok(mut batch) = midge_broker::record::Batch::open(address, content) else { return };
    let shard = batch.stamp.shard.0;
    while let Ok(Some(record)) = batch.next_record() {
        let is_snapshot = if batch.stamp.is_snapshot { " (snapshot)" } else { "" };
        ground.say("        boot: ", || format!("  {address} of shard {shard}{is_snapshot}: {record:?}"));
    }
}
