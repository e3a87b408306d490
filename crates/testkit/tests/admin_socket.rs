//! `admin_socket`: what a running server says of itself and of its clients, and the packets that it shows.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use midge_testkit::{Conversation, Server};
use serde_json::{Value, json};

/// One connection to the admin socket.
struct Admin {
    reader: BufReader<UnixStream>,
}

impl Admin {
    /// It is there as soon as the server listens, or a moment later.
    #[track_caller]
    fn connect(path: &Path) -> Admin {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
                    return Admin { reader: BufReader::new(stream) };
                }
                Err(error) => assert!(Instant::now() < deadline, "{}: {error}", path.display()),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn say(&mut self, line: &str) {
        // It may have answered and closed before all of it is written.
        let _ = writeln!(self.reader.get_mut(), "{line}");
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    #[track_caller]
    fn ask(&mut self, request: &Value) -> Value {
        self.say(&request.to_string());
        self.hear()
    }

    #[track_caller]
    fn begin_trace(path: &Path, mut request: Value) -> Admin {
        let mut admin = Admin::connect(path);
        request["command"] = "trace".into();
        assert_eq!(admin.ask(&request), json!({"ok": true}));
        admin
    }

    /// The packets until the end, in few words, and what is said at the end.
    #[track_caller]
    fn packets(&mut self) -> (Vec<String>, Value) {
        let mut packets = Vec::new();
        loop {
            let line = self.hear();
            if line.get("end").is_some() {
                return (packets, line);
            }
            packets.push(brief(&line));
        }
    }
}

/// `c > PUBLISH a/b`.
fn brief(packet: &Value) -> String {
    let arrow = if packet["direction"] == "from client" { '>' } else { '<' };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match packet.get("packet") {
        Some(name) => text(name),
        None => text(&packet["error"]),
    };
    let mut line = format!("{} {arrow} {what}", text(&packet["client_id"]));
    if let Some(topic) = packet.get("topic") {
        line.push_str(&format!(" {}", text(topic)));
    }
    if let Some(name) = packet.get("reason").map(|reason| &reason["name"]).filter(|name| *name != "Success") {
        line.push_str(&format!(" ({})", text(name)));
    }
    line
}

fn start(configuration: &str) -> Server {
    Server::start(&format!("admin_socket admin.sock\n{configuration}"))
}

#[test]
fn a_server_says_what_it_does_and_who_is_there() {
    for shards in [1, 3] {
        let server = start(&format!("shards {shards}"));
        let socket = server.path("admin.sock");
        let mut talk = Conversation::with(&server);
        talk.play(
            "away connects v5 session-expiry-interval=600
             away subscribes a/# qos=1
             away disconnects
             here connects v311 clean keep-alive=30
             here subscribes a/b qos=0
             p connects v5 clean
             p publishes a/b qos=1 m=12345
             p publishes a/c qos=1 m=1
             here receives a/b qos=0 m=12345
             here pings",
        );
        let mut admin = Admin::connect(&socket);
        let mut clients = Vec::new();
        let mut from = json!("0:0");
        while !from.is_null() {
            let page = admin.ask(&json!({"command": "clients", "from": from}));
            assert_eq!(page["ok"], true, "{page}");
            clients.extend(page["clients"].as_array().expect("a list").clone());
            from = page["next"].clone();
        }
        let names: BTreeSet<&str> = clients.iter().filter_map(|client| client["client_id"].as_str()).collect();
        assert_eq!(names, BTreeSet::from(["away", "here", "p"]));
        let client = |name: &str| clients.iter().find(|client| client["client_id"] == name).expect("it is there");
        let check = |name: &str, members: &Value| {
            for (member, expected) in members.as_object().expect("members") {
                assert_eq!(&client(name)[member], expected, "{member} of {}", client(name));
            }
        };
        check("away", &json!({"connected": false, "queued": 2, "inflight": 0, "subscriptions": 1}));
        check("away", &json!({"session_expiry_s": 600}));
        check("here", &json!({"connected": true, "protocol": "MQTT 3.1.1", "keep_alive_s": 30, "encrypted": false}));
        // CONNACK, SUBACK, PUBLISH and PINGRESP.
        check("here", &json!({"messages_received": 0, "messages_sent": 1, "bytes_sent": 4 + 5 + 12 + 2}));
        check("p", &json!({"protocol": "MQTT 5", "messages_received": 2, "messages_sent": 0, "waiting_bytes": 0}));
        assert!(client("p")["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")));
        let overview = admin.ask(&json!({"command": "overview"}));
        for (member, expected) in [("connected", 2), ("sessions", 3), ("subscriptions", 2), ("shards", shards)] {
            assert_eq!(overview[member], expected, "{member} of {overview}");
        }
        assert_eq!((&overview["version"], &overview["messages_received_total"]), (&json!(1), &json!(2)));
    }
}

#[test]
fn clients_are_ranked_with_rates_since_the_last_look() {
    let server = start("");
    let mut talk = Conversation::with(&server);
    talk.play(
        "idle connects v311 clean
         queue connects v311
         queue subscribes q qos=1
         queue disconnects
         p connects v311 clean
         p publishes q qos=1 m=x
         p publishes q qos=1 m=x",
    );
    let mut admin = Admin::connect(&server.path("admin.sock"));
    let names = |ranked: &Value| -> Vec<String> {
        let clients = ranked["clients"].as_array().expect("a list");
        clients.iter().map(|client| client["client_id"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let first = admin.ask(&json!({"command": "ranking", "by": "queued", "limit": 1}));
    assert_eq!((names(&first), &first["sessions"]), (vec!["queue".to_owned()], &json!(3)));
    assert_eq!(first["clients"][0]["messages_received_per_s"], 0.0);
    (0..20).for_each(|_| talk.play("p publishes other qos=1 m=x"));
    // A rate is over the milliseconds that have passed.
    std::thread::sleep(Duration::from_millis(20));
    let second = admin.ask(&json!({"command": "ranking", "by": "received", "limit": 2}));
    assert_eq!(names(&second)[0], "p");
    assert!(second["clients"][0]["messages_received_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{second}");
    assert_eq!(second["slowest"], json!([]));
}

#[test]
fn packets_are_shown_in_both_directions_in_their_order() {
    for shards in [1, 3] {
        for (version, unsubscribed) in [("v311", ""), ("v5", "0x00")] {
            let server = start(&format!("shards {shards}"));
            let socket = server.path("admin.sock");
            let mut trace = Admin::begin_trace(&socket, json!({"client_id": "c", "count": 13}));
            let mut talk = Conversation::with(&server);
            talk.play(&format!(
                "other connects {version} clean
                 other subscribes # qos=0
                 c connects {version} clean
                 c subscribes a/+ qos=2
                 c> PUBLISH a/b qos=1 id=5 m=x
                 c<* PUBACK id=5
                 c<* PUBLISH a/b qos=1 id={{first}} m=x
                 c> PUBACK id={{first}}
                 c pings
                 c> UNSUBSCRIBE id=9 a/+
                 c< UNSUBACK id=9 {unsubscribed}
                 c disconnects"
            ));
            let (packets, end) = trace.packets();
            let expected = [
                "c > CONNECT",
                if version == "v5" { "c < CONNACK" } else { "c < CONNACK (Connection Accepted)" },
                "c > SUBSCRIBE",
                "c < SUBACK",
                "c > PUBLISH a/b",
                "c < PUBLISH a/b",
                "c < PUBACK",
                "c > PUBACK",
                "c > PINGREQ",
                "c < PINGRESP",
                "c > UNSUBSCRIBE",
                "c < UNSUBACK",
                "c > DISCONNECT (Normal disconnection)",
            ];
            let sort = |packets: &[String]| {
                // Of what one turn answers, PUBLISH and PUBACK leave in either order.
                let mut packets = packets.to_vec();
                packets[5..7].sort_unstable();
                packets
            };
            assert_eq!(sort(&packets), sort(&expected.map(str::to_owned)), "{version}");
            assert_eq!(end, json!({"end": "count", "packets": 13, "left_out": 0}));
        }
    }
}

#[test]
fn a_refused_client_and_a_malformed_packet_are_shown_and_a_password_is_not() {
    let server = start("allow_anonymous false");
    let mut trace = Admin::begin_trace(&server.path("admin.sock"), json!({"address": "127.0.0.1", "count": 3}));
    let mut talk = Conversation::with(&server);
    talk.play(
        "c> CONNECT v311 clean id=c username=ann password=SECRET
         c< CONNACK 0x05
         c< closed
         d> hex 10 04 00 09 4d 51
         d< closed",
    );
    let lines: Vec<Value> = (0..3).map(|_| trace.hear()).collect();
    let seen: Vec<String> = lines.iter().map(brief).collect();
    assert_eq!(seen[..2], ["c > CONNECT", "c < CONNACK (Connection Refused, not authorized)"]);
    assert_eq!((&lines[0]["username"], &lines[0]["password"]), (&json!("ann"), &json!(true)));
    assert!(lines.iter().all(|line| !line.to_string().contains("SECRET")), "{lines:?}");
    assert!(lines[2]["error"].is_string() && lines[2]["packet"] == "CONNECT", "{}", lines[2]);
}

#[test]
fn a_topic_is_followed_through_its_aliases_across_clients() {
    let server = start("max_topic_alias 10");
    let socket = server.path("admin.sock");
    let mut talk = Conversation::with(&server);
    talk.play(
        "p connects v5 clean
         p> PUBLISH a/b qos=0 topic-alias=3 m=before
         p pings",
    );
    let mut trace = Admin::begin_trace(&socket, json!({"topic": "a/+", "count": 4, "payload_bytes": 3}));
    talk.play(
        "s connects v5 clean
         s subscribes a/b qos=0
         s subscribes other qos=0
         p> PUBLISH qos=0 topic-alias=3 m=12345 & PUBLISH other qos=0 topic-alias=3 m=x & PUBLISH qos=0 topic-alias=3 m=y
         s< PUBLISH a/b qos=0 m=12345
         s< PUBLISH other qos=0 m=x
         s< PUBLISH other qos=0 m=y
         p publishes a/c qos=0 m=z",
    );
    let lines: Vec<Value> = (0..4).map(|_| trace.hear()).collect();
    let seen: Vec<String> = lines.iter().map(brief).collect();
    assert_eq!(seen, ["s > SUBSCRIBE", "p > PUBLISH a/b", "s < PUBLISH a/b", "p > PUBLISH a/c"]);
    assert_eq!((&lines[1]["by_alias"], &lines[1]["payload_bytes"]), (&json!(true), &json!(5)));
    assert_eq!((&lines[1]["payload"], &lines[1]["payload_bytes_left_out"]), (&json!("123"), &json!(2)));
}

#[test]
fn the_last_word_to_a_client_that_says_nothing_is_shown() {
    let server = start("");
    let mut talk = Conversation::with(&server);
    talk.play("c connects v5 clean");
    let mut trace = Admin::begin_trace(&server.path("admin.sock"), json!({"client_id": "c", "count": 3}));
    talk.play(
        "d> CONNECT v5 clean id=c
         c< DISCONNECT 0x8e
         c< closed",
    );
    let expected = ["c > CONNECT", "c < DISCONNECT (Session taken over)", "c < CONNACK"];
    assert_eq!(trace.packets().0, expected);
}

#[test]
fn what_waits_for_the_log_is_shown_when_it_leaves() {
    let server = start("persistence true\npersistence_location .");
    let mut trace = Admin::begin_trace(&server.path("admin.sock"), json!({"client_id": "c", "count": 6}));
    let mut talk = Conversation::with(&server);
    talk.play(
        "c connects v5 session-expiry-interval=60
         c subscribes a qos=2
         c> PUBLISH a qos=2 id=7 m=x
         c<* PUBREC id=7",
    );
    let (packets, _) = trace.packets();
    let expected = ["c > CONNECT", "c < CONNACK", "c > SUBSCRIBE", "c < SUBACK", "c > PUBLISH a", "c < PUBREC"];
    assert_eq!(packets, expected);
}

#[test]
fn a_trace_ends_by_its_bounds_and_by_the_wish_of_who_asked() {
    let server = start("");
    let socket = server.path("admin.sock");
    let mut timed = Admin::begin_trace(&socket, json!({"topic": "#", "seconds": 1}));
    assert_eq!(timed.packets(), (vec![], json!({"end": "time", "packets": 0, "left_out": 0})));
    let mut enough = Admin::begin_trace(&socket, json!({"topic": "#"}));
    enough.say("");
    assert_eq!(enough.packets(), (vec![], json!({"end": "wish", "packets": 0, "left_out": 0})));
}

/// Who does not read gets no packets, holds up nobody, and is told how many he has missed.
#[test]
fn a_trace_that_is_not_read_leaves_packets_out() {
    let server = start("");
    let mut trace = Admin::begin_trace(&server.path("admin.sock"), json!({"topic": "t", "payload_bytes": 65536}));
    let mut client = server.connect();
    client.send("CONNECT v311 clean id=p");
    client.expect("CONNACK 0x00");
    // More than sockets and the queue hold.
    let payload = [&[0x30, 0x83, 0x80, 0x04, 0, 1, b't'][..], &[b'x'; 65536]].concat();
    (0..150).for_each(|_| client.send_bytes(&payload));
    client.send("PINGREQ");
    client.expect("PINGRESP");
    trace.say("");
    let (mut shown, mut left_out) = (0, 0);
    let end = loop {
        let line = trace.hear();
        match (line.get("end"), line.get("left_out").and_then(Value::as_u64)) {
            (Some(_), _) => break line,
            (None, Some(more)) => left_out += more,
            (None, None) => shown += 1,
        }
    };
    assert_eq!(shown + left_out, 150);
    assert!(left_out > 0 && shown > 0, "shown {shown}, left out {left_out}");
    assert_eq!((&end["packets"], &end["left_out"]), (&json!(shown), &json!(left_out)));
}

#[test]
fn questions_that_are_none_are_refused_with_a_reason() {
    let server = start("");
    let socket = server.path("admin.sock");
    let check = |line: &str, expected: &str| {
        let mut admin = Admin::connect(&socket);
        admin.say(line);
        assert_eq!(admin.hear(), json!({"ok": false, "error": expected}), "{line}");
        let mut rest = String::new();
        assert_eq!(admin.reader.read_to_string(&mut rest).unwrap_or(0), 0, "{rest}");
    };
    check("x", "this is no command: an object of JSON with strings is");
    check(r#"{"command":"overview","version":2}"#, "this server speaks version 1");
    check(r#"{"command":"clients","from":"x"}"#, "\"from\" is the \"next\" of the page before");
    check(r#"{"command":"clients","from":"7000:1"}"#, "\"from\" is the \"next\" of the page before");
    check(r#"{"command":"ranking","limit":1001}"#, "\"limit\" is a number up to 1000");
    let keys = "\"by\" is one of traffic, received, sent, queued, waiting, connected";
    check(r#"{"command":"ranking","by":"x"}"#, keys);
    check(r#"{"command":"trace"}"#, "a trace needs a \"client_id\", a \"topic\" or an \"address\"");
    check(r#"{"command":"trace","topic":"a/#/b"}"#, "\"topic\" is a Topic Filter that is not shared, not a/#/b");
    let address = "\"address\" is an IP address, one with a port, or the path of a Unix socket, not x";
    check(r#"{"command":"trace","address":"x"}"#, address);
    let off = "this server keeps nothing on disk (persistence is off)";
    check(r#"{"command":"backup","directory":"/nowhere"}"#, off);
}

#[test]
fn there_is_room_for_some_who_ask_and_others_are_told() {
    let server = start("");
    let socket = server.path("admin.sock");
    let mut all: Vec<Admin> = (0..16).map(|_| Admin::connect(&socket)).collect();
    for admin in &mut all {
        assert_eq!(admin.ask(&json!({"command": "overview"}))["ok"], true);
    }
    let refused = Admin::connect(&socket).hear();
    assert_eq!(refused["error"], "enough are connected to this socket; wait until one has gone");
    drop(all.pop());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut admin = Admin::connect(&socket);
        admin.say(r#"{"command":"overview"}"#);
        if admin.hear()["ok"] == true {
            break;
        }
        assert!(Instant::now() < deadline, "the place of one that has gone stays taken");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_socket_is_its_users_alone_and_is_never_taken_from_a_server_that_runs() {
    let server = start("");
    let socket = server.path("admin.sock");
    drop(Admin::connect(&socket));
    assert_eq!(fs::metadata(&socket).expect("it is there").permissions().mode() & 0o777, 0o600);
    let mut second = Server::start(&format!("admin_socket {}", socket.display()));
    second.expect_log(
        "*Warning: cannot listen on *admin.sock, so that there are no backups*: another server listens there.*",
    );
    assert!(second.terminate().success());
    assert_eq!(Admin::connect(&socket).ask(&json!({"command": "overview"}))["ok"], true);
}

const PATIENCE: Duration = Duration::from_secs(20);
