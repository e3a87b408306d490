//! Shared Subscriptions (§4.8.2).

use std::collections::BTreeMap;
use std::time::Duration;

use midge_testkit::{Conversation, check, check_versions, on_each_shard_count};

/// The members that got something, with the payloads they got; QoS 1 is acknowledged.
fn received(talk: &mut Conversation<'_>, members: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for member in members {
        let mut payloads = Vec::new();
        while let midge_testkit::Received::Packet(packet, _) =
            talk.client(member).receive_within(Duration::from_millis(150))
        {
            payloads.push(packet.text("m").unwrap_or_default());
            if let Some(id) = packet.number("id") {
                talk.client(member).send(&format!("PUBACK id={id}"));
            }
        }
        all.insert((*member).to_owned(), payloads);
    }
    all
}

fn sorted(received: &BTreeMap<String, Vec<String>>) -> Vec<u32> {
    let mut numbers: Vec<u32> = received.values().flatten().map(|text| text.parse().expect("a number")).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn each_message_goes_to_one_member_and_evenly() {
    for qos in [0, 1] {
        on_each_shard_count("", |server| {
            let mut talk = Conversation::with(server);
            for member in ["a", "b", "c"] {
                talk.play(&format!("{member} connects v5 clean\n {member} subscribes $share/group/t/# qos=1"));
            }
            talk.play("all connects v5 clean\n all subscribes t/# qos=1\n p connects v5 clean");
            for number in 0..60 {
                talk.play(&format!("p publishes t/{number} qos={qos} m={number}"));
            }
            let got = received(&mut talk, &["a", "b", "c"]);
            assert_eq!(sorted(&got), (0..60).collect::<Vec<_>>(), "{got:?}");
            assert!(got.values().all(|payloads| (10..=30).contains(&payloads.len())), "not evenly: {got:?}");
            assert_eq!(received(&mut talk, &["all"])["all"].len(), 60);
        });
    }
}

#[test]
fn each_group_gets_each_message() {
    check(
        "a connects v5 clean
         a subscribes $share/one/t
         b connects v5 clean
         b subscribes $share/two/t
         c connects v311 clean
         c subscribes $share/three/+
         d connects v5 clean
         d subscribes t
         p connects v5 clean
         p> PUBLISH t m=x
         a< PUBLISH t m=x
         b< PUBLISH t m=x
         c< PUBLISH t m=x
         d< PUBLISH t m=x",
    );
}

/// The same client by an ordinary and by a shared subscription: two deliveries, each with its own identifier.
#[test]
fn shared_and_ordinary_in_one_session() {
    check(
        "a connects v5 clean
         a subscribes subscription-identifier=1 t
         a subscribes subscription-identifier=2 $share/group/t
         p connects v5 clean
         p> PUBLISH t m=x
         a<* PUBLISH t m=x subscription-identifier=1
         a<* PUBLISH t m=x subscription-identifier=2
         a< nothing",
    );
}

// [MQTT5-4.8.2-3]
#[test]
fn delivery_keeps_to_the_members_qos() {
    check(
        "a connects v5 clean
         a subscribes $share/group/t qos=1
         p connects v5 clean
         p publishes t qos=2 m=x
         a receives t qos=1 m=x
         p publishes t m=y
         a< PUBLISH t m=y",
    );
}

// [MQTT5-4.8.2-1] [MQTT5-4.8.2-2] [MQTT5-3.8.3-4]
#[test]
fn malformed_shared_filters() {
    let refused =
        |filter: &str| format!("c connects v5 clean\n c> SUBSCRIBE id=1 {filter}\n c< DISCONNECT 0x82\n c< closed\n");
    check(
        &[
            refused("$share/group"),
            refused("$share/group/"),
            refused("$share//t"),
            refused("$share/"),
            refused("$share/gr+up/t"),
            refused("$share/gr#up/t"),
            refused("$share/+/t"),
            refused("$share/group/t no-local"),
        ]
        .concat(),
    );
    check_versions(
        &["v31", "v311"],
        "c connects vX clean
         c> SUBSCRIBE id=1 $share//t
         c< closed",
    );
    // Nearly the word is another word.
    check(
        "c connects v5 clean
         c subscribes $shared/group/t
         p connects v5 clean
         p> PUBLISH t m=x
         c< nothing",
    );
}

#[test]
fn unsubscribing_needs_the_whole_filter() {
    check(
        "a connects v5 clean
         a subscribes $share/group/t
         a> UNSUBSCRIBE id=1 t $share/other/t $share/group/t $share/group/t
         a< UNSUBACK id=1 0x11 0x11 0x00 0x11
         p connects v5 clean
         p> PUBLISH t m=x
         a< nothing",
    );
}

#[test]
fn subscribing_twice_does_not_join_twice() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "a connects v5 clean
             a subscribes $share/group/t
             a subscribes $share/group/t
             a subscribes $share/group/t
             b connects v5 clean
             b subscribes $share/group/t
             p connects v5 clean",
        );
        for number in 0..40 {
            talk.play(&format!("p publishes t m={number}"));
        }
        let got = received(&mut talk, &["a", "b"]);
        assert_eq!(sorted(&got), (0..40).collect::<Vec<_>>());
        assert!(got.values().all(|payloads| payloads.len() >= 12), "{got:?}");
    });
}

#[test]
fn a_member_that_is_away_or_full_is_passed_over() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "away connects v5 session-expiry-interval=100
             away subscribes $share/group/t qos=1
             away disconnects
             full connects v5 clean receive-maximum=1
             full subscribes $share/group/t qos=1
             free connects v5 clean
             free subscribes $share/group/t qos=1
             p connects v5 clean",
        );
        for number in 0..12 {
            talk.play(&format!("p publishes t qos=1 m={number}"));
        }
        // `full` does not acknowledge: one message is all it gets.
        let full: Vec<_> = talk.client("full").receive_until_quiet(Duration::from_millis(150));
        assert_eq!(full.len(), 1, "{full:?}");
        let free = received(&mut talk, &["free"])["free"].len();
        assert_eq!(free, 11, "everything else goes to the member that is there");
        talk.play("away connects v5 session-expiry-interval=100 session-present\n away< nothing");
    });
}

/// What waits when every member is away is delivered when one returns.
#[test]
fn messages_wait_when_all_members_are_away() {
    check(
        "a connects v5 session-expiry-interval=100
         a subscribes $share/group/t qos=1
         a disconnects
         p connects v5 clean
         p publishes t qos=1 m=1
         p publishes t qos=1 m=2
         a connects v5 session-expiry-interval=100 session-present
         a receives t qos=1 m=1
         a receives t qos=1 m=2",
    );
}

// [MQTT5-4.8.2-4]
#[test]
fn qos_2_under_way_is_finished_with_the_same_client() {
    check(
        "a connects v5 session-expiry-interval=100
         a subscribes $share/group/t qos=2
         p connects v5 clean
         p publishes t qos=2 m=x
         a< PUBLISH t qos=2 id={m} m=x
         b connects v5 clean
         b subscribes $share/group/t qos=2
         a closes
         b< nothing 300ms
         a connects v5 session-expiry-interval=100 session-present
         a< PUBLISH t qos=2 id={m} m=x dup
         a> PUBREC id={m}
         a< PUBREL id={m}
         a closes
         a connects v5 session-expiry-interval=100 session-present
         a< PUBREL id={m}
         a> PUBCOMP id={m}
         b< nothing",
    );
}

// [MQTT5-4.8.2-5]
#[test]
fn qos_2_under_way_ends_with_its_session() {
    check(
        "a connects v5 clean
         a subscribes $share/group/t qos=2
         p connects v5 clean
         p publishes t qos=2 m=x
         a< PUBLISH t qos=2 id=? m=x
         b connects v5 clean
         b subscribes $share/group/t qos=2
         a closes
         b< nothing 300ms",
    );
}

#[test]
fn qos_1_of_a_session_that_ends_goes_to_others() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "a connects v5 clean receive-maximum=1
             a subscribes $share/group/t qos=1
             p connects v5 clean
             p publishes t qos=1 m=1
             a< PUBLISH t qos=1 id=? m=1
             p publishes t qos=1 m=2
             p publishes t qos=1 m=3
             b connects v5 clean
             b subscribes $share/group/t qos=1
             a closes",
        );
        std::thread::sleep(Duration::from_millis(200));
        let got = received(&mut talk, &["b"]);
        assert_eq!(sorted(&got), [1, 2, 3], "unacknowledged and queued: {got:?}");
    });
}

// [MQTT5-4.8.2-6]
#[test]
fn a_negative_acknowledgement_discards_the_message() {
    check(
        "a connects v5 clean
         a subscribes $share/group/t qos=2
         p connects v5 clean
         p publishes t qos=1 m=x
         a< PUBLISH t qos=1 id={x} m=x
         p publishes t qos=2 m=y
         a< PUBLISH t qos=2 id={y} m=y
         b connects v5 clean
         b subscribes $share/group/t qos=2
         a> PUBACK id={x} 0x80
         a> PUBREC id={y} 0x80
         b< nothing 300ms
         a< nothing
         a closes
         b< nothing 300ms",
    );
}

/// An ordinary subscription for the same filter is another subscription.
#[test]
fn replacing_an_ordinary_subscription_leaves_the_shared_one() {
    check(
        "a connects v5 clean
         a subscribes $share/group/t t
         a> UNSUBSCRIBE id=1 t
         a< UNSUBACK id=1 0x00
         p connects v5 clean
         p> PUBLISH t m=x
         a< PUBLISH t m=x
         a< nothing",
    );
}

/// What is too large for one member goes to another.
#[test]
fn a_member_with_a_small_packet_size_is_passed_over() {
    on_each_shard_count("", |server| {
        let mut talk = Conversation::with(server);
        talk.play(
            "small connects v5 clean maximum-packet-size=50
             small subscribes $share/group/t qos=1
             large connects v5 clean
             large subscribes $share/group/t qos=1
             p connects v5 clean",
        );
        for number in 0..10 {
            talk.play(&format!("p publishes t qos=1 m=\"{number}\"*100"));
        }
        let got = received(&mut talk, &["small", "large"]);
        assert_eq!(got["small"].len() + got["large"].len(), got["large"].len());
        assert!(got["large"].len() >= 5, "{got:?}");
    });
}
