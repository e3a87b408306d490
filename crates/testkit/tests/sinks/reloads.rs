//! Sinks come, change and go with a reload.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use midge_testkit::Server;
use serde_json::Value;

use crate::{publish, wait_until};
use midge_testkit::stand_in::StandIn;

/// What the server says of itself.
pub(crate) fn overview(server: &Server) -> Value {
    let mut stream = UnixStream::connect(server.path("admin.sock")).expect("the admin socket");
    stream.write_all(b"{\"command\":\"overview\"}\n").expect("it reads");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it answers");
    serde_json::from_str(&line).expect("JSON")
}

#[test]
fn a_sink_begins_changes_and_ends() {
    let kept = "persistence true\npersistence_location .\nadmin_socket admin.sock";
    let (first, second) = (StandIn::start(|_| (200, String::new())), StandIn::start(|_| (200, String::new())));
    let server = Server::start(kept);
    assert_eq!(overview(&server)["sink_webhook"], Value::Null);
    let one = format!("{kept}\nwebhook_url {}\nwebhook_topic a\nwebhook_topic b", first.url());
    server.reload_with(&one);
    publish(&server, &["a qos=1 m=1"]);
    assert!(first.requests(1)[0].text().contains("\"1\""));
    // What it does not want any more it does not get.
    server.reload_with(&format!("{kept}\nwebhook_url {}\nwebhook_topic b", second.url()));
    publish(&server, &["a qos=1 m=2", "b qos=1 m=3"]);
    let [request] = &second.requests(1)[..] else { panic!("one request") };
    assert!(request.text().contains("\"3\"") && !request.text().contains("\"2\""), "{}", request.text());
    assert_eq!(first.requests(1).len(), 1);
    assert_eq!(overview(&server)["sink_webhook"]["written_total"], 1);
    server.reload_with(kept);
    assert_eq!(overview(&server)["sink_webhook"], Value::Null);
    server.expect_log("$midge/webhook*is not in the configuration any more*0 messages*");
}

/// What waits for one that is gone does not wait for ever, and the log says so.
#[test]
fn what_waits_for_a_sink_goes_with_it() {
    let kept = "persistence true\npersistence_location .\nadmin_socket admin.sock";
    let service = StandIn::start(|_| (503, String::new()));
    let mut server = Server::start(&format!("{kept}\nwebhook_url {}\nwebhook_topic #", service.url()));
    publish(&server, &["a qos=1 m=1", "a m=2", "a qos=2 m=3"]);
    service.requests(1);
    wait_until("it is told", || overview(&server)["sink_webhook"]["trouble"] == "status 503");
    assert!(overview(&server)["sink_webhook"]["lag_ms"].as_u64().is_some_and(|lag_ms| lag_ms > 0));
    assert!(server.terminate().success());
    server.restart_with(kept);
    server.expect_log("$midge/webhook*is not in the configuration any more*3 messages that waited in it are gone.");
    assert_eq!(overview(&server)["sessions"], 0);
}

#[test]
fn a_reload_that_cures_a_sink_is_told() {
    let server = Server::start("file_sink missing/m.jsonl\nfile_sink_topic #");
    server.expect_log("Error: The file missing/m.jsonl takes no messages: No such file or directory; *");
    server.reload_with("file_sink m.jsonl\nfile_sink_topic #");
    server.expect_log("The file m.jsonl takes messages again, after * seconds.");
}
