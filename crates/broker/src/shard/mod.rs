//! One shard: the Sessions and connections that one thread owns, and what happens to them.
//!
//! The way of a packet: [`Shard::handle_bytes`] (`packets`) cuts it from the stream and calls the file named after it.
//! The way of a message: `publish` → router → `deliver` → outbox, or the mail to another shard.

mod acknowledge;
mod admission;
mod compaction;
mod connect;
mod deliver;
mod end;
mod group_queue;
mod listing;
mod mount_point;
mod operator;
mod overdue;
mod packets;
mod publish;
mod pump;
mod record;
mod restore;
mod retained;
mod rights;
mod run;
mod sampled;
mod services;
mod share;
mod snapshot;
mod subscribe;
mod timeouts;

pub use admission::{Arrival, FirstBytes};
pub use end::ConnectionEnd;
pub use listing::{ListedConnection, ListedSession, SessionPortion};
pub use listing::{ListedRetained, ListedSubscription, RetainedPortion, SubscriptionCursor, SubscriptionPortion};
pub use packets::{Consumed, Next};
pub use run::{Purpose, ReadBatch, ReadRequest};
pub(crate) use run::{message_at, read_run};

use crate::connection::Connection;
use crate::counters::{Counters, Gauges};
use crate::ids::{ConnectionId, ShardId};
use crate::limits;
use crate::message::Message;
use crate::options::Options;
use crate::replay::Replayed;
use crate::router::{Matches, RouteCache};
use crate::sampling::Sampler;
use crate::sampling::viewer::Viewers;
use crate::service::Receipts;
use crate::session::{Extras, Sessions};
use crate::shared::Shared;
use crate::timers::Timers;
use deliver::Merge;
use midge_codec::Version;
use overdue::Overdue;
use record::Progress;
use snapshot::Walk;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The state of one shard.
pub struct Shard {
    id: ShardId,
    options: Arc<Options>,
    shared: Arc<Shared>,
    /// By connection; `None` before CONNECT and after the end.
    connections: Vec<Option<Connection>>,
    connected: u64,
    sessions: Sessions,
    extras: Extras,
    /// Keep Alive, by connection.
    keep_alive: Timers,
    /// Ends of identities, by connection.
    permits: Timers,
    /// Will Delay and Session Expiry, by Session slot.
    absences: Timers,
    /// Sessions that have more to be sent than one turn allows.
    work: VecDeque<u32>,
    /// And those for which the log must have room first.
    starved: BTreeSet<u32>,
    /// Sessions whose queues are to become runs when the log has caught up.
    overdue: Overdue,
    replayed: Replayed,
    /// When expired Retained Messages are looked for next; a shard that keeps one which will expire begins to.
    retained_sweep_at_ms: Option<u64>,
    counters: Counters,
    subscriptions: u64,
    shared_subscriptions: u64,
    messages_held: u64,
    bytes_held: u64,
    /// Exchanges that are not finished, of all Sessions.
    inflight: u64,
    /// Messages that wait on disk only.
    messages_on_disk: u64,
    /// A Session is taking messages from a group: what goes wrong with one of them must not begin that anew inside.
    is_pulling: bool,
    cache: RouteCache,
    sampler: Sampler,
    viewers: Viewers,
    random: Random,
    receipts: Receipts,
    progress: Progress,
    walk: Walk,
    /// Sessions that had a connection when the server ended.
    disconnected: Vec<u32>,
    /// Client Identifiers (their hashes) whose Sessions have ended, with the batch that must be durable before another shard
    /// may have them.
    ended: BTreeMap<u64, u64>,
    /// Retained Messages with large payloads that leave memory when they have their place in the log; with their numbers.
    large_retained: Vec<(Message, u64)>,
    scratch: Scratch,
}

/// Buffers that are used again and again.
#[derive(Default)]
struct Scratch {
    matches: Matches,
    merge: Merge,
    message: Vec<u8>,
    topic: String,
    filter: String,
    properties: Vec<u8>,
    received: Vec<u8>,
    due: Vec<u32>,
}

/// Numbers that cannot be guessed without the seed and are the same for the same seed (SplitMix64, Steele et al. 2014).
struct Random(u64);

impl Shard {
    /// An empty shard.
    pub fn new(options: Arc<Options>, id: ShardId, shared: Arc<Shared>) -> Shard {
        let random = Random(options.seed ^ u64::from(id.0).wrapping_mul(0xd134_2543_de82_ef95));
        let mut sampler = Sampler::default();
        sampler.keep_history(options.keeps_samples);
        Shard {
            id,
            options,
            shared,
            connections: Vec::new(),
            connected: 0,
            sessions: Sessions::default(),
            extras: Extras::new(),
            keep_alive: Timers::default(),
            permits: Timers::default(),
            absences: Timers::default(),
            work: VecDeque::new(),
            starved: BTreeSet::new(),
            overdue: Overdue::default(),
            replayed: Replayed::default(),
            retained_sweep_at_ms: None,
            counters: Counters::default(),
            subscriptions: 0,
            shared_subscriptions: 0,
            messages_held: 0,
            bytes_held: 0,
            inflight: 0,
            messages_on_disk: 0,
            is_pulling: false,
            cache: RouteCache::new(limits::ROUTE_CACHE_BYTES_MAX),
            sampler,
            viewers: Viewers::default(),
            random,
            receipts: Receipts::default(),
            progress: Progress::new(),
            walk: Walk::default(),
            disconnected: Vec::new(),
            ended: BTreeMap::new(),
            large_retained: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// What it counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How things stand.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            sessions: self.sessions.len() as u64,
            connected: self.connected,
            subscriptions: self.subscriptions,
            shared_subscriptions: self.shared_subscriptions,
            messages_held: self.messages_held + self.messages_on_disk,
            messages_on_disk: self.messages_on_disk,
            bytes_held: self.bytes_held,
            inflight: self.inflight,
        }
    }

    /// Whether nothing is left of any connection or Session. For those who look for leaks.
    pub fn is_bare(&self) -> bool {
        self.sessions.len() == 0
            && self.extras.is_empty()
            && self.connections.iter().all(Option::is_none)
            && self.messages_held + self.messages_on_disk + self.inflight == 0
    }

    /// The Client Identifier behind a connection, for those who write logs.
    pub fn client_id(&self, connection: ConnectionId) -> Option<&str> {
        let connection = self.connection(connection)?;
        self.sessions.get(connection.session).map(|session| &*session.client_id)
    }

    /// The protocol version that a connection speaks.
    pub fn version(&self, connection: ConnectionId) -> Option<Version> {
        self.connection(connection).map(|connection| connection.version)
    }

    /// The Topic Aliases that a client has set, with what they mean now.
    pub fn aliases_received(&self, connection: ConnectionId) -> impl Iterator<Item = (u16, &str)> {
        let aliases = self.connection(connection).and_then(|connection| connection.inbound_aliases.as_ref());
        aliases.into_iter().flat_map(|aliases| aliases.iter())
    }

    /// The Topic Aliases that a client was told, with what they mean.
    pub fn aliases_sent(&self, connection: ConnectionId) -> impl Iterator<Item = (u16, &str)> {
        let aliases = self.connection(connection).and_then(|connection| connection.outbound_aliases.as_ref());
        aliases.into_iter().flat_map(|aliases| aliases.iter())
    }

    #[inline]
    fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.get(id.0 as usize)?.as_ref()
    }

    #[inline]
    fn connection_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.0 as usize)?.as_mut()
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A random (version 4) UUID, RFC 9562.
    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }
}
