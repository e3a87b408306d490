//! Threads for checks that take their time: some that calculate, and others that wait for web services, so that none of these
//! keeps a password waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Instant;
use std::{io, thread};

use midge_broker::ids::ShardId;
use midge_broker::{Authentication, RefusedCredentials};
use midge_net::Address;

use super::{Authority, Check, Turn};
use crate::abort::AbortOnPanic;
use crate::clock::Clock;
use crate::peers::Peers;

/// Where checks are handed in.
pub(crate) struct Workers {
    calculators: Pool,
    /// Started when the first one is needed.
    callers: OnceLock<Pool>,
    peers: Weak<Peers>,
    clock: Clock,
}

/// Threads that do the same.
struct Pool {
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
    /// What comes of it is told, if it counts.
    pub(crate) turn: Option<Turn>,
}

/// What a shard is told later.
pub(crate) struct Answer {
    pub(crate) asker: Asker,
    /// From where it was asked.
    pub(crate) address: Address,
    /// What it was about.
    pub(crate) check: Check,
    /// What came of it; `None`: it was not looked at, because others have failed while it waited.
    pub(crate) authentication: Option<Authentication>,
    /// What the operator should know.
    pub(crate) trouble: Option<String>,
}

struct Job {
    asker: Asker,
    address: Address,
    check: Check,
    authority: Arc<Authority>,
    wanted: Instant,
}

impl Workers {
    /// Starts the threads that calculate. All end with what they work for.
    pub(crate) fn start(count: usize, peers: &Arc<Peers>, clock: Clock) -> io::Result<Workers> {
        let peers = Arc::downgrade(peers);
        let calculators = Pool::start("worker", count, &peers, clock)?;
        Ok(Workers { calculators, callers: OnceLock::new(), peers, clock })
    }

    /// Has something checked for who is at this address; the answer comes to the asker's shard. `false`: too much waits already.
    pub(crate) fn hand_in(&self, asker: Asker, address: Address, check: Check, authority: &Arc<Authority>) -> bool {
        let pool = if check.is_call { self.callers() } else { Some(&self.calculators) };
        let job = Job { asker, address, check, authority: Arc::clone(authority), wanted: Instant::now() };
        pool.is_some_and(|pool| pool.hand_in(job))
    }

    fn callers(&self) -> Option<&Pool> {
        if self.callers.get().is_none() {
            // Of two shards that come here at once one starts threads that end at once.
            let _ = self.callers.set(Pool::start("caller", CALLERS, &self.peers, self.clock).ok()?);
        }
        self.callers.get()
    }
}

impl Pool {
    fn start(name: &str, count: usize, peers: &Weak<Peers>, clock: Clock) -> io::Result<Pool> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let waiting = Arc::new(AtomicUsize::new(0));
        for number in 0..count {
            let (receiver, waiting, peers) = (Arc::clone(&receiver), Arc::clone(&waiting), Weak::clone(peers));
            let thread = thread::Builder::new().name(format!("{name}-{number}")).stack_size(STACK_BYTES);
            thread.spawn(move || {
                let on_panic = AbortOnPanic;
                work(&receiver, &waiting, &peers, clock);
                drop(on_panic);
            })?;
        }
        Ok(Pool { jobs: Mutex::new(sender), waiting })
    }

    fn hand_in(&self, job: Job) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_ok()
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize, peers: &Weak<Peers>, clock: Clock) {
    loop {
        // One waits with the lock, the others for the lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let Some(peers) = peers.upgrade() else { return };
        let answer = job.answer(&peers, clock);
        waiting.fetch_sub(1, Ordering::Relaxed);
        let shard = answer.asker.shard;
        peers.send_answer(answer);
        peers.wake(shard);
    }
}

impl Job {
    /// What comes of it is noted at once: the next one may be a guess too.
    fn answer(self, peers: &Peers, clock: Clock) -> Answer {
        let Job { asker, address, check, authority, wanted } = self;
        if asker.turn.is_some_and(|turn| !peers.failures.is_still_open(turn, clock.monotonic_ms())) {
            return Answer { asker, address, check, authentication: None, trouble: None };
        }
        let (authentication, trouble) = match authority.check(&check, wanted) {
            Ok(identity) => (Authentication::Known(identity), None),
            Err(refused) => (refused.authentication(), refused.trouble),
        };
        if let Some(turn) = asker.turn {
            peers.failures.note(turn, &authentication, clock.monotonic_ms());
        }
        Answer { asker, address, check, authentication: Some(authentication), trouble }
    }
}

/// For a shard that could not hand in what it wanted to know.
pub(crate) const NOT_NOW: Authentication = Authentication::Refused(RefusedCredentials::Busy);

/// Connections that may wait for a check: of passwords, at a millisecond each, some ten seconds.
const WAITING_MAX: usize = 10_000;

/// Questions to web services at a time.
const CALLERS: usize = 8;

/// argon2 keeps its memory on the heap.
const STACK_BYTES: usize = 256 << 10;
