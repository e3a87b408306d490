//! SUBSCRIBE, UNSUBSCRIBE and what they bring (§3.8–3.11, §4.7). Retained Messages are in `retained.rs`.

use midge_testkit::{Conversation, check, check_versions, on_each_shard_count};

// [MQTT5-3.8.4-1] [MQTT5-3.8.4-2] [MQTT5-3.8.4-5] [MQTT5-3.8.4-6] [MQTT5-3.8.4-7] [MQTT5-3.9.3-1] [MQTT5-2.2.1-6]
// [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4] [MQTT3-3.8.4-5] [MQTT3-3.9.3-1] [MQTT3-2.3.1-7]
#[test]
fn one_suback_with_a_code_for_each_filter_in_order() {
    check_versions(
        &["v31", "v311", "v5"],
        "c connects vX clean
         c> SUBSCRIBE id=65535 a qos=2 b/+ qos=0 c/# qos=1 a qos=1
         c< SUBACK id=65535 0x02 0x00 0x01 0x01
         p connects vX clean
         p publishes a qos=2 m=1
         p publishes b/x qos=2 m=2
         p publishes c qos=2 m=3
         # The last for the same filter counts.
         c receives a qos=1 m=1
         c receives b/x m=2
         c receives c qos=1 m=3
         c< nothing",
    );
}

/// `filter` and the Topic Names that match it, and that do not.
#[track_caller]
fn check_filter(filter: &str, matching: &[&str], others: &[&str]) {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(&format!(
            "s connects v5 clean\n s subscribes \"{filter}\"\n s subscribes end/of/test\n p connects v311 clean"
        ));
        for topic in others.iter().chain(matching) {
            talk.play(&format!("p> PUBLISH \"{topic}\" m=x"));
        }
        talk.play("p> PUBLISH end/of/test m=x");
        for topic in matching {
            talk.play(&format!("s< PUBLISH \"{topic}\" m=x"));
        }
        talk.play("s< PUBLISH end/of/test m=x");
    });
}

// [MQTT5-4.7.1-1] [MQTT3-4.7.1-2]
#[test]
fn the_multi_level_wildcard() {
    check_filter(
        "sport/tennis/#",
        &["sport/tennis", "sport/tennis/a", "sport/tennis/a/b", "sport/tennis/"],
        &["sport", "sport/tenni", "sport/tennisx"],
    );
    check_filter("/#", &["/", "/a", "//"], &["a", "a/b"]);
    check_filter("sport/#", &["sport", "sport/", "sport/x"], &["sports", "/sport"]);
}

// [MQTT5-4.7.1-2] [MQTT3-4.7.1-3]
#[test]
fn the_single_level_wildcard() {
    check_filter("sport/+", &["sport/", "sport/a"], &["sport", "sport/a/b", "sports/a"]);
    check_filter("+/+", &["/finance", "a/b", "/"], &["finance", "a/b/c"]);
    check_filter("/+", &["/finance", "/"], &["finance", "a/b"]);
    check_filter("+/b/+/d", &["a/b/c/d", "/b//d"], &["a/b/c", "a/b/c/d/e", "a/x/c/d"]);
    check_filter("+/#", &["a", "a/b", "/"], &["$x/y"]);
    check_filter("a/+/#", &["a/b", "a/b/c", "a//"], &["a", "b/b"]);
}

// [MQTT5-4.7.3-4] [MQTT3-4.7.3-4] [MQTT5-1.5.4-3] [MQTT3-1.5.3-3]
#[test]
fn topics_are_compared_as_they_are() {
    check_filter("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "accounts", "ACCOUNTS/", "/ACCOUNTS", "ACCOUNTS "]);
    // é as one code point, and as e with an accent.
    check_filter("caf\u{e9}", &["caf\u{e9}"], &["cafe\u{301}"]);
    // U+FEFF is a character like others, at the beginning too.
    check_filter("\u{feff}a", &["\u{feff}a"], &["a"]);
    check_filter("a b/ c", &["a b/ c"], &["a b/c", "ab/ c"]);
}

// [MQTT5-4.7.2-1] [MQTT3-4.7.2-1]
#[test]
fn wildcards_do_not_reach_topics_with_a_dollar_sign() {
    check(
        "a connects v5 clean
         a subscribes # +/monitor/#
         b connects v5 clean
         b subscribes $other/# qos=1
         p connects v5 clean
         p> PUBLISH $other/monitor/x m=1
         b< PUBLISH $other/monitor/x m=1
         a< nothing
         p> PUBLISH x/$other m=2
         a<* PUBLISH x/$other m=2
         a< nothing 200ms",
    );
}

// [MQTT5-3.3.4-2] [MQTT5-3.3.4-4] [MQTT5-3.3.4-3] [MQTT3-3.3.5-1]
#[test]
fn overlapping_subscriptions_deliver_once_at_the_highest_qos() {
    check_versions(
        &["v311", "v5"],
        "s connects vX clean
         s subscribes a/# qos=1
         s subscribes a/+ qos=0
         s subscribes a/b qos=2
         s subscribes +/b qos=0
         p connects vX clean
         p publishes a/b qos=2 m=1
         s receives a/b qos=2 m=1
         p publishes a/b qos=1 m=2
         s receives a/b qos=1 m=2
         p publishes a/c qos=2 m=3
         s receives a/c qos=1 m=3
         p publishes x/b qos=2 m=4
         s receives x/b m=4
         s< nothing",
    );
}

// [MQTT5-3.3.4-3] [MQTT5-3.3.4-4] [MQTT5-3.3.4-5]
#[test]
fn subscription_identifiers_come_back() {
    check(
        "s connects v5 clean
         s subscribes subscription-identifier=1 a/# qos=1
         s subscribes subscription-identifier=268435455 a/+
         s subscribes a/b
         s subscribes subscription-identifier=1 +/c
         p connects v5 clean
         p> PUBLISH a/b m=1
         s< PUBLISH a/b subscription-identifier=1 subscription-identifier=268435455 m=1
         p> PUBLISH a m=2
         s< PUBLISH a subscription-identifier=1 m=2
         # Equal values are repeated.
         p> PUBLISH a/c m=3
         s< PUBLISH a/c subscription-identifier=1 subscription-identifier=1 subscription-identifier=268435455 m=3
         # A new subscription for the same filter has its own identifier, or none.
         s subscribes subscription-identifier=7 a/#
         s subscribes a/+
         p> PUBLISH a/b m=4
         s< PUBLISH a/b subscription-identifier=7 m=4
         # Another client's identifiers are nobody else's.
         t connects v5 clean
         t subscribes a/b
         p> PUBLISH a/b m=5
         t< PUBLISH a/b m=5",
    );
}

#[test]
fn subscription_identifiers_of_a_session_stay_with_it() {
    check(
        "s connects v5 session-expiry-interval=100
         s subscribes subscription-identifier=5 t qos=1
         s disconnects
         p connects v5 clean
         p publishes t qos=1 m=1
         s connects v5 session-expiry-interval=100 session-present
         s receives t qos=1 m=1 subscription-identifier=5
         p publishes t qos=1 m=2
         s receives t qos=1 m=2 subscription-identifier=5",
    );
}

// [MQTT5-3.8.4-3] [MQTT3-3.8.4-3]
#[test]
fn the_same_filter_again_replaces_the_subscription() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t qos=2
         s subscribes t qos=0
         p connects vX clean
         p publishes t qos=2 m=1
         s receives t m=1
         s subscribes t qos=1
         p publishes t qos=2 m=2
         s receives t qos=1 m=2
         s< nothing",
    );
}

// [MQTT5-3.8.4-4] [MQTT3-3.8.4-3]
#[test]
fn replacing_a_subscription_loses_no_message() {
    on_each_shard_count("max_queued_messages 0", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes t\n p connects v311 clean");
        let publishes: Vec<String> = (0..200).map(|number| format!("PUBLISH t m={number}")).collect();
        talk.client("p").send(&publishes.join(" & "));
        let subscribes = vec!["SUBSCRIBE id=1 t qos=1"; 50];
        talk.client("s").send(&subscribes.join(" & "));
        let mut next = 0;
        while next < 200 {
            let packet = talk.client("s").receive();
            if packet.has("topic") {
                assert_eq!(packet.text("m"), Some(next.to_string()), "{packet}");
                next += 1;
            }
        }
    });
}

// [MQTT5-3.8.3-3]
#[test]
fn no_local() {
    check(
        "c connects v5 clean
         c subscribes t no-local qos=1
         d connects v5 clean
         d subscribes t
         c publishes t qos=1 m=mine
         d< PUBLISH t m=mine
         d publishes t m=theirs
         d< PUBLISH t m=theirs
         c receives t m=theirs
         c< nothing
         # Without it, and beside it, the client's own messages come back.
         c subscribes +
         c publishes t m=again
         c receives t m=again",
    );
}

// [MQTT5-3.3.1-12] [MQTT5-3.3.1-13] [MQTT3-3.3.1-9]
#[test]
fn retain_as_published() {
    check(
        "a connects v5 clean
         a subscribes t retain-as-published
         b connects v5 clean
         b subscribes t
         c connects v311 clean
         c subscribes t
         p connects v5 clean
         p> PUBLISH t retain m=1
         p> PUBLISH t m=2
         a< PUBLISH t retain m=1
         a< PUBLISH t m=2
         b< PUBLISH t m=1
         b< PUBLISH t m=2
         c< PUBLISH t m=1
         c< PUBLISH t m=2",
    );
}

// [MQTT5-3.10.4-1] [MQTT5-3.10.4-2] [MQTT5-3.10.4-4] [MQTT5-3.10.4-5] [MQTT5-3.10.4-6] [MQTT5-3.11.3-1] [MQTT5-3.11.3-2]
#[test]
fn unsubscribe() {
    check(
        "s connects v5 clean
         s subscribes a/b a/+ c/#
         p connects v5 clean
         s> UNSUBSCRIBE id=65535 a/+ nothing/here c a/b a/b
         s< UNSUBACK id=65535 0x00 0x11 0x11 0x00 0x11
         p> PUBLISH a/b m=1
         p> PUBLISH c m=2
         s< PUBLISH c m=2
         s> UNSUBSCRIBE id=2 c/#
         s< UNSUBACK id=2 0x00
         p> PUBLISH c m=3
         s< nothing",
    );
}

// [MQTT3-3.10.4-1] [MQTT3-3.10.4-2] [MQTT3-3.10.4-4] [MQTT3-3.10.4-5] [MQTT3-3.10.4-6]
#[test]
fn unsubscribe_in_version_3() {
    check_versions(
        &["v31", "v311"],
        "s connects vX clean
         s subscribes a/b a/+ c/#
         p connects vX clean
         s> UNSUBSCRIBE id=65535 a/+ nothing/here c a/b
         s< hex b0 02 ff ff
         p> PUBLISH a/b m=1
         p> PUBLISH c m=2
         s< PUBLISH c m=2
         s< nothing",
    );
}

// [MQTT5-3.10.4-3] [MQTT3-3.10.4-3]
#[test]
fn deliveries_that_have_begun_are_finished_after_unsubscribe() {
    check_versions(
        &["v311", "v5 session-expiry-interval=100"],
        "s connects vX
         s subscribes t qos=2
         p connects v5 clean
         p publishes t qos=2 m=a
         p publishes t qos=1 m=b
         s< PUBLISH t qos=2 id={a} m=a
         s< PUBLISH t qos=1 id={b} m=b
         s> UNSUBSCRIBE id=1 t
         s<? UNSUBACK id=1 0x00
         s<? UNSUBACK id=1
         p publishes t qos=1 m=c
         s> PUBREC id={a}
         s< PUBREL id={a}
         s closes
         s connects vX session-present
         s<* PUBREL id={a}
         s<* PUBLISH t qos=1 id={b} m=b dup
         s> PUBCOMP id={a} & PUBACK id={b}
         s< nothing",
    );
}

/// A subscription belongs to its Session: the one of another client with the same filter stays.
#[test]
fn clients_do_not_share_subscriptions() {
    check(
        "a connects v5 clean
         a subscribes t
         b connects v311 clean
         b subscribes t
         a> UNSUBSCRIBE id=1 t
         a< UNSUBACK id=1 0x00
         p connects v5 clean
         p> PUBLISH t m=1
         b< PUBLISH t m=1
         b closes
         wait 50ms
         p> PUBLISH t m=2
         p pings
         a< nothing",
    );
}

/// Messages published after SUBACK was read are delivered, on whatever shards the clients are.
#[test]
fn a_subscription_holds_from_suback_on() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("p connects v311 clean");
        for number in 0..60 {
            talk.play(&format!(
                "s{number} connects v311 clean
                 s{number} subscribes topic/{number}
                 p> PUBLISH topic/{number} m=x
                 s{number}< PUBLISH topic/{number} m=x"
            ));
        }
    });
}

/// Nothing published after UNSUBACK was read arrives.
#[test]
fn an_unsubscription_holds_from_unsuback_on() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("p connects v311 clean");
        for number in 0..30 {
            talk.play(&format!(
                "s{number} connects v311 clean
                 s{number} subscribes t/+ t/{number}
                 s{number}> UNSUBSCRIBE id=1 t/+ t/{number}
                 s{number}< UNSUBACK id=1
                 p> PUBLISH t/{number} m=x
                 p pings"
            ));
        }
        (0..30).for_each(|number| talk.play(&format!("s{number} pings")));
    });
}

#[test]
fn many_subscribers_all_get_it() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        for number in 0..100 {
            let version = ["v31", "v311", "v5"][number % 3];
            talk.play(&format!("s{number} connects {version} clean\n s{number} subscribes wide/# qos={}", number % 3));
        }
        talk.play("p connects v5 clean\n p publishes wide/1 qos=2 m=hello");
        for number in 0..100 {
            talk.play(&format!("s{number} receives wide/1 qos={} m=hello", number % 3));
        }
    });
}

#[test]
fn many_filters_in_one_packet() {
    check(&format!(
        "s connects v311 clean
         s subscribes{}
         p connects v5 clean
         p> PUBLISH many/499 m=x
         s< PUBLISH many/499 m=x",
        (0..500)
            .map(|number| format!(" many/{number} qos={}", number % 3).replace("499 qos=1", "499 qos=0"))
            .collect::<String>()
    ));
}

/// Another server, which says so by the top bit of the protocol level, as Mosquitto's bridges do: what it brings does not come back
/// to it, and it learns what is retained.
#[test]
fn a_bridge_gets_nothing_back_and_sees_what_is_retained() {
    for level in [0x83_u8, 0x84] {
        on_each_shard_count("", |server| {
            let mut bridge = server.connect();
            let name: &[u8] = if level == 0x83 { b"\0\x06MQIsdp" } else { b"\0\x04MQTT" };
            let body = [name, &[level, 2, 0, 60, 0, 2, b'b', b'r']].concat();
            bridge.send_bytes(&[&[0x10, body.len() as u8], &body[..]].concat());
            bridge.expect("CONNACK 0x00");
            bridge.send("SUBSCRIBE id=1 #");
            bridge.expect("SUBACK id=1 0x00");
            // Acknowledged, so that it was before anybody else was there.
            bridge.send("PUBLISH x/own m=1 qos=1 id=2");
            bridge.expect("PUBACK id=2");
            Conversation::with(server).play(
                "p connects v311 clean
                 p subscribes x/own
                 p publishes x/kept qos=1 m=2 retain
                 p publishes x/passing qos=1 m=3",
            );
            bridge.expect("PUBLISH x/kept m=2 retain");
            bridge.expect("PUBLISH x/passing m=3");
            server.expect_log("*New bridge connected from * as br (*");
        });
    }
}
