//! What a server is started with, and how it follows from a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midge_codec::QoS;
use midge_config::{Address, Config, Listener, Network, Otlp, PersistenceSync, Protocol, SocketDomain, Tls};
use midge_console::EntranceKind;
use midge_console::source::Configuration;
use midge_net::proxy_protocol::Version;
use midge_net::tls::{TlsOptions, TlsVersion};
use midge_net::{Family, sys};

use crate::admin::socket_beside;
use crate::authority::AuthorityOptions;
use crate::connection_rate::ConnectionRate;
use crate::limits;
use crate::log::{LogDestination, LogOptions, LogType, LogTypes};
use crate::persistence::{Autosave, PersistenceOptions, SyncPolicy};
use crate::process::Wanted;
use crate::sinks::SinkOptions;

/// Everything [`crate::run`] needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// How the server calls itself.
    pub identity: Identity,
    /// What to listen on; the broker's listeners of the same numbers hold the rules for clients.
    pub listeners: Vec<ListenerOptions>,
    /// Of several listeners that are there for convenience, one that opens is enough.
    pub one_listener_suffices: bool,
    /// Network Connections over all listeners; `None` is no bound.
    pub global_max_connections: Option<u32>,
    /// Threads that share the work.
    pub shards: u16,
    /// Seconds that a new connection has for its CONNECT.
    pub connect_timeout_s: u16,
    /// Longest that an address with failed logins has to wait with the next one; 0: not at all.
    pub failed_login_delay_s: u16,
    /// Bytes of memory above which no client and no message to be kept is taken in; `None` is no bound.
    pub memory_limit_bytes: Option<u64>,
    /// Seconds between publications of `$SYS`; 0 is never.
    pub sys_interval_s: u16,
    /// Publish which clients are there.
    pub sys_presence: bool,
    /// What is kept on disk; `None`: nothing.
    pub persistence: Option<PersistenceOptions>,
    /// Where secrets of encrypted connections are written, for those who look into traffic.
    pub tls_key_log: Option<PathBuf>,
    /// Files of certificates, passwords and rights are read again when they change.
    pub watch_files: bool,
    /// What the log gets.
    pub log: LogOptions,
    /// Who the server is to be, where it is started as root.
    pub account: Wanted,
    /// The file for the process id.
    pub pid_file: Option<PathBuf>,
    /// The socket through which the server is asked, where it is not the one beside the log.
    pub admin_socket: Option<PathBuf>,
    /// Who may do what on the console.
    pub console: midge_console::Rules,
    /// What the console tells of the configuration.
    pub configuration: Arc<Configuration>,
    /// The rules.
    pub broker: midge_broker::Options,
    /// Who is let in, for each listener.
    pub authority: Vec<AuthorityOptions>,
    /// Other systems that messages are handed on to.
    pub sinks: Vec<SinkOptions>,
    /// A collector of OpenTelemetry.
    pub otlp: Otlp,
    /// Lines for the log at the start: what the operator should know of the configuration.
    pub remarks: Vec<(LogType, String)>,
}

/// How the server calls itself in its log and under `$SYS/broker/version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By its own name.
    Midge,
    /// By the name that exporters and scripts wait for.
    Mosquitto,
}

impl Identity {
    /// The name alone.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Identity::Midge => "midge",
            Identity::Mosquitto => "mosquitto",
        }
    }

    /// `NAME version X`.
    pub fn version(self) -> String {
        match self {
            Identity::Midge => format!("midge version {}", self.version_number()),
            Identity::Mosquitto => format!("mosquitto version {}", self.version_number()),
        }
    }

    /// The number alone, which Mosquitto's programs have in common: `2.1.2 (Midge 0.1.0)`.
    pub fn version_number(self) -> String {
        let own = env!("CARGO_PKG_VERSION");
        match self {
            Identity::Midge => own.to_owned(),
            Identity::Mosquitto => format!("{MOSQUITTO_VERSION} (Midge {own})"),
        }
    }
}

/// The version of Mosquitto whose behaviour clients and scripts may count on.
const MOSQUITTO_VERSION: &str = "2.1.2";

/// One listener.
#[derive(Clone, Debug)]
pub struct ListenerOptions {
    /// The line of the configuration that it begins with, for people.
    pub place: Option<String>,
    /// What to listen on.
    pub endpoint: Endpoint,
    /// Connections at once; `None` is no bound.
    pub max_connections: Option<u32>,
    /// Connections in a second.
    pub connection_rate: ConnectionRate,
    /// Small writes are not held back (`TCP_NODELAY`).
    pub no_delay: bool,
    /// Who may connect to a Unix socket, as permissions of a file.
    pub unix_socket_mode: u32,
    /// What a proxy in front says of each connection, where there is one.
    pub proxy: Option<ProxyOptions>,
    /// Encryption, where there is some.
    pub tls: Option<TlsOptions>,
    /// WebSocket, where it is spoken.
    pub websocket: Option<WebSocketOptions>,
    /// What is there, where HTTP is spoken by the console's thread.
    pub http: Option<EntranceKind>,
    /// Where it cannot be opened, the server starts all the same.
    pub is_optional: bool,
    /// What of a client's certificate is its User Name, or the identity of its pre-shared key; `None`: it says itself who it is.
    pub username_of_certificate: Option<CertificateName>,
}

/// What a listener wants to know from the proxy in front.
#[derive(Clone, Copy, Debug)]
pub struct ProxyOptions {
    /// Of its header.
    pub version: Version,
    /// The client must have come to the proxy with TLS.
    pub require_tls: bool,
    /// The client must have shown the proxy a certificate.
    pub require_certificate: bool,
}

/// What a proxy has seen of how a client came to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SeenByProxy {
    /// With TLS.
    pub(crate) is_tls: bool,
    /// With a certificate, which it has verified.
    pub(crate) has_certificate: bool,
}

impl ProxyOptions {
    /// What a client that came so did not do and has to.
    pub(crate) fn lack(&self, seen: SeenByProxy) -> Option<&'static str> {
        match () {
            () if self.require_tls && !seen.is_tls => Some("client did not connect using TLS"),
            () if self.require_certificate && !seen.has_certificate => Some("client did not provide a certificate"),
            () => None,
        }
    }
}

/// What a listener wants of clients that speak WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketOptions {
    /// The origins whose pages may connect; empty: all.
    pub origins: Vec<String>,
    /// Bytes of request line and headers.
    pub head_length_max: usize,
    /// The folder whose files browsers get.
    pub http_dir: Option<Arc<Path>>,
    /// Who is believed about forwarded addresses.
    pub trusted_proxies: Vec<Network>,
}

/// A part of a certificate that names whom it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateName {
    /// The first common name.
    CommonName,
    /// The whole subject, as RFC 2253 writes it.
    Subject,
}

/// What a listener listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port, on one host or on all addresses.
    Tcp {
        /// An address or a name.
        host: Option<String>,
        /// 0: one that is free.
        port: u16,
        /// Which version of IP.
        family: Family,
        /// Connections come in by this network interface only.
        interface: Option<String>,
    },
    /// A Unix domain socket at this path.
    Unix(PathBuf),
}

impl Options {
    pub(crate) fn failed_login_delay_ms(&self) -> u64 {
        u64::from(self.failed_login_delay_s) * 1000
    }

    /// The socket through which the running server is asked; `None`: there is none.
    pub fn admin_socket(&self) -> Option<PathBuf> {
        let beside_log = || self.persistence.as_ref().map(|persistence| socket_beside(&persistence.folder));
        self.admin_socket.clone().or_else(beside_log)
    }

    /// The files and folders that say who is let in, how it is encrypted, and what browsers get.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let of_listeners = self.listeners.iter().flat_map(ListenerOptions::files);
        of_listeners.chain(self.authority.iter().flat_map(AuthorityOptions::files))
    }

    /// What `config` asks for.
    pub fn from_config(config: &Config, identity: Identity) -> Options {
        let remarks = remarks(config);
        Options {
            identity,
            listeners: config.listeners.iter().map(|listener| endpoint_of(listener, config, identity)).collect(),
            one_listener_suffices: config.local_only,
            global_max_connections: config.global_max_connections,
            shards: shards_of(config) as u16,
            connect_timeout_s: config.connect_timeout_s,
            failed_login_delay_s: config.failed_login_delay_s.unwrap_or(match identity {
                Identity::Midge => FAILED_LOGIN_DELAY_S,
                Identity::Mosquitto => 0,
            }),
            memory_limit_bytes: config.memory_limit_bytes,
            sys_interval_s: config.sys_interval_s,
            sys_presence: config.sys_presence,
            persistence: persistence_of(config),
            tls_key_log: None,
            watch_files: config.watch_files,
            log: log_of(config, identity),
            account: Wanted { user: Some(config.user.clone()), ..Wanted::default() },
            pid_file: config.pid_file.as_ref().map(PathBuf::from),
            admin_socket: config.admin_socket.as_ref().map(PathBuf::from),
            console: midge_console::Rules {
                admins: config.console.admins.clone(),
                viewers: config.console.viewers.clone(),
                names: config.console.hosts.clone(),
                history: config.console.history.clone(),
            },
            configuration: Arc::default(),
            broker: rules_of(config, identity),
            authority: config.listeners.iter().map(|listener| authority_of(listener, config)).collect(),
            sinks: SinkOptions::of(config),
            otlp: config.otlp.clone(),
            remarks,
        }
    }
}

impl ListenerOptions {
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.tls.iter().flat_map(TlsOptions::files).chain(self.http_dir())
    }

    /// The folder whose files browsers get.
    pub(crate) fn http_dir(&self) -> Option<&Path> {
        self.websocket.as_ref()?.http_dir.as_deref()
    }
}

fn endpoint_of(listener: &Listener, config: &Config, identity: Identity) -> ListenerOptions {
    let endpoint = match &listener.address {
        Address::Tcp { port, host } => Endpoint::Tcp {
            host: host.clone(),
            port: *port,
            family: match listener.socket_domain {
                None => Family::Any,
                Some(SocketDomain::Ipv4) => Family::V4,
                Some(SocketDomain::Ipv6) => Family::V6,
            },
            interface: listener.bind_interface.clone(),
        },
        Address::Unix(path) => Endpoint::Unix(path.into()),
    };
    let tls = &listener.tls;
    ListenerOptions {
        place: listener.place.as_ref().map(ToString::to_string),
        endpoint,
        max_connections: listener.max_connections,
        connection_rate: limits::connection_rate(listener, identity),
        no_delay: config.set_tcp_nodelay,
        unix_socket_mode: listener.unix_socket_mode,
        proxy: listener.enable_proxy_protocol.map(|version| proxy_of(version, listener)),
        websocket: matches!(listener.protocol, Protocol::Websockets | Protocol::Console)
            .then(|| websocket_of(listener, config)),
        http: match listener.protocol {
            Protocol::Mqtt | Protocol::Websockets => None,
            Protocol::HttpApi => Some(EntranceKind::HttpApi),
            Protocol::Console => Some(EntranceKind::Console),
        },
        is_optional: listener.is_optional,
        tls: tls.is_on().then(|| tls_of(tls)),
        username_of_certificate: username_of_certificate(listener),
    }
}

fn username_of_certificate(listener: &Listener) -> Option<CertificateName> {
    let name = match listener.tls.use_identity_as_username {
        true => CertificateName::CommonName,
        false => CertificateName::Subject,
    };
    listener.names_by_encryption().then_some(name)
}

fn proxy_of(version: u8, listener: &Listener) -> ProxyOptions {
    let tls = &listener.tls;
    ProxyOptions {
        version: if version == 1 { Version::One } else { Version::Two { length_max: PROXY_LENGTH_MAX } },
        require_tls: listener.proxy_protocol_v2_require_tls,
        // With TLS of its own, the listener sees for itself.
        require_certificate: tls.require_certificate && !tls.is_on(),
    }
}

fn websocket_of(listener: &Listener, config: &Config) -> WebSocketOptions {
    WebSocketOptions {
        origins: listener.websockets_origins.clone(),
        head_length_max: usize::from(config.packet_buffer_size).max(HEAD_LENGTH_MAX_MIN),
        http_dir: listener.http_dir.as_ref().map(|path| Path::new(path).into()),
        trusted_proxies: listener.websockets_trusted_proxies.clone(),
    }
}

/// Bytes behind the fixed part of a PROXY header, as many as Mosquitto takes.
const PROXY_LENGTH_MAX: u16 = 500;

/// Browsers need so much for a request with a cookie.
const HEAD_LENGTH_MAX_MIN: usize = 1024;

fn tls_of(tls: &Tls) -> TlsOptions {
    let path = |path: &Option<String>| path.as_ref().map(PathBuf::from);
    let files = tls.certfiles.iter().zip(&tls.keyfiles);
    TlsOptions {
        certificates: files.map(|(certificate, key)| (certificate.into(), key.into())).collect(),
        passphrase_file: path(&tls.keyfile_passphrase_file),
        cafile: path(&tls.cafile),
        capath: path(&tls.capath),
        crlfile: path(&tls.crlfile),
        require_certificate: tls.require_certificate,
        disable_client_cert_date_checks: tls.disable_client_cert_date_checks,
        psk_hint: tls.psk_hint.clone(),
        ciphers: tls.ciphers.clone(),
        ciphers_tls13: tls.ciphers_tls13.clone(),
        version_min: match tls.version_min {
            midge_config::TlsVersion::Tls12 => TlsVersion::Tls12,
            midge_config::TlsVersion::Tls13 => TlsVersion::Tls13,
        },
        key_log: None,
    }
}

fn log_of(config: &Config, identity: Identity) -> LogOptions {
    let log = &config.log;
    let names = [
        (midge_config::LogTypes::ERROR, LogType::Error),
        (midge_config::LogTypes::WARNING, LogType::Warning),
        (midge_config::LogTypes::NOTICE, LogType::Notice),
        (midge_config::LogTypes::INFORMATION, LogType::Information),
        (midge_config::LogTypes::DEBUG, LogType::Debug),
        (midge_config::LogTypes::SUBSCRIBE, LogType::Subscribe),
        (midge_config::LogTypes::UNSUBSCRIBE, LogType::Unsubscribe),
    ];
    let wanted = names.into_iter().filter(|(name, _)| log.types.contains(*name));
    let destinations = [
        log.stderr.then_some(LogDestination::Stderr),
        log.stdout.then_some(LogDestination::Stdout),
        log.file.as_ref().map(|path| LogDestination::File(path.into())),
        log.syslog.then_some(LogDestination::Syslog(log.facility)),
        log.journald.then_some(LogDestination::Journald),
        log.topic.then_some(LogDestination::Topic),
    ];
    LogOptions {
        types: wanted.fold(LogTypes::NONE, |types, (_, kind)| types.with(kind)),
        connection_messages: config.connection_messages,
        timestamp: log.timestamp,
        timestamp_format: log.timestamp_format.clone(),
        is_json: log.json,
        is_exported: config.otlp.endpoint.is_some() && config.otlp.logs,
        name: identity.name(),
        destinations: destinations.into_iter().flatten().collect(),
    }
}

/// The log stands beside Mosquitto's database, in a folder named after it.
fn persistence_of(config: &Config) -> Option<PersistenceOptions> {
    let persistence = &config.persistence;
    persistence.on.then(|| PersistenceOptions {
        folder: beside(persistence.location.as_deref(), &format!("{}.midge", persistence.file)),
        database: beside(persistence.location.as_deref(), &persistence.file),
        sync: match persistence.sync {
            PersistenceSync::Always => SyncPolicy::Always,
            PersistenceSync::Os => SyncPolicy::Os,
            PersistenceSync::Interval(ms) => SyncPolicy::Interval(ms),
        },
        autosave: persistence.autosave_interval.map(if persistence.autosave_on_changes {
            Autosave::Changes
        } else {
            Autosave::Seconds
        }),
        max_bytes: persistence.max_bytes,
        repair: false,
        allow_symlinks: false,
    })
}

/// A name in the folder of Mosquitto's database, whatever it begins with.
fn beside(location: Option<&str>, name: &str) -> PathBuf {
    match location {
        Some(location) => Path::new(location).join(name.trim_start_matches('/')),
        None => PathBuf::from(name),
    }
}

/// The rules for clients. "No limit" is written as the broker writes it.
fn rules_of(config: &Config, identity: Identity) -> midge_broker::Options {
    let seconds = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let mut rules = midge_broker::Options {
        listeners: config.listeners.iter().map(listener_rules_of).collect(),
        max_inflight_messages: config.max_inflight_messages.unwrap_or(u16::MAX),
        max_inflight_bytes: config.max_inflight_bytes.unwrap_or(u64::MAX),
        max_queued_messages: config.max_queued_messages.map_or(0, u64::from),
        max_queued_bytes: config.max_queued_bytes.unwrap_or(0),
        queue_qos0_messages: config.queue_qos0_messages,
        max_packet_size: config.max_packet_size,
        message_size_limit: config.message_size_limit.unwrap_or(0),
        max_keep_alive_s: config.max_keepalive_s.unwrap_or(u16::MAX),
        retain_available: config.retain_available,
        retain_expiry_interval_s: config.retain_expiry_interval_s.map(seconds),
        persistent_client_expiration_s: config.persistent_client_expiration_s,
        upgrade_outgoing_qos: config.upgrade_outgoing_qos,
        global_max_clients: config.global_max_clients.map(u64::from),
        client_id_prefix: config.clientid_prefixes.as_deref().unwrap_or_default().into(),
        topic_levels_max: usize::from(config.topic_levels_max),
        keeps_samples: !config.console.history.is_empty()
            && config.listeners.iter().any(|it| it.protocol == Protocol::Console),
        seed: unpredictable(),
        queue_memory_bytes: QUEUE_MEMORY_BYTES / shards_of(config) as u64,
        queue_run_bytes: QUEUE_RUN_BYTES,
        check_retain_source: config.check_retain_source,
        services: SinkOptions::of(config).iter().map(SinkOptions::service).collect(),
        ..midge_broker::Options::default()
    };
    limits::put_into(&mut rules, config, identity);
    rules
}

fn listener_rules_of(listener: &Listener) -> midge_broker::ListenerOptions {
    midge_broker::ListenerOptions {
        allow_anonymous: listener.allow_anonymous,
        // Whoever is asked knows at once where there is nothing to be asked, and names everybody.
        authenticates: true,
        username_is_client_id: listener.use_username_as_clientid,
        allow_zero_length_client_id: listener.allow_zero_length_clientid,
        auto_id_prefix: listener.auto_id_prefix.as_str().into(),
        accepts_v31: listener.accept_protocol_versions.v31,
        accepts_v311: listener.accept_protocol_versions.v311,
        accepts_v5: listener.accept_protocol_versions.v5,
        max_qos: QoS::from_u8(listener.max_qos).unwrap_or(QoS::ExactlyOnce),
        max_topic_alias: listener.max_topic_alias,
        max_topic_alias_broker: listener.max_topic_alias_broker,
        mount_point: listener.mount_point.as_str().into(),
    }
}

fn authority_of(listener: &Listener, config: &Config) -> AuthorityOptions {
    AuthorityOptions {
        port: match listener.address {
            Address::Tcp { port, .. } => port,
            Address::Unix(_) => 0,
        },
        allow_anonymous: listener.allow_anonymous,
        username_is_client_id: listener.use_username_as_clientid,
        tokens: listener.jwt.is_on().then(|| Arc::new(listener.jwt.clone())),
        service: listener.http.is_on().then(|| listener.http.clone()),
        password_file: listener.password_file.clone(),
        psk_file: listener.tls.psk_hint.as_ref().and(listener.psk_file.clone()),
        acl_file: listener.acl_file.clone(),
        acl_denies_special_chars: listener.acl_denies_special_chars,
        strict_suback: config.acl_strict_suback,
        username_of_certificate: username_of_certificate(listener),
    }
}

/// Long enough that guessing is slow, and shorter than any client waits for its answer.
const FAILED_LOGIN_DELAY_S: u16 = 3;

/// Memory for waiting messages, over all shards, before long queues go on on disk.
const QUEUE_MEMORY_BYTES: u64 = 64 << 20;

/// What is written of a long queue at a time, and read back at once.
const QUEUE_RUN_BYTES: u64 = 64 << 10;

/// Threads that share the work: as many as are asked for, or as cores may be used.
pub(crate) fn shards_of(config: &Config) -> usize {
    config.shards.map_or_else(sys::usable_cores, usize::from).clamp(1, SHARDS_MAX)
}

/// More shards than any machine has cores; each costs a buffer and an inbox.
const SHARDS_MAX: usize = 1024;

/// A number that nobody can guess: the standard library asks the system for the keys of its hashers.
fn unpredictable() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// What people run into, in plain words.
fn remarks(config: &Config) -> Vec<(LogType, String)> {
    let mut remarks = Vec::new();
    if config.local_only {
        remarks.push((
            LogType::Information,
            "No listener is configured: the server can be reached from this machine only. For others add `listener 1883` \
             and `allow_anonymous true` to a configuration file and name it with -c."
                .to_owned(),
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_file_the_server_is_local_and_says_so() {
        let options = Options::from_config(&Config::without_file(), Identity::Midge);
        let hosts: Vec<_> = options.listeners.iter().map(|listener| listener.endpoint.clone()).collect();
        let local =
            |host: &str| Endpoint::Tcp { host: Some(host.into()), port: 1883, family: Family::Any, interface: None };
        assert_eq!(hosts, [local("127.0.0.1"), local("::1")]);
        assert!(options.one_listener_suffices);
        assert!(options.broker.listeners.iter().all(|listener| listener.allow_anonymous));
        let [(LogType::Information, remark)] = &options.remarks[..] else { panic!("{:?}", options.remarks) };
        assert!(remark.contains("from this machine only") && remark.contains("`listener 1883`"), "{remark}");
    }

    #[test]
    fn the_log_stands_where_mosquitto_looks_for_its_database() {
        let check = |location: Option<&str>, file: &str, expected: &str| {
            let mut config = Config::without_file();
            config.persistence.on = true;
            config.persistence.location = location.map(Into::into);
            config.persistence.file = file.to_owned();
            let options = persistence_of(&config).expect("persistence is on");
            assert_eq!(options.database, PathBuf::from(expected));
            assert_eq!(options.folder, PathBuf::from(format!("{expected}.midge")));
        };
        check(None, "mosquitto.db", "mosquitto.db");
        check(None, "/var/lib/mosquitto/mosquitto.db", "/var/lib/mosquitto/mosquitto.db");
        check(Some("/var/lib/mosquitto/"), "mosquitto.db", "/var/lib/mosquitto/mosquitto.db");
        check(Some("/mosquitto/data"), "/sub/m.db", "/mosquitto/data/sub/m.db");
        check(Some(""), "m.db", "m.db");
    }

    #[test]
    fn the_server_goes_by_the_name_it_was_called_with() {
        assert!(Identity::Midge.version().starts_with("midge version "));
        assert!(Identity::Mosquitto.version().starts_with("mosquitto version 2.1.2 (Midge "));
    }

    #[test]
    fn two_servers_have_different_seeds() {
        assert_ne!(unpredictable(), unpredictable());
    }
}
