//! `midge top`, as it is seen on a terminal, and as lines and JSON elsewhere.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{need, root};
use midge_testkit::{Conversation, Server};
use serde_json::Value;

use crate::terminal::Terminal;
use crate::tool::{fails, outcome, tool};

/// A server with a socket, which is there as soon as it listens or a moment later.
pub(crate) fn server_with_socket() -> Server {
    let server = Server::start("admin_socket admin.sock");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server.path("admin.sock").exists() {
        assert!(Instant::now() < deadline, "no socket: {:#?}", server.log());
        std::thread::sleep(Duration::from_millis(2));
    }
    server
}

/// A tool that asks it.
pub(crate) fn tool_at(server: &Server, line: &str) -> Command {
    let mut command = tool(line);
    command.arg("--socket").arg(server.path("admin.sock"));
    command
}

const CLIENTS: &str = "away connects v311
                       away subscribes q qos=1
                       away disconnects
                       p connects v5 clean
                       p publishes q qos=1 m=one
                       p publishes q qos=1 m=two";

#[test]
fn one_look_as_json_has_the_clients_and_their_queues() {
    let server = server_with_socket();
    let mut talk = Conversation::with(&server);
    talk.play(CLIENTS);
    let (stdout, stderr, status) = outcome(tool_at(&server, "top --once --json --sort queued --interval 0.1"));
    assert_eq!((stderr.as_str(), status), ("", Some(0)));
    let look: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&look["server"]["connected"], &look["server"]["sessions"]), (&1.into(), &2.into()), "{look}");
    assert!(look["rates_per_s"]["messages_received"].is_number(), "{look}");
    let [away, publisher] = &look["clients"].as_array().expect("a list")[..] else { panic!("{look}") };
    assert_eq!((&away["client_id"], &away["queued"], &away["connected"]), (&"away".into(), &2.into(), &false.into()));
    assert_eq!((&publisher["client_id"], &publisher["messages_received"]), (&"p".into(), &2.into()));
}

#[test]
fn lines_are_written_where_there_is_no_terminal() {
    let server = server_with_socket();
    let mut talk = Conversation::with(&server);
    talk.play(CLIENTS);
    let (stdout, _, status) = outcome(tool_at(&server, "top -n 2 --interval 0.1 --sort queued"));
    assert_eq!(status, Some(0));
    assert_eq!(stdout.matches("clients   connected 1  away 1  subscriptions 1").count(), 2, "{stdout}");
    let row = stdout.lines().find(|line| line.starts_with("away ")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["away", "-", "-", "-", "2", "-", "away", "1"]);
}

#[test]
fn a_terminal_shows_a_picture_that_keys_change() {
    let server = server_with_socket();
    let mut talk = Conversation::with(&server);
    talk.play(CLIENTS);
    let mut terminal = Terminal::start(tool_at(&server, "top --interval 0.1"), 90, 12);
    let has = |picture: &[String], text: &str| picture.iter().any(|line| line.contains(text));
    terminal.sees("the server and its keys", |picture| {
        picture.len() == 12
            && has(picture, "clients   connected 1  away 1")
            && picture[11] == "sort: t r s u w c  pause: p  end: q"
            && has(picture, "BYTES/s*")
    });
    terminal.press("u");
    let first_row = |picture: &[String]| {
        let head = picture.iter().position(|line| line.starts_with("CLIENT"));
        head.and_then(|head| picture.get(head + 1)).cloned().unwrap_or_default()
    };
    terminal.sees("queues first", |picture| has(picture, "QUEUED*") && first_row(picture).starts_with("away "));
    terminal.press("p");
    terminal.sees("a pause", |picture| has(picture, "paused  go on: p  end: q"));
    terminal.resize(40, 9);
    terminal.sees("a smaller picture", |picture| {
        picture.len() == 9 && picture.iter().all(|line| line.chars().count() <= 40) && has(picture, "paused")
    });
    terminal.press("pc");
    terminal.resize(90, 12);
    terminal.sees("another order", |picture| has(picture, "SINCE*") && first_row(picture).starts_with("p "));
    terminal.press("q");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_signal_ends_it_well_and_the_end_of_the_server_is_told() {
    let mut server = server_with_socket();
    let mut terminal = Terminal::start(tool_at(&server, "top --interval 0.1"), 80, 10);
    terminal.sees("the server", |picture| picture.iter().any(|line| line.starts_with("clients ")));
    assert_eq!(terminal.interrupt(), Some(0));
    let mut terminal = Terminal::start(tool_at(&server, "top --interval 0.1"), 120, 10);
    terminal.sees("the server", |picture| picture.iter().any(|line| line.starts_with("clients ")));
    server.terminate();
    // The screen that was there before has the message.
    terminal.sees("why", |picture| picture.iter().any(|line| line.starts_with("Error: the server at ")));
    assert_eq!(terminal.ends(), Some(1));
}

#[test]
fn who_cannot_be_asked_is_told() {
    fails(tool("top --socket /nonexistent/admin.sock"), "Error: no server listens on /nonexistent/admin.sock: ", 1);
    fails(tool("top /nonexistent"), "Error: cannot list /nonexistent: ", 1);
    fails(tool("top --sort size --socket x"), "Error: Invalid --sort argument \"size\": it is one of traffic, ", 1);
    let server = Server::start("");
    let file = server.path("off.conf");
    fs::write(&file, "listener 1883\nallow_anonymous true\n").expect("written");
    let mut command = tool("top -c");
    command.arg(&file);
    fails(command, "Give it one with 'admin_socket PATH'.", 1);
}

/// The rights of the socket keep others out, and where somebody has changed them, the server asks the system who comes.
#[test]
fn another_user_is_kept_out() {
    if need(root()).is_none() {
        return;
    }
    let server = server_with_socket();
    let socket = server.path("admin.sock");
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("changed");
    mode(socket.parent().expect("a folder"), 0o755);
    let as_other = || {
        let mut command = tool_at(&server, "top --once");
        command.uid(1).gid(1);
        command
    };
    fails(as_other(), "only the user that runs the server may, and root", 1);
    mode(&socket, 0o666);
    fails(as_other(), "only the user that runs the server, and root, may ask it", 1);
}
