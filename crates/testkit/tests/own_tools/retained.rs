//! `retained`: what a server keeps is listed, shown and deleted.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use midge_testkit::Server;
use midge_testkit::environment::scratch_folder;

use crate::tool::{fails, outcome, publish, servers, tool, tool_of};

/// The lines in their order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// It says these lines, in any order, and this.
#[track_caller]
fn says(server: &Server, line: &str, expected: &[&str], stderr: &str) {
    let (stdout, said, status) = outcome(tool_of(server, line));
    assert_eq!((sorted(&stdout), said.as_str(), status), (expected.to_vec(), stderr, Some(0)), "{line}");
}

#[test]
fn what_is_kept_is_listed_and_shown() {
    for server in servers("") {
        publish(&server, "-t a/b -m hello -r -q 2");
        publish(&server, "-t 'a/two words' -m x -r -V 5 -D publish message-expiry-interval 1000000");
        publish(&server, "-t c -m {\"at\":1700000000} -r");
        publish(&server, "-t d -m 'not retained'");
        let (stdout, stderr, status) = outcome(tool_of(&server, "retained list"));
        assert_eq!((stderr.as_str(), status), ("", Some(0)));
        let left = "        1 B  QoS 1  age      ?  left 11d13h  a/two words";
        let expected =
            ["        5 B  QoS 2  age      ?  left      -  a/b", "       17 B  QoS 1  age      ?  left      -  c"];
        assert_eq!(sorted(&stdout), [left, expected[0], expected[1]]);
        let json = ["{\"topic\":\"a/b\",\"bytes\":5,\"qos\":2,\"age\":null,\"left\":null}"];
        says(&server, "retained list --json -t a/b", &json, "");
        says(&server, "retained get -t a/b", &["hello"], "");
        says(&server, "retained get -t a/+ -v", &["a/b hello", "a/two words x"], "");
        says(&server, "retained get -V 311 -F '%t %q %p' -t a/b", &["a/b 2 hello"], "");
        says(&server, "retained get -t nothing/#", &[], "");
    }
}

#[test]
fn only_what_was_named_is_deleted() {
    for server in servers("") {
        for topic in ["a/1", "a/2", "b/1"] {
            publish(&server, &format!("-t {topic} -m x -r"));
        }
        says(&server, "retained delete -t a/# --dry-run", &["a/1", "a/2"], "");
        says(&server, "retained get -t # -v", &["a/1 x", "a/2 x", "b/1 x"], "");
        says(&server, "retained delete -t a/# -t a/1", &["a/1", "a/2"], "Deleted: 2.\n");
        says(&server, "retained get -v", &["b/1 x"], "");
        says(&server, "retained delete -V 311 -t b/1", &["b/1"], "Deleted: 1.\n");
        says(&server, "retained delete -t #", &[], "Deleted: 0.\n");
    }
}

#[test]
fn only_what_is_known_to_be_older_counts() {
    let server = Server::start("");
    let of_2023 = "-D publish user-property timestamp 2023-11-15T12:00:00Z -D publish user-property at 4000000000";
    publish(&server, &format!("-t old -m x -r {of_2023}"));
    publish(&server, "-t field -m '{\"meta\":{\"at\":1700000000}}' -r");
    publish(&server, "-t expires -m x -r -D publish message-expiry-interval 100000");
    publish(&server, "-t unknown -m x -r");
    let unknown = |count| format!("Messages of unknown age, left alone: {count}.\n");
    says(&server, "retained delete --dry-run -t # --older-than 30d", &["old"], &unknown(3));
    says(&server, "retained get -v --older-than 99999d", &[], &unknown(3));
    says(&server, "retained get -v --older-than 1s --time-property at", &[], &unknown(3));
    let by_field = "retained delete -t # --older-than 2w --time-field meta.at";
    says(&server, by_field, &["field"], &format!("{}Deleted: 1.\n", unknown(3)));
    let by_expiry = "retained delete -t # --older-than 1h30m --expiry-was 2d";
    says(&server, by_expiry, &["expires"], &format!("{}Deleted: 1.\n", unknown(2)));
    says(&server, "retained get -F %t", &["old", "unknown"], "");
}

#[test]
fn more_than_a_batch_is_deleted_completely() {
    for server in servers("") {
        let mut command = tool_of(&server, "replay - --speed max --quiet");
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it can be started");
        let mut stdin = child.stdin.take().expect("it is piped");
        for number in 0..2_500 {
            let line =
                format!("{{\"time\":0,\"topic\":\"many/{number}\",\"qos\":1,\"retain\":true,\"payload\":\"x\"}}\n");
            stdin.write_all(line.as_bytes()).expect("the tool reads");
        }
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
        publish(&server, "-t other -m x -r");
        let (stdout, stderr, status) = outcome(tool_of(&server, "retained delete -t many/#"));
        assert_eq!((stdout.lines().count(), stderr.as_str(), status), (2_500, "Deleted: 2500.\n", Some(0)));
        says(&server, "retained get -v", &["other x"], "");
    }
}

#[test]
fn what_may_not_be_deleted_is_named() {
    let folder = scratch_folder("retained-rights");
    let rules = folder.join("acl");
    fs::write(&rules, "topic readwrite open/#\ntopic read closed/#\nuser root\ntopic readwrite #\n").expect("written");
    for server in servers(&format!("acl_file {}", rules.display())) {
        for topic in ["open/1", "closed/1", "closed/2"] {
            publish(&server, &format!("-t {topic} -m x -r -u root"));
        }
        let (stdout, stderr, status) = outcome(tool_of(&server, "retained delete -t open/# -t closed/#"));
        assert_eq!((stdout.as_str(), status), ("open/1\n", Some(1)));
        let expected = [
            "Deleted: 1.",
            "Error: Not deleted: 2.",
            "Error: closed/1 is not deleted: Not authorized.",
            "Error: closed/2 is not deleted: Not authorized.",
        ];
        assert_eq!(sorted(&stderr), expected);
        says(&server, "retained get -v", &["closed/1 x", "closed/2 x"], "");
        // Before version 5 such a server says that all went well.
        let (_, stderr, status) = outcome(tool_of(&server, "retained delete -V 311 -t closed/1"));
        assert!(stderr.contains("Error: closed/1 is not deleted: ") && status == Some(1), "{stderr}");
    }
}

#[test]
fn what_cannot_be_done_is_told_before_connecting() {
    let check = |line: &str, said: &str| fails(tool(&format!("{line} -p 1")), said, 1);
    check("retained", "Error: Say what to do: list, get or delete.");
    check("retained clear", "Error: Say what to do: list, get or delete.");
    check("retained delete", "Error: Say what to delete with -t; '#' in quotes is everything.");
    check("retained list --dry-run", "Error: --dry-run goes with delete");
    check("retained get --json", "Error: --json goes with list");
    check("retained list --older-than 30", "Error: Invalid time '30' for --older-than: it is written like 30d");
    check("retained list -t $share/a/b", "is a shared subscription, which gets no retained messages.");
    check("retained list --time-field a[", "Error: 'a[' is no field: it is written like meta.time");
    check("retained list --wait x", "Error: Invalid time 'x' for --wait: it is a number of seconds.");
    check("retained list --olderthan 3d", "Did you mean '--older-than'?");
}
