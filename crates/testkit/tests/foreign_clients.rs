//! Clients that other people have written, in C, Go, Python and Rust: each comes to know a Session that lasts, QoS 2 and a Will.
//!
//! They are small programs (in `clients/`, and the example `with_rumqttc`) that all do the same. Called as
//! `subscribe PORT NAME 0 COUNT`, one connects with a Session that lasts, says `connected` and whether the server had a Session
//! (`1`, `0`, or `?` where its library does not tell), subscribes to `clients/#` at QoS 2, prints topic, QoS and payload of so
//! many messages, and disconnects. Called as `publish PORT NAME FROM COUNT`, it has a Will, publishes so many numbers at QoS 2, says
//! `published` when all exchanges are over, and stays until it is killed.

use std::path::{Path, PathBuf};
use std::process::Command;

use midge_testkit::environment::{aiomqtt, debian_clients, need, rumqttc_program, scratch_folder};
use midge_testkit::{Process, Server};
use rustix::process::Signal;

/// How many messages are published at a time.
const COUNT: usize = 20;

/// Subscribes, leaves, misses what is published meanwhile and the Will of the publisher, and finds it all there. `client` is the
/// program without arguments; `None` where what it needs is missing.
fn check(client: Option<Command>, says_session_present: bool) {
    let Some(client) = client else { return };
    let server = Server::start_with(&["-v"], "");
    let start = |role: &str, name: &str, from: usize, count: usize| {
        let mut command = again(&client);
        command.args([role, &server.port().to_string(), name, &from.to_string(), &count.to_string()]);
        Process::start(command)
    };
    let publish = |from: usize| {
        let publisher = start("publish", "publisher", from, COUNT);
        publisher.expect_line("published");
        publisher
    };
    let numbers =
        |from: usize| (from..from + COUNT).map(|number| format!("clients/readings 2 {number}")).collect::<Vec<_>>();

    let mut subscriber = start("subscribe", "subscriber", 0, COUNT);
    server.expect_log("Sending SUBACK to subscriber");
    let publisher = publish(0);
    let mut lines = vec![if says_session_present { "connected 0" } else { "connected ?" }.to_owned()];
    lines.extend(numbers(0));
    expect_to_end(&mut subscriber, &lines);
    server.expect_log("Client subscriber [*] disconnected.");
    publisher.signal(Signal::KILL);
    server.expect_log("Client publisher [*] disconnected: connection closed by client.");

    let publisher = publish(100);
    publisher.signal(Signal::KILL);
    drop(publisher);
    server.expect_log("Publishing the will of publisher on *");
    let mut subscriber = start("subscribe", "subscriber", 0, COUNT + 2);
    let mut lines = vec![if says_session_present { "connected 1" } else { "connected ?" }.to_owned()];
    lines.push("clients/will 1 gone".to_owned());
    lines.extend(numbers(100));
    lines.push("clients/will 1 gone".to_owned());
    expect_to_end(&mut subscriber, &lines);
}

/// Waits until the process has said all this, and ended well.
#[track_caller]
fn expect_to_end(process: &mut Process, lines: &[String]) {
    let status = process.wait_for_exit();
    assert_eq!(process.lines(), lines);
    assert!(status.success(), "{status}");
}

/// The source of one of the clients.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// A program in C, built with this of Debian's libraries.
fn c_program(name: &str, library: &str) -> Option<Command> {
    let root = need(debian_clients())?;
    let libraries = library_folder(&root);
    let program = scratch_folder(&format!("client-{name}")).join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-I"]).arg(root.join("usr/include"));
    compiler.arg(source(name).with_extension("c")).arg("-o").arg(&program).arg("-L").arg(&libraries);
    // What the library needs in turn is found when it is loaded.
    compiler.arg(format!("-l{library}")).arg("-Wl,--unresolved-symbols=ignore-in-shared-libs");
    assert!(compiler.status().expect("cc").success());
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", libraries);
    Some(command)
}

/// `usr/lib/x86_64-linux-gnu` and its like.
fn library_folder(root: &Path) -> PathBuf {
    let entries = root.join("usr/lib").read_dir().expect("unpacked");
    let mut folders = entries.map(|entry| entry.expect("readable").path());
    folders.find(|folder| folder.to_string_lossy().ends_with("-linux-gnu")).expect("one for this machine")
}

fn go_program() -> Option<Command> {
    let root = need(debian_clients())?;
    let program = scratch_folder("client-go").join("paho_go");
    let go_root = root.join("usr/lib/go-1.19");
    let mut go = Command::new(go_root.join("bin/go"));
    go.env("GOROOT", &go_root).env("GOPATH", root.join("usr/share/gocode")).env("GOCACHE", root.join("cache"));
    go.envs([("GO111MODULE", "off"), ("CGO_ENABLED", "0"), ("GOFLAGS", "")]);
    go.args(["build", "-o"]).arg(&program).arg(source("paho_go.go"));
    assert!(go.status().expect("go").success());
    Some(Command::new(program))
}

/// The same command once more: each one is used up by its process.
fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    again.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    again
}

#[test]
fn libmosquitto() {
    check(c_program("libmosquitto", "mosquitto"), true);
}

#[test]
fn paho_for_c() {
    check(c_program("paho_c", "paho-mqtt3c"), true);
}

#[test]
fn paho_for_go() {
    check(go_program(), false);
}

#[test]
fn rumqttc() {
    check(Some(Command::new(rumqttc_program())), true);
}

#[test]
fn aiomqtt_for_python() {
    let Some(python) = need(aiomqtt()) else { return };
    let mut command = Command::new(python);
    command.arg("-B").arg(source("with_aiomqtt.py"));
    check(Some(command), false);
}
