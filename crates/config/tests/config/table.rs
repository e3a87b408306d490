//! The table itself.

use std::collections::BTreeSet;

use midge_config::{Directive, Scope, State, Value, directives};

use crate::support::{config, errors, notes, read};

/// Every first word that Mosquitto 2.1 knows.
const MOSQUITTO: &str = "
    accept_protocol_versions acl_file address addresses allow_anonymous allow_duplicate_messages
    allow_zero_length_clientid auth_opt_ auth_plugin auth_plugin_deny_special_chars auto_id_prefix autosave_interval
    autosave_on_changes bind_address bind_interface bridge_alpn bridge_attempt_unsubscribe bridge_bind_address
    bridge_cafile bridge_capath bridge_certfile bridge_ciphers bridge_ciphers_tls1.3 bridge_identity bridge_insecure
    bridge_keyfile bridge_max_packet_size bridge_max_topic_alias bridge_outgoing_retain bridge_protocol_version
    bridge_psk bridge_receive_maximum bridge_reload_type bridge_require_ocsp bridge_session_expiry_interval
    bridge_tcp_keepalive bridge_tcp_user_timeout bridge_tls_use_os_certs bridge_tls_version cafile capath certfile
    check_retain_source ciphers ciphers_tls1.3 cleansession clientid clientid_prefixes connection connection_messages
    crlfile dhparamfile disable_client_cert_date_checks enable_control_api enable_proxy_protocol global_max_clients
    global_max_connections global_plugin http_dir idle_timeout include_dir keepalive_interval keyfile listener
    listener_allow_anonymous listener_auto_id_prefix local_cleansession local_clientid local_password local_username
    log_dest log_facility log_timestamp log_timestamp_format log_type max_connections max_inflight_bytes
    max_inflight_messages max_keepalive max_packet_size max_qos max_queued_bytes max_queued_messages max_topic_alias
    max_topic_alias_broker maximum_qos memory_limit message_size_limit mount_point notification_topic notifications
    notifications_local_only packet_buffer_size password password_file per_listener_settings persistence
    persistence_file persistence_location persistent_client_expiration pid_file plugin plugin_load plugin_opt_
    plugin_use port protocol proxy_protocol_v2_require_tls psk_file psk_hint queue_qos0_messages remote_clientid
    remote_password remote_username require_certificate restart_timeout retain_available retain_expiry_interval
    retained_persistence retry_interval round_robin set_tcp_nodelay socket_domain start_type sys_interval threshold
    tls_engine tls_engine_kpass_sha1 tls_keyform tls_version topic try_private upgrade_outgoing_qos
    use_identity_as_username use_subject_as_username use_username_as_clientid user username websockets_headers_size
    websockets_log_level websockets_origin
";

/// What only this server has.
const OURS: [&str; 68] = [
    "acl_strict_suback",
    "admin_socket",
    "auth_http_acl_url",
    "auth_http_cache",
    "auth_http_cafile",
    "auth_http_timeout",
    "auth_http_user_url",
    "auth_jwt_acl_claim",
    "auth_jwt_algorithms",
    "auth_jwt_audience",
    "auth_jwt_issuer",
    "auth_jwt_jwks_file",
    "auth_jwt_key_file",
    "auth_jwt_secret_file",
    "auth_jwt_user_claim",
    "connect_timeout",
    "console_admin",
    "console_history",
    "console_host",
    "console_listener",
    "console_viewer",
    "failed_login_delay",
    "file_sink",
    "file_sink_keep",
    "file_sink_max_bytes",
    "file_sink_topic",
    "influxdb_bucket",
    "influxdb_cafile",
    "influxdb_database",
    "influxdb_fields",
    "influxdb_measurement",
    "influxdb_numbers",
    "influxdb_org",
    "influxdb_password",
    "influxdb_precision",
    "influxdb_tags",
    "influxdb_time",
    "influxdb_token",
    "influxdb_topic",
    "influxdb_url",
    "influxdb_username",
    "keyfile_passphrase_file",
    "log_format",
    "max_client_bytes_per_second",
    "max_client_messages_per_second",
    "max_connections_per_second",
    "max_connections_per_second_per_address",
    "max_retained_bytes",
    "max_retained_messages",
    "max_subscriptions",
    "otlp_cafile",
    "otlp_endpoint",
    "otlp_header",
    "otlp_interval",
    "otlp_logs",
    "otlp_metrics",
    "persistence_max_bytes",
    "persistence_sync",
    "shards",
    "sys_presence",
    "topic_levels_max",
    "unix_socket_mode",
    "watch_files",
    "webhook_cafile",
    "webhook_secret",
    "webhook_topic",
    "webhook_url",
    "websockets_trusted_proxy",
];

fn names(directive: &'static Directive) -> impl Iterator<Item = &'static str> {
    [directive.name].into_iter().chain(directive.aliases.iter().copied())
}

/// The lines that an option of this scope needs above it.
fn above(scope: Scope) -> &'static str {
    match scope {
        Scope::Global | Scope::Security => "",
        Scope::Listener | Scope::ListenerOrDefault | Scope::StatedListener => "listener 1883\n",
        Scope::Bridge => "connection b\n",
        Scope::Plugin => "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\n",
    }
}

#[test]
fn every_name_of_mosquitto_is_known_and_nothing_else_but_ours() {
    let all: Vec<&str> = directives().flat_map(names).collect();
    let known: BTreeSet<&str> = all.iter().copied().collect();
    let expected: BTreeSet<&str> = MOSQUITTO.split_whitespace().chain(OURS).collect();
    assert_eq!(known, expected);
    assert_eq!(all.len(), known.len(), "no name stands for two options");
}

#[test]
fn every_entry_is_described_in_one_line() {
    for directive in directives() {
        let name = directive.name;
        assert!(directive.doc.ends_with('.'), "{name}: {}", directive.doc);
        assert!(!directive.doc.contains('\n') && directive.doc.len() <= 120, "{name}: {}", directive.doc);
        assert!(directive.note.is_empty() || directive.note.ends_with('.'), "{name}: {}", directive.note);
        let works = matches!(directive.state, State::Works | State::WithFeature(_));
        assert_eq!(works, directive.reason.is_empty(), "{name}: a reason is given if and only if it does not work");
        assert!(works || directive.reason.ends_with('.'), "{name}: {}", directive.reason);
    }
}

/// So the defaults of the table are those of the configuration.
#[test]
fn an_option_that_is_given_its_default_changes_nothing() {
    let has_default =
        |one: &&Directive| !one.default.is_empty() && one.scope != Scope::Bridge && one.scope != Scope::Plugin;
    let mut tried = 0;
    for directive in directives().filter(has_default) {
        let above = above(directive.scope);
        let text = format!("{above}{} {}", directive.name, directive.default);
        assert_eq!(config(&text), config(above), "{text}");
        let quiet = directive.state == State::Ignored || notes(&text).is_empty();
        assert!(quiet, "{text}: {:?}", notes(&text));
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
}

/// A value that is well written, and not the default.
fn another(directive: &Directive) -> String {
    match directive.value() {
        Value::Bool => if directive.default == "true" { "false" } else { "true" }.to_owned(),
        Value::Integer { min, max } | Value::Decimal { min, max } => {
            let numbers = [min, max, 1, 2];
            let other = numbers.iter().find(|number| **number >= min && number.to_string() != directive.default);
            other.expect("one of four differs").to_string()
        }
        Value::Choice(words) => {
            let other = words.iter().find(|word| **word != directive.default);
            (*other.expect("more than one choice")).to_owned()
        }
        Value::Text | Value::Path | Value::Words => "1".to_owned(),
    }
}

/// Options that need others of the same beginning.
const OF_ONE: [&str; 5] = ["auth_jwt_", "influxdb_", "webhook_", "file_sink", "otlp_"];

#[test]
fn what_is_planned_is_refused_or_noted_and_what_works_is_neither() {
    let own_tests = [
        "include_dir",
        "persistent_client_expiration",
        "persistence_sync",
        "log_dest",
        "tls_version",
        "auth_http_user_url",
        "auth_http_acl_url",
    ];
    // What does not go without others.
    let needs = [
        "certfile",
        "keyfile",
        "require_certificate",
        "plugin",
        "global_plugin",
        "plugin_load",
        "plugin_use",
        "proxy_protocol_v2_require_tls",
        "websockets_trusted_proxy",
    ];
    let own_tests = [&own_tests[..], &needs].concat();
    let has_own_test = |name: &str| own_tests.contains(&name) || OF_ONE.iter().any(|first| name.starts_with(first));
    for directive in directives().filter(|one| !has_own_test(one.name)) {
        for name in names(directive) {
            let suffix = if name.ends_with('_') { "abc" } else { "" };
            let text = format!("{}{name}{suffix} {}", above(directive.scope), another(directive));
            let not_yet = format!("'{name}' option does not work yet: {}", directive.reason);
            match directive.state {
                State::Works => {
                    read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                }
                State::WithFeature(feature) => {
                    let needs =
                        format!("Error: The '{name}' option needs a server built with the cargo feature {feature}");
                    assert!(cfg!(feature = "openssl") || errors(&text).contains(&needs), "{text}");
                }
                State::Planned if matches!(directive.scope, Scope::Bridge | Scope::Plugin) => {
                    assert_eq!(errors(&text).matches("does not work yet").count(), 1, "{text}: its first line says so");
                }
                State::Planned => {
                    assert!(errors(&text).contains(&not_yet), "{text}: {}", errors(&text))
                }
                State::Ignored => {
                    let expected = format!("Warning: The '{name}' option has no effect: {}", directive.reason);
                    assert!(notes(&text).iter().any(|note| note.starts_with(&expected)), "{text}: {:?}", notes(&text));
                }
            }
        }
    }
}

/// Who may come in, and what is kept, must not change because an option is not built yet.
#[test]
fn what_guards_is_never_merely_noted() {
    let guards = "password_file acl_file psk_file psk_hint certfile keyfile cafile capath crlfile require_certificate \
                  use_identity_as_username use_subject_as_username use_username_as_clientid plugin global_plugin plugin_load \
                  plugin_use mount_point clientid_prefixes websockets_origin bind_interface enable_proxy_protocol \
                  proxy_protocol_v2_require_tls connection protocol";
    for name in guards.split_whitespace() {
        let directive = directives().find(|one| one.name == name).expect("in the table");
        assert_ne!(directive.state, State::Ignored, "{name}");
    }
}

#[test]
fn every_option_that_works_has_a_test_of_its_value() {
    let tests = [include_str!("values.rs"), include_str!("files.rs")].concat();
    for directive in directives().filter(|one| matches!(one.state, State::Works | State::WithFeature(_))) {
        assert!(tests.contains(directive.name), "{}", directive.name);
    }
}

/// The manual's words for types follow from the table.
#[test]
fn types_can_be_asked_for() {
    let check = |name: &str, expected| {
        let directive = directives().find(|one| one.name == name).expect("in the table");
        assert_eq!(directive.value(), expected, "{name}");
    };
    check("persistence", Value::Bool);
    check("max_qos", Value::Integer { min: 0, max: 2 });
    check("memory_limit", Value::Decimal { min: 0, max: i64::MAX });
    check("socket_domain", Value::Choice(&["ipv4", "ipv6"]));
    check("pid_file", Value::Text);
    check("include_dir", Value::Path);
    check("acl_file", Value::Path);
    check("listener", Value::Words);
}
