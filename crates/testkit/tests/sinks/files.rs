//! Messages into files.

use std::fs;
use std::process::Command;

use midge_testkit::Server;
use midge_testkit::environment::{midge_program, scratch_folder};
use serde_json::Value;

use crate::{publish, wait_until};

/// The payloads in the lines of a file and of those that it was renamed to, oldest first.
fn payloads(server: &Server) -> Vec<String> {
    let names = ["m.jsonl.3", "m.jsonl.2", "m.jsonl.1", "m.jsonl"];
    let texts = names.map(|name| fs::read_to_string(server.path(name)).unwrap_or_default());
    let objects = texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).expect("JSON"));
    objects.map(|object: Value| object["payload"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn each_message_is_a_line_and_stands_there_once_though_the_server_is_killed() {
    let configuration =
        "persistence true\npersistence_location .\nfile_sink m.jsonl\nfile_sink_topic a/#\nfile_sink_topic b";
    let mut server = Server::start(configuration);
    for round in 0..4 {
        let lines: Vec<String> =
            (0..200).map(|number| format!("a/{number} qos=1 m={}", round * 200 + number)).collect();
        publish(&server, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        server.kill();
        server.restart();
    }
    publish(&server, &["c m=no", "b m=end"]);
    wait_until("the last is there", || payloads(&server).last().is_some_and(|last| last == "end"));
    let expected: Vec<String> = (0..800).map(|number| number.to_string()).chain(["end".to_owned()]).collect();
    assert_eq!(payloads(&server), expected);
}

#[test]
fn a_file_that_is_large_becomes_another() {
    let more = "file_sink_max_bytes 1024\nfile_sink_keep 2";
    let server = Server::start(&format!("file_sink m.jsonl\nfile_sink_topic #\n{more}"));
    for round in 0..5 {
        publish(&server, &[&format!("a qos=1 m={}", format!("{round}").repeat(1000))]);
        wait_until("it is there", || {
            payloads(&server).last().is_some_and(|last| last.starts_with(&format!("{round}")))
        });
    }
    let kept: Vec<char> = payloads(&server).iter().map(|payload| payload.chars().next().expect("a digit")).collect();
    assert_eq!(kept, ['2', '3', '4']);
    assert!(!server.path("m.jsonl.3").exists());
}

#[test]
fn a_file_that_cannot_be_made_is_told_beforehand() {
    let folder = scratch_folder("sinks-check");
    let file = folder.join("checked.conf");
    let check = |sink: &str| {
        let lines = format!("listener 1883 127.0.0.1\nfile_sink {}\nfile_sink_topic a\n", folder.join(sink).display());
        fs::write(&file, lines).expect("a file");
        let told = Command::new(midge_program()).arg("check").arg(&file).output().expect("it runs");
        assert!(told.status.success(), "a server starts, and messages wait: {told:?}");
        String::from_utf8_lossy(&told.stderr).contains("m.jsonl takes no messages: No such file or directory.")
    };
    assert!(check("missing/m.jsonl"));
    assert!(!check("m.jsonl"));
    assert!(!folder.join("m.jsonl").exists(), "nothing is made");
}
