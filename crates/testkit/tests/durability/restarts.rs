//! Stories with a restart of the whole process, for what the rules of the broker alone do not show: signals, files, threads.

use midge_testkit::{Conversation, Kind, Server};
use rustix::process::Signal;

use crate::folder::Folder;

/// How a server ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// SIGTERM.
    Orderly,
    /// SIGKILL.
    Killed,
    /// SIGUSR1, and killed once it has written a snapshot.
    BehindSnapshot,
}

const ENDS: [End; 3] = [End::Orderly, End::Killed, End::BehindSnapshot];

fn end(server: &mut Server, end: End) {
    match end {
        End::Orderly => assert!(server.terminate().success(), "{:#?}", server.log()),
        End::Killed => server.kill(),
        End::BehindSnapshot => {
            server.signal(Signal::USR1);
            server.expect_log("Saved a snapshot");
            server.kill();
        }
    }
}

/// The first script, each of the ends, and behind it the second. Shard counts differ before and behind.
#[track_caller]
fn check_with(configuration: &str, before: &str, behind: &str) {
    std::thread::scope(|scope| {
        for (how, shards) in ENDS.into_iter().zip([[1, 4], [3, 1], [2, 2]]) {
            scope.spawn(move || {
                let folder = Folder::new();
                let lines =
                    |shards: u16| format!("shards {shards}\nlog_type all\n{configuration}\n{}", folder.configuration());
                let mut server = Server::start(&lines(shards[0]));
                Conversation::with(&server).play(before);
                end(&mut server, how);
                server.restart_with(&lines(shards[1]));
                server.expect_log("Restored from");
                println!("{how:?}, {shards:?} shards");
                Conversation::with(&server).play(behind);
                assert!(server.is_running());
            });
        }
    });
}

#[track_caller]
fn check(before: &str, behind: &str) {
    check_with("", before, behind);
}

#[test]
fn sessions_queues_and_retained_messages_are_there_again() {
    check(
        r"
        s connects v311
        s subscribes a/+ qos=2 b qos=1
        s disconnects
        t connects v5 session-expiry-interval=1000
        t subscribes a/+ qos=1 b qos=2
        t disconnects
        p connects v311 clean
        p publishes a/1 qos=2 m=1
        p publishes b qos=1 m=2 retain
        p publishes a/2 qos=1 m=3
        p publishes c m=4 retain
        p publishes c qos=1 m=5 retain
        ",
        r"
        s connects v311 session-present
        s< PUBLISH a/1 qos=2 id=1 m=1
        s< PUBLISH b qos=1 id=2 m=2
        s< PUBLISH a/2 qos=1 id=3 m=3
        s> PUBREC id=1 & PUBACK id=2 & PUBACK id=3
        s< PUBREL id=1
        s> PUBCOMP id=1
        s< nothing
        t connects v5 session-expiry-interval=1000 session-present
        t receives a/1 qos=1 m=1
        t receives b qos=1 m=2
        t receives a/2 qos=1 m=3
        t< nothing
        n connects v311 clean
        n subscribes b qos=1 c qos=0
        n receives b qos=1 m=2 retain
        n receives c m=5 retain
        n publishes a/4 qos=2 m=6
        s receives a/4 qos=2 m=6
        t receives a/4 qos=1 m=6
        ",
    );
}

#[test]
fn exchanges_go_on_where_they_were() {
    check(
        r"
        s connects v311
        s subscribes t qos=2
        p connects v5 session-expiry-interval=1000
        p> PUBLISH t qos=2 id=7 m=1
        p< PUBREC id=7
        s< PUBLISH t qos=2 id=1 m=1
        s> PUBREC id=1
        s< PUBREL id=1
        p> PUBLISH t qos=2 id=8 m=2
        p< PUBREC id=8
        s< PUBLISH t qos=2 id=2 m=2
        ",
        r"
        s connects v311 session-present
        s< PUBREL id=1
        s< PUBLISH t qos=2 id=2 dup m=2
        s> PUBCOMP id=1
        s> PUBREC id=2
        s< PUBREL id=2
        s> PUBCOMP id=2
        p connects v5 session-expiry-interval=1000 session-present
        p> PUBLISH t qos=2 id=7 dup m=1
        p< PUBREC id=7
        p> PUBREL id=7
        p< PUBCOMP id=7
        p> PUBREL id=8
        p< PUBCOMP id=8
        s< nothing
        p> PUBLISH t qos=2 id=8 m=3
        p< PUBREC id=8
        s receives t qos=2 m=3
        ",
    );
}

#[test]
fn share_groups_give_what_waited_to_the_member_that_comes() {
    check(
        r"
        a connects v311
        a subscribes $share/g/t qos=1
        a disconnects
        b connects v311
        b subscribes $share/g/t qos=1
        b disconnects
        p connects v311 clean
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        ",
        r"
        b connects v311 session-present
        b receives t qos=1 m=1
        b receives t qos=1 m=2
        b< nothing
        a connects v311 session-present
        a< nothing
        ",
    );
}

#[test]
fn a_retained_message_of_ten_million_bytes() {
    check_with(
        "max_packet_size 20000000",
        r#"
        p connects v311 clean
        p publishes big qos=1 m="0123456789"*1000000 retain
        "#,
        r#"
        s connects v311 clean
        s subscribes big qos=1
        s receives big qos=1 m="0123456789"*1000000 retain
        s< nothing
        "#,
    );
}

/// Wills of those who were connected when the server was killed; an orderly end publishes them itself.
#[test]
fn wills_of_clients_that_were_connected_at_the_end() {
    check(
        r"
        s connects v311
        s subscribes will/# qos=1
        s disconnects
        a connects v311 clean will=will/a will.m=gone will.qos=1 will.retain
        b connects v5 session-expiry-interval=1000 will=will/b will.m=gone will.qos=1
        c connects v5 clean will=will/c will.m=gone will.qos=1
        c disconnects
        # Nothing acknowledges a DISCONNECT; what is kept and acknowledged behind it vouches for it.
        a publishes other qos=1 m=x retain
        ",
        r"
        s> CONNECT v311 id=s
        s<* CONNACK session-present
        s<* PUBLISH will/a qos=1 id=? m=gone
        s<* PUBLISH will/b qos=1 id=? m=gone
        s< nothing
        n connects v311 clean
        n subscribes will/# qos=1
        n receives will/a qos=1 m=gone retain
        n< nothing
        ",
    );
}

#[test]
fn snapshots_are_taken_as_often_as_the_operator_wants() {
    for when in ["autosave_interval 1", "autosave_interval 20\nautosave_on_changes true"] {
        let folder = Folder::new();
        let server = Server::start(&format!("log_type all\n{when}\n{}", folder.configuration()));
        let mut conversation = Conversation::with(&server);
        conversation.play("p connects v311 clean\n");
        for number in 0..20 {
            assert!(number > 10 || when.ends_with('1') || server.count_log("Saved a snapshot") == 0, "{when}");
            conversation.play(&format!("p publishes t/{number} qos=1 m=x retain\n"));
        }
        server.expect_log("Saved a snapshot of");
    }
}

/// A queue far longer than any window, of both Qualities of Service, comes in its order.
#[test]
fn twenty_thousand_messages_that_waited_come_in_their_order() {
    std::thread::scope(|scope| {
        for how in ENDS {
            scope.spawn(move || twenty_thousand(how));
        }
    });
}

fn twenty_thousand(how: End) {
    let folder = Folder::new();
    let mut server =
        Server::start(&format!("shards 2\nlog_type all\nmax_queued_messages 0\n{}", folder.configuration()));
    Conversation::with(&server).play("s connects v311\ns subscribes t qos=2\ns disconnects");
    let mut publisher = server.connect();
    publisher.send("CONNECT v311 clean id=p");
    publisher.expect("CONNACK");
    for first in (0..COUNT).step_by(BURST as usize) {
        let qos = |number| 1 + number / BURST % 2;
        let publish = |number: u32| format!("PUBLISH t qos={} id={} m={number}", qos(number), number % BURST + 1);
        publisher.send(&(first..first + BURST).map(publish).collect::<Vec<_>>().join(" & "));
        let mut missing = BURST;
        while missing > 0 {
            let packet = publisher.receive();
            match packet.kind {
                Kind::Pubrec => publisher.send(&format!("PUBREL id={}", packet.number("id").expect("an id"))),
                Kind::Puback | Kind::Pubcomp => missing -= 1,
                _ => panic!("{packet}"),
            }
        }
    }
    end(&mut server, how);
    server.restart();
    let mut subscriber = server.connect();
    subscriber.send("CONNECT v311 id=s");
    subscriber.expect("CONNACK session-present");
    let mut next = 0;
    while next < COUNT {
        let packet = subscriber.receive();
        let id = packet.number("id").expect("an id");
        match (packet.kind, packet.number("qos")) {
            (Kind::Publish, qos) => {
                assert_eq!(packet.text("m"), Some(next.to_string()), "{how:?}: {packet}");
                subscriber.send(&format!("{} id={id}", if qos == Some(2) { "PUBREC" } else { "PUBACK" }));
                next += 1;
            }
            (Kind::Pubrel, _) => subscriber.send(&format!("PUBCOMP id={id}")),
            _ => panic!("{packet}"),
        }
    }
}

const COUNT: u32 = 20_000;

/// As many are published at once with each QoS.
const BURST: u32 = 20;
