//! Listings: all that there is, in portions, while it changes.

use crate::world::World;
use crate::world::script::{Conversation, SHARDS};
use midge_broker::{ListedSession, ListedSubscription, Options, SubscriptionCursor};
use std::collections::BTreeSet;

/// No portion is longer.
const PORTION_MAX: usize = 512;
/// And beyond so many bytes of names none grows further.
const PORTION_BYTES_MAX: usize = 64 << 10;

/// The Subscriptions of all shards as they are listed, sorted: `CLIENT FILTER QOS`. `meanwhile` is done between two portions.
fn list(
    conversation: &mut Conversation,
    shards: u16,
    mut meanwhile: impl FnMut(&mut Conversation, usize),
) -> Vec<String> {
    let (mut listed, mut portions) = (Vec::new(), 0);
    for shard in 0..usize::from(shards) {
        let mut from = Some(SubscriptionCursor::START);
        while let Some(cursor) = from {
            let portion = conversation.world.shard(shard).list_subscriptions(cursor);
            let bytes = |it: &ListedSubscription| it.client_id.len() + it.filter.len();
            let bytes_but_the_last: usize = portion.subscriptions.iter().rev().skip(1).map(bytes).sum();
            assert!(portion.subscriptions.len() <= PORTION_MAX && bytes_but_the_last <= PORTION_BYTES_MAX);
            let line = |it: &ListedSubscription| format!("{} {} {}", it.client_id, it.filter, it.qos);
            listed.extend(portion.subscriptions.iter().map(line));
            from = portion.next;
            portions += 1;
            meanwhile(conversation, portions);
        }
    }
    listed.sort_unstable();
    listed
}

/// SUBSCRIBE with a hundred filters, as often as it takes.
fn subscribe(conversation: &mut Conversation, client: &str, filters: &[String]) {
    for filters in filters.chunks(100) {
        let filters: Vec<String> = filters.iter().map(|filter| format!("{filter} qos=1")).collect();
        conversation.play(&format!("{client} subscribes {}", filters.join(" "))).expect("as the script says");
    }
}

/// All Sessions as they are listed, sorted by their clients. `meanwhile` is done between two portions.
fn sessions(
    conversation: &mut Conversation,
    shards: u16,
    mut meanwhile: impl FnMut(&mut Conversation, usize),
) -> Vec<ListedSession> {
    let (mut listed, mut portions) = (Vec::new(), 0);
    for shard in 0..usize::from(shards) {
        let mut from = Some(0);
        while let Some(at) = from {
            let portion = conversation.world.shard(shard).list_sessions(at);
            let bytes_but_the_last: usize = portion.sessions.iter().rev().skip(1).map(|it| it.client_id.len()).sum();
            assert!(portion.sessions.len() <= PORTION_MAX && bytes_but_the_last <= PORTION_BYTES_MAX);
            listed.extend(portion.sessions);
            from = portion.next;
            portions += 1;
            meanwhile(conversation, portions);
        }
    }
    listed.sort_unstable_by(|one, other| one.client_id.cmp(&other.client_id));
    listed
}

#[test]
fn every_session_is_listed_with_what_it_holds_and_what_came() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(Options::default(), shards, 1));
        let script = "away connects v311
                      away subscribes a qos=1 $share/g/b qos=1
                      away closes
                      here connects v5 clean keep-alive=60
                      here subscribes a qos=1
                      p connects v5 clean
                      p publishes a qos=1 m=one
                      p publishes a qos=0 m=two
                      gone connects v5 clean
                      gone disconnects
                      here< PUBLISH a qos=1 id=1 m=one
                      here< PUBLISH a qos=0 m=two
                      here pings";
        conversation.play(script).expect("as the script says");
        let listed = sessions(&mut conversation, shards, |_, _| {});
        let names: Vec<&str> = listed.iter().map(|it| &*it.client_id).collect();
        assert_eq!(names, ["away", "here", "p"]);
        let [away, here, publisher] = &listed[..] else { unreachable!("three") };
        assert_eq!((&away.connection, away.subscriptions, away.queued, away.inflight), (&None, 2, 1, 0));
        assert_eq!((away.queued_bytes, away.expiry_interval_s), (4, u32::MAX));
        assert_eq!((here.subscriptions, here.queued, here.inflight, here.expiry_interval_s), (1, 0, 1, 0));
        let connection = here.connection.as_ref().expect("it is connected");
        assert_eq!((connection.keep_alive_s, connection.messages_received), (60, 0));
        let connection = publisher.connection.as_ref().expect("it is connected");
        // CONNECT of 16 bytes, PUBLISH of 11 and of 9.
        assert_eq!((connection.messages_received, connection.bytes_received), (2, 16 + 11 + 9));
    }
}

#[test]
fn sessions_that_stay_are_listed_whatever_comes_and_goes() {
    let mut conversation = Conversation::new(World::new(Options::default(), 1, 1));
    let name = |group: &str, number: usize| format!("{group}-{}-{number}", "x".repeat(200));
    let connect = |conversation: &mut Conversation, name: &str| {
        conversation.play(&format!("{name} connects v5 clean")).expect("as the script says");
    };
    for number in 0..700 {
        connect(&mut conversation, &name("stays", number));
        connect(&mut conversation, &name("goes", number));
    }
    let mut portions = 0;
    let listed = sessions(&mut conversation, 1, |conversation, number| {
        portions = number;
        conversation.play(&format!("{} disconnects", name("goes", number * 50))).expect("as the script says");
        connect(conversation, &name("new", number));
    });
    assert!(portions >= 4, "{portions}");
    let names: BTreeSet<&str> = listed.iter().map(|it| &*it.client_id).collect();
    assert_eq!(names.len(), listed.len(), "nobody twice");
    (0..700).for_each(|number| assert!(names.contains(name("stays", number).as_str()), "{number}"));
}

#[test]
fn every_subscription_is_listed_with_its_client_and_qos() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(Options::default(), shards, 1));
        let script = "one connects v5 clean
                      one subscribes a/b qos=2 $share/g/a/+ qos=1 # qos=0
                      two connects v311
                      two subscribes a/b qos=0
                      two closes
                      three connects v5 clean
                      three subscribes $share/g/a/+ qos=0
                      four connects v5 clean
                      gone connects v5 clean
                      gone subscribes x qos=0
                      gone disconnects";
        conversation.play(script).expect("as the script says");
        let expected =
            ["one # 0", "one $share/g/a/+ 1", "one a/b 2", "three $share/g/a/+ 0", "two a/b 0"].map(str::to_owned);
        assert_eq!(list(&mut conversation, shards, |_, _| {}), expected);
    }
}

#[test]
fn many_and_long_ones_come_in_portions() {
    let mut conversation = Conversation::new(World::new(Options::default(), 1, 1));
    let many: Vec<String> = (0..2000).map(|number| format!("many/{number}")).collect();
    let long: Vec<String> = (0..8).map(|number| format!("{}/{number}", "x".repeat(30_000))).collect();
    conversation.play("many connects v5 clean\nlong connects v5 clean").expect("as the script says");
    subscribe(&mut conversation, "many", &many);
    long.chunks(2).for_each(|filters| subscribe(&mut conversation, "long", filters));
    let mut portions = 0;
    let listed = list(&mut conversation, 1, |_, number| portions = number);
    assert_eq!((listed.len(), listed.iter().collect::<BTreeSet<_>>().len()), (2008, 2008));
    assert!((6..=9).contains(&portions), "{portions}");
}

#[test]
fn what_is_there_all_the_while_is_listed_whatever_comes_and_goes() {
    let mut conversation = Conversation::new(World::new(Options::default(), 1, 1));
    let filters = |group: &str| -> Vec<String> { (0..1000).map(|number| format!("{group}/{number}")).collect() };
    let shared: Vec<String> = (0..900).map(|number| format!("$share/g/s/{number}")).collect();
    conversation.play("c connects v5 clean\nlast connects v5 clean").expect("played");
    for group in [&shared[..], &filters("goes"), &filters("stays")] {
        subscribe(&mut conversation, "c", group);
    }
    subscribe(&mut conversation, "last", &filters("last"));
    let listed = list(&mut conversation, 1, |conversation, portion| {
        let (from, to) = (portion * 100 % 900, portion * 100 % 900 + 20);
        let ends: Vec<String> = (from..to).map(|number| format!("goes/{number} $share/g/s/{number}")).collect();
        let ends = ends.join(" ");
        let id = 100 + portion;
        let oks = if portion < 9 { "0x00 ".repeat(40) } else { "0x11 ".repeat(40) };
        let script = format!("c> UNSUBSCRIBE id={id} {ends}\nc< UNSUBACK id={id} {oks}\nc subscribes new/{id} qos=1");
        conversation.play(&script).expect("as the script says");
    });
    let listed: BTreeSet<&String> = listed.iter().collect();
    for (client, group) in [("c", "stays"), ("last", "last")] {
        for filter in filters(group) {
            assert!(listed.contains(&format!("{client} {filter} 1")), "{filter}");
        }
    }
    let stays = shared.iter().enumerate().filter(|(number, _)| number % 100 >= 20);
    stays.for_each(|(_, filter)| assert!(listed.contains(&format!("c {filter} 1")), "{filter}"));
}

#[test]
fn a_listing_goes_on_behind_any_of_its_items() {
    let mut conversation = Conversation::new(World::new(Options::default(), 1, 1));
    let script = "c connects v5 clean
                  c subscribes a qos=1 $share/g/b qos=1 c qos=0
                  d connects v5 clean
                  d subscribes e qos=2
                  d publishes r/1 qos=0 retain m=1
                  d publishes r/2 qos=0 retain m=2";
    conversation.play(script).expect("as the script says");
    let shard = conversation.world.shard(0);
    let all = shard.list_subscriptions(SubscriptionCursor::START).subscriptions;
    assert_eq!(all.len(), 4);
    for (index, listed) in all.iter().enumerate() {
        let cursor = SubscriptionCursor::from_parts(listed.behind.to_parts());
        assert_eq!(shard.list_subscriptions(cursor).subscriptions, all[index + 1..]);
    }
    let retained = shard.list_retained(0, 1);
    assert_eq!(retained.messages.len(), 2);
    let behind_first = shard.list_retained(retained.messages[0].place + 1, 1);
    assert_eq!(behind_first.messages[0].message.topic(), retained.messages[1].message.topic());
    let session = shard.list_session("d").expect("it is there");
    assert_eq!((&*session.client_id, session.subscriptions), ("d", 1));
    assert!(shard.list_session("x").is_none());
}

#[test]
fn retained_messages_are_listed_until_they_expire() {
    for shards in SHARDS {
        let mut conversation = Conversation::new(World::new(Options::default(), shards, 1));
        let script = "p connects v5 clean
                      p publishes a/b qos=1 retain m=1
                      p publishes c qos=0 retain m=2
                      p publishes c qos=0 retain
                      p publishes short/lived qos=0 retain m=3 message-expiry-interval=10";
        conversation.play(script).expect("as the script says");
        let listed = |conversation: &Conversation, now_s| {
            let portion = conversation.world.shard(0).list_retained(0, now_s);
            assert_eq!(portion.next, None);
            let mut topics: Vec<String> = portion.messages.iter().map(|it| it.message.topic().to_owned()).collect();
            topics.sort_unstable();
            topics
        };
        assert_eq!(listed(&conversation, 1), ["a/b", "short/lived"]);
        assert_eq!(listed(&conversation, 1000), ["a/b"]);
        for number in 0..2000 {
            conversation.world.publish(&format!("many/{number}"), b"x", midge_codec::QoS::AtMostOnce, true);
        }
        conversation.world.settle();
        let (mut from, mut topics, mut portions) = (Some(0), BTreeSet::new(), 0);
        while let Some(at) = from {
            let portion = conversation.world.shard(0).list_retained(at, 1);
            assert!(portion.messages.len() <= PORTION_MAX);
            topics.extend(portion.messages.iter().map(|it| it.message.topic().to_owned()));
            (from, portions) = (portion.next, portions + 1);
        }
        assert_eq!((topics.len(), portions), (2002, 4));
    }
}

#[test]
fn a_retained_message_is_listed_with_who_published_it_where_that_is_known() {
    let check = |check_retain_source, expected| {
        let options = Options { check_retain_source, ..Options::default() };
        let mut conversation = Conversation::new(World::new(options, 1, 1));
        conversation.play("p connects v5 clean\np publishes r qos=0 retain m=1").expect("as the script says");
        let listed = conversation.world.shard(0).list_retained(0, 1).messages;
        assert_eq!(listed.iter().map(|it| it.publisher.as_deref()).collect::<Vec<_>>(), [expected]);
    };
    check(true, Some("p"));
    check(false, None);
}

#[test]
fn what_was_sent_and_is_not_acknowledged_is_counted() {
    let mut conversation = Conversation::new(World::new(Options::default(), 1, 1));
    let mut check = |script: &str, expected| {
        conversation.play(script).expect("as the script says");
        assert_eq!(conversation.world.gauges().inflight, expected, "after {script}");
    };
    check("s connects v5 session-expiry-interval=100\ns subscribes t qos=2\np connects v5 clean", 0);
    check("p publishes t qos=0 m=1\ns receives t qos=0 m=1", 0);
    check("p publishes t qos=1 m=2\ns< PUBLISH t qos=1 id=1 m=2", 1);
    check("p publishes t qos=2 m=3\ns< PUBLISH t qos=2 id=2 m=3", 2);
    check("s> PUBACK id=1\ns> PUBACK id=1", 1);
    check("s> PUBREC id=2\ns< PUBREL id=2", 1);
    check("p publishes t qos=2 m=4\ns< PUBLISH t qos=2 id=3 m=4\ns closes", 2);
    check(
        "s connects v5 session-expiry-interval=100 session-present\ns< PUBREL id=2\ns< PUBLISH t qos=2 id=3 dup m=4",
        2,
    );
    check("s> PUBREC id=3 0x97\ns> PUBCOMP id=2\np publishes t qos=1 m=5\ns< PUBLISH t qos=1 id=4 m=5", 1);
    check("s connects v5 clean", 0);
}
