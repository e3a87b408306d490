//! `doctor`: what is fine and what is not, a line each.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use midge_testkit::Server;
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::tls::Authority;

use crate::tool::{fails, outcome, servers, tool, tool_of};

/// What it says, without what differs from run to run: times, ports, identifiers.
fn findings(stdout: &str) -> Vec<String> {
    let shortened = |line: &str| {
        let line = line.split(" (").next().unwrap_or_default();
        let line = line.split(", as ").next().unwrap_or_default();
        line.split_whitespace()
            .map(|word| word.split("doctor/").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join(" ")
    };
    stdout.lines().map(shortened).collect()
}

/// It says this, in which `*` stands for anything, and ends so.
#[track_caller]
pub(crate) fn check(command: std::process::Command, expected: &[&str], expected_status: i32) {
    let told = format!("{command:?}");
    let (stdout, stderr, status) = outcome(command);
    let found = findings(&stdout);
    let fit = found.iter().zip(expected).all(|(found, expected)| fits(expected, found));
    let is_expected = found.len() == expected.len() && fit;
    assert!(is_expected && stderr.is_empty(), "{told}\n{stdout}{stderr}\nexpected {expected:#?}");
    assert_eq!(status, Some(expected_status), "{told}\n{stdout}");
}

fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| &rest[at..]).chain([""]).any(|rest| fits(behind, rest))
}

#[test]
fn a_server_that_is_well_is_found_well_and_left_as_it_was() {
    for server in servers("") {
        let version = ["ok CONNECT MQTT 5", "ok CONNECT MQTT 3.1.1"];
        for (flags, connect) in [("", version[0]), ("-V 311 -c -i doctor", version[1])] {
            let expected = [
                "ok TCP * accepts connections",
                connect,
                "ok subscribe to midge- QoS 2",
                "ok publish to midge-",
                "ok round trip QoS 1",
                "ok round trip QoS 0",
                "ok round trip QoS 2",
                "All is well.",
            ];
            check(tool_of(&server, &format!("doctor -h 127.0.0.1 {flags}")), &expected, 0);
        }
        let (kept, _, _) = outcome(tool_of(&server, "retained list -t midge-doctor/#"));
        assert_eq!(kept, "");
        // Whoever comes by the same name finds no session, and is given nothing that was kept for it.
        fails(tool_of(&server, "sub -V 311 -i doctor -t x -W 1"), "Timed out", 27);
    }
}

#[test]
fn missing_rights_are_found_with_what_to_do() {
    let folder = scratch_folder("doctor-rights");
    fs::write(folder.join("acl"), "topic write in/#\ntopic read out/#\nuser ada\ntopic readwrite #\n")
        .expect("written");
    let server = Server::start(&format!("acl_file {}", folder.join("acl").display()));
    let doctor = |flags: &str| tool_of(&server, &format!("doctor -h 127.0.0.1 {flags}"));
    let before = ["ok TCP * accepts connections", "ok CONNECT MQTT 5"];
    let refused = "FAIL publish to out/1: Not authorized; let clients without a user name use the topic*";
    let expected = [&before[..], &["ok subscribe to out/1, QoS 2", refused, "It does not work. Problems: 1."]].concat();
    check(doctor("-t out/1"), &expected, 1);
    let lost = "FAIL round trip QoS 1: the message was sent, and does not come back; let clients without a user name*";
    let expected =
        [&before[..], &["ok subscribe to in/1, QoS 2", "ok publish to in/1", lost, "It does not work. Problems: 1."]];
    check(doctor("-t in/1"), &expected.concat(), 1);
    let (stdout, _, status) = outcome(doctor("-t x -u ada"));
    assert!(stdout.ends_with("All is well.\n") && status == Some(0), "{stdout}");
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let folder = scratch_folder("doctor-password");
    let made = outcome(tool(&format!("passwd -c -b {} ada secret", folder.join("users").display())));
    assert_eq!(made.2, Some(0), "{made:?}");
    let server = Server::start(&format!("allow_anonymous false\npassword_file {}", folder.join("users").display()));
    let doctor = |flags: &str| tool_of(&server, &format!("doctor -h 127.0.0.1 {flags}"));
    let expected = |text| ["ok TCP * accepts connections", text, "It does not work. Problems: 1."];
    check(doctor(""), &expected("FAIL CONNECT this client may not connect: name a user with -u and -P."), 1);
    check(doctor("-V 311"), &expected("FAIL CONNECT this client may not connect: name a user with -u and -P."), 1);
    check(doctor("-u ada -P wrong"), &expected("FAIL CONNECT * check -u and -P."), 1);
    let (stdout, _, status) = outcome(doctor("-u ada -P secret"));
    assert!(stdout.ends_with("All is well.\n") && status == Some(0), "{stdout}");
}

#[test]
fn a_certificate_is_looked_at() {
    let folder = scratch_folder("doctor-tls");
    let authority = Authority::new("ca");
    let (certificate, key) = authority.server().write(&folder, "server");
    fs::write(folder.join("ca.pem"), authority.certificate()).expect("written");
    fs::write(folder.join("other.pem"), Authority::new("other").certificate()).expect("written");
    let port = free_port();
    let files = format!("certfile {}\nkeyfile {}", certificate.display(), key.display());
    let _server = Server::start(&format!("listener {port} 127.0.0.1\n{files}\n"));
    let doctor = |flags: &str| {
        let mut command = tool(&format!("doctor -p {port} {flags}"));
        command.current_dir(&folder);
        command
    };
    let (stdout, _, status) = outcome(doctor("-h 127.0.0.1 --cafile ca.pem"));
    assert!(stdout.contains("ok    TLS         TLSv1_3, ") && status == Some(0), "{stdout}");
    assert!(stdout.contains("ok    certificate for localhost") && stdout.contains("issued by ca;"), "{stdout}");
    assert!(stdout.contains(" the chain of certificates expires in ") && stdout.contains("QoS 2"), "{stdout}");
    let unknown =
        "FAIL TLS the certificate of 127.0.0.1 is of an issuer that is not trusted: name the file of its authority";
    let expected = ["ok TCP * accepts connections", unknown, "It does not work. Problems: 1."];
    check(doctor("-h 127.0.0.1 --cafile other.pem"), &expected, 1);
    fails(doctor("--cafile nowhere.pem"), "nowhere.pem", 1);
}

#[test]
fn what_is_no_server_is_told() {
    let (stdout, _, status) = outcome(tool("doctor -h nowhere.invalid"));
    assert!(stdout.starts_with("FAIL  name        the name nowhere.invalid cannot be looked up"), "{stdout}");
    assert_eq!(status, Some(1));
    let port = free_port();
    let (stdout, _, status) = outcome(tool(&format!("doctor -h localhost -p {port}")));
    assert!(stdout.contains(" refuses connections: check the port, and whether the server runs."), "{stdout}");
    assert!(stdout.starts_with("ok    name        localhost is ") && status == Some(1), "{stdout}");
    let (stdout, _, _) = outcome(tool("doctor --unix /nonexistent/socket"));
    assert!(stdout.starts_with("FAIL  socket      there is no socket /nonexistent/socket: check the path"), "{stdout}");
    // A web server.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().expect("the doctor comes");
            // The first connection is only looked at.
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (stdout, _, status) = outcome(tool(&format!("doctor -h 127.0.0.1 -p {port}")));
    server.join().expect("it ended");
    assert!(stdout.contains("FAIL  CONNECT     ") && status == Some(1), "{stdout}");
}
