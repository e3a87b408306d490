//! A new configuration while clients are connected: it counts at once where it can, as a whole or not at all, and nobody notices
//! whom it does not concern.
//!
//! Read `listeners.rs` (ports that come and go), `certificates.rs` (renewed, revoked, half written), `files.rs` (passwords and
//! rights that change by themselves), `silent.rs` (files that do not answer), `directives.rs` (what each directive does to those who
//! are there). Reloads without end under load are one of the tests of endurance.

mod certificates;
mod directives;
mod files;
mod listeners;
mod logins;
mod silent;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use midge_testkit::{Client, PATIENCE, Server};

/// A connection to another port of the server.
fn connect_to(port: u16) -> Client {
    Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// The same, welcomed under this name.
fn greet(client: &mut Client, connect: &str) {
    client.send(&format!("CONNECT {connect}"));
    client.expect("CONNACK 0x00");
}

/// What was sent before has been handled.
fn ping(client: &mut Client) {
    client.send("PINGREQ");
    client.expect("PINGRESP");
}

/// A reload cannot change how many there are.
fn shards_line(server: &Server) -> String {
    let text = fs::read_to_string(server.path("server.conf")).expect("a file");
    text.lines().filter(|line| line.starts_with("shards")).map(|line| format!("{line}\n")).collect()
}

/// Waits until so many lines of the log fit.
#[track_caller]
fn expect_count(server: &Server, pattern: &str, count: usize) {
    let begun = Instant::now();
    while server.count_log(pattern) < count {
        assert!(begun.elapsed() < PATIENCE, "no {count} lines {pattern}: {:#?}", server.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(server.count_log(pattern), count, "{:#?}", server.log());
}

/// Puts another file into the place of this one, as careful programs do: nobody sees half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("written");
    fs::rename(new, path).expect("renamed");
}

/// What the server says when it has taken files that have changed by themselves, and when it has not.
const READ_AGAIN: &str = "Files of the configuration have changed and were read again.";
const DO_NOT_DO: &str = "Files of the configuration have changed and do not do yet: those read before still count.";
