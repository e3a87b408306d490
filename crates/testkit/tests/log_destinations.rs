//! Where log lines go, in which form, and that nobody but the server says what is a line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use midge_testkit::{Conversation, Launch, Server, environment};

/// Waits until a file has a line that contains these words, and gives the whole file.
#[track_caller]
fn expect_in(path: &Path, words: &str) -> String {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(words) {
            return text;
        }
        assert!(Instant::now() < end, "expected {words:?} in {}: {text}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn several_at_once() {
    let lines = "log_dest stderr\nlog_dest topic\nlog_dest file a b.log\nlog_dest syslog";
    let server = Server::start(lines);
    server.expect_log("running");
    expect_in(&server.path("a b.log"), " running");
}

#[test]
fn standard_output() {
    let folder = environment::scratch_folder("log-stdout");
    let config = folder.join("server.conf");
    let port = midge_testkit::ports::free_port();
    fs::write(&config, format!("listener {port} 127.0.0.1\nuser root\nlog_dest stdout\n")).expect("a file");
    let mut command = Command::new(environment::midge_program());
    command.arg("-c").arg(config).stdin(Stdio::null()).stderr(Stdio::null());
    let process = midge_testkit::Process::start(command);
    process.expect_line(" running");
}

#[test]
fn a_file_is_opened_again_when_it_was_moved() {
    let server = Server::start("log_dest file server.log");
    let (path, old) = (server.path("server.log"), server.path("server.log.1"));
    expect_in(&path, " running");
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    // 34 is the first of the real-time signals, which rotates the log and does nothing else.
    for (number, signal) in ["HUP", "34"].into_iter().enumerate() {
        fs::rename(&path, &old).expect("moved");
        let command = format!("kill -{signal} {}", server.process_id());
        assert!(Command::new("sh").args(["-c", &command]).status().expect("a shell").success());
        let end = Instant::now() + Duration::from_secs(10);
        while !path.exists() {
            assert!(Instant::now() < end, "the file is not there again");
            std::thread::sleep(Duration::from_millis(5));
        }
        Conversation::with(&server).play(&format!("c{number} connects v5 clean"));
        expect_in(&path, &format!(" as c{number} "));
        assert!(!fs::read_to_string(&old).expect("the old file").contains(&format!(" as c{number} ")));
    }
}

#[test]
fn topics() {
    let server = Server::start("log_dest topic\nlog_type all\nlog_timestamp false\nsys_interval 0");
    let mut talk = Conversation::with(&server);
    talk.play(
        "s connects v5 clean
         s subscribes $SYS/broker/log/M/# qos=0
         s< PUBLISH $SYS/broker/log/M/subscribe m=\"s 0 $SYS/broker/log/M/#\" message-expiry-interval=20
         s subscribes $SYS/broker/log/N qos=0
         s< PUBLISH $SYS/broker/log/M/subscribe m=\"s 0 $SYS/broker/log/N\" message-expiry-interval=20
         s subscribes a/b qos=0
         s< PUBLISH $SYS/broker/log/M/subscribe m=\"s 0 a/b\" message-expiry-interval=20
         s> UNSUBSCRIBE id=4 a/b
         s<* UNSUBACK id=4 0x00
         s<* PUBLISH $SYS/broker/log/M/unsubscribe m=\"s a/b\" message-expiry-interval=20
         s< nothing
         p> CONNECT v5 clean id=p
         p< CONNACK 0x00",
    );
    // Connections are told; packets, such as those of these lines themselves, never are.
    talk.play("s< PUBLISH $SYS/broker/log/N m={new} message-expiry-interval=20");
    talk.play("s< PUBLISH $SYS/broker/log/N m={connected} message-expiry-interval=20\ns< nothing");
    // Not retained.
    talk.play("late connects v5 clean\n late subscribes $SYS/broker/log/M/unsubscribe qos=0\n late< nothing");
}

#[test]
fn a_stream_of_the_journal_has_priorities() {
    let folder = environment::scratch_folder("log-journal");
    let config = folder.join("server.conf");
    let port = midge_testkit::ports::free_port();
    fs::write(&config, format!("listener {port} 127.0.0.1\nuser root\nlog_timestamp false\n")).expect("a file");
    let journal = fs::File::create(folder.join("journal")).expect("a file");
    let stat = rustix::fs::fstat(&journal).expect("it is open");
    let mut command = Command::new(environment::midge_program());
    command.arg("-c").arg(config).stdin(Stdio::null()).stderr(journal);
    command.env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino));
    let _process = midge_testkit::Process::start(command);
    let text = expect_in(&folder.join("journal"), " running");
    assert!(text.lines().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{text}");
    // Another stream than the one that is meant has none.
    let server = Launch::new().variable("JOURNAL_STREAM", "1:2").start("log_timestamp false");
    assert!(server.expect_log(" running").starts_with("midge"));
}

#[test]
fn every_kind_can_be_asked_for() {
    let script = "s connects v5 clean\n s subscribes a/b qos=1\n s> UNSUBSCRIBE id=1 a/b\n s< UNSUBACK id=1 0x00\n \
                  s disconnects";
    let kinds = [
        ("information", " running"),
        ("notice", "New client connected from"),
        ("debug", "Received SUBSCRIBE from s"),
        ("subscribe", ": s 1 a/b"),
        ("unsubscribe", ": s a/b"),
        ("warning", "Warning: the server runs as root"),
    ];
    for (kind, words) in kinds {
        if kind == "warning" && !rustix::process::geteuid().is_root() {
            continue;
        }
        let server = Server::start(&format!("log_type {kind}"));
        Conversation::with(&server).play(script);
        server.expect_log(words);
        for (other, words) in kinds.iter().filter(|(other, _)| *other != kind) {
            assert_eq!(server.count_log(words), 0, "log_type {kind} and lines of {other}: {:#?}", server.log());
        }
    }
    for kind in ["internal", "websockets", "none"] {
        let server = Server::start(&format!("log_type {kind}"));
        Conversation::with(&server).play(script);
        assert_eq!(server.log(), Vec::<String>::new(), "{kind}");
    }
}

/// What a client says must neither begin a line of its own nor move a terminal, in whatever form lines are written.
#[test]
fn what_clients_say_stays_within_a_line() {
    // The first has characters of control and is refused for it; the second has others that tear lines or turn them round.
    let evil = ["x\u{1}y\u{9b}31m\u{85}\u{7f}", "x31m\u{2028}\u{2029}\u{202e}\u{feff}\u{e0041}\u{e000}"];
    for (format, evil) in ["text", "json"].into_iter().flat_map(|format| evil.map(|evil| (format, evil))) {
        let server = Server::start_with(&["-v"], &format!("log_format {format}"));
        let mut client = server.connect();
        let mut packet = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0x82, 0, 60];
        for text in [evil, evil] {
            packet.extend_from_slice(&(text.len() as u16).to_be_bytes());
            packet.extend_from_slice(text.as_bytes());
        }
        packet.splice(0..0, [0x10, packet.len() as u8]);
        client.send_bytes(&packet);
        drop(client);
        server.expect_log("disconnected");
        for line in server.log() {
            let is_fine = |char: char| char == '\t' || char.is_ascii_graphic() || char == ' ';
            assert!(line.chars().all(is_fine), "{line:?}");
            let begins = if format == "json" { '{' } else { '1' };
            assert!(line.starts_with(begins), "{line:?}");
        }
    }
}

#[test]
fn objects_say_what_they_are_about() {
    let server = Server::start("log_format json\nlog_type all");
    let mut talk = Conversation::with(&server);
    let address = talk.client("s").address();
    talk.play(
        "s connects v5 clean username=ann keep-alive=7
         s subscribes a/\"b\" qos=1
         s> PUBLISH $SYS/x qos=1 id=9 m=x
         s< PUBACK id=9 0x87
         s disconnects",
    );
    server.expect_log(&format!("\"event\":\"new_connection\",\"address\":\"{address}\""));
    for (words, members) in [
        ("running", vec!["\"level\":\"information\",\"event\":\"server\",\"message\":\"midge version".to_owned()]),
        (
            "\"event\":\"connected\"",
            vec![
                "{\"time\":\"20".to_owned(),
                "Z\",\"level\":\"notice\"".to_owned(),
                "\"client_id\":\"s\"".to_owned(),
                format!("\"address\":\"{address}\""),
                "\"username\":\"ann\"".to_owned(),
                "\"keep_alive_s\":7".to_owned(),
            ],
        ),
        ("\"event\":\"publish_denied\"", vec!["\"topic\":\"$SYS/x\"".to_owned(), "\"reason_code\":135".to_owned()]),
        ("\"event\":\"disconnected\",\"client_id\":\"s\"", vec!["\"reason\":\"disconnected by client\"".to_owned()]),
    ] {
        let line = server.expect_log(words);
        for member in members {
            assert!(line.contains(&member), "{member} in {line}");
        }
    }
    let log = server.log();
    assert!(log.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{log:#?}");
}

#[test]
fn objects_about_a_client_say_its_user_name() {
    let passwords = std::env::temp_dir().join(format!("midge-log-passwords-{}", std::process::id()));
    fs::write(&passwords, ADA).expect("a file in the folder for temporary files");
    let server = Server::start(&format!("log_format json\nlog_type all\npassword_file {}", passwords.display()));
    fs::remove_file(passwords).expect("removed");
    let mut talk = Conversation::with(&server);
    talk.play(
        "a> CONNECT v5 username=ada password=secret will=w will.m=x
         a< CONNACK
         a subscribes t
         a> DISCONNECT 0x04",
    );
    for event in ["connected", "sending", "received", "subscribed", "disconnected", "will_published"] {
        let line = server.expect_log(&format!("\"event\":\"{event}\",\"client_id\":"));
        assert!(line.contains("\"username\":\"ada\""), "{line}");
        assert_eq!(line.matches("username").count(), 1, "{line}");
    }
}

/// The password is `secret`.
const ADA: &str = "ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==\n";

#[test]
fn objects_say_who_was_not_let_in() {
    let server = Server::start("log_format json");
    server.reload_with("log_format json\nallow_anonymous false\n");
    let mut talk = Conversation::with(&server);
    let address = format!("\"address\":\"{}\"", talk.client("eve").address());
    talk.play("eve> CONNECT v5 username=ada password=guess\neve< CONNACK 0x87\neve< closed");
    for (event, members) in [
        ("failed_login", vec!["\"reason_code\":135"]),
        ("refused", vec!["\"client_id\":\"eve\"", "\"username\":\"ada\"", "\"reason_code\":135"]),
    ] {
        let line = server.expect_log(&format!("\"event\":\"{event}\""));
        assert!(members.iter().chain([&&*address]).all(|member| line.contains(member)), "{line}");
    }
}
