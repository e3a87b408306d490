//! Packets as they come and go, shown to somebody who looks for a fault, while the server runs.
//!
//! Each shard is handed a [`Tap`]; what its sockets read and write of the packets that are meant is copied into a queue
//! ([`taps`]). Whoever asked takes it from there ([`Trace`]) and has it described ([`description`]) in a thread of his own.
//!
//! What must hold: while nobody traces, this costs a look at an empty list for each read and each write of a socket. A shard
//! never waits for who looks: what the queue has no room for is left out and counted. A trace ends with its [`Trace`].

mod description;
mod packets;
mod subject;
mod taps;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use midge_codec::{FixedHeader, Version};
use midge_net::Address;

pub(crate) use self::subject::{Origin, Subject};
pub(crate) use self::taps::Taps;
use crate::inquiry::Inquiry;
use crate::peers::Peers;

/// A running trace, as the one sees it who asked for it. Dropping it ends it.
pub(crate) struct Trace {
    number: u64,
    peers: Arc<Peers>,
    receiver: Receiver<Traced>,
    load: Arc<Load>,
}

/// A running trace, as a shard sees it.
#[derive(Clone)]
pub(crate) struct Tap {
    number: u64,
    subject: Arc<Subject>,
    sender: SyncSender<Traced>,
    load: Arc<Load>,
}

/// What a shard is told.
pub(crate) enum TraceOrder {
    Begin(Tap),
    /// The one with this number.
    End(u64),
}

/// What waits in a queue, and what found no room there.
#[derive(Default)]
struct Load {
    bytes: AtomicUsize,
    left_out: AtomicU64,
}

/// A packet, copied as far as it is shown, or bytes that make none.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    /// Wall clock, in milliseconds since 1970.
    wall_ms: u64,
    direction: Direction,
    /// Empty where no CONNECT has told it.
    client_id: Arc<str>,
    address: Address,
    version: Version,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Packet {
        header: FixedHeader,
        /// Of a PUBLISH all but the end of its payload.
        body: Box<[u8]>,
        /// What a Topic Alias stands for.
        aliased: Option<Box<str>>,
    },
    /// A packet of which more would have to be kept than is good.
    Large(FixedHeader),
    /// So many bytes.
    Nonsense(usize),
}

/// Who sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    FromClient,
    ToClient,
}

/// What comes of waiting for a packet.
pub(crate) enum Wait {
    Packet(Box<Traced>),
    /// Nothing in that time.
    Nothing,
    /// The shards have ended.
    End,
}

impl Trace {
    /// Begins: packets from now on are seen, on whatever shard.
    pub(crate) fn begin(peers: &Arc<Peers>, subject: Subject) -> Trace {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = sync_channel(QUEUED_PACKETS_MAX);
        let load = Arc::new(Load::default());
        let tap = Tap { number, subject: Arc::new(subject), sender, load: Arc::clone(&load) };
        for shard in peers.shards() {
            peers.send_inquiry(shard, Inquiry::Trace(TraceOrder::Begin(tap.clone())));
            // When this is answered, it has begun.
            peers.inquire(shard, |_| ());
        }
        Trace { number, peers: Arc::clone(peers), receiver, load }
    }

    /// The next packet, within this time.
    pub(crate) fn wait(&self, patience: Duration) -> Wait {
        match self.receiver.recv_timeout(patience) {
            Ok(traced) => {
                self.load.bytes.fetch_sub(traced.kept_bytes(), Ordering::Relaxed);
                Wait::Packet(Box::new(traced))
            }
            Err(RecvTimeoutError::Timeout) => Wait::Nothing,
            Err(RecvTimeoutError::Disconnected) => Wait::End,
        }
    }

    /// How many packets were left out since this was last asked.
    pub(crate) fn take_left_out(&self) -> u64 {
        self.load.left_out.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        for shard in self.peers.shards() {
            self.peers.send_inquiry(shard, Inquiry::Trace(TraceOrder::End(self.number)));
        }
    }
}

impl Tap {
    /// Hands a packet over, if there is room for it.
    fn put(&self, traced: Traced) {
        let bytes = traced.kept_bytes();
        let before = self.load.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > QUEUED_BYTES_MAX || self.sender.try_send(traced).is_err() {
            self.load.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.load.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Traced {
    fn kept_bytes(&self) -> usize {
        match &self.what {
            What::Packet { body, aliased, .. } => body.len() + aliased.as_ref().map_or(0, |topic| topic.len()),
            What::Large(_) | What::Nonsense(_) => 0,
        }
    }
}

/// What waits for who looks: more than a turn of a shard usually brings, and less than a megabyte with all that is around it.
const QUEUED_PACKETS_MAX: usize = 4096;
const QUEUED_BYTES_MAX: usize = 4 << 20;

/// More of a packet than this is not copied, its payload aside.
const KEPT_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn traced(bytes: usize) -> Traced {
        let header = FixedHeader { first: 0x30, remaining: bytes as u32, length: 2 };
        Traced {
            wall_ms: 0,
            direction: Direction::FromClient,
            client_id: "c".into(),
            address: Address::V4(Ipv4Addr::LOCALHOST, 1),
            version: Version::V5,
            what: What::Packet { header, body: vec![0; bytes].into(), aliased: None },
        }
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_left_out_and_counted() {
        let (sender, receiver) = sync_channel(QUEUED_PACKETS_MAX);
        let tap = Tap { number: 0, subject: Arc::default(), sender, load: Arc::default() };
        let left_out = || tap.load.left_out.swap(0, Ordering::Relaxed);
        (0..QUEUED_PACKETS_MAX + 3).for_each(|_| tap.put(traced(1)));
        assert_eq!((receiver.try_iter().count(), left_out()), (QUEUED_PACKETS_MAX, 3));
        tap.load.bytes.store(0, Ordering::Relaxed);
        (0..QUEUED_BYTES_MAX / KEPT_BYTES_MAX + 2).for_each(|_| tap.put(traced(KEPT_BYTES_MAX)));
        assert_eq!((receiver.try_iter().count(), left_out()), (QUEUED_BYTES_MAX / KEPT_BYTES_MAX, 2));
        drop(receiver);
        tap.load.bytes.store(0, Ordering::Relaxed);
        tap.put(traced(1));
        assert_eq!((left_out(), tap.load.bytes.load(Ordering::Relaxed)), (1, 0));
    }
}
