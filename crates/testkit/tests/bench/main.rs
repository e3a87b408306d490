//! `midge bench` from outside: what it counts, and how it ends.

mod stand_in;

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use midge_testkit::environment::{midge_program, scratch_folder};
use midge_testkit::{Process, Server};
use rustix::process::Signal;
use serde_json::Value;

use stand_in::{Mischief, StandIn};

/// The program with the words of this line.
fn command(line: &str) -> Command {
    let mut command = Command::new(midge_program());
    command.arg("bench").args(line.split_whitespace());
    command
}

fn bench(line: &str) -> Output {
    command(line).output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it says as JSON of this server, and its status.
#[track_caller]
fn measured(port: u16, line: &str) -> (Value, Option<i32>) {
    let output = bench(&format!("{line} -h 127.0.0.1 -p {port} --json"));
    let value = serde_json::from_slice(&output.stdout);
    (value.unwrap_or_else(|error| panic!("{line}: {error}: {output:?}")), output.status.code())
}

/// The value at a place in what was measured.
#[track_caller]
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing: {value:#}"))
}

/// A scenario that goes on until so much is done: all of it is, and the server has sent as many messages.
#[track_caller]
fn check_count(server: &Server, line: &str, done: u64, sent: u64) {
    let stand_in = StandIn::new(server.address(), Mischief::Nothing);
    let (value, status) = measured(stand_in.port, line);
    assert_eq!((status, at(&value, "/servers/0/rounds/0/done").as_u64()), (Some(0), Some(done)), "{line}: {value:#}");
    assert_eq!(stand_in.messages(), sent, "{line}");
    let faults = at(&value, "/servers/0/faults").as_object().expect("an object");
    assert!(faults.values().all(|count| count == 0), "{line}: {faults:?}");
}

#[test]
fn what_is_to_be_done_is_done_and_counted() {
    let server = Server::start("");
    for qos in ["-q 0", "-q 1", "-q 2", "-q 1 -V 5"] {
        check_count(&server, &format!("pub-sub --count 503 {qos}"), 503, 503);
        check_count(&server, &format!("fan-out --subscribers 7 --count 50 {qos}"), 350, 350);
        check_count(&server, &format!("fan-in --publishers 9 --subscribers 2 --count 100 {qos}"), 200, 200);
        check_count(&server, &format!("round-trip --clients 3 --count 30 {qos}"), 30, 30);
        check_count(&server, &format!("pub --publishers 3 --count 100 {qos}"), 100, 0);
    }
    check_count(&server, "connect --count 50", 50, 0);
    check_count(&server, "pub-sub --count 300 --threads 3", 300, 300);
    check_count(&server, "fan-out --subscribers 5 --count 40 --threads 2 --sleep", 200, 200);
    check_count(&server, "pub-sub --publishers 3 --subscribers 4 --topics 7 --count 70 --size 1000", 40, 40);
    check_count(&server, "pub-sub --count 100 --rate 1000", 100, 100);
    check_count(&server, "connect --count 30 --rate 300 --threads 2", 30, 0);
}

#[test]
fn clients_that_only_stay_or_receive_are_measured_for_some_time() {
    let server = Server::start("");
    let line = format!("idle --clients 50 --duration 0.2 --warm-up 0 --pid {}", server.process_id());
    let (value, status) = measured(server.port(), &line);
    assert_eq!(status, Some(0), "{value:#}");
    assert!(at(&value, "/servers/0/medians/server_connection_bytes").is_number(), "{value:#}");
    let subscribers = thread::spawn({
        let port = server.port();
        move || measured(port, "sub -t meet --subscribers 2 --duration 2 --warm-up 0.1")
    });
    while !subscribers.is_finished() {
        let (_, status) = measured(server.port(), "pub -t meet --topics 2 --publishers 1 --count 20 -q 1");
        assert_eq!(status, Some(0));
    }
    let (value, status) = subscribers.join().expect("it does not panic");
    assert_eq!(status, Some(0), "{value:#}");
    assert!(at(&value, "/servers/0/rounds/0/done").as_u64() > Some(0), "{value:#}");
}

#[test]
fn what_a_server_takes_is_told() {
    let server = Server::start("");
    let line = format!("pub-sub -q 1 --duration 0.3 --warm-up 0 --pid {}", server.process_id());
    let (value, _) = measured(server.port(), &line);
    let figures =
        ["per_second", "latency_p50_us", "latency_max_us", "server_cpu_us", "server_resident_mb", "own_cpu_us"];
    for figure in figures {
        let median = at(&value, &format!("/servers/0/medians/{figure}")).as_f64();
        assert!(median > Some(0.0), "{figure}: {value:#}");
    }
}

#[test]
fn servers_take_turns_side_by_side() {
    let (one, other) = (Server::start(""), Server::start(""));
    let folder = scratch_folder("bench-page");
    let page = folder.join("page.html");
    let line = format!(
        "-h 127.0.0.1 -p {} --name one -L mqtt://127.0.0.1:{} --rounds 3 --duration 0.1 --warm-up 0",
        one.port(),
        other.port()
    );
    let output = bench(&format!("{line} --html {}", page.display()));
    let table = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{table}");
    assert!(table.contains(&format!("one / 127.0.0.1:{}", other.port())), "{table}");
    assert!(table.contains("deliveries a second") && table.contains("3 rounds"), "{table}");
    let page = fs::read_to_string(page).expect("it is written");
    assert!(page.contains("<svg") && page.ends_with("</html>\n") && !page.contains("NaN"), "{page}");
    let json = text(&bench(&format!("{line} --json")).stdout);
    let value: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(at(&value, "/servers/1/rounds").as_array().map(Vec::len), Some(3));
    assert!(at(&value, "/ratios/0/figures/per_second").is_number(), "{value:#}");
}

#[test]
fn a_server_at_a_unix_socket_is_measured() {
    let folder = scratch_folder("bench-socket");
    let socket = folder.join("socket");
    let server = Server::start(&format!("listener 0 {}", socket.display()));
    // The socket is opened after the port that was waited for.
    server.expect_log("* running");
    let line = format!("--unix {} --name socket -h 127.0.0.1 -p {} --json", socket.display(), server.port());
    for (scenario, done) in [("pub-sub -q 1 --count 200", 200), ("connect --count 30", 30)] {
        let output = bench(&format!("{scenario} {line}"));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        for place in 0..2 {
            let counted = at(&value, &format!("/servers/{place}/rounds/0/done")).as_u64();
            assert_eq!((output.status.code(), counted), (Some(0), Some(done)), "{value:#}");
        }
    }
    check_refusal("--unix /no/such/socket --count 10", "Error: there is no socket /no/such/socket");
}

#[test]
fn messages_that_go_wrong_are_counted_and_told() {
    let server = Server::start("");
    for (mischief, fault, told) in [
        (Mischief::Lose, "lost", "20 lost"),
        (Mischief::Double, "doubled", "20 doubled"),
        (Mischief::Exchange, "reordered", "20 out of order"),
    ] {
        let stand_in = StandIn::new(server.address(), mischief);
        // One more than are ten times ten, for the last of those to be exchanged with.
        let (value, status) =
            measured(stand_in.port, "pub-sub --publishers 1 --subscribers 1 --count 201 --window 201");
        assert_eq!(
            (status, at(&value, &format!("/servers/0/faults/{fault}")).as_u64()),
            (Some(2), Some(20)),
            "{value:#}"
        );
        assert!(at(&value, "/notes/0").as_str().is_some_and(|note| note.contains(told)), "{value:#}");
    }
}

#[test]
fn who_waits_for_a_server_that_stands_still_is_counted() {
    let server = Server::start("");
    let line = format!("pub-sub --rate 500 --duration 2 --warm-up 0 --json -h 127.0.0.1 -p {}", server.port());
    let running = thread::spawn(move || bench(&line));
    thread::sleep(Duration::from_millis(700));
    server.signal(Signal::STOP);
    thread::sleep(Duration::from_millis(600));
    server.signal(Signal::CONT);
    let output = running.join().expect("it does not panic");
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // Three messages of ten were due meanwhile, and waited for 300 ms in the middle; without them, the longest alone would show.
    assert!(at(&value, "/servers/0/medians/latency_p90_us").as_f64() > Some(200_000.0), "{value:#}");
}

/// Begins a long measurement, and gives it when the load is there.
fn begin(server: &Server) -> Process {
    let stand_in = StandIn::new(server.address(), Mischief::Nothing);
    let line = format!("pub-sub -q 1 --duration 60 --warm-up 0 -h 127.0.0.1 -p {}", stand_in.port);
    let process = Process::start(command(&line));
    while stand_in.messages() < 1000 {
        thread::sleep(Duration::from_millis(5));
    }
    process
}

#[test]
fn a_server_that_is_killed_ends_it_with_what_was_measured() {
    let mut server = Server::start("");
    let mut process = begin(&server);
    server.kill();
    assert_eq!(process.wait_for_exit().code(), Some(7));
    process.expect_line("deliveries a second*");
    process.expect_line("*measured until connections ended*");
}

#[test]
fn a_signal_ends_it_with_what_was_measured() {
    let server = Server::start("");
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut process = begin(&server);
        process.signal(signal);
        assert_eq!(process.wait_for_exit().code(), Some(status));
        process.expect_line("deliveries a second*");
        process.expect_line("*interrupted; measured until then*");
        assert_eq!(process.count_lines("*lost*"), 0, "{:?}", process.lines());
    }
}

#[track_caller]
fn check_refusal(line: &str, expected: &str) {
    let output = bench(line);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{line}");
    assert!(text(&output.stderr).contains(expected), "{line}: {}", text(&output.stderr));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (line, expected) in [
        ("pubsub", "Error: Unknown scenario 'pubsub': it is one of pub-sub, pub, "),
        ("pub sub", "Error: One scenario at a time: 'sub' is one too many."),
        ("--rat 1", "Error: Unknown option '--rat'.\nDid you mean '--rate'?"),
        ("--rate 0", "Error: Invalid --rate argument \"0\": a number above 0 is wanted."),
        ("--rate", "Error: --rate argument given but no rate specified."),
        ("--size 15", "Error: --size must be at least 16"),
        ("--threads 0", "Error: Invalid --threads argument \"0\": a number from 1 on is wanted."),
        ("-q 3", "Error: Invalid QoS given: 3"),
        ("idle --publishers 3", "Error: --publishers means nothing to idle, which heeds --clients."),
        ("--rate 5 --window 5", "Error: Only one of --rate and --window can be used."),
        ("--count 5 --duration 5", "Error: Only one of --count and --duration can be used."),
        ("-p 1 -p 2", "Error: -p is given twice for one server"),
        ("--unix /socket -p 1", "Error: -p means nothing to a server at a Unix socket (--unix)."),
        ("-p 1 --unix /socket", "Error: -p means nothing to a server at a Unix socket (--unix)."),
        ("-L ftp://host", "Error: Unsupported URL scheme."),
        ("--pid 0", "Error: Invalid process ID given: 0"),
        ("idle --clients 99999999", "Error: 99999999 clients are more than this process may have open files"),
        ("--cafile /no/such", "/no/such"),
        ("--html /no/such/report", "Error: Unable to write \"/no/such/report\": No such file or directory."),
        ("-P secret", "Error: A password (-P) needs a username (-u)"),
    ] {
        check_refusal(line, expected);
    }
}

#[test]
fn a_server_that_is_not_there_or_refuses_is_told() {
    let server = Server::start("allow_anonymous false\n");
    let port = server.port();
    check_refusal(&format!("-h 127.0.0.1 -p {port} --count 10"), "Connection Refused: not authorised.");
    drop(server);
    check_refusal(&format!("-h 127.0.0.1 -p {port} --count 10"), "Error: Connection refused by 127.0.0.1:");
    check_refusal(&format!("connect -h 127.0.0.1 -p {port} --count 10"), "Error: Connection refused by 127.0.0.1:");
}
