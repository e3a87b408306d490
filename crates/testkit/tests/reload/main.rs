//! A new configuration while clients are connected: it counts at once where it can, as a whole or not at all, and nobody notices
//! whom it does not concern.
//!
//! Read `listeners.rs` (ports that come and go), `certificates.rs` (renewed, revoked, half written), `files.rs` (passwords and
//! rights that change by themselves), `directives.rs` (what each directive does to those who are there), `load.rs` (reloads without
//! end under load).

mod listeners;

use std::net::{Ipv4Addr, SocketAddr};

use midge_testkit::Client;

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
