//! What the API tells and does.

use std::time::Duration;

use midge_testkit::{Client, Server};
use serde_json::{Value, json};

use crate::http::{Console, until};
use crate::logins::{admin, with_admin};
use crate::start;

fn connect(server: &Server, connect: &str) -> Client {
    let mut client = server.connect();
    client.send(&format!("CONNECT {connect}"));
    client.expect("CONNACK 0x00");
    client
}

fn names(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    let mut names: Vec<_> = items.iter().map(|item| item[member].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

/// All items of a list, page by page.
fn all(console: &Console, name: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = console.json(&format!("{name}{cursor}"));
        items.extend(page["items"].as_array().expect("items").clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[test]
fn clients_are_told_with_what_they_do() {
    let (server, console) = start("shards 2");
    let mut busy =
        connect(&server, "v5 clean id=busy username=ada password=x keep-alive=30 session-expiry-interval=60");
    busy.send("SUBSCRIBE id=1 subscription-identifier=7 a/# qos=1 $share/g/b qos=0");
    busy.expect("SUBACK id=1 0x01 0x00");
    busy.send("PUBLISH a/1 m=x");
    busy.expect("PUBLISH a/1 m=x subscription-identifier=7");
    let mut away = connect(&server, "v5 id=away session-expiry-interval=300");
    away.send("SUBSCRIBE id=1 q qos=1");
    away.expect("SUBACK id=1 0x01");
    away.send("DISCONNECT 0x00");
    away.expect_closed();
    busy.send("PUBLISH q qos=1 id=2 m=waits");
    busy.expect("PUBACK id=2");

    let told = console.json("clients/busy");
    assert_eq!(told["state"], "connected");
    assert_eq!(
        (&told["version"], &told["transport"], &told["username"]),
        (&json!("5.0"), &json!("tcp"), &json!("ada"))
    );
    assert_eq!((&told["keep_alive_s"], &told["session_expiry_s"]), (&json!(30), &json!(60)));
    assert_eq!(
        (&told["received_messages"], &told["sent_messages"], &told["subscriptions"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(told["listener"], server.port().to_string());
    assert!(told["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1:")), "{told}");
    let filters: Vec<_> =
        told["subscription_list"].as_array().expect("a list").iter().map(|it| it["filter"].clone()).collect();
    assert_eq!(filters, ["b", "a/#"]);
    assert_eq!(
        (&told["subscription_list"][0]["share"], &told["subscription_list"][1]["identifier"]),
        (&json!("g"), &json!(7))
    );

    let told = console.json("clients/away");
    assert_eq!((&told["state"], &told["queued"], &told["address"]), (&json!("away"), &json!(1), &json!(null)));
    assert_eq!(told["last_disconnect"]["reason"], "the client said goodbye");
    assert_eq!(names(&console.json("clients?state=connected"), "id"), ["busy"]);
    assert_eq!(names(&console.json("clients?state=away"), "id"), ["away"]);
    assert_eq!(names(&console.json("clients?search=ADA"), "id"), ["busy"]);
    assert_eq!(names(&console.json("subscriptions?filter=a/"), "client_id"), ["busy"]);
    assert_eq!(names(&console.json("subscriptions?client=away"), "filter"), ["q"]);
    let overview = console.json("overview");
    assert_eq!(overview["clients"], json!({"connected": 1, "away": 1, "maximum": 2}));
    assert_eq!((&overview["subscriptions"], &overview["shared_groups"]), (&json!(3), &json!(1)));
}

#[test]
fn since_when_somebody_is_away_is_known_after_a_restart() {
    let (mut server, console) = start("persistence true");
    let mut away = connect(&server, "v5 id=away session-expiry-interval=300");
    away.send("DISCONNECT 0x00");
    away.expect_closed();
    let _connected = connect(&server, "v5 id=other session-expiry-interval=300");
    let before = console.json("clients/away");
    std::thread::sleep(Duration::from_secs(3));
    let ended_ms = console.json("overview")["now_ms"].as_u64().expect("a time");
    assert!(server.terminate().success());
    server.restart();
    server.expect_log(" running");
    let told = console.json("clients/away");
    let (was_ms, is_ms) = (before["since_ms"].as_u64().expect("known"), told["since_ms"].as_u64().expect("known"));
    // The log has the wall clock in seconds.
    assert!(was_ms.abs_diff(is_ms) < 1_500, "{was_ms} {is_ms}");
    let longest = console.json("clients?sort=since_ms&limit=2");
    assert_eq!((&longest["items"][0]["id"], &longest["items"][1]["id"]), (&json!("away"), &json!("other")));
    assert!(longest["items"][1]["since_ms"].as_u64().is_some_and(|since_ms| since_ms + 1_500 > ended_ms), "{longest}");
}

#[test]
fn what_a_path_does_not_know_behind_the_question_mark_is_refused() {
    let (_server, console) = start("");
    let check = |target: &str, expected: &str| {
        let answer = console.get(&format!("/api/midge/v1/{target}"));
        assert_eq!(answer.error(), (400, "parameter".to_owned()), "{target}");
        assert_eq!(answer.json()["message"], expected, "{target}");
    };
    let windows = "There is no parameter 'windw' here. The parameters are: window.";
    check("series?windw=1h", windows);
    check("series?window=1h&window=15m", "The parameter 'window' is given more than once.");
    check("overview?x", "There is no parameter 'x' here. Nothing may stand behind the '?' of this path.");
    check("clients/c?id=d", "There is no parameter 'id' here. Nothing may stand behind the '?' of this path.");
    assert_eq!(console.get("/api/v1/systree?x=1&x=1").status, 200, "Mosquitto's takes no notice");
}

#[test]
fn long_lists_are_told_in_pages_and_nothing_twice() {
    let (server, console) = start("shards 2");
    let mut keeper = connect(&server, "v5 clean id=keeper");
    for number in 0..250 {
        keeper.send(&format!("PUBLISH r/{number} retain m={number}"));
        let mut client = connect(&server, &format!("v5 id=c{number} session-expiry-interval=300"));
        client.send("SUBSCRIBE id=1 s/a qos=1 s/b qos=1");
        client.expect("SUBACK id=1 0x01 0x01");
    }
    keeper.send("PINGREQ");
    keeper.expect("PINGRESP");
    let mut ids: Vec<_> = all(&console, "clients?limit=7").iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids.len(), 251);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 251);
    assert_eq!(all(&console, "subscriptions?limit=33").len(), 500);
    assert_eq!(all(&console, "retained?filter=r/%23&limit=33").len(), 250);
    let retained = &console.json("overview")["retained"];
    let of_clients =
        |all: &str, own: &str| retained[all].as_u64().zip(retained[own].as_u64()).map(|(all, own)| all - own);
    assert_eq!(of_clients("count", "own_count"), Some(250), "what the server says of itself is told apart: {retained}");
    assert!(of_clients("bytes", "own_bytes").is_some_and(|bytes| (1250..=2500).contains(&bytes)), "{retained}");
    assert_eq!(all(&console, "topics?filter=r/%23&limit=33").len(), 250);
}

#[test]
fn the_first_of_all_clients_are_told_sorted() {
    let (server, console) = start("shards 2");
    let mut away = connect(&server, "v5 id=away session-expiry-interval=300");
    away.send("SUBSCRIBE id=1 work qos=1");
    away.expect("SUBACK id=1 0x01");
    away.send("DISCONNECT 0x00");
    away.expect_closed();
    let (mut slow, mut busy) = (connect(&server, "v5 clean id=slow"), connect(&server, "v5 clean id=busy"));
    let publish = |client: &mut Client, count: u32| {
        for _ in 0..count {
            client.send("PUBLISH work qos=1 id=9 m=x");
            client.expect("PUBACK id=9");
        }
    };
    let first = |query: &str| {
        let answer = console.json(&format!("clients?limit=1&sort={query}"));
        assert_eq!((&answer["total"], &answer["next"]), (&json!(3), &Value::Null), "{answer}");
        answer["items"][0].clone()
    };
    publish(&mut slow, 3);
    publish(&mut busy, 20);
    assert_eq!(
        first("received_messages_per_s&order=desc")["id"],
        "busy",
        "they are compared by all that they have sent"
    );
    publish(&mut slow, 20);
    let slow_now = first("received_messages_per_s&order=desc");
    assert_eq!(slow_now["id"], "slow", "then by what they have sent since");
    assert!(slow_now["received_messages_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{slow_now}");
    let longest = first("queued&order=desc");
    assert_eq!((&longest["id"], &longest["queued"]), (&json!("away"), &json!(43)));
    assert_eq!(first("id")["id"], "away");
    assert_eq!(first("address&order=desc")["state"], "connected", "who has no address comes last");
}

#[test]
fn clients_are_sent_away_and_their_sessions_ended() {
    let (server, console) = start(&format!("shards 2\n{}", with_admin("sent-away")));
    let ada = admin(&console);
    let mut victim = connect(&server, "v5 id=a/b session-expiry-interval=300 will=will will.m=gone");
    let mut watcher = connect(&server, "v5 clean id=watcher");
    watcher.send("SUBSCRIBE id=1 will qos=0");
    watcher.expect("SUBACK id=1 0x00");
    assert_eq!(ada.post("clients/a%2Fb/disconnect", &json!({})).status, 204);
    victim.expect("DISCONNECT 0x98");
    victim.expect_closed();
    watcher.expect("PUBLISH will m=gone");
    assert_eq!(ada.json("clients/a%2Fb")["state"], "away", "its session lives on");
    assert_eq!(ada.post("clients/a%2Fb/disconnect", &json!({"end_session": true})).status, 204);
    assert_eq!(ada.get("/api/midge/v1/clients/a%2Fb").status, 404);
    assert_eq!(ada.post("clients/a%2Fb/disconnect", &json!({})).status, 404);
    server.expect_log("Console: ada at 127.0.0.1:* disconnected the client 'a/b'.");
    server.expect_log("Console: ada at 127.0.0.1:* ended the session of the client 'a/b'.");
}

#[test]
fn what_is_published_here_is_as_from_a_client_also_after_a_restart() {
    let lines = format!("persistence true\npersistence_location ./\n{}", with_admin("published"));
    let (mut server, console) = start(&lines);
    let ada = admin(&console);
    let mut reader = connect(&server, "v5 id=reader session-expiry-interval=300");
    reader.send("SUBSCRIBE id=1 a/# qos=1");
    reader.expect("SUBACK id=1 0x01");
    let properties = json!({"content_type": "text/plain", "user_properties": [["k", "v"]], "response_topic": "re",
                           "correlation_data_base64": "aWQ="});
    let publication = json!({"topic": "a/1", "payload": "21.5", "qos": 1, "retain": true, "properties": properties});
    assert_eq!(ada.post("publish", &publication).json(), json!({"matched": 1}));
    reader.expect(
        "PUBLISH a/1 qos=1 id=? m=21.5 content-type=text/plain response-topic=re correlation-data=id user-property=k:v",
    );
    let binary = json!({"topic": "a/2", "payload_base64": "AAEC", "retain": true});
    assert_eq!(ada.post("publish", &binary).status, 200);
    let told = ada.json("retained?filter=a/2");
    assert_eq!((&told["items"][0]["payload_base64"], &told["items"][0]["bytes"]), (&json!("AAEC"), &json!(3)));
    assert_eq!(ada.post("publish", &json!({"topic": "$SYS/x", "payload": "x"})).error(), (403, "forbidden".to_owned()));
    let large = json!({"topic": "a/3", "payload": "x".repeat(1_900_000)});
    assert_eq!(ada.post("publish", &large).status, 200, "as much as max_packet_size lets through");
    drop(reader);
    server.terminate();
    server.restart();
    let topics = || names(&ada.json("retained?filter=a/%23"), "topic");
    assert_eq!(topics(), ["a/1", "a/2"]);
    let dry = ada.post("retained/delete", &json!({"filter": "a/#", "dry_run": true})).json();
    assert_eq!(dry, json!({"count": 2, "sample": ["a/1", "a/2"], "deleted": 0}));
    let deleted = ada.post("retained/delete", &json!({"topics": ["a/1", "a/9"]})).json();
    assert_eq!((&deleted["count"], &deleted["deleted"]), (&json!(1), &json!(1)));
    assert_eq!(topics(), ["a/2"]);
    server.kill();
    server.restart();
    assert_eq!(topics(), ["a/2"], "what was deleted stays so");
}

#[test]
fn problems_are_told_with_whom_they_happened_to_and_what_helps() {
    let (server, console) = start("max_queued_messages 1\nmax_retained_messages 1");
    let mut refused = server.connect();
    refused.send("CONNECT v5 id=\"\" level=9");
    drop(refused);
    let mut publisher = connect(&server, "v5 clean id=publisher");
    publisher.send("PUBLISH r1 qos=1 id=1 retain m=x");
    publisher.expect("PUBACK id=1 0x10");
    publisher.send("PUBLISH r2 qos=1 id=1 retain m=x");
    publisher.expect("PUBACK id=1 0x97");
    let mut away = connect(&server, "v5 id=away session-expiry-interval=300");
    away.send("SUBSCRIBE id=1 q qos=1");
    away.expect("SUBACK id=1 0x01");
    away.finish();
    until(|| (console.json("clients/away")["state"] == "away").then_some(()));
    for _ in 0..30 {
        publisher.send("PUBLISH q qos=1 id=1 m=x");
        publisher.expect("PUBACK id=1");
    }
    let find = |kind: &str, search: &str| {
        until(|| {
            let told = console.json(&format!("problems?kind={kind}&search={search}"));
            told["items"].as_array().and_then(|items| items.first().cloned())
        })
    };
    let denied = find("denied", "r2");
    assert_eq!((&denied["client_id"], &denied["reason_code"]), (&json!("publisher"), &json!(0x97)));
    assert!(denied["remedy"].as_str().is_some_and(|remedy| remedy.contains("max_retained_messages")), "{denied}");
    let discarded = find("discarded", "away");
    assert_eq!(discarded["reason"], "queue full");
    assert!(discarded["remedy"].as_str().is_some_and(|remedy| remedy.contains("max_queued_messages")), "{discarded}");
    let ended = find("disconnected", "away");
    assert_eq!(ended["reason"], "connection closed by client");
    assert_eq!(console.json("clients/away")["last_disconnect"]["reason"], "connection closed by client");
    let totals = console.json("problems")["totals"].as_array().expect("totals").clone();
    assert!(totals.iter().any(|total| total["kind"] == "discarded" && total["reason"] == "queue full"), "{totals:?}");
    assert!(console.json("overview")["problems_last_hour"].as_u64() >= Some(3));
}

#[test]
fn the_configuration_is_told_line_by_line() {
    let (server, console) = start("max_keepalive 77");
    let told = console.json("config");
    let line = |name: &str| {
        let lines = told["lines"].as_array().expect("lines").iter();
        lines.clone().find(|line| line["directive"] == name).cloned().unwrap_or_else(|| panic!("{name}"))
    };
    assert_eq!((&line("max_keepalive")["value"], &line("max_keepalive")["is_default"]), (&json!("77"), &json!(false)));
    assert_eq!(
        line("sys_interval"),
        json!({"directive": "sys_interval", "value": "10", "line": null, "is_default": true})
    );
    assert!(told["file"].as_str().is_some_and(|file| file.ends_with("server.conf")), "{told}");
    drop(server);
}

#[test]
fn series_have_a_value_for_each_step() {
    let (server, console) = start("shards 2");
    let mut client = connect(&server, "v5 clean id=c");
    let told = until(|| {
        client.send("PUBLISH a m=x");
        let told = console.json("series?window=15m");
        let received = told["series"]["messages_received_per_s"].as_array().cloned().unwrap_or_default();
        received.iter().any(|value| value.as_f64() > Some(0.0)).then_some(told)
    });
    let steps = told["series"]["clients_connected"].as_array().map(Vec::len);
    assert_eq!(told["shard_cpu"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["shard_cpu"][0].as_array().map(Vec::len), steps);
    assert_eq!(told["step_s"], 5);
}

#[test]
fn a_description_of_all_this_is_there() {
    let (_server, console) = start("");
    let told = console.json("openapi.json");
    assert_eq!(told["openapi"], "3.1.0");
    assert!(told["paths"]["/api/midge/v1/clients/{id}"]["get"]["responses"]["404"].is_object(), "{told}");
    assert_eq!(console.json("version")["protocols"], json!(["MQTT 3.1", "MQTT 3.1.1", "MQTT 5.0"]));
    assert_eq!(console.json("sinks"), json!([]));
    let health = console.json("health");
    assert_eq!(health["ready"], true);
    assert_eq!(console.get("/readyz").body, "ready\n");
    assert_eq!(console.ask("HEAD", "/readyz", "").body, "");
}
