//! Message order (§4.6), within one shard and across shards.

use midge_testkit::{Conversation, on_each_shard_count};

/// `publishers` clients send numbered messages to a topic of their own, in batches; each of four subscribers must see each topic's numbers in order, none missing.
fn check_order(qos: u8) {
    const PUBLISHERS: usize = 3;
    const MESSAGES: u16 = 400;
    on_each_shard_count("max_queued_messages 0\nmax_inflight_messages 0", |server| {
        let mut talk = Conversation::with(server);
        for subscriber in 0..4 {
            talk.play(&format!("s{subscriber} connects v311 clean\n s{subscriber} subscribes topic/# qos={qos}"));
        }
        for publisher in 0..PUBLISHERS {
            talk.play(&format!("p{publisher} connects v311 clean"));
        }
        for first in (1..=MESSAGES).step_by(50) {
            for publisher in 0..PUBLISHERS {
                let batch: Vec<String> = (first..first + 50)
                    .map(|number| match qos {
                        0 => format!("PUBLISH topic/{publisher} m={number}"),
                        _ => format!("PUBLISH topic/{publisher} qos={qos} id={number} m={number}"),
                    })
                    .collect();
                talk.client(&format!("p{publisher}")).send(&batch.join(" & "));
            }
        }
        if qos == 2 {
            for publisher in 0..PUBLISHERS {
                for id in 1..=MESSAGES {
                    let client = talk.client(&format!("p{publisher}"));
                    client.expect(&format!("PUBREC id={id}"));
                    client.send(&format!("PUBREL id={id}"));
                }
            }
        }
        for subscriber in 0..4 {
            let mut last = [0; PUBLISHERS];
            let mut count = 0;
            while count < PUBLISHERS * usize::from(MESSAGES) {
                let packet = talk.client(&format!("s{subscriber}")).receive();
                let Some(number) = packet.number("m") else { continue };
                let topic = packet.text("topic").expect("a topic");
                let publisher: usize = topic.trim_start_matches("topic/").parse().expect("a number");
                assert_eq!(number, last[publisher] + 1, "{packet}");
                last[publisher] = number;
                count += 1;
            }
        }
    });
}

// [MQTT5-4.6.0-5] [MQTT5-4.6.0-6] [MQTT3-4.6.0-5] [MQTT3-4.6.0-6]
#[test]
fn qos_0_arrives_in_order() {
    check_order(0);
}

// [MQTT5-4.6.0-5] [MQTT3-4.6.0-6]
#[test]
fn qos_1_arrives_in_order() {
    check_order(1);
}

// [MQTT5-4.6.0-5] [MQTT3-4.6.0-6]
#[test]
fn qos_2_arrives_in_order() {
    check_order(2);
}

/// PUBREL follows the order of the PUBRECs.
// [MQTT3-4.6.0-4]
#[test]
fn pubrels_follow_the_pubrecs() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v311 clean\n s subscribes t qos=2\n p connects v5 clean");
        let mut ids = Vec::new();
        for number in 0..10 {
            talk.play(&format!("p publishes t qos=2 m={number}"));
            ids.push(talk.client("s").receive().number("id").expect("an identifier"));
        }
        ids.reverse();
        let answers: Vec<String> = ids.iter().map(|id| format!("PUBREC id={id}")).collect();
        talk.client("s").send(&answers.join(" & "));
        for id in ids {
            talk.client("s").expect(&format!("PUBREL id={id}"));
        }
    });
}

/// Messages wait in the order in which they came, whatever their QoS.
// [MQTT5-4.6.0-5]
#[test]
fn a_queue_keeps_its_order() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v311\n s subscribes t qos=2\n s disconnects\n p connects v311 clean");
        for number in 0..60 {
            talk.play(&format!("p publishes t qos={} m={number}", 1 + number % 2));
        }
        talk.play("s connects v311 session-present");
        let mut next = 0;
        while next < 60 {
            let packet = talk.client("s").receive();
            let id = packet.number("id").expect("an identifier");
            match packet.kind {
                midge_testkit::Kind::Publish => {
                    assert_eq!(packet.text("m"), Some(next.to_string()));
                    next += 1;
                    let answer = if packet.text("qos").as_deref() == Some("1") { "PUBACK" } else { "PUBREC" };
                    talk.client("s").send(&format!("{answer} id={id}"));
                }
                midge_testkit::Kind::Pubrel => talk.client("s").send(&format!("PUBCOMP id={id}")),
                _ => panic!("{packet}"),
            }
        }
    });
}
