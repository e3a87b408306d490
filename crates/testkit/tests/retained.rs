//! Retained Messages (§3.3.1.3, §3.8.3.1).

use std::time::Duration;

use midge_testkit::{Conversation, check, check_together, check_versions, check_with, on_each_shard_count};

// [MQTT5-3.3.1-5] [MQTT5-3.3.1-9] [MQTT3-3.3.1-5] [MQTT3-3.3.1-6] [MQTT3-3.3.1-7] [MQTT3-3.3.1-8] [MQTT3-3.1.2-7] [MQTT5-3.3.1-8] [MQTT3-3.3.1-12]
#[test]
fn the_last_retained_message_comes_to_each_new_subscription() {
    check_versions(
        &["v31", "v311", "v5"],
        "p connects vX clean
         p publishes t retain qos=1 m=old
         p publishes t retain qos=1 m=new
         p publishes t qos=1 m=live
         p publishes u retain m=other
         p disconnects
         s connects vX clean
         s> SUBSCRIBE id=1 t qos=2
         s<* SUBACK id=1 0x02
         s<* PUBLISH t qos=1 id=? retain m=new
         s< nothing
         z connects vX clean
         z> SUBSCRIBE id=1 t
         z<* SUBACK id=1
         z<* PUBLISH t retain m=new",
    );
}

/// SUBACK waits for the disk, and what is retained need not; but Paho for embedded systems, for one, loses what comes before SUBACK.
#[test]
fn what_is_retained_comes_behind_a_suback_that_waits_for_the_disk() {
    check_with(
        "persistence true",
        "p connects v5 clean
         p publishes t retain qos=1 m=x
         s connects v311
         s> SUBSCRIBE id=1 t
         s< SUBACK id=1
         s< PUBLISH t retain m=x
         s> SUBSCRIBE id=2 t qos=1
         s< SUBACK id=2 0x01
         s< PUBLISH t qos=1 id=? retain m=x",
    );
}

// [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]
#[test]
fn an_empty_payload_clears_and_is_delivered_to_live_subscribers() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t
         p connects vX clean
         p publishes t retain qos=1 m=x
         s< PUBLISH t m=x
         p publishes t retain qos=1
         s< PUBLISH t
         z connects vX clean
         z subscribes t #
         z< nothing",
    );
}

// [MQTT3-3.3.1-9] [MQTT5-3.3.1-12]
#[test]
fn live_messages_have_no_retain_flag() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects vX clean
         s subscribes t
         p connects vX clean
         p> PUBLISH t retain m=x
         s< PUBLISH t m=x",
    );
}

// [MQTT5-3.3.1-9] [MQTT5-3.3.1-10] [MQTT5-3.3.1-11] [MQTT5-3.8.4-4]
#[test]
fn retain_handling() {
    check(
        "p connects v5 clean
         p publishes t retain qos=1 m=x
         always connects v5 clean
         always> SUBSCRIBE id=1 t retain-handling=0
         always<* SUBACK id=1
         always<* PUBLISH t retain m=x
         always> SUBSCRIBE id=2 t retain-handling=0
         always<* SUBACK id=2
         always<* PUBLISH t retain m=x
         new connects v5 clean
         new> SUBSCRIBE id=1 t retain-handling=1
         new<* SUBACK id=1
         new<* PUBLISH t retain m=x
         new subscribes t retain-handling=1
         new< nothing
         new> UNSUBSCRIBE id=3 t
         new< UNSUBACK id=3 0x00
         new> SUBSCRIBE id=4 t retain-handling=1
         new<* SUBACK id=4
         new<* PUBLISH t retain m=x
         never connects v5 clean
         never subscribes t retain-handling=2
         never< nothing
         # These options are about replay only.
         p publishes t m=live
         always< PUBLISH t m=live
         new< PUBLISH t m=live
         never< PUBLISH t m=live",
    );
}

#[test]
fn replayed_messages_have_retain_even_without_retain_as_published() {
    check(
        "p connects v5 clean
         p publishes t retain qos=1 m=x
         s connects v5 clean
         s> SUBSCRIBE id=1 subscription-identifier=9 t qos=1
         s<* SUBACK id=1 0x01
         s<* PUBLISH t retain qos=1 id=? subscription-identifier=9 m=x",
    );
}

// [MQTT3-3.8.4-3]
#[test]
fn version_3_gets_them_again_with_each_subscribe() {
    check_versions(
        &["v31", "v311"],
        "p connects vX clean
         p publishes t retain qos=1 m=x
         s connects vX clean
         s> SUBSCRIBE id=1 t
         s<* SUBACK id=1
         s<* PUBLISH t retain m=x
         s> SUBSCRIBE id=2 t
         s<* SUBACK id=2
         s<* PUBLISH t retain m=x",
    );
}

#[test]
fn they_are_not_sent_when_a_session_resumes() {
    check(
        "s connects v311
         s subscribes t qos=1
         p connects v311 clean
         p publishes t qos=1 retain m=x
         s receives t qos=1 m=x
         s pings
         s disconnects
         s connects v311 session-present
         s< nothing",
    );
}

#[test]
fn wildcards_replay_each_matching_topic_once() {
    check(
        "p connects v5 clean
         p publishes a/b retain qos=1 m=1
         p publishes a/c retain qos=1 m=2
         p publishes a retain qos=1 m=3
         p publishes b retain qos=1 m=4
         p publishes a/b/c retain qos=1 m=5
         p publishes /a retain qos=1 m=6
         p publishes $x/y retain qos=1 m=7
         s connects v5 clean
         s> SUBSCRIBE id=1 a/#
         s<* SUBACK id=1
         s<* PUBLISH a/b retain m=1
         s<* PUBLISH a/c retain m=2
         s<* PUBLISH a retain m=3
         s<* PUBLISH a/b/c retain m=5
         s< nothing
         z connects v5 clean
         z> SUBSCRIBE id=1 +/+
         z<* SUBACK id=1
         z<* PUBLISH a/b retain m=1
         z<* PUBLISH a/c retain m=2
         z<* PUBLISH /a retain m=6
         z< nothing
         y connects v5 clean
         y> SUBSCRIBE id=1 $x/#
         y<* SUBACK id=1
         y<* PUBLISH $x/y retain m=7",
    );
}

// [MQTT5-3.3.2-6] [MQTT5-3.3.2-5]
#[test]
fn they_expire() {
    check(
        "p connects v5 clean
         p publishes t retain qos=1 message-expiry-interval=1 m=x
         p publishes u retain qos=1 message-expiry-interval=100 m=y
         s connects v5 clean
         s> SUBSCRIBE id=1 t
         s<* SUBACK id=1
         s<* PUBLISH t retain message-expiry-interval=0..1 m=x
         wait 2100ms
         z connects v5 clean
         z> SUBSCRIBE id=1 t u
         z<* SUBACK id=1 0x00 0x00
         z<* PUBLISH u retain message-expiry-interval=96..98 m=y
         z< nothing
         v connects v311 clean
         v> SUBSCRIBE id=1 u
         v<* SUBACK id=1
         v<* PUBLISH u retain m=y",
    );
}

#[test]
fn properties_are_kept_with_them() {
    check(
        "p connects v5 clean
         p publishes t retain qos=1 m=x content-type=text payload-format-indicator=1 user-property=a:1 user-property=a:2 response-topic=r correlation-data=c
         s connects v5 clean
         s> SUBSCRIBE id=1 t
         s<* SUBACK id=1
         s<* PUBLISH t retain m=x content-type=text payload-format-indicator=1 user-property=a:1 user-property=a:2 response-topic=r correlation-data=c",
    );
}

#[test]
fn thousands_are_replayed_and_disturb_nobody() {
    on_each_shard_count("max_queued_messages 0", |server| {
        let mut talk = Conversation::with(server);
        talk.play("p connects v311 clean\n other connects v311 clean\n other subscribes other");
        let publishes: Vec<String> =
            (0..5000).map(|number| format!("PUBLISH many/{number} retain m={number}")).collect();
        talk.client("p").send(&publishes.join(" & "));
        talk.play("p pings\n s connects v5 clean\n s> SUBSCRIBE id=1 many/+ qos=1\n p> PUBLISH other m=x\n other< PUBLISH other m=x");
        let mut seen = vec![false; 5000];
        let mut count = 0;
        while count < 5000 {
            let packet = talk.client("s").receive();
            if let Some(number) = packet.number("m") {
                assert!(packet.has("retain"), "{packet}");
                assert!(!std::mem::replace(&mut seen[number as usize], true), "twice: {packet}");
                count += 1;
            }
        }
    });
}

/// A subscriber sees each value of a topic once and none older than one it has seen, however replay and live messages meet.
#[test]
fn replay_and_live_messages_do_not_cross() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play("p connects v311 clean");
        for round in 0..10 {
            let publishes: Vec<String> =
                (0..300).map(|number| format!("PUBLISH t/{round} retain m={number}")).collect();
            talk.play(&format!("s{round} connects v5 clean"));
            talk.client("p").send(&publishes.join(" & "));
            talk.client(&format!("s{round}")).send(&format!("SUBSCRIBE id=1 t/{round}"));
            let mut last = None;
            while last != Some(299) {
                let packet = talk.client(&format!("s{round}")).receive();
                let Some(number) = packet.number("m") else { continue };
                // Replay may begin anywhere; from then on no value is left out.
                assert!(last.is_none_or(|last| number == last + 1), "{number} behind {last:?}");
                last = Some(number);
            }
            assert!(
                talk.client(&format!("s{round}"))
                    .receive_until_quiet(Duration::from_millis(20))
                    .iter()
                    .all(|packet| !packet.has("m"))
            );
        }
    });
}

#[test]
fn shared_subscriptions_get_no_replay() {
    check(
        "p connects v5 clean
         p publishes t retain qos=1 m=x
         s connects v5 clean
         s subscribes $share/group/t
         s< nothing
         p publishes t retain qos=1 m=live
         s< PUBLISH t m=live",
    );
}

#[test]
fn the_will_can_be_retained() {
    check_together(
        "",
        &["w connects v311 clean will=w will.m=gone will.retain
         w closes
         wait 100ms
         s connects v5 clean
         s> SUBSCRIBE id=1 w
         s<* SUBACK id=1
         s<* PUBLISH w retain m=gone"],
    );
}

#[test]
fn retained_messages_expire_by_the_servers_rule_too() {
    // The directive counts minutes: here it is seen to be read, and to leave fresh messages alone.
    check_with(
        "retain_expiry_interval 1",
        "p connects v5 clean
         p publishes t retain qos=1 m=x
         s connects v311 clean
         s> SUBSCRIBE id=1 t
         s<* SUBACK id=1
         s<* PUBLISH t retain m=x",
    );
}
