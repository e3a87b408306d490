//! MQTT over WebSocket: what is on the wire, what each option does, and clients as people run them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use midge_testkit::environment::{mqtt_js, need, paho, scratch_folder};
use midge_testkit::ports::free_port;
use midge_testkit::tls::{Authority, Trust, Versions};
use midge_testkit::websocket::{Control, MQTT, UPGRADE_ANSWER, client_frame, upgrade_request};
use midge_testkit::{Client, PATIENCE, Process, Received, Server, on_each_shard_count};
use rustix::process::Signal;

const WEBSOCKETS: &str = "protocol websockets\n";

fn start(lines: &str) -> Server {
    Server::start(&format!("{WEBSOCKETS}{lines}"))
}

fn connect(server: &Server, name: &str) -> Client {
    let mut client = server.connect_websocket();
    client.send(&format!("CONNECT v311 clean id={name}"));
    client.expect("CONNACK");
    client
}

// [MQTT5-6.0.0-4] [MQTT3-6.0.0-4]
#[test]
fn the_answer_has_the_headers_that_clients_compare() {
    let server = start("");
    let check = |headers: &str, expected: &str| {
        assert_eq!(Client::connect(server.address()).ask_upgrade(headers), expected, "{headers}");
    };
    check(MQTT, UPGRADE_ANSWER);
    let old = UPGRADE_ANSWER.replace("Protocol: mqtt", "Protocol: mqttv3.1");
    check("Sec-WebSocket-Protocol: mqttv3.1\r\n", &old);
    check("Sec-WebSocket-Protocol: chat, mqtt\r\n", UPGRADE_ANSWER);
    let refused = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    check("", refused);
    server.expect_log("Client 127.0.0.1 [127.0.0.1:*] disconnected: no WebSocket subprotocol mqtt.");
    check("Sec-WebSocket-Protocol: chat\r\n", refused);
}

// [MQTT5-6.0.0-2] [MQTT3-6.0.0-2]
#[test]
fn packets_and_frames_need_not_fit() {
    on_each_shard_count(WEBSOCKETS, |server| {
        let mut client = server.connect_websocket();
        let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f";
        let subscribe = b"\x82\x06\x00\x01\x00\x01t\x02";
        // A message of three fragments, a ping between two of them, and the next packet in the last one.
        client.send_frame(0x02, &connect[..1]);
        client.send_frame(0x89, b"still there?");
        client.send_frame(0x00, &connect[1..9]);
        client.send_frame(0x80, &[&connect[9..], subscribe].concat());
        client.expect("CONNACK");
        client.expect("SUBACK id=1 0x02");
        client.expect_control(&Control::Pong(b"still there?".to_vec()));
        // Byte by byte on the wire.
        for byte in client_frame(0x82, b"\x32\x08\x00\x01t\x00\x07abc") {
            client.send_raw(&[byte]);
        }
        let mut kinds = [client.receive(), client.receive()].map(|packet| format!("{:?}", packet.kind));
        kinds.sort();
        assert_eq!(kinds, ["Puback", "Publish"]);
    });
}

#[test]
fn frames_may_come_with_the_handshake() {
    let server = start("");
    let mut client = Client::connect(server.address());
    let frame = client_frame(0x82, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01e");
    client.send_bytes(&[upgrade_request(MQTT).as_bytes(), &frame].concat());
    assert_eq!(client.read_head(), UPGRADE_ANSWER);
    match client.receive_within(PATIENCE) {
        // Still with the frame around it.
        Received::Illegal(_, bytes) => assert_eq!(bytes, b"\x82\x04\x20\x02\x00\x00"),
        other => panic!("{other}"),
    }
}

#[test]
fn large_messages_pass_both_ways() {
    on_each_shard_count("protocol websockets\nmax_packet_size 20000000", |server| {
        let mut reader = connect(server, "reader");
        reader.send("SUBSCRIBE id=1 large qos=0");
        reader.expect("SUBACK id=1 0x00");
        let mut writer = connect(server, "writer");
        let mut packet = b"\x30\xc7\x8d\xb7\x01\x00\x05large".to_vec();
        packet.resize(3_000_000 + 12, b'x');
        packet[1..5].copy_from_slice(&[0xC7, 0x8D, 0xB7, 0x01]);
        writer.send_bytes(&packet);
        match reader.receive_within(PATIENCE) {
            Received::Packet(_, bytes) => assert!(bytes == packet, "the message has changed on the way"),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn a_reader_that_comes_late_gets_everything() {
    on_each_shard_count("protocol websockets\nmax_queued_messages 0", |server| {
        let mut reader = server.connect_websocket();
        reader.send("CONNECT v311 clean id=late & SUBSCRIBE id=1 t qos=1");
        reader.expect("CONNACK");
        reader.expect("SUBACK id=1 0x01");
        let mut writer = connect(server, "writer");
        let text = "y".repeat(50_000);
        for id in 1..=400 {
            writer.send(&format!("PUBLISH t qos=1 id={id} m={text}"));
            writer.expect(&format!("PUBACK id={id}"));
        }
        // Who pings and does not read gets answers, and not without end.
        reader.send_frame(0x89, b"slow");
        for _ in 1..=400 {
            let publish = reader.receive();
            let id = publish.number("id").expect("QoS 1");
            reader.send(&format!("PUBACK id={id}"));
        }
        reader.expect_control(&Control::Pong(b"slow".to_vec()));
    });
}

#[test]
fn pings_of_one_who_does_not_read_take_no_memory() {
    let server = start("");
    let mut client = connect(&server, "pinger");
    let before = server.resident_bytes();
    let pings = client_frame(0x89, &[7; 125]).repeat(500);
    for _ in 0..1000 {
        client.send_raw(&pings);
    }
    let growth = server.resident_bytes().saturating_sub(before);
    assert!(growth < 8 << 20, "{growth} bytes");
    let mut other = connect(&server, "other");
    other.send("PINGREQ");
    other.expect("PINGRESP");
}

// [MQTT5-6.0.0-1] [MQTT3-6.0.0-1]
#[test]
fn whoever_breaks_the_rules_is_told_with_a_code() {
    let server = start("");
    let check = |frame: &[u8], code: u16, cause: &str| {
        let mut client = connect(&server, "breaker");
        client.send_raw(frame);
        // More, which nobody reads any more, must not overtake the answer.
        client.send_raw(&client_frame(0x82, &[0xC0; 5000]));
        client.expect_control(&Control::Close(Some(code)));
        client.expect_closed();
        server.expect_log(&format!("Client breaker [*] disconnected: bad socket read/write: {cause}."));
    };
    check(b"\x82\x02\xC0\x00", 1002, "client frame without mask");
    check(&client_frame(0x81, b"text"), 1003, "text frame, where MQTT is binary");
    check(&client_frame(0xC2, b""), 1002, "reserved bits are set");
    check(&client_frame(0x80, b""), 1002, "continuation of no message");
    check(&client_frame(0x09, b""), 1002, "fragmented control frame");
    check(&client_frame(0x88, b"\x03\xE8\xFF"), 1007, "reason of a close frame is not UTF-8");
    check(&client_frame(0x88, b"\x03\xEE"), 1002, "close code that must not be sent");
}

#[test]
fn the_end_is_said_on_both_sides() {
    let mut server = start("");
    let mut client = connect(&server, "polite");
    client.send("DISCONNECT");
    client.expect_control(&Control::Close(Some(1000)));
    client.expect_closed();
    let mut client = connect(&server, "closing");
    client.send_frame(0x88, b"\x0F\xA0bye");
    client.expect_control(&Control::Close(Some(4000)));
    client.expect_closed();
    // Without a DISCONNECT, so with its Will.
    server.expect_log("Client closing [*] disconnected: connection closed by client.");
    let mut client = server.connect_websocket();
    client.send("CONNECT v5 clean id=last");
    client.expect("CONNACK");
    assert!(server.terminate().success());
    client.expect("DISCONNECT 0x8b");
    client.expect_control(&Control::Close(Some(1001)));
}

#[test]
fn origins_that_are_not_named_are_closed_without_an_answer() {
    let server = start("websockets_origin https://example.org\nwebsockets_origin http://localhost:8080");
    let ask = |origin: &str| Client::connect(server.address()).ask_upgrade(&format!("{MQTT}{origin}"));
    assert_eq!(ask("Origin: https://example.org\r\n"), UPGRADE_ANSWER);
    assert_eq!(ask("Origin: http://LOCALHOST:8080\r\n"), UPGRADE_ANSWER);
    assert_eq!(ask(""), UPGRADE_ANSWER);
    assert_eq!(ask("Origin: https://example.org.evil\r\n"), "");
    assert_eq!(ask("Origin: null\r\n"), "");
    server.expect_log("Client 127.0.0.1 [127.0.0.1:*] disconnected: non-matching http origin.");
}

#[test]
fn a_request_is_as_long_as_the_configuration_says() {
    let check = |lines: &str, bytes: usize, is_taken: bool| {
        let server = start(lines);
        let header = format!("{MQTT}Cookie: {}\r\n", "c".repeat(bytes));
        let answer = Client::connect(server.address()).ask_upgrade(&header);
        let expected = if is_taken { "HTTP/1.1 101 " } else { "HTTP/1.1 431 " };
        assert!(answer.starts_with(expected), "{lines} {bytes}: {answer}");
    };
    check("", 3_500, true);
    check("", 4_096, false);
    check("packet_buffer_size 65535", 65_000, true);
    check("websockets_headers_size 100", 500, true);
    check("websockets_headers_size 100", 1_024, false);
}

#[test]
fn the_time_for_a_connect_holds_for_the_handshake_too() {
    let server = start("connect_timeout 1");
    for bytes in ["", "GET /mqtt HT", &upgrade_request(MQTT)] {
        let mut client = Client::connect(server.address());
        client.send_bytes(bytes.as_bytes());
        let begun = Instant::now();
        client.read_to_end();
        assert!(begun.elapsed() >= Duration::from_millis(800), "{bytes}");
    }
    server.expect_log("disconnected: exceeded timeout.");
}

#[test]
fn bytes_that_are_no_http_end_the_connection() {
    let server = start("");
    let mut client = Client::connect(server.address());
    client.send_bytes(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f");
    assert_eq!(client.read_to_end(), "");
    server.expect_log("Client 127.0.0.1 [*] disconnected: not an HTTP request.");
    let mut client = Client::connect(server.address());
    client.send_bytes(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.read_to_end().starts_with("HTTP/1.1 405 "));
    let mut client = Client::connect(server.address());
    client.send_bytes(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.read_to_end().starts_with("HTTP/1.1 426 "));
}

#[test]
fn packets_that_are_too_large_are_so_over_websocket_too() {
    let server = start("max_packet_size 1000");
    let mut client = server.connect_websocket();
    client.send("CONNECT v5 clean id=large");
    client.expect("CONNACK");
    client.send(&format!("PUBLISH t qos=0 m={}", "x".repeat(2000)));
    client.expect("DISCONNECT 0x95");
    client.expect_control(&Control::Close(Some(1000)));
}

#[test]
fn forwarded_addresses_are_believed_of_trusted_proxies_only() {
    let header = format!("{MQTT}X-Forwarded-For: 192.0.2.7, 198.51.100.9\r\n");
    let connect = |server: &Server| {
        let mut client = Client::connect(server.address());
        assert_eq!(client.ask_upgrade(&header), UPGRADE_ANSWER);
        client.send_raw(&client_frame(0x82, b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"));
        client
    };
    let server = start("websockets_trusted_proxy 10.0.0.1\nwebsockets_trusted_proxy 127.0.0.0/8");
    let _client = connect(&server);
    server.expect_log("New client connected from 198.51.100.9:0 as x *");
    for lines in ["", "websockets_trusted_proxy 10.0.0.1"] {
        let server = start(lines);
        let _client = connect(&server);
        server.expect_log("New client connected from 127.0.0.1:* as x *");
    }
}

#[test]
fn over_tls_and_a_unix_socket_it_is_the_same() {
    let (authority, folder) = (Authority::new("authority"), scratch_folder("websocket-tls"));
    let (certificate, key) = authority.server().write(&folder, "server");
    let configuration = format!(
        "{WEBSOCKETS}certfile {}\nkeyfile {}\nlistener 0 m.sock\n{WEBSOCKETS}",
        certificate.display(),
        key.display()
    );
    on_each_shard_count(&configuration, |server| {
        for (number, versions) in [Versions::Tls12, Versions::Tls13].into_iter().cycle().take(6).enumerate() {
            let mut encrypted = server.connect_tls(&Trust::new(&authority, versions, None));
            encrypted.upgrade();
            let mut local = Client::connect_unix(&server.path("m.sock"));
            local.upgrade();
            for (client, name) in [(&mut encrypted, "wss"), (&mut local, "unix")] {
                client.send(&format!("CONNECT v5 clean id={name}-{number} & SUBSCRIBE id=1 both/{number} qos=2"));
                client.expect("CONNACK");
                client.expect("SUBACK id=1 0x02");
            }
            server.expect_log(&format!("Client wss-{number} negotiated TLSv1.*"));
            server.expect_log(&format!("New client connected from m.sock:0 as unix-{number} *"));
            let text = "z".repeat(40_000);
            local.send(&format!("PUBLISH both/{number} m={text}"));
            for client in [&mut encrypted, &mut local] {
                client.expect(&format!("PUBLISH both/{number} m={text}"));
            }
            encrypted.send("DISCONNECT");
            encrypted.expect_control(&Control::Close(Some(1000)));
            encrypted.expect_closed();
        }
    });
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let server = start("");
    let connect = |name: String| connect(&server, &name);
    let warm: Vec<_> = (0..50).map(|number| connect(format!("warm{number}"))).collect();
    let before = server.resident_bytes();
    let idle: Vec<_> = (0..1000).map(|number| connect(format!("idle{number}"))).collect();
    let each = server.resident_bytes().saturating_sub(before) / 1000;
    assert!(each < 4096, "{each} bytes for each of {} connections", warm.len() + idle.len());
}

#[test]
fn a_session_is_resumed_and_a_will_is_published() {
    on_each_shard_count(WEBSOCKETS, |server| {
        let mut watcher = connect(server, "watcher");
        watcher.send("SUBSCRIBE id=1 will qos=0");
        watcher.expect("SUBACK id=1 0x00");
        let mut client = server.connect_websocket();
        client.send("CONNECT v5 id=lasting session-expiry-interval=100 will=will will.m=gone");
        client.expect("CONNACK");
        client.send("SUBSCRIBE id=1 t qos=2");
        client.expect("SUBACK id=1 0x02");
        client.reset();
        watcher.expect("PUBLISH will m=gone");
        watcher.send("PUBLISH t qos=2 id=5 m=kept");
        watcher.expect("PUBREC id=5");
        watcher.send("PUBREL id=5");
        watcher.expect("PUBCOMP id=5");
        let mut client = server.connect_websocket();
        client.send("CONNECT v5 id=lasting session-expiry-interval=100");
        client.expect("CONNACK session-present");
        client.expect("PUBLISH t qos=2 id=1 m=kept");
    });
}

/// Runs a subscriber with a Will and a Session that lasts, and a publisher, both over WebSocket.
fn check_client(
    server: &Server,
    subscribe: impl Fn(&str, &str) -> Option<Process>,
    publish: impl Fn(usize, usize) -> Option<Process>,
) -> Option<()> {
    let mut watcher = connect(server, "watcher");
    watcher.send("SUBSCRIBE id=1 status qos=0");
    watcher.expect("SUBACK id=1 0x00");
    let subscriber = subscribe("status", "gone")?;
    subscriber.expect_line("subscribed");
    assert!(publish(3, 70_000)?.wait_for_exit().success());
    for number in 0..3 {
        subscriber.expect_line(&format!("message room/{number} reading {number} 2*"));
    }
    subscriber.expect_line("message room/large *");
    subscriber.signal(Signal::KILL);
    watcher.expect("PUBLISH status m=gone");
    assert!(publish(2, 10)?.wait_for_exit().success());
    let subscriber = subscribe("status", "gone")?;
    subscriber.expect_line("message room/1 reading 1 2*");
    subscriber.expect_line("message room/large *");
    Some(())
}

#[test]
fn paho_over_websocket() {
    for (major, api) in [(1, "1"), (2, "2")] {
        let server = start("max_packet_size 1000000");
        let program = |name: &str, arguments: &[&str]| {
            let mut command = Command::new(need(paho(major))?);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
            command.args(["-B", "-W", "ignore"]).arg(folder.join(name));
            command.args(["127.0.0.1", &server.port().to_string(), api]).args(arguments);
            Some(Process::start(command))
        };
        check_client(
            &server,
            |topic, payload| program("websocket_subscriber.py", &[topic, payload]),
            |count, size| program("websocket_publisher.py", &[&count.to_string(), &size.to_string()]),
        );
    }
}

/// In both versions, and with TLS as pages from `https` need it.
#[test]
fn mqtt_js_over_websocket() {
    let (authority, folder) = (Authority::new("authority"), scratch_folder("websocket-mqtt-js"));
    let (certificate, key) = authority.server().write(&folder, "server");
    let trusted = folder.join("authority.pem");
    fs::write(&trusted, authority.certificate()).expect("written");
    let port = free_port();
    let encrypted = format!(
        "max_packet_size 1000000\nlistener {port} 127.0.0.1\n{WEBSOCKETS}certfile {}\nkeyfile {}",
        certificate.display(),
        key.display()
    );
    if need(mqtt_js()).is_none() {
        return;
    }
    for (version, scheme) in [("4", "ws"), ("5", "ws"), ("5", "wss")] {
        let server = start(&encrypted);
        server.expect_log("midge version * running");
        let port = if scheme == "wss" { port } else { server.port() };
        let url = format!("{scheme}://127.0.0.1:{port}/mqtt");
        let program = |name: &str, arguments: &[&str]| {
            let mut command = Command::new("node");
            command.env("NODE_PATH", need(mqtt_js())?.join("node_modules")).env("NODE_EXTRA_CA_CERTS", &trusted);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
            command.arg(folder.join(name)).args([&url, version]).args(arguments);
            Some(Process::start(command))
        };
        check_client(
            &server,
            |topic, payload| program("subscriber.js", &[topic, payload]),
            |count, size| program("publisher.js", &[&count.to_string(), &size.to_string()]),
        );
        assert_eq!(server.count_log("Client browser negotiated TLSv1.3*") > 0, scheme == "wss");
    }
}
