//! Reading for the shards, which must not wait for a disk: stretches of long queues, and large messages, that are in the log only.

use std::time::Duration;

use midge_broker::record::RecordError;
use midge_broker::{LogQueue, ReadBatch, ReadRequest, record};
use midge_store::{Disk, Failure, Position, ReadError, Reader};

use crate::start::StartError;

/// What a shard asked for.
pub struct RunRead {
    /// What it asked.
    pub request: ReadRequest,
    /// The run; empty where it could not be read.
    pub run: Vec<u8>,
    /// The batches it refers to.
    pub referred: Vec<ReadBatch>,
    /// Why it could not be read. Where nobody wants it any more that is no fault: what is not needed leaves the log.
    pub error: Option<String>,
}

impl RunRead {
    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.run.len() + self.referred.iter().map(|batch| batch.content.len()).sum::<usize>()
    }

    fn lost(request: ReadRequest, error: &dyn std::fmt::Display) -> RunRead {
        RunRead { request, run: Vec::new(), referred: Vec::new(), error: Some(error.to_string()) }
    }
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
        Err(error) => Answer::Read(RunRead::lost(request, &error)),
    }
}

fn read<D: Disk>(reader: &Reader<D>, request: ReadRequest) -> Result<RunRead, ReadError> {
    // As long as it lasts, nothing from here on is given back.
    let lease = reader.lease(Position(request.address))?;
    let mut run = Vec::new();
    lease.read_batch(Position(request.address), &mut run)?;
    match referred(reader, request.address, &run)? {
        Ok(referred) => Ok(RunRead { request, run, referred, error: None }),
        // Half a run would pass for all of it.
        Err(error) => Ok(RunRead::lost(request, &error)),
    }
}

fn referred<D: Disk>(
    reader: &Reader<D>,
    address: u64,
    run: &[u8],
) -> Result<Result<Vec<ReadBatch>, RecordError>, ReadError> {
    let addresses = match record::references(address, run) {
        Ok(addresses) => addresses,
        Err(error) => return Ok(Err(error)),
    };
    let mut referred = Vec::new();
    for address in addresses {
        let mut content = Vec::new();
        reader.read_batch(Position(address), &mut content)?;
        referred.push(ReadBatch { address, content });
    }
    Ok(Ok(referred))
}

/// The batch at an address of a log that nobody writes, and those to which it refers.
///
/// # Errors
///
/// What the log says, and where a record cannot be understood.
pub fn whole<D: Disk>(reader: &Reader<D>, address: u64) -> Result<(Vec<u8>, Vec<ReadBatch>), StartError> {
    let mut run = Vec::new();
    reader.read_batch(Position(address), &mut run)?;
    let referred = referred(reader, address, &run)?.map_err(StartError::Record)?;
    Ok((run, referred))
}

/// A sync takes about so long.
const WRITE_PAUSE: Duration = Duration::from_millis(1);

/// A disk that refuses once may not refuse again.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use midge_broker::Purpose;
    use midge_store::memory_disk::MemoryDisk;
    use midge_store::{BATCH_HEADER_BYTES, Log, Options, Repair};

    use super::*;

    /// Nothing of it is passed off as the whole: it is told where it stands.
    #[test]
    fn a_run_that_cannot_be_understood_is_lost_with_a_reason() {
        let opened = Log::open(MemoryDisk::new(1), "/log".as_ref(), Options::default(), Repair::No);
        let mut log = opened.expect("a log").log;
        let address = log.end();
        // A stamp of this version, and a record that nobody knows.
        let content = [&[1][..], &[0; record::STAMP_BYTES - 1], &[200]].concat();
        let mut batch = [&(content.len() as u32).to_le_bytes()[..], &[0; BATCH_HEADER_BYTES - 4], &content].concat();
        log.write(&mut batch).expect("written");
        let request = ReadRequest { address: address.0, purpose: Purpose::MoveRetained(0) };
        let read = read(&log.reader(), request).expect("the disk is well");
        assert_eq!((read.run.len(), read.referred.len()), (0, 0));
        let error = read.error.expect("an error");
        assert!(error.contains(&format!("unknown kind at position {}", address.0 + 45)), "{error}");
    }
}
