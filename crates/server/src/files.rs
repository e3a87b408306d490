//! Files for web browsers, read by threads of their own: a shard waits for no disk.
//!
//! A file comes in portions, and the next one is read when its connection has taken the one before; so a request holds one
//! portion of memory, whatever it asks for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;

use midge_net::sys;
use midge_net::websocket::{FilePath, Refusal, append_file_head, append_redirect, content_type};

use crate::abort::AbortOnPanic;
use crate::authority::Asker;
use crate::peers::Peers;

/// Where files are asked for. The threads begin with the first request.
pub(crate) struct Files {
    started: Once,
    jobs: Sender<Job>,
    receiver: Arc<Mutex<Receiver<Job>>>,
    waiting: Arc<AtomicUsize>,
    places: Arc<Places>,
}

/// What is wanted.
pub(crate) enum Task {
    /// The beginning of an answer.
    Open {
        /// The folder that is served.
        folder: Arc<Path>,
        /// The file in it.
        path: FilePath,
        /// Nothing but the head.
        is_head: bool,
        /// From where.
        network: u64,
    },
    /// The next portion.
    GoOn(Download),
}

/// A file of which a part was read.
pub(crate) struct Download {
    file: File,
    left: u64,
    _place: Place,
}

/// The places for those who get a file in portions: they may take their time, and hold memory meanwhile. How many are taken, by the
/// [`network`](crate::connection_rate::network) from which they come.
#[derive(Default)]
struct Places(Mutex<BTreeMap<u64, usize>>);

/// One of them, taken.
struct Place {
    places: Arc<Places>,
    network: u64,
}

impl Places {
    /// `None`: all are taken, or all that whoever is there may have.
    fn take(self: &Arc<Places>, network: u64) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&network).copied().unwrap_or(0));
        if all >= DOWNLOADS_MAX || own >= DOWNLOADS_OF_ONE_MAX {
            return None;
        }
        taken.insert(network, own + 1);
        Some(Place { places: Arc::clone(self), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut own) = taken.entry(self.network) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
    }
}

/// What came of a task.
pub(crate) struct Portion {
    pub(crate) asker: Asker,
    /// Bytes to be sent, and what comes behind them.
    pub(crate) result: Result<(Vec<u8>, Option<Download>), Refusal>,
}

struct Job {
    asker: Asker,
    task: Task,
}

impl Default for Files {
    fn default() -> Files {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        Files { started: Once::new(), jobs, receiver, waiting: Arc::default(), places: Arc::default() }
    }
}

impl Files {
    /// Has something read; the portion comes to the asker's shard. `false`: too much waits already.
    pub(crate) fn hand_in(&self, peers: &Arc<Peers>, asker: Asker, task: Task) -> bool {
        self.started.call_once(|| self.start(peers));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.jobs.send(Job { asker, task }).is_ok()
    }

    /// Without threads nothing is read, and requests end with their time.
    fn start(&self, peers: &Arc<Peers>) {
        for number in 0..THREADS {
            let (receiver, waiting) = (Arc::clone(&self.receiver), Arc::clone(&self.waiting));
            let (peers, places) = (Arc::downgrade(peers), Arc::clone(&self.places));
            let thread = thread::Builder::new().name(format!("files-{number}")).stack_size(STACK_BYTES);
            let started = thread.spawn(move || {
                let on_panic = AbortOnPanic;
                work(&receiver, &waiting, &places, &peers);
                drop(on_panic);
            });
            if started.is_err() {
                return;
            }
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize, places: &Arc<Places>, peers: &Weak<Peers>) {
    loop {
        // One waits with the lock, the others for the lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { asker, task }) = job else { return };
        let result = match task {
            Task::Open { folder, path, is_head, network } => open(&folder, &path, is_head, || places.take(network)),
            Task::GoOn(download) => go_on(download, Vec::new()),
        };
        waiting.fetch_sub(1, Ordering::Relaxed);
        let Some(peers) = peers.upgrade() else { return };
        peers.send_portion(Portion { asker, result });
        peers.wake(asker.shard);
    }
}

fn open(
    folder: &Path,
    path: &FilePath,
    is_head: bool,
    take_place: impl FnOnce() -> Option<Place>,
) -> Result<(Vec<u8>, Option<Download>), Refusal> {
    let mut bytes = Vec::new();
    let file = sys::open_beneath(folder, &path.relative).map_err(|error| refusal(&error))?;
    let metadata = file.metadata().map_err(|error| refusal(&error))?;
    if let Some(location) = path.with_slash.as_ref().filter(|_| metadata.is_dir()) {
        append_redirect(location, &mut bytes);
        return Ok((bytes, None));
    }
    if !metadata.is_file() {
        return Err(Refusal::NotFound);
    }
    append_file_head(content_type(&path.relative), metadata.len(), &mut bytes);
    if is_head {
        return Ok((bytes, None));
    }
    let place = take_place().ok_or(Refusal::Busy)?;
    go_on(Download { file, left: metadata.len(), _place: place }, bytes)
}

/// Reads the next portion behind `bytes`.
fn go_on(mut download: Download, mut bytes: Vec<u8>) -> Result<(Vec<u8>, Option<Download>), Refusal> {
    let wanted = download.left.min(PORTION_BYTES);
    bytes.reserve(wanted as usize);
    let count = (&download.file).take(wanted).read_to_end(&mut bytes).map_err(|error| refusal(&error))?;
    download.left -= count as u64;
    // A file that has become shorter ends where it does: the length that was announced tells the browser.
    let goes_on = download.left > 0 && count as u64 == wanted;
    Ok((bytes, goes_on.then_some(download)))
}

/// A link that leads out of the folder is as good as no file.
fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::CrossesDevices
        | io::ErrorKind::InvalidFilename => Refusal::NotFound,
        _ => Refusal::Unreadable,
    }
}

/// A slow disk holds up as many requests as this before it holds up all.
const THREADS: usize = 2;

/// Requests that may wait.
const WAITING_MAX: usize = 1_000;

/// Read at once, and held in memory for one request.
const PORTION_BYTES: u64 = 64 << 10;

/// Files that are on their way at a time: 16 MiB of memory, whoever takes his time.
const DOWNLOADS_MAX: usize = 256;

/// Of those from one network: whoever takes nothing of what he asked for leaves places to others.
const DOWNLOADS_OF_ONE_MAX: usize = DOWNLOADS_MAX / 4;

/// Nothing recurses, and portions are on the heap.
const STACK_BYTES: usize = 128 << 10;
