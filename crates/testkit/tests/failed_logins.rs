//! Failed logins: who guesses has to wait, others come in, and those who watch the log can see where it comes from.

use std::fs;
use std::process::Command;

use midge_testkit::environment::{self, workspace};
use midge_testkit::{Conversation, Server};

/// Ada's password is `secret`.
const PASSWORDS: &str = "ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==\n";

fn start(lines: &str) -> Server {
    let path = std::env::temp_dir().join(format!("midge-failed-logins-{}-{}", std::process::id(), lines.len()));
    fs::write(&path, PASSWORDS).expect("a file in the folder for temporary files");
    let server = Server::start(&format!("password_file {}\n{lines}", path.display()));
    fs::remove_file(path).expect("removed");
    server
}

fn fail(talk: &mut Conversation<'_>, times: usize) {
    for number in 0..times {
        talk.play(&format!(
            "f{number}> CONNECT v5 username=ada password=wrong\nf{number}< CONNACK 0x87\nf{number}< closed"
        ));
    }
}

#[test]
fn who_fails_again_and_again_waits_and_nobody_else_does() {
    let server = start("failed_login_delay 1\n");
    let mut talk = Conversation::with(&server);
    talk.play("s connects v5 clean\ns subscribes t");
    fail(&mut talk, 7);
    talk.play(
        "a> CONNECT v5 username=ada password=secret & PUBLISH t m=late
         s pings
         a< nothing 400ms
         s pings
         a< CONNACK 0x00
         s< PUBLISH t m=late
         g> CONNECT v311 username=ada password=guess
         g closes
         s pings",
    );
    server.expect_log("*Failed login from 127.0.0.1:*");
}

#[test]
fn the_delay_may_be_turned_off() {
    let server = start("failed_login_delay 0\n");
    let mut talk = Conversation::with(&server);
    fail(&mut talk, 20);
    talk.play("a> CONNECT v5 username=ada password=secret\na< CONNACK 0x00");
}

/// The filter of the documents finds what the server writes, and is not taken in by what clients choose.
#[test]
fn a_log_watcher_finds_where_failed_logins_come_from() {
    let Some(python) = environment::need(environment::paho(2)) else { return };
    let server = start("shards 1\nlog_type all\nfailed_login_delay 0\n");
    let mut talk = Conversation::with(&server);
    fail(&mut talk, 3);
    talk.play(
        "n> CONNECT v311 id=Failed_login_from_203.0.113.7:1.
         n< CONNACK 0x00
         n> SUBSCRIBE id=1 Failed_login_from_203.0.113.7:1. qos=0
         n< SUBACK id=1 0x00
         n pings",
    );
    server.expect_log("*Sending PINGRESP to *");
    let page = fs::read_to_string(workspace().join("docs/authentication.md")).expect("the page");
    let pattern = page.lines().find_map(|line| line.strip_prefix("failregex = ")).expect("a filter");
    let found = Command::new(python).args(["-c", MATCH, pattern, &server.log().join("\n")]).output().expect("runs");
    let found = String::from_utf8_lossy(&found.stdout);
    assert_eq!(found.lines().collect::<Vec<_>>(), ["127.0.0.1", "127.0.0.1", "127.0.0.1", "2001:db8::1"], "{pattern}");
}

/// As fail2ban does: the time is taken out of the line before, and `<ADDR>` stands for an address of either version.
const MATCH: &str = r#"
import re, sys
address = r"(?P<ip>(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))"
pattern = re.compile(sys.argv[1].replace("<ADDR>", address))
for line in sys.argv[2].split("\n") + ["1700000000: Failed login from 2001:db8::1:4711."]:
    found = pattern.search(re.sub(r"^\d+:", "", line).replace("_", " "))
    if found:
        print(found.group("ip"))
"#;
