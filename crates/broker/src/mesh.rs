//! The inboxes through which shards send each other mail.
//!
//! What must hold: parcels of one sender arrive in the order in which they were posted; a shard that sleeps while there
//! is mail has been woken; posting never waits for the receiver. An inbox over its bound does not refuse mail, it makes
//! senders stop reading their sockets, so that it overflows by at most a turn's budget and two shards with full
//! inboxes cannot lock each other.

use crate::ids::ShardId;
use crate::mail::Parcel;
use sync::{AtomicBool, AtomicUsize, Mutex, Ordering};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}

/// One inbox for each shard.
pub struct Mesh {
    inboxes: Box<[Inbox]>,
}

/// On cache lines of its own: senders of one shard do not slow down those of another.
#[repr(align(128))]
struct Inbox {
    content: Mutex<Content>,
    /// Bytes waiting, for the bound; read without the lock.
    bytes: AtomicUsize,
    asleep: AtomicBool,
}

#[derive(Default)]
struct Content {
    parcels: Vec<Parcel>,
    /// Emptied parcels with warm buffers, for those who post next.
    spares: Vec<Parcel>,
}

/// Senders stop reading sockets above this. Large enough for a turn of every peer, small enough to stay in memory.
const INBOX_BYTES_MAX: usize = 8 << 20;

/// More spare parcels than this are given back to the allocator.
const SPARES_MAX: usize = 8;

/// A spare that held more than this is given back as well.
const SPARE_BYTES_MAX: usize = 4 << 20;

impl Mesh {
    /// Inboxes for `shards` shards, all awake.
    pub fn new(shards: u16) -> Mesh {
        let inbox = |_| Inbox {
            content: Mutex::new(Content::default()),
            bytes: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
        };
        Mesh { inboxes: (0..shards).map(inbox).collect() }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.inboxes.len()
    }

    /// Hands over a parcel, leaving an empty one. `true`: the receiver sleeps, and it is the caller who must wake it.
    pub fn post(&self, to: ShardId, parcel: &mut Parcel) -> bool {
        let inbox = self.inbox(to);
        let bytes = parcel.bytes();
        let mut content = lock(&inbox.content);
        let spare = content.spares.pop().unwrap_or_default();
        content.parcels.push(std::mem::replace(parcel, spare));
        inbox.bytes.fetch_add(bytes, Ordering::Relaxed);
        drop(content);
        self.is_to_be_woken(to)
    }

    /// Whether `shard` sleeps. The answer is `true` once for each sleep: who gets it must wake the shard.
    pub fn is_to_be_woken(&self, shard: ShardId) -> bool {
        let inbox = self.inbox(shard);
        inbox.asleep.load(Ordering::SeqCst) && inbox.asleep.swap(false, Ordering::SeqCst)
    }

    /// Takes everything that waits for `me`, in order.
    pub fn collect(&self, me: ShardId, into: &mut Vec<Parcel>) {
        let inbox = self.inbox(me);
        if inbox.bytes.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut content = lock(&inbox.content);
        into.append(&mut content.parcels);
        inbox.bytes.store(0, Ordering::Relaxed);
    }

    /// Gives back parcels that were read.
    pub fn recycle(&self, me: ShardId, parcels: &mut Vec<Parcel>) {
        if parcels.is_empty() {
            return;
        }
        let mut content = lock(&self.inbox(me).content);
        for mut parcel in parcels.drain(..) {
            let keep = content.spares.len() < SPARES_MAX && parcel.bytes() < SPARE_BYTES_MAX;
            parcel.clear();
            if keep {
                content.spares.push(parcel);
            }
        }
    }

    /// Whether so much waits for `shard` that others should stop reading what could become mail for it.
    pub fn is_full(&self, shard: ShardId) -> bool {
        self.inbox(shard).bytes.load(Ordering::Relaxed) > INBOX_BYTES_MAX
    }

    /// `me` is about to sleep. `false`: there is mail, do not. Whoever posts from now on must wake it.
    pub fn about_to_sleep(&self, me: ShardId) -> bool {
        let inbox = self.inbox(me);
        inbox.asleep.store(true, Ordering::SeqCst);
        let is_empty = lock(&inbox.content).parcels.is_empty();
        if !is_empty {
            inbox.asleep.store(false, Ordering::SeqCst);
        }
        is_empty
    }

    /// `me` does not sleep (any more).
    pub fn awake(&self, me: ShardId) {
        self.inbox(me).asleep.store(false, Ordering::SeqCst);
    }

    fn inbox(&self, shard: ShardId) -> &Inbox {
        &self.inboxes[usize::from(shard.0)]
    }
}

/// A panic ends the process, so a poisoned lock can only be seen in tests.
fn lock<T>(mutex: &Mutex<T>) -> sync_guard::Guard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

mod sync_guard {
    #[cfg(loom)]
    pub(super) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;
    #[cfg(not(loom))]
    pub(super) type Guard<'a, T> = std::sync::MutexGuard<'a, T>;
}
