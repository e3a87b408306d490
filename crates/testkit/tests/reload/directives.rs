//! What a new value of each directive does to clients that are there, and to those who come.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use midge_testkit::{Conversation, Launch, PATIENCE, Server};

use crate::{expect_count, greet};

/// Plays the first script under the first lines of configuration, and the second one under the second, in one conversation.
#[track_caller]
fn check(steps: [(&str, &str); 2]) -> Server {
    let [(lines, script), (new_lines, new_script)] = steps;
    let server = Server::start(&format!("shards 2\n{lines}"));
    let mut talk = Conversation::with(&server);
    talk.play(script);
    server.reload_with(&format!("shards 2\n{new_lines}"));
    talk.play(new_script);
    drop(talk);
    server
}

#[test]
fn what_connack_told_a_client_holds_until_it_goes() {
    check([
        (
            "max_keepalive 100\nmax_packet_size 1000\nmax_inflight_messages 9",
            "old> CONNECT v5 keep-alive=300
             old< CONNACK server-keep-alive=100 maximum-packet-size=1000 receive-maximum=9 !retain-available",
        ),
        (
            "max_keepalive 50\nmax_packet_size 500\nmax_inflight_messages 3\nretain_available false",
            "new> CONNECT v5 keep-alive=300
             new< CONNACK server-keep-alive=50 maximum-packet-size=500 receive-maximum=3 retain-available=0
             old publishes t qos=1 m=\"x\"*800
             old publishes t qos=1 m=x retain
             new> PUBLISH t qos=1 id=1 m=\"x\"*800
             new< DISCONNECT 0x95
             new< closed
             new> CONNECT v5
             new< CONNACK 0x00
             new> PUBLISH t qos=1 id=1 m=x retain
             new< DISCONNECT 0x9a",
        ),
    ]);
}

#[test]
fn who_came_by_one_mount_point_goes_on_behind_it() {
    check([
        ("mount_point old/", "a connects v5\na subscribes t qos=1"),
        (
            "mount_point new/",
            "b connects v5
             b publishes t qos=1 m=elsewhere
             a< nothing
             a> UNSUBSCRIBE id=9 t
             a< UNSUBACK id=9 0x00",
        ),
    ]);
}

#[test]
fn limits_that_nobody_was_told_count_at_once() {
    check([
        (
            "",
            "a connects v5
             a publishes t qos=1 m=12345678901
             a publishes a/b/c/d qos=1 m=x",
        ),
        (
            "message_size_limit 10\ntopic_levels_max 3",
            "a> PUBLISH t qos=1 id=1 m=12345678901
             a< PUBACK id=1 0x97
             a publishes t qos=1 m=1234567890
             a> PUBLISH a/b/c/d qos=1 id=1 m=x
             a< DISCONNECT 0x81",
        ),
    ]);
    check([
        ("memory_limit 0", "a connects v5\na publishes t qos=1 m=x retain"),
        (
            "memory_limit 1",
            "wait 1500ms
             a> PUBLISH t qos=1 id=1 m=x retain
             a< PUBACK id=1 0x97
             b> CONNECT v5
             b< CONNACK 0x97",
        ),
    ]);
}

#[test]
fn bounds_of_queues_count_for_what_comes() {
    let away = "s connects v5 session-expiry-interval=1000
                s subscribes t qos=1
                s disconnects
                p connects v5
                p publishes t qos=1 m=1
                p publishes t m=lost";
    check([
        ("max_queued_messages 10", away),
        (
            "max_queued_messages 2\nqueue_qos0_messages true",
            "p publishes t m=2
             p publishes t qos=1 m=3
             p pings
             s connects v5 session-expiry-interval=1000 session-present
             s receives t qos=1 m=1
             s receives t m=2
             s< nothing",
        ),
    ]);
    check([
        ("", "s connects v5\ns subscribes t qos=2\np connects v5\np publishes t m=1\ns receives t m=1"),
        ("upgrade_outgoing_qos true", "p publishes t m=2\ns receives t qos=2 m=2"),
    ]);
}

#[test]
fn fewer_clients_send_nobody_away() {
    check([
        ("", "a connects v5\nb connects v5\nc connects v311 clean"),
        (
            "global_max_clients 2",
            "a pings
             b pings
             c disconnects
             d> CONNECT v5 clean
             d< CONNACK 0x89
             a pings",
        ),
    ]);
    check([
        ("", "a connects v5\nb connects v5"),
        ("global_max_connections 2", "a pings\nb pings\nc< closed\na disconnects\nwait 100ms\nc connects v5"),
    ]);
}

#[test]
fn sessions_and_retained_messages_end_by_the_new_rules() {
    check([
        ("", "a> CONNECT v5 session-expiry-interval=10000\na< CONNACK 0x00 !session-expiry-interval"),
        (
            "persistent_client_expiration 1h",
            "a pings
             b> CONNECT v5 session-expiry-interval=10000
             b< CONNACK 0x00 session-expiry-interval=3600",
        ),
    ]);
    check([
        ("", "p connects v5\np publishes t qos=1 retain m=1"),
        (
            "retain_expiry_interval 1",
            "p publishes u qos=1 retain m=2
             s connects v5
             s> SUBSCRIBE id=1 u
             s<* SUBACK id=1
             s<* PUBLISH u retain m=2 message-expiry-interval=58..60",
        ),
    ]);
}

#[test]
fn identifiers_are_given_and_taken_by_the_new_rules() {
    check([
        (
            "",
            "x> CONNECT v5 clean id=\"\"
             x< CONNACK 0x00 assigned-client-identifier=?
             other connects v5
             dev-1 connects v5",
        ),
        (
            "auto_id_prefix mine-\nallow_zero_length_clientid true",
            "x pings
             y> CONNECT v5 clean id=\"\"
             y< CONNACK 0x00
             other pings",
        ),
    ]);
    check([
        (
            "",
            "x> CONNECT v5 clean id=\"\"
             x< CONNACK 0x00
             auto-1 connects v5
             other connects v5
             dev-1 connects v5",
        ),
        (
            "clientid_prefixes dev-\nallow_zero_length_clientid false",
            "other< DISCONNECT 0x87
             other< closed
             # It was not given its name, but took it.
             auto-1< DISCONNECT 0x87
             auto-1< closed
             dev-1 pings
             x pings
             other> CONNECT v5
             other< CONNACK 0x87
             y> CONNECT v5 clean id=\"\"
             y< CONNACK 0x80
             dev-2 connects v5",
        ),
    ]);
}

#[test]
fn who_may_not_be_there_without_a_name_goes() {
    check([
        ("", "a connects v5 will=t will.m=gone\nold connects v311 clean"),
        (
            "listener_allow_anonymous false",
            "a< DISCONNECT 0x87
             a< closed
             old< closed
             a> CONNECT v5
             a< CONNACK 0x87",
        ),
    ]);
}

#[test]
fn system_topics_begin_and_end() {
    check([
        (
            "sys_interval 0",
            "s connects v5
             s subscribes $SYS/broker/uptime
             s< nothing 1500ms",
        ),
        ("sys_interval 1", "s< PUBLISH $SYS/broker/uptime m=?"),
    ]);
}

/// What a file holds, once it has this line so often: the log goes to one place after the other.
fn text_with(file: &Path, line: &str, count: usize) -> String {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(file).expect("a file");
        let found = text.matches(line).count();
        if found == count {
            return text;
        }
        assert!(found < count && begun.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_log_changes_its_ways() {
    let server = Server::start("log_type all");
    let mut talk = Conversation::with(&server);
    talk.play("a connects v5\na pings");
    server.expect_log("*Received PINGREQ from a*");
    let file = server.path("log");
    let lines = format!("log_dest file {}\nlog_dest stderr\nlog_type all\n", file.display());
    server.reload_with(&format!("{lines}log_timestamp false\nconnection_messages false"));
    talk.play("a pings\nb connects v5\nb disconnects\na pings");
    expect_count(&server, "Received PINGREQ from a", 3);
    let text = text_with(&file, "Received PINGREQ from a\n", 2);
    assert!(text.lines().any(|line| line.starts_with("Received PINGREQ")), "without a time: {text}");
    assert_eq!(server.count_log("New client connected"), 1, "{:#?}", server.log());
    server.reload_with("log_format json\nlog_type notice\nlog_type error");
    talk.play("a pings\nc connects v5");
    server.expect_log("{*\"event\":*\"client_id\":\"c\"*}");
    let text = fs::read_to_string(&file).expect("a file");
    assert_eq!(text.matches("Received PINGREQ").count(), 2, "it has no more: {text}");
    // What cannot be opened is not taken, and neither is what stands beside it.
    server.reload_with("log_dest file /nowhere/log\nlog_dest stderr\nmax_keepalive 77");
    server.expect_log("*/nowhere/log*");
    talk.play("d> CONNECT v5 keep-alive=100\nd< CONNACK !server-keep-alive");
}

#[test]
fn whoever_has_said_nothing_yet_has_another_time_to_do_so() {
    let server = Server::start("connect_timeout 100");
    let mut before = server.connect();
    server.reload_with("connect_timeout 1");
    let mut after = server.connect();
    before.expect_closed();
    after.expect_closed();
    server.reload_with("connect_timeout 100");
    let mut slow = server.connect();
    std::thread::sleep(Duration::from_millis(1200));
    greet(&mut slow, "v5 id=slow");
}

#[test]
fn snapshots_are_taken_by_the_new_rule() {
    let server = Server::start("persistence true\nlog_type all");
    Conversation::with(&server).play("p connects v5\np publishes t qos=1 m=x retain");
    server.reload_with("persistence true\nlog_type all\nautosave_interval 1");
    server.expect_log("Saved a snapshot of");
}

#[test]
fn what_needs_a_restart_says_so_until_it_was_there() {
    let mut server = Server::start("shards 1");
    let warnings = ["shards", "pid_file", "persistence"];
    let text = |directive: &str| format!("Warning: {directive} has changed, which needs a restart to count.");
    let lines = "shards 2\npid_file pid\npersistence true\nmax_keepalive 50";
    server.reload_with(lines);
    server.reload();
    for directive in warnings {
        expect_count(&server, &text(directive), 2);
    }
    Conversation::with(&server).play("a> CONNECT v5 keep-alive=300\na< CONNACK server-keep-alive=50");
    server.reload_with("shards 1");
    assert!(!server.path("pid").exists());
    assert_eq!(server.count_log("which needs a restart"), 2 * warnings.len(), "{:#?}", server.log());
    server.terminate();
    server.restart_with(lines);
    server.reload();
    assert!(server.path("pid").exists());
    assert_eq!(server.count_log("which needs a restart"), 0, "{:#?}", server.log());
}

/// What a client that has come by the command line's port does with a file that says more.
#[test]
fn the_command_line_counts_after_a_reload_as_before() {
    let server = Launch::new().arguments(&["-v"]).start("");
    let mut talk = Conversation::with(&server);
    talk.play("a connects v5\na pings");
    expect_count(&server, "Received PINGREQ from a", 1);
    server.reload_with("log_type error");
    talk.play("a pings");
    expect_count(&server, "Received PINGREQ from a", 2);
}
