//! Failed logins: who guesses has to wait, others come in, and those who watch the log can see where it comes from.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use midge_testkit::environment::{self, workspace};
use midge_testkit::{Client, Conversation, Server};

/// The password of Ada and of Bob is `secret`.
const PASSWORDS: &str = concat!(
    "ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==\n",
    "bob:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==\n"
);

fn start(lines: &str) -> Server {
    start_with(PASSWORDS, lines)
}

fn start_with(passwords: &str, lines: &str) -> Server {
    let name = format!("midge-failed-logins-{}-{}-{}", std::process::id(), passwords.len(), lines.len());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, passwords).expect("a file in the folder for temporary files");
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

/// Who guesses on many connections at once waits as if it were one; of those that come to nothing the client learns so.
#[test]
fn guesses_of_one_address_stand_in_one_line() {
    let server = start("failed_login_delay 1\nsys_interval 1\n");
    let mut talk = Conversation::with(&server);
    talk.play("s connects v311 clean");
    fail(&mut talk, 8);
    let mut guesses: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    guesses.iter_mut().for_each(|client| client.send("CONNECT v5 username=ada password=wrong"));
    let answers: Vec<String> = guesses.iter_mut().map(|client| client.receive().to_string()).collect();
    let count = |code: &str| answers.iter().filter(|answer| answer.ends_with(code)).count();
    let (failed, refused) = (count("0x87"), count("0x9f"));
    assert!((1..=3).contains(&failed) && failed + refused == 40, "{answers:?}");
    server.expect_log("*too many failed logins from this address*");
    talk.play("s> SUBSCRIBE id=1 $SYS/broker/limits/logins/refused");
    while talk.client("s").receive().text("m") != Some(refused.to_string()) {}
}

/// Passwords whose check takes its time: tens of thousands of rounds, one of 25 ms or so after the other.
const SLOW_PASSWORDS: &str = concat!(
    "ada:$7$50000$AAECAwQFBgcICQoL$qtyrlbSkrTGi6w/5tymfMaI6AwNe+QcL0WWZjqWX",
    "00wQTE7gAMuq8/cEbkK/rhvm9/QlqE6DiXnp43AAvOpOFg==\n"
);

/// Guesses that come before the first has failed are looked at by as many as check passwords, and the others then wait as well.
#[test]
fn guesses_that_come_together_are_not_all_looked_at() {
    let server = start_with(SLOW_PASSWORDS, "failed_login_delay 30\nshards 2\n");
    let mut guesses: Vec<Client> = (0..60).map(|_| server.connect()).collect();
    guesses.iter_mut().for_each(|client| client.send("CONNECT v5 username=ada password=wrong"));
    server.expect_log("*too many failed logins from this address*");
    server.expect_log("*Failed login from 127.0.0.1:*");
    let failed = server.log().iter().filter(|line| line.contains("Failed login from")).count();
    assert!((4..=10).contains(&failed), "three are free, and two are checked at a time: {failed}");
}

/// After a restart a whole site comes back, with one User Name.
#[test]
fn who_comes_together_comes_in_if_nobody_fails() {
    let server = start_with(SLOW_PASSWORDS, "failed_login_delay 1\n");
    let mut site: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    site.iter_mut().for_each(|client| client.send("CONNECT v5 username=ada password=secret"));
    site.iter_mut().for_each(|client| drop(client.expect("CONNACK 0x00")));
}

/// A site behind one address, of which one device has the wrong password.
#[test]
fn who_comes_in_does_not_keep_the_others_of_its_address_waiting() {
    let server = start("failed_login_delay 30\n");
    fail(&mut Conversation::with(&server), 9);
    let mut site: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    site.iter_mut().for_each(|client| client.send("CONNECT v5 username=ada password=secret"));
    site.iter_mut().for_each(|client| drop(client.expect("CONNACK 0x00")));
}

/// A site behind one address, one of whose machines guesses Ada's password on as many connections as it can.
#[test]
fn a_guesser_does_not_keep_out_the_others_of_his_address() {
    let server = start("failed_login_delay 30\nallow_anonymous true\n");
    let mut talk = Conversation::with(&server);
    talk.play(
        "d> CONNECT v5 id=device username=ada password=secret
         d< CONNACK 0x00
         d> DISCONNECT
         d< closed",
    );
    fail(&mut talk, 8);
    let mut guesses: Vec<Client> = (0..40).map(|_| server.connect()).collect();
    guesses.iter_mut().for_each(|client| client.send("CONNECT v5 username=ada password=wrong"));
    server.expect_log("*too many failed logins from this address*");
    talk.play(
        "b> CONNECT v5 id=any username=bob password=secret
         b< CONNACK 0x00
         n> CONNECT v5 id=nobody
         n< CONNACK 0x00
         d2> CONNECT v5 id=device username=ada password=secret
         d2< CONNACK 0x00
         s> CONNECT v5 id=stranger username=ada password=secret
         s< CONNACK 0x9f",
    );
}

/// Who knows the Client Identifier of a device guesses its password no faster.
#[test]
fn a_client_that_has_been_in_waits_too_when_it_fails() {
    let server = start("failed_login_delay 30\n");
    let mut talk = Conversation::with(&server);
    talk.play("d> CONNECT v5 id=device username=ada password=secret\nd< CONNACK 0x00\nd> DISCONNECT\nd< closed");
    for number in 0..8 {
        talk.play(&format!(
            "g{number}> CONNECT v5 id=device username=ada password=wrong\ng{number}< CONNACK 0x87\ng{number}< closed"
        ));
    }
    talk.play("g> CONNECT v5 id=device username=ada password=secret\ng< nothing 400ms");
}

#[test]
fn the_delay_may_be_turned_off() {
    let server = start("failed_login_delay 0\n");
    let mut talk = Conversation::with(&server);
    fail(&mut talk, 20);
    talk.play("a> CONNECT v5 username=ada password=secret\na< CONNACK 0x00");
}

/// Otherwise whoever guesses would only have to choose a server whose answers take long.
#[test]
fn a_guess_that_is_answered_after_its_connection_has_gone_is_told_too() {
    let service = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/user", service.local_addr().expect("an address"));
    let server = Server::start(&format!("auth_http_user_url {url}\nconnect_timeout 1\n"));
    let mut guess = server.connect();
    guess.send("CONNECT v5 clean id=g username=ada password=guess");
    let (mut question, _) = service.accept().expect("a question");
    guess.expect_closed();
    assert_eq!(server.count_log("*Failed login from *"), 0);
    question.write_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("an answer");
    server.expect_log(&format!("*Failed login from {}.", guess.address()));
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
