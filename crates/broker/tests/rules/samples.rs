//! Sampled Subscriptions: the newest message of each topic, so many times a second.

use crate::world::World;
use crate::world::script::{Conversation, SHARDS, check, check_with};
use midge_broker::{ListenerOptions, Options};

#[test]
fn the_newest_of_each_topic_comes_once_in_its_interval() {
    check(
        r"
        p connects v5 clean
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:1000 a/# qos=2
        s< SUBACK id=1 0x00
        wait 1s
        p publishes a/b m=1
        p publishes a/b m=2
        p publishes a/c qos=1 m=3
        p publishes b m=4
        s< nothing
        wait 200ms
        s< PUBLISH a/b m=2 user-property=midge-count:2 user-property=midge-time:2000000001000
        s< PUBLISH a/c m=3 user-property=midge-count:1 user-property=midge-time:2000000001000
        p publishes a/b m=5
        wait 200ms
        s< nothing
        p publishes a/b m=6
        wait 1s
        s< PUBLISH a/b m=6 user-property=midge-count:2 user-property=midge-time:2000000001000
        s> UNSUBSCRIBE id=2 a/#
        s< UNSUBACK id=2 0x00
        p publishes a/b m=7
        wait 2s
        s< nothing
        s> UNSUBSCRIBE id=3 a/#
        s< UNSUBACK id=3 0x11
        ",
    );
}

#[test]
fn retained_messages_come_at_its_beginning_and_as_often_as_it_is_asked_for_them() {
    check(
        r"
        p connects v5 clean
        p publishes a retain qos=1 m=kept
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 subscription-identifier=7 #
        s< SUBACK id=1 0x00
        s< PUBLISH a retain m=kept subscription-identifier=7
        s> SUBSCRIBE id=2 user-property=midge-sample:100 # retain-handling=1
        s< SUBACK id=2 0x00
        s> SUBSCRIBE id=3 user-property=midge-sample:100 #
        s< SUBACK id=3 0x00
        s< PUBLISH a retain m=kept
        s> SUBSCRIBE id=4 user-property=midge-sample:100 b retain-handling=2
        s< SUBACK id=4 0x00
        s< nothing
        ",
    );
}

/// One of the messages for which a sample stands may have been retained, and not the newest: the topic has a Retained Message all the same.
#[test]
fn whether_the_topic_has_a_retained_message_since_is_told_with_the_sample() {
    check(
        r"
        p connects v5 clean
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:1000 # retain-as-published
        s< SUBACK id=1 0x00
        t connects v5 clean
        t> SUBSCRIBE id=1 user-property=midge-sample:1000 #
        t< SUBACK id=1 0x00
        wait 1s
        p publishes kept retain m=1
        p publishes earlier retain m=1
        p publishes earlier m=2
        p publishes cleared retain m=1
        p publishes cleared retain m=
        p publishes again retain m=
        p publishes again retain m=2
        p publishes plain m=1
        wait 1s
        s< PUBLISH kept retain m=1 user-property=midge-count:1 user-property=midge-time:2000000001000 user-property=midge-retained:1
        s< PUBLISH earlier m=2 user-property=midge-count:2 user-property=midge-time:2000000001000 user-property=midge-retained:1
        s< PUBLISH cleared retain user-property=midge-count:2 user-property=midge-time:2000000001000 user-property=midge-retained:0
        s< PUBLISH again retain m=2 user-property=midge-count:2 user-property=midge-time:2000000001000 user-property=midge-retained:1
        s< PUBLISH plain m=1 user-property=midge-count:1 user-property=midge-time:2000000001000
        t< PUBLISH kept m=1 user-property=midge-count:1 user-property=midge-time:2000000001000 user-property=midge-retained:1
        t is forgotten
        p publishes kept m=2
        wait 1s
        s< PUBLISH kept m=2 user-property=midge-count:1 user-property=midge-time:2000000002000
        ",
    );
}

/// A long payload is whole; of one that is longer than a sample may be the beginning comes, with the length of all of it.
#[test]
fn of_a_very_long_payload_the_beginning_comes_and_its_length() {
    let (whole, longer) = ("x".repeat(65_536), "y".repeat(65_537));
    let beginning = &longer[..65_536];
    check(&format!(
        r"
        p connects v5 clean
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a/#
        s< SUBACK id=1 0x00
        wait 1s
        p publishes a/b m={whole}
        p publishes a/c m={longer}
        wait 1s
        s< PUBLISH a/b m={whole} user-property=midge-count:1 user-property=midge-time:2000000001000
        s< PUBLISH a/c m={beginning} user-property=midge-count:1 user-property=midge-time:2000000001000 user-property=midge-payload-bytes:65537
        "
    ));
}

/// Copies are bounded: what comes at once beyond some long payloads is told by its beginning.
#[test]
fn of_many_long_payloads_at_once_some_are_whole() {
    let (whole, beginning) = ("x".repeat(60_000), "x".repeat(4096));
    let mut script = String::from(
        r"
        p connects v5 clean
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a/#
        s< SUBACK id=1 0x00
        wait 1s
        # With the turn that this ends a hundredth of a second begins.
        p publishes b m=1
        ",
    );
    let sampled = "user-property=midge-count:1 user-property=midge-time:2000000001000";
    let published = (0..6).map(|number| format!("p publishes a/{number} m={whole}\n"));
    let come_whole = (0..4).map(|number| format!("s< PUBLISH a/{number} m={whole} {sampled}\n"));
    let come_cut = (4..6).map(|number| {
        format!("s< PUBLISH a/{number} m={beginning} {sampled} user-property=midge-payload-bytes:60000\n")
    });
    let waited = std::iter::once("wait 1s\n".to_owned());
    script.extend(published.chain(waited).chain(come_whole).chain(come_cut));
    check(&script);
}

/// What was on its way to it is not for whoever comes with the same Session later.
#[test]
fn it_ends_with_its_connection() {
    check(
        r"
        p connects v5 clean
        s connects v5 session-expiry-interval=100
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a
        s< SUBACK id=1 0x00
        wait 1s
        p publishes a m=1
        s closes
        wait 1s
        s connects v5 session-expiry-interval=100 session-present
        p publishes a m=2
        wait 1s
        s< nothing
        ",
    );
}

#[test]
fn who_may_not_read_a_topic_gets_no_samples_of_it() {
    let listener = ListenerOptions { authenticates: true, ..ListenerOptions::default() };
    check_with(
        Options { listeners: vec![listener], ..Options::default() },
        r"
        server lets p publish
        server lets s subscribe a
        server lets s receive a/1
        p connects v5 username=p clean
        s connects v5 username=s clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a/# b
        s< SUBACK id=1 0x00 0x87
        wait 1s
        p publishes a/1 m=1
        p publishes a/2 m=2
        wait 1s
        s< PUBLISH a/1 m=1 user-property=midge-count:1 user-property=midge-time:2000000001000
        s< nothing
        ",
    );
}

#[test]
fn what_cannot_be_is_refused() {
    check(
        r"
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:often a
        s< SUBACK id=1 0x83
        s> SUBSCRIBE id=2 user-property=midge-sample:100 $share/g/a
        s< SUBACK id=2 0x9e
        s> SUBSCRIBE id=3 user-property=midge-sample:100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
        s< SUBACK id=3 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x97
        ",
    );
}

/// Each of them costs something with each sample, so there are not any number, whoever asks for them.
#[test]
fn there_are_so_many_in_all() {
    let filters = (0..16).map(|number| format!(" {number}")).collect::<String>();
    let granted = " 0x00".repeat(16);
    let mut script = String::new();
    for client in 0..16 {
        script += &format!(
            "c{client} connects v5 clean\nc{client}> SUBSCRIBE id=1 user-property=midge-sample:100{filters}\n"
        );
        script += &format!("c{client}< SUBACK id=1{granted}\n");
    }
    script += r"
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a
        s< SUBACK id=1 0x97
        s> SUBSCRIBE id=2 a
        s< SUBACK id=2 0x00
        # What is there already may be replaced, and what is given up makes room.
        c0> SUBSCRIBE id=2 user-property=midge-sample:200 3
        c0< SUBACK id=2 0x00
        c0> UNSUBSCRIBE id=3 3
        c0< UNSUBACK id=3 0x00
        s> SUBSCRIBE id=3 user-property=midge-sample:100 a
        s< SUBACK id=3 0x00
        s> SUBSCRIBE id=4 user-property=midge-sample:100 b
        s< SUBACK id=4 0x97
        c1 closes
        s> SUBSCRIBE id=5 user-property=midge-sample:100 b
        s< SUBACK id=5 0x00
        ";
    check(&script);
}

#[test]
fn a_client_that_takes_nothing_gets_the_newest_when_it_does() {
    check(
        r"
        p connects v5 clean
        s connects v5 clean
        s> SUBSCRIBE id=1 user-property=midge-sample:100 a
        s< SUBACK id=1 0x00
        wait 1s
        s congested
        p publishes a m=1
        wait 1s
        p publishes a m=2
        wait 1s
        s< nothing
        s drained
        wait 1s
        s< PUBLISH a m=2 user-property=midge-count:2 user-property=midge-time:2000000002000
        ",
    );
}

#[test]
fn samples_are_kept_for_whoever_asks_on_the_shard_to_which_messages_came() {
    for shards in SHARDS {
        let options = Options { keeps_samples: true, ..Options::default() };
        let mut conversation = Conversation::new(World::new(options, shards, 1));
        let script = "p connects v5 clean\np publishes a m=1\np publishes a m=2\np publishes b m=3\nwait 1s";
        conversation.play(script).expect("as the script says");
        let portions = (0..usize::from(shards)).map(|shard| conversation.world.shard(shard).samples_since(0));
        let kept: Vec<_> = portions.flat_map(|portion| portion.samples).collect();
        let seen: Vec<_> = kept.iter().map(|it| (&*it.topic, &*it.payload, it.count)).collect();
        assert_eq!(seen, [("a", &b"2"[..], 2), ("b", b"3", 1)]);
    }
}
