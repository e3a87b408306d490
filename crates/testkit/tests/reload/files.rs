//! Files of passwords and rights that change by themselves.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use midge_testkit::environment::scratch_folder;
use midge_testkit::{Conversation, Server, on_each_shard_count};
use rustix::process::Signal;

use crate::{DO_NOT_DO, READ_AGAIN, expect_count, replace};

/// The hash of `secret`.
const SECRET: &str =
    "$7$101$AAECAwQFBgcICQoL$Xr99N9ym9ys8TWxis5ajETJq6EVYzmc6nb8t3pUYnPBbCAbICS4xejTltonXWCtJNBvA+By+TXUqU6qCblO00w==";

/// Passwords and rights of one server.
pub(super) struct Files {
    pub(super) passwords: PathBuf,
    rights: PathBuf,
}

impl Files {
    pub(super) fn new(server: &Server) -> Files {
        let files = Files { passwords: server.path("passwords"), rights: server.path("rights") };
        files.let_in(&["ada", "bob"]);
        fs::write(&files.rights, "user ada\ntopic #\nuser bob\ntopic #\n").expect("written");
        files
    }

    fn let_in(&self, users: &[&str]) {
        let lines: Vec<String> = users.iter().map(|user| format!("{user}:{SECRET}\n")).collect();
        replace(&self.passwords, &lines.concat());
    }

    pub(super) fn lines(&self) -> String {
        let (passwords, rights) = (self.passwords.display(), self.rights.display());
        format!("allow_anonymous false\npassword_file {passwords}\nacl_file {rights}\n")
    }
}

/// Both are there, and one hears the other.
const ADA_AND_BOB: &str = "
    ada> CONNECT v5 username=ada password=secret
    ada< CONNACK 0x00
    bob> CONNECT v5 username=bob password=secret will=t will.m=gone
    bob< CONNACK 0x00
    bob subscribes t qos=1
    ada publishes t qos=1 m=1
    bob receives t qos=1 m=1";

#[test]
fn passwords_and_rights_that_change_count_without_a_signal() {
    on_each_shard_count("", |server| {
        let files = Files::new(server);
        let shards = crate::shards_line(server);
        server.reload_with(&format!("{shards}{}", files.lines()));
        let mut talk = Conversation::with(server);
        talk.play(ADA_AND_BOB);

        // Written in place, as editors do.
        fs::write(&files.rights, "user ada\ntopic #\nuser bob\ntopic write #\n").expect("written");
        expect_count(server, READ_AGAIN, 1);
        talk.play("ada publishes t qos=1 m=2\nbob< nothing\nbob publishes u qos=1 m=3");

        files.let_in(&["ada", "carl"]);
        expect_count(server, READ_AGAIN, 2);
        talk.play(
            "bob< DISCONNECT 0x87
             bob< closed
             ada pings
             carl> CONNECT v5 username=carl password=secret
             carl< CONNACK 0x00
             bob> CONNECT v5 username=bob password=secret
             bob< CONNACK 0x87
             bob< closed",
        );
    });
}

#[test]
fn a_file_that_does_not_do_changes_nothing_and_is_told_once() {
    let server = Server::start("");
    let files = Files::new(&server);
    server.reload_with(&files.lines());
    let mut talk = Conversation::with(&server);
    talk.play(ADA_AND_BOB);

    replace(&files.rights, "user ada\ntopic write #\ntopik #\n");
    expect_count(&server, DO_NOT_DO, 1);
    server.expect_log("*rights:3*");
    talk.play("ada publishes t qos=1 m=2\nbob receives t qos=1 m=2");
    fs::remove_file(&files.passwords).expect("removed");
    fs::write(&files.rights, "user ada\ntopic #\nuser bob\ntopic #\n").expect("written");
    expect_count(&server, DO_NOT_DO, 2);
    talk.play("ada pings\nnew> CONNECT v311 username=bob password=secret\nnew< CONNACK 0x00");
    server.reload();
    server.expect_log("*The configuration was not reloaded: the server goes on as before.");

    files.let_in(&["bob"]);
    expect_count(&server, READ_AGAIN, 1);
    talk.play("ada< DISCONNECT 0x87\nada< closed\nbob pings\nnew pings");
    expect_count(&server, DO_NOT_DO, 2);
}

#[test]
fn a_file_that_was_emptied_is_told_and_takes_nothing_from_anybody_before_a_signal() {
    let server = Server::start("");
    let files = Files::new(&server);
    server.reload_with(&files.lines());
    let mut talk = Conversation::with(&server);
    talk.play(ADA_AND_BOB);

    fs::write(&files.rights, "").expect("emptied");
    expect_count(&server, "*rights has been emptied: *Send SIGHUP if it is to be empty.", 1);
    talk.play("ada publishes t qos=1 m=2\nbob receives t qos=1 m=2");
    fs::write(&files.passwords, "").expect("emptied");
    expect_count(&server, "*passwords has been emptied: *", 1);
    fs::write(&files.rights, "user ada\ntopic #\nuser bob\ntopic #\n").expect("written");
    talk.play("new> CONNECT v311 username=bob password=secret\nnew< CONNACK 0x00");
    assert_eq!(server.count_log(READ_AGAIN), 0, "one of them is still empty");

    server.reload();
    talk.play("ada< DISCONNECT 0x87\nada< closed\nbob< DISCONNECT 0x87\nbob< closed\nnew< closed");
    assert_eq!(server.count_log("*has been emptied*"), 2, "each was told once: {:#?}", server.log());
}

#[test]
fn links_are_followed() {
    let folder = scratch_folder("reload-links");
    let server = Server::start("");
    let files = Files::new(&server);
    let (first, second) = (folder.join("first"), folder.join("second"));
    fs::write(&first, format!("ada:{SECRET}\nbob:{SECRET}\n")).expect("written");
    fs::write(&second, format!("ada:{SECRET}\n")).expect("written");
    fs::remove_file(&files.passwords).expect("removed");
    std::os::unix::fs::symlink(&first, &files.passwords).expect("linked");
    server.reload_with(&files.lines());
    let mut talk = Conversation::with(&server);
    talk.play(ADA_AND_BOB);
    fs::remove_file(&files.passwords).expect("removed");
    std::os::unix::fs::symlink(&second, &files.passwords).expect("linked");
    expect_count(&server, READ_AGAIN, 1);
    talk.play("bob< DISCONNECT 0x87\nbob< closed\nada pings");
}

#[test]
fn files_are_left_alone_where_that_is_wanted() {
    let server = Server::start("");
    let files = Files::new(&server);
    server.reload_with(&format!("{}watch_files false\n", files.lines()));
    let mut talk = Conversation::with(&server);
    talk.play(ADA_AND_BOB);
    files.let_in(&["ada"]);
    std::thread::sleep(LONGER_THAN_A_LOOK);
    talk.play("bob pings");
    server.reload_with(&files.lines());
    talk.play("bob< DISCONNECT 0x87\nbob< closed\nada pings");
    files.let_in(&["bob"]);
    expect_count(&server, READ_AGAIN, 1);
    talk.play("ada< DISCONNECT 0x87\nada< closed");
}

/// Who came in when nobody was asked for a password has shown none.
#[test]
fn a_password_file_that_was_not_there_before_counts_for_who_is_there() {
    let server = Server::start("");
    let files = Files::new(&server);
    let mut talk = Conversation::with(&server);
    talk.play(
        "eve> CONNECT v5 username=ada password=guessed
         eve< CONNACK 0x00
         nobody> CONNECT v5
         nobody< CONNACK 0x00",
    );
    server.reload_with(&format!("password_file {}\nallow_anonymous true\n", files.passwords.display()));
    talk.play("eve< DISCONNECT 0x87\neve< closed\nnobody pings");
    server.reload_with(&files.lines());
    talk.play("nobody< DISCONNECT 0x87\nnobody< closed");
}

const LONGER_THAN_A_LOOK: Duration = Duration::from_millis(2500);

/// A reload that takes its time: whoever comes while it is under way is judged by what it brings.
#[test]
fn who_connects_during_a_reload_is_judged_by_the_new_rules() {
    let server = Server::start("");
    let files = Files::new(&server);
    server.reload_with(&format!("watch_files false\n{}", files.lines()));
    let crowd: Vec<String> = (0..100_000).map(|number| format!("user{number}:{SECRET}\n")).collect();
    replace(&files.passwords, &crowd.concat());
    server.signal(Signal::HUP);
    Conversation::with(&server).play(
        "ada> CONNECT v5 username=ada password=secret
         ada< CONNACK 0x87
         user> CONNECT v5 username=user99999 password=secret
         user< CONNACK 0x00",
    );
}

/// The signal has been sent, and no thread of the server has had a core yet to notice.
#[test]
fn who_connects_right_after_the_signal_is_judged_by_the_new_rules() {
    let server = Server::start("");
    let crowd = Crowd::default();
    thread::scope(|scope| {
        let crowd = &crowd;
        for _ in 0..thread::available_parallelism().map_or(4, usize::from) {
            scope.spawn(|| crowd.keep_a_core_busy());
        }
        let _end = EndOf(crowd);
        for round in 0..20 {
            let allow = round % 2 == 0;
            server.configure(&format!("watch_files false\nallow_anonymous {allow}\n"));
            let mut client = server.connect();
            server.signal(Signal::HUP);
            client.send("CONNECT v5");
            let answer = client.receive().to_string();
            let expected = if allow { "CONNACK 0x00" } else { "CONNACK 0x87" };
            assert!(answer.starts_with(expected), "{answer} in round {round}");
        }
    });
}

/// Threads that leave the server no core of its own.
#[derive(Default)]
struct Crowd {
    is_over: AtomicBool,
}

impl Crowd {
    fn keep_a_core_busy(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }
}

/// Ends them, also when the test fails.
struct EndOf<'a>(&'a Crowd);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}
