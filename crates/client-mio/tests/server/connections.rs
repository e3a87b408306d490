//! Connections: how they come, what goes over them, and how they end.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use midge_client_core::{Client, Message, Options};
use midge_client_mio::{Driver, Notice};
use midge_client_transport::{Endpoint, Failure};
use midge_codec::{PropertiesBuf, QoS, ReasonCode, TopicFilter, UnsubscribeFiltersBuf, Version};
use midge_testkit::Server;

use crate::world::{Told, World, once, options};

#[test]
fn messages_go_round_in_each_version_and_at_each_qos() {
    let server = Server::start("");
    for version in Version::ALL {
        let mut world = World::new();
        let id = world.connect(&server, options(version, "c"));
        world.subscribe(id, "t");
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            world.publish(id, b"x", qos);
            world.until(|told| told.contains(&Told::Message(id, b"x".to_vec())));
            world.told.retain(|told| !matches!(told, Told::Message(..)));
        }
        world.leave(id);
        assert!(world.told.contains(&Told::Disconnected(id, None)));
        assert!(!world.told.iter().any(|told| matches!(told, Told::Failed(_))));
    }
}

#[test]
fn a_name_and_a_unix_socket_lead_to_the_server_too() {
    let folder = midge_testkit::environment::scratch_folder("client-mio-unix");
    let path = folder.join("m.sock");
    let server = Server::start(&format!("listener 0 {}\n", path.display()));
    let mut world = World::new();
    for endpoint in [Endpoint::tcp("localhost", server.port()), Endpoint::unix(&path)] {
        let id = world.driver.add(Client::new(options(Version::V5, "c")), endpoint);
        world.until(|told| told.contains(&Told::Connected(id)));
        world.leave(id);
        world.driver.remove(id);
        world.told.clear();
    }
}

#[test]
fn many_connections_share_a_thread() {
    let server = Server::start("");
    let mut world = World::new();
    let endpoint = Arc::new(Endpoint::tcp("127.0.0.1", server.port()));
    let ids: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let client = Client::new(options(Version::V5, &format!("c{number}")));
            world.driver.add(client, Arc::clone(&endpoint))
        })
        .collect();
    world.until(|told| told.iter().filter(|told| matches!(told, Told::Connected(_))).count() == CONNECTIONS);
    for &id in &ids {
        world.subscribe(id, "t");
    }
    for &id in &ids {
        world.driver.publish(id, &Message::new("t", b"x", QoS::AtLeastOnce)).expect("room");
    }
    let all = CONNECTIONS * CONNECTIONS;
    world.until(|told| told.iter().filter(|told| matches!(told, Told::Message(..))).count() == all);
}

#[test]
fn a_packet_larger_than_any_buffer_comes_whole() {
    let server = Server::start("");
    let mut world = World::new();
    let id = world.connect(&server, options(Version::V5, "c"));
    world.subscribe(id, "t");
    let large: Vec<u8> = (0..1_900_000_u32).map(|index| (index % 251) as u8).collect();
    for payload in [b"before", &large[..], b"behind"] {
        world.driver.publish(id, &Message::new("t", payload, QoS::AtLeastOnce)).expect("room");
    }
    world.until(|told| told.iter().filter(|told| matches!(told, Told::Message(..))).count() == 3);
    assert!(world.payloads() == [b"before", &large[..], b"behind"]);
}

#[test]
fn what_was_taken_over_is_delivered_though_the_server_is_killed_and_comes_back() {
    let mut server = Server::start("persistence true\nmax_queued_messages 0\n");
    let mut world = World::new();
    let id = world.connect(&server, options(Version::V5, "c"));
    world.subscribe(id, "t");
    for round in 0..3_u32 {
        for number in 0..20 {
            let payload = (round * 20 + number).to_string();
            let message = Message::new("t", payload.as_bytes(), QoS::ExactlyOnce);
            world.driver.publish(id, &message).expect("room");
        }
        world.turn();
        server.kill();
        server.restart();
    }
    world.until(|told| told.iter().filter(|told| matches!(told, Told::Message(..))).count() == 60);
    let numbers: Vec<_> = (0..60).map(|number: u32| number.to_string().into_bytes()).collect();
    assert_eq!(world.payloads(), numbers, "each once, in their order");
}

#[test]
fn the_server_says_why_it_ends_a_connection() {
    let server = Server::start("");
    let mut world = World::new();
    let first = world.connect(&server, Options { reconnect: None, ..options(Version::V5, "c") });
    let _second = world.connect(&server, options(Version::V5, "c"));
    world.until_over(first);
    assert!(world.told.contains(&Told::Disconnected(first, Some(ReasonCode::SESSION_TAKEN_OVER))));
    assert!(!world.told.iter().any(|told| matches!(told, Told::Failed(_))), "that was the reason: {:?}", world.told);
}

#[test]
fn a_failure_is_one_sentence_that_says_what_to_do() {
    let check = |endpoint: Endpoint, sentence: &str| {
        let mut world = World::new();
        let id = world.driver.add(Client::new(once()), endpoint);
        world.until_over(id);
        let [Told::Failed(told), Told::Disconnected(..)] = &world.told[..] else { panic!("{:?}", world.told) };
        assert!(told.starts_with(sentence), "{told}");
    };
    let mut server = Server::start("");
    server.kill();
    let port = server.port();
    check(Endpoint::tcp("127.0.0.1", port), &format!("127.0.0.1:{port} refuses connections: check the port"));
    check(Endpoint::tcp("no.such.host.invalid", port), "the name no.such.host.invalid cannot be looked up");
    check(Endpoint::unix(Path::new("/nowhere/m.sock")), "there is no socket /nowhere/m.sock");
    let elsewhere = Endpoint { bind: "203.0.113.1".parse().ok(), ..Endpoint::tcp("127.0.0.1", port) };
    check(elsewhere, &format!("127.0.0.1:{port} cannot be reached from the address to bind to"));
}

#[test]
fn who_does_not_answer_is_waited_for_no_longer_than_was_said() {
    // The backlog of a listener that nobody accepts from: the first is in it, and says nothing to CONNECT.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let mut world = World::new();
    let options = Options { response_timeout_ms: 50, ..once() };
    let id = world.driver.add(Client::new(options), Endpoint::tcp("127.0.0.1", port));
    world.until_over(id);
    assert_eq!(world.told, [Told::Disconnected(id, None)]);
}

#[test]
fn a_server_that_does_not_read_keeps_nobody_from_leaving() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.read_exact(&mut [0; 10]).expect("the beginning of CONNECT");
        stream.write_all(b"\x20\x03\x00\x00\x00").expect("room");
        stream
    });
    let mut world = World::new();
    let id = world.connect_to(Endpoint::tcp("127.0.0.1", port), options(Version::V5, "c"));
    let _unread = server.join().expect("no panic");
    let payload = vec![7; 1 << 20];
    for _ in 0..20 {
        world.driver.publish(id, &Message::new("t", &payload, QoS::AtMostOnce)).expect("room");
    }
    world.turn();
    assert!(!world.driver.client(id).output().is_empty(), "more than sockets hold");
    world.leave(id);
    assert!(!world.told.iter().any(|told| matches!(told, Told::Failed(_))));
}

#[test]
fn a_request_waits_for_its_connection() {
    let mut server = Server::start("");
    server.kill();
    let mut world = World::new();
    let id = world.driver.add(Client::new(options(Version::V5, "c")), Endpoint::tcp("127.0.0.1", server.port()));
    let mut filters = UnsubscribeFiltersBuf::new();
    filters.push(TopicFilter::parse("t").expect("a filter"));
    let number = world.driver.client_mut(id).unsubscribe(filters, PropertiesBuf::new()).expect("a request");
    world.until(|told| told.iter().any(|told| matches!(told, Told::Failed(_))));
    server.restart();
    world.until(|told| told.contains(&Told::Ended(id, number, true)));
}

#[test]
fn failures_can_be_told_apart() {
    let mut driver = Driver::new().expect("a driver");
    let id = driver.add(Client::new(once()), Endpoint::tcp("no.such.host.invalid", 1));
    let mut is_lookup = false;
    while !driver.is_over(id) {
        driver
            .turn(None, &mut |notice| is_lookup |= matches!(notice, Notice::Failed(_, Failure::Lookup { .. })))
            .expect("a turn");
    }
    assert!(is_lookup);
}

const CONNECTIONS: usize = 40;
