//! A thread that reads for the shards, which must not wait for a disk: stretches of long queues that are in the log only.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use midge_broker::ids::ShardId;
use midge_broker::{ReadBatch, ReadRequest, Shared, record};
use midge_store::{Position, ReadError, Reader, SystemDisk};

use crate::peers::Peers;

/// What a shard asked for.
pub(crate) struct RunRead {
    pub(crate) request: ReadRequest,
    /// The run; empty where it could not be read.
    pub(crate) run: Vec<u8>,
    /// The batches it refers to.
    pub(crate) referred: Vec<ReadBatch>,
    /// Why it could not be read. Where nobody wants it any more that is no fault: what is not needed leaves the log.
    pub(crate) error: Option<ReadError>,
}

/// Where shards ask. It ends with the process.
pub(crate) struct Reads {
    requests: Mutex<Sender<(ShardId, ReadRequest)>>,
}

/// What the thread is made of.
pub(crate) struct ReaderParts {
    pub(crate) reader: Reader<SystemDisk>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
}

impl Reads {
    /// Starts the thread.
    pub(crate) fn start(parts: ReaderParts) -> std::io::Result<()> {
        let (requests, asked) = mpsc::channel();
        let peers = Arc::clone(&parts.peers);
        thread::Builder::new().name("log-reader".to_owned()).spawn(move || serve(parts, &asked))?;
        peers.set_reads(Reads { requests: Mutex::new(requests) });
        Ok(())
    }

    /// Asks for something; it comes to the shard's lane.
    pub(crate) fn ask(&self, shard: ShardId, request: ReadRequest) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // The thread only ends with the process.
        let _ = requests.send((shard, request));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a thread owns what it is made of")]
fn serve(parts: ReaderParts, asked: &Receiver<(ShardId, ReadRequest)>) {
    while let Ok((shard, request)) = asked.recv() {
        wait_until_written(&parts.shared, request.address);
        let read = read_again(&parts.reader, request).unwrap_or_else(|error| {
            let (run, referred) = (Vec::new(), Vec::new());
            RunRead { request, run, referred, error: Some(error) }
        });
        parts.peers.send_read(shard, read);
        parts.peers.wake(shard);
    }
}

/// A disk that refuses once may not refuse again.
fn read_again(reader: &Reader<SystemDisk>, request: ReadRequest) -> Result<RunRead, ReadError> {
    for _ in 0..ATTEMPTS {
        match read(reader, request) {
            Err(ReadError::Failed(_)) => thread::sleep(ATTEMPT_PAUSE),
            read => return read,
        }
    }
    read(reader, request)
}

const ATTEMPTS: u32 = 5;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// A run may be wanted back before it has reached the disk: it is on its way.
fn wait_until_written(shared: &Shared, address: u64) {
    while shared.log().is_some_and(|log| log.durable() <= address) {
        thread::sleep(WRITE_PAUSE);
    }
}

/// A sync takes about so long.
const WRITE_PAUSE: Duration = Duration::from_millis(1);

fn read(reader: &Reader<SystemDisk>, request: ReadRequest) -> Result<RunRead, ReadError> {
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
