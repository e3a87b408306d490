//! The start: what the log holds goes back into the shards, before anybody is let in.

use std::path::Path;
use std::sync::Arc;

use midge_broker::recovery::Recovery;
use midge_broker::{LogQueue, Options, Shard, ShardId, Shared};
use midge_persistence::start::{self, StartError};
use midge_persistence::{Keeper, KeeperOptions, SyncPolicy};
use midge_store::{Log, OpenError, Opened, Repair, WriteError};

use crate::coroutine;
use crate::disk::Disk;
use crate::ground::Ground;
use crate::mutation::Mutation;

/// A server that may begin.
pub(super) struct Started {
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Vec<Shard>,
    pub(super) keeper: Option<Keeper<Disk>>,
    /// The server's clock shows so much more than the world's.
    pub(super) ahead_ms: i64,
}

/// Why a server ends by itself.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) what: String,
    /// There was no room for what has to be written at the start.
    pub(crate) is_for_room: bool,
}

const FOLDER: &str = "/log";

/// Makes the shards: empty, or with what the log on this disk holds.
pub(super) fn boot(ground: &Ground, disk: Option<Disk>, count: u16) -> Result<Started, End> {
    let options = Arc::new(ground.options());
    let Some(disk) = disk else {
        let shared = share(&options, count, None);
        return Ok(Started { shards: shards(&options, &shared, count), shared, keeper: None, ahead_ms: 0 });
    };
    let Opened { mut log, report, .. } = Log::open(disk, Path::new(FOLDER), ground.store_options(), Repair::No)?;
    ground.say("        boot: ", || format!("{log:?}, {:?}, cut {:?}", log.snapshot(), report.cut));
    // A world that is looked at is the same world.
    coroutine::undisturbed(|| tell_records(ground, &log))?;
    let (mut recovery, lost) = start::replay(&log, &options)?;
    assert_eq!(lost, [], "nothing was given up");
    if ground.is_mutated(Mutation::ReplayedTwice) {
        replay_again(&log, &mut recovery)?;
    }
    let ahead_ms = recovery.clock().resume_ms(ground.now().wall_s) as i64 - ground.now_ms() as i64;
    let now = ground.now_ahead(ahead_ms);
    let queue = start::queue(&log, count).with_pending_bytes_max(ground.settings.log_pending_bytes_max);
    let shared = share(&options, count, Some(queue));
    let mut shards = shards(&options, &shared, count);
    let recovered = start::restore(recovery, &mut log, &shared, &mut shards, || now)?;
    ground.say("        boot: ", || format!("{recovered:?}"));
    let (autosave, bounds) = (ground.settings.autosave, ground.settings.bounds);
    let how = KeeperOptions { sync: SyncPolicy::Always, autosave, bounds };
    let keeper = Keeper::new(log, recovered.kept_bytes, &how, ground.now_ahead(ahead_ms));
    Ok(Started { shared, shards, keeper: Some(keeper), ahead_ms })
}

fn share(options: &Options, count: u16, log: Option<LogQueue>) -> Arc<Shared> {
    let shared = Shared::new(count, options.seed).with_interlude(Box::new(coroutine::interlude));
    Arc::new(if let Some(log) = log { shared.with_log(log) } else { shared })
}

fn shards(options: &Arc<Options>, shared: &Arc<Shared>, count: u16) -> Vec<Shard> {
    (0..count).map(|shard| Shard::new(options.clone(), ShardId(shard), shared.clone())).collect()
}

/// A part of what happened happens once more, as though it were new.
fn replay_again(log: &Log<Disk>, recovery: &mut Recovery) -> Result<(), StartError> {
    let (from, end) = (start::replayed_from(log), log.end());
    let middle = from.0.midpoint(end.0);
    let mut again = |address, content: &[u8]| if address < middle { recovery.replay(address, content) } else { Ok(()) };
    start::read(log, from, end, &mut again)
}

/// Each record in the log of what happens.
fn tell_records(ground: &Ground, log: &Log<Disk>) -> Result<(), StartError> {
    if !ground.is_traced {
        return Ok(());
    }
    start::read(log, start::replayed_from(log), log.end(), |address, content| {
        let mut batch = midge_broker::record::Batch::open(address, content)?;
        let shard = batch.stamp.shard.0;
        let is_snapshot = if batch.stamp.is_snapshot { " (snapshot)" } else { "" };
        while let Some(record) = batch.next_record()? {
            ground.say("        boot: ", || format!("  {address} of shard {shard}{is_snapshot}: {record:?}"));
        }
        Ok(())
    })
}

impl From<OpenError> for End {
    fn from(error: OpenError) -> End {
        End { what: error.to_string(), is_for_room: matches!(error, OpenError::Full { .. }) }
    }
}

impl From<StartError> for End {
    fn from(error: StartError) -> End {
        let is_for_room = matches!(error, StartError::Write(WriteError::Full { .. }));
        End { what: error.to_string(), is_for_room }
    }
}
