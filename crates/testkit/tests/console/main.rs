//! The console as browsers and programs see it: a port of its own, with an API, metrics, and MQTT over WebSocket.
//!
//! Read `guard.rs` (who is answered at all), `logins.rs` (who may see and change), `api.rs` (what is told and done), `websocket.rs`
//! (MQTT for browsers), `listeners.rs` (where it is: without a file, by TLS, over reloads, Mosquitto's API), `slow.rs` (those who
//! take their time), `starts.rs` (before there is a server to be seen), `metrics.rs` (and the dashboard that stands on
//! them), `tester.rs` (a program that tries everything the description allows).

mod api;
mod guard;
mod http;
mod listeners;
mod logins;
mod metrics;
mod slow;
mod starts;
mod tester;
mod websocket;

use midge_testkit::Server;
use midge_testkit::ports::free_port;

use http::Console;

/// A server with a console, and these lines of configuration behind it.
fn start(lines: &str) -> (Server, Console) {
    let port = free_port();
    let server = Server::start(&format!("{lines}\nconsole_listener {port}\n"));
    // The first listener is open before the others are.
    server.expect_log(" running");
    (server, Console::at(port))
}
