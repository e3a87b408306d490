//! Reading for the shards, which must not wait for a disk: stretches of long queues, and large messages, that are in the log only.

use std::time::Duration;

use midge_broker::{LogQueue, ReadBatch, ReadRequest, record};
use midge_store::{Disk, Failure, Position, ReadError, Reader};

/// What a shard asked for.
pub struct RunRead {
    /// What it asked.
    pub request: ReadRequest,
    /// The run; empty where it could not be read.
    pub run: Vec<u8>,
    /// The batches it refers to.
    pub referred: Vec<ReadBatch>,
    /// Why it could not be read. Where nobody wants it any more that is no fault: what is not needed leaves the log.
    pub error: Option<ReadError>,
}

/// What becomes of a request.
pub enum Answer {
    /// This is to be given to the shard.
    Read(RunRead),
    /// It is to be asked again after so long, where the disk has failed for this reason.
    Later(Duration, Option<Failure>),
}

/// Reads something.
pub fn answer<D: Disk>(reader: &Reader<D>, queue: &LogQueue, request: ReadRequest) -> Answer {
    // A run may be wanted back before it has reached the disk: it is on its way.
    if queue.durable() <= request.address {
        return Answer::Later(WRITE_PAUSE, None);
    }
    match read(reader, request) {
        Ok(read) => Answer::Read(read),
        // Nothing is known of what stands there: it waits where it is, however long the disk does not give it.
        Err(ReadError::Failed(failure)) => Answer::Later(ATTEMPT_PAUSE, Some(failure)),
        Err(error) => {
            let (run, referred) = (Vec::new(), Vec::new());
            Answer::Read(RunRead { request, run, referred, error: Some(error) })
        }
    }
}

fn read<D: Disk>(reader: &Reader<D>, request: ReadRequest) -> Result<RunRead, ReadError> {
    // As long as it lasts, nothing from here on is given back.
    let lease = reader.lease(Position(request.address))?;
    let mut run = Vec::new();
    lease.read_batch(Position(request.address), &mut run)?;
    let mut referred = Vec::new();
    for address in record::references(request.address, &run) {
        let mut content = Vec::new();
        reader.read_batch(Position(address), &mut content)?;
        referred.push(ReadBatch { address, content });
    }
    Ok(RunRead { request, run, referred, error: None })
}

/// A sync takes about so long.
const WRITE_PAUSE: Duration = Duration::from_millis(1);

/// A disk that refuses once may not refuse again.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);
