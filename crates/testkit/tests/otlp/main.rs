//! Metrics and log lines for a collector of OpenTelemetry: a server with the cargo feature `otlp`, and a stand-in for the collector,
//! whose requests are read with the messages that OpenTelemetry publishes for Python.

mod collector;
mod metrics;
mod outages;
mod reloads;

use std::sync::atomic::{AtomicBool, Ordering};

use midge_testkit::environment::midge_with_otlp;
use midge_testkit::ports::free_port;
use midge_testkit::stand_in::{Reply, Request};
use midge_testkit::{Conversation, Launch, Server};

use crate::collector::{Collector, attributes, wait_for};

/// Says that all was taken.
fn taken(_: &Request) -> Reply {
    (200, String::new()).into()
}

/// A server that sends to this address, with these lines beside. It has no console.
fn start(url: &str, lines: &str) -> Server {
    Launch::new().program(midge_with_otlp()).start(&format!("otlp_endpoint {url}\notlp_interval 1\n{lines}"))
}

/// Who is refused is in a record with his name and address, and why, whatever the log looks like.
#[test]
fn a_refused_login_is_a_record() {
    for format in ["", "log_format json", "log_dest none"] {
        let Some(collector) = Collector::start(taken) else { return };
        let server = start(&collector.url(), &format!("allow_anonymous false\notlp_metrics false\n{format}"));
        Conversation::with(&server).play("c> CONNECT v5 id=eve\nc< CONNACK 0x87\nc< closed");
        let record = collector.record("refused");
        let about = attributes(&record);
        assert_eq!((about["client_id"].as_str(), about["reason"].as_str()), (Some("eve"), Some("not authorised")));
        assert_eq!(about["reason_code"], "135");
        assert!(about["address"].as_str().is_some_and(|it| it.starts_with("127.0.0.1:")), "{about}");
        let sentence = record["body"]["string_value"].as_str().expect("a sentence");
        assert!(sentence.starts_with("Client eve [127.0.0.1:") && sentence.ends_with("not authorised."), "{sentence}");
        assert_eq!(
            (record["severity_text"].as_str(), &record["severity_number"]),
            (Some("notice"), &"SEVERITY_NUMBER_INFO2".into())
        );
        assert!(record["time_unix_nano"].as_str().is_some_and(|time| time.len() == 19), "{record}");
        // What the server said before it spoke to anybody is there too.
        let said = collector.record("server")["body"]["string_value"].to_string();
        assert!(said.contains("midge version") && said.contains("starting"), "{said}");
    }
}

/// What `log_type` keeps from the log, the collector does not get either.
#[test]
fn what_is_not_logged_is_not_sent() {
    let Some(collector) = Collector::start(taken) else { return };
    let server = start(&collector.url(), "log_type error\nlog_type subscribe\notlp_metrics false");
    Conversation::with(&server).play("c connects v5 clean\nc subscribes a/b\nc disconnects");
    let record = collector.record("subscribed");
    assert_eq!(attributes(&record)["topic"], "a/b");
    assert_eq!(collector.records().len(), 1);
}

/// What is there last is sent when the server is told to end, and an end is not held up by a collector that does not answer.
#[test]
fn the_last_lines_are_sent_at_the_end() {
    let Some(collector) = Collector::start(taken) else { return };
    let mut server = start(&collector.url(), "otlp_interval 86400");
    Conversation::with(&server).play("c connects v5 clean\nc publishes t qos=1 m=x\nc disconnects");
    assert!(server.terminate().success());
    let lines: Vec<String> = collector.records().iter().map(|it| it["body"]["string_value"].to_string()).collect();
    assert!(lines.last().is_some_and(|line| line.contains("terminating")), "{lines:#?}");
    assert_eq!(collector.number("midge_messages_received_total"), Some(1.0));
    static ASKED: AtomicBool = AtomicBool::new(false);
    let Some(deaf) = Collector::start(|_| {
        ASKED.store(true, Ordering::Release);
        loop {
            std::thread::park();
        }
    }) else {
        return;
    };
    let mut server = start(&deaf.url(), "");
    wait_for("request", || ASKED.load(Ordering::Acquire).then_some(()));
    assert!(server.terminate().success());
}

/// A server that was built without says how to build it.
#[test]
fn without_the_feature_a_collector_is_refused() {
    let port = free_port();
    let lines = format!("listener {port} 127.0.0.1\notlp_endpoint http://127.0.0.1:4318\notlp_header authorization x");
    let mut server = Server::spawn(&[], &lines, port);
    assert_eq!(server.wait_for_exit().code(), Some(3), "{:#?}", server.log());
    server.expect_log(
        "Error: The 'otlp_endpoint' option needs a server built with the cargo feature otlp, and this one is not.",
    );
    server.expect_log("Build it with: cargo build --release --features otlp");
}
