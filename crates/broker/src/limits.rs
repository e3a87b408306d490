//! Bounds that no directive changes, each with its reason.

/// First packet of a connection: a CONNECT with a long Will fits, and a stranger cannot make us hold more.
pub const CONNECT_BYTES_MAX: usize = 100_000;

/// A Topic Name on the wire, with a mount point before it too.
pub(crate) const TOPIC_BYTES_MAX: usize = u16::MAX as usize;

/// SUBSCRIBE and UNSUBSCRIBE of version 5; 3.x clients with thousands of filters in one packet exist.
pub(crate) const SUBSCRIBE_BYTES_MAX: usize = 100_000;

/// Acknowledgements, DISCONNECT and AUTH: an identifier, a code, a few words.
pub(crate) const SMALL_PACKET_BYTES_MAX: usize = 10_000;

/// What one Session is sent from its queue or its replays in one turn: enough to fill a socket buffer, little enough
/// that others have their turn.
pub(crate) const PUMP_BYTES_MAX: usize = 128 << 10;

/// Payload that is under way to a service: some batches of it.
pub(crate) const SERVICE_INFLIGHT_BYTES_MAX: u64 = 32 << 20;

/// What may wait for a service of what is in memory alone: everything where there is no log, and otherwise what the server says of
/// itself, and QoS 0 while the log is full.
pub(crate) const SERVICE_MEMORY_BYTES_MAX: u64 = 64 << 20;

/// Nodes of the retained store that one portion of a replay visits.
pub(crate) const REPLAY_NODES_MAX: usize = 256;

/// Sessions whose work goes on in one turn.
pub(crate) const WORK_SESSIONS_MAX: usize = 64;

/// How long a Session remembers a finished replay, so that a live copy of a message it was already sent, still on its
/// way between shards, is noticed. Mail is a turn or two old.
pub(crate) const REPLAY_REMEMBERED_MS: u64 = 5_000;

/// Share groups that one Session may be a member of. Each is looked at when its client comes, goes or stops reading.
pub(crate) const MEMBERSHIPS_MAX: usize = 1000;

/// Events that one turn gathers for the log, and receivers that its messages found: beyond these the turn is committed
/// before more is handled. A message that matches a hundred thousand filters costs milliseconds.
pub(crate) const TURN_EVENTS_MAX: usize = 8192;
pub(crate) const TURN_RECEIVERS_MAX: usize = 1 << 18;

/// How long a client may leave so many of our answers unread that we do not read it either, if its Keep Alive is shorter.
pub(crate) const HELD_MS_MAX: u64 = 60_000;

/// Places of the retained store that one search for expired messages looks at, and how long until the next: ten thousand a
/// second, each time within a lock of some tens of microseconds.
pub(crate) const RETAINED_SWEEP_NODES_MAX: usize = 1024;
pub(crate) const RETAINED_SWEEP_EVERY_MS: u64 = 100;

/// What a shard writes of a snapshot in one turn, and places of the retained store it looks at at a time.
pub(crate) const SNAPSHOT_PORTION_BYTES: usize = 256 << 10;
pub(crate) const SNAPSHOT_RETAINED_NODES: u32 = 256;

/// What a shard lists in one turn for somebody who wants to see all of it: slots of Sessions, Subscriptions or places of the
/// retained store, and bytes of names beyond which it stops. Tens of microseconds.
pub(crate) const LISTED_MAX: u32 = 512;
pub(crate) const LISTED_BYTES_MAX: usize = 64 << 10;

/// Slots of Sessions that a log may name: more than fit into any memory.
pub(crate) const SLOTS_MAX: u32 = 1 << 28;

/// Bytes of each shard's cache of Topic Names.
pub(crate) const ROUTE_CACHE_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(PUMP_BYTES_MAX < 256 << 10, "a pumped Session must not congest its connection in one turn");
