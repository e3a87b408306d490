//! Room on the disk: what may not be kept is refused before it is acknowledged, what is not needed makes room, and the server
//! goes on by itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use midge_testkit::environment::need;
use midge_testkit::ports::free_port;
use midge_testkit::{Client, Kind, Packet, Server};

use crate::folder::{Folder, Mount};

/// How many messages are on their way at a time.
const WINDOW: usize = 50;

/// Short of what is read back from the place where it was published.
const PAYLOAD_BYTES: usize = 7_000;

/// Publishes with QoS 1 until `is_enough` of so many acknowledged and refused; how many were acknowledged.
fn publish(
    client: &mut Client,
    topic: impl Fn(usize) -> String,
    flags: &str,
    is_enough: impl Fn(usize, usize) -> bool,
) -> usize {
    let payload = "x".repeat(PAYLOAD_BYTES);
    let (mut acknowledged, mut refused, mut sent) = (0, 0, 0);
    while !is_enough(acknowledged, refused) {
        for _ in 0..WINDOW {
            let id = sent % 60_000 + 1;
            client.send(&format!("PUBLISH {} qos=1 id={id} m={sent}-{payload}{flags}", topic(sent)));
            sent += 1;
        }
        for _ in 0..WINDOW {
            match answer(client, Kind::Puback).codes()[..] {
                [] | [0 | 0x10] => acknowledged += 1,
                [0x97] => refused += 1,
                ref codes => panic!("{codes:?}"),
            }
        }
    }
    acknowledged
}

fn answer(client: &mut Client, kind: Kind) -> Packet {
    let packet = client.receive();
    assert_eq!(packet.kind, kind, "{packet:?}");
    packet
}

/// The server counts what it refuses.
fn expect_dropped(server: &Server, least: usize) {
    let mut client = server.connect();
    client.send("CONNECT v5 id=counter & SUBSCRIBE id=1 $SYS/broker/publish/messages/dropped");
    answer(&mut client, Kind::Connack);
    client.expect("SUBACK id=1 0x00");
    loop {
        let dropped = answer(&mut client, Kind::Publish).text("m").and_then(|count| count.parse().ok());
        if dropped.is_some_and(|dropped: usize| dropped >= least) {
            return;
        }
    }
}

fn bytes_of(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("the folder of the log").map_while(Result::ok);
    let segments = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "segment"));
    segments.map(|file| file.metadata().map_or(0, |file| file.len())).sum()
}

/// Somebody subscribes to `t` and stays away.
fn subscribe_and_leave(server: &Server) {
    let mut away = server.connect();
    away.send("CONNECT v5 id=s session-expiry-interval=1000");
    answer(&mut away, Kind::Connack);
    away.send("SUBSCRIBE id=1 t qos=1");
    away.expect("SUBACK id=1 0x01");
}

/// And comes back.
fn come_back(server: &Server) -> Client {
    let mut back = server.connect();
    back.send("CONNECT v5 id=s session-expiry-interval=1000");
    assert!(answer(&mut back, Kind::Connack).has("session-present"));
    back
}

fn publisher(server: &Server) -> Client {
    let mut publisher = server.connect();
    publisher.send("CONNECT v5 id=p");
    answer(&mut publisher, Kind::Connack);
    publisher
}

/// Fills a small disk with what waits for one who is away, who then comes for it.
#[track_caller]
fn fills_up_and_goes_on(configuration: &str, folder: &Folder) {
    let server =
        Server::start(&format!("sys_interval 1\nmax_queued_messages 0\n{}{configuration}", folder.configuration()));
    subscribe_and_leave(&server);
    let mut publisher = publisher(&server);
    let refused_is_enough = |_: usize, refused: usize| refused >= 4 * WINDOW;
    let acknowledged = publish(&mut publisher, |_| "t".to_owned(), "", refused_is_enough);
    server.expect_log("Error: no room for the log*refused (0x97) until there is room again");
    expect_dropped(&server, 4 * WINDOW);
    assert!(acknowledged * PAYLOAD_BYTES > 20 << 20, "only {acknowledged} were taken");
    let mut back = come_back(&server);
    for _ in 0..acknowledged {
        let message = answer(&mut back, Kind::Publish);
        back.send(&format!("PUBACK id={}", message.number("id").expect("a Packet Identifier")));
    }
    assert!(back.receive_until_quiet(Duration::from_millis(100)).is_empty(), "what was refused does not come");
    server.expect_log("There is room for the log again");
    publish(&mut publisher, |_| "t".to_owned(), "", |acknowledged, _| acknowledged >= WINDOW);
}

#[test]
fn a_log_that_may_not_grow_any_more_refuses_and_goes_on() {
    let folder = Folder::new();
    fills_up_and_goes_on("persistence_max_bytes 134217728\n", &folder);
    assert!(bytes_of(&folder.log()) <= 128 << 20);
}

#[test]
fn a_disk_that_is_full_refuses_and_goes_on() {
    let Some(mount) = need(Mount::new("size=100m")) else { return };
    fills_up_and_goes_on("", &mount.folder);
}

/// What a start would meet is told beforehand.
#[test]
fn a_disk_without_any_room_is_found_before_the_start() {
    let Some(mount) = need(Mount::new("size=64k")) else { return };
    let _ = fs::write(mount.folder.path().join("filler"), vec![0; 1 << 20]);
    for arguments in [&["--test-config"][..], &[], &["--test-config"]] {
        let mut server = Server::spawn(arguments, &mount.folder.configuration(), free_port());
        assert!(!server.wait_for_exit().success(), "{arguments:?}: {:#?}", server.log());
        server.expect_log("*Error: *mosquitto.db.midge*");
    }
}

/// Where a file of the log is a good part of the disk, the snapshot that is taken when the disk is full leaves the file in which it
/// began; only the one behind it makes room. Nothing happens meanwhile that would bring that about.
#[test]
fn a_small_disk_is_used_as_far_as_it_can_be() {
    check_small_disk(60);
}

/// The files of the log are smaller there.
#[test]
fn a_very_small_disk_is_used_too() {
    check_small_disk(12);
}

/// A fifth of it at least.
#[track_caller]
fn check_small_disk(size_mib: usize) {
    let Some(mount) = need(Mount::new(&format!("size={size_mib}m"))) else { return };
    let server = Server::start(&format!("max_queued_messages 0\nlog_type all\n{}", mount.folder.configuration()));
    subscribe_and_leave(&server);
    let mut publisher = publisher(&server);
    let kept = publish(&mut publisher, |_| "t".to_owned(), "", |_, refused| refused > 0);
    assert!(kept * PAYLOAD_BYTES > (size_mib << 20) / 5, "{size_mib} MiB: only {kept} were taken");
    server.expect_log("There is room for the log again");
    publish(&mut publisher, |_| "t".to_owned(), "", |acknowledged, _| acknowledged >= WINDOW);
}

#[test]
fn retained_messages_that_have_no_room_are_refused_until_others_are_cleared() {
    let folder = Folder::new();
    let server = Server::start(&format!("{}persistence_max_bytes 134217728\n", folder.configuration()));
    let mut client = publisher(&server);
    let kept = publish(&mut client, |number| format!("r/{number}"), " retain", |_, refused| refused >= 4 * WINDOW);
    assert!(kept * PAYLOAD_BYTES > 30 << 20, "only {kept} were taken");
    assert!(bytes_of(&folder.log()) <= 128 << 20);
    for number in 0..kept {
        client.send(&format!("PUBLISH r/{number} qos=1 id=1 retain"));
        answer(&mut client, Kind::Puback);
    }
    server.expect_log("There is room for the log again");
    publish(&mut client, |number| format!("r/{number}"), " retain", |acknowledged, _| acknowledged >= WINDOW);
}

#[test]
fn one_who_stays_away_does_not_hold_what_was_written_since() {
    let folder = Folder::new();
    let server = Server::start(&format!("{}persistence_max_bytes 134217728\n", folder.configuration()));
    subscribe_and_leave(&server);
    let mut client = publisher(&server);
    publish(&mut client, |_| "t".to_owned(), "", |acknowledged, _| acknowledged >= WINDOW);
    for _ in 0..8 {
        let enough = |acknowledged: usize, refused: usize| {
            assert_eq!(refused, 0, "there is room");
            acknowledged * PAYLOAD_BYTES > 40 << 20
        };
        publish(&mut client, |number| format!("r/{}", number % 7), " retain", enough);
        let bytes = bytes_of(&folder.log());
        assert!(bytes <= 128 << 20, "{bytes} bytes");
    }
    let mut back = come_back(&server);
    for number in 0..20 {
        let message = back.receive();
        let payload = message.text("m").expect("a payload");
        assert!(payload.starts_with(&format!("{number}-x")), "{}", &payload[..10]);
    }
}

/// On a disk that is full, what would last is refused as well before it takes the room that is needed to make room.
#[test]
fn subscriptions_that_have_no_room_on_the_disk_are_refused() {
    let Some(mount) = need(Mount::new("size=100m")) else { return };
    let server = Server::start(&mount.folder.configuration());
    subscribe_and_leave(&server);
    let mut publisher = publisher(&server);
    let mut client = server.connect();
    client.send("CONNECT v5 id=c session-expiry-interval=1000");
    answer(&mut client, Kind::Connack);
    let long = "x".repeat(60_000);
    let subscribe = |client: &mut Client, filter: &str| {
        client.send(&format!("SUBSCRIBE id=1 {filter} qos=1"));
        match answer(client, Kind::Suback).codes()[..] {
            [1] => true,
            [0x97] => false,
            ref codes => panic!("{codes:?}"),
        }
    };
    let mut granted = 0;
    // A snapshot may make room once more before the next one comes.
    let refused = loop {
        while subscribe(&mut client, &format!("{granted}/{long}")) {
            granted += 1;
        }
        let mut other = server.connect();
        other.send(&format!("CONNECT v5 id=other{granted} session-expiry-interval=1000"));
        match answer(&mut other, Kind::Connack).codes()[..] {
            [0] => {}
            ref codes => break codes.to_vec(),
        }
    };
    assert_eq!(refused, [0x97]);
    assert!(granted * long.len() > 4 << 20, "only {granted} were granted");
    server.expect_log("Error: no room for the log*refused (0x97) until there is room again");
    server.expect_log("Error: hardly any room is left*refused as well");
    publish(&mut publisher, |_| "t".to_owned(), "", |_, refused| refused >= WINDOW);
    for number in 0..granted {
        client.send(&format!("UNSUBSCRIBE id=1 {number}/{long}"));
        answer(&mut client, Kind::Unsuback);
    }
    while !subscribe(&mut client, "u") {
        std::thread::sleep(Duration::from_millis(20));
    }
    publish(&mut publisher, |_| "t".to_owned(), "", |acknowledged, _| acknowledged >= WINDOW);
}
