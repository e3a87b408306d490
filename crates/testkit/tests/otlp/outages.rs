//! Collectors that are away, refuse, or want to be left alone.

use std::sync::atomic::{AtomicUsize, Ordering};

use midge_testkit::Conversation;
use midge_testkit::client::hex;
use midge_testkit::environment::scratch_folder;
use midge_testkit::ports::free_port;
use midge_testkit::stand_in::Reply;
use midge_testkit::tls::Authority;

use crate::collector::{Collector, attributes, wait_for};
use crate::{start, taken};

/// One line says so, whatever is tried meanwhile; what was told then is there later.
#[test]
fn a_collector_that_was_away_gets_what_was_told() {
    let port = free_port();
    let server = start(&format!("http://127.0.0.1:{port}"), "");
    let line = "Error: The collector at http://127.0.0.1:* takes no *; see whether the collector runs there, and otlp_endpoint.*";
    server.expect_log(line);
    Conversation::with(&server).play("c connects v5 clean\nc publishes t qos=1 m=x\nc disconnects");
    let Some(collector) = Collector::start_at(port, taken) else { return };
    let record = collector.record("connected");
    assert_eq!(attributes(&record)["client_id"], "c");
    wait_for("message", || collector.number("midge_messages_received_total").filter(|count| *count == 1.0));
    server.expect_log("The collector at http://127.0.0.1:* takes what it is sent again, after * seconds.");
    assert_eq!(server.count_log("Error: The collector*"), 1, "{:#?}", server.log());
    // What was told of the collector is not told to the collector.
    let about = |record: &serde_json::Value| record["body"]["string_value"].to_string().contains("The collector");
    assert!(!collector.records().iter().any(about));
}

/// What it will never take is not tried again, and is told once, with what to do.
#[test]
fn a_wrong_address_is_told_in_one_line() {
    let Some(collector) = Collector::start(|_| (404, "no such page".to_owned()).into()) else { return };
    let server = start(&collector.url(), "");
    server.expect_log(
        "Error: The collector at http://127.0.0.1:* refuses *: status 404, no such page; see otlp_endpoint*",
    );
    let mut talk = Conversation::with(&server);
    for number in 0..3 {
        talk.play(&format!("c{number} connects v5 clean"));
        collector.requests(3 * (number + 1));
    }
    assert_eq!(server.count_log("*The collector*"), 1, "{:#?}", server.log());
}

/// Where it speaks https, what it is sent depends on who vouches for its certificate.
#[test]
fn its_certificate_is_vouched_for_or_not() {
    let (authority, folder) = (Authority::new("mine"), scratch_folder("otlp-issuers"));
    let path = |name: &str, authority: &Authority| {
        let path = folder.join(name);
        std::fs::write(&path, authority.certificate()).expect("the folder can be written");
        format!("otlp_cafile {}", path.display())
    };
    let (mine, other) = (path("mine.pem", &authority), path("other.pem", &Authority::new("other")));
    let Some(collector) = Collector::start_secure(&authority.server(), taken) else { return };
    let mut server = start(&collector.url(), &other);
    server.expect_log("Error: The collector at https://127.0.0.1:* takes no *certificate*otlp_cafile*");
    Conversation::with(&server).play("c connects v5 clean\nc disconnects");
    assert_eq!(collector.requests(0), [], "nothing is told to whom nobody vouches for");
    assert!(server.terminate().success());
    let server = start(&collector.url(), &mine);
    Conversation::with(&server).play("d connects v5 clean\nd disconnects");
    assert_eq!(attributes(&collector.record("connected"))["client_id"], "d");
    wait_for("metric", || collector.number("midge_connects_total"));
    assert_eq!(server.count_log("*The collector*"), 0, "{:#?}", server.log());
}

/// Lines that it had no time for come once more, when it said.
#[test]
fn who_is_busy_is_asked_again_when_it_said() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let Some(collector) = Collector::start(|_| match COUNT.fetch_add(1, Ordering::Relaxed) {
        0 => Reply { headers: "retry-after: 2\r\n".to_owned(), ..(503, "busy".to_owned()).into() },
        _ => (200, String::new()).into(),
    }) else {
        return;
    };
    let begun = std::time::Instant::now();
    let server = start(&collector.url(), "otlp_metrics false");
    let [first, second] = &collector.requests(2)[..2] else { panic!("two requests") };
    assert!(begun.elapsed().as_secs() >= 2, "{:?}", begun.elapsed());
    assert_eq!(first.body, second.body);
    server.expect_log("Error: The collector at http://127.0.0.1:* takes no log lines: status 503, busy; *");
    server.expect_log("The collector at http://127.0.0.1:* takes what it is sent again*");
}

/// Field 1 is `partial_success`: 1 is how many it did not take, 2 why.
#[test]
fn what_is_taken_in_part_is_told_and_not_sent_again() {
    let body = b"\x0a\x0b\x08\x02\x12\x07too old".to_vec();
    let headers = "content-type: application/x-protobuf\r\n".to_owned();
    let part = Reply { status: 200, headers, body };
    let Some(collector) = Collector::start(move |_| part.clone()) else { return };
    let server = start(&collector.url(), "otlp_metrics false");
    server.expect_log("Error: The collector at http://127.0.0.1:* takes some of the log lines only: too old; *");
    Conversation::with(&server).play("c connects v5 clean");
    collector.record("connected");
    let records = collector.records();
    let times: std::collections::BTreeSet<String> = records.iter().map(|it| it["time_unix_nano"].to_string()).collect();
    assert_eq!(times.len(), records.len(), "each was sent once");
    assert_eq!(server.count_log("*The collector*"), 1, "{:#?}", server.log());
}

/// A log that tells each packet has no room while the collector is away. Clients notice nothing of it, and what was left out is counted.
#[test]
fn what_finds_no_room_is_counted_and_told_once() {
    let port = free_port();
    let server = start(&format!("http://127.0.0.1:{port}"), "log_type all\notlp_metrics false");
    server.expect_log("Error: The collector at*takes no log lines*wait in memory until it does, 4 MiB of them.");
    let mut client = server.connect();
    client.send("CONNECT v5 clean");
    client.expect("CONNACK 0x00");
    let publish = hex("30 05 00 01 74 00 78");
    client.send_bytes(&publish.repeat(30_000));
    client.send("PINGREQ");
    client.expect("PINGRESP");
    let Some(_collector) = Collector::start_at(port, taken) else { return };
    let told = server.expect_log(
        "Warning: The collector at http://127.0.0.1:* did not take * log lines, which it will not get any more.",
    );
    let count = told.split(' ').find_map(|word| word.parse::<u64>().ok()).expect("a number");
    assert!((1000..30_010).contains(&count), "{told}");
    server.expect_log("The collector at * takes what it is sent again*");
}
