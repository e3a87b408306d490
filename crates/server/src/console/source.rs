//! What the console is answered: from what shards publish where that is enough, and from what they say when they are asked.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use midge_auth::Access;
use midge_broker::message::{Message, MessageParts};
use midge_broker::sys::Report;
use midge_broker::{
    Authentication, Credentials, Identity, ListedRetained, ListenerId, LogState, ShardId, Shared, SubscriptionCursor,
};
use midge_codec::{Property, QoS};
use midge_console::source as console;
use midge_console::source::{
    About, Account, Check, Configuration, Explanation, Histogram, Listener, LogTotals, Login, LoginRefusal, News,
    NoListener, Place, Portion, Publication, PublishRefusal, Question, Reason, Retained, SHOWN_PAYLOAD_BYTES, Sink,
    Subscription, Tallies, Totals, Whereabouts, WrongPlace,
};
use midge_console::{Incident, Sample, Source};
use midge_net::{Address, Stream};

use super::describe::{describe_listener, describe_subscription, explained, host_hint, names, port_of, program};
use super::places::PlaceOnShard;
use super::witness::{discarded, failed_login, trouble};
use crate::authority::{Asked, Look};
use crate::clock::{self, Clock};
use crate::inquiry::{Client, Ranking};
use crate::log::{About as AboutLine, Log, LogBuffer, LogType};
use crate::options::Identity as Name;
use crate::peers::Peers;
use crate::published::SocketCounts;
use crate::settings::Door;
use crate::shard::Shard;
use crate::shard::accept::Handed;
use crate::sinks::{SinkReport, Sinks};

/// See the module.
pub(crate) struct ConsoleSource {
    parts: SourceParts,
    configuration: Mutex<Arc<Configuration>>,
    sessions_maximum: AtomicU64,
    /// The shard that gets the next connection.
    next_shard: AtomicUsize,
    /// By shard: the number of the next sample.
    samples_seen: Mutex<Vec<u64>>,
    lines: Mutex<LogBuffer>,
    /// While somebody has clients sorted by their rates.
    ranking: Mutex<Ranking>,
}

/// Whom to ask.
pub(crate) struct SourceParts {
    pub(crate) identity: Name,
    pub(crate) peers: Arc<Peers>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    pub(crate) log: Arc<Log>,
    /// When the server was started, in milliseconds since 1970.
    pub(crate) started_ms: u64,
    /// The log on disk.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) sinks: Arc<Sinks>,
}

impl ConsoleSource {
    pub(crate) fn new(parts: SourceParts) -> ConsoleSource {
        let (sessions_maximum, next_shard) = (AtomicU64::new(0), AtomicUsize::new(0));
        let lines = Mutex::new(LogBuffer::audit(Arc::clone(&parts.log)));
        let (samples_seen, ranking) = (Mutex::default(), Mutex::default());
        let configuration = Mutex::default();
        ConsoleSource { parts, configuration, sessions_maximum, next_shard, samples_seen, lines, ranking }
    }

    pub(super) fn set_configuration(&self, configuration: Arc<Configuration>) {
        *self.configuration.lock().unwrap_or_else(PoisonError::into_inner) = configuration;
    }

    fn peers(&self) -> &Arc<Peers> {
        &self.parts.peers
    }

    /// What stands `ms` on the clock of shards, in milliseconds since 1970.
    fn wall_ms(&self, ms: u64) -> u64 {
        (clock::wall_ms() + ms).saturating_sub(self.parts.clock.monotonic_ms())
    }

    fn credentials(login: Option<&Login>) -> Credentials {
        Credentials {
            client_id: CLIENT_ID.into(),
            username: login.map(|login| login.username.as_str().into()),
            password: login.map(|login| login.password.as_slice().into()),
        }
    }

    /// Asks the shards one after the other, from the place on: `SHARD:PLACE`.
    fn portion<T, P>(
        &self,
        at: &Place,
        ask: impl FnOnce(ShardId, Option<P>) -> Option<(Vec<(T, P)>, Option<P>)>,
    ) -> Result<Portion<T>, WrongPlace>
    where
        P: PlaceOnShard,
    {
        let (shard, from) = match at.split_once(':') {
            None if at.is_empty() => (0, None),
            None => return Err(WrongPlace),
            Some((shard, from)) => (shard.parse().map_err(|_| WrongPlace)?, Some(from)),
        };
        let from = from.filter(|from| !from.is_empty()).map(|from| P::read(from).ok_or(WrongPlace)).transpose()?;
        let shards = self.peers().shards().len() as u16;
        if shard >= shards {
            return Err(WrongPlace);
        }
        // A server that ends has nothing more to tell.
        let Some((items, next)) = ask(ShardId(shard), from) else {
            return Ok(Portion { items: Vec::new(), next: None });
        };
        let items = items.into_iter().map(|(item, place)| (item, format!("{shard}:{}", place.write()))).collect();
        let next_shard = || (shard + 1 < shards).then(|| format!("{}:", shard + 1));
        let next = next.map(|next| format!("{shard}:{}", next.write())).or_else(next_shard);
        Ok(Portion { items, next })
    }

    /// With what waits in its Session, which a shard knows.
    fn describe_sink(&self, report: SinkReport) -> Sink {
        let SinkReport { name, client_id, shown, written, refused, left_alone, lag_ms, is_reached, trouble, .. } =
            report;
        let lag_messages = self.peers().waiting_for(&client_id);
        let state = match (&trouble, lag_ms) {
            (Some(_), _) => "failing",
            (None, ..WAITS_MS) if is_reached => "connected",
            (None, _) => "waiting",
        };
        Sink {
            name,
            target: shown,
            state,
            lag_messages,
            lag_s: lag_ms / 1000,
            written,
            refused,
            ignored: left_alone,
            last_error: trouble,
        }
    }

    /// `listeners` are the names of these.
    fn describe_client(&self, client: Client, listeners: &[String]) -> console::Client {
        let Client { session, socket, .. } = client;
        let left_ms = session.left_at_ms().map(|left_ms| self.wall_ms(left_ms));
        let connection = session.connection.as_ref().zip(socket).map(|(connection, socket)| {
            let is_unix = matches!(socket.address, Address::Unix(_));
            console::Connection {
                address: socket.address.to_string(),
                version: connection.version.number(),
                transport: if socket.is_websocket {
                    "websocket"
                } else if is_unix {
                    "unix"
                } else {
                    "tcp"
                },
                tls: match socket.encryption {
                    Some((version, cipher)) => Some((version.to_owned(), cipher.to_owned())),
                    None => socket.is_encrypted.then(|| (String::new(), String::new())),
                },
                listener: listeners.get(usize::from(connection.listener.0)).cloned().unwrap_or_default(),
                since_ms: self.wall_ms(connection.since_ms),
                keep_alive_s: connection.keep_alive_s,
                clean_start: connection.is_clean_start,
                received_messages: connection.messages_received,
                sent_messages: socket.messages_sent,
                received_bytes: connection.bytes_received,
                sent_bytes: socket.bytes_sent,
            }
        });
        console::Client {
            id: session.client_id.into(),
            username: session.username.map(Into::into),
            connection,
            left_ms,
            session_expiry_s: Some(session.expiry_interval_s).filter(|seconds| *seconds != u32::MAX),
            subscriptions: session.subscriptions,
            inflight: session.inflight,
            queued: session.queued,
            queued_bytes: session.queued_bytes,
            discarded: session.discarded.into(),
        }
    }

    fn log_totals(&self) -> Option<LogTotals> {
        let log = self.parts.shared.log()?;
        let figures = &self.peers().log_figures;
        let file_system = self.parts.folder.as_ref().and_then(|folder| rustix::fs::statvfs(folder).ok());
        Some(LogTotals {
            written_bytes_total: log.next(),
            waiting_bytes: log.next().saturating_sub(log.durable()),
            disk_bytes: figures.disk_bytes(),
            live_bytes: figures.live_bytes(),
            disk_free_bytes: file_system.map(|it| it.f_bavail * it.f_frsize),
            is_full: log.state() >= LogState::Full,
            sync: figures.syncs(),
        })
    }

    fn totals_of_server(&self) -> midge_broker::sys::Totals {
        self.peers().totals_with(&self.parts.shared, self.parts.clock.monotonic_ms())
    }
}

impl Source for ConsoleSource {
    fn now_ms(&self) -> u64 {
        clock::wall_ms()
    }

    fn about(&self) -> About {
        let settings = self.peers().settings();
        let port = |is_encrypted: bool| {
            let is_one = |door: &&Door| {
                door.http.is_none() && door.websocket.is_none() && door.encryption.is_some() == is_encrypted
            };
            settings.doors.iter().filter(is_one).find_map(port_of)
        };
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            version_line: self.parts.identity.version_number(),
            started_ms: self.parts.started_ms,
            shards: self.peers().shards().len() as u16,
            persistence: self.parts.shared.has_log(),
            mqtt_port: port(false),
            mqtt_tls_port: port(true),
        }
    }

    fn whereabouts(&self) -> Whereabouts {
        Whereabouts { host_hint: host_hint(), program: program() }
    }

    fn log_in(&self, listener: u16, address: SocketAddr, login: Option<&Login>) -> Result<Account, LoginRefusal> {
        let settings = self.peers().settings();
        let listener = ListenerId(listener);
        if settings.doors.get(usize::from(listener.0)).is_none_or(|door| door.of.is_none()) {
            return Err(LoginRefusal::Unavailable);
        }
        let credentials = Self::credentials(login);
        let is_verified = settings.authority.judges(listener, &credentials);
        let (failures, now_ms) = (&self.peers().failures, self.parts.clock.monotonic_ms());
        let turn = match is_verified.then(|| failures.look(&Address::of(address), &credentials, (now_ms, None), now_ms))
        {
            None => None,
            Some(Look::Now(turn)) => turn,
            // Who waits would keep a thread waiting: he asks again himself.
            Some(Look::Later(due_ms, line)) => {
                failures.leave(line);
                return Err(LoginRefusal::TooManyAttempts(due_ms.saturating_sub(now_ms).div_ceil(1000).max(1)));
            }
            Some(Look::Never) => return Err(LoginRefusal::TooManyAttempts(WAIT_S)),
        };
        let authentication = match settings.authority.ask(listener, credentials) {
            Asked::Known(authentication) => authentication,
            Asked::Later(check) => match settings.authority.check(&check, Instant::now()) {
                Ok(identity) => Authentication::Known(identity),
                Err(refused) => {
                    if let Some(trouble_with_service) = &refused.trouble {
                        self.peers().incidents.add([trouble(trouble_with_service)].into_iter());
                    }
                    refused.authentication()
                }
            },
        };
        if let Some(turn) = turn {
            failures.note(turn, &authentication, self.parts.clock.monotonic_ms());
        }
        use midge_broker::RefusedCredentials::{Busy, NoAnswer};
        match authentication {
            Authentication::Known(identity) => Ok(Account {
                username: identity.username.as_deref().map(str::to_owned),
                is_verified,
                rights: Arc::new(RightsOf(identity)),
            }),
            Authentication::Refused(Busy | NoAnswer) => Err(LoginRefusal::Unavailable),
            _ => {
                let username = login.map(|login| login.username.as_str());
                if username.is_some() {
                    self.peers().incidents.add([failed_login(username, &Address::of(address))].into_iter());
                }
                Err(LoginRefusal::NotAuthorized)
            }
        }
    }

    fn totals(&self) -> Totals {
        let (totals, shared) = (self.totals_of_server(), &self.parts.shared);
        let retained = shared.retained().amounts();
        let maximum = self.sessions_maximum.fetch_max(totals.sessions, Ordering::Relaxed).max(totals.sessions);
        Totals {
            clients_connected: totals.sessions_connected,
            sessions: totals.sessions,
            sessions_maximum: maximum,
            sockets: totals.sockets_open,
            subscriptions: totals.subscriptions,
            shared_subscriptions: totals.shared_subscriptions,
            share_groups: shared.groups().count() as u64,
            retained_messages: retained.messages as u64,
            retained_bytes: retained.bytes as u64,
            retained_own_messages: retained.own_messages as u64,
            retained_own_bytes: retained.own_bytes as u64,
            inflight_messages: totals.messages_inflight,
            held_messages: totals.messages_stored.saturating_sub(totals.retained),
            held_bytes: totals.messages_stored_bytes.saturating_sub(retained.bytes as u64),
            waiting_packets: totals.packet_out_count,
            waiting_bytes: totals.packet_out_bytes,
            heap_bytes: totals.heap_current_bytes,
            resident_bytes: midge_net::sys::memory().current,
            messages_received_total: totals.publish_received,
            messages_sent_total: totals.publish_sent,
            messages_dropped_total: totals.publish_dropped,
            payload_received_bytes_total: totals.publish_bytes_received,
            payload_sent_bytes_total: totals.publish_bytes_sent,
            packets_received_total: totals.packets_received,
            packets_sent_total: totals.packets_sent,
            received_bytes_total: totals.bytes_received,
            sent_bytes_total: totals.bytes_sent,
            connections_total: totals.connections,
            sockets_total: totals.sockets,
            sockets_refused_total: totals.sockets_refused,
            logins_refused_total: totals.logins_refused,
            sessions_expired_total: totals.clients_expired,
            pauses_total: totals.pauses,
            log: self.log_totals(),
        }
    }

    fn tallies(&self) -> Tallies {
        let counts = self.peers().shards().filter_map(|shard| self.peers().inquire(shard, |shard| shard.counts()));
        let counts: Vec<(midge_broker::Counters, SocketCounts)> = counts.collect();
        let sum = |of: &dyn Fn(&(midge_broker::Counters, SocketCounts)) -> u64| counts.iter().map(of).sum();
        let refused = |reason, count| Reason { kind: "refused", reason, count };
        let mut reasons: Vec<Reason> = midge_broker::event::DiscardReason::ALL
            .into_iter()
            .map(|reason| Reason {
                kind: "discarded",
                reason: discarded(reason),
                count: sum(&|(counters, _)| counters.discarded[reason as usize]),
            })
            .collect();
        reasons.extend([
            refused("connection limit", sum(&|(_, sockets)| sockets.refused)),
            refused("failed logins", sum(&|(_, sockets)| sockets.logins_refused)),
            refused("connect", sum(&|(counters, _)| counters.connects_refused)),
            refused("publish", sum(&|(counters, _)| counters.publishes_refused)),
            refused("publish over quota", sum(&|(counters, _)| counters.publishes_over_quota)),
            refused("packet identifier in use", sum(&|(counters, _)| counters.identifiers_reused)),
            refused("subscription limit", sum(&|(counters, _)| counters.subscriptions_refused)),
            refused("retained limit", sum(&|(counters, _)| counters.retained_refused)),
        ]);
        let (mut route, mut queue_age) = (Histogram::default(), Histogram::default());
        self.peers().shards().for_each(|shard| route += self.peers().route_times(shard).read());
        for (midge_broker::Counters { queue_ages, .. }, _) in &counts {
            queue_age += Histogram { counts: queue_ages.counts, sum: queue_ages.sum_s };
        }
        Tallies { reasons, route, queue_age }
    }

    fn clients(&self, at: &Place) -> Result<Portion<console::Client>, WrongPlace> {
        let listeners = names(&self.peers().settings());
        self.portion(at, |shard, from: Option<u32>| {
            let portion = self.peers().inquire(shard, move |shard| shard.list_clients(from.unwrap_or(0)))?;
            let described = portion.clients.into_iter().map(|client| {
                let behind = client.session.place.0 + 1;
                (self.describe_client(client, &listeners), behind)
            });
            Some((described.collect(), portion.next))
        })
    }

    fn each_client(&self, visit: &mut dyn FnMut(console::Client, Option<console::Rates>)) {
        let listeners = names(&self.peers().settings());
        let mut ranking = self.ranking.lock().unwrap_or_else(PoisonError::into_inner);
        ranking.each(self.peers(), self.parts.clock.monotonic_ms(), |client, rates| {
            let rates = rates.map(|rates| console::Rates {
                received_messages_per_s: rates.messages_received,
                sent_messages_per_s: rates.messages_sent,
            });
            visit(self.describe_client(client, &listeners), rates);
        });
    }

    fn forget_rates(&self) {
        *self.ranking.lock().unwrap_or_else(PoisonError::into_inner) = Ranking::default();
    }

    fn client(&self, client_id: &str) -> Option<(console::Client, Vec<Subscription>)> {
        let listeners = names(&self.peers().settings());
        let (client, subscriptions) = self.peers().find_client(client_id, SUBSCRIPTIONS_SHOWN)?;
        Some((self.describe_client(client, &listeners), subscriptions.into_iter().map(describe_subscription).collect()))
    }

    fn subscriptions(&self, at: &Place) -> Result<Portion<Subscription>, WrongPlace> {
        self.portion(at, |shard, from: Option<SubscriptionCursor>| {
            let from = from.unwrap_or(SubscriptionCursor::START);
            let portion = self.peers().inquire(shard, move |shard| shard.broker().list_subscriptions(from))?;
            let described = portion.subscriptions.into_iter().map(|subscription| {
                let behind = subscription.behind;
                (describe_subscription(subscription), behind)
            });
            Some((described.collect(), portion.next))
        })
    }

    fn retained(&self, at: &Place) -> Result<Portion<Retained>, WrongPlace> {
        let from: u32 = if at.is_empty() { 0 } else { at.parse().map_err(|_| WrongPlace)? };
        // All of them stand in what shards share, and any can look there.
        let list = move |shard: &Shard| shard.broker().list_retained(from, shard.seconds());
        let Some(portion) = self.peers().inquire(ShardId(0), list) else {
            return Ok(Portion { items: Vec::new(), next: None });
        };
        let described = |listed: ListedRetained| {
            let behind = (listed.place + 1).to_string();
            (self.describe_retained(listed), behind)
        };
        let items = portion.messages.into_iter().map(described);
        Ok(Portion { items: items.collect(), next: portion.next.map(|next| next.to_string()) })
    }

    fn is_retained(&self, topic: &str) -> bool {
        self.parts.shared.retained().holds(topic.as_bytes(), u64::MAX)
    }

    fn disconnect(&self, client_id: &str, end_session: bool) -> bool {
        self.peers().shards().any(|shard| {
            let client_id = client_id.to_owned();
            self.peers().order(shard, move |shard| shard.dismiss_client(&client_id, end_session)) == Some(true)
        })
    }

    fn publish(&self, publication: &Publication) -> Result<u64, PublishRefusal> {
        let bytes_max = self.peers().settings().broker.max_packet_size;
        let bytes = publication.topic.len() + publication.payload.len();
        if bytes_max != 0 && bytes as u64 > bytes_max.into() {
            let text = format!("The server takes no message of {bytes} bytes: max_packet_size is {bytes_max}.");
            return Err(PublishRefusal(text));
        }
        let publication = publication.clone();
        let published = self.peers().order(ShardId(0), move |shard| {
            let properties = properties(&publication);
            let parts = MessageParts {
                topic: &publication.topic,
                properties: &properties,
                payload: &publication.payload,
                qos: QoS::from_u8(publication.qos).unwrap_or(QoS::AtMostOnce),
                retain: publication.retain,
                received_s: shard.seconds() as u32,
                received_ns: 0,
                expiry_interval_s: publication.message_expiry_interval_s,
            };
            shard.publish_for_operator(&parts)
        });
        match published {
            Some(Ok(matched)) => Ok(matched as u64),
            Some(Err(cause)) => Err(PublishRefusal(format!("The server does not take this message: {cause}."))),
            None => Err(PublishRefusal("The server is ending.".to_owned())),
        }
    }

    fn settle(&self) -> bool {
        let Some(log) = self.parts.shared.log() else { return true };
        // What a shard did in one turn is handed over at its end, and answers come in the next one.
        let has_ended = |shard| self.peers().inquire(shard, |_| ()).is_none();
        if self.peers().shards().any(has_ended) {
            return false;
        }
        let (wanted, begun) = (log.next(), Instant::now());
        while log.durable() < wanted {
            if begun.elapsed() > SETTLE_TIME {
                return false;
            }
            std::thread::sleep(SETTLE_STEP);
        }
        true
    }

    fn listeners(&self) -> Vec<Listener> {
        let settings = self.peers().settings();
        let there = names(&settings).into_iter().enumerate().filter(|(number, _)| settings.doors[*number].of.is_some());
        there.map(|(number, name)| describe_listener(&settings, number, name)).collect()
    }

    fn system_topics(&self) -> Vec<(String, u64)> {
        let mut numbers = Vec::new();
        let totals = self.totals_of_server();
        Report::new().publish(&totals, self.parts.clock.monotonic_ms(), "", &mut |topic, value| {
            if let Ok(value) = value.split(' ').next().unwrap_or_default().parse() {
                numbers.push((topic.to_owned(), value));
            }
        });
        numbers
    }

    fn configuration(&self) -> Configuration {
        Configuration::clone(&self.configuration.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn explain(&self, question: &Question) -> Result<Explanation, NoListener> {
        let settings = self.peers().settings();
        let mut listeners = names(&settings);
        let first = |is_it: fn(&Door) -> bool| settings.doors.iter().position(|door| door.of.is_some() && is_it(door));
        let listener = match &question.listener {
            None => first(|door| door.http.is_none()).or_else(|| first(|_| true)).unwrap_or(0),
            Some(wanted) => match listeners.iter().position(|name| name == wanted && !name.is_empty()) {
                Some(found) => found,
                None => return Err(NoListener(listeners.into_iter().filter(|name| !name.is_empty()).collect())),
            },
        };
        let access = match question.access.as_str() {
            "publish" => Access::Publish,
            "subscribe" => Access::Subscribe,
            _ => Access::Receive,
        };
        let names = (question.username.as_deref(), question.client_id.as_str());
        let why = settings.authority.explain(ListenerId(listener as u16), names, access, &question.topic);
        let listener = listeners.swap_remove(listener);
        Ok(Explanation { listener, ..explained(why, access, &question.topic) })
    }

    fn sinks(&self) -> Vec<Sink> {
        self.parts.sinks.reports().into_iter().map(|report| self.describe_sink(report)).collect()
    }

    fn checks(&self) -> Vec<Check> {
        let state = self.parts.shared.log().map(|log| log.state());
        let log = match state {
            None => Check { name: "log", ok: true, message: "Nothing is kept on disk.".to_owned() },
            Some(LogState::Ready) => Check { name: "log", ok: true, message: "The log has room.".to_owned() },
            Some(LogState::Stuck) => {
                let message = "The log has no room, and nothing becomes durable until it has.".to_owned();
                Check { name: "log", ok: false, message }
            }
            Some(_) => {
                Check { name: "log", ok: false, message: "The log has no room for messages to be kept.".to_owned() }
            }
        };
        let is_short = self.parts.shared.is_memory_short();
        let message = if is_short { "memory_limit is reached: nobody new is taken in." } else { "There is memory." };
        let memory = Check { name: "memory", ok: !is_short, message: message.to_owned() };
        let is_ending = self.peers().is_ending();
        let message = if is_ending { "The server is ending." } else { "The server takes clients." };
        vec![log, memory, Check { name: "server", ok: !is_ending, message: message.to_owned() }]
    }

    fn take_incidents(&self) -> Vec<Incident> {
        let troubles = self.parts.log.take_troubles();
        let troubles = troubles.into_iter().map(|(wall_s, text)| Incident { time_ms: wall_s * 1000, ..trouble(&text) });
        self.peers().incidents.take().into_iter().chain(troubles).collect()
    }

    fn take_samples(&self) -> Vec<Sample> {
        let mut taken = Vec::new();
        if !self.peers().settings().broker.keeps_samples {
            return taken;
        }
        let mut seen = self.samples_seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.resize(self.peers().shards().len(), 0);
        for (shard, seen) in self.peers().shards().zip(seen.iter_mut()) {
            loop {
                let from = *seen;
                let Some(portion) = self.peers().inquire(shard, move |shard| shard.broker().samples_since(from)) else {
                    break;
                };
                *seen = portion.next;
                if portion.samples.is_empty() {
                    break;
                }
                taken.extend(portion.samples.into_iter().map(|sample| Sample {
                    topic: sample.topic.to_string(),
                    payload: sample.payload.to_vec(),
                    payload_bytes: sample.payload_bytes.into(),
                    time_ms: sample.received_ms,
                    count: sample.count.into(),
                }));
            }
        }
        taken.sort_by_key(|sample| sample.time_ms);
        taken
    }

    fn shard_time_ns(&self) -> Vec<u64> {
        self.peers()
            .shards()
            .map(|shard| midge_net::sys::thread_time_ns(self.peers().thread(shard)).unwrap_or(0))
            .collect()
    }

    fn tell(&self, news: &News<'_>) {
        let wall_s = clock::wall_s();
        let address = Address::of(news.address);
        let kind = LogType::Notice;
        let News { event, username, client_id, topic, .. } = *news;
        let about = AboutLine { username, client_id, topic, ..AboutLine::connection(event, &address) };
        let (mut log, text) =
            (self.lines.lock().unwrap_or_else(PoisonError::into_inner), format_args!("{}", news.text));
        match news.is_endless {
            true => log.repeated_line_about(wall_s, kind, ("what the console refused", &about), text),
            false => log.line_about(wall_s, kind, &about, text),
        }
        log.flush(wall_s);
    }

    fn carry(&self, listener: u16, address: SocketAddr, is_encrypted: bool) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stream, address) = (Stream::of_pair(theirs)?, Address::of(address));
        let shards = self.peers().shards().len();
        let shard = ShardId((self.next_shard.fetch_add(1, Ordering::Relaxed) % shards) as u16);
        self.peers().hand(shard, Handed { listener: ListenerId(listener), stream, address, is_encrypted });
        Ok(ours)
    }
}

impl ConsoleSource {
    fn describe_retained(&self, listed: ListedRetained) -> Retained {
        let ListedRetained { message, publisher, .. } = listed;
        let whole = message.whole();
        let payload = whole.map(Message::payload);
        let bytes =
            message.stored().map_or_else(|| payload.map_or(0, <[u8]>::len) as u64, |stored| stored.bytes.into());
        let expires_s = message.expires_at_s();
        Retained {
            topic: message.topic().to_owned(),
            bytes,
            qos: message.qos() as u8,
            payload: payload.map(|payload| payload[..payload.len().min(SHOWN_PAYLOAD_BYTES)].to_vec()),
            stored_ms: message.received_s().map(|seconds| self.wall_ms(seconds * 1000)),
            expires_ms: expires_s.map(|seconds| self.wall_ms(seconds * 1000)),
            publisher: publisher.map(Into::into),
        }
    }
}

/// What an identity of the broker may do.
struct RightsOf(Arc<Identity>);

impl console::Rights for RightsOf {
    fn may_publish(&self, topic: &str) -> bool {
        let rights = self.0.rights.as_ref();
        !midge_broker::is_server_topic(topic) && rights.is_none_or(|rights| rights.may_publish(topic))
    }

    fn may_receive(&self, topic: &str) -> bool {
        self.0.rights.as_ref().is_none_or(|rights| rights.may_receive(topic))
    }
}

/// The properties that are forwarded, as they stand on the wire (MQTT 5.0, 2.2.2.2).
fn properties(publication: &Publication) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(value) = &publication.content_type {
        Property::ContentType(value).encode(&mut bytes);
    }
    if let Some(value) = &publication.response_topic {
        Property::ResponseTopic(value).encode(&mut bytes);
    }
    if let Some(value) = &publication.correlation_data {
        Property::CorrelationData(value).encode(&mut bytes);
    }
    for (key, value) in &publication.user_properties {
        Property::UserProperty(key, value).encode(&mut bytes);
    }
    bytes
}

/// By this identifier the rights of who asks by HTTP are judged; Mosquitto's API has the same.
const CLIENT_ID: &str = "http-api";

/// A sink whose oldest message is older lags behind; younger ones wait for their batch. One that has handed on nothing yet waits too.
const WAITS_MS: u64 = 5_000;

/// Subscriptions that are shown of one client.
const SUBSCRIPTIONS_SHOWN: usize = 1_000;

/// How long the disk may take; it syncs within milliseconds.
const SETTLE_TIME: Duration = Duration::from_secs(10);
const SETTLE_STEP: Duration = Duration::from_millis(1);

/// When somebody may ask again who came when too many waited.
const WAIT_S: u64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_stand_as_on_the_wire() {
        let publication = Publication {
            content_type: Some("a".to_owned()),
            response_topic: Some("b".to_owned()),
            correlation_data: Some(vec![0, 255]),
            user_properties: vec![("k".to_owned(), "v".to_owned())],
            ..Publication::default()
        };
        assert_eq!(properties(&publication), *b"\x03\0\x01a\x08\0\x01b\x09\0\x02\0\xff\x26\0\x01k\0\x01v");
    }
}
