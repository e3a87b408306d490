//! Topic Alias in both directions (§3.3.2.3.4).

use midge_testkit::{Conversation, check, check_with, on_each_shard_count};

// [MQTT5-3.2.2-17] [MQTT5-3.3.2-9] [MQTT5-3.3.2-12]
#[test]
fn a_client_names_its_topics_once() {
    check(
        "s connects v5 clean
         s subscribes #
         p> CONNECT v5 clean
         p< CONNACK topic-alias-maximum=10
         p> PUBLISH a/b topic-alias=1 m=1
         p> PUBLISH topic-alias=1 m=2
         p> PUBLISH c topic-alias=10 m=3
         p> PUBLISH topic-alias=10 m=4
         p> PUBLISH topic-alias=1 qos=1 id=1 m=5
         p< PUBACK id=1
         # A Topic Name sets it anew.
         p> PUBLISH d topic-alias=1 m=6
         p> PUBLISH topic-alias=1 m=7
         s< PUBLISH a/b m=1
         s< PUBLISH a/b m=2
         s< PUBLISH c m=3
         s< PUBLISH c m=4
         s< PUBLISH a/b m=5
         s< PUBLISH d m=6
         s< PUBLISH d m=7",
    );
}

// [MQTT5-3.3.2-8] [MQTT5-3.2.2-17] [MQTT5-3.3.2-9]
#[test]
fn aliases_out_of_range() {
    check(
        "a connects v5 clean
         a> PUBLISH t topic-alias=0 m=x
         a< DISCONNECT 0x94
         a< closed
         b connects v5 clean
         b> PUBLISH t topic-alias=11 m=x
         b< DISCONNECT 0x94
         b< closed
         c connects v5 clean
         c> PUBLISH topic-alias=3 m=x
         c< DISCONNECT 0x82
         c< closed
         d connects v5 clean
         d> PUBLISH m=x
         d< DISCONNECT 0x??
         d< closed",
    );
}

// [MQTT5-3.2.2-18]
#[test]
fn no_aliases_where_the_server_offers_none() {
    check_with(
        "max_topic_alias 0",
        "a> CONNECT v5 clean
         a< CONNACK !topic-alias-maximum
         a> PUBLISH t topic-alias=1 m=x
         a< DISCONNECT 0x94
         a< closed",
    );
}

// [MQTT5-3.3.2-7]
#[test]
fn aliases_end_with_the_connection() {
    check(
        "s connects v5 clean
         s subscribes #
         p connects v5 session-expiry-interval=100
         p> PUBLISH t topic-alias=1 m=1
         p closes
         s< PUBLISH t m=1
         p connects v5 session-expiry-interval=100 session-present
         p> PUBLISH topic-alias=1 m=2
         p< DISCONNECT 0x82
         p< closed
         s< nothing",
    );
}

// [MQTT5-3.1.2-27]
#[test]
fn clients_that_offer_none_get_none() {
    check(
        "a connects v5 clean
         a subscribes t
         b connects v5 clean topic-alias-maximum=0
         b subscribes t
         p connects v5 clean
         p> PUBLISH t m=1 & PUBLISH t m=2 & PUBLISH t topic-alias=1 m=3 & PUBLISH topic-alias=1 m=4
         a< PUBLISH t m=1
         a< PUBLISH t m=2
         a< PUBLISH t m=3
         a< PUBLISH t m=4
         b< PUBLISH t m=1
         b< PUBLISH t m=2
         b< PUBLISH t m=3
         b< PUBLISH t m=4",
    );
}

// [MQTT5-3.1.2-26] [MQTT5-3.3.2-11]
#[test]
fn the_servers_own_aliases_stay_within_what_the_client_offers() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("s> CONNECT v5 clean topic-alias-maximum=2\n s< CONNACK\n s subscribes long/#\n p connects v5 clean");
        let mut names = std::collections::BTreeMap::new();
        let mut without_name = 0;
        for round in 0..30 {
            for topic in ["long/topic/name/1", "long/topic/name/2", "long/topic/name/3", "long/topic/name/4"] {
                talk.play(&format!("p> PUBLISH {topic} m={round}"));
                let got = talk.client("s").receive();
                let name = match (got.text("topic").expect("a topic"), got.number("topic-alias")) {
                    (name, None) => name,
                    (name, Some(alias)) => {
                        assert!((1..=2).contains(&alias), "{got}");
                        if name.is_empty() {
                            without_name += 1;
                            names[&alias]
                        } else {
                            names.insert(alias, topic);
                            &name
                        }
                        .to_owned()
                    }
                };
                assert_eq!(name, topic);
                assert_eq!(got.text("m"), Some(round.to_string()));
            }
        }
        assert!(without_name > 0 || midge_testkit::server::is_foreign(), "repeated topics are worth an alias");
    });
}

/// A resend on a new connection needs the full topic.
// [MQTT5-3.3.2-7]
#[test]
fn a_resend_has_its_topic_name_again() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "s> CONNECT v5 session-expiry-interval=100 topic-alias-maximum=10
             s< CONNACK
             s subscribes long/# qos=1
             p connects v5 clean",
        );
        for number in 0..5 {
            talk.play(&format!("p publishes long/topic qos=1 m={number}"));
            talk.client("s").receive();
        }
        talk.play("s closes\n s> CONNECT v5 session-expiry-interval=100\n s< CONNACK session-present");
        for number in 0..5 {
            talk.play(&format!("s< PUBLISH long/topic qos=1 id=? m={number} dup"));
        }
    });
}

#[test]
fn the_server_can_be_kept_from_making_aliases() {
    let script = "
        s> CONNECT v5 clean topic-alias-maximum=2
        s< CONNACK
        s subscribes long/# qos=0
        p connects v5 clean
        p publishes long/topic/name m=x
        s< PUBLISH long/topic/name m=x FIRST
        p publishes long/topic/name m=x
        s< PUBLISH NAME m=x SECOND";
    let expecting = |first: &str, name: &str, second: &str| {
        script.replace("FIRST", first).replace("NAME", name).replace("SECOND", second)
    };
    check_with("max_topic_alias_broker 0", &expecting("!topic-alias", "long/topic/name", "!topic-alias"));
    check_with("max_topic_alias_broker 1", &expecting("topic-alias=1", "\"\"", "topic-alias=1"));
}
