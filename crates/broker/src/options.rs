//! What an operator may choose, as plain values. Whoever reads configuration files fills them in.

use std::num::NonZeroU32;

use crate::ids::ListenerId;
use crate::service;
use midge_codec::{QoS, Version};

/// Limits and habits of the server.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Listeners, in the order in which [`crate::ids::ListenerId`] counts them.
    pub listeners: Vec<ListenerOptions>,
    /// QoS 1 and 2 messages inflight to a client, 1 to 65535. Also our Receive Maximum.
    pub max_inflight_messages: u16,
    /// Payload bytes of QoS 1 and 2 messages inflight to a client: while there are fewer, another one is sent. `u64::MAX` is no bound.
    pub max_inflight_bytes: u64,
    /// Messages queued for a Session; 0 is no bound.
    pub max_queued_messages: u64,
    /// Bytes queued for a Session; 0 is no bound.
    pub max_queued_bytes: u64,
    /// Whether QoS 0 messages are queued for clients that are away.
    pub queue_qos0_messages: bool,
    /// Maximum Packet Size that we accept.
    pub max_packet_size: u32,
    /// Payloads above this are refused; 0 is no bound.
    pub message_size_limit: u32,
    /// Largest Keep Alive, in seconds; 65535 is no bound.
    pub max_keep_alive_s: u16,
    /// Whether Retained Messages are kept.
    pub retain_available: bool,
    /// Retained Messages without an expiry of their own end after this many seconds.
    pub retain_expiry_interval_s: Option<u32>,
    /// Sessions of absent clients end after this many seconds at the latest.
    pub persistent_client_expiration_s: Option<u64>,
    /// Deliver with the Subscription's QoS even where the message was published with less.
    pub upgrade_outgoing_qos: bool,
    /// Whether a Retained Message is only given to new Subscriptions while the client that published it may still publish it.
    pub check_retain_source: bool,
    /// Retained Messages on the whole server, those below `$SYS` aside; `None` is no bound.
    pub max_retained_messages: Option<u64>,
    /// Bytes of their topics and payloads; `None` is no bound.
    pub max_retained_bytes: Option<u64>,
    /// Subscriptions of one Session, shared ones among them; `None` is no bound.
    pub max_subscriptions: Option<usize>,
    /// What a client may send in a second.
    pub client_rate: ClientRate,
    /// Sessions on the whole server; `None` is no bound.
    pub global_max_clients: Option<u64>,
    /// What each Client Identifier begins with; empty for anything.
    pub client_id_prefix: Box<str>,
    /// Whether samples of what is published are kept for whoever asks ([`crate::Shard::samples_since`]).
    pub keeps_samples: bool,
    /// Topic levels that we take in Topic Names and Topic Filters.
    pub topic_levels_max: usize,
    /// The services that there are ([`crate::service`]). Sessions of others end.
    pub services: Vec<ServiceOptions>,
    /// Key of the hashes and of assigned Client Identifiers: unpredictable in a server, fixed in a test.
    pub seed: u64,
    /// Bytes of memory that the waiting messages of one shard, or of all share groups, may take before long queues of durable
    /// Sessions and groups go on on disk.
    pub queue_memory_bytes: u64,
    /// What is written of a queue at a time: large enough to be read back with few seeks, small enough for memory. A quarter of
    /// it stays in memory at the front, so that a client that comes back need not wait.
    pub queue_run_bytes: u64,
}

/// A service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceOptions {
    /// Its Client Identifier.
    pub client_id: Box<str>,
    /// What it subscribes to. Other Subscriptions of its Session end.
    pub filters: Vec<Box<str>>,
}

/// What a client may send in a second, and at once. Who sends more is read more slowly.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClientRate {
    /// PUBLISH packets; `None` is no bound.
    pub messages: Option<NonZeroU32>,
    /// Bytes of packets of all kinds; `None` is no bound.
    pub bytes: Option<NonZeroU32>,
}

/// What may differ from listener to listener.
#[derive(Clone, PartialEq, Debug)]
pub struct ListenerOptions {
    /// Whether clients are let in of whom nobody is asked who they are.
    pub allow_anonymous: bool,
    /// Whether it is asked who a client is ([`crate::FirstBytes::Authenticate`]).
    pub authenticates: bool,
    /// The User Name is the Client Identifier.
    pub username_is_client_id: bool,
    /// Whether a client may leave its identifier to the server.
    pub allow_zero_length_client_id: bool,
    /// Beginning of assigned Client Identifiers.
    pub auto_id_prefix: Box<str>,
    /// Versions that are accepted.
    pub accepts_v31: bool,
    /// Versions that are accepted.
    pub accepts_v311: bool,
    /// Versions that are accepted.
    pub accepts_v5: bool,
    /// Highest QoS.
    pub max_qos: QoS,
    /// Topic Alias Maximum that we announce.
    pub max_topic_alias: u16,
    /// Topic Aliases that we make ourselves, at most.
    pub max_topic_alias_broker: u16,
    /// What stands before every topic of its clients, who see nothing else and do not see it either; empty for nothing. Without
    /// wildcards.
    pub mount_point: Box<str>,
}

impl Options {
    /// What holds for that listener.
    pub fn listener(&self, listener: ListenerId) -> &ListenerOptions {
        match listener {
            ListenerId::SERVICES => &service::LISTENER,
            ListenerId(number) => &self.listeners[usize::from(number)],
        }
    }

    /// Whether a client may call itself so.
    pub(crate) fn accepts(&self, client_id: &str) -> bool {
        client_id.starts_with(&*self.client_id_prefix) || service::is_service(client_id)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listeners: vec![ListenerOptions::default()],
            max_inflight_messages: 20,
            max_inflight_bytes: u64::MAX,
            max_queued_messages: 1000,
            max_queued_bytes: 0,
            queue_qos0_messages: false,
            max_packet_size: 2_000_000,
            message_size_limit: 0,
            max_keep_alive_s: u16::MAX,
            retain_available: true,
            retain_expiry_interval_s: None,
            persistent_client_expiration_s: None,
            upgrade_outgoing_qos: false,
            check_retain_source: false,
            max_retained_messages: None,
            max_retained_bytes: None,
            max_subscriptions: None,
            client_rate: ClientRate::default(),
            global_max_clients: None,
            client_id_prefix: "".into(),
            keeps_samples: false,
            topic_levels_max: 201,
            services: Vec::new(),
            seed: 0,
            queue_memory_bytes: 64 << 20,
            queue_run_bytes: 64 << 10,
        }
    }
}

impl Default for ListenerOptions {
    fn default() -> Self {
        ListenerOptions {
            allow_anonymous: true,
            authenticates: false,
            username_is_client_id: false,
            allow_zero_length_client_id: true,
            auto_id_prefix: "auto-".into(),
            accepts_v31: true,
            accepts_v311: true,
            accepts_v5: true,
            max_qos: QoS::ExactlyOnce,
            max_topic_alias: 10,
            max_topic_alias_broker: 10,
            mount_point: "".into(),
        }
    }
}

impl ListenerOptions {
    /// Whether `version` is accepted.
    pub fn accepts(&self, version: Version) -> bool {
        match version {
            Version::V31 => self.accepts_v31,
            Version::V311 => self.accepts_v311,
            Version::V5 => self.accepts_v5,
        }
    }
}
