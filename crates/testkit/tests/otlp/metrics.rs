//! What is measured, as it arrives.

use midge_testkit::Conversation;
use midge_testkit::stand_in::Request;

use crate::collector::{Collector, attributes, wait_for};
use crate::{start, taken};

#[test]
fn what_was_published_is_what_the_counter_says() {
    let Some(collector) = Collector::start(taken) else { return };
    let lines = "persistence true\npersistence_location ./\notlp_header Authorization Bearer a secret";
    let server = start(&collector.url(), lines);
    let mut talk = Conversation::with(&server);
    talk.play("d connects v311\nd subscribes t qos=1\nd closes\nc connects v5 clean");
    for _ in 0..7 {
        talk.play("c publishes t qos=1 m=21.5");
    }
    let name = "midge_messages_received_total";
    wait_for("7 messages", || collector.number(name).filter(|count| *count == 7.0));
    let counter = collector.metric(name).expect("it is there");
    let sum = &counter["sum"];
    assert_eq!(
        (&sum["is_monotonic"], &sum["aggregation_temporality"]),
        (&true.into(), &"AGGREGATION_TEMPORALITY_CUMULATIVE".into())
    );
    let time = |name: &str| sum["data_points"][0][name].as_str().and_then(|time| time.parse::<u64>().ok());
    assert!(time("start_time_unix_nano") < time("time_unix_nano") && time("start_time_unix_nano") > Some(0), "{sum}");
    assert!(counter["description"].as_str().is_some_and(|it| it.starts_with("PUBLISH packets")), "{counter}");
    assert_eq!(collector.number("midge_clients_connected"), Some(1.0));
    assert_eq!(collector.number("midge_payload_received_bytes_total"), Some(28.0));
    assert_eq!(collector.metric("midge_payload_received_bytes_total").expect("it is there")["unit"], "By");
    let discarded = collector.metric("midge_discarded_messages_total").expect("it is there");
    assert_eq!(attributes(&discarded["sum"]["data_points"][0])["reason"], "queue full");
    let of_metrics = |it: &Request| it.line == "POST /v1/metrics";
    let request = collector.requests(1).into_iter().find(of_metrics).expect("metrics");
    assert_eq!(request.header("authorization"), Some("Bearer a secret"));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(server.count_log("*a secret*"), 0, "{:#?}", server.log());
    // How long the disk took: each batch is in one of the buckets.
    let histogram = collector.metric("midge_log_sync_seconds").expect("it is there");
    let point = &histogram["histogram"]["data_points"][0];
    let numbers = |name: &str| -> Vec<f64> {
        let number = |it: &serde_json::Value| it.as_str().map_or_else(|| it.as_f64(), |it| it.parse().ok());
        point[name].as_array().expect("numbers").iter().map(|it| number(it).expect("a number")).collect()
    };
    let (bounds, counts) = (numbers("explicit_bounds"), numbers("bucket_counts"));
    assert!(counts.len() == bounds.len() + 1 && bounds.is_sorted(), "{point}");
    assert_eq!(Some(counts.iter().sum::<f64>().to_string().as_str()), point["count"].as_str(), "{point}");
    assert!(counts.iter().sum::<f64>() > 0.0, "{point}");
}

#[test]
fn a_request_says_who_speaks() {
    let Some(collector) = Collector::start(taken) else { return };
    let server = start(&collector.url(), "");
    let first = |kind: &str, field: &str| {
        let request = wait_for(kind, || collector.read(kind).into_iter().next());
        (attributes(&request[field][0]["resource"]), request[field][0].clone())
    };
    let (about, metrics) = first("metrics", "resource_metrics");
    assert_eq!(about["service.name"], "midge");
    assert!(about["service.version"].as_str().is_some_and(|it| !it.is_empty()), "{about}");
    let host = about["host.name"].as_str().expect("a name");
    assert_eq!(about["service.instance.id"], format!("{host}:{}", server.port()));
    assert_eq!(metrics["scope_metrics"][0]["scope"]["name"], "midge");
    assert_eq!(first("logs", "resource_logs").0, about);
}
