//! A collector comes, changes and goes with a reload.

use midge_testkit::environment::midge_with_otlp;
use midge_testkit::{Conversation, Launch};

use crate::collector::{Collector, attributes};
use crate::taken;

#[test]
fn a_collector_begins_changes_and_ends() {
    let Some((first, second)) = Collector::start(taken).zip(Collector::start(taken)) else { return };
    let server = Launch::new().program(midge_with_otlp()).start("");
    let comes = |id: &str| Conversation::with(&server).play(&format!("{id} connects v5 clean\n{id} disconnects"));
    comes("early");
    server.reload_with(&format!("otlp_endpoint {}\notlp_metrics false", first.url()));
    comes("one");
    assert_eq!(attributes(&first.record("connected"))["client_id"], "one");
    assert!(first.read("metrics").is_empty());
    // The next one gets what comes from now on, and numbers, by another name and more often.
    let second_url = format!("{}/behind?tenant=1", second.url());
    server.reload_with(&format!("otlp_endpoint {}\notlp_interval 1\notlp_header x-tenant two", second.url()));
    let before = first.requests(0).len();
    comes("two");
    assert_eq!(attributes(&second.record("connected"))["client_id"], "two");
    let requests = second.requests(4);
    assert!(requests.iter().all(|it| it.header("x-tenant") == Some("two")), "{requests:#?}");
    assert!(requests.iter().filter(|it| it.line == "POST /v1/metrics").count() >= 2, "{requests:#?}");
    assert_eq!(first.requests(0).len(), before);
    // Lines are not wanted any more, nor are they when they are wanted again.
    server.reload_with(&format!("otlp_endpoint {}\notlp_interval 1\notlp_logs false", second.url()));
    comes("three");
    server.reload_with(&format!("otlp_endpoint {second_url}"));
    comes("four");
    let is_four = |it: &midge_testkit::stand_in::Request| it.line.starts_with("POST /behind");
    let mut seen = 4;
    while !second.requests(seen).iter().any(is_four) {
        seen += 1;
    }
    let known: Vec<_> = second.records().iter().map(|it| attributes(it)["client_id"].clone()).collect();
    assert!(!known.contains(&"three".into()) && !known.contains(&"early".into()), "{known:?}");
    // Without one, nothing is sent.
    server.reload_with("");
    let count = second.requests(0).len();
    comes("five");
    server.reload_with("");
    assert!(second.requests(0).len() <= count + 1, "the request of before may still have been under way");
}
