//! What tools send and show, beyond what Debian's older ones do.

use std::fs;
use std::path::Path;

use midge_testkit::Server;
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;

use crate::tool::{check, fails, outcome, start, tool, tool_of};

#[test]
fn a_request_is_answered() {
    let server = Server::start_with(&["-v"], "");
    for version in ["31", "311", "5"] {
        let mut responder = start(&server, &format!("sub -t q -C 1 -F '%p %R' -i responder{version} -V {version}"));
        server.expect_log(&format!("Sending SUBACK to responder{version}"));
        let requester =
            tool_of(&server, &format!("rr -t q -e r -m hello -q 2 -v --latency -i requester{version} -V {version}"));
        let (out, said, status) = std::thread::scope(|scope| {
            let requester = scope.spawn(|| outcome(requester));
            responder.expect_line(if version == "5" { "hello r" } else { "hello " });
            check(tool_of(&server, "pub -t r -m world -q 2"), "");
            requester.join().expect("it ends")
        });
        assert_eq!((said.as_str(), status), ("", Some(0)));
        let (answer, latency) = out.split_once('\n').expect("two lines");
        assert_eq!(answer, "r world");
        assert!(latency.starts_with("Latency: ") && latency.ends_with("s\n"), "{latency}");
        assert_eq!(responder.wait_for_exit().code(), Some(0));
        server.expect_log(&format!("Received DISCONNECT from requester{version}"));
    }
}

#[test]
fn retained_messages_are_removed_and_others_are_spared() {
    let server = Server::start("");
    for topic in ["old/a", "old/b", "old/c"] {
        check(tool_of(&server, &format!("pub -t {topic} -m x -r -q 1")), "");
    }
    let (shown, said, status) = outcome(tool_of(&server, "sub -t old/# -T old/b --remove-retained -C 2 -F %t"));
    let mut topics: Vec<&str> = shown.lines().collect();
    topics.sort_unstable();
    assert_eq!((topics, said.as_str(), status), (vec!["old/a", "old/c"], "", Some(0)));
    let left = outcome(tool_of(&server, "sub -t old/# -W 1 -F %t")).0;
    assert_eq!(left, "old/b\n");
}

#[test]
fn only_retained_messages_count_until_another_comes() {
    let server = Server::start_with(&["-v"], "");
    check(tool_of(&server, "pub -t a -m kept -r -q 1"), "");
    let mut subscriber = start(&server, "sub -t a --retained-only -i reader");
    subscriber.expect_line("kept");
    check(tool_of(&server, "pub -t a -m live"), "");
    assert_eq!(subscriber.wait_for_exit().code(), Some(0));
    assert_eq!(subscriber.lines(), ["kept"]);
}

#[test]
fn those_behind_the_last_that_counts_stay_with_the_server() {
    let server = Server::start("max_queued_messages 0");
    check(tool_of(&server, "sub -t a -q 2 -c -i reader -E"), "");
    for (number, qos) in [(1, 1), (2, 2), (3, 1), (4, 2)] {
        check(tool_of(&server, &format!("pub -t a -m {number} -q {qos}")), "");
    }
    for number in 1..=4 {
        check(tool_of(&server, "sub -t a -q 2 -c -i reader -C 1"), &format!("{number}\n"));
    }
}

#[test]
fn a_rate_is_told_each_second() {
    let server = Server::start("");
    let (told, _, status) = outcome(tool_of(&server, "sub -t a --message-rate -W 2"));
    assert!(told.starts_with("0 msgs/s\n"), "{told}");
    assert_eq!(status, Some(27));
}

#[test]
fn each_topic_has_a_line_of_the_screen() {
    let server = Server::start("");
    check(tool_of(&server, "pub -t a -m x -r -q 1"), "");
    let screen = "\u{1b}[2J\u{1b}[1;1HBroker: localhost\n\u{1b}[2;1H\u{1b}[Ka x\n\u{1b}[2;1H\n";
    check(tool_of(&server, "sub -t a --watch -v -C 1"), screen);
}

#[test]
fn fields_that_debians_do_not_know() {
    let folder = scratch_folder("pub-sub-rr-floats");
    fs::write(folder.join("float"), 0.707_f32.to_ne_bytes()).expect("written");
    let server = Server::start("");
    let mut publish = tool_of(&server, "pub -t a -f float -r");
    publish.current_dir(&folder);
    check(publish, "");
    check(tool_of(&server, "sub -t a -C 1 -F '%.3f %8l|%-4x|'"), &format!("0.707        4|{}|\n", "f4fd343f"));
    fails(tool_of(&server, "sub -t a -C 1 -F %d"), "requested double printing, but non-double data received", 0);
    fails(tool_of(&server, "sub -t a -C 1 -F %J"), "Error: Message payload is not valid JSON on topic a.", 0);
}

#[test]
fn flags_stand_in_the_users_own_file_too() {
    let server = Server::start("");
    let home = scratch_folder("pub-sub-rr-home");
    fs::create_dir_all(home.join(".config")).expect("a folder");
    let write = |folder: &Path, tool: &str, lines: &str| fs::write(folder.join(tool), lines).expect("written");
    write(&home.join(".config"), "mosquitto_pub", &format!("# mine\n-p {}\n-t from/home\n-r\n", server.port()));
    write(&home, "mosquitto_sub", &format!("-p {}\n-C 1\n-F %t %p\n", server.port()));
    let mut publish = tool("pub -m hello");
    publish.env_remove("XDG_CONFIG_HOME").env("HOME", &home);
    check(publish, "");
    let mut subscribe = tool("sub -t from/home");
    subscribe.env("XDG_CONFIG_HOME", &home);
    check(subscribe, "from/home hello\n");
}

#[test]
fn what_a_refusal_is_told_in_words() {
    let server = Server::start("max_qos 0\nmax_packet_size 100\nretain_available false\n");
    fails(
        tool_of(&server, "pub -V 5 -t a -m b -q 1"),
        "Error: Message QoS not supported on broker, try a lower QoS.\n",
        1,
    );
    fails(
        tool_of(&server, &format!("pub -V 5 -t a -m {}", "x".repeat(100))),
        "Error: Message payload is too large.\n",
        1,
    );
    fails(
        tool_of(&server, "pub -V 5 -t a -m b -r"),
        "Error: Unable to publish: the server does not support retained messages.\n",
        1,
    );
    let port = free_port();
    fails(tool(&format!("pub -t a -m b -p {port}")), &format!("Error: Connection refused by 127.0.0.1:{port}: "), 1);
    fails(tool("pub -t a -m b -h no-such-host.invalid"), "Error: the name no-such-host.invalid cannot be looked up", 1);
}
