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
