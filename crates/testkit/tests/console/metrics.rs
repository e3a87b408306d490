//! Metrics, and the dashboard that stands on them.

use std::collections::BTreeSet;
use std::fs;

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
    let number = |name: &str| {
        let line = answer.body.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name}"))
    };
    assert!(number("midge_log_disk_bytes") > 0.0 && number("midge_log_sync_seconds_count") > 0.0);
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let (_server, console) = start("persistence true\npersistence_location ./");
    let mut told = families(&console.get("/metrics").body);
    // Those that are told only where there is something to tell.
    told.extend(["midge_problems_total", "midge_top_topic_messages", "midge_top_client_messages"].map(str::to_owned));
    told.extend(
        ["midge_top_client_queued_messages", "midge_log_live_bytes", "midge_log_disk_bytes"].map(str::to_owned),
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
