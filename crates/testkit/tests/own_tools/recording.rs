//! `record` and `replay`: what came is published again as it was.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use midge_testkit::environment::scratch_folder;
use midge_testkit::{Process, Server};
use rustix::process::Signal;

use crate::tool::{check, fails, outcome, publish, servers, tool, tool_of};

/// Records until it is interrupted; it listens when this returns. Its talk is on what the process says.
fn record(server: &Server, flags: &str, file: &Path) -> Process {
    let mut command = tool_of(server, &format!("record -d -i recorder {flags}"));
    command.arg(file);
    let recorder = Process::start(command);
    recorder.expect_line("*SUBACK*");
    recorder
}

/// Ends it, and gives the lines of the recording without their times.
fn entries(mut recorder: Process, file: &Path) -> Vec<String> {
    recorder.signal(Signal::INT);
    assert_eq!(recorder.wait_for_exit().code(), Some(0));
    let text = fs::read_to_string(file).expect("a recording");
    assert!(text.starts_with("{\"midge-recording\":1,\"start\":"), "{text}");
    let without_time = |line: &str| line.split_once(',').map_or(line, |(_, rest)| rest).to_owned();
    text.lines().skip(1).map(without_time).collect()
}

#[test]
fn messages_are_recorded_as_they_were_published() {
    let folder = scratch_folder("recording-all");
    for (number, server) in servers("").iter().enumerate() {
        let file = folder.join(format!("{number}.json"));
        let recorder = record(server, "--json -t a/#", &file);
        publish(server, "-t a/1 -m hello -q 2 -r");
        publish(server, "-t a/2 -m {\"x\":1} -q 0 -D publish content-type text/json -D publish user-property k v");
        publish(server, "-t b -m elsewhere");
        publish(server, "-t a/3 -n");
        recorder.expect_line("*'a/3'*");
        assert_eq!(
            entries(recorder, &file),
            [
                "\"topic\":\"a/1\",\"qos\":2,\"retain\":true,\"payload\":\"hello\"}",
                "\"topic\":\"a/2\",\"qos\":0,\"retain\":false,\"properties\":{\"content-type\":\"text/json\",\
                 \"user-properties\":[[\"k\",\"v\"]]},\"payload\":\"{\\\"x\\\":1}\"}",
                "\"topic\":\"a/3\",\"qos\":1,\"retain\":false,\"payload\":\"\"}",
                "\"end\":true}",
            ]
        );
    }
}

#[test]
fn what_was_recorded_is_replayed() {
    let folder = scratch_folder("recording-replayed");
    for (number, server) in servers("").iter().enumerate() {
        let (first, second) = (folder.join(format!("{number}.rec")), folder.join(format!("{number}.json")));
        let mut recorder = record(server, "-t a/#", &first);
        publish(server, "-t a/1 -m hello -q 2 -r -D publish response-topic r -D publish correlation-data c");
        publish(server, "-t a/2 -m bytes -q 0");
        recorder.expect_line("*'a/2'*");
        recorder.signal(Signal::TERM);
        recorder.wait_for_exit();
        assert!(fs::read(&first).expect("a recording").starts_with(b"midgerec\0\x01"));
        let recorder = record(server, "--json -t b/#", &second);
        let mut replay = tool_of(server, "replay --speed max --map x/=y/ --map a/=b/");
        replay.arg(&first);
        check(replay, "", "Replayed messages: 2.\n");
        recorder.expect_line("*'b/1'*");
        recorder.expect_line("*'b/2'*");
        // Servers let messages of another QoS pass.
        let mut entries = entries(recorder, &second);
        entries[..2].sort_unstable();
        assert_eq!(
            entries,
            [
                "\"topic\":\"b/1\",\"qos\":2,\"retain\":true,\"properties\":{\"response-topic\":\"r\",\
                 \"correlation-data\":\"c\"},\"payload\":\"hello\"}",
                "\"topic\":\"b/2\",\"qos\":0,\"retain\":false,\"payload\":\"bytes\"}",
                "\"end\":true}",
            ]
        );
    }
}

/// A recording with a message at each of these seconds.
fn written(name: &str, seconds: &[&str], behind: &str) -> std::path::PathBuf {
    let line = |time: &&str| format!("{{\"time\":{time},\"topic\":\"t\",\"qos\":1,\"payload\":\"{time}\"}}\n");
    let path = scratch_folder(name).join("file");
    fs::write(&path, seconds.iter().map(line).collect::<String>() + behind).expect("written");
    path
}

#[test]
fn distances_in_time_are_kept() {
    let server = Server::start("");
    let file = written("recording-times", &["1.0", "2.5", "4.0", "100.0"], "{\"time\":100.0,\"end\":true}\n");
    let replay = |flags: &str| {
        let mut command = tool_of(&server, &format!("replay {flags}"));
        command.arg(&file);
        let start = Instant::now();
        check(command, "", "Replayed messages: 2.\n");
        start.elapsed()
    };
    assert!(replay("--from 2 --to 4") >= Duration::from_millis(2_000));
    assert!(replay("--from 1s --to 3 --speed 3") >= Duration::from_millis(500));
    assert!(replay("--from 3 --to 2h --speed 100x") >= Duration::from_millis(970));
}

#[test]
fn a_connection_that_was_lost_is_a_gap() {
    let mut server = Server::start("");
    let file = scratch_folder("recording-gap").join("file");
    let recorder = record(&server, "--json -t t -V 5", &file);
    publish(&server, "-t t -m before");
    recorder.expect_line("*PUBLISH*'t'*");
    server.kill();
    server.restart();
    let deadline = Instant::now() + Duration::from_secs(20);
    while recorder.count_lines("*SUBACK*") < 2 {
        assert!(Instant::now() < deadline, "{:?}", recorder.lines());
        std::thread::sleep(Duration::from_millis(10));
    }
    publish(&server, "-t t -m behind");
    while recorder.count_lines("*received PUBLISH*") < 2 {
        assert!(Instant::now() < deadline, "{:?}", recorder.lines());
        std::thread::sleep(Duration::from_millis(10));
    }
    let entries = entries(recorder, &file);
    assert!(entries.len() == 4 && entries[0].contains("before") && entries[2].contains("behind"), "{entries:?}");
    assert!(entries[1].starts_with("\"gap\":"), "{entries:?}");
    let mut replay = tool_of(&server, "replay --speed max");
    replay.arg(&file);
    let (_, stderr, status) = outcome(replay);
    assert!(stderr.contains("Messages may be missing here: at 0:0") && status == Some(0), "{stderr}");
}

#[test]
fn a_recording_that_was_cut_off_is_replayed_up_to_the_cut() {
    let server = Server::start("");
    let file = written("recording-cut", &["0.0", "0.1"], "{\"time\":0.2,\"topic\":\"t\",\"payl");
    let mut command = tool_of(&server, "replay");
    command.arg(&file);
    let (_, stderr, status) = outcome(command);
    assert!(stderr.contains("Warning: The recording was cut off; what follows byte 98 is not whole."), "{stderr}");
    assert!(stderr.contains("Replayed messages: 2.") && status == Some(0), "{stderr}");
}

#[test]
fn what_is_not_in_the_recording_comes_again() {
    let server = Server::start_with(&["-v"], "");
    let mut command = tool_of(&server, "record - --json -t t -q 1 -c -i recorder -x 100");
    let mut recorder = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it can be started");
    server.expect_log("*Sending SUBACK to recorder*");
    // Whoever has read so far reads no more.
    drop(recorder.stdout.take());
    publish(&server, "-t t -m kept");
    recorder.wait().expect("it ends");
    let again = "sub -V 5 -c -i recorder -x 100 -t t -q 1 --retain-handling never -C 1 -W 10";
    check(tool_of(&server, again), "kept\n", "");
}

#[test]
fn what_cannot_be_recorded_or_replayed_is_told() {
    let folder = scratch_folder("recording-wrong");
    fs::write(folder.join("there"), "hello\n").expect("written");
    let check = |line: &str, said: &str| {
        let mut command = tool(&format!("{line} -p 1"));
        command.current_dir(&folder);
        fails(command, said, 1);
    };
    check("record -t a", "Error: Name one file to record into.");
    check("record new", "Error: Say what to record with -t; '#' in quotes is everything.");
    check("record there -t a", "Error: there cannot be made: File exists: name another file, or say --overwrite.");
    check("record new -t a", "Connection refused");
    assert!(!folder.join("new").exists());
    check("replay", "Error: Name one file to replay.");
    check("replay nowhere", "Error: nowhere cannot be replayed: No such file or directory.");
    check("replay there", "Error: there cannot be replayed: it is no recording");
    check("replay there --speed 0", "Error: Invalid speed '0'");
    check("replay there --map a", "Error: Invalid map 'a'");
    check("replay there -L mqtt://localhost/a", "Topics are those of the recording");
}

#[test]
fn a_message_that_the_server_refuses_is_told() {
    let folder = scratch_folder("recording-refused");
    fs::write(folder.join("acl"), "topic read #\n").expect("written");
    let server = Server::start(&format!("acl_file {}", folder.join("acl").display()));
    let file = written("recording-refused-file", &["0.0"], "{\"end\":true,\"time\":0.0}\n");
    let mut command = tool_of(&server, "replay");
    command.arg(&file);
    let (_, stderr, status) = outcome(command);
    assert!(stderr.contains("Warning: The server has not taken a message: Not authorized."), "{stderr}");
    assert!(
        stderr.contains("Error: Not all of the recording has reached the server.") && status == Some(1),
        "{stderr}"
    );
}
