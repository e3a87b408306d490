//! Threads for checks that take their time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{io, thread};

use midge_broker::ids::ShardId;
use midge_broker::{Authentication, RefusedCredentials};

use super::{Authority, Check};
use crate::abort::AbortOnPanic;
use crate::peers::Peers;

/// Where checks are handed in.
pub(crate) struct Workers {
    jobs: Mutex<Sender<Job>>,
    waiting: Arc<AtomicUsize>,
}

/// Who wants to know.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) shard: ShardId,
    /// The connection's place there,
    pub(crate) index: usize,
    /// and that it is still the same one.
    pub(crate) generation: u32,
    /// What was in force when it asked.
    pub(crate) settings_number: u64,
}

/// What a shard is told later.
pub(crate) struct Answer {
    pub(crate) asker: Asker,
    pub(crate) authentication: Authentication,
}

struct Job {
    asker: Asker,
    check: Check,
    authority: Arc<Authority>,
}

impl Workers {
    /// Starts the threads, which end with what they work for.
    pub(crate) fn start(count: usize, peers: &Arc<Peers>) -> io::Result<Workers> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let waiting = Arc::new(AtomicUsize::new(0));
        for number in 0..count {
            let (receiver, waiting, peers) = (Arc::clone(&receiver), Arc::clone(&waiting), Arc::downgrade(peers));
            let thread = thread::Builder::new().name(format!("worker-{number}")).stack_size(STACK_BYTES);
            thread.spawn(move || {
                let on_panic = AbortOnPanic;
                work(&receiver, &waiting, &peers);
                drop(on_panic);
            })?;
        }
        Ok(Workers { jobs: Mutex::new(sender), waiting })
    }

    /// Has something checked; the answer comes to the asker's shard. `false`: too much waits already.
    pub(crate) fn hand_in(&self, asker: Asker, check: Check, authority: &Arc<Authority>) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let job = Job { asker, check, authority: Arc::clone(authority) };
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize, peers: &Weak<Peers>) {
    loop {
        // One waits with the lock, the others for the lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { asker, check, authority }) = job else { return };
        let authentication = authority.check(&check);
        waiting.fetch_sub(1, Ordering::Relaxed);
        let Some(peers) = peers.upgrade() else { return };
        peers.send_answer(Answer { asker, authentication });
        peers.wake(asker.shard);
    }
}

/// For a shard that could not hand in what it wanted to know.
pub(crate) const NOT_NOW: Authentication = Authentication::Refused(RefusedCredentials::Busy);

/// Connections that may wait for a check of their password: at a millisecond each some ten seconds.
const WAITING_MAX: usize = 10_000;

/// argon2 keeps its memory on the heap.
const STACK_BYTES: usize = 256 << 10;
