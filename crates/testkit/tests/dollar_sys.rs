//! `$SYS/broker/…`: what monitoring programs read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use midge_testkit::{Conversation, Server, check, check_with, on_each_shard_count};

/// All retained `$SYS` topics, as a new subscriber gets them.
fn topics(server: &Server) -> BTreeMap<String, String> {
    let mut client = server.connect();
    client.send("CONNECT v311 clean id=reader & SUBSCRIBE id=1 $SYS/#");
    let packets = client.receive_until_quiet(Duration::from_millis(200));
    let topic = |packet: &midge_testkit::Packet| Some((packet.text("topic")?, packet.text("m").unwrap_or_default()));
    packets.iter().filter_map(topic).collect()
}

/// Waits until the topics, read again and again, are as `wanted` says.
#[track_caller]
fn wait_for(server: &Server, what: &str, wanted: impl Fn(&BTreeMap<String, String>) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(8);
    loop {
        let topics = topics(server);
        if wanted(&topics) {
            return;
        }
        assert!(Instant::now() < deadline, "{what}; got {topics:#?}");
    }
}

fn number(topics: &BTreeMap<String, String>, name: &str) -> Option<u64> {
    topics.get(&format!("$SYS/broker/{name}"))?.parse().ok()
}

#[test]
fn version_and_uptime_are_there_from_the_start() {
    on_each_shard_count("sys_interval 1", |server| {
        let topics = topics(server);
        let version = &topics["$SYS/broker/version"];
        assert!(version.contains(" version "), "{version}");
        let uptime = &topics["$SYS/broker/uptime"];
        let seconds = uptime.strip_suffix(" seconds").and_then(|seconds| seconds.parse::<u32>().ok());
        assert!(seconds.is_some_and(|seconds| seconds < 60), "{uptime}");
    });
}

#[test]
fn all_topics_are_there() {
    on_each_shard_count("sys_interval 1", |server| {
        let mut talk = Conversation::with(server);
        talk.play("a connects v5 clean\n a subscribes t qos=1\n b connects v5 clean\n b publishes t qos=1 m=x\n a receives t qos=1 m=x");
        let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        for load in LOADS {
            for minutes in ["1min", "5min", "15min"] {
                names.push(format!("load/{load}/{minutes}"));
            }
        }
        let missing = |topics: &BTreeMap<String, String>| -> Vec<String> {
            names.iter().filter(|name| !topics.contains_key(&format!("$SYS/broker/{name}"))).cloned().collect()
        };
        let deadline = Instant::now() + Duration::from_secs(4);
        while !missing(&topics(server)).is_empty() && Instant::now() < deadline {}
        assert_eq!(missing(&topics(server)), Vec::<String>::new());
    });
}

#[test]
fn clients_are_counted() {
    on_each_shard_count("sys_interval 1", |server| {
        let mut talk = Conversation::with(server);
        for number in 0..6 {
            talk.play(&format!("c{number} connects v311"));
        }
        talk.play("c0 disconnects\n c1 closes");
        // The reader itself is one more.
        wait_for(server, "5 connected, 2 away", |topics| {
            number(topics, "clients/connected") == Some(5)
                && number(topics, "clients/active") == Some(5)
                && number(topics, "clients/disconnected") == Some(2)
                && number(topics, "clients/inactive") == Some(2)
                && number(topics, "clients/total") == Some(7)
                && number(topics, "clients/maximum").is_some_and(|maximum| maximum >= 7)
        });
    });
}

#[test]
fn messages_and_subscriptions_are_counted() {
    on_each_shard_count("sys_interval 1", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes a b $share/g/c\n p connects v5 clean");
        let retained = number(&topics(server), "retained messages/count").unwrap_or(0);
        for number in 0..20 {
            talk.play(&format!("p publishes a qos=1 m=\"x\"*50\n p publishes r/{number} retain m=x"));
        }
        talk.play("p pings");
        wait_for(server, "20 + 20 PUBLISH in, 20 out, 2 subscriptions, 20 retained", |topics| {
            number(topics, "publish/messages/received") == Some(40)
                && number(topics, "publish/messages/sent").is_some_and(|sent| sent >= 20)
                && number(topics, "publish/bytes/received") == Some(20 * 50 + 20)
                && number(topics, "subscriptions/count").is_some_and(|count| (2..=4).contains(&count))
                && number(topics, "shared_subscriptions/count") == Some(1)
                && number(topics, "retained messages/count").is_some_and(|count| count >= retained + 20)
                && number(topics, "messages/received").is_some_and(|received| received >= 45)
                && number(topics, "bytes/received").is_some_and(|received| received > 1000)
        });
    });
}

#[test]
fn uptime_goes_on() {
    on_each_shard_count("sys_interval 1", |server| {
        let mut client = server.connect();
        client.send("CONNECT v311 clean id=c & SUBSCRIBE id=1 $SYS/broker/uptime");
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.extend(client.receive().text("m"));
            seen.dedup();
        }
        let seconds: Vec<u32> =
            seen.iter().map(|text| text.trim_end_matches(" seconds").parse().expect("a number of seconds")).collect();
        assert!(seconds.is_sorted(), "{seen:?}");
    });
}

#[test]
fn sys_can_be_switched_off() {
    check_with(
        "sys_interval 0",
        "c connects v311 clean
         c subscribes $SYS/#
         c< nothing 300ms",
    );
}

/// `#` does not reach them.
// [MQTT5-4.7.2-1] [MQTT3-4.7.2-1]
#[test]
fn sys_is_not_part_of_everything() {
    check(
        "c connects v311 clean
         c subscribes # +/broker/version
         c< nothing 300ms",
    );
}

const NAMES: &[&str] = &[
    "version",
    "uptime",
    "clients/total",
    "clients/maximum",
    "clients/disconnected",
    "clients/inactive",
    "clients/connected",
    "clients/active",
    "clients/expired",
    "messages/stored",
    "store/messages/count",
    "store/messages/bytes",
    "subscriptions/count",
    "shared_subscriptions/count",
    "retained messages/count",
    "heap/current",
    "heap/maximum",
    "messages/received",
    "messages/sent",
    "bytes/received",
    "bytes/sent",
    "publish/messages/dropped",
    "publish/messages/received",
    "publish/messages/sent",
    "publish/bytes/received",
    "publish/bytes/sent",
    "packet/out/count",
    "packet/out/bytes",
    "connections/socket/count",
];

const LOADS: &[&str] = &[
    "messages/received",
    "messages/sent",
    "publish/dropped",
    "publish/received",
    "publish/sent",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];
