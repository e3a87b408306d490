//! A server that is made up, and what the routes answer about it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::history::Sample;
use crate::parameters::read_parameters;
use crate::problems::tests::incident;
use crate::problems::{Incident, Kind};
use crate::routes::{Asker, Call, Outcome, Success, find};
use crate::server::{Rules, State};
use crate::source::*;

#[derive(Default)]
struct MadeUp {
    clients: Vec<Client>,
    retained: Vec<Retained>,
    incidents: Mutex<Vec<Incident>>,
    samples: Mutex<Vec<Sample>>,
    published: Mutex<Vec<Publication>>,
    told: Mutex<Vec<String>>,
}

/// Everything but what begins with `secret/`.
struct AllButSecrets;

impl Rights for AllButSecrets {
    fn may_publish(&self, topic: &str) -> bool {
        !topic.starts_with("secret/")
    }

    fn may_receive(&self, topic: &str) -> bool {
        !topic.starts_with("secret/")
    }
}

fn portion<T: Clone>(all: &[T], at: &str) -> Result<Portion<T>, WrongPlace> {
    let from = if at.is_empty() { 0 } else { at.parse::<usize>().map_err(|_| WrongPlace)? };
    let end = all.len().min(from + 100);
    let items = (from..end).map(|index| (all[index].clone(), (index + 1).to_string())).collect();
    Ok(Portion { items, next: (end < all.len()).then(|| end.to_string()) })
}

impl Source for MadeUp {
    fn now_ms(&self) -> u64 {
        1_000_000
    }

    fn about(&self) -> About {
        About { version: "9.9".to_owned(), shards: 2, ..About::default() }
    }

    fn whereabouts(&self) -> Whereabouts {
        Whereabouts::default()
    }

    fn log_in(&self, _: u16, _: SocketAddr, _: Option<&Login>) -> Result<Account, LoginRefusal> {
        Err(LoginRefusal::NotAuthorized)
    }

    fn totals(&self) -> Totals {
        Totals { log: Some(LogTotals { disk_bytes: Some(7), ..LogTotals::default() }), ..Totals::default() }
    }

    fn tallies(&self) -> Tallies {
        let reasons = vec![Reason { kind: "discarded", reason: "queue full", count: 3 }];
        let mut tallies = Tallies { reasons, ..Tallies::default() };
        (tallies.route.counts[3], tallies.route.sum) = (2, 14);
        (tallies.queue_age.counts[6], tallies.queue_age.sum) = (1, 60);
        tallies
    }

    fn clients(&self, at: &Place) -> Result<Portion<Client>, WrongPlace> {
        portion(&self.clients, at)
    }

    fn each_client(&self, visit: &mut dyn FnMut(Client, Option<Rates>)) {
        for (number, client) in self.clients.iter().enumerate() {
            let rates = Rates { received_messages_per_s: number as f64, sent_messages_per_s: 0.0 };
            visit(client.clone(), Some(rates));
        }
    }

    fn forget_rates(&self) {}

    fn client(&self, client_id: &str) -> Option<(Client, Vec<Subscription>)> {
        let client = self.clients.iter().find(|client| client.id == client_id)?;
        let subscription =
            Subscription { client_id: client_id.to_owned(), filter: "a/#".to_owned(), ..Subscription::default() };
        Some((client.clone(), vec![subscription]))
    }

    fn subscriptions(&self, at: &Place) -> Result<Portion<Subscription>, WrongPlace> {
        let all: Vec<_> = self.clients.iter().filter_map(|client| self.client(&client.id)?.1.pop()).collect();
        portion(&all, at)
    }

    fn retained(&self, at: &Place) -> Result<Portion<Retained>, WrongPlace> {
        portion(&self.retained, at)
    }

    fn is_retained(&self, topic: &str) -> bool {
        self.retained.iter().any(|message| message.topic == topic)
    }

    fn disconnect(&self, client_id: &str, _: bool) -> bool {
        self.client(client_id).is_some()
    }

    fn publish(&self, publication: &Publication) -> Result<u64, PublishRefusal> {
        self.published.lock().expect("a lock").push(publication.clone());
        Ok(3)
    }

    fn settle(&self) -> bool {
        true
    }

    fn listeners(&self) -> Vec<Listener> {
        vec![Listener {
            name: "1883".to_owned(),
            port: 1883,
            address: "0.0.0.0".to_owned(),
            protocol: "mqtt",
            tls: false,
            mtls: false,
            clients: 1,
            max_connections: None,
            anonymous: true,
        }]
    }

    fn system_topics(&self) -> Vec<(String, u64)> {
        vec![("$SYS/broker/clients/total".to_owned(), 2)]
    }

    fn configuration(&self) -> Configuration {
        Configuration {
            lines: vec![ConfigurationLine::default()],
            warnings: vec![ConfigurationWarning::default()],
            ..Configuration::default()
        }
    }

    fn explain(&self, question: &Question) -> Result<Explanation, NoListener> {
        let there = ["1883", "/run/midge.sock"].map(str::to_owned);
        let listener = question.listener.clone().unwrap_or_else(|| there[0].clone());
        if !there.contains(&listener) {
            return Err(NoListener(there.into()));
        }
        let rule = Some(("acl".to_owned(), 3, "topic a".to_owned()));
        Ok(Explanation { allowed: true, rule, why: "So.".to_owned(), listener })
    }

    fn sinks(&self) -> Vec<Sink> {
        vec![Sink {
            name: "influxdb",
            target: "http://localhost:8086".to_owned(),
            state: "waiting",
            lag_messages: 1,
            lag_s: 2,
            written: 3,
            refused: 4,
            ignored: 5,
            last_error: None,
        }]
    }

    fn checks(&self) -> Vec<Check> {
        vec![Check { name: "log", ok: false, message: "The log is stuck.".to_owned() }]
    }

    fn take_incidents(&self) -> Vec<Incident> {
        std::mem::take(&mut self.incidents.lock().expect("a lock"))
    }

    fn take_samples(&self) -> Vec<Sample> {
        std::mem::take(&mut self.samples.lock().expect("a lock"))
    }

    fn shard_time_ns(&self) -> Vec<u64> {
        vec![1, 2]
    }

    fn tell(&self, news: &News<'_>) {
        self.told.lock().expect("a lock").push(format!("{}: {}", news.event, news.text));
    }

    fn carry(&self, _: u16, _: SocketAddr, _: bool) -> io::Result<UnixStream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn client(id: &str, is_connected: bool) -> Client {
    let connection = is_connected.then(|| Connection {
        address: "10.0.0.1:5".to_owned(),
        version: "5.0",
        transport: "tcp",
        tls: Some(("TLSv1.3".to_owned(), "X".to_owned())),
        ..Connection::default()
    });
    let left_ms = (id == "c5").then_some(5_000);
    Client { id: id.to_owned(), connection, left_ms, ..Client::default() }
}

fn some() -> (Arc<MadeUp>, State) {
    let clients = (0..250).map(|number| client(&format!("c{number}"), number % 2 == 0));
    let retained = ["a/1", "a/2", "b", "secret/1"].map(|topic| Retained {
        topic: topic.to_owned(),
        bytes: 300,
        payload: Some(vec![b'x'; SHOWN_PAYLOAD_BYTES]),
        ..Retained::default()
    });
    let sample = |topic: &str, payload: &str, time_ms| Sample {
        topic: topic.to_owned(),
        payload: payload.as_bytes().to_vec(),
        payload_bytes: payload.len() as u64,
        time_ms,
        count: 2,
    };
    let samples = vec![
        sample("a/1", r#"{"t":1}"#, 999_000),
        sample("h", "7", 999_500),
        Sample { payload_bytes: 30_000, ..sample("h", "7", 999_600) },
        sample("secret/2", "7", 999_500),
    ];
    let incidents = vec![
        incident(Kind::Refused, "not authorised", "evil", 1),
        incident(Kind::Disconnected, "exceeded timeout", "c1", 2),
        incident(Kind::Left, "the client said goodbye", "c3", 3),
        incident(Kind::Left, "the client said goodbye", "c4", 4),
    ];
    let (incidents, samples) = (Mutex::new(incidents), Mutex::new(samples));
    let source = Arc::new(MadeUp {
        clients: clients.collect(),
        retained: retained.into(),
        incidents,
        samples,
        ..MadeUp::default()
    });
    let state = State::new(Arc::<MadeUp>::clone(&source));
    state.set_rules(Rules { history: vec!["#".to_owned()], ..Rules::default() });
    (source, state)
}

/// What is answered; it is checked against the table.
fn ask(state: &State, method: &str, target: &str, body: Value) -> Result<Value, Refusal> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (route, id) = find(method, path)?;
    let parameters = read_parameters(route, Some(query), id)?;
    if let Some(schema) = &route.body {
        schema.check(&body).map_err(Refusal::parameter)?;
    }
    let account = Account { username: Some("ada".to_owned()), is_verified: true, rights: Arc::new(AllButSecrets) };
    let address = "127.0.0.1:1".parse().expect("an address");
    let asker = Asker { account: Some(account), address, is_local: true, can_see: true, can_change: true };
    let outcome = (route.handler)(&Call { state, parameters, body, asker })?;
    match (outcome, &route.success) {
        (Outcome::Json(value), Success::Json(schema)) => {
            assert_eq!(schema.check(&value), Ok(()), "{target}: {value}");
            Ok(value)
        }
        (Outcome::Text(_, text), Success::Text(_)) => Ok(Value::String(text)),
        (Outcome::Done, Success::Done) => Ok(Value::Null),
        _ => panic!("{target} answers otherwise than the table says"),
    }
}

fn get(state: &State, target: &str) -> Value {
    ask(state, "GET", target, Value::Null).unwrap_or_else(|refusal| panic!("{target}: {refusal:?}"))
}

fn names(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().into_iter().flatten();
    items.map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_route_answers_what_the_table_says() {
    let (_, state) = some();
    let bodies = BTreeMap::from([
        ("disconnect", json!({"end_session": true})),
        ("delete_retained", json!({"filter": "a/#", "dry_run": true})),
        ("publish", json!({"topic": "a", "payload": "x"})),
        ("explain", json!({"client_id": "c", "topic": "a", "access": "publish", "username": null})),
    ]);
    for route in crate::routes::ROUTES {
        let target = route.path.replace("{id}", "c2") + if route.name == "history" { "?topic=a/1" } else { "" };
        let body = bodies.get(route.name).cloned().unwrap_or_default();
        ask(&state, route.method, &target, body).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", route.name));
    }
}

#[test]
fn pages_go_on_where_they_ended() {
    let (_, state) = some();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&state, &format!("/api/midge/v1/clients?state=away&limit=40{cursor}"));
        seen.extend(names(&page, "id"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (0..125).map(|number| format!("c{}", 2 * number + 1)).collect::<Vec<_>>());
    let found = get(&state, "/api/midge/v1/clients?search=C24&limit=1000");
    assert_eq!(found["items"].as_array().map(Vec::len), Some(11));
    let refusal = ask(&state, "GET", "/api/midge/v1/clients?cursor=x", Value::Null).expect_err("no cursor");
    assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
}

#[test]
fn the_first_of_all_clients_are_told_sorted() {
    let (_, state) = some();
    let sorted = |query: &str| get(&state, &format!("/api/midge/v1/clients?{query}"));
    let busiest = sorted("sort=received_messages_per_s&order=desc&limit=3");
    assert_eq!(names(&busiest, "id"), ["c248", "c246", "c244"], "those that are away do nothing");
    assert_eq!((&busiest["total"], &busiest["next"]), (&json!(250), &Value::Null));
    assert_eq!(busiest["items"][0]["received_messages_per_s"], 248.0);
    let found = sorted("sort=id&search=c24&state=away&limit=2");
    assert_eq!((names(&found, "id"), &found["total"]), (vec!["c241".to_owned(), "c243".to_owned()], &json!(5)));
    assert_eq!(names(&sorted("sort=since_ms&state=away&limit=1"), "id"), ["c1"], "it is known when he went");
    for (query, expected) in [
        ("sort=id&cursor=1", "The parameter 'cursor' does not go with 'sort', which gives the first ones of all."),
        ("order=desc", "The parameter 'order' is for 'sort'."),
    ] {
        let refusal = ask(&state, "GET", &format!("/api/midge/v1/clients?{query}"), Value::Null).expect_err(query);
        assert_eq!((refusal.status, refusal.message.as_str()), (StatusCode::BAD_REQUEST, expected));
    }
}

#[test]
fn who_is_away_is_told_with_how_he_went() {
    let (_, state) = some();
    let reason = |id: &str| get(&state, &format!("/api/midge/v1/clients/{id}"))["last_disconnect"]["reason"].clone();
    assert_eq!(reason("c1"), "exceeded timeout");
    assert_eq!(reason("c3"), "the client said goodbye");
    assert_eq!(reason("c4"), "the client said goodbye", "he has come back, and may go again");
    assert_eq!(reason("c2"), Value::Null);
    let refusal = ask(&state, "GET", "/api/midge/v1/clients/nobody", Value::Null).expect_err("nobody");
    assert_eq!(refusal.status, StatusCode::NOT_FOUND);
}

#[test]
fn a_session_tells_since_when_its_client_is_away() {
    let (_, state) = some();
    let since = |id: &str| get(&state, &format!("/api/midge/v1/clients/{id}"))["since_ms"].clone();
    assert_eq!((since("c5"), since("c3"), since("c7")), (json!(5_000), json!(3), Value::Null));
    let longest = get(&state, "/api/midge/v1/clients?sort=since_ms&state=away&limit=3");
    assert_eq!(names(&longest, "id"), ["c1", "c3", "c5"]);
    assert_eq!(longest["items"][1]["last_disconnect"]["reason"], "the client said goodbye");
}

#[test]
fn rights_are_explained_for_a_listener_that_is_there() {
    let (_, state) = some();
    let explain = |listener: Value| {
        let question = json!({"client_id": "c", "topic": "a", "access": "publish", "listener": listener});
        ask(&state, "POST", "/api/midge/v1/explain", question).map(|told| told["listener"].clone())
    };
    assert_eq!(explain(Value::Null), Ok(json!("1883")));
    assert_eq!(explain(json!("/run/midge.sock")), Ok(json!("/run/midge.sock")));
    let refusal = explain(json!("1884")).expect_err("there is none");
    assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    assert_eq!(refusal.message, "There is no listener '1884'. The listeners are: 1883, /run/midge.sock.");
}

#[test]
fn rights_hold_for_messages() {
    let (source, state) = some();
    assert_eq!(names(&get(&state, "/api/midge/v1/retained"), "topic"), ["a/1", "a/2", "b"]);
    assert_eq!(names(&get(&state, "/api/midge/v1/retained?filter=a/%2B"), "topic"), ["a/1", "a/2"]);
    let topics = get(&state, "/api/midge/v1/topics");
    assert_eq!(names(&topics, "topic"), ["a/1", "h", "a/2", "b"]);
    assert!(topics["items"][0]["payload_base64"].is_string(), "{topics}");
    let forbidden = |method: &str, target: &str, body: Value| ask(&state, method, target, body).map_err(|it| it.status);
    let publication = json!({"topic": "secret/1", "payload": "x"});
    assert_eq!(forbidden("POST", "/api/midge/v1/publish", publication), Err(StatusCode::FORBIDDEN));
    assert_eq!(forbidden("GET", "/api/midge/v1/history?topic=secret/2", Value::Null), Err(StatusCode::FORBIDDEN));
    let deleted = ask(&state, "POST", "/api/midge/v1/retained/delete", json!({"filter": "#"})).expect("an answer");
    assert_eq!(deleted, json!({"count": 3, "sample": ["a/1", "a/2", "b"], "deleted": 3}));
    let published = source.published.lock().expect("a lock");
    assert!(published.iter().all(|it| it.retain && it.payload.is_empty() && it.topic != "secret/1"));
    assert_eq!(published.len(), 3);
}

#[test]
fn topics_are_listed_in_pages_over_both_kinds() {
    let (_, state) = some();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&state, &format!("/api/midge/v1/topics?limit=1{cursor}"));
        seen.extend(names(&page, "topic"));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["a/1", "h", "a/2", "b"]);
}

#[test]
fn history_is_told_whole_or_as_numbers() {
    let (_, state) = some();
    let whole = get(&state, "/api/midge/v1/history?topic=a/1");
    let point = json!({"time_ms": 999_000, "payload_base64": "eyJ0IjoxfQ==", "payload_bytes": 7, "truncated": false, "count": 2});
    assert_eq!(whole["points"], json!([point]));
    let numbers = get(&state, "/api/midge/v1/history?topic=a/1&field=t");
    assert_eq!(numbers["points"], json!([[999_000, 1.0]]));
    assert_eq!(get(&state, "/api/midge/v1/history?topic=a/1&since_ms=999001")["points"], json!([]));
}

#[test]
fn history_says_where_only_a_beginning_is_known_and_takes_no_number_from_it() {
    let (_, state) = some();
    let told = get(&state, "/api/midge/v1/history?topic=h");
    let sizes: Vec<_> =
        told["points"].as_array().expect("points").iter().map(|it| (&it["payload_bytes"], &it["truncated"])).collect();
    assert_eq!(sizes, [(&json!(1), &json!(false)), (&json!(30_000), &json!(true))]);
    assert_eq!(get(&state, "/api/midge/v1/history?topic=h&field=")["points"], json!([[999_500, 7.0]]));
}

#[test]
fn what_is_changed_is_told_the_operator() {
    let (source, state) = some();
    let body = json!({"topic": "a", "payload_base64": "eHl6", "qos": 1, "retain": true,
                      "properties": {"user_properties": [["k", "v"]], "content_type": "text/plain",
                                     "correlation_data_base64": "AP8="}});
    ask(&state, "POST", "/api/midge/v1/publish", body).expect("published");
    ask(&state, "POST", "/api/midge/v1/clients/c2/disconnect", json!({})).expect("disconnected");
    let expected = Publication {
        topic: "a".to_owned(),
        payload: b"xyz".to_vec(),
        qos: 1,
        retain: true,
        content_type: Some("text/plain".to_owned()),
        correlation_data: Some(vec![0, 255]),
        user_properties: vec![("k".to_owned(), "v".to_owned())],
        ..Publication::default()
    };
    let published = source.published.lock().expect("a lock");
    assert_eq!(format!("{published:?}"), format!("{:?}", [expected]));
    let told = [
        "console_publish: Console: ada at 127.0.0.1:1 published 3 bytes to 'a', retained.",
        "console_disconnect: Console: ada at 127.0.0.1:1 disconnected the client 'c2'.",
    ];
    assert_eq!(*source.told.lock().expect("a lock"), told);
}

#[test]
fn a_publication_is_checked() {
    let (_, state) = some();
    let wrong = [
        json!({"topic": "a/#"}),
        json!({"topic": ""}),
        json!({"topic": "a", "payload": "x", "payload_base64": "eA=="}),
        json!({"topic": "a", "payload_base64": "?"}),
        json!({"topic": "a", "qos": 3}),
        json!({"topic": "a", "properties": {"response_topic": "+"}}),
        json!({"topic": "a", "properties": {"user_properties": [["k"]]}}),
        json!({"topic": "a", "properties": {"content_type": "x".repeat(70_000)}}),
        json!({"topic": "a", "properties": {"correlation_data_base64": "AP8"}}),
        json!({"topic": "a", "properties": {"correlation_data_base64": "AAAA".repeat(30_000)}}),
        json!({"payload": "x"}),
    ];
    for body in wrong {
        let refusal = ask(&state, "POST", "/api/midge/v1/publish", body.clone()).expect_err("it does not do");
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[test]
fn problems_are_searched_and_have_remedies() {
    let (_, state) = some();
    let all = get(&state, "/api/midge/v1/problems?limit=1");
    assert_eq!(names(&all, "reason"), ["exceeded timeout"]);
    let next = get(&state, &format!("/api/midge/v1/problems?limit=1&cursor={}", all["next"].as_str().expect("more")));
    assert_eq!(names(&next, "reason"), ["not authorised"]);
    assert_eq!(next["next"], Value::Null);
    assert!(next["items"][0]["remedy"].as_str().is_some_and(|remedy| remedy.contains("password_file")));
    assert_eq!(names(&get(&state, "/api/midge/v1/problems?search=EVIL"), "client_id"), ["evil"]);
    assert_eq!(names(&get(&state, "/api/midge/v1/problems?kind=discarded"), "reason"), [""; 0]);
    assert_eq!(get(&state, "/api/midge/v1/overview")["problems_last_hour"], 2);
}

#[test]
fn metrics_are_well_formed() {
    let (_, state) = some();
    let metrics = get(&state, "/metrics");
    let metrics = metrics.as_str().expect("text");
    for line in [
        "midge_build_info{version=\"9.9\"} 1",
        "midge_ready 0",
        "midge_discarded_messages_total{reason=\"queue full\"} 3",
        "midge_top_topic_messages{topic=\"a/1\"} 2",
        "midge_problems_total{kind=\"refused\",reason=\"not authorised\"} 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("secret"), "{metrics}");
}
