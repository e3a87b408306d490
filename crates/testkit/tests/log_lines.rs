//! Log lines that other programs wait for: start scripts, fail2ban, test suites. After a time stamp of seconds they are compared as they stand here.

use std::time::{Duration, Instant};

use midge_testkit::{Conversation, Server, server};
use rustix::process::Signal;

/// Plays a script against a server with `-v`, then waits for these lines; `{port}` and a client's `{name}` stand for the port and the client's address.
#[track_caller]
fn check(configuration: &str, script: &str, clients: &[&str], lines: &[&str]) {
    let server = Server::start_with(&["-v"], configuration);
    let mut talk = Conversation::with(&server);
    let mut addresses = vec![("port".to_owned(), server.port().to_string())];
    for client in clients {
        addresses.push(((*client).to_owned(), talk.client(client).address().to_string()));
    }
    talk.play(script);
    for line in lines {
        let line = addresses
            .iter()
            .fold((*line).to_owned(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value));
        server.expect_log(&line);
    }
}

#[test]
fn start_and_end() {
    let mut server = Server::start("");
    let port = server.port();
    server.expect_log(" version * running");
    server.expect_log(&format!("Opening ipv4 listen socket on port {port}."));
    assert!(server.terminate().success());
    server.expect_log(" version * terminating");
    let line = server.expect_log(" version * running");
    let stamp = line.split(':').next().expect("a time stamp");
    assert!(stamp.parse::<u64>().is_ok_and(|seconds| seconds > 1_600_000_000), "{line}");
}

#[test]
fn sigint_ends_in_order_too() {
    let mut server = Server::start("");
    server.signal(Signal::INT);
    assert!(server.wait_for_exit().success());
    server.expect_log("terminating");
}

#[test]
fn connections() {
    check(
        "",
        "a connects v5 clean keep-alive=42
         b connects v311 username=joe keep-alive=7
         c connects v31 clean
         a disconnects
         b closes
         c> hex 30 03 00 01 2b",
        &["a", "b", "c"],
        &[
            "New connection from {a} on port {port}.",
            "New client connected from {a} as a (p5, c1, k42).",
            "New client connected from {b} as b (p2, c0, k7, u'joe').",
            "New client connected from {c} as c (p1, c1, k0).",
            "Client a [{a}] disconnected.",
            "Client b [{b}] disconnected: connection closed by client.",
            "Client c [{c}] disconnected: malformed packet.",
            "No will message specified.",
        ],
    );
}

#[test]
fn reasons_of_an_end() {
    check(
        "max_packet_size 1000",
        "taken connects v5 clean
         taker connects v5 clean id=taken
         silent connects v311 clean keep-alive=1
         second connects v5 clean
         second> CONNECT v5 clean
         second< DISCONNECT 0x82
         large connects v5 clean
         large> PUBLISH t m=\"x\"*2000
         large< DISCONNECT 0x95
         alias connects v5 clean
         alias> PUBLISH t topic-alias=99 m=x
         alias< DISCONNECT 0x94
         silent< closed",
        &["taken", "silent", "second", "large", "alias"],
        &[
            "Client taken [{taken}] disconnected: session taken over.",
            "Client silent [{silent}] disconnected: exceeded timeout.",
            "Client second [{second}] disconnected: protocol error.",
            "Client large [{large}] disconnected: oversize packet.",
            "Client alias [{alias}] disconnected: topic alias invalid.",
        ],
    );
}

#[test]
fn without_an_identifier_the_address_stands_in() {
    check(
        "",
        "a> PINGREQ
         a< closed
         b> CONNECT v311 clean protocol=MQTX
         b< closed",
        &["a", "b"],
        &[
            "Client 127.0.0.1 [{a}] disconnected: protocol error.",
            "Client 127.0.0.1 [{b}] disconnected: protocol error.",
        ],
    );
}

#[test]
fn a_refused_client_is_named_with_its_reason() {
    check(
        "allow_anonymous false",
        "a> CONNECT v311 clean id=stranger
         a< CONNACK 0x05
         a< closed",
        &["a"],
        &["stranger*[{a}]*disconnected: not authorised."],
    );
}

#[test]
fn packets_with_v() {
    check(
        "",
        "s connects v311 clean
         s subscribes topic qos=1
         p connects v5 clean
         p> PUBLISH topic qos=1 id=1 m=hello
         p< PUBACK id=1
         s receives topic qos=1 m=hello
         s pings",
        &[],
        &[
            "Received SUBSCRIBE from s",
            "\ttopic (QoS 1)",
            "Sending SUBACK to s",
            "Received PUBLISH from p (d0, q1, r0, m1, 'topic', ... (5 bytes))",
            "Sending PUBLISH to s (d0, q1, r0, m1, 'topic', ... (5 bytes))",
            "Sending PUBACK to p (m1, rc0)",
            "Received PUBACK from s (Mid: 1, RC:0)",
            "Sending CONNACK to s (0, 0)",
            "Received PINGREQ from s",
            "Sending PINGRESP to s",
        ],
    );
}

#[test]
fn without_v_packets_are_not_logged() {
    let server = Server::start("");
    Conversation::with(&server).play("p connects v5 clean\n p publishes t qos=1 m=x\n p disconnects");
    server.expect_log("Client p [*] disconnected.");
    assert_eq!(server.count_log("Received PUBLISH"), 0);
    assert_eq!(server.count_log("No will message"), 0);
}

#[test]
fn the_subscribe_log() {
    check(
        "log_type subscribe\nlog_type unsubscribe",
        "s connects v5 clean\n s subscribes a/+ qos=2\n s> UNSUBSCRIBE id=1 a/+\n s< UNSUBACK id=1 0x00",
        &[],
        &["s 2 a/+", "s a/+"],
    );
}

#[test]
fn discarded_messages_are_reported_once() {
    let server = Server::start("max_queued_messages 1");
    let mut talk = Conversation::with(&server);
    talk.play("s connects v311\n s subscribes t qos=1\n s disconnects\n p connects v311 clean");
    for number in 0..10 {
        talk.play(&format!("p publishes t qos=1 m={number}"));
    }
    server.expect_log("Outgoing messages are being dropped for client s");
    assert!(server.count_log("Outgoing messages are being dropped") <= 2, "{:#?}", server.log());
}

#[test]
fn max_connections() {
    check(
        "max_connections 1",
        "a connects v311 clean
         b> CONNECT v311 clean
         b< closed",
        &[],
        &["Client connection from 127.0.0.1*denied: max_connections exceeded."],
    );
}

#[test]
fn nothing_is_logged_where_nothing_is_wanted() {
    let server = Server::start("log_dest none");
    Conversation::with(&server).play("p connects v5 clean\n p disconnects");
    assert_eq!(server.log(), Vec::<String>::new());
}

#[test]
fn the_log_may_go_to_a_file() {
    let server = Server::start("log_dest file server.log");
    Conversation::with(&server).play("p connects v5 clean\n p disconnects\n q connects v5 clean");
    // A thread of its own writes it, which nobody waits for.
    let end = Instant::now() + Duration::from_secs(10);
    let mut log = String::new();
    while !log.contains("New client connected from") && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
        log = std::fs::read_to_string(server.path("server.log")).expect("the log file");
    }
    assert!(log.contains("New client connected from"), "{log}");
    assert_eq!(server.log(), Vec::<String>::new());
}

#[test]
fn time_stamps_have_the_format_asked_for() {
    let server = Server::start("log_timestamp_format %Y-%m-%dT%H:%M:%S");
    let line = server.expect_log(" running");
    let (stamp, _) = line.split_once(": ").expect("a time stamp");
    let shape: String = stamp.chars().map(|char| if char.is_ascii_digit() { '9' } else { char }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99", "{line}");
    let server = Server::start("log_timestamp false");
    let line = server.expect_log(" running");
    assert!(!line.contains(": "), "{line}");
}

#[test]
fn errors_in_the_configuration_name_file_line_and_word() {
    for (line, wanted) in [
        ("no_such_thing true", "Error: Unknown configuration variable 'no_such_thing'"),
        ("max_qos 3", "'max_qos' must be between 0 and 2 inclusive."),
        ("listener 0x1g", "Error: "),
        ("bind_address", "Error: Empty 'bind_address' value in configuration."),
    ] {
        if server::is_foreign() && line != "max_qos 3" {
            continue;
        }
        let mut server = Server::spawn(&[], &format!("allow_anonymous true\n{line}\n"), 0);
        assert_eq!(server.wait_for_exit().code(), Some(3), "{line}");
        server.expect_log(wanted);
        server.expect_log("server.conf:2");
    }
}

#[test]
fn a_port_that_is_taken() {
    let first = Server::start("");
    let mut second = Server::spawn(&[], &format!("listener {} 127.0.0.1\n", first.port()), first.port());
    assert_eq!(second.wait_for_exit().code(), Some(1));
    second.expect_log(&first.port().to_string());
}

#[test]
fn clients_that_come_and_go_need_not_be_told() {
    let mut server = Server::start("connection_messages false");
    Conversation::with(&server).play("p connects v5 clean\n p disconnects\n q connects v311\n q closes");
    assert!(server.terminate().success());
    server.expect_log("* terminating");
    assert_eq!(server.count_log("*onnect*"), 0, "{:#?}", server.log());
}
