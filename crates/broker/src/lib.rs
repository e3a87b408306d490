//! The rules of an MQTT Server as the state of one shard: who is connected, who subscribed to what, which messages wait.
//!
//! Values in, values out: a [`Shard`] is given bytes, mail and the time, and leaves packets, mail and events in a
//! [`Turn`]. What shards share stands behind [`Shared`]. Nothing here knows sockets, files, threads, clocks or the
//! syntax of configuration files, so that a day of a server's life can be replayed in a second.
//!
//! To read it: [`shard`] for the way of a packet, `deliver` in it for the way of a message, [`router`] for who gets it.
#![forbid(unsafe_code)]

mod access;
mod client_rate;
mod connection;
mod counters;
mod directory;
pub mod event;
pub mod groups;
mod identity;
pub mod ids;
pub mod limits;
mod log_queue;
mod mail;
mod mesh;
pub mod message;
mod options;
pub mod outbox;
mod queue;
mod queue_age;
pub mod record;
pub mod recovery;
mod replay;
pub mod retained;
pub mod router;
mod sampling;
pub mod service;
mod session;
pub mod shard;
mod shared;
pub mod sys;
mod timers;
mod turn;

pub use access::is_server_topic;
pub use counters::{Counters, Gauges};
pub use directory::{Claim, Directory};
pub use identity::{Authentication, Credentials, Identity, RefusedCredentials, Renew, Renewed, Rights};
pub use ids::{ConnectionId, ListenerId, ShardId};
pub use log_queue::{Appended, BATCH_HEADER_BYTES, LogQueue, LogState, SnapshotDone, SnapshotOrder};
pub use mail::{Mail, Parcel};
pub use mesh::Mesh;
pub use options::{ClientRate, ListenerOptions, Options, ServiceOptions};
pub use queue_age::{QUEUE_AGES, QueueAges};
pub use sampling::{RetainedWrite, SAMPLE_PAYLOAD_BYTES_MAX, Sample, SamplePortion};
pub use shard::{Arrival, ConnectionEnd, Consumed, FirstBytes, Next, Purpose, ReadBatch, ReadRequest, Shard};
pub use shard::{ListedConnection, ListedSession, SessionPortion};
pub use shard::{ListedRetained, ListedSubscription, RetainedPortion, SubscriptionCursor, SubscriptionPortion};
#[cfg(feature = "simulation")]
pub use shared::Interlude;
pub use shared::Shared;
pub use turn::{Now, Turn};
