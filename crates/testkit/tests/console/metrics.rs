//! Metrics, and the dashboard that stands on them.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use midge_testkit::PATIENCE;
use midge_testkit::environment::workspace;
use serde_json::Value;

use crate::start;

/// The families that are told, by their comments; every sample has to be of one of them.
fn families(text: &str) -> BTreeSet<String> {
    let mut families = BTreeSet::new();
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').expect("a kind");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(families.insert(name.to_owned()), "{name} twice");
        } else if !line.starts_with("# HELP ") {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(families.contains(name) || families.contains(family), "{line}");
            let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
            assert!(matches!(value, Some(Ok(_))), "{line}");
        }
    }
    families
}

#[test]
fn metrics_are_told_as_prometheus_reads_them() {
    let (server, console) = start("persistence true\npersistence_location ./\nshards 2");
    let mut client = server.connect();
    client.send("CONNECT v5 id=c session-expiry-interval=300");
    client.expect("CONNACK 0x00");
    client.send("PUBLISH a qos=1 id=1 retain m=x");
    client.expect("PUBACK id=1 0x10");
    let answer = console.get("/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let told = families(&answer.body);
    assert!(told.contains("midge_log_sync_seconds"), "{told:?}");
    for line in [
        "midge_clients_connected 1",
        "midge_messages_received_total 1",
        "midge_ready 1",
        "midge_top_client_messages{client_id=\"c\"} 1",
        "midge_discarded_messages_total{reason=\"queue full\"} 0",
    ] {
        assert!(answer.body.lines().any(|it| it == line), "{line} in {}", answer.body);
    }
    let number = |name| number(&answer.body, name);
    assert!(number("midge_log_disk_bytes") > 0.0 && number("midge_log_sync_seconds_count") > 0.0);
    assert!(number("midge_log_live_bytes") <= number("midge_log_disk_bytes"));
}

/// The value of a sample that has no labels.
#[track_caller]
fn number(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
}

#[test]
fn times_of_messages_are_told() {
    for shards in [1, 3] {
        let (server, console) = start(&format!("shards {shards}"));
        let [mut subscriber, mut publisher] = [(); 2].map(|()| server.connect());
        subscriber.send("CONNECT v5 id=s session-expiry-interval=300 & SUBSCRIBE id=1 a qos=1");
        subscriber.expect("CONNACK 0x00");
        subscriber.expect("SUBACK id=1 0x01");
        publisher.send("CONNECT v5 id=p");
        publisher.expect("CONNACK 0x00");
        for id in 1..=5 {
            publisher.send(&format!("PUBLISH a qos=1 id={id} m=x"));
            publisher.expect(&format!("PUBACK id={id}"));
            subscriber.expect(&format!("PUBLISH a qos=1 id={id} m=x"));
            subscriber.send(&format!("PUBACK id={id}"));
        }
        let told = console.get("/metrics").body;
        let count = number(&told, "midge_route_seconds_count");
        assert!((5.0..=10.0).contains(&count), "{count} with {shards} shards: each once, or once on each of two");
        assert!(number(&told, "midge_route_seconds_sum") < 5.0, "{told}");
        assert_eq!(number(&told, "midge_queue_age_seconds_count"), 0.0);
        drop(subscriber);
        server.expect_log("Client s [127.0.0.1:*] disconnected: *");
        publisher.send("PUBLISH a qos=1 id=6 m=x");
        publisher.expect("PUBACK id=6");
        std::thread::sleep(Duration::from_millis(2_100));
        let mut subscriber = server.connect();
        subscriber.send("CONNECT v5 id=s session-expiry-interval=300");
        subscriber.expect("CONNACK session-present");
        subscriber.expect("PUBLISH a qos=1 id=6 m=x");
        let told = console.get("/metrics").body;
        assert_eq!(number(&told, "midge_queue_age_seconds_count"), 1.0);
        let age_s = number(&told, "midge_queue_age_seconds_sum");
        assert!((2.0..60.0).contains(&age_s), "{age_s}");
    }
}

#[test]
fn sinks_are_told() {
    let (server, console) =
        start("persistence true\npersistence_location ./\nfile_sink points.jsonl\nfile_sink_topic a");
    let mut client = server.connect();
    client.send("CONNECT v5 id=c");
    client.expect("CONNACK 0x00");
    client.send("PUBLISH a qos=1 id=1 m=x");
    client.expect("PUBACK id=1");
    let begun = Instant::now();
    loop {
        let told = console.get("/metrics").body;
        if told.contains("midge_sink_written_total{sink=\"file\"} 1\n") {
            assert!(told.contains("midge_sink_refused_total{sink=\"file\"} 0\n"), "{told}");
            assert!(told.contains("midge_sink_state{sink=\"file\",state=\"connected\"} 1\n"), "{told}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody has to publish anything for that.
#[test]
fn a_sink_that_fails_is_told_before_there_is_a_message() {
    let (server, console) =
        start("persistence true\npersistence_location ./\nfile_sink missing/points.jsonl\nfile_sink_topic a");
    let expect = |line: &str| {
        let begun = Instant::now();
        while !console.get("/metrics").body.contains(line) {
            assert!(begun.elapsed() < PATIENCE, "{}", console.get("/metrics").body);
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    expect("midge_sink_state{sink=\"file\",state=\"failing\"} 1\n");
    let sinks = console.get("/api/midge/v1/sinks").body;
    assert!(sinks.contains("\"last_error\":\"No such file or directory\""), "{sinks}");
    std::fs::create_dir(server.path("missing")).expect("a folder");
    expect("midge_sink_state{sink=\"file\",state=\"connected\"} 1\n");
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let (_server, console) = start("persistence true\npersistence_location ./");
    let mut told = families(&console.get("/metrics").body);
    // Those that are told only where there is something to tell.
    told.extend(["midge_problems_total", "midge_top_topic_messages", "midge_top_client_messages"].map(str::to_owned));
    told.extend(
        ["midge_top_client_queued_messages", "midge_log_disk_bytes", "midge_sink_lag_seconds"].map(str::to_owned),
    );
    let text = fs::read_to_string(workspace().join("docs/grafana/midge.json")).expect("a dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    assert!(dashboard["title"].is_string() && dashboard["schemaVersion"].is_u64(), "{dashboard}");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 8, "{}", panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{panel} asks for nothing"));
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            let names: Vec<&str> = query
                .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
                .filter(|word| word.starts_with("midge_"))
                .collect();
            assert!(!names.is_empty(), "{query}");
            for name in names {
                let family =
                    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
                assert!(told.contains(name) || told.contains(family), "{name} of {query} is not told");
            }
        }
    }
}
