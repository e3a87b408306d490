//! The start: what the log holds goes back into the shards, before anybody is let in.
//!
//! Between the steps whoever starts a server makes its shards, and sets its clock by what the log says: [`replay`], [`queue`],
//! [`restore`].

use std::sync::Arc;

use midge_broker::record::RecordError;
use midge_broker::recovery::{self, LostMessages, Recovered, Recovery};
use midge_broker::{LogQueue, Now, Options, Shard, Shared};
use midge_store::{Disk, Log, Position, ReadError, WriteError};

/// Why a server cannot begin with this log.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What stands in it is no record of ours.
    #[error("{0}")]
    Record(RecordError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Reads everything that a log holds. What it should hold and does not was given up by a repair, and is lost.
///
/// # Errors
///
/// Damage, also to what is only referred to.
pub fn replay<D: Disk>(log: &Log<D>, options: &Arc<Options>) -> Result<(Recovery, Vec<LostMessages>), StartError> {
    let snapshot = log.snapshot();
    let mut recovery = Recovery::new(Arc::clone(options), snapshot.map_or(0, |snapshot| snapshot.mark));
    if let Some(snapshot) = snapshot {
        read(log, snapshot.from, snapshot.end, |address, content| recovery.read_snapshot(address, content))?;
    }
    let from = replayed_from(log);
    // Long queues and large messages stand before: damage there is to be known now, not when somebody comes for them.
    read(log, log.start(), from, |address, content| recovery.pass_over(address, content))?;
    read(log, from, log.end(), |address, content| recovery.replay(address, content))?;
    let lost = recovery.forget_lost_runs();
    Ok((recovery, lost))
}

/// Where the part of the log begins that is replayed.
pub fn replayed_from<D: Disk>(log: &Log<D>) -> Position {
    log.snapshot().map_or(log.start(), |snapshot| snapshot.from)
}

/// Visits the batches between two positions.
///
/// # Errors
///
/// What the log or the visit says.
pub fn read<D: Disk>(
    log: &Log<D>,
    from: Position,
    to: Position,
    mut visit: impl FnMut(u64, &[u8]) -> Result<(), RecordError>,
) -> Result<(), StartError> {
    log.try_read(from, to, |position, content| visit(position.0, content))?.map_err(StartError::Record)
}

/// The queue through which the shards of a server reach this log.
pub fn queue<D: Disk>(log: &Log<D>, shards: u16) -> LogQueue {
    let queue = LogQueue::new(shards, log.end().0);
    if let Some(snapshot) = log.snapshot() {
        queue.set_kept_from(snapshot.from.0);
    }
    queue
}

/// Puts what was read into the shards.
///
/// # Errors
///
/// Where Sessions have new names all state is written anew, which the log may refuse.
pub fn restore<D: Disk>(
    recovery: Recovery,
    log: &mut Log<D>,
    shared: &Arc<Shared>,
    shards: &mut [Shard],
    now: impl Fn() -> Now,
) -> Result<Recovered, StartError> {
    let recovered = recovery.restore(shards, shared, now());
    if let Some(queue) = shared.log().filter(|_| recovered.is_renamed) {
        take_snapshot(log, queue, shards, now)?;
    }
    Ok(recovered)
}

/// All state is written anew, and what was before is retired.
fn take_snapshot<D: Disk>(
    log: &mut Log<D>,
    queue: &LogQueue,
    shards: &mut [Shard],
    now: impl Fn() -> Now,
) -> Result<(), WriteError> {
    // Also where the log is as large as it may be: what this makes room for may be all of it.
    let done = recovery::write_snapshot(shards, queue, now, |batches| log.write_reserved(batches))?;
    log.sync()?;
    log.retire(crate::snapshot(done))?;
    queue.set_durable(log.durable().0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use midge_broker::ids::ShardId;
    use midge_broker::message::{Message, MessageParts};
    use midge_codec::QoS;
    use midge_store::memory_disk::MemoryDisk;
    use midge_store::{BATCH_HEADER_BYTES, Repair, SEGMENT_HEADER_BYTES};

    #[test]
    fn all_state_is_written_anew_also_into_a_log_that_is_as_large_as_it_may_be() {
        let segment_bytes = 2 * SEGMENT_HEADER_BYTES;
        let max_bytes = Some(2 * segment_bytes);
        let how = midge_store::Options { segment_bytes, reserve_segments: 0, max_bytes, ..Default::default() };
        let opened = Log::open(MemoryDisk::new(1), "/log".as_ref(), how, Repair::No);
        let mut log = opened.expect("a new log").log;
        let room_bytes = (segment_bytes - SEGMENT_HEADER_BYTES) as usize;
        let full = || {
            let mut batch = vec![0; room_bytes];
            batch[..4].copy_from_slice(&((room_bytes - BATCH_HEADER_BYTES) as u32).to_le_bytes());
            batch
        };
        log.write(&mut full()).expect("room");
        log.write(&mut full()).expect("room");
        assert!(matches!(log.write(&mut full()), Err(WriteError::Full { .. })));

        let shared = Arc::new(Shared::new(1, 0).with_log(queue(&log, 1)));
        shared.retained().keep(Message::new(&MessageParts {
            topic: "t",
            properties: &[],
            payload: b"x",
            qos: QoS::AtLeastOnce,
            retain: true,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        }));
        let queue = shared.log().expect("a log");
        let mut shards = [Shard::new(Arc::default(), ShardId(0), Arc::clone(&shared))];
        let now = || Now { monotonic_ms: 1, wall_s: 1, wall_ns: 0 };
        take_snapshot(&mut log, queue, &mut shards, now).expect("it is written all the same");
        assert!(log.start().0 >= room_bytes as u64, "and makes room");
        assert_eq!(queue.durable(), log.end().0);
    }
}
