//! The values a server is started with: what [`crate::load`] gives, and what holds without a file.
//!
//! Units are in the names. Where Mosquitto writes "no limit" as 0 or -1, it is `None` here.

use crate::network::Network;
use crate::otlp::Otlp;
use crate::report::Place;
use crate::sinks::Sinks;
use crate::vouching::{HttpAuth, JwtAuth};

/// Everything the server is told. Each field is the directive of the same name, in [`crate::directives`].
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// No listener is configured: `listeners` are the two on loopback, of which one may fail to open.
    pub local_only: bool,
    /// `None`: as many as cores.
    pub shards: Option<u16>,
    /// How long a Network Connection may stay without a CONNECT.
    pub connect_timeout_s: u16,
    /// Most levels of a Topic Name or Topic Filter.
    pub topic_levels_max: u16,
    /// Deliver a Retained Message only while the Client that published it may still publish there.
    pub check_retain_source: bool,
    /// Let in only Clients whose identifier begins like this.
    pub clientid_prefixes: Option<String>,
    /// Longest that an address with failed logins has to wait with the next one; `None`: as the server thinks fit.
    pub failed_login_delay_s: Option<u16>,
    /// SUBACK refuses filters that the ACL file does not grant.
    pub acl_strict_suback: bool,
    /// Log connects and disconnects.
    pub connection_messages: bool,
    /// Most Sessions, those that are away included.
    pub global_max_clients: Option<u32>,
    /// Most Network Connections over all listeners.
    pub global_max_connections: Option<u32>,
    /// Most payload bytes inflight to one Client.
    pub max_inflight_bytes: Option<u64>,
    /// Most QoS 1 and 2 messages inflight in each direction of one Client; the Receive Maximum we announce.
    pub max_inflight_messages: Option<u16>,
    /// Most PUBLISH packets that a Client may send in a second.
    pub max_client_messages_per_second: Bound,
    /// Most bytes that a Client may send in a second.
    pub max_client_bytes_per_second: Bound,
    /// Most Subscriptions of a Session.
    pub max_subscriptions: Bound,
    /// Most Retained Messages.
    pub max_retained_messages: Bound,
    /// Most bytes of Retained Messages.
    pub max_retained_bytes: Bound,
    /// Longest Keep Alive a Client may have.
    pub max_keepalive_s: Option<u16>,
    /// Largest MQTT Control Packet we receive, in bytes.
    pub max_packet_size: u32,
    /// Most payload bytes queued for one Client.
    pub max_queued_bytes: Option<u64>,
    /// Most messages queued for one Client.
    pub max_queued_messages: Option<u32>,
    /// Most bytes of memory to use.
    pub memory_limit_bytes: Option<u64>,
    /// Largest payload of a PUBLISH that is accepted, in bytes.
    pub message_size_limit: Option<u32>,
    /// How long an absent Client's Session is kept at most.
    pub persistent_client_expiration_s: Option<u64>,
    /// Queue QoS 0 messages for absent Clients too.
    pub queue_qos0_messages: bool,
    /// Keep Retained Messages.
    pub retain_available: bool,
    /// How long a Retained Message without an expiry of its own is kept.
    pub retain_expiry_interval_s: Option<u64>,
    /// Turn Nagle's algorithm off on clients' sockets.
    pub set_tcp_nodelay: bool,
    /// Most bytes of an HTTP request on a listener for WebSocket.
    pub packet_buffer_size: u16,
    /// How often `$SYS` is published; 0 is never.
    pub sys_interval_s: u16,
    /// Publish which clients are there, below `$SYS/broker/clients`.
    pub sys_presence: bool,
    /// Deliver with the Subscription's QoS even where the publisher's was lower.
    pub upgrade_outgoing_qos: bool,
    /// Whom the server becomes when it is started as root.
    pub user: String,
    /// The file for the process id.
    pub pid_file: Option<String>,
    /// The socket through which tools ask the running server.
    pub admin_socket: Option<String>,
    /// Who may do what on the console, and what it remembers.
    pub console: Console,
    /// Read files of certificates, passwords and rights again when they change.
    pub watch_files: bool,
    /// What is kept on disk, and how.
    pub persistence: Persistence,
    /// What is logged, and where to.
    pub log: Log,
    /// Other systems that messages are handed on to.
    pub sinks: Sinks,
    /// A collector of OpenTelemetry.
    pub otlp: Otlp,
}

/// A limit that Mosquitto does not have: what holds where nothing is said is not the same for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Bound {
    /// Nothing is said of it.
    #[default]
    Unsaid,
    /// There is to be none.
    Nothing,
    /// So many, and no more.
    Most(u64),
}

impl Bound {
    /// The limit in force, where `unsaid` holds if nothing is said; `None` is no limit.
    pub fn or(self, unsaid: Option<u64>) -> Option<u64> {
        match self {
            Bound::Unsaid => unsaid,
            Bound::Nothing => None,
            Bound::Most(most) => Some(most),
        }
    }

    /// 0 is no limit.
    pub(crate) fn of(number: i64) -> Bound {
        match u64::try_from(number) {
            Ok(most @ 1..) => Bound::Most(most),
            _ => Bound::Nothing,
        }
    }
}

/// Who may do what on the console, and what it remembers. Where it is, listeners say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Console {
    /// Users who may see and change everything.
    pub admins: Vec<String>,
    /// Users who may see everything.
    pub viewers: Vec<String>,
    /// Names by which it may be called, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Topic Filters of what it remembers for an hour.
    pub history: Vec<String>,
}

impl Default for Console {
    fn default() -> Self {
        let nobody = Vec::new;
        Console { admins: nobody(), viewers: nobody(), hosts: nobody(), history: vec!["#".to_owned()] }
    }
}

/// What is kept on disk, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Persistence {
    /// Whether anything is.
    pub on: bool,
    /// The folder for it; `None` is the working directory.
    pub location: Option<String>,
    /// The name of Mosquitto's database there; the log stands beside it in `NAME.midge/`.
    pub file: String,
    /// When what was written counts as safe.
    pub sync: PersistenceSync,
    /// A snapshot is taken after so many seconds, or changes; `None` is only when there is enough to be tidied up.
    pub autosave_interval: Option<u32>,
    /// The interval counts changes.
    pub autosave_on_changes: bool,
    /// Most bytes of disk to use.
    pub max_bytes: Option<u64>,
}

/// When what was written counts as safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PersistenceSync {
    /// When the disk has it: after a power cut it is there.
    Always,
    /// When the system has it: after the end of the process it is there.
    Os,
    /// When the system has it; the disk has it so many milliseconds later.
    Interval(u32),
}

impl Default for Persistence {
    fn default() -> Self {
        Persistence {
            on: false,
            location: None,
            file: "mosquitto.db".to_owned(),
            sync: PersistenceSync::Always,
            autosave_interval: Some(1800),
            autosave_on_changes: false,
            max_bytes: None,
        }
    }
}

impl Config {
    /// What holds when there is no file: port 1883 on 127.0.0.1 and `[::1]`, anonymous clients allowed.
    pub fn without_file() -> Self {
        let config = Config {
            listeners: Vec::new(),
            local_only: true,
            shards: None,
            connect_timeout_s: 30,
            topic_levels_max: 201,
            check_retain_source: false,
            clientid_prefixes: None,
            failed_login_delay_s: None,
            acl_strict_suback: false,
            connection_messages: true,
            global_max_clients: None,
            global_max_connections: None,
            max_inflight_bytes: None,
            max_inflight_messages: Some(20),
            max_client_messages_per_second: Bound::Unsaid,
            max_client_bytes_per_second: Bound::Unsaid,
            max_subscriptions: Bound::Unsaid,
            max_retained_messages: Bound::Unsaid,
            max_retained_bytes: Bound::Unsaid,
            max_keepalive_s: None,
            max_packet_size: 2_000_000,
            max_queued_bytes: None,
            max_queued_messages: Some(1000),
            memory_limit_bytes: None,
            message_size_limit: None,
            persistent_client_expiration_s: None,
            queue_qos0_messages: false,
            retain_available: true,
            retain_expiry_interval_s: None,
            set_tcp_nodelay: false,
            packet_buffer_size: 4096,
            sys_interval_s: 10,
            sys_presence: false,
            upgrade_outgoing_qos: false,
            user: USER.to_owned(),
            pid_file: None,
            admin_socket: None,
            console: Console::default(),
            watch_files: true,
            persistence: Persistence::default(),
            log: Log::default(),
            sinks: Sinks::default(),
            otlp: Otlp::default(),
        };
        let listener = Listener { allow_anonymous: true, ..Listener::new(Address::Tcp { port: PORT, host: None }) };
        config.on_loopback(&listener, &[PORT])
    }

    /// The ports of the command line (`-p`): they stand in for 1883 where no listener is configured, and count for
    /// nothing elsewhere.
    pub fn with_ports(self, ports: &[u16]) -> Self {
        if !self.local_only || ports.is_empty() {
            return self;
        }
        let listener = self.listeners[0].clone();
        self.on_loopback(&listener, ports)
    }

    /// Listeners like this one, on both loopback addresses of each port.
    pub(crate) fn on_loopback(mut self, like: &Listener, ports: &[u16]) -> Self {
        let address = |port, host: &str| Address::Tcp { port, host: Some(host.to_owned()) };
        let addresses = ports.iter().flat_map(|port| ["127.0.0.1", "::1"].map(|host| address(*port, host)));
        let consoles = self.listeners.into_iter().filter(|listener| listener.protocol == Protocol::Console);
        self.listeners = addresses.map(|address| Listener { address, ..like.clone() }).chain(consoles).collect();
        self.local_only = true;
        self
    }

    /// The same with a console for whoever sits at this machine. If its port is taken, there is none.
    #[must_use]
    pub fn with_local_console(mut self) -> Self {
        let address = Address::Tcp { port: CONSOLE_PORT, host: Some("127.0.0.1".to_owned()) };
        let console = Listener {
            protocol: Protocol::Console,
            allow_anonymous: true,
            is_optional: true,
            ..Listener::new(address)
        };
        self.listeners.push(console);
        self
    }
}

/// Whom a server becomes that is told of no `user`; where there is no such user, `nobody`.
pub const USER: &str = "mosquitto";

/// Mosquitto's port, and that of MQTT without TLS.
pub(crate) const PORT: u16 = 1883;

/// The console's port, which is that of Mosquitto's API.
const CONSOLE_PORT: u16 = 9883;

/// One place where clients connect.
#[derive(Clone, PartialEq, Debug)]
pub struct Listener {
    /// What to listen on.
    pub address: Address,
    /// Restricts a name or a missing host to one version of IP.
    pub socket_domain: Option<SocketDomain>,
    /// Takes connections of one network interface only.
    pub bind_interface: Option<String>,
    /// Who may connect to a Unix socket, as permissions of a file.
    pub unix_socket_mode: u32,
    /// What Clients speak.
    pub protocol: Protocol,
    /// The folder whose files browsers get.
    pub http_dir: Option<String>,
    /// The origins whose pages may connect; none is all.
    pub websockets_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub websockets_trusted_proxies: Vec<Network>,
    /// The version of the PROXY header that stands before each connection, 1 or 2.
    pub enable_proxy_protocol: Option<u8>,
    /// Let in only Clients that reached the proxy with TLS.
    pub proxy_protocol_v2_require_tls: bool,
    /// Most Network Connections at once.
    pub max_connections: Option<u32>,
    /// Most Network Connections in a second.
    pub max_connections_per_second: Bound,
    /// Most Network Connections in a second from one address.
    pub max_connections_per_second_per_address: Bound,
    /// What stands before every topic of its Clients; empty for nothing.
    pub mount_point: String,
    /// Highest QoS a Client may publish with or be granted, 0 to 2.
    pub max_qos: u8,
    /// Most Topic Aliases a Client may have; announced in CONNACK.
    pub max_topic_alias: u16,
    /// Most Topic Aliases the server makes for a Client that allows them.
    pub max_topic_alias_broker: u16,
    /// Protocol versions that are let in.
    pub accept_protocol_versions: ProtocolVersions,
    /// Let in clients that give no user name.
    pub allow_anonymous: bool,
    /// The file says so, or says not so; otherwise it follows from there being listeners.
    pub anonymous_stated: bool,
    /// Let in 3.1.1 clients with an empty Client Identifier.
    pub allow_zero_length_clientid: bool,
    /// How Client Identifiers that the server assigns begin.
    pub auto_id_prefix: String,
    /// The file with User Names and hashes of their passwords.
    pub password_file: Option<String>,
    /// The file that says who may do what.
    pub acl_file: Option<String>,
    /// Clients with `+`, `#` or `/` in User Name or Client Identifier may do nothing.
    pub acl_denies_special_chars: bool,
    /// Tokens that let in Clients.
    pub jwt: JwtAuth,
    /// Web services that do.
    pub http: HttpAuth,
    /// The User Name is the Client Identifier.
    pub use_username_as_clientid: bool,
    /// The file with pre-shared keys, which counts where encryption has a hint for them.
    pub psk_file: Option<String>,
    /// Encryption.
    pub tls: Tls,
    /// Nobody has asked for it: where it cannot be opened, the server starts all the same.
    pub is_optional: bool,
    /// The line that opens it; `None` for the two of a server without listeners.
    pub place: Option<Place>,
}

impl Listener {
    /// Nothing said beyond the address.
    pub(crate) fn new(address: Address) -> Self {
        Listener {
            address,
            socket_domain: None,
            bind_interface: None,
            unix_socket_mode: UNIX_SOCKET_MODE,
            protocol: Protocol::Mqtt,
            http_dir: None,
            websockets_origins: Vec::new(),
            websockets_trusted_proxies: Vec::new(),
            enable_proxy_protocol: None,
            proxy_protocol_v2_require_tls: false,
            max_connections: None,
            max_connections_per_second: Bound::Unsaid,
            max_connections_per_second_per_address: Bound::Unsaid,
            mount_point: String::new(),
            max_qos: 2,
            max_topic_alias: 10,
            max_topic_alias_broker: 10,
            accept_protocol_versions: ProtocolVersions::ALL,
            allow_anonymous: false,
            anonymous_stated: false,
            allow_zero_length_clientid: true,
            auto_id_prefix: "auto-".to_owned(),
            password_file: None,
            acl_file: None,
            acl_denies_special_chars: false,
            jwt: JwtAuth::default(),
            http: HttpAuth::default(),
            use_username_as_clientid: false,
            psk_file: None,
            tls: Tls::default(),
            is_optional: false,
            place: None,
        }
    }
}

impl Listener {
    /// Whether clients are whom their certificates or pre-shared keys name. Where there are none, the options for that say nothing,
    /// as with Mosquitto.
    pub fn names_by_encryption(&self) -> bool {
        let may_show_one = self.tls.is_on() || self.enable_proxy_protocol == Some(2);
        may_show_one && (self.tls.use_identity_as_username || self.tls.use_subject_as_username)
    }

    /// Whether its line does not say where it listens. That was told; nothing follows from it.
    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.address, Address::Tcp { port: 0, .. })
    }

    /// Whether anybody is asked who comes in.
    pub(crate) fn is_checked(&self) -> bool {
        self.password_file.is_some() || self.jwt.is_on() || self.http.user_url.is_some()
    }

    /// An option for WebSocket, where that is not spoken.
    pub(crate) fn idle_websockets_option(&self) -> Option<&'static str> {
        let options = [
            ("http_dir", self.http_dir.is_some()),
            ("websockets_origin", !self.websockets_origins.is_empty()),
            ("websockets_trusted_proxy", !self.websockets_trusted_proxies.is_empty()),
        ];
        let counts = |name| match self.protocol {
            Protocol::Mqtt | Protocol::HttpApi => false,
            Protocol::Websockets => true,
            Protocol::Console => name == "websockets_trusted_proxy",
        };
        options.into_iter().find(|(name, is_given)| *is_given && !counts(*name)).map(|(name, _)| name)
    }

    /// An option that means nothing where HTTP is spoken, and what is so instead.
    pub(crate) fn http_fault(&self) -> Option<(&'static str, &'static str)> {
        if !matches!(self.protocol, Protocol::HttpApi | Protocol::Console) {
            return None;
        }
        let faults = [
            (
                matches!(self.address, Address::Unix(_)),
                "protocol",
                "The 'http_api' protocol needs a listener with a port.",
            ),
            (self.tls.psk_hint.is_some(), "psk_hint", "The 'psk_hint' option cannot be used where browsers connect."),
            (
                self.enable_proxy_protocol.is_some(),
                "enable_proxy_protocol",
                "The 'enable_proxy_protocol' option cannot be used where HTTP is spoken: proxies say it in a header there.",
            ),
            (
                self.tls.use_identity_as_username,
                "use_identity_as_username",
                "The 'use_identity_as_username' option cannot be used where browsers connect: they log in with name and password.",
            ),
            (
                self.tls.use_subject_as_username,
                "use_subject_as_username",
                "The 'use_subject_as_username' option cannot be used where browsers connect: they log in with name and password.",
            ),
        ];
        faults.into_iter().find(|(is_so, ..)| *is_so).map(|(_, option, text)| (option, text))
    }
}

/// Encryption of a listener.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tls {
    /// Files with the server's certificates; with none of them and no pre-shared keys there is no encryption.
    pub certfiles: Vec<String>,
    /// The files with their keys, as many.
    pub keyfiles: Vec<String>,
    /// The file whose first line is the pass phrase of encrypted keys.
    pub keyfile_passphrase_file: Option<String>,
    /// The file with the certificates by which those of Clients are judged.
    pub cafile: Option<String>,
    /// The folder with the same.
    pub capath: Option<String>,
    /// The file with lists of revoked certificates.
    pub crlfile: Option<String>,
    /// Let in only Clients with a certificate.
    pub require_certificate: bool,
    /// The common name of the certificate, or the identity of the pre-shared key, is the User Name.
    pub use_identity_as_username: bool,
    /// The whole subject of the certificate is the User Name.
    pub use_subject_as_username: bool,
    /// The dates of certificates of Clients do not matter.
    pub disable_client_cert_date_checks: bool,
    /// Clients may encrypt with pre-shared keys, and are sent this hint which to use.
    pub psk_hint: Option<String>,
    /// The lowest version that is let in.
    pub version_min: TlsVersion,
    /// For TLS 1.2, as OpenSSL takes it.
    pub ciphers: Option<String>,
    /// For TLS 1.3, as OpenSSL takes it.
    pub ciphers_tls13: Option<String>,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

impl Tls {
    /// Are connections encrypted?
    pub fn is_on(&self) -> bool {
        !self.certfiles.is_empty() || self.psk_hint.is_some()
    }

    /// What keeps the server from starting with it: the option to blame, and a sentence. `is_told`: a proxy in front says who
    /// showed a certificate.
    pub(crate) fn fault(&self, is_told: bool) -> Option<(&'static str, &'static str)> {
        let has_authorities = self.cafile.is_some() || self.capath.is_some();
        if self.certfiles.len() != self.keyfiles.len() {
            let more = if self.certfiles.len() > self.keyfiles.len() { "certfile" } else { "keyfile" };
            return Some((more, "Both certfile and keyfile must be provided if one of them is set."));
        }
        let missing = match (self.require_certificate, !self.certfiles.is_empty()) {
            (true, false) if !is_told => "The 'require_certificate' option requires certfile and keyfile.",
            (true, true) if !has_authorities => "The 'require_certificate' option requires cafile or capath.",
            _ => return None,
        };
        Some(("require_certificate", missing))
    }

    /// Says something of encryption, and there is none.
    pub(crate) fn is_idle(&self) -> bool {
        let files = [&self.cafile, &self.capath, &self.crlfile, &self.keyfile_passphrase_file];
        let ciphers = [&self.ciphers, &self.ciphers_tls13];
        !self.is_on() && files.into_iter().chain(ciphers).any(Option::is_some)
    }
}

/// The server's user and its group may connect to a Unix socket, as with Mosquitto.
pub(crate) const UNIX_SOCKET_MODE: u32 = 0o770;

/// What a listener listens on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A TCP port, on all interfaces unless a host (an address or a name) is given.
    Tcp {
        /// 1 to 65535; 0 where the line is wrong.
        port: u16,
        /// An IP address or a name to resolve.
        host: Option<String>,
    },
    /// A Unix domain socket at this path.
    Unix(String),
}

/// What Clients speak on a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// MQTT alone.
    Mqtt,
    /// MQTT over WebSocket.
    Websockets,
    /// HTTP, for what Mosquitto tells of itself.
    HttpApi,
    /// HTTP, for people and programs, and MQTT over WebSocket at `/mqtt`.
    Console,
}

/// A version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketDomain {
    /// Only IPv4.
    Ipv4,
    /// Only IPv6.
    Ipv6,
}

/// A set of MQTT versions, by Protocol Level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtocolVersions {
    /// MQTT 3.1, Protocol Level 3.
    pub v31: bool,
    /// MQTT 3.1.1, Protocol Level 4.
    pub v311: bool,
    /// MQTT 5.0, Protocol Level 5.
    pub v5: bool,
}

impl ProtocolVersions {
    /// Every version.
    pub const ALL: Self = ProtocolVersions { v31: true, v311: true, v5: true };
    /// No version.
    pub const NONE: Self = ProtocolVersions { v31: false, v311: false, v5: false };

    /// Is this Protocol Level in the set?
    pub fn contains(self, level: u8) -> bool {
        match level {
            3 => self.v31,
            4 => self.v311,
            5 => self.v5,
            _ => false,
        }
    }
}

/// What is logged, and where to.
#[derive(Clone, PartialEq, Debug)]
pub struct Log {
    /// Kinds of lines.
    pub types: LogTypes,
    /// To the standard error output.
    pub stderr: bool,
    /// To the standard output.
    pub stdout: bool,
    /// To the end of this file.
    pub file: Option<String>,
    /// To the system's log.
    pub syslog: bool,
    /// Which of LOCAL0 to LOCAL7 lines have there; `None` is DAEMON.
    pub facility: Option<u8>,
    /// To systemd's journal.
    pub journald: bool,
    /// To the topics below `$SYS/broker/log`.
    pub topic: bool,
    /// Each line is an object of JSON.
    pub json: bool,
    /// Begin each line with the time.
    pub timestamp: bool,
    /// As `strftime` takes it; `None` is seconds since 1970.
    pub timestamp_format: Option<String>,
}

impl Default for Log {
    fn default() -> Self {
        Log {
            types: LogTypes::DEFAULT,
            stderr: true,
            stdout: false,
            file: None,
            syslog: false,
            journald: false,
            facility: None,
            topic: false,
            json: false,
            timestamp: true,
            timestamp_format: None,
        }
    }
}

/// A set of kinds of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogTypes(u16);

impl LogTypes {
    /// No lines at all.
    pub const NONE: Self = LogTypes(0);
    /// What the server cannot do.
    pub const ERROR: Self = LogTypes(1);
    /// What will go wrong, or was refused.
    pub const WARNING: Self = LogTypes(1 << 1);
    /// Connections that come and go.
    pub const NOTICE: Self = LogTypes(1 << 2);
    /// Start, end, listeners.
    pub const INFORMATION: Self = LogTypes(1 << 3);
    /// Every MQTT Control Packet.
    pub const DEBUG: Self = LogTypes(1 << 4);
    /// One line for each Topic Filter subscribed.
    pub const SUBSCRIBE: Self = LogTypes(1 << 5);
    /// One line for each Topic Filter unsubscribed.
    pub const UNSUBSCRIBE: Self = LogTypes(1 << 6);
    /// The server's inner workings.
    pub const INTERNAL: Self = LogTypes(1 << 7);
    /// The WebSocket handshake.
    pub const WEBSOCKETS: Self = LogTypes(1 << 8);
    /// Every kind; what `-v` means.
    pub const ALL: Self = LogTypes((1 << 9) - 1);
    /// What holds when nothing is said: errors, warnings, notices, information.
    pub const DEFAULT: Self = LogTypes(0b1111);

    /// Are all of these in the set?
    pub fn contains(self, types: Self) -> bool {
        self.0 & types.0 == types.0
    }

    /// Both sets together.
    pub fn with(self, types: Self) -> Self {
        LogTypes(self.0 | types.0)
    }
}
