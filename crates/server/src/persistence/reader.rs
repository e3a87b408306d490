//! A thread that reads for the shards, which must not wait for a disk: stretches of long queues that are in the log only.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use midge_broker::ids::ShardId;
use midge_broker::{ReadBatch, ReadRequest, Shared, record};
use midge_store::{Position, ReadError, Reader, SystemDisk};

use crate::clock::Clock;
use crate::log::{LogBuffer, LogType};
use crate::peers::Peers;

/// What a shard asked for.
pub(crate) struct RunRead {
    pub(crate) request: ReadRequest,
    /// The run; empty where it could not be read.
    pub(crate) run: Vec<u8>,
    /// The batches it refers to.
    pub(crate) referred: Vec<ReadBatch>,
    /// Why it could not be read. Where nobody wants it any more that is no fault: what is not needed leaves the log.
    pub(crate) error: Option<String>,
}

impl RunRead {
    fn lost(request: ReadRequest, error: &dyn std::fmt::Display) -> RunRead {
        RunRead { request, run: Vec::new(), referred: Vec::new(), error: Some(error.to_string()) }
    }
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
    pub(crate) clock: Clock,
    pub(crate) log: LogBuffer,
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

fn serve(parts: ReaderParts, asked: &Receiver<(ShardId, ReadRequest)>) {
    let mut state = State { parts, later: Vec::new(), told_s: 0 };
    while let Some((shard, request)) = state.next(asked) {
        state.serve(shard, request);
    }
}

/// The thread.
struct State {
    parts: ReaderParts,
    later: Vec<Later>,
    /// When it was last told that something cannot be read.
    told_s: u64,
}

/// A request that could not be served yet.
struct Later {
    at: Instant,
    shard: ShardId,
    request: ReadRequest,
}

impl State {
    /// The next request, or one that was put off and is due. `None` at the end.
    fn next(&mut self, asked: &Receiver<(ShardId, ReadRequest)>) -> Option<(ShardId, ReadRequest)> {
        let due =
            self.later.iter().enumerate().min_by_key(|(_, later)| later.at).map(|(index, later)| (index, later.at));
        let Some((index, at)) = due else { return asked.recv().ok() };
        let pause = at.saturating_duration_since(Instant::now());
        if !pause.is_zero() {
            match asked.recv_timeout(pause) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let Later { shard, request, .. } = self.later.swap_remove(index);
        Some((shard, request))
    }

    fn serve(&mut self, shard: ShardId, request: ReadRequest) {
        // A run may be wanted back before it has reached the disk: it is on its way.
        if self.parts.shared.log().is_some_and(|log| log.durable() <= request.address) {
            return self.put_off(WRITE_PAUSE, shard, request);
        }
        let read = match read(&self.parts.reader, request) {
            Ok(read) => read,
            // Nothing is known of what stands there: it waits where it is, however long the disk does not give it.
            Err(ReadError::Failed(failure)) => {
                self.tell_failure(&failure);
                return self.put_off(ATTEMPT_PAUSE, shard, request);
            }
            Err(error) => RunRead::lost(request, &error),
        };
        self.parts.peers.send_read(shard, read);
        self.parts.peers.wake(shard);
    }

    fn put_off(&mut self, pause: Duration, shard: ShardId, request: ReadRequest) {
        self.later.push(Later { at: Instant::now() + pause, shard, request });
    }

    fn tell_failure(&mut self, failure: &dyn std::fmt::Display) {
        let ReaderParts { clock, log, .. } = &mut self.parts;
        let wall_s = clock.now().wall_s;
        if wall_s >= self.told_s + TELL_EVERY_S {
            self.told_s = wall_s;
            let text =
                format_args!("Error: messages that wait on disk cannot be read: {failure}. They stay where they are.");
            log.line(wall_s, LogType::Error, text);
            log.flush(wall_s);
        }
    }
}

fn read(reader: &Reader<SystemDisk>, request: ReadRequest) -> Result<RunRead, ReadError> {
    // As long as it lasts, nothing from here on is given back.
    let lease = reader.lease(Position(request.address))?;
    let mut run = Vec::new();
    lease.read_batch(Position(request.address), &mut run)?;
    let mut referred = Vec::new();
    let addresses = match record::references(request.address, &run) {
        Ok(addresses) => addresses,
        // Half a run would pass for all of it.
        Err(error) => return Ok(RunRead::lost(request, &error)),
    };
    for address in addresses {
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

/// A disk that goes on refusing is told of so often.
const TELL_EVERY_S: u64 = 60;

#[cfg(test)]
mod tests {
    use midge_broker::Purpose;
    use midge_store::{BATCH_HEADER_BYTES, Log, Options, Repair};

    use super::*;

    /// Nothing of it is passed off as the whole: it is told where it stands.
    #[test]
    fn a_run_that_cannot_be_understood_is_lost_with_a_reason() {
        let folder = std::env::temp_dir().join(format!("midge-reader-{}", std::process::id()));
        let mut log = Log::open(SystemDisk, &folder, Options::default(), Repair::No).expect("a log").log;
        let address = log.end();
        // A stamp of this version, and a record that nobody knows.
        let content = [&[1][..], &[0; record::STAMP_BYTES - 1], &[200]].concat();
        let mut batch = [&(content.len() as u32).to_le_bytes()[..], &[0; BATCH_HEADER_BYTES - 4], &content].concat();
        log.write(&mut batch).expect("written");
        let request = ReadRequest { address: address.0, purpose: Purpose::MoveRetained(0) };
        let read = read(&log.reader(), request).expect("the disk is well");
        drop(log);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!((read.run.len(), read.referred.len()), (0, 0));
        let error = read.error.expect("an error");
        assert!(error.contains(&format!("unknown kind at position {}", address.0 + 45)), "{error}");
    }
}
