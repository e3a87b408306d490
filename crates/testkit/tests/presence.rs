//! `sys_presence`: who is there, below `$SYS/broker/clients`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use midge_testkit::{Conversation, Server, check, on_each_shard_count};
use serde_json::Value;

/// Ada's, which is `secret`.
const PASSWORDS: &str = "ada:$6$AAECAwQFBgcICQoL$JqsxEv/ucyxjA5DKsQ+Y8CDWaQDNQI9FpAkmfwAqWfwZLk/JEGgM0EpylrJHAZKKyFQjJeZ3nFaHjPzOzPPmPw==\n";

/// What is retained of a client: whether it is connected, and its status.
fn standing(server: &Server, topic: &str) -> Option<(String, Value)> {
    let mut client = server.connect();
    client.send(&format!("CONNECT v311 clean & SUBSCRIBE id=1 $SYS/broker/clients/{topic}/+"));
    let packets = client.receive_until_quiet(Duration::from_millis(100));
    let value = |what: &str| {
        let topic = format!("$SYS/broker/clients/{topic}/{what}");
        packets.iter().find(|packet| packet.text("topic").as_deref() == Some(&*topic))?.text("m")
    };
    Some((value("connected")?, serde_json::from_str(&value("status")?).expect("JSON")))
}

#[track_caller]
fn wait_for(
    server: &Server,
    topic: &str,
    wanted: impl Fn(&Option<(String, Value)>) -> bool,
) -> Option<(String, Value)> {
    let begun = Instant::now();
    loop {
        let seen = standing(server, topic);
        if wanted(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(8), "{topic}: {seen:?}");
    }
}

#[test]
fn who_comes_and_goes_is_told() {
    on_each_shard_count("sys_presence true\nallow_anonymous true", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "s connects v5 clean
             s subscribes $SYS/broker/clients/a%2Fb/connected
             a> CONNECT v5 clean id=a/b
             a< CONNACK
             s< PUBLISH $SYS/broker/clients/a%2Fb/connected m=1
             a disconnects
             s< PUBLISH $SYS/broker/clients/a%2Fb/connected m=0
             # Nothing is left of who has no Session.
             late connects v5 clean
             late subscribes $SYS/broker/clients/a%2Fb/#
             late< nothing 100ms
             late disconnects
             # Another server's worth of shards may have it now: what is told last is how it stands.
             a> CONNECT v5 clean id=a/b session-expiry-interval=100
             a< CONNACK
             s< PUBLISH $SYS/broker/clients/a%2Fb/connected m=1
             a closes
             s< PUBLISH $SYS/broker/clients/a%2Fb/connected m=0
             late connects v5 clean
             late subscribes $SYS/broker/clients/a%2Fb/connected
             late< PUBLISH $SYS/broker/clients/a%2Fb/connected retain m=0
             late disconnects
             # Who comes again before he was missed is there.
             a> CONNECT v5 id=a/b
             a< CONNACK session-present
             s< PUBLISH $SYS/broker/clients/a%2Fb/connected m=1
             b> CONNECT v5 clean id=a/b
             b< CONNACK
             a< DISCONNECT 0x8e",
        );
        wait_for(server, "a%2Fb", |seen| seen.as_ref().is_some_and(|(connected, _)| connected == "1"));
    });
}

#[test]
fn a_status_says_what_is_known_of_a_client() {
    on_each_shard_count("sys_presence true\nallow_anonymous true", |server| {
        let mut talk = Conversation::with(server);
        talk.play("c connects v5 username=ada keep-alive=30 session-expiry-interval=1");
        let (_, status) = wait_for(server, "c", Option::is_some).expect("told");
        let known =
            ["connected", "version", "keep_alive_s", "clean_start", "session"].map(|name| status[name].to_string());
        assert_eq!(known, ["true", "\"5.0\"", "30", "false", "true"], "{status}");
        assert!(status["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{status}");
        assert!(status["time_ms"].as_u64().is_some_and(|time_ms| time_ms > 1_700_000_000_000), "{status}");
        talk.play("c closes");
        let is_away = |seen: &Option<(String, Value)>| seen.as_ref().is_some_and(|(connected, _)| connected == "0");
        let (_, status) = wait_for(server, "c", is_away).expect("told");
        assert_eq!((&status["connected"], &status["session"]), (&Value::Bool(false), &Value::Bool(true)), "{status}");
        assert_eq!(status["reason"], "connection closed by client");
        wait_for(server, "c", Option::is_none);
    });
}

#[test]
fn sessions_that_outlive_the_server_are_told_when_it_is_back() {
    let mut server = Server::start("sys_presence true\nallow_anonymous true\npersistence true");
    let mut talk = Conversation::with(&server);
    talk.play("c connects v5 session-expiry-interval=1000");
    wait_for(&server, "c", Option::is_some);
    server.kill();
    server.restart();
    let (connected, status) = wait_for(&server, "c", Option::is_some).expect("told");
    assert_eq!((connected.as_str(), &status["session"]), ("0", &Value::Bool(true)), "{status}");
}

#[test]
fn who_was_away_already_when_the_server_ended_is_told_since_then() {
    let mut server = Server::start("sys_presence true\nallow_anonymous true\npersistence true");
    let mut talk = Conversation::with(&server);
    talk.play("c connects v5 session-expiry-interval=1000\nc closes");
    let is_away = |seen: &Option<(String, Value)>| seen.as_ref().is_some_and(|(connected, _)| connected == "0");
    wait_for(&server, "c", is_away);
    std::thread::sleep(Duration::from_secs(3));
    let ended_ms = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    server.kill();
    server.restart();
    let (_, status) = wait_for(&server, "c", is_away).expect("told");
    // The log has the wall clock in seconds.
    assert!(status["time_ms"].as_u64().is_some_and(|time_ms| time_ms + 1_000 < ended_ms), "{status} {ended_ms}");
}

#[test]
fn nobody_is_told_of_who_did_not_ask_for_it() {
    check(
        "s connects v5 clean
         s subscribes $SYS/broker/clients/+/connected
         a connects v5 clean
         a disconnects
         s< nothing 200ms",
    );
}

#[test]
fn a_stranger_who_is_refused_says_nothing_of_whose_name_he_gives() {
    let passwords = std::env::temp_dir().join(format!("midge-presence-{}", std::process::id()));
    std::fs::write(&passwords, PASSWORDS).expect("a file in the folder for temporary files");
    let file = passwords.display();
    let server = Server::start(&format!("sys_presence true\nallow_anonymous true\npassword_file {file}"));
    let mut talk = Conversation::with(&server);
    talk.play("c connects v5 session-expiry-interval=100\nc closes");
    let is_away = |seen: &Option<(String, Value)>| seen.as_ref().is_some_and(|(connected, _)| connected == "0");
    let before = wait_for(&server, "c", is_away);
    talk.play(
        "stranger> CONNECT v5 clean id=c username=ada password=guessed
         stranger< CONNACK 0x87
         stranger< closed
         d connects v5 clean",
    );
    wait_for(&server, "d", Option::is_some);
    assert_eq!(standing(&server, "c"), before);
    let _ = std::fs::remove_file(passwords);
}
