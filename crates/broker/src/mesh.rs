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

/// Every order in which threads can come between each other, tried out by loom:
/// `RUSTFLAGS="--cfg loom" cargo test -p midge-broker --lib mesh::loom_tests`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::mail::{Envelope, Opened, OpenedContent};
    use crate::message::MessageParts;
    use loom::sync::Arc;
    use loom::thread;
    use midge_codec::QoS;

    const ME: ShardId = ShardId(0);

    fn parcel(payload: &'static [u8]) -> Parcel {
        let (qos, retain, received_s, expiry_interval_s) = (QoS::AtMostOnce, false, 0, None);
        let envelope = Envelope { qos, retain, received_s, expiry_interval_s, retained_sequence: 0 };
        let parts = MessageParts {
            topic: "t",
            properties: &[],
            payload,
            qos,
            retain,
            received_s,
            received_ns: 0,
            expiry_interval_s,
        };
        let mut parcel = Parcel::default();
        parcel.publish(envelope, &parts, None, &[], &[]);
        parcel
    }

    /// Takes what waits, in order, and gives the parcels back as a shard does.
    fn take(mesh: &Mesh, into: &mut Vec<u8>) {
        let mut parcels = Vec::new();
        mesh.collect(ME, &mut parcels);
        for parcel in &parcels {
            parcel.open(|letter| {
                let Opened::Publish { content: OpenedContent::Inline { payload, .. }, .. } = letter else {
                    panic!("not what was posted");
                };
                into.extend_from_slice(payload);
            });
        }
        mesh.recycle(ME, &mut parcels);
    }

    #[test]
    fn nothing_is_lost_and_each_senders_order_is_kept() {
        loom::model(|| {
            let mesh = Arc::new(Mesh::new(1));
            let senders = [[&b"a"[..], b"b"], [b"x", b"y"]].map(|payloads| {
                let mesh = mesh.clone();
                thread::spawn(move || {
                    for payload in payloads {
                        let mut parcel = parcel(payload);
                        mesh.post(ME, &mut parcel);
                        assert!(parcel.is_empty(), "an empty parcel is left behind, whatever was recycled");
                    }
                })
            });
            let mut got = Vec::new();
            take(&mesh, &mut got);
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            take(&mesh, &mut got);
            let of = |letters: &[u8]| got.iter().copied().filter(|letter| letters.contains(letter)).collect::<Vec<_>>();
            assert_eq!((of(b"ab"), of(b"xy"), got.len()), (b"ab".to_vec(), b"xy".to_vec(), 4));
            assert!(!mesh.is_full(ME));
        });
    }

    #[test]
    fn who_sleeps_while_there_is_mail_has_been_woken_and_by_one_only() {
        loom::model(|| {
            let mesh = Arc::new(Mesh::new(1));
            let senders = [b"a", b"b"].map(|payload| {
                let mesh = mesh.clone();
                thread::spawn(move || mesh.post(ME, &mut parcel(payload)))
            });
            let mut got = Vec::new();
            take(&mesh, &mut got);
            let sleeps = mesh.about_to_sleep(ME);
            let woken = senders.into_iter().map(|sender| u32::from(sender.join().unwrap())).sum::<u32>();
            // It may be woken for a parcel that it has taken already, which does no harm.
            assert!(woken == 1 || woken == 0 && (!sleeps || got.len() == 2), "asleep with mail, and nobody wakes it");
            mesh.awake(ME);
            take(&mesh, &mut got);
            got.sort_unstable();
            assert_eq!(got, b"ab");
        });
    }
}
