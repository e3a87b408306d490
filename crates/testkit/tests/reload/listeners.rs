//! Listeners that come, go and change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use midge_testkit::ports::free_port;
use midge_testkit::{PATIENCE, Server, on_each_shard_count};

use crate::{connect_to, greet, ping, shards_line};

fn listener(port: u16, more: &str) -> String {
    format!("listener {port} 127.0.0.1\n{more}\n")
}

/// A server that has opened all its listeners.
fn start(configuration: &str) -> Server {
    let server = Server::start(configuration);
    server.expect_log(" running");
    server
}

#[test]
fn a_listener_comes_and_goes_and_the_others_notice_nothing() {
    on_each_shard_count("", |server| {
        let shards = shards_line(server);
        let port = free_port();
        let mut stays = server.connect();
        greet(&mut stays, "v5 clean id=stays");
        stays.send("SUBSCRIBE id=1 will qos=0");
        stays.expect("SUBACK id=1 0x00");

        server.reload_with(&format!("{shards}{}", listener(port, "")));
        let mut guest = connect_to(port);
        greet(&mut guest, "v5 id=guest session-expiry-interval=300 will=will will.m=gone");
        guest.send("SUBSCRIBE id=1 kept qos=1");
        guest.expect("SUBACK id=1 0x01");
        let mut old = connect_to(port);
        greet(&mut old, "v311 id=old");
        let mut silent = connect_to(port);
        ping(&mut stays);

        server.reload_with(&shards);
        guest.expect("DISCONNECT 0x98");
        guest.expect_closed();
        old.expect_closed();
        silent.expect_closed();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the port is closed");
        stays.expect("PUBLISH will m=gone");
        stays.send("PUBLISH kept qos=1 id=7 m=meanwhile");
        stays.expect("PUBACK id=7");
        server.expect_log("*Client guest [127.0.0.1:*] disconnected: administrative action.");

        let mut back = server.connect();
        back.send("CONNECT v5 id=guest session-expiry-interval=300");
        back.expect("CONNACK 0x00 session-present");
        back.expect("PUBLISH kept qos=1 id=? m=meanwhile");
        for _ in 0..3 {
            server.reload_with(&format!("{shards}{}", listener(port, "")));
            greet(&mut connect_to(port), "v5 clean id=again");
            server.reload_with(&shards);
        }
        ping(&mut stays);
    });
}

#[test]
fn a_listener_on_one_address_becomes_one_on_all_without_a_gap() {
    let port = free_port();
    let server = start(&listener(port, ""));
    let mut guest = connect_to(port);
    greet(&mut guest, "v5 clean id=guest");
    server.reload_with(&format!("listener {port}\nsocket_domain ipv4\n"));
    guest.expect("DISCONNECT 0x98");
    greet(&mut connect_to(port), "v5 clean id=guest");
    let mut second = Server::spawn(&[], &listener(port, ""), port);
    assert_eq!(second.wait_for_exit().code(), Some(1), "the port is not shared with a second server");
}

#[test]
fn options_of_a_listener_count_for_who_comes_next() {
    let port = free_port();
    let server = start(&listener(port, "max_connections 1"));
    let mut first = connect_to(port);
    greet(&mut first, "v5 clean id=first");
    connect_to(port).expect_closed();

    server.reload_with(&listener(port, "max_connections 3\nmax_qos 1\nmax_topic_alias 3\naccept_protocol_versions 5"));
    let mut second = connect_to(port);
    second.send("CONNECT v5 clean id=second");
    second.expect("CONNACK 0x00 maximum-qos=1 topic-alias-maximum=3");
    let mut old = connect_to(port);
    old.send("CONNECT v311 clean id=old");
    old.expect("CONNACK 0x01");
    // Its connection is there until it closes its end.
    old.expect_closed();
    connect_to(port).expect_closed();
    // What the first was told holds.
    first.send("PUBLISH t qos=2 id=1 m=x");
    first.expect("PUBREC id=1 0x00");
    second.send("PUBLISH t qos=2 id=1 m=x");
    second.expect("DISCONNECT 0x9b");
}

#[test]
fn a_socket_that_cannot_be_opened_changes_nothing() {
    let (kept, taken, free) = (free_port(), free_port(), free_port());
    let occupied = std::net::TcpListener::bind(("127.0.0.1", taken)).expect("bound");
    let server = start(&listener(kept, ""));
    let mut guest = connect_to(kept);
    greet(&mut guest, "v5 clean id=guest");
    server.reload_with(&format!("{}{}log_type all\n", listener(free, ""), listener(taken, "")));
    server.expect_log(&format!("*Error: Address already in use*: cannot listen on 127.0.0.1:{taken}.*"));
    server.expect_log("*The configuration was not reloaded: the server goes on as before.");
    ping(&mut guest);
    greet(&mut connect_to(kept), "v5 clean id=other");
    assert!(TcpStream::connect(("127.0.0.1", free)).is_err(), "the listener above it is not there either");
    drop(occupied);
    server.reload();
    guest.expect("DISCONNECT 0x98");
    for port in [free, taken] {
        greet(&mut connect_to(port), "v5 clean id=third");
    }
}

#[test]
fn a_path_is_removed_with_its_listener() {
    let server = Server::start("");
    let path = server.path("socket");
    server.reload_with(&format!("listener 0 {}\n", path.display()));
    drop(UnixStream::connect(&path).expect("connected"));
    server.reload();
    drop(UnixStream::connect(&path).expect("still there"));
    server.reload_with("");
    assert!(!path.exists());
}

/// An anonymous client of MQTT 5 at the path, welcomed.
fn greet_at(path: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.write_all(b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0").expect("written");
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).expect("an answer");
    assert_eq!(connack[3], 0, "{connack:?}");
    stream.read_exact(&mut vec![0; usize::from(connack[1]) - 2]).expect("its properties");
    stream
}

#[test]
fn who_may_stay_is_decided_by_the_listener_and_not_by_its_port() {
    let server = Server::start("");
    let (one, other) = (server.path("one"), server.path("other"));
    let allow_at_other = |is_allowed: bool| {
        let at = |path: &Path, is_allowed| format!("listener 0 {}\nallow_anonymous {is_allowed}\n", path.display());
        let lines = format!("per_listener_settings true\n{}{}", at(&one, true), at(&other, is_allowed));
        std::fs::write(server.path("server.conf"), lines).expect("written");
        server.reload();
    };
    allow_at_other(true);
    let (mut at_one, mut at_other) = (greet_at(&one), greet_at(&other));
    allow_at_other(false);
    let mut last_words = Vec::new();
    at_other.read_to_end(&mut last_words).expect("closed");
    assert_eq!([last_words[0], last_words[2]], [0xe0, 0x87], "DISCONNECT, not authorised: {last_words:?}");
    at_one.write_all(&[0xc0, 0]).expect("PINGREQ");
    let mut answer = [0; 2];
    at_one.read_exact(&mut answer).expect("still there");
    assert_eq!(answer, [0xd0, 0]);
}
