//! What each directive that works does to the configuration, and what several of them mean together.

use crate::support::{config, notes};
use midge_config::{
    Address, Bound, Config, FileSink, InfluxDb, JwtAuth, Listener, LogTypes, Network, PersistenceSync, Protocol,
    ProtocolVersions, SocketDomain, TemplatePart, TimeUnit, TlsVersion, Webhook,
};

/// Below a plain listener, the lines change the configuration in just this way.
#[track_caller]
fn check(lines: &str, change: impl FnOnce(&mut Config)) {
    let mut expected = config("listener 1883\n");
    let before = expected.clone();
    change(&mut expected);
    assert_ne!(expected, before, "the test sees no difference");
    assert_eq!(config(&format!("listener 1883\n{lines}\n")), expected, "{lines}");
}

/// As [`check`], for what goes to the listener.
#[track_caller]
fn check_listener(lines: &str, change: impl FnOnce(&mut Listener)) {
    let mut expected = config("listener 1883\n");
    change(&mut expected.listeners[0]);
    assert_ne!(expected, config("listener 1883\n"), "the test sees no difference");
    assert_eq!(config(&format!("listener 1883\n{lines}\n")), expected, "{lines}");
}

/// The addresses that the text opens, and the lines that do.
#[track_caller]
fn check_addresses(text: &str, expected: &[(Address, Option<u32>)]) {
    let listeners = config(text).listeners;
    let got: Vec<_> = listeners.into_iter().map(|one| (one.address, one.place.map(|place| place.line))).collect();
    assert_eq!(got, expected, "{text}");
}

fn tcp(port: u16, host: Option<&str>) -> Address {
    Address::Tcp { port, host: host.map(str::to_owned) }
}

fn loopback(port: u16) -> [(Address, Option<u32>); 2] {
    [(tcp(port, Some("127.0.0.1")), None), (tcp(port, Some("::1")), None)]
}

#[test]
fn the_server_as_a_whole() {
    check("shards 4", |c| c.shards = Some(4));
    check("connect_timeout 5", |c| c.connect_timeout_s = 5);
    check("set_tcp_nodelay true", |c| c.set_tcp_nodelay = true);
    check("packet_buffer_size 65535", |c| c.packet_buffer_size = 65535);
    check("websockets_headers_size 0", |c| c.packet_buffer_size = 0);
    check("watch_files false", |c| c.watch_files = false);
    check("sys_interval 0", |c| c.sys_interval_s = 0);
    check("sys_interval 0x10", |c| c.sys_interval_s = 16);
    check("sys_presence true", |c| c.sys_presence = true);
    check("memory_limit 010000000000", |c| c.memory_limit_bytes = Some(10_000_000_000));
}

#[test]
fn encryption() {
    check_listener("certfile /c\nkeyfile /k", |l| {
        (l.tls.certfiles, l.tls.keyfiles) = (vec!["/c".to_owned()], vec!["/k".to_owned()]);
    });
    check_listener("certfile /c\nkeyfile /k\ncertfile /d\nkeyfile /l", |l| {
        l.tls.certfiles = vec!["/c".to_owned(), "/d".to_owned()];
        l.tls.keyfiles = vec!["/k".to_owned(), "/l".to_owned()];
    });
    check_listener("cafile /a\ncafile /ca.pem", |l| l.tls.cafile = Some("/ca.pem".to_owned()));
    check_listener("capath /certs", |l| l.tls.capath = Some("/certs".to_owned()));
    check_listener("crlfile /crl", |l| l.tls.crlfile = Some("/crl".to_owned()));
    check_listener("keyfile_passphrase_file /p", |l| l.tls.keyfile_passphrase_file = Some("/p".to_owned()));
    check_listener("use_identity_as_username true", |l| l.tls.use_identity_as_username = true);
    check_listener("use_subject_as_username true", |l| l.tls.use_subject_as_username = true);
    check_listener("disable_client_cert_date_checks 1", |l| l.tls.disable_client_cert_date_checks = true);
    check_listener("tls_version tlsv1.3", |l| l.tls.version_min = TlsVersion::Tls13);
    check_listener("ciphers HIGH:!aNULL", |l| l.tls.ciphers = Some("HIGH:!aNULL".to_owned()));
    check_listener("ciphers_tls1.3 A:B", |l| l.tls.ciphers_tls13 = Some("A:B".to_owned()));
    let required = config("listener 1\ncertfile /c\nkeyfile /k\ncafile /a\nrequire_certificate true");
    assert!(required.listeners[0].tls.require_certificate && required.listeners[0].tls.is_on());
}

#[test]
#[cfg(feature = "openssl")]
fn pre_shared_keys() {
    let text = "psk_file /keys\nlistener 1883\nlistener 8883\npsk_hint h";
    let listeners = config(text).listeners;
    let is_encrypted: Vec<_> = listeners.iter().map(|listener| listener.tls.is_on()).collect();
    assert_eq!(is_encrypted, [false, true]);
    assert_eq!(listeners[1].tls.psk_hint.as_deref(), Some("h"));
    assert_eq!(listeners[1].psk_file.as_deref(), Some("/keys"));
    assert!(notes(text).is_empty());
    let unused = &notes("psk_file /keys\nlistener 1883")[0];
    assert!(unused.contains("The 'psk_file' option is not used"), "{unused}");
    let elsewhere = "per_listener_settings true\nlistener 1\npsk_file /keys\nlistener 2\npsk_hint h";
    let expected = "Error: The 'psk_hint' option requires a psk_file.\nError found at m.conf:4.";
    assert_eq!(crate::support::errors(elsewhere), expected);
}

/// As tutorials on Let's Encrypt have it: the cafile is a leaf, and nobody is asked for a certificate.
#[test]
fn a_listener_as_lets_encrypt_is_used() {
    let folder = "/etc/letsencrypt/live/mqtt.example.com";
    let text =
        format!("listener 8883\ncertfile {folder}/cert.pem\ncafile {folder}/chain.pem\nkeyfile {folder}/privkey.pem\n");
    assert!(config(&text).listeners[0].tls.is_on());
    assert!(notes(&text).is_empty());
}

#[test]
fn limits() {
    check("max_inflight_messages 1", |c| c.max_inflight_messages = Some(1));
    check("max_inflight_messages 0", |c| c.max_inflight_messages = None);
    check("max_inflight_messages 65535", |c| c.max_inflight_messages = None);
    check("max_inflight_messages -3", |c| c.max_inflight_messages = None);
    check("max_inflight_bytes 1000", |c| c.max_inflight_bytes = Some(1000));
    check("max_queued_messages 7", |c| c.max_queued_messages = Some(7));
    check("max_queued_messages 0", |c| c.max_queued_messages = None);
    check("max_client_messages_per_second 5", |c| c.max_client_messages_per_second = Bound::Most(5));
    check("max_client_messages_per_second 0", |c| c.max_client_messages_per_second = Bound::Nothing);
    check("max_client_bytes_per_second 500", |c| c.max_client_bytes_per_second = Bound::Most(500));
    check("max_subscriptions -1", |c| c.max_subscriptions = Bound::Nothing);
    check("max_retained_messages 7", |c| c.max_retained_messages = Bound::Most(7));
    check("max_retained_bytes 5000000000", |c| c.max_retained_bytes = Bound::Most(5_000_000_000));
    check_listener("max_connections_per_second 9", |l| l.max_connections_per_second = Bound::Most(9));
    check_listener("max_connections_per_second_per_address 3", |l| {
        l.max_connections_per_second_per_address = Bound::Most(3);
    });
    check_listener("mount_point x\nmount_point house/", |l| l.mount_point = "house/".to_owned());
    check("max_queued_bytes 4096", |c| c.max_queued_bytes = Some(4096));
    check("max_queued_bytes 5\nmax_queued_bytes 6", |c| c.max_queued_bytes = Some(6));
    check("queue_qos0_messages 1", |c| c.queue_qos0_messages = true);
    check("max_packet_size 20", |c| c.max_packet_size = 20);
    check("message_size_limit 100", |c| c.message_size_limit = Some(100));
    check("max_keepalive 65535", |c| c.max_keepalive_s = Some(65535));
    check("global_max_clients 3", |c| c.global_max_clients = Some(3));
    check("clientid_prefixes ok-", |c| c.clientid_prefixes = Some("ok-".to_owned()));
    check("failed_login_delay 5", |c| c.failed_login_delay_s = Some(5));
    check("acl_strict_suback true", |c| c.acl_strict_suback = true);
    check("global_max_connections 3", |c| c.global_max_connections = Some(3));
    check("topic_levels_max 10", |c| c.topic_levels_max = 10);
}

#[test]
fn tokens_and_web_services_are_of_the_listener_that_names_them() {
    const ALGORITHMS: &str = "auth_jwt_algorithms RS256 EdDSA\nauth_jwt_key_file /k\n";
    let jwt = |lines: &str, change: fn(&mut JwtAuth)| {
        check_listener(&format!("{ALGORITHMS}{lines}"), |l| {
            l.jwt.algorithms = ["RS256", "EdDSA"].map(str::to_owned).to_vec();
            l.jwt.key_file = Some("/k".to_owned());
            change(&mut l.jwt);
        });
    };
    jwt("", |_| {});
    jwt("auth_jwt_secret_file /s", |jwt| jwt.secret_file = Some("/s".to_owned()));
    jwt("auth_jwt_jwks_file /j", |jwt| jwt.jwks_file = Some("/j".to_owned()));
    jwt("auth_jwt_issuer me", |jwt| jwt.issuer = Some("me".to_owned()));
    jwt("auth_jwt_audience you", |jwt| jwt.audience = Some("you".to_owned()));
    jwt("auth_jwt_user_claim name", |jwt| jwt.user_claim = "name".to_owned());
    jwt("auth_jwt_acl_claim mqtt", |jwt| jwt.acl_claim = Some("mqtt".to_owned()));
    check_listener("auth_http_user_url http://a/u", |l| l.http.user_url = Some("http://a/u".to_owned()));
    check_listener("auth_http_acl_url https://a:1/", |l| l.http.acl_url = Some("https://a:1/".to_owned()));
    check_listener("auth_http_timeout 9", |l| l.http.timeout_s = 9);
    check_listener("auth_http_cache 9", |l| l.http.cache_s = 9);
    check_listener("auth_http_cafile /c", |l| l.http.cafile = Some("/c".to_owned()));
    let two = config("per_listener_settings true\nlistener 1\nauth_http_user_url http://a\nlistener 2\n");
    assert_eq!([two.listeners[0].http.is_on(), two.listeners[1].http.is_on()], [true, false]);
}

#[test]
fn messages_are_handed_on_to_other_systems() {
    const TO_INFLUXDB: &str = "influxdb_url http://a:8086\ninfluxdb_database db\ninfluxdb_topic a/+\n";
    let influxdb = |lines: &str, change: fn(&mut InfluxDb)| {
        check(&format!("{TO_INFLUXDB}{lines}"), |c| {
            let influxdb = &mut c.sinks.influxdb;
            influxdb.url = Some("http://a:8086".to_owned());
            influxdb.database = Some("db".to_owned());
            influxdb.topics = vec!["a/+".to_owned()];
            change(influxdb);
        });
    };
    influxdb("", |_| {});
    influxdb("influxdb_topic b/#\ninfluxdb_topic a/+", |it| it.topics.push("b/#".to_owned()));
    influxdb("influxdb_username me\ninfluxdb_password it is secret", |it| {
        (it.username, it.password) = (Some("me".to_owned()), Some("it is secret".to_owned()));
    });
    influxdb("influxdb_measurement m-{1}", |it| {
        it.measurement = vec![TemplatePart::Text("m-".to_owned()), TemplatePart::Level(1)];
    });
    influxdb("influxdb_tags a={-1} b={topic}", |it| {
        it.tags = vec![("a".to_owned(), vec![TemplatePart::Level(-1)]), ("b".to_owned(), vec![TemplatePart::Topic])];
    });
    influxdb("influxdb_fields a b.c", |it| it.fields = Some(vec!["a".to_owned(), "b.c".to_owned()]));
    influxdb("influxdb_time at.ms ms", |it| it.time = Some(("at.ms".to_owned(), TimeUnit::Milliseconds)));
    influxdb("influxdb_time at", |it| it.time = Some(("at".to_owned(), TimeUnit::Seconds)));
    influxdb("influxdb_precision us", |it| it.precision = TimeUnit::Microseconds);
    influxdb("influxdb_numbers as_written", |it| it.integers = true);
    influxdb("influxdb_cafile /c", |it| it.cafile = Some("/c".to_owned()));
    check("influxdb_url https://a\ninfluxdb_org o\ninfluxdb_bucket b\ninfluxdb_token t\ninfluxdb_topic #", |c| {
        let influxdb = &mut c.sinks.influxdb;
        influxdb.url = Some("https://a".to_owned());
        (influxdb.org, influxdb.bucket) = (Some("o".to_owned()), Some("b".to_owned()));
        (influxdb.token, influxdb.topics) = (Some("t".to_owned()), vec!["#".to_owned()]);
    });
    check("webhook_url https://a/b?c\nwebhook_topic #\nwebhook_secret s\nwebhook_cafile /c", |c| {
        c.sinks.webhook = Webhook {
            url: Some("https://a/b?c".to_owned()),
            topics: vec!["#".to_owned()],
            secret: Some("s".to_owned()),
            cafile: Some("/c".to_owned()),
        };
    });
    check("file_sink /f\nfile_sink_topic #\nfile_sink_max_bytes 1024\nfile_sink_keep 2", |c| {
        let (path, topics) = (Some("/f".to_owned()), vec!["#".to_owned()]);
        c.sinks.file = FileSink { path, topics, max_bytes: 1024, keep: 2 };
    });
}

/// What comes with Mosquitto is found by its name, wherever its file is.
#[test]
fn plugins_of_mosquitto_are_built_in() {
    const PASSWORDS: &str = "/usr/lib/mosquitto_password_file.so\nplugin_opt_password_file /p";
    const ACL: &str = "/opt/lib/mosquitto_acl_file.so\nplugin_opt_acl_file /a";
    check_listener(&format!("plugin {PASSWORDS}"), |l| l.password_file = Some("/p".to_owned()));
    check_listener(&format!("global_plugin {PASSWORDS}"), |l| l.password_file = Some("/p".to_owned()));
    check_listener(&format!("plugin_load one {PASSWORDS}\nplugin_use one"), |l| {
        l.password_file = Some("/p".to_owned())
    });
    check_listener(&format!("auth_plugin {ACL}"), |l| {
        (l.acl_file, l.acl_denies_special_chars) = (Some("/a".to_owned()), true);
    });
    check_listener(&format!("plugin {ACL}\nauth_plugin_deny_special_chars false"), |l| {
        l.acl_file = Some("/a".to_owned())
    });
    assert_eq!(
        config(&format!("listener 1883\nplugin_load one {PASSWORDS}")),
        config("listener 1883"),
        "nobody uses it"
    );
    let text = format!("per_listener_settings true\nlistener 1\nplugin {ACL}\nlistener 2\nglobal_plugin {PASSWORDS}");
    let files: Vec<_> = config(&text).listeners.into_iter().map(|l| (l.password_file, l.acl_file)).collect();
    assert_eq!(files, [(Some("/p".to_owned()), Some("/a".to_owned())), (Some("/p".to_owned()), None)]);
    check("plugin mosquitto_persist_sqlite.so\nplugin_opt_db_file /var/lib/mosquitto/m.sqlite3", |c| {
        (c.persistence.on, c.persistence.location) = (true, Some("/var/lib/mosquitto".to_owned()));
    });
    let sqlite = "listener 1\nplugin mosquitto_persist_sqlite.so\nplugin_opt_db_file /m.db\nplugin_opt_sync off";
    assert_eq!(
        notes(sqlite),
        [
            "Warning: The 'plugin_opt_sync' option has no effect: what is built in has no such option. (m.conf:4)",
            "Warning: What is kept goes into the server's own log, not into /m.db; what mosquitto_persist_sqlite has kept there \
             is not taken over. (m.conf:2)"
        ]
    );
}

#[test]
fn what_is_kept() {
    check("retain_available false", |c| c.retain_available = false);
    check("retain_expiry_interval 2", |c| c.retain_expiry_interval_s = Some(120));
    check("retain_expiry_interval 10000001", |c| c.retain_expiry_interval_s = Some(600_000_000));
    check("check_retain_source true", |c| c.check_retain_source = true);
    check("upgrade_outgoing_qos true", |c| c.upgrade_outgoing_qos = true);
    check("persistent_client_expiration 90s", |c| c.persistent_client_expiration_s = Some(90));
    check("persistent_client_expiration 2h", |c| c.persistent_client_expiration_s = Some(7200));
    check("persistent_client_expiration 010d x", |c| c.persistent_client_expiration_s = Some(864_000));
    check("persistent_client_expiration 1w", |c| c.persistent_client_expiration_s = Some(604_800));
    check("persistent_client_expiration 1m", |c| c.persistent_client_expiration_s = Some(2_592_000));
    check("persistent_client_expiration 1y", |c| c.persistent_client_expiration_s = Some(31_536_000));
}

#[test]
fn persistence() {
    check("persistence true", |c| c.persistence.on = true);
    check("retained_persistence true", |c| c.persistence.on = true);
    check("persistence false\npersistence 1", |c| c.persistence.on = true);
    check("persistence_location /var/lib/my data/", |c| {
        c.persistence.location = Some("/var/lib/my data/".to_owned());
    });
    check("persistence_file a..b", |c| c.persistence.file = "a..b".to_owned());
    check("persistence_file other.db", |c| c.persistence.file = "other.db".to_owned());
    check("persistence_max_bytes 134217728", |c| c.persistence.max_bytes = Some(128 << 20));
    check("persistence_max_bytes 068719476736", |c| c.persistence.max_bytes = Some(64 << 30));
    check("autosave_interval 60", |c| c.persistence.autosave_interval = Some(60));
    check("autosave_interval 0", |c| c.persistence.autosave_interval = None);
    check("autosave_interval -1", |c| c.persistence.autosave_interval = None);
    check("autosave_on_changes true", |c| c.persistence.autosave_on_changes = true);
}

#[test]
fn when_what_was_written_counts_as_safe() {
    let check = |value: &str, expected| {
        assert_eq!(config(&format!("persistence_sync {value}")).persistence.sync, expected, "{value}");
    };
    check("always", PersistenceSync::Always);
    check("os # as fast as it goes", PersistenceSync::Os);
    check("100 ms", PersistenceSync::Interval(100));
    check("100ms", PersistenceSync::Interval(100));
    check("  1   ms  ", PersistenceSync::Interval(1));
    check("60000ms and more", PersistenceSync::Interval(60_000));
    check("os\npersistence_sync always", PersistenceSync::Always);
}

#[test]
fn the_process() {
    check("user broker", |c| c.user = "broker".to_owned());
    check("user a\nuser b", |c| c.user = "b".to_owned());
    check("pid_file /run/a b.pid", |c| c.pid_file = Some("/run/a b.pid".to_owned()));
    check("admin_socket /run/a b.sock", |c| c.admin_socket = Some("/run/a b.sock".to_owned()));
}

#[test]
fn log() {
    check("log_dest stdout", |c| (c.log.stdout, c.log.stderr) = (true, false));
    check("log_dest stdout unbuffered", |c| (c.log.stdout, c.log.stderr) = (true, false));
    check("log_dest none", |c| c.log.stderr = false);
    check("log_dest stdout\nlog_dest stderr", |c| c.log.stdout = true);
    check("log_dest file /var/log/my log # 1", |c| {
        c.log.file = Some("/var/log/my log # 1".to_owned());
        c.log.stderr = false;
    });
    check("log_dest file /a\nlog_dest none\nlog_dest stdout", |c| (c.log.stdout, c.log.stderr) = (true, false));
    check("log_dest topic\nlog_dest stdout", |c| (c.log.topic, c.log.stdout, c.log.stderr) = (true, true, false));
    check("log_dest syslog", |c| (c.log.syslog, c.log.stderr) = (true, false));
    check("log_dest journald", |c| (c.log.journald, c.log.stderr) = (true, false));
    check("log_dest syslog\nlog_dest topic\nlog_dest none", |c| c.log.stderr = false);
    check("log_facility 5", |c| c.log.facility = Some(5));
    check("log_format json", |c| c.log.json = true);
    assert!(!config("log_format json\nlog_format text").log.json);
    check("log_timestamp false", |c| c.log.timestamp = false);
    check("log_timestamp_format %H:%M # x", |c| c.log.timestamp_format = Some("%H:%M # x".to_owned()));
    check("connection_messages false", |c| c.connection_messages = false);
}

#[test]
fn log_types_add_up_and_the_first_replaces_the_default() {
    let check = |lines: &str, expected: LogTypes| assert_eq!(config(lines).log.types, expected, "{lines}");
    check("", LogTypes::DEFAULT);
    check("log_type error", LogTypes::ERROR);
    check("log_type error\nlog_type warning", LogTypes::ERROR.with(LogTypes::WARNING));
    check("log_type notice", LogTypes::NOTICE);
    check("log_type information", LogTypes::INFORMATION);
    check("log_type debug", LogTypes::DEBUG);
    check("log_type subscribe", LogTypes::SUBSCRIBE);
    check("log_type unsubscribe", LogTypes::UNSUBSCRIBE);
    check("log_type internal", LogTypes::INTERNAL);
    check("log_type websockets", LogTypes::WEBSOCKETS);
    check("log_type all", LogTypes::ALL);
    check("log_type all\nlog_type none", LogTypes::NONE);
    check("log_type none\nlog_type debug", LogTypes::DEBUG);
    assert!(LogTypes::ALL.contains(LogTypes::DEBUG) && !LogTypes::DEFAULT.contains(LogTypes::DEBUG));
}

#[test]
fn the_console() {
    check("console_admin ada\nconsole_admin eve e", |c| {
        c.console.admins = vec!["ada".to_owned(), "eve e".to_owned()];
    });
    check("console_viewer prometheus", |c| c.console.viewers = vec!["prometheus".to_owned()]);
    check("console_host broker.example", |c| c.console.hosts = vec!["broker.example".to_owned()]);
    check("console_history a/#\nconsole_history b", |c| c.console.history = vec!["a/#".to_owned(), "b".to_owned()]);
}

/// It is for this machine where nothing else is said, and takes nothing away from the listeners that there are without a file.
#[test]
fn a_console_stands_beside_the_listeners() {
    let console = |text: &str| {
        let config = config(text);
        let ports: Vec<_> = config.listeners.iter().map(|listener| listener.address.clone()).collect();
        let console = config.listeners.iter().find(|listener| listener.protocol == Protocol::Console).expect("one");
        (ports.len(), console.address.clone(), console.allow_anonymous)
    };
    let at = |host: &str| Address::Tcp { port: 9883, host: Some(host.to_owned()) };
    assert_eq!(console("console_listener 9883"), (3, at("127.0.0.1"), true));
    assert_eq!(console("console_listener 9883 0.0.0.0"), (3, at("0.0.0.0"), false), "others can reach it");
    assert_eq!(console("listener 1\nconsole_listener 9883 ::1"), (2, at("::1"), false));
    let tls = config("console_listener 9883\ncertfile c\nkeyfile k\nmax_connections 5");
    assert_eq!((tls.listeners[2].tls.is_on(), tls.listeners[2].max_connections, tls.local_only), (true, Some(5), true));
    let consoles = config("console_listener 9883").with_ports(&[1884]);
    assert_eq!(consoles.listeners[2].address, at("127.0.0.1"));
    let unasked = Config::without_file().with_local_console();
    assert_eq!((unasked.listeners[2].address.clone(), unasked.listeners[2].is_optional), (at("127.0.0.1"), true));
}

#[test]
fn options_of_a_listener() {
    check_listener("socket_domain ipv4", |l| l.socket_domain = Some(SocketDomain::Ipv4));
    check_listener("socket_domain ipv6", |l| l.socket_domain = Some(SocketDomain::Ipv6));
    check_listener("bind_interface lo", |l| l.bind_interface = Some("lo".to_owned()));
    check_listener("unix_socket_mode 0600", |l| l.unix_socket_mode = 0o600);
    check_listener("unix_socket_mode 666", |l| l.unix_socket_mode = 0o666);
    check_listener("protocol http_api", |l| l.protocol = Protocol::HttpApi);
    check_listener("protocol websockets\nhttp_dir /www", |l| {
        (l.protocol, l.http_dir) = (Protocol::Websockets, Some("/www".to_owned()));
    });
    check_listener("websockets_origin http://a\nwebsockets_origin https://b", |l| {
        l.websockets_origins = vec!["http://a".to_owned(), "https://b".to_owned()];
    });
    check_listener("websockets_trusted_proxy 127.0.0.1\nwebsockets_trusted_proxy 10.0.0.0/8", |l| {
        l.websockets_trusted_proxies =
            ["127.0.0.1", "10.0.0.0/8"].map(|text| Network::parse(text).expect("one")).into();
    });
    check_listener("enable_proxy_protocol 1", |l| l.enable_proxy_protocol = Some(1));
    check_listener("enable_proxy_protocol 2\nproxy_protocol_v2_require_tls true", |l| {
        (l.enable_proxy_protocol, l.proxy_protocol_v2_require_tls) = (Some(2), true);
    });
    check_listener("max_connections 100", |l| l.max_connections = Some(100));
    check_listener("max_connections 1\nmax_connections 0\nmax_qos 1", |l| l.max_qos = 1);
    check_listener("maximum_qos 0", |l| l.max_qos = 0);
    check_listener("max_topic_alias 0", |l| l.max_topic_alias = 0);
    check_listener("max_topic_alias_broker 65535", |l| l.max_topic_alias_broker = 65535);
    check_listener("auto_id_prefix my-", |l| l.auto_id_prefix = "my-".to_owned());
    check_listener("listener_auto_id_prefix my-", |l| l.auto_id_prefix = "my-".to_owned());
    check_listener("password_file /p w", |l| l.password_file = Some("/p w".to_owned()));
    check_listener("acl_file /acl", |l| l.acl_file = Some("/acl".to_owned()));
    check_listener("use_username_as_clientid true", |l| l.use_username_as_clientid = true);
    check_listener("allow_zero_length_clientid false", |l| l.allow_zero_length_clientid = false);
    check_listener("allow_anonymous true", |l| (l.allow_anonymous, l.anonymous_stated) = (true, true));
    check_listener("allow_anonymous false", |l| l.anonymous_stated = true);
    check_listener("listener_allow_anonymous true", |l| (l.allow_anonymous, l.anonymous_stated) = (true, true));
}

#[test]
fn protocol_versions_are_a_list() {
    let check = |versions: &str, levels: &[u8]| {
        let text = format!("listener 1883\naccept_protocol_versions {versions}");
        let accepted = config(&text).listeners[0].accept_protocol_versions;
        let got: Vec<u8> = (0..=255).filter(|level| accepted.contains(*level)).collect();
        assert_eq!(got, levels, "{versions}");
    };
    check("5", &[5]);
    check("3,4", &[3, 4]);
    check("4, 5", &[4, 5]);
    check("3\t5 ,4", &[3, 4, 5]);
    check("3 # not 5", &[3]);
    check("31", &[]);
    assert_eq!(config("listener 1").listeners[0].accept_protocol_versions, ProtocolVersions::ALL);
}

#[test]
fn where_a_server_listens() {
    check_addresses("", &loopback(1883));
    check_addresses("listener 1884", &[(tcp(1884, None), Some(1))]);
    check_addresses("listener 1884 # the door", &[(tcp(1884, None), Some(1))]);
    check_addresses("listener 0x75b 0.0.0.0 and more", &[(tcp(1883, Some("0.0.0.0")), Some(1))]);
    check_addresses(
        "\n\nlistener 1884\nlistener 1884 ::1",
        &[(tcp(1884, None), Some(3)), (tcp(1884, Some("::1")), Some(4))],
    );
    check_addresses("listener 0 /tmp/s", &[(Address::Unix("/tmp/s".to_owned()), Some(1))]);
    check_addresses("port 1884", &[(tcp(1884, None), Some(1))]);
    check_addresses("bind_address broker.lan", &[(tcp(1883, Some("broker.lan")), Some(1))]);
    check_addresses("bind_address ::1\nport 5", &[(tcp(5, Some("::1")), Some(1))]);
    check_addresses("listener 6\nport 5", &[(tcp(5, None), Some(2)), (tcp(6, None), Some(1))]);
    assert!(config("").local_only);
    assert!(!config("port 1883").local_only);
    assert!(!config("bind_address ::").local_only);
    assert!(!config("listener 1883").local_only);
}

/// Nothing more is on than what the file says, and an empty file says what no file does.
#[test]
fn an_empty_file_is_like_none() {
    assert_eq!(config(""), Config::without_file());
    assert_eq!(config("# nothing\n\n   \n\r\n"), Config::without_file());
}

#[test]
fn ports_of_the_command_line_stand_in_where_no_listener_is() {
    let addresses = |config: Config| config.listeners.into_iter().map(|one| (one.address, None)).collect::<Vec<_>>();
    assert_eq!(addresses(Config::without_file().with_ports(&[])), loopback(1883));
    assert_eq!(addresses(Config::without_file().with_ports(&[5, 6])), [loopback(5), loopback(6)].concat());
    assert_eq!(addresses(config("listener 7").with_ports(&[5])), [(tcp(7, None), None)]);
    assert_eq!(addresses(config("port 7").with_ports(&[5])), [(tcp(7, None), None)]);
    let closed = config("allow_anonymous false").with_ports(&[5]);
    assert!(closed.listeners.iter().all(|one| !one.allow_anonymous));
}

/// Each listener's port, whether anonymous clients may connect, and whether the file says so.
#[track_caller]
fn check_anonymous(text: &str, expected: &[(bool, bool)]) {
    let listeners = config(text).listeners;
    let got: Vec<_> = listeners.iter().map(|one| (one.allow_anonymous, one.anonymous_stated)).collect();
    assert_eq!(got, expected, "{text}");
}

#[test]
fn who_may_be_anonymous() {
    check_anonymous("", &[(true, false); 2]);
    check_anonymous("allow_anonymous false", &[(false, true); 2]);
    check_anonymous("listener 1", &[(false, false)]);
    check_anonymous("port 1", &[(false, false)]);
    check_anonymous("listener 1\nlistener 2\nallow_anonymous true", &[(true, true); 2]);
    check_anonymous("listener 1\nlistener_allow_anonymous true\nlistener 2", &[(true, true), (false, false)]);
    check_anonymous(
        "listener 1\nlistener_allow_anonymous false\nlistener 2\nallow_anonymous true",
        &[(false, true), (true, true)],
    );
}

#[test]
fn per_listener_settings_leave_each_listener_its_own() {
    check_anonymous(
        "per_listener_settings true\nlistener 1\nallow_anonymous true\nlistener 2",
        &[(true, true), (false, false)],
    );
    check_anonymous("per_listener_settings true\nport 1\nallow_anonymous true", &[(true, true)]);
    check_anonymous("per_listener_settings true", &[(true, false); 2]);
    check_anonymous(
        "per_listener_settings true\nper_listener_settings false\nlistener 1\nlistener 2\nallow_anonymous 1",
        &[(false, false), (true, true)],
    );
    let own =
        config("per_listener_settings true\nlistener 1\nauto_id_prefix a-\nlistener 2\nallow_zero_length_clientid 0");
    assert_eq!(own.listeners[0].auto_id_prefix, "a-");
    assert_eq!(own.listeners[1].auto_id_prefix, "auto-");
    assert!(own.listeners[0].allow_zero_length_clientid && !own.listeners[1].allow_zero_length_clientid);
}

#[test]
fn a_prefix_of_one_listener_counts_more_than_that_of_all() {
    let both = config("auto_id_prefix all-\nlistener 1\nlistener_auto_id_prefix one-\nlistener 2");
    assert_eq!(both.listeners[0].auto_id_prefix, "one-");
    assert_eq!(both.listeners[1].auto_id_prefix, "all-");
}

/// Such a file still opens nothing to the network, and the operator learns why.
#[test]
fn options_without_any_listener_are_discarded() {
    let text = "max_connections 5\nmax_qos 0\nallow_anonymous true";
    let expected = config("allow_anonymous true");
    assert_eq!(config(text), expected);
    assert_eq!(
        notes(text),
        [
            "Warning: The 'max_connections' option is not used: no 'listener' is above it. \
         The server can be reached from this machine only. (m.conf:1)",
            "Warning: The 'max_qos' option is not used: no 'listener' is above it. \
         The server can be reached from this machine only. (m.conf:2)",
        ]
    );
}

#[test]
fn options_above_the_first_listener_open_the_default_one_too() {
    let text = "max_connections 5\nlistener 1884";
    check_addresses(text, &[(tcp(1883, None), None), (tcp(1884, None), Some(2))]);
    let listeners = config(text).listeners;
    assert_eq!([listeners[0].max_connections, listeners[1].max_connections], [Some(5), None]);
    assert_eq!(
        notes(text),
        ["Warning: The 'max_connections' option stands above every listener: the server listens on \
                              port 1883 too, for this. Put it below a 'listener' line. (m.conf:1)"]
    );
}

#[test]
fn options_of_the_default_listener_count_with_its_port() {
    assert_eq!(config("max_connections 5\nport 1884").listeners[0].max_connections, Some(5));
    assert_eq!(config("port 1884\nmax_topic_alias 5").listeners[0].max_topic_alias, 5);
    assert_eq!(notes("max_connections 5\nport 1884"), [""; 0]);
}

#[test]
fn a_second_port_replaces_the_first() {
    check_addresses("port 1\nport 2", &[(tcp(2, None), Some(1))]);
    assert_eq!(
        notes("port 1\nport 2"),
        ["Warning: The port of the default listener is given more than once; this one counts. (m.conf:2)"]
    );
}

#[test]
#[cfg(feature = "otlp")]
fn a_collector_of_opentelemetry() {
    use midge_config::Otlp;
    let otlp = |text: &str| config(&format!("otlp_endpoint https://a:4318/b\n{text}")).otlp;
    let plain = Otlp { endpoint: Some("https://a:4318/b".to_owned()), ..Otlp::default() };
    assert_eq!(otlp(""), plain);
    let headers = vec![("x-tenant".to_owned(), "2".to_owned()), ("authorization".to_owned(), "Bearer a b".to_owned())];
    let text = "otlp_header X-Tenant 1\notlp_header x-tenant 2\notlp_header authorization Bearer a b";
    assert_eq!(otlp(text), Otlp { headers, ..plain.clone() });
    assert_eq!(otlp("otlp_interval 5\notlp_logs false"), Otlp { interval_s: 5, logs: false, ..plain.clone() });
    assert_eq!(
        otlp("otlp_cafile /c\notlp_metrics false"),
        Otlp { cafile: Some("/c".to_owned()), metrics: false, ..plain }
    );
}
