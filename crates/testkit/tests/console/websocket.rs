//! MQTT for browsers, at `/mqtt` of the console's port.

use serde_json::json;

use crate::http::until;
use crate::start;

const OURS: &str = "Origin: http://localhost\r\n";

#[test]
fn browsers_speak_mqtt_on_the_same_port() {
    for shards in [1, 2] {
        let (server, console) = start(&format!("shards {shards}"));
        let mut browser = console.connect();
        browser.upgrade_behind_http(OURS);
        browser.send("CONNECT v5 clean id=browser");
        browser.expect("CONNACK 0x00");
        browser.send("SUBSCRIBE id=1 a/# qos=1");
        browser.expect("SUBACK id=1 0x01");
        let mut device = server.connect();
        device.send("CONNECT v311 clean id=device");
        device.expect("CONNACK 0x00");
        device.send("PUBLISH a/1 qos=1 id=1 m=x");
        device.expect("PUBACK id=1");
        browser.expect("PUBLISH a/1 qos=1 id=? m=x");
        let told = console.json("clients/browser");
        assert_eq!((&told["transport"], &told["listener"]), (&json!("websocket"), &json!(console.port().to_string())));
        let address = told["address"].as_str().unwrap_or_default().to_owned();
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "its own address: {address}");
        let clients = |port: u16| {
            let listeners = console.json("listeners");
            let found = listeners.as_array().into_iter().flatten().find(|it| it["port"] == port).cloned();
            found.map(|listener| listener["clients"].clone())
        };
        assert_eq!(clients(console.port()), Some(json!(1)));
        browser.finish();
        until(|| (clients(console.port()) == Some(json!(0))).then_some(()));
    }
}

#[test]
fn what_a_browser_does_not_read_waits_where_it_comes_from() {
    let (server, console) = start("max_queued_messages 0");
    let mut browser = console.connect();
    browser.upgrade_behind_http(OURS);
    browser.send("CONNECT v5 clean id=browser");
    browser.expect("CONNACK 0x00");
    browser.send("SUBSCRIBE id=1 a qos=0");
    browser.expect("SUBACK id=1 0x00");
    let mut device = server.connect();
    device.send("CONNECT v311 clean id=device");
    device.expect("CONNACK 0x00");
    // More than all sockets on the way have room for: QoS 0 is discarded then, and the server's memory does not grow.
    let before = server.resident_bytes();
    let payload = "x".repeat(60_000);
    for _ in 0..500 {
        device.send(&format!("PUBLISH a m={payload}"));
    }
    device.send("PINGREQ");
    device.expect("PINGRESP");
    until(|| (console.json("overview")["messages"]["discarded"].as_u64() > Some(0)).then_some(()));
    assert!(server.resident_bytes() < before + (24 << 20), "{} bytes more", server.resident_bytes() - before);
    browser.expect(&format!("PUBLISH a m={payload}"));
}

#[test]
fn pages_of_others_are_not_let_in() {
    let (_server, console) = start("");
    let ask = |headers: &str| {
        let mut client = console.connect();
        client
            .ask_upgrade(&format!("Sec-WebSocket-Protocol: mqtt\r\n{headers}"))
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(ask(""), "HTTP/1.1 101 Switching Protocols", "what is no browser says nothing");
    assert_eq!(ask(OURS), "HTTP/1.1 101 Switching Protocols");
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        assert_eq!(ask(&format!("Origin: {origin}\r\n")), "HTTP/1.1 403 Forbidden", "{origin}");
    }
    let mut client = console.connect();
    let head = client.ask_upgrade("Sec-WebSocket-Protocol: chat\r\n");
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert_eq!(console.get("/mqtt").error(), (400, "websocket".to_owned()));
    assert_eq!(console.ask("POST", "/mqtt", "").error(), (405, "method".to_owned()));
}

#[test]
fn listener_options_below_it_count_there() {
    let port = midge_testkit::ports::free_port();
    let server =
        midge_testkit::Server::start(&format!("console_listener {port}\nmax_connections 1\nmount_point browsers/\n"));
    server.expect_log(" running");
    let console = crate::http::Console::at(port);
    let mut first = console.connect();
    first.upgrade_behind_http(OURS);
    first.send("CONNECT v5 clean id=first");
    first.expect("CONNACK 0x00");
    first.send("SUBSCRIBE id=1 a qos=0");
    first.expect("SUBACK id=1 0x00");
    let mut device = server.connect();
    device.send("CONNECT v311 clean id=device");
    device.expect("CONNACK 0x00");
    device.send("PUBLISH browsers/a m=x");
    first.expect("PUBLISH a m=x");
    let mut second = console.connect();
    let head = second.ask_upgrade("Sec-WebSocket-Protocol: mqtt\r\n");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    server.expect_log("Client connection from 127.0.0.1 denied: max_connections exceeded.");
    assert_eq!(console.get("/healthz").status, 200, "HTTP is not counted");
}

#[test]
fn what_the_server_has_ended_is_over_whether_or_not_the_browser_closes() {
    let (server, console) = start("");
    let before = server.open_files();
    let mut browsers: Vec<_> = (0..10).map(|_| console.connect()).collect();
    for browser in &mut browsers {
        browser.upgrade_behind_http(OURS);
        // No packet of MQTT: the shard ends the connection.
        browser.send_bytes(&[0; 4]);
        browser.expect_closed();
    }
    until(|| (server.open_files() <= before).then_some(()));
    drop(browsers);
}

#[test]
fn a_browser_that_reads_nothing_does_not_keep_what_the_server_has_ended() {
    let (server, console) = start("max_queued_messages 0");
    let before = server.open_files();
    let mut browser = console.connect();
    browser.upgrade_behind_http(OURS);
    browser.send("CONNECT v5 clean id=browser");
    browser.expect("CONNACK 0x00");
    browser.send("SUBSCRIBE id=1 a qos=0");
    browser.expect("SUBACK id=1 0x00");
    let mut device = server.connect();
    device.send("CONNECT v311 clean id=device");
    device.expect("CONNACK 0x00");
    let payload = "x".repeat(60_000);
    for _ in 0..500 {
        device.send(&format!("PUBLISH a m={payload}"));
    }
    until(|| (console.json("overview")["messages"]["discarded"].as_u64() > Some(0)).then_some(()));
    device.send("DISCONNECT");
    device.expect_closed();
    // The same Client Identifier: whoever has it is sent away.
    let mut other = server.connect();
    other.send("CONNECT v5 clean id=browser");
    other.expect("CONNACK 0x00");
    other.send("DISCONNECT");
    other.expect_closed();
    until(|| (server.open_files() <= before).then_some(()));
    drop(browser);
}

#[test]
fn the_last_words_of_the_server_reach_a_browser_that_goes_on_talking() {
    let (server, console) = start("");
    let mut browser = console.connect();
    browser.upgrade_behind_http(OURS);
    browser.send("CONNECT v5 clean id=browser");
    browser.expect("CONNACK 0x00");
    let mut other = server.connect();
    other.send("CONNECT v5 clean id=browser");
    other.expect("CONNACK 0x00");
    for _ in 0..20 {
        browser.send("PUBLISH a m=x");
    }
    browser.expect("DISCONNECT 0x8e");
}
