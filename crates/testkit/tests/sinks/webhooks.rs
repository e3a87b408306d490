//! Messages to a web service.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use midge_testkit::Server;
use serde_json::Value;

use crate::publish;
use midge_testkit::stand_in::StandIn;

const KEPT: &str = "persistence true\npersistence_location .";

#[test]
fn lists_of_objects_are_sent_and_signed() {
    let service = StandIn::start(|_| (200, "thanks".to_owned()));
    let server = Server::start(&format!(
        "{KEPT}\nwebhook_url {}/hook?key=1\nwebhook_topic a/#\nwebhook_topic b\nwebhook_secret open sesame",
        service.url()
    ));
    publish(&server, &[r#"a/1 qos=1 m='{"t":1}'"#]);
    let [request] = &service.requests(1)[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /hook?key=1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let signature = request.header("midge-signature").expect("a signature");
    let (time, digest) = signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).expect("both parts");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"open sesame");
    let digest: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).expect("hex")).collect();
    hmac::verify(&key, &[time.as_bytes(), b".", &request.body].concat(), &digest).expect("it is signed");
    let list: Value = serde_json::from_str(request.text()).expect("JSON");
    assert_eq!((&list[0]["topic"], &list[0]["payload"]), (&Value::from("a/1"), &Value::from(r#"{"t":1}"#)));
    let when = list[0]["time"].as_str().expect("a time");
    assert!(
        when.starts_with("20") && when.ends_with('Z') && when.len() == "2024-05-01T12:00:00.000000256Z".len(),
        "{when}"
    );
}

/// Down, it is tried again; what it refuses is set aside, and the others arrive, each once.
#[test]
fn a_service_is_asked_until_it_takes_them() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let service = StandIn::start(|request| match COUNT.fetch_add(1, Ordering::Relaxed) {
        0 => (503, String::new()),
        1 => (500, "later".to_owned()),
        _ if request.text().contains("\"bad\"") => (422, "not this".to_owned()),
        _ => (200, String::new()),
    });
    let server = Server::start(&format!("{KEPT}\nwebhook_url {}\nwebhook_topic #", service.url()));
    publish(&server, &["a qos=1 m=1", "a qos=1 m=bad", "a qos=1 m=2", "a qos=1 m=3"]);
    server.expect_log(
        "Error: The web service*takes no messages: status 503; see the service's own log. Messages wait on disk*",
    );
    server.expect_log("The web service*takes messages again*");
    server.expect_log("Error: The web service*refuses a record: status 422, not this. It is kept in*webhook.refused.");
    publish(&server, &["end qos=1 m=end"]);
    crate::wait_until("the last has come", || service.requests(1).iter().any(|it| it.text().contains("\"end\"")));
    let arrived: Vec<String> = service.requests(4)[2..]
        .iter()
        .filter(|request| !request.text().contains("\"bad\""))
        .flat_map(|request| serde_json::from_str::<Vec<Value>>(request.text()).expect("JSON"))
        .map(|object| object["payload"].as_str().expect("a text").to_owned())
        .collect();
    assert_eq!(arrived, ["1", "2", "3", "end"]);
}

/// Of a server that is killed before it is told, the service hears twice, with the same time.
#[test]
fn what_comes_twice_has_the_same_time() {
    static IS_DEAF: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);
    let service =
        StandIn::start(|_| if IS_DEAF.load(Ordering::Relaxed) { (503, String::new()) } else { (200, String::new()) });
    let mut server = Server::start(&format!("{KEPT}\nwebhook_url {}\nwebhook_topic #", service.url()));
    publish(&server, &["a qos=1 m=x"]);
    let first = service.requests(1)[0].text().to_owned();
    server.kill();
    IS_DEAF.store(false, Ordering::Relaxed);
    let before = service.requests(1).len();
    server.restart();
    assert_eq!(service.requests(before + 1)[before].text(), first);
}
