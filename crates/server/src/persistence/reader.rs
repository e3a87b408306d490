//! The thread that reads for the shards, and asks again later what cannot be read now.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use midge_broker::ids::ShardId;
use midge_broker::{ReadRequest, Shared};
use midge_persistence::{Answer, answer};
use midge_store::{Reader, SystemDisk};

use crate::clock::Clock;
use crate::log::{LogBuffer, LogType};
use crate::peers::Peers;

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
        let Some(queue) = self.parts.shared.log() else { return };
        self.parts.peers.wait_for_reads_taken(shard);
        match answer(&self.parts.reader, queue, request) {
            Answer::Read(read) => {
                self.parts.peers.send_read(shard, read);
                self.parts.peers.wake(shard);
            }
            Answer::Later(pause, failure) => {
                if let Some(failure) = failure {
                    self.tell_failure(&failure);
                }
                self.later.push(Later { at: Instant::now() + pause, shard, request });
            }
        }
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

/// A disk that goes on refusing is told of so often.
const TELL_EVERY_S: u64 = 60;
