//! What is wrong, where, and what may have been meant. Scripts compare the first two lines.

use crate::support::{errors, notes, read};

/// The last line of the text has this one error, and no hint.
#[track_caller]
fn check(text: &str, expected: &str) {
    let line = text.lines().count();
    assert_eq!(errors(text), format!("Error: {expected}\nError found at m.conf:{line}."), "{text:?}");
}

#[test]
fn unknown_names_bring_a_hint() {
    let check = |text: &str, expected: &str| assert_eq!(errors(text), expected, "{text:?}");
    check(
        "\nunknown_option unknown",
        "Error: Unknown configuration variable 'unknown_option'.\nError found at m.conf:2.",
    );
    check(
        "listner 1883",
        "Error: Unknown configuration variable 'listner'.\nError found at m.conf:1.\nDid you mean 'listener'?",
    );
    check(
        "listener 1883\n  # a comment",
        "Error: Unknown configuration variable '#'.\nError found at m.conf:2.\n\
         A comment begins with '#' in the first column.",
    );
    check(
        "listener\t1883",
        "Error: Unknown configuration variable 'listener\t1883'.\nError found at m.conf:1.\n\
         Words are separated by spaces; a tab is taken as part of a word.",
    );
}

#[test]
fn values_that_are_missing() {
    check("user", "Empty 'user' value in configuration.");
    check("user ", "Empty 'user' value in configuration.");
    check("user  ", "Empty 'user' value in configuration.");
    check("memory_limit", "Empty 'memory_limit' value in configuration.");
    check("allow_anonymous", "Empty 'allow_anonymous' value in configuration.");
    check("autosave_interval", "Empty 'autosave_interval' value in configuration.");
    check("listener", "Empty 'listener port' value in configuration.");
    check("listener 1\nprotocol", "Empty 'protocol' value in configuration.");
    check("listener 1\naccept_protocol_versions", "Empty 'accept_protocol_versions' value in configuration.");
    check("listener 1\nlistener_auto_id_prefix", "Empty 'listener_auto_id_prefix' value in configuration.");
    check("connection", "Empty 'connection' value in configuration.");
    check("plugin", "Empty 'plugin' value in configuration.");
    check("log_dest", "Empty 'log_dest' value in configuration.");
    check("log_dest file ", "Empty \"log_dest file\" value in configuration.");
    check("persistent_client_expiration", "Empty 'persistent_client_expiration' value in configuration.");
    check("persistence_location ", "Empty 'persistence_location' value in configuration.");
    check("persistence_sync", "Empty 'persistence_sync' value in configuration.");
}

/// Nobody knows this one from Mosquitto, so the error says all there is to know.
#[test]
fn a_wrong_persistence_sync_brings_what_is_allowed() {
    for value in ["fsync", "Always", "100", "100 s", "100s", "ms", "0 ms", "60001 ms", "-1 ms", "1.5 ms", "100 ms,"] {
        let expected = format!(
            "Error: Invalid 'persistence_sync' value ({value}).\nError found at m.conf:1.\n\
             It is 'always', 'os', or a time from '1 ms' to '60000 ms'."
        );
        let first = value.split(' ').next().expect("a word");
        let expected = if first == "-1" || first == "1.5" { expected.replace(value, first) } else { expected };
        assert_eq!(errors(format!("persistence_sync {value}")), expected);
    }
    assert!(errors("persistence_sync 100 # ms").contains("value (100 #)."));
    assert!(errors("persistence_sync 99999999999999999999 ms").contains("value (99999999999999999999 ms)."));
}

#[test]
fn a_persistence_file_that_is_a_folder() {
    for value in ["mosquitto.db/", "/", ".", "..", "data/.."] {
        let expected = format!(
            "Error: Invalid 'persistence_file' value ({value}).\nError found at m.conf:1.\n\
             It is the name of a file; the folder is for 'persistence_location' to say."
        );
        assert_eq!(errors(format!("persistence_file {value}")), expected);
    }
    for value in ["mosquitto.db", "data/mosquitto.db", "/var/lib/mosquitto/mosquitto.db"] {
        assert!(read(format!("persistence_file {value}")).is_ok());
    }
}

#[test]
fn values_of_the_wrong_kind() {
    check("allow_anonymous falst", "Invalid 'allow_anonymous' value (falst).");
    check("allow_anonymous True", "Invalid 'allow_anonymous' value (True).");
    check("autosave_interval string", "'autosave_interval' value not a number.");
    check("max_keepalive 09", "'max_keepalive' value not a number.");
    check("max_keepalive 99999999999", "'max_keepalive' value out of range.");
    check("memory_limit 10M", "'memory_limit' value not a number.");
    check("listener x", "'listener port' value not a number.");
    check("log_dest printer", "Invalid 'log_dest' value (printer).");
    for duration in ["1", "s", "0d", "-1d", "1.5h", "1x", "99999999999999999999d", "9223372036854775807y"] {
        let text = format!("persistent_client_expiration {duration}");
        check(&text, "Invalid 'persistent_client_expiration' duration in configuration.");
    }
}

#[test]
fn numbers_out_of_bounds() {
    check("port 0", "Invalid 'port' value (0).");
    check("port 65536", "Invalid 'port' value (65536).");
    check("listener 100000", "Invalid 'port' value (100000).");
    check("listener -1", "Invalid 'port' value (-1).");
    check("listener 0", "A listener with port 0 must provide a Unix socket path.");
    check("listener 0 # /tmp/s", "A listener with port 0 must provide a Unix socket path.");
    check("max_qos 3", "'max_qos' must be between 0 and 2 inclusive.");
    check("maximum_qos 3", "'max_qos' must be between 0 and 2 inclusive.");
    check("maximum_qos -1", "'max_qos' must be between 0 and 2 inclusive.");
    check("max_inflight_messages 65536", "'max_inflight_messages' must be <= 65535.");
    check("max_packet_size 19", "'max_packet_size' must be >= 20.");
    check("message_size_limit 556000000", "Invalid 'message_size_limit' value (556000000).");
    check("max_keepalive 65536", "Invalid 'max_keepalive' value (65536).");
    check("max_keepalive -1", "Invalid 'max_keepalive' value (-1).");
    check("listener 1\nmax_topic_alias 65536", "Invalid 'max_topic_alias' value in configuration.");
    check("listener 1\nmax_topic_alias -1", "Invalid 'max_topic_alias' value in configuration.");
    check("listener 1\nmax_topic_alias_broker 65536", "Invalid 'max_topic_alias_broker' value in configuration.");
    check("websockets_headers_size 65536", "Packet buffer size must be between 0 and 65535 inclusive.");
    check("packet_buffer_size -1", "Packet buffer size must be between 0 and 65535 inclusive.");
    check("memory_limit -1", "Invalid 'memory_limit' value (-1).");
    check("sys_interval -1", "Invalid 'sys_interval' value (-1).");
    check("sys_interval 65536", "Invalid 'sys_interval' value (65536).");
    check("retain_expiry_interval 0", "retain_expiry_interval must be >= 1.");
    check("log_facility 8", "Invalid 'log_facility' value (8).");
    check("shards 2000", "Invalid 'shards' value (2000).");
    check("topic_levels_max 0", "Invalid 'topic_levels_max' value (0).");
    check("connect_timeout 0", "Invalid 'connect_timeout' value (0).");
    let too_few = "'persistence_max_bytes' must be 0, for no limit, or >= 134217728 (128 MiB).";
    check("persistence_max_bytes 134217727", too_few);
    check("persistence_max_bytes 1", too_few);
    check("persistence_max_bytes -1", too_few);
    check("persistence_max_bytes 1G", "'persistence_max_bytes' value not a number.");
    check("listener 1\nenable_proxy_protocol 3", "enable_proxy_protocol must be 1 or 2.");
    let prefix = "a".repeat(51);
    check(&format!("auto_id_prefix {prefix}"), "auto_id_prefix length must be <= 50.");
    check(&format!("listener 1\nlistener_auto_id_prefix {prefix}"), "'listener_auto_id_prefix' length must be <= 50.");
}

#[test]
fn options_that_need_something_above_them() {
    let needs = |text: &str, what: &str| {
        let name = text.lines().last().and_then(|line| line.split(' ').next()).unwrap_or_default();
        check(text, &format!("The '{name}' option requires {what} to be defined first."));
    };
    needs("accept_protocol_versions 3", "a listener");
    needs("port 1\naccept_protocol_versions 3", "a listener");
    needs("mount_point test/", "a listener");
    needs("max_topic_alias 1", "a listener");
    needs("max_topic_alias_broker 1", "a listener");
    needs("listener_allow_anonymous true", "a listener");
    needs("listener_auto_id_prefix x", "a listener");
    needs("cafile /ca", "a listener");
    needs("tls_version tlsv1.2", "a listener");
    needs("per_listener_settings true\nallow_anonymous true", "a listener");
    needs("per_listener_settings true\npassword_file /p", "a listener");
    needs("bridge_insecure true", "a bridge");
    needs("listener 1\ntopic #", "a bridge");
    needs("username un", "a bridge");
    needs("remote_password pw", "a bridge");
    needs("plugin_opt_inval string", "plugin/global_plugin/plugin_load");
    needs("auth_plugin_deny_special_chars true", "plugin/global_plugin/plugin_load");
}

#[test]
fn strings_given_twice() {
    check("pid_file /tmp/pid\npid_file /tmp/pid", "Duplicate 'pid_file' value in configuration.");
    check("persistence_location a\npersistence_location a", "Duplicate 'persistence_location' value in configuration.");
    check("persistence_file a\npersistence_file b", "Duplicate 'persistence_file' value in configuration.");
    check("auto_id_prefix a\nauto_id_prefix b", "Duplicate 'auto_id_prefix' value in configuration.");
    check("bind_address a\nbind_address b", "Duplicate 'bind_address' value in configuration.");
    check("log_timestamp_format a\nlog_timestamp_format a", "Duplicate 'log_timestamp_format' value in configuration.");
    check("log_dest file /a\nlog_dest file /b", "Duplicate \"log_dest file\" value.");
    check(
        "listener 1\nlistener_auto_id_prefix a\nlistener_auto_id_prefix b",
        "Duplicate 'listener_auto_id_prefix' value in configuration.",
    );
}

#[test]
fn strings_given_once_for_each_listener_or_twice_where_the_last_counts() {
    assert!(read("listener 1\nlistener_auto_id_prefix a\nlistener 2\nlistener_auto_id_prefix a").is_ok());
    assert!(read("user a\nuser b").is_ok());
    assert!(read("listener 1\nciphers a\nciphers b").is_ok());
}

#[test]
fn strings_are_utf8_without_control_characters() {
    let check = |text: &[u8]| {
        assert_eq!(errors(text), "Error: Malformed UTF-8 in configuration.\nError found at m.conf:1.");
    };
    check(b"auto_id_prefix \xff");
    check(b"auto_id_prefix \xc0\x80");
    check(b"auto_id_prefix a\0b");
    check(b"auto_id_prefix a\tb");
    check(b"log_dest file \xed\xa0\x80");
    check(b"listener 1 \xff");
    check(b"include_dir \xff");
    assert_eq!(read("auto_id_prefix räuber-").expect("UTF-8").config.listeners[0].auto_id_prefix, "räuber-");
}

#[test]
fn a_string_is_no_longer_than_mqtt_allows() {
    let text = |length| format!("log_timestamp_format {}", "x".repeat(length));
    assert!(read(text(65535)).is_ok());
    check(&text(65536), "The 'log_timestamp_format' value is longer than 65535 bytes.");
}

#[test]
fn per_listener_settings_stand_above_what_they_change() {
    let late = "per_listener_settings must be set before any other security settings.";
    check("allow_anonymous true\nper_listener_settings true", late);
    check("listener 1\nauto_id_prefix a\nper_listener_settings true", late);
    assert!(read("allow_anonymous true\nper_listener_settings false").is_ok());
    assert!(read("max_keepalive 5\nlistener 1\nper_listener_settings true").is_ok());
}

/// With a broken file one wants to know everything at once.
#[test]
fn all_errors_are_found_in_the_order_of_the_file() {
    let expected = "Error: Unknown configuration variable 'x'.\nError found at m.conf:1.\n\
                    Error: 'port' value not a number.\nError found at m.conf:2.\n\
                    Error: Invalid 'protocol' value (coap).\nError found at m.conf:4.\n\
                    There are mqtt, websockets, http_api.";
    assert_eq!(errors("x\nport y\nlistener 1\nprotocol coap"), expected);
}

#[test]
fn where_http_is_spoken_some_options_mean_nothing() {
    check("console_listener 0 /run/c.sock", "A console needs a port: browsers do not connect to Unix sockets.");
    check("console_listener", "Empty 'listener port' value in configuration.");
    let told = "The 'protocol' option cannot be used below console_listener, which has one of its own.";
    check("console_listener 9883\nprotocol websockets", told);
    let told = "The 'http_api' protocol needs a listener with a port.";
    check("listener 0 /run/c.sock\nprotocol http_api", told);
    for option in ["enable_proxy_protocol 1", "psk_hint x\npsk_file /psk", "use_identity_as_username true"] {
        let said = errors(format!("console_listener 9883\n{option}"));
        assert!(said.contains("cannot be used where"), "{said}");
    }
    check("console_history a#", "Invalid 'console_history' value (a#): it is no topic filter.");
}

#[test]
fn what_stands_below_a_wrong_line_is_not_wrong_too() {
    let expected = "Error: 'listener port' value not a number.\nError found at m.conf:1.";
    assert_eq!(errors("listener mqtt\nmax_topic_alias 5\nmax_qos 1"), expected);
    let expected = "Error: Empty 'connection' value in configuration.\nError found at m.conf:1.";
    assert_eq!(errors("connection\naddress example.org"), expected);
}

#[test]
fn a_file_that_is_no_configuration_gives_so_many_errors_and_no_more() {
    assert_eq!(read("x\n".repeat(5000)).expect_err("errors").problems.len(), 100);
}

/// Whoever asks for it waits for what would never come.
#[test]
fn what_does_not_work_yet_is_refused() {
    check(
        "enable_control_api true",
        "The 'enable_control_api' option does not work yet: nobody would answer on $CONTROL/broker/v1.",
    );
    assert_eq!(notes("enable_control_api false"), [""; 0]);
    for place in ["dlt", "android"] {
        let told = format!(
            "The 'log_dest' option does not work yet with '{place}'.\nError found at m.conf:2.\nLines can go to"
        );
        let said = errors(format!("log_dest stderr\nlog_dest {place}"));
        assert!(said.starts_with(&format!("Error: {told}")), "{said}");
    }
    let said = errors("listener 1\nplugin /usr/lib/mosquitto_foreign.so");
    assert!(said.contains("does not work yet") && said.contains("m.conf:2"), "{said}");
}

#[test]
fn what_would_let_in_more_is_refused() {
    check(
        "connection b\naddress example.org\ntopic # both 2\ncleansession true\nconnection",
        "The 'connection' option does not work yet: no message would reach the other server, or come from it.\n\
         Error found at m.conf:1.\nError: Empty 'connection' value in configuration.",
    );
}

#[test]
fn encryption_that_is_not_whole_is_refused() {
    let both = "Both certfile and keyfile must be provided if one of them is set.";
    check("listener 8883\ncertfile /cert.pem", both);
    check("listener 8883\nkeyfile /key.pem", both);
    check("listener 8883\nkeyfile /a\ncertfile /a\nkeyfile /b", both);
    let alone = "The 'require_certificate' option requires certfile and keyfile.";
    check("listener 8883\nrequire_certificate true", alone);
    let pair = "listener 8883\ncertfile /cert.pem\nkeyfile /key.pem\n";
    let trusted = "The 'require_certificate' option requires cafile or capath.";
    check(&format!("{pair}require_certificate true"), trusted);
    let unsupported = format!("{pair}tls_version tlsv1.4");
    check(&unsupported, "Unsupported tls_version \"tlsv1.4\".");
    assert_eq!(read(&unsupported).expect_err("an error").status, 1, "Mosquitto finds it when it opens the listener");
    assert_eq!(read(format!("{unsupported}\nx")).expect_err("errors").status, 3);
    assert_eq!(
        notes("listener 8883\ncafile /ca.pem"),
        ["Warning: Connections to this listener are not encrypted, as it has no certfile and keyfile. (m.conf:1)"]
    );
    assert_eq!(
        notes(&format!("{pair}tls_version tlsv1.1")),
        ["Warning: 'tlsv1.1' is not safe and not offered; the lowest version is tlsv1.2. (m.conf:4)"]
    );
}

#[test]
fn transports_that_are_not_whole_are_refused_or_noted() {
    assert_eq!(
        errors("listener 1\nproxy_protocol_v2_require_tls true\nenable_proxy_protocol 1"),
        "Error: The 'proxy_protocol_v2_require_tls' option requires enable_proxy_protocol 2.\nError found at m.conf:2."
    );
    assert_eq!(
        errors("listener 1\nuse_subject_as_username true\nenable_proxy_protocol 2"),
        "Error: use_subject_as_username cannot be used with `enable_proxy_protocol 2`.\nError found at m.conf:2.\nA proxy \
         tells the common name only: use_identity_as_username."
    );
    // The proxy says who showed a certificate.
    assert_eq!(notes("listener 1\nrequire_certificate true\nenable_proxy_protocol 2"), [""; 0]);
    assert_eq!(
        errors("listener 1\nwebsockets_trusted_proxy example.org"),
        "Error: Invalid 'websockets_trusted_proxy' value (example.org).\nError found at m.conf:2.\nAn address such as \
         127.0.0.1, or a network such as 10.0.0.0/8."
    );
    for mode in ["rw", "0888", "-7", "+7", "1777", ""] {
        let text = errors(format!("listener 0 /s\nunix_socket_mode {mode}"));
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("Error: ") && first.contains("unix_socket_mode"), "{text}");
    }
    assert_eq!(
        notes("listener 1\nunix_socket_mode 0777"),
        ["Warning: The 'unix_socket_mode' option has no effect on a listener with a port. (m.conf:1)"]
    );
    assert_eq!(notes("listener 0 /s\nunix_socket_mode 0777"), [""; 0]);
    for option in ["http_dir /www", "websockets_origin https://a", "websockets_trusted_proxy ::1"] {
        let name = option.split(' ').next().expect("a name");
        assert_eq!(
            notes(&format!("listener 1\n{option}")),
            [format!(
                "Warning: The '{name}' option has no effect on a listener without `protocol websockets`. (m.conf:1)"
            )]
        );
        assert_eq!(notes(&format!("listener 1\nprotocol websockets\n{option}")), [""; 0]);
    }
}

#[test]
fn what_only_does_less_is_noted() {
    assert_eq!(
        notes("retry_interval"),
        [
            "Warning: The 'retry_interval' option has no effect: messages are sent again when their client comes back, as \
         MQTT wants it. (m.conf:1)"
        ]
    );
    assert_eq!(
        notes("dhparamfile /dh"),
        ["Warning: The 'dhparamfile' option has no effect: it is no longer needed. (m.conf:1)"]
    );
}

#[test]
fn bridges_that_are_not_whole_are_refused() {
    let check = |text: &str, missing: &str| {
        let errors = errors(format!("connection b\n{text}"));
        let expected = format!("Error: Invalid bridge configuration: {missing}.\nError found at m.conf:1.");
        assert!(errors.ends_with(&expected), "{errors}");
    };
    check("", "no remote addresses defined");
    check("topic #", "no remote addresses defined");
    check("address example.org\nconnection c\naddress example.org\ntopic #", "no topics defined");
    check("address example.org\ntopic #\nbridge_psk 00ff", "missing bridge_identity");
    check("address example.org\ntopic #\nbridge_identity me", "missing bridge_psk");
    let whole = errors("connection b\naddress example.org\ntopic #\nbridge_identity me\nbridge_psk 00ff");
    assert_eq!(whole.matches("Error: ").count(), 1, "{whole}");
}

#[test]
fn options_of_bridges_and_plugins_are_checked_too() {
    let second = |text: &str| errors(text).lines().nth(2).map(str::to_owned).unwrap_or_default();
    assert_eq!(second("connection b\ntopic \"missing quote"), "Error: Missing closing quote in topic value (quote).");
    assert_eq!(second("connection b\ntry_private maybe"), "Error: Invalid 'try_private' value (maybe).");
    assert_eq!(
        second("connection b\nclientid a\nremote_clientid b"),
        "Error: Duplicate 'remote_clientid' value in configuration."
    );
    let third = |text: &str| errors(text).lines().nth(3).map(str::to_owned).unwrap_or_default();
    assert_eq!(third("plugin /p.so\nplugin_opt_ string"), "Error: Invalid 'plugin_opt_' config option.");
    assert_eq!(third("plugin /p.so\nplugin_opt_test"), "Error: Empty 'test' value in configuration.");
    assert_eq!(third("plugin /p.so\nplugin_opt_test a b"), "");
    assert_eq!(
        errors("listener 1\nmount_point test/+/"),
        "Error: Invalid 'mount_point' value (test/+/). Does it contain a wildcard character?\nError found at m.conf:2."
    );
}

#[test]
fn plugins_that_are_not_built_in_are_refused_by_name() {
    let check = |line: &str, expected: &str| {
        let first = errors(format!("listener 1\n{line}")).lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(first, format!("Error: {expected}\nError found at m.conf:2."), "{line}");
    };
    let unknown = "option does not work yet: the plugin would not be asked who may do what.";
    check("plugin /usr/lib/go-auth.so", &format!("The 'plugin' {unknown}"));
    check("auth_plugin /usr/lib/go-auth.so", &format!("The 'auth_plugin' {unknown}"));
    check("plugin_load auth mosquitto_acl_files.so", &format!("The 'plugin_load' {unknown}"));
    check(
        "global_plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so",
        "The 'global_plugin' option does not work yet: dynamic security is not built in so far.",
    );
    check("plugin_use nobody", "There is no plugin 'nobody'.");
    check("plugin_load name", "Empty 'plugin_load' value in configuration.");
    check(
        "plugin mosquitto_password_file.so",
        "The plugin needs the option plugin_opt_password_file, which names its file.",
    );
    check(
        "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /b\nacl_file /a",
        "There is another acl_file already, and one counts: take one of them out.",
    );
}

#[test]
fn tokens_need_algorithms_and_keys() {
    let check = |text: &str, expected: &str| assert_eq!(errors(text), expected, "{text:?}");
    check(
        "\nauth_jwt_key_file /k",
        "Error: The 'auth_jwt_' options require auth_jwt_algorithms.\nError found at m.conf:2.",
    );
    check(
        "auth_jwt_algorithms HS256",
        "Error: The 'auth_jwt_algorithms' option requires auth_jwt_key_file, auth_jwt_secret_file or auth_jwt_jwks_file.\n\
         Error found at m.conf:1.",
    );
    check(
        "auth_jwt_algorithms HS256 none\nauth_jwt_key_file /k",
        "Error: Invalid 'auth_jwt_algorithms' value (none).\nError found at m.conf:1.\n\
         There are HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA.",
    );
}

#[test]
fn a_web_service_has_an_address() {
    let check = |url: &str, hint: &str| {
        let expected = format!("Error: '{url}' is no address of a web service.\nError found at m.conf:1.\n{hint}");
        assert_eq!(errors(format!("auth_http_user_url {url}")), expected);
    };
    let (begins, host) = (
        "It begins with http:// or https://, and the host follows.",
        "The host is missing between // and what follows.",
    );
    check("a.example/user", begins);
    check("ftp://a", begins);
    check("http://", host);
    check("http:///user", host);
    check("http://a/ b", "It has no spaces in it, nor other characters that are written as %20 and the like.");
    check("http://a:80x86/", "Behind the colon stands the port, a number from 1 to 65535.");
}

/// A password that is in the wrong place is not told to whoever reads the log.
#[test]
fn an_address_with_a_password_is_not_shown() {
    let check = |line: &str, expected: &str| assert_eq!(errors(line), expected, "{line}");
    check(
        "auth_http_user_url http://me:secret@a/",
        "Error: 'http://…@a/' is no address of a web service.\nError found at m.conf:1.\n\
         It has no user name in it, and nothing behind #.",
    );
    let of_influxdb = "Error: 'https://…@a/write' is no address of a web service.\nError found at m.conf:1.\n\
                       A user name stands in influxdb_username, and its password in influxdb_password.";
    check("influxdb_url https://me:secret@a/write", of_influxdb);
    check("webhook_url me:secret@a", &errors("webhook_url you:unknown@a"));
}

/// Of other systems, what would leave messages lying is an error.
#[test]
fn what_is_to_be_handed_on_has_somewhere_to_go() {
    let check = |text: &str, line: u32, expected: &str| {
        let found = errors(text);
        assert!(found.starts_with(&format!("Error: {expected}")), "{text}: {found}");
        assert!(found.contains(&format!("at m.conf:{line}.")), "{text}: {found}");
    };
    check("influxdb_topic #", 1, "The 'influxdb_' options require influxdb_url.");
    check("influxdb_database d\ninfluxdb_url http://a", 2, "The 'influxdb_url' option requires influxdb_topic.");
    let one_of_two = "The 'influxdb_url' option requires either influxdb_database";
    check("influxdb_url http://a\ninfluxdb_topic #", 1, one_of_two);
    let not_both = "InfluxDB 1.x has influxdb_database, 2.x and 3 have influxdb_bucket";
    check("influxdb_url http://a\ninfluxdb_topic #\ninfluxdb_database d\ninfluxdb_bucket b", 4, not_both);
    for request in ["http://a/write?db=d", "https://a:8086/api/v2/write", "http://a/?db=d"] {
        check(&format!("influxdb_url {request}"), 1, &format!("'{request}' names a request to InfluxDB."));
    }
    check("influxdb_url nowhere", 1, "'nowhere' is no address of a web service.");
    check("influxdb_topic a#", 1, "Invalid topic 'a#': it is no topic filter");
    check("influxdb_topic $share/g/a", 1, "Invalid topic '$share/g/a': nobody shares these messages");
    check("influxdb_measurement {0}", 1, "Invalid 'influxdb_measurement' value ({0}).");
    check("influxdb_tags a={1} b", 1, "Invalid 'influxdb_tags' value (b).");
    check("influxdb_precision m", 1, "Invalid 'influxdb_precision' value (m).");
    check("influxdb_time at noon", 1, "Invalid 'influxdb_time' value (noon).");
    check("influxdb_time", 1, "Empty 'influxdb_time' value");
    check("webhook_topic #", 1, "The 'webhook_' options require webhook_url.");
    check("file_sink f", 1, "The 'file_sink' option requires file_sink_topic.");
    check("file_sink_keep 2", 1, "The 'file_sink_' options require file_sink.");
}

/// What follows from a line that is wrong is not said beside it: who mends the line would look in vain for the rest.
#[test]
fn one_mistake_is_one_error() {
    let check = |text: &str, expected: &str| {
        let found = errors(text);
        assert!(found.starts_with(expected) && found.matches("Error: ").count() == 1, "{text}: {found}");
    };
    let influxdb = "influxdb_database d\ninfluxdb_topic a";
    check(&format!("influxdb_url localhost:8086\n{influxdb}"), "Error: 'localhost:8086' is no address");
    check(&format!("influxdb_url http://a/write?db=d\n{influxdb}"), "Error: 'http://a/write?db=d' names a request");
    check(&format!("influxdb_url\n{influxdb}"), "Error: Empty 'influxdb_url' value");
    check(&format!("{influxdb}\ninfluxdb_urls http://a"), "Error: Unknown configuration variable 'influxdb_urls'.");
    check("influxdb_url http://a\ninfluxdb_database d\ninfluxdb_topic a#", "Error: Invalid topic 'a#'");
    check("influxdb_url http://a\ninfluxdb_topic a\ninfluxdb_databse d", "Error: Unknown configuration variable");
    check(&format!("influxdb_url http://a\n{influxdb}\ninfluxdb_password p\ninfluxdb_username"), "Error: Empty");
    check("webhook_url http:/a\nwebhook_topic a", "Error: 'http:/a' is no address");
    check("file_sink\nfile_sink_topic a", "Error: Empty 'file_sink' value");
    #[cfg(feature = "otlp")]
    check("otlp_endpoint a\notlp_interval 5", "Error: 'a' is no address");
    // Two that have nothing to do with each other are two.
    assert_eq!(errors("influxdb_url a\nwebhook_topic b\ninfluxdb_topic c").matches("Error: ").count(), 2);
}

/// What is said in vain is told, and keeps nobody from starting.
#[test]
fn options_of_another_influxdb_are_not_used() {
    let check = |lines: &str, expected: &[&str]| {
        let found = notes(&format!("influxdb_url http://a\ninfluxdb_topic a\n{lines}"));
        assert_eq!(found.len(), expected.len(), "{lines}: {found:?}");
        for (note, expected) in found.iter().zip(expected) {
            assert!(note.contains(expected), "{lines}: {note}");
        }
    };
    check("influxdb_database d\ninfluxdb_username u\ninfluxdb_password p", &[]);
    check("influxdb_bucket b\ninfluxdb_org o\ninfluxdb_token t", &[]);
    check("influxdb_database d\ninfluxdb_token t", &["'influxdb_token' option is not used with influxdb_database"]);
    check("influxdb_bucket b\ninfluxdb_username u", &["'influxdb_username' option is not used with influxdb_bucket"]);
    check("influxdb_database d\ninfluxdb_cafile /c", &["'influxdb_cafile' option is not used: the address begins"]);
    check("influxdb_database d\ninfluxdb_fields $.a t", &["field that is called '$.a'"]);
    check("influxdb_database d\ninfluxdb_time a[0]", &["field that is called 'a[0]'"]);
}

#[test]
fn a_word_that_is_none_of_several_is_told_with_those() {
    let check = |option: &str, word: &str, hint: &str| {
        let expected = format!("Error: Invalid '{option}' value ({word}).\nError found at m.conf:2.\n{hint}");
        assert_eq!(errors(format!("listener 1\n{option} {word}")), expected);
    };
    check("protocol", "test", "There are mqtt, websockets, http_api.");
    check("socket_domain", "ipv5", "There are ipv4, ipv6.");
}

#[test]
fn words_of_sinks_are_told_with_those_that_there_are() {
    let check = |line: &str, hint: &str| {
        let found = errors(format!("influxdb_url http://a\ninfluxdb_database d\ninfluxdb_topic a\n{line}"));
        assert!(found.contains("at m.conf:4.") && found.ends_with(hint), "{line}: {found}");
    };
    check("influxdb_precision minutes", "It is one of s, ms, us and ns.");
    check("influxdb_time at min", "Behind the name stands what its number counts: s, ms, us or ns.");
    check("influxdb_numbers int", "There are float, as_written.");
}

/// Without OpenSSL a server would start and encrypt nothing.
#[test]
#[cfg(not(feature = "openssl"))]
fn what_needs_openssl_says_how_to_build_it() {
    let expected = |option: &str, line| {
        format!(
            "Error: The '{option}' option needs a server built with the cargo feature openssl, and this one is not.\n\
             Error found at m.conf:{line}.\nBuild it with: cargo build --release --features openssl"
        )
    };
    let both = format!("{}\n{}", expected("psk_file", 1), expected("psk_hint", 3));
    assert_eq!(errors("psk_file /keys\nlistener 8883\npsk_hint h"), both);
}

#[test]
#[cfg(not(feature = "otlp"))]
fn what_needs_a_collector_says_how_to_build_it() {
    let names =
        ["otlp_endpoint http://a", "otlp_header a b", "otlp_cafile /c", "otlp_interval 5", "otlp_metrics false"];
    for text in names.into_iter().chain(["otlp_logs false"]) {
        let name = text.split(' ').next().expect("a name");
        let expected = format!(
            "Error: The '{name}' option needs a server built with the cargo feature otlp, and this one is not.\n\
             Error found at m.conf:1.\nBuild it with: cargo build --release --features otlp"
        );
        assert!(errors(text).starts_with(&expected), "{}", errors(text));
    }
}

#[test]
#[cfg(feature = "otlp")]
fn what_is_sent_to_a_collector_goes_together() {
    let check = |text: &str, expected: &str| {
        let said = errors(text);
        assert!(said.contains(expected) && said.contains("m.conf:"), "{text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    };
    check("otlp_endpoint collector:4318", "'collector:4318' is no address of a web service.");
    check("otlp_interval 5", "The 'otlp_' options require otlp_endpoint.");
    check("otlp_endpoint http://a\notlp_interval 0", "Invalid 'otlp_interval' value (0).");
    let nothing = "otlp_endpoint http://a\notlp_metrics false\notlp_logs false";
    check(nothing, "The 'otlp_endpoint' option requires otlp_metrics or otlp_logs: nothing would be sent there.");
    check("otlp_endpoint http://a\notlp_header authorization: secret", "a header's name has letters");
    check("otlp_endpoint http://a\notlp_header content-type secret", "this header follows from what is sent");
    check("otlp_endpoint http://a\notlp_header authorization", "the value is missing");
}

#[test]
fn an_address_in_the_place_of_a_port() {
    let check = |line: &str, hint: &str| {
        let expected = format!("Error: 'listener port' value not a number.\nError found at m.conf:1.\n{hint}");
        assert_eq!(errors(line), expected, "{line}");
    };
    let first = "The port comes first, then the address:";
    check("console_listener 127.0.0.1:9883", &format!("{first} console_listener 9883 127.0.0.1"));
    check("listener localhost:1883", &format!("{first} listener 1883 localhost"));
    check("listener [::1]:1883", &format!("{first} listener 1883 ::1"));
    check("listener 192.0.2.1 1883", &format!("{first} listener 1883 192.0.2.1"));
    check("listener *:1883", &format!("{first} listener 1883"));
    check("listener /run/midge.sock", "A path stands behind the port 0: listener 0 /run/midge.sock");
    for unclear in ["localhost", "a:b", "a:99999", "a 0"] {
        assert_eq!(errors(format!("listener {unclear}")).lines().count(), 2, "{unclear}");
    }
}

#[test]
fn a_name_of_the_console_is_a_name_alone() {
    let check = |name: &str, hint: &str| {
        let expected = format!("Error: Invalid 'console_host' value ({name}).\nError found at m.conf:1.\n{hint}");
        assert_eq!(errors(format!("console_host {name}")), expected, "{name}");
    };
    for written in ["http://broker.example.org:9883", "https://broker.example.org/", "broker.example.org:9883"] {
        check(written, "It takes a name alone: broker.example.org.");
    }
    for several in ["a.example b.example", "*.example.org", "a.example,b.example", "http://"] {
        check(several, "It takes a name alone, such as broker.example.org, and one line for each.");
    }
    for good in ["broker.example.org", "broker", "a_b.example", "::1", "192.0.2.1"] {
        assert!(read(format!("console_host {good}")).is_ok(), "{good}");
    }
}

#[test]
fn of_two_lines_for_another_system_the_one_that_does_not_count_is_named() {
    let check = |option: &str, values: [&str; 2], rest: &str| {
        let text = format!("{option} {}\n{rest}\n{option} {}", values[0], values[1]);
        let last = rest.lines().count() + 2;
        let told = format!("The '{option}' option is given twice: this line counts, and m.conf:1 does not.");
        assert_eq!(notes(&text), [format!("Warning: {told} (m.conf:{last})")], "{text}");
    };
    let influxdb = "influxdb_topic #\ninfluxdb_topic a\ninfluxdb_tags a=b\ninfluxdb_tags c=d";
    check("influxdb_url", ["http://a", "http://b"], &format!("{influxdb}\ninfluxdb_database d"));
    check("influxdb_database", ["d", "e"], &format!("{influxdb}\ninfluxdb_url http://a"));
    check("influxdb_precision", ["s", "ms"], &format!("{influxdb}\ninfluxdb_url http://a\ninfluxdb_database d"));
    check("webhook_url", ["http://a", "http://b"], "webhook_topic #");
    check("file_sink", ["a", "b"], "file_sink_topic #");
    check("file_sink_keep", ["1", "2"], "file_sink a\nfile_sink_topic #");
    check("auth_http_user_url", ["https://a", "https://b"], "auth_http_timeout 6");
    let apart = "per_listener_settings true\nlistener 1\nauth_http_user_url https://a\nlistener 2\nauth_http_user_url https://b";
    assert_eq!(notes(apart), [""; 0], "one for each");
    assert_eq!(notes("password_file a\npassword_file b"), [""; 0], "as Mosquitto's");
}
