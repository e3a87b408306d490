//! Limits to what clients may have, keep and send: what each says to the client and to the operator.

use std::time::{Duration, Instant};

use midge_testkit::{Client, Conversation, Received, Server, on_each_shard_count};

/// Plays the script with each number of shards; then the log has a line like this, and `$SYS/broker/limits/NAME` that count.
#[track_caller]
fn check(configuration: &str, script: &str, line: &str, counter: (&str, u32)) {
    on_each_shard_count(&format!("{configuration}\nsys_interval 1"), |server| {
        Conversation::with(server).play(script);
        server.expect_log(line);
        let (name, count) = counter;
        let mut reader = server.connect();
        reader.send(&format!("CONNECT v311 clean id=reader & SUBSCRIBE id=1 $SYS/broker/limits/{name}"));
        while reader.receive().text("m") != Some(count.to_string()) {}
    });
}

#[test]
fn subscriptions_of_a_session() {
    check(
        "max_subscriptions 2",
        "a connects v5
         a> SUBSCRIBE id=1 t/1 t/2 qos=1 t/3 $share/g/t
         a< SUBACK id=1 0x00 0x01 0x97 0x97
         # What is there can be replaced, and what goes makes room.
         a> SUBSCRIBE id=2 t/1 qos=1
         a< SUBACK id=2 0x01
         a> UNSUBSCRIBE id=3 t/2
         a< UNSUBACK id=3 0x00
         a> SUBSCRIBE id=4 $share/g/t
         a< SUBACK id=4 0x00
         b connects v311
         b> SUBSCRIBE id=1 1 2 3
         b< SUBACK id=1 0x00 0x00 0x80",
        "*Refused subscription of a to 't/3': max_subscriptions reached (0x97).",
        ("subscriptions/refused", 3),
    );
}

#[test]
fn retained_messages_in_all() {
    check(
        "max_retained_messages 2",
        "a connects v5
         a publishes t/1 qos=1 m=x retain
         a publishes t/2 qos=1 m=x retain
         a> PUBLISH t/3 qos=1 id=1 m=x retain
         a< PUBACK id=1 0x97
         a> PUBLISH t/4 qos=2 id=2 m=x retain
         a< PUBREC id=2 0x97
         # Who is not to be retained is nobody's burden; what is there can be replaced, and what goes makes room.
         a publishes t/3 qos=1 m=x
         a publishes t/2 qos=1 m=y retain
         a publishes t/1 qos=1 retain
         a publishes t/3 qos=1 m=x retain
         s connects v311
         s subscribes t/+
         s<* PUBLISH t/2 m=y retain
         s<* PUBLISH t/3 m=x retain
         s< nothing",
        "*Refused PUBLISH from a to 't/3': max_retained_messages reached (0x97).",
        ("retained/refused", 2),
    );
}

/// It is published, and not kept.
#[test]
fn wills_count_among_retained_messages() {
    check(
        "max_retained_messages 1",
        "s connects v311
         s subscribes w/+
         a connects v5 clean will=w/a will.m=x will.retain
         a closes
         s receives w/a m=x
         b connects v5 clean will=w/b will.m=x will.retain
         b closes
         s receives w/b m=x
         t connects v311
         t subscribes w/+
         t receives w/a m=x retain
         t< nothing",
        "*Refused PUBLISH from b to 'w/b': max_retained_messages reached (0x97).",
        ("retained/refused", 1),
    );
}

#[test]
fn bytes_of_retained_messages_in_all() {
    check(
        "max_retained_bytes 20",
        "a connects v5
         a publishes ab qos=1 m=12345678 retain
         a publishes cd qos=1 m=12345678 retain
         a> PUBLISH e qos=1 id=1 retain m=x
         a< PUBACK id=1 0x97
         a> PUBLISH cd qos=1 id=2 retain m=123456789
         a< PUBACK id=2 0x97
         a publishes cd qos=1 m=123 retain
         a publishes e qos=1 m=1234 retain",
        "*Refused PUBLISH from a to 'e': max_retained_bytes reached (0x97).",
        ("retained/refused", 2),
    );
}

/// A second's worth comes through at once, and the others as slowly as they may; nobody else waits.
#[test]
fn messages_of_a_client_in_a_second() {
    let burst = ["PUBLISH t m=x"; 8].join(" & ");
    check(
        "max_client_messages_per_second 5",
        &format!(
            "fast connects v5 clean
             other connects v5 clean
             fast> {burst} & PINGREQ
             other pings
             fast< nothing 300ms
             fast< PINGRESP
             other publishes t m=x"
        ),
        "*Client fast is read more slowly: max_client_messages_per_second exceeded.",
        ("clients/paused", 3),
    );
}

/// Nothing is lost, neither what was read already nor what is still in the socket; and the Will comes behind it.
#[test]
fn what_a_client_sent_before_it_went_is_taken_in_its_time() {
    for goes in ["finishes", "closes"] {
        let script = "
            s connects v5 clean
            s subscribes t qos=1
            fast> CONNECT v5 clean will=t will.m=gone & BURST
            wait 50ms
            fast GOES
            s receives t m=\"x\"*30000
            s receives t m=\"x\"*30000
            s receives t m=\"x\"*30000
            s receives t m=gone";
        let burst = ["PUBLISH t m=\"x\"*30000"; 3].join(" & ");
        let script = script.replace("BURST", &burst).replace("GOES", goes);
        midge_testkit::check_with("max_client_bytes_per_second 40000", &script);
    }
}

#[test]
fn bytes_of_a_client_in_a_second() {
    check(
        "max_client_bytes_per_second 10000",
        "fast connects v311 clean
         fast> PUBLISH t m=\"x\"*15000 & PINGREQ
         fast< nothing 300ms
         fast< PINGRESP",
        "*Client fast is read more slowly: max_client_bytes_per_second exceeded.",
        ("clients/paused", 1),
    );
}

/// Whether a new connection is let in.
fn is_let_in(server: &Server, name: &str) -> bool {
    let mut client = server.connect();
    // It may be closed already.
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        client.send(&format!("CONNECT v5 clean id={name}"));
        matches!(client.receive_within(Duration::from_secs(10)), Received::Packet(..))
    }));
    sent.unwrap_or(false)
}

#[test]
fn connections_in_a_second() {
    for directive in ["max_connections_per_second", "max_connections_per_second_per_address"] {
        on_each_shard_count(&format!("{directive} 2"), |server| {
            let end = Instant::now() + Duration::from_secs(10);
            while is_let_in(server, "a") {
                assert!(Instant::now() < end, "however many come in a second");
            }
            server.expect_log(&format!("*Client connection from 127.0.0.1 denied: {directive} exceeded."));
            while !is_let_in(server, "b") {
                assert!(Instant::now() < end, "nobody is let in any more");
            }
        });
    }
}

/// Also where another shard has not read yet that he went.
#[test]
fn who_goes_makes_room_for_who_comes_next() {
    on_each_shard_count("max_connections 1\nmax_connections_per_second 0", |server| {
        for number in 0..40 {
            let mut client = server.connect();
            client.send(&format!("CONNECT v5 clean id=c{number}"));
            client.expect("CONNACK 0x00");
        }
    });
}

#[test]
fn connections_of_all_listeners() {
    let port = midge_testkit::ports::free_port();
    let mut server = Server::start(&format!("global_max_connections 2\nlistener {port} 127.0.0.1"));
    server.expect_log("* running");
    let mut talk = Conversation::with(&server);
    talk.play("a connects v5 clean");
    let _other = Client::connect(([127, 0, 0, 1], port).into());
    server.expect_log(&format!("*New connection from * on port {port}."));
    talk.play("c> CONNECT v5 clean\n c< closed\n a pings");
    server.expect_log("*Client connection from 127.0.0.1 denied: global_max_connections exceeded.");
    assert!(server.terminate().success());
}

#[test]
fn levels_of_topics() {
    midge_testkit::check_with(
        "topic_levels_max 3",
        "a connects v5
         a publishes a/b/c qos=1 m=x
         a> SUBSCRIBE id=2 a/b/c
         a< SUBACK id=2 0x00
         a> PUBLISH a/b/c/d qos=1 id=1 m=x
         a< DISCONNECT 0x81
         b connects v5
         b> SUBSCRIBE id=2 a/b/c/d
         b< DISCONNECT 0x81",
    );
}

/// Without a word in the configuration, under our own name.
#[test]
fn whoever_subscribes_to_a_million_filters_or_retains_a_million_topics_meets_a_limit() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send("CONNECT v5 clean id=glutton");
    client.expect("CONNACK");
    let refused_at = (0..1000).find(|packet| {
        let filters: Vec<String> = (0..1000).map(|filter| format!("{packet}/{filter}")).collect();
        client.send(&format!("SUBSCRIBE id=1 {}", filters.join(" ")));
        client.receive().to_string().contains("0x97")
    });
    assert_eq!(refused_at, Some(10));
    let mut publisher = server.connect();
    publisher.send("CONNECT v5 clean id=hoarder");
    publisher.expect("CONNACK");
    let mut packets = Vec::new();
    for number in 0..1_000_000 {
        let topic = format!("hoard/{number:07}");
        packets.extend([0x31, 4 + topic.len() as u8, 0, topic.len() as u8]);
        packets.extend(topic.as_bytes());
        packets.extend([0, b'x']);
    }
    publisher.send_bytes(&packets);
    publisher.send("PUBLISH one/more qos=1 id=1 m=x retain");
    publisher.expect("PUBACK id=1 0x97");
    server.expect_log("*Refused PUBLISH from hoarder to 'hoard/0500000': max_retained_messages reached (0x97).");
}
