//! What the console asks of the server behind it. Each answer is a value; who gives it may take a moment, so that it is asked on a
//! thread that may wait.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::history::Sample;
use crate::problems::Incident;

/// The server, as the console sees it. Times are milliseconds since 1970.
pub trait Source: Send + Sync + 'static {
    /// The wall clock.
    fn now_ms(&self) -> u64;

    /// What does not change while the server runs, or only with its configuration.
    fn about(&self) -> About;

    /// How people come to the server and to its program. Looks at the system.
    fn whereabouts(&self) -> Whereabouts;

    /// Who that is, by the rules for MQTT on the same listener; `None`: he does not say. Failed logins slow down the next ones.
    fn log_in(&self, listener: u16, address: SocketAddr, login: Option<&Login>) -> Result<Account, LoginRefusal>;

    /// What the shards have counted. Asks none of them.
    fn totals(&self) -> Totals;

    /// The same by reason, and how long messages were on their way. Asks each shard.
    fn tallies(&self) -> Tallies;

    /// Some clients from a place on; those that are away included.
    fn clients(&self, at: &Place) -> Result<Portion<Client>, WrongPlace>;

    /// All clients, those that are away included, one after the other, with what they do in a second: since this was asked last,
    /// and `None` the first time. What rates take to be reckoned is kept until [`Source::forget_rates`].
    fn each_client(&self, visit: &mut dyn FnMut(Client, Option<Rates>));

    /// Nobody asks for rates any more.
    fn forget_rates(&self);

    /// One client with its Subscriptions.
    fn client(&self, client_id: &str) -> Option<(Client, Vec<Subscription>)>;

    /// Some Subscriptions from a place on.
    fn subscriptions(&self, at: &Place) -> Result<Portion<Subscription>, WrongPlace>;

    /// Some Retained Messages from a place on.
    fn retained(&self, at: &Place) -> Result<Portion<Retained>, WrongPlace>;

    /// Whether there is a Retained Message of this topic.
    fn is_retained(&self, topic: &str) -> bool;

    /// Ends the connection of a client, and its Session if that is wanted. `false`: there is no such client.
    fn disconnect(&self, client_id: &str, end_session: bool) -> bool;

    /// Publishes for somebody who may; how many Subscriptions and share groups it is for.
    fn publish(&self, publication: &Publication) -> Result<u64, PublishRefusal>;

    /// Waits until all that was done is kept for good. `false`: the disk does not take it now.
    fn settle(&self) -> bool;

    /// Where clients come in.
    fn listeners(&self) -> Vec<Listener>;

    /// What is published below `$SYS`, as numbers.
    fn system_topics(&self) -> Vec<(String, u64)>;

    /// What the server was told to be, without secrets.
    fn configuration(&self) -> Configuration;

    /// Whether somebody of this name may do that.
    ///
    /// # Errors
    /// Where there is no such listener.
    fn explain(&self, question: &Question) -> Result<Explanation, NoListener>;

    /// What messages are passed on to.
    fn sinks(&self) -> Vec<Sink>;

    /// Whether the server can do its work.
    fn checks(&self) -> Vec<Check>;

    /// What happened since the last call that somebody should know of.
    fn take_incidents(&self) -> Vec<Incident>;

    /// What was published since the last call, sampled.
    fn take_samples(&self) -> Vec<Sample>;

    /// Time that each shard has computed since the start, in nanoseconds.
    fn shard_time_ns(&self) -> Vec<u64>;

    /// What goes to the operator's log.
    fn tell(&self, news: &News<'_>);

    /// One end of a pair of sockets, whose other end is served as a connection of `listener` that came from `address`, beginning
    /// with the opening handshake of WebSocket.
    ///
    /// # Errors
    /// When the system has no sockets left.
    fn carry(&self, listener: u16, address: SocketAddr, is_encrypted: bool) -> io::Result<UnixStream>;
}

/// See [`Source::about`].
#[derive(Clone, Debug, Default)]
pub struct About {
    /// `0.1.0`
    pub version: String,
    /// The whole of it, as Mosquitto's API tells it.
    pub version_line: String,
    /// When the server was started.
    pub started_ms: u64,
    /// Threads that share the work.
    pub shards: u16,
    /// Whether anything is kept on disk.
    pub persistence: bool,
    /// The port of MQTT without encryption.
    pub mqtt_port: Option<u16>,
    /// The port of MQTT with encryption.
    pub mqtt_tls_port: Option<u16>,
}

/// See [`Source::whereabouts`].
#[derive(Clone, Debug, Default)]
pub struct Whereabouts {
    /// How others may reach this machine.
    pub host_hint: Option<String>,
    /// What somebody at this machine types to run this program, where that is known.
    pub program: Option<String>,
}

/// A name and a password.
#[derive(Clone)]
pub struct Login {
    /// User Name.
    pub username: String,
    /// Password.
    pub password: Vec<u8>,
}

/// Who asks.
#[derive(Clone)]
pub struct Account {
    /// `None`: nobody in particular.
    pub username: Option<String>,
    /// Something has vouched for the name: everybody may call himself what he likes where nothing does.
    pub is_verified: bool,
    /// What he may do with messages.
    pub rights: Arc<dyn Rights>,
}

/// What somebody may do with messages, as over MQTT.
pub trait Rights: Send + Sync {
    /// Whether he may publish there.
    fn may_publish(&self, topic: &str) -> bool;

    /// Whether he may see what is published there.
    fn may_receive(&self, topic: &str) -> bool;
}

/// Why somebody is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginRefusal {
    /// Name or password are wrong, or are missing.
    NotAuthorized,
    /// Others from there have failed: not before so many seconds are over.
    TooManyAttempts(u64),
    /// Nobody knows at the moment: too much is asked, or a web service does not answer.
    Unavailable,
}

/// Numbers of the whole server. What ends in `_total` only grows.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "names with units")]
pub struct Totals {
    pub clients_connected: u64,
    pub sessions: u64,
    pub sessions_maximum: u64,
    pub sockets: u64,
    pub subscriptions: u64,
    pub shared_subscriptions: u64,
    pub share_groups: u64,
    pub retained_messages: u64,
    pub retained_bytes: u64,
    pub retained_own_messages: u64,
    pub retained_own_bytes: u64,
    pub inflight_messages: u64,
    pub held_messages: u64,
    pub held_bytes: u64,
    pub waiting_packets: u64,
    pub waiting_bytes: u64,
    pub heap_bytes: u64,
    pub resident_bytes: u64,
    pub messages_received_total: u64,
    pub messages_sent_total: u64,
    pub messages_dropped_total: u64,
    pub payload_received_bytes_total: u64,
    pub payload_sent_bytes_total: u64,
    pub packets_received_total: u64,
    pub packets_sent_total: u64,
    pub received_bytes_total: u64,
    pub sent_bytes_total: u64,
    pub connections_total: u64,
    pub sockets_total: u64,
    pub sockets_refused_total: u64,
    pub logins_refused_total: u64,
    pub sessions_expired_total: u64,
    pub pauses_total: u64,
    pub log: Option<LogTotals>,
}

impl Totals {
    /// Messages that wait and were not sent yet.
    pub fn queued_messages(&self) -> u64 {
        // The numbers are not of one instant.
        self.held_messages.saturating_sub(self.inflight_messages)
    }
}

/// The log on disk.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "names with units")]
pub struct LogTotals {
    pub written_bytes_total: u64,
    pub waiting_bytes: u64,
    pub disk_bytes: Option<u64>,
    pub live_bytes: Option<u64>,
    pub disk_free_bytes: Option<u64>,
    pub is_full: bool,
    pub sync: Histogram,
}

/// How long something took: counts by power of two, of microseconds or of seconds. Element `n` counts what took less than `2^n` of
/// them and no less than half of that; the last one all that took longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// See above.
    pub counts: [u64; HISTOGRAM_BUCKETS],
    /// All of it together.
    pub sum: u64,
}

/// From a microsecond to four seconds, or from a second to 48 days.
pub const HISTOGRAM_BUCKETS: usize = 24;

impl Histogram {
    /// The bucket of a duration.
    pub fn bucket(length: u64) -> usize {
        (u64::BITS - length.leading_zeros()).min(HISTOGRAM_BUCKETS as u32 - 1) as usize
    }

    /// All of them.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What came since `before`.
    #[must_use]
    pub fn since(&self, before: &Histogram) -> Histogram {
        let counts = std::array::from_fn(|bucket| self.counts[bucket].saturating_sub(before.counts[bucket]));
        Histogram { counts, sum: self.sum.saturating_sub(before.sum) }
    }

    /// The time within which this share of them (0 to 1) was done; `None`: there were none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (self.count() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(1 << bucket)
    }
}

/// See [`Source::tallies`].
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    /// What the server did not do.
    pub reasons: Vec<Reason>,
    /// In microseconds: from when a shard read a message until it was written to those who receive it, once for each shard that read it
    /// or has receivers. Counted while somebody may ask for it.
    pub route: Histogram,
    /// In seconds: how long messages had waited in the queue of a Session or share group when they left it to be sent.
    pub queue_age: Histogram,
}

impl std::ops::AddAssign for Histogram {
    fn add_assign(&mut self, other: Histogram) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.sum += other.sum;
    }
}

/// What the server did not do, how often, and why.
#[derive(Clone, Debug)]
pub struct Reason {
    /// `discarded`, `refused`, `denied`
    pub kind: &'static str,
    /// In words, as a label.
    pub reason: &'static str,
    /// Since the start.
    pub count: u64,
}

/// Where a listing goes on; empty for the beginning. Opaque to the console and to who holds it.
pub type Place = str;

/// A place that never was one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongPlace;

/// Some of many.
#[derive(Clone, Debug)]
pub struct Portion<T> {
    /// In no order. Each with the place behind it, where who wants no more goes on.
    pub items: Vec<(T, String)>,
    /// Where the next portion begins; `None` at the end. A portion may be empty and not the last.
    pub next: Option<String>,
}

/// A client: its Session, and its connection while there is one.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Client Identifier.
    pub id: String,
    /// User Name.
    pub username: Option<String>,
    /// Its connection.
    pub connection: Option<Connection>,
    /// While it is away: since when, in milliseconds since 1970, as far as its Session tells.
    pub left_ms: Option<u64>,
    /// Session Expiry Interval in force, in seconds; `None`: never.
    pub session_expiry_s: Option<u32>,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Messages that were sent and are not acknowledged.
    pub inflight: u64,
    /// Messages that wait.
    pub queued: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Messages that were discarded since it came or went.
    pub discarded: u64,
}

/// The connection of a client.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// From where.
    pub address: String,
    /// `5.0`, `3.1.1`, `3.1`
    pub version: &'static str,
    /// `tcp`, `websocket`, `unix`
    pub transport: &'static str,
    /// Version and cipher; empty where a proxy has seen it and we have not.
    pub tls: Option<(String, String)>,
    /// The name of the listener it came in by.
    pub listener: String,
    /// When its CONNECT came.
    pub since_ms: u64,
    /// Keep Alive in force, in seconds; 0 is none.
    pub keep_alive_s: u16,
    /// It came with Clean Start (Clean Session).
    pub clean_start: bool,
    /// PUBLISH packets that came.
    pub received_messages: u64,
    /// PUBLISH packets that went.
    pub sent_messages: u64,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that went.
    pub sent_bytes: u64,
}

/// What a client does in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// PUBLISH packets that came.
    pub received_messages_per_s: f64,
    /// PUBLISH packets that went.
    pub sent_messages_per_s: f64,
}

/// A Subscription.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// Whose it is.
    pub client_id: String,
    /// Topic Filter, without `$share/NAME/`.
    pub filter: String,
    /// The share group's name.
    pub share: Option<String>,
    /// Granted QoS.
    pub qos: u8,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Subscription Identifier.
    pub identifier: Option<u32>,
}

/// A Retained Message.
#[derive(Clone, Debug, Default)]
pub struct Retained {
    /// Topic Name.
    pub topic: String,
    /// Bytes of payload.
    pub bytes: u64,
    /// QoS it was published with.
    pub qos: u8,
    /// The beginning of its payload; `None`: it stands on disk.
    pub payload: Option<Vec<u8>>,
    /// When it came, where that is known.
    pub stored_ms: Option<u64>,
    /// When it expires.
    pub expires_ms: Option<u64>,
    /// Who brought it, where that is kept.
    pub publisher: Option<String>,
}

/// Bytes of a payload that a listing shows.
pub const SHOWN_PAYLOAD_BYTES: usize = 256;

/// An Application Message to be published.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// Topic Name.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// QoS.
    pub qos: u8,
    /// RETAIN.
    pub retain: bool,
    /// Content Type.
    pub content_type: Option<String>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Correlation Data.
    pub correlation_data: Option<Vec<u8>>,
    /// Message Expiry Interval.
    pub message_expiry_interval_s: Option<u32>,
    /// User Properties.
    pub user_properties: Vec<(String, String)>,
}

/// Why nothing was published, a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishRefusal(pub String);

/// A listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The port, or the path; with the address in front of the port where several listeners have it.
    pub name: String,
    /// 0 for a Unix socket.
    pub port: u16,
    /// What it listens on: an address, or a path.
    pub address: String,
    /// `mqtt`, `websockets`, `http_api`, `console`
    pub protocol: &'static str,
    /// Encrypted.
    pub tls: bool,
    /// Clients must have a certificate.
    pub mtls: bool,
    /// Open connections.
    pub clients: u64,
    /// How many there may be.
    pub max_connections: Option<u32>,
    /// Whoever gives no name is let in.
    pub anonymous: bool,
}

/// What the server was told to be.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// The file; `None`: there is none.
    pub file: Option<String>,
    /// What it says, and what holds where it says nothing.
    pub lines: Vec<ConfigurationLine>,
    /// What is legal and hardly meant.
    pub warnings: Vec<ConfigurationWarning>,
}

/// One option.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationLine {
    /// Its name.
    pub directive: String,
    /// Its value.
    pub value: String,
    /// Where it stands.
    pub line: Option<u32>,
    /// It is not in the file.
    pub is_default: bool,
}

/// A remark about a line.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationWarning {
    /// Which one.
    pub line: Option<u32>,
    /// What is so, and what to do.
    pub message: String,
}

/// What somebody wants to know about rights.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// User Name; `None`: nobody.
    pub username: Option<String>,
    /// Client Identifier.
    pub client_id: String,
    /// Topic Name, or Topic Filter for `subscribe`.
    pub topic: String,
    /// `publish`, `subscribe`, `receive`
    pub access: String,
    /// The name of the listener where he comes in; `None`: the first one for MQTT.
    pub listener: Option<String>,
}

/// There is no listener of that name; these are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoListener(pub Vec<String>);

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// Whether he may.
    pub allowed: bool,
    /// The file, the line and its text that decide it.
    pub rule: Option<(String, u32, String)>,
    /// In a sentence.
    pub why: String,
    /// The name of the listener by whose rules it was judged.
    pub listener: String,
}

/// Where messages are passed on to.
#[derive(Clone, Debug)]
pub struct Sink {
    /// What kind it is: `influxdb` and the like.
    pub name: &'static str,
    /// Where it is, without secrets.
    pub target: String,
    /// `connected`, `waiting`, `failing`, `off`
    pub state: &'static str,
    /// Messages that are not there yet.
    pub lag_messages: u64,
    /// How old the oldest of them is.
    pub lag_s: u64,
    /// Messages that are there.
    pub written: u64,
    /// Messages that it did not take.
    pub refused: u64,
    /// Messages that say nothing to it.
    pub ignored: u64,
    /// What went wrong last, a sentence.
    pub last_error: Option<String>,
}

/// Something that must be well.
#[derive(Clone, Debug)]
pub struct Check {
    /// A word.
    pub name: &'static str,
    /// Whether it is.
    pub ok: bool,
    /// In a sentence.
    pub message: String,
}

/// Something for the operator's log.
#[derive(Clone, Debug)]
pub struct News<'a> {
    /// The event's name: `console_publish` and the like.
    pub event: &'static str,
    /// Who.
    pub username: Option<&'a str>,
    /// From where.
    pub address: SocketAddr,
    /// The client it was done to.
    pub client_id: Option<&'a str>,
    /// The Topic Name, or the Topic Filter, it was done to.
    pub topic: Option<&'a str>,
    /// Anybody can cause it without end, so that beyond some in a second they are only counted.
    pub is_endless: bool,
    /// What, a sentence.
    pub text: String,
}
