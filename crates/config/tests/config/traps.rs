//! What is legal and hardly meant.

use midge_config::traps;

use crate::support::read;

/// Each line of `expected` begins with the number of the line that is warned about; what follows stands in the warning.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let loaded = read(text).unwrap_or_else(|error| panic!("{text:?} gives:\n{error}"));
    let found: Vec<String> = traps(&loaded.config, &loaded.mentions)
        .iter()
        .map(|note| format!("{} {}", note.place.line, note.text))
        .collect();
    assert_eq!(found.len(), expected.len(), "{text:?}: {found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        let (line, part) = expected.split_once(' ').expect("a line and a part");
        assert!(found.starts_with(&format!("{line} ")) && found.contains(part), "{text:?}: {found}");
    }
}

#[test]
fn what_reaches_no_further_than_this_machine_is_no_trap() {
    check("", &[]);
    check("max_keepalive 60\nallow_anonymous true", &[]);
    check("listener 1883 127.0.0.1\nlistener 1884 localhost\nlistener 1885 ::1\nallow_anonymous true", &[]);
    check("listener 0 /run/midge.sock\nallow_anonymous true\npassword_file /p", &[]);
    check("listener 1883 127.0.0.1\npassword_file /p", &[]);
}

#[test]
fn a_listener_lets_in_everybody_or_nobody() {
    check("listener 1883\nallow_anonymous true", &["1 all clients are let in without a password"]);
    check("listener 1883 192.0.2.1\nallow_anonymous true", &["1 all clients"]);
    check("listener 1883 127.0.0.1", &["1 add the line `allow_anonymous true`"]);
    check("listener 1883 127.0.0.1\nallow_anonymous false", &[]);
    check(
        "per_listener_settings true\nlistener 1 127.0.0.1\nlistener 2\nallow_anonymous true",
        &["2 every client is refused", "3 all clients"],
    );
    check(
        "listener 8883\ncertfile /c\nkeyfile /k\ncafile /a\nrequire_certificate true\nuse_identity_as_username true",
        &[],
    );
}

#[test]
fn passwords_cross_a_network_in_plain_text() {
    check("listener 1883\npassword_file /p", &["1 passwords cross the network unencrypted"]);
    check(
        "listener 1883\npassword_file /p\nallow_anonymous true",
        &["1 clients without a user name are let in", "1 passwords cross"],
    );
}

#[test]
fn what_an_outage_of_another_system_costs() {
    let influxdb = "influxdb_database d\ninfluxdb_topic #\ninfluxdb_url http://a";
    check(influxdb, &["3 persistence is off: what waits for InfluxDB is in memory only"]);
    check(&format!("{influxdb}\npersistence true\npersistence_location /p"), &[]);
    check("file_sink f\nfile_sink_topic #", &["1 persistence is off: what waits for the file"]);
}

#[test]
fn queues_without_bound_in_memory() {
    check("\nmax_queued_messages 0", &["2 nothing bounds what waits"]);
    check("max_queued_messages 0\nmax_queued_bytes 1000000", &[]);
    check("max_queued_messages 0\npersistence true\npersistence_location /var/lib/midge", &[]);
}

#[test]
fn state_in_a_folder_that_nobody_named() {
    check("persistence true", &["1 `persistence_location`"]);
    check("persistence false", &[]);
}

#[test]
fn nobody_becomes_a_user_of_the_console_whose_password_nothing_checks() {
    let ada = "nobody is ever ada there: everybody on this machine may look, and nobody may change anything. Put \
               `password_file FILE` below the console_listener line, and make that file with `midge passwd -c FILE ada`.";
    check(
        "console_listener 9883\nconsole_admin ada",
        &[&format!("2 nothing checks passwords on the console, so that {ada}")],
    );
    check(
        "console_listener 9883\nconsole_viewer bo\nconsole_viewer cy",
        &["2 nobody is ever bo or cy there: everybody"],
    );
    check("console_listener 9883\nconsole_admin ada\nallow_anonymous false", &["2 ada there: nobody comes in."]);
    let apart = "per_listener_settings true\nlistener 1883 127.0.0.1\npassword_file /p\nconsole_listener 9883\n\
                 allow_anonymous true\nconsole_admin ada";
    check(apart, &["6 nobody is ever ada there"]);
    for checked in [
        "password_file /p",
        "auth_http_user_url https://a",
        "plugin /mosquitto_password_file.so\nplugin_opt_password_file /p",
    ] {
        check(&format!("console_listener 9883\nconsole_admin ada\n{checked}"), &[]);
    }
}

#[test]
fn lines_about_a_console_that_is_not_there() {
    let lines = "console_admin ada\nconsole_admin bo\nconsole_viewer cy\nconsole_host a.example\nconsole_history a/#";
    check(
        lines,
        &[
            "1 the 'console_admin' option changes nothing: there is no console. Add `console_listener 9883`",
            "3 the 'console_viewer' option",
            "4 the 'console_host' option",
            "5 the 'console_history' option",
        ],
    );
    check("console_listener 9883\nconsole_host a.example\nconsole_history a/#", &[]);
}

#[test]
fn secrets_for_other_systems_cross_a_network_in_plain_text() {
    let influxdb = |of: &str| format!("persistence true\npersistence_location /p\ninfluxdb_topic #\n{of}");
    let first = "influxdb_database d\ninfluxdb_username u\ninfluxdb_password p\ninfluxdb_url";
    check(
        &influxdb(&format!("{first} http://db.example:8086")),
        &["7 user name and password cross the network unencrypted"],
    );
    for closed in ["https://db.example:8086", "http://localhost:8086", "http://127.0.0.1:8086", "http://[::1]:8086"] {
        check(&influxdb(&format!("{first} {closed}")), &[]);
    }
    check(
        &influxdb("influxdb_bucket b\ninfluxdb_token t\ninfluxdb_url http://192.0.2.1"),
        &["6 the token crosses the network"],
    );
    check(&influxdb("influxdb_database d\ninfluxdb_url http://db.example"), &[]);
    check(
        &influxdb(
            "webhook_url http://a.example\nwebhook_topic #\nwebhook_secret s\ninfluxdb_bucket b\ninfluxdb_url http://a",
        ),
        &[],
    );
    check("auth_http_user_url http://a.example/user", &["1 passwords of clients cross the network unencrypted"]);
    check("auth_http_user_url http://127.0.0.1/user\nauth_http_acl_url http://a.example", &[]);
}

/// These lines have one error, and nothing is warned of that follows from it.
#[track_caller]
fn check_alone(text: &str) {
    let error = read(text).expect_err("an error");
    assert_eq!(error.problems.len(), 1, "{text:?}: {error}");
    let warned = traps(error.config.as_deref().expect("good lines"), &error.mentions);
    assert_eq!((warned, error.notes), (Vec::new(), Vec::new()), "{text:?}");
}

#[test]
fn one_mistake_is_one_error() {
    for wrong in
        ["listener 99999", "listener 127.0.0.1:1883", "console_listener 127.0.0.1:9883", "console_listener 99999"]
    {
        check_alone(&format!("sys_interval 5\n{wrong}\nallow_anonymous true"));
        check_alone(&format!("{wrong}\nallow_anonymous true\npassword_file /p\nunix_socket_mode 0660\ncafile /ca"));
    }
    check_alone("console_admin ada\nconsole_listener 127.0.0.1:9883");
    check_alone("console_admin ada\nconsole_listner 9883");
    check_alone("console_admin ada\nconsole_listener 9883\npasword_file /p");
    check_alone("listener 1883 127.0.0.1\npassword_file");
    check_alone("listener 1883\npassword_file /p\ncertfil /c");
}
