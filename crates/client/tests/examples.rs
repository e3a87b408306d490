//! The examples as people run them. `offline_gateway` has its own test (`outbox.rs`).

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use midge_testkit::Server;

fn start(name: &str, server: &Server, arguments: &[&str]) -> Child {
    let test = std::env::current_exe().expect("our own name");
    let example = test.parent().and_then(Path::parent).expect("a folder").join("examples").join(name);
    let port = server.port().to_string();
    let started = Command::new(example).args(["127.0.0.1", &port]).args(arguments).stdout(Stdio::piped()).spawn();
    started.expect("the example is built: `cargo test` does that, `cargo test --test` does not")
}

fn output(mut child: Child) -> String {
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    assert!(child.wait().expect("an end").success(), "{text}");
    text
}

#[test]
fn a_dashboard_shows_what_a_sensor_says() {
    let server = Server::start("");
    let mut dashboard = start("dashboard", &server, &["4"]);
    let mut lines = BufReader::new(dashboard.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    assert_eq!(output(start("sensor", &server, &["kitchen", "2"])), "");
    let mut shown: Vec<_> = lines.collect();
    // Two streams have no order between them.
    shown.sort();
    assert_eq!(shown, ["20 °C: kitchen", "20.1 °C: kitchen", "here: kitchen", "off: kitchen"]);
    assert!(dashboard.wait().expect("an end").success());
}

#[test]
fn a_sensor_that_is_killed_is_lost() {
    let server = Server::start("");
    let mut dashboard = start("dashboard", &server, &["3"]);
    let mut lines = BufReader::new(dashboard.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let mut sensor = start("sensor", &server, &["kitchen"]);
    assert!(lines.next().is_some());
    assert!(lines.next().is_some());
    sensor.kill().expect("it is ours");
    sensor.wait().expect("an end");
    assert_eq!(lines.next().as_deref(), Some("lost: kitchen"));
    assert!(dashboard.wait().expect("an end").success());
}

#[test]
fn requests_get_their_responses() {
    let server = Server::start("");
    let said = output(start("request_response", &server, &[]));
    assert_eq!(said, "1 squared is 1\n2 squared is 4\n3 squared is 9\n");
}
