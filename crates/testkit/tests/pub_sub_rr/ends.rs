//! How tools end: by signals, time, readers and servers that go away, and what they say then.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use midge_testkit::Server;
use midge_testkit::environment::{need, paho, scratch_folder};
use rustix::process::Signal;

use crate::tool::{check, fails, fed, outcome, start, tool, tool_of};

#[test]
fn a_signal_ends_a_subscriber_politely() {
    let server = Server::start_with(&["-v"], "");
    for (signal, id) in [(Signal::INT, "interrupted"), (Signal::TERM, "terminated")] {
        let mut subscriber = start(&server, &format!("sub -t a -i {id}"));
        server.expect_log(&format!("Sending SUBACK to {id}"));
        subscriber.signal(signal);
        assert_eq!(subscriber.wait_for_exit().code(), Some(0));
        server.expect_log(&format!("Received DISCONNECT from {id}"));
    }
}

#[test]
fn a_publisher_says_by_which_signal_it_ended() {
    let server = Server::start_with(&["-v"], "");
    let (mut child, _stdin) = fed(tool_of(&server, "pub -t a -l -i writer"));
    server.expect_log("Sending CONNACK to writer (0, 0)");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    server.expect_log("Received DISCONNECT from writer");
}

#[test]
fn a_reader_that_goes_away_is_a_normal_end() {
    let server = Server::start_with(&["-v"], "");
    let mut child = tool_of(&server, "sub -t a -i reader")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    server.expect_log("Sending SUBACK to reader");
    drop(child.stdout.take());
    check(tool_of(&server, "pub -t a -m x"), "");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    server.expect_log("Received DISCONNECT from reader");
}

#[test]
fn time_passes_with_and_without_a_connection() {
    let server = Server::start("");
    fails(tool_of(&server, "sub -t a -W 1"), "Timed out\n", 27);
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    fails(tool(&format!("sub -t a -W 1 -p {port}")), "Timed out\n", 27);
}

#[test]
fn a_server_that_goes_away_is_told_of_by_who_sends_once() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = server.local_addr().expect("it is bound").port();
    let publisher = std::thread::spawn(move || {
        fails(tool(&format!("pub -t a -m x -q 1 -p {port}")), "Error: The connection was lost.\n", 7)
    });
    let (mut client, _) = server.accept().expect("the tool connects");
    client.read_exact(&mut [0; 14]).expect("CONNECT");
    client.write_all(&[0x20, 2, 0, 0]).expect("the tool reads");
    client.read_exact(&mut [0; 8]).expect("PUBLISH");
    drop(client);
    publisher.join().expect("it says so");
}

#[test]
fn a_subscriber_comes_back_without_a_word() {
    let mut server = Server::start_with(&["-v"], "");
    let mut subscriber = start(&server, "sub -t a -i reader -C 2");
    server.expect_log("Sending SUBACK to reader");
    check(tool_of(&server, "pub -t a -m before"), "");
    subscriber.expect_line("before");
    server.kill();
    server.restart();
    server.expect_log("Sending SUBACK to reader");
    check(tool_of(&server, "pub -t a -m after"), "");
    subscriber.expect_line("after");
    assert_eq!(subscriber.wait_for_exit().code(), Some(0));
    assert_eq!(subscriber.lines(), ["before", "after"]);
}

#[test]
fn a_client_that_is_replaced_does_not_fight() {
    let server = Server::start_with(&["-v"], "");
    let subscriber = std::thread::scope(|scope| {
        let first = scope.spawn(|| outcome(tool_of(&server, "sub -t a -i reader -V 5")));
        server.expect_log("Sending SUBACK to reader");
        check(tool_of(&server, "sub -t a -i reader -V 5 -E"), "");
        first.join().expect("it ends")
    });
    let said =
        "Error: The server has ended the connection: another client has connected with the same client id (-i).\n";
    assert_eq!(subscriber, (String::new(), said.to_owned(), Some(142)));
}

#[test]
fn the_screen_is_not_garbled_unless_asked() {
    let Some(python) = need(paho(2)) else { return };
    let server = Server::start("");
    check(tool_of(&server, "pub -t a -m '\u{1b}[2J' -r"), "");
    let shown = |flags: &str| {
        let subscriber = tool_of(&server, &format!("sub -t a -C 1 {flags}"));
        let mut command = Command::new(&python);
        command.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))"]);
        command.arg(subscriber.get_program()).args(subscriber.get_args()).env("XDG_CONFIG_HOME", "/nonexistent");
        outcome(command)
    };
    assert_eq!(shown("-v").0, "a \\u001b[2J\r\n");
    assert_eq!(shown("-F %p").0, "\\u001b[2J\r\n");
    assert_eq!(shown("-N").0, "\u{1b}[2J");
}

#[test]
fn what_cannot_be_read_is_said_before_connecting() {
    let folder = scratch_folder("pub-sub-rr-unreadable");
    fs::write(folder.join("no.pem"), "nothing").expect("written");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    port.set_nonblocking(true).expect("a socket");
    let number = port.local_addr().expect("it is bound").port();
    for (line, said) in [
        ("-f /no/such", "Error: Unable to read file \"/no/such\": No such file or directory.\n"),
        ("-m x --cafile /no/such", "Error: Problem setting TLS options: File not found. "),
        ("-m x --cafile no.pem", "Error: Problem setting TLS options: "),
        ("-m x --psk 12 --psk-identity me", "Error: --psk cannot be used"),
        ("-m x -o /no/such", "Error: Unable to read options file \"/no/such\": No such file or directory.\n"),
        ("-m x --tls-version tlsv1", "Error: TLS version 'tlsv1' is not supported: it is tlsv1.2 or tlsv1.3.\n"),
    ] {
        let mut command = tool(&format!("pub -t a -p {number} {line}"));
        command.current_dir(&folder);
        fails(command, said, 1);
    }
    assert!(port.accept().is_err(), "somebody has connected");
}
