//! `db_dump`: what it shows of files of all versions, of damaged ones, and of a log of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use midge_codec::{PropertiesBuf, Property, QoS};
use midge_mosquitto_db::{
    BaseMessage, Client, ClientMessage, Config, Direction, Retained, SessionExpiry, State, Subscription, Writer,
};
use midge_testkit::environment::{debian_program, midge_program, need, scratch_folder};
use midge_testkit::{Conversation, Launch, Server};

use crate::tool::{Said, ours, run};

fn db_dump(folder: &Path, arguments: &[&str]) -> Said {
    run(ours("mosquitto_db_dump", folder), arguments, "", folder)
}

#[track_caller]
fn check(folder: &Path, arguments: &[&str], status: i32, stdout: &str, stderr: &str) {
    let said = db_dump(folder, arguments);
    assert_eq!((said.status, &*said.stdout, &*said.stderr), (Some(status), stdout, stderr), "{arguments:?}");
}

/// A file with one chunk of each kind.
fn with_everything(folder: &Path) {
    let mut properties = PropertiesBuf::new();
    properties.push(Property::PayloadFormatIndicator(1));
    properties.push(Property::ContentType("text/plain"));
    properties.push(Property::ResponseTopic("answers"));
    properties.push(Property::CorrelationData(b"\x01\xfe"));
    properties.push(Property::UserProperty("key", "value"));
    let mut identifier = PropertiesBuf::new();
    identifier.push(Property::SubscriptionIdentifier(42));
    let file = fs::File::create(folder.join("all.db")).expect("made");
    let written = || -> Result<(), midge_mosquitto_db::WriteError> {
        let mut writer = Writer::new(file, &Config { shutdown: true, last_store_id: 9 })?;
        writer.base_message(&BaseMessage {
            store_id: 9,
            expiry_time_s: 1_669_799_825,
            source_id: b"pub",
            source_username: b"ada",
            source_port: 1883,
            source_packet_id: 1,
            topic: b"a\x1b/b",
            qos: QoS::AtLeastOnce,
            retain: true,
            payload: b"message",
            properties: properties.as_properties(),
        })?;
        writer.client(&Client {
            id: b"sub",
            username: b"eve",
            listener_port: 1884,
            last_packet_id: 7,
            expiry: Some(SessionExpiry { time_s: 0, interval_s: u32::MAX }),
            disconnected_time_s: None,
        })?;
        writer.client_message(&ClientMessage {
            client_id: b"sub",
            store_id: 9,
            packet_id: 7,
            qos: QoS::AtLeastOnce,
            retain: true,
            dup: false,
            direction: Direction::Out,
            state: State::Queued,
            properties: identifier.as_properties(),
        })?;
        writer.subscription(&Subscription {
            client_id: b"sub",
            filter: b"a/#",
            qos: QoS::AtLeastOnce,
            options: 0x0c,
            identifier: 42,
        })?;
        writer.retained(Retained { store_id: 9 })?;
        writer.into_output();
        Ok(())
    };
    written().expect("written");
}

const EVERYTHING: &str = "Mosquitto DB dump
CRC: 0
DB version: 6
DB_CHUNK_CFG:
\tLength: 16
\tShutdown: 1
\tDB ID size: 8
\tLast DB ID: 9
DB_CHUNK_BASE_MSG:
\tLength: 93
\tStore ID: 9
\tSource Port: 1883
\tSource MID: 1
\tTopic: a\\x1b/b
\tQoS: 1
\tRetain: 1
\tPayload Length: 7
\tExpiry Time: 1669799825
\tPayload: message
\tProperties:
\t\tPayload format indicator: 1
\t\tContent type: text/plain
\t\tResponse topic: answers
\t\tCorrelation data: 01FE
\t\tUser property: key , value
DB_CHUNK_CLIENT:
\tLength: 30
\tClient ID: sub
\tUsername: eve
\tListener port: 1884
\tLast MID: 7
\tSession expiry time: 0
\tSession expiry interval: 4294967295
DB_CHUNK_CLIENT_MSG:
\tLength: 22
\tClient ID: sub
\tStore ID: 9
\tMID: 7
\tQoS: 1
\tRetain: 1
\tDirection: 1
\tState: 11
\tDup: 0
\tSubscription identifier: 42
DB_CHUNK_SUB:
\tLength: 18
\tClient ID: sub
\tTopic: a/#
\tQoS: 1
\tSubscription ID: 42
\tOptions: 0x0C
DB_CHUNK_RETAIN:
\tLength: 8
\tStore ID: 9
";

const EVERYTHING_AS_JSON: &str = "{
\t\"base-messages\":\t[{
\t\t\t\"storeid\":\t9,
\t\t\t\"expiry-time\":\t1669799825,
\t\t\t\"source-mid\":\t1,
\t\t\t\"source-port\":\t1883,
\t\t\t\"qos\":\t1,
\t\t\t\"retain\":\t1,
\t\t\t\"topic\":\t\"a\\u001b/b\",
\t\t\t\"clientid\":\t\"pub\",
\t\t\t\"username\":\t\"ada\",
\t\t\t\"payload\":\t\"bWVzc2FnZQ==\",
\t\t\t\"properties\":\t[{
\t\t\t\t\t\"identifier\":\t\"payload-format-indicator\",
\t\t\t\t\t\"value\":\t1
\t\t\t\t}, {
\t\t\t\t\t\"identifier\":\t\"content-type\",
\t\t\t\t\t\"value\":\t\"text/plain\"
\t\t\t\t}, {
\t\t\t\t\t\"identifier\":\t\"response-topic\",
\t\t\t\t\t\"value\":\t\"answers\"
\t\t\t\t}, {
\t\t\t\t\t\"identifier\":\t\"correlation-data\",
\t\t\t\t\t\"value\":\t\"01FE\"
\t\t\t\t}, {
\t\t\t\t\t\"identifier\":\t\"user-property\",
\t\t\t\t\t\"name\":\t\"key\",
\t\t\t\t\t\"value\":\t\"value\"
\t\t\t\t}]
\t\t}],
\t\"clients\":\t[{
\t\t\t\"clientid\":\t\"sub\",
\t\t\t\"username\":\t\"eve\",
\t\t\t\"session-expiry-time\":\t0,
\t\t\t\"session-expiry-interval\":\t4294967295,
\t\t\t\"last-mid\":\t7,
\t\t\t\"listener-port\":\t1884
\t\t}],
\t\"client-messages\":\t[{
\t\t\t\"clientid\":\t\"sub\",
\t\t\t\"storeid\":\t9,
\t\t\t\"mid\":\t7,
\t\t\t\"qos\":\t1,
\t\t\t\"state\":\t11,
\t\t\t\"retain-dup\":\t16,
\t\t\t\"direction\":\t1,
\t\t\t\"subscription-identifier\":\t42
\t\t}],
\t\"retained-messages\":\t[{
\t\t\t\"storeid\":\t9
\t\t}],
\t\"subscriptions\":\t[{
\t\t\t\"clientid\":\t\"sub\",
\t\t\t\"topic\":\t\"a/#\",
\t\t\t\"qos\":\t1,
\t\t\t\"options\":\t12,
\t\t\t\"identifier\":\t42
\t\t}]
}
";

const ONE_OF_EACH: &str = "DB_CHUNK_CFG:        1\nDB_CHUNK_BASE_MSG:   1\nDB_CHUNK_CLIENT_MSG: 1\nDB_CHUNK_RETAIN:     1\n\
                           DB_CHUNK_SUB:        1\nDB_CHUNK_CLIENT:     1\n";

#[test]
fn a_file_is_shown_in_every_form() {
    let folder = scratch_folder("db_dump-forms");
    with_everything(&folder);
    check(&folder, &["all.db"], 0, EVERYTHING, "");
    check(&folder, &["--stats", "all.db"], 0, ONE_OF_EACH, "");
    check(&folder, &["--client-stats", "all.db"], 0, "SC: 1 SS: 18 MC: 1 MS: 115   sub\n", "");
    // Mosquitto's has the Subscription Identifier where the store id belongs.
    let theirs = EVERYTHING_AS_JSON.replacen("\"sub\",\n\t\t\t\"storeid\":\t9", "\"sub\",\n\t\t\t\"storeid\":\t42", 1);
    check(&folder, &["--json", "all.db"], 0, &theirs, "");
    let right = run(midge_program(), &["db_dump", "--json", "all.db"], "", &folder);
    assert_eq!(right.stdout, EVERYTHING_AS_JSON);
}

#[test]
fn a_reader_that_has_gone_is_a_normal_end() {
    let folder = scratch_folder("db_dump-reader");
    with_everything(&folder);
    for arguments in
        [&["db_dump", "all.db"][..], &["db_dump", "--json", "all.db"], &["db_dump", "--help"], &["completions", "zsh"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(midge_program());
        let output = command.args(arguments).current_dir(&folder).stdout(writer).output().expect("it ends");
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{arguments:?}");
    }
}

/// A file that has nothing behind its header but this.
fn file(folder: &Path, name: &str, version: u8, chunks: &[&[u8]]) {
    let header = [b"\0\xB5\0mosquitto db\0\0\0\0\0\0\0".as_slice(), &[version]].concat();
    fs::write(folder.join(name), [header, chunks.concat()].concat()).expect("written");
}

#[test]
fn old_versions_are_shown() {
    let folder = scratch_folder("db_dump-old");
    let config = [&[0, 1, 0, 0, 0, 10, 1, 8][..], &51_u64.to_le_bytes()].concat();
    let client = [&[0, 6, 0, 0, 0, 13, 0, 1, b'c', 0, 7][..], &1_600_000_000_u64.to_le_bytes()].concat();
    for version in [3, 4] {
        file(&folder, "old.db", version, &[&config, &client]);
        let expected = format!(
            "Mosquitto DB dump\nCRC: 0\nDB version: {version}\nDB_CHUNK_CFG:\n\tLength: 10\n\tShutdown: 1\n\tDB ID size: 8\n\tLast \
             DB ID: 51\nDB_CHUNK_CLIENT:\n\tLength: 13\n\tClient ID: c\n\tLast MID: 7\n\tSession expiry time: 0\n\tSession \
             expiry interval: 0\n"
        );
        check(&folder, &["old.db"], 0, &expected, "");
    }
}

#[test]
fn damage_is_told_as_mosquitto_tells_it() {
    let folder = scratch_folder("db_dump-damaged");
    check(&folder, &["nowhere.db"], 0, "", "Error: Unable to open nowhere.db\n");
    fs::write(folder.join("text"), "A text that is no database.").expect("written");
    check(&folder, &["text"], 1, "", "Error: Unrecognised file format.\n");
    fs::write(folder.join("short"), b"\0\xB5\0mosquitto").expect("written");
    check(&folder, &["--stats", "short"], 1, "", "");
    file(&folder, "cut", 6, &[&[0, 0, 0, 1, 0, 0, 0, 16, 9]]);
    check(&folder, &["--stats", "cut"], 1, "", "Error: Corrupt persistent database.\n");
    let config = [&[0, 0, 0, 1, 0, 0, 0, 16, 9, 0, 0, 0, 0, 0, 0, 0, 1, 5][..], &[0; 6]].concat();
    file(&folder, "small-ids", 6, &[&config]);
    let incompatible = "Error: Incompatible database configuration (dbid size is 5 bytes, expected 8)";
    check(&folder, &["--stats", "small-ids"], 1, "", incompatible);
    file(&folder, "unknown", 6, &[&[0, 0, 0, 99, 0, 0, 0, 200, 1]]);
    let unknown =
        "Warning: Unsupported chunk \"99\" of length 200 in persistent database file at position 31. Ignoring.\n";
    check(&folder, &["unknown"], 0, "Mosquitto DB dump\nCRC: 0\nDB version: 6\n", unknown);
    let said = run(midge_program(), &["db_dump", "--stats", "cut"], "", &folder);
    let expected = "Error: Corrupt persistent database: at byte 32, in a chunk of 16 bytes that is the configuration: the file ends \
                    in the middle, so something of it is missing.\n";
    assert_eq!((said.status, said.stderr.as_str()), (Some(1), expected));
}

#[test]
fn a_wrong_line_is_told() {
    let folder = scratch_folder("db_dump-wrong");
    let check = |arguments: &[&str], message: &str| {
        let said = db_dump(&folder, arguments);
        assert_eq!((said.status, said.stderr.lines().next()), (Some(1), Some(message)), "{arguments:?}");
    };
    check(&[], "Error: Which file? Name the mosquitto.db.");
    check(&["a", "b"], "Error: Only one file can be shown at once.");
    check(&["--jsn", "a"], "Error: Unknown option '--jsn'.");
    check(&["--json", "--stats", "a"], "Error: Only one of --stats, --client-stats and --json may be used at once.");
}

#[test]
fn what_mosquitto_has_kept_is_shown() {
    let Some(debians) = need(debian_program("mosquitto")) else { return };
    let mut server = Launch::new().program(debians).start("persistence true\n");
    keep_something(&server);
    server.terminate();
    let path = server.path("mosquitto.db").to_string_lossy().into_owned();
    check(&scratch_folder("db_dump-mosquitto"), &["--stats", &path], 0, ONE_OF_EACH, "");
}

#[test]
fn a_log_of_ours_is_shown_when_its_server_has_ended() {
    let folder = scratch_folder("db_dump-log");
    let mut server = Server::start("persistence true\n");
    keep_something(&server);
    let log: PathBuf = server.path("mosquitto.db.midge");
    let path = log.to_string_lossy().into_owned();
    let running = db_dump(&folder, &[&path]);
    assert!(running.status == Some(1) && running.stderr.contains("midge backup"), "{running:?}");
    server.terminate();
    let said = db_dump(&folder, &[&path]);
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    for line in ["\tClient ID: sub\n", "\tTopic: a/b\n", "\tPayload: kept\n", "DB_CHUNK_RETAIN:\n"] {
        assert!(said.stdout.contains(line), "{line:?} in {}", said.stdout);
    }
    let of_mosquitto = server.path("mosquitto.db").to_string_lossy().into_owned();
    check(&folder, &["--stats", &of_mosquitto], 0, ONE_OF_EACH, "");
}

/// A Session with a Subscription, and a Retained Message that waits for it.
fn keep_something(server: &Server) {
    Conversation::with(server).play(
        "sub connects v311 id=sub
         sub subscribes a/# qos=1
         sub disconnects
         pub connects v311 clean
         pub publishes a/b qos=1 retain m=kept
         pub disconnects",
    );
}
