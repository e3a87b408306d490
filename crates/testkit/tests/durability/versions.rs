//! What a server of any earlier version has kept is read by this one. Behind each change of the format a folder is added to
//! `versions/`, and none is ever taken away: it is what [`keep`] makes, with a server of that version.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::midge_program;
use midge_testkit::{Conversation, PATIENCE, Server};
use rustix::process::Signal;

use crate::folder::Folder;

/// Everything that is kept, in every form in which it is: first what goes into a snapshot, a long queue as a run among it ...
const BEFORE: &str = r#"
s connects v5 session-expiry-interval=4294967295 username=somebody
s subscribes a/+ qos=2 w qos=1
s disconnects
g connects v5 session-expiry-interval=4294967295
g subscribes $share/group/b qos=1
g disconnects
t connects v311
t subscribes c qos=2
p connects v5 clean
p publishes c qos=2 m=begun
t< PUBLISH c qos=2 id={begun} m=begun
t> PUBREC id={begun}
t< PUBREL id={begun}
t closes
p publishes a/1 qos=1 m="a"*2000
p publishes a/1 qos=1 m="b"*2000
p publishes a/1 qos=1 m="c"*2000
p publishes a/2 qos=2 m=fourth
p publishes b qos=1 m=shared
p publishes r/large qos=1 m="x"*10000 retain
p publishes r/small qos=1 m=small retain
p publishes q m=waits-too
"#;

/// ... and then what only the log tells.
const BEHIND: &str = r"
p publishes a/2 qos=1 m=fifth
p publishes b qos=1 m=shared-too
p publishes q m=waits-as-well
d connects v311 clean will=w will.qos=1 will.m=died
";

/// It is there again.
const AFTER: &str = r#"
s connects v5 session-expiry-interval=4294967295 session-present
s receives a/1 qos=1 m="a"*2000
s receives a/1 qos=1 m="b"*2000
s receives a/1 qos=1 m="c"*2000
s< PUBLISH a/2 qos=2 id={fourth} m=fourth
s receives a/2 qos=1 m=fifth
s receives w qos=1 m=died
s> PUBREC id={fourth}
s< PUBREL id={fourth}
g connects v5 session-expiry-interval=4294967295 session-present
g receives b qos=1 m=shared
g receives b qos=1 m=shared-too
t connects v311 session-present
t< PUBREL id={begun}
t> PUBCOMP id={begun}
t< nothing
n connects v5 clean
n subscribes r/large
n< PUBLISH r/large m="x"*10000 retain
m connects v5 clean
m subscribes r/small
m< PUBLISH r/small m=small retain
"#;

/// Has a server play the story, and copies what it has kept.
fn keep(copy: &Path) {
    let folder = Folder::new();
    // It cannot be written to: what is for it waits.
    let sink = "file_sink /nowhere/at/all\nfile_sink_topic q";
    let configuration = format!("shards 1\nlog_type all\ncheck_retain_source true\n{sink}\n{}", folder.configuration());
    let server = Server::start(&configuration);
    let mut conversation = Conversation::with(&server);
    conversation.play(BEFORE);
    server.signal(Signal::USR1);
    server.expect_log("Saved a snapshot");
    conversation.play(BEHIND);
    let mut backup = Command::new(midge_program());
    backup.arg("backup").arg(copy).arg("--socket").arg(folder.log().join("admin.sock"));
    let output = backup.output().expect("midge backup");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `waits`: whether a service is among those who are there again.
#[track_caller]
fn check(folder: &Folder, waits: bool) {
    let configuration = folder.configuration();
    let server = Server::start(&format!("shards 2\nfile_sink m.jsonl\nfile_sink_topic q\n{configuration}"));
    let (sessions, subscriptions) = if waits { (4, 5) } else { (3, 4) };
    server.expect_log(&format!("Restored from*{sessions} sessions with {subscriptions} subscriptions"));
    Conversation::with(&server).play(AFTER);
    let deadline = Instant::now() + PATIENCE;
    let read = || std::fs::read_to_string(server.path("m.jsonl")).unwrap_or_default();
    while waits && read().lines().count() < 2 {
        assert!(Instant::now() < deadline, "what waited has come: {}", read());
        std::thread::sleep(Duration::from_millis(10));
    }
    let expected: &[&str] = if waits { &["waits-too", "waits-as-well"] } else { &[] };
    let lines = read();
    assert_eq!(lines.lines().count(), expected.len());
    for (line, payload) in lines.lines().zip(expected) {
        // When the server of that version received it.
        assert!(
            line.starts_with("{\"time\":\"20") && line.ends_with(&format!("\"payload\":\"{payload}\"}}")),
            "{line}"
        );
    }
}

/// How long a segment was made: what is kept here lacks the zeros at its end.
fn made_bytes(segment: &[u8]) -> usize {
    const ROOM_AT: usize = 88;
    const HEADER_BYTES: usize = 4096;
    let room = segment[ROOM_AT..].first_chunk().expect("a header");
    HEADER_BYTES + u64::from_le_bytes(*room) as usize
}

#[track_caller]
fn check_version(version: &str, waits: bool) {
    let folder = Folder::new();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/durability/versions").join(version);
    std::fs::create_dir(folder.log()).expect("the folder of the log");
    for file in std::fs::read_dir(&kept).expect("what was kept").map_while(Result::ok) {
        let mut bytes = std::fs::read(file.path()).expect("what was kept");
        bytes.resize(bytes.len().max(made_bytes(&bytes)), 0);
        std::fs::write(folder.log().join(file.file_name()), bytes).expect("a copy");
    }
    check(&folder, waits);
}

#[test]
fn what_this_version_keeps() {
    let folder = Folder::new();
    keep(&folder.log());
    check(&folder, true);
}

#[test]
fn what_version_1_has_kept() {
    check_version("1", false);
}

/// Who the clients are, too.
#[test]
fn what_version_2_has_kept() {
    check_version("2", false);
}

/// What waits for services, and when it was received.
#[test]
fn what_version_3_has_kept() {
    check_version("3", true);
}
