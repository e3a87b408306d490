//! QoS 2 in both directions, with the connection cut at every step, and what each side may have under way.

use crate::world::World;
use crate::world::script::{Conversation, SHARDS, check, check_versions, check_with};
use midge_broker::{LogState, Options};

#[test]
fn an_exchange_that_nothing_disturbs() {
    check_versions(
        &["v31", "v311", "v5"],
        r"
        s connects vX clean
        s subscribes a qos=2
        p connects vX clean
        p> PUBLISH a qos=2 id=7 m=x
        p< PUBREC id=7
        s< PUBLISH a qos=2 id=1 m=x
        # Delivered onward at once: PUBREL only releases the identifier.
        p> PUBLISH a qos=2 id=7 dup m=x
        p< PUBREC id=7
        s< nothing
        p> PUBREL id=7
        p< PUBCOMP id=7
        p> PUBREL id=7
        p< PUBCOMP id=7 0x??
        s> PUBREC id=1
        s< PUBREL id=1
        s> PUBREC id=1
        s< PUBREL id=1
        s> PUBCOMP id=1
        s> PUBCOMP id=1
        s> PUBREC id=1
        s< PUBREL id=1 0x??
        # The identifier means a new message now.
        p> PUBLISH a qos=2 id=7 m=y
        p< PUBREC id=7
        s< PUBLISH a qos=2 id=2 m=y
        ",
    );
}

/// The publisher's connection ends after each of its packets, with and without having seen the answer; it comes back,
/// sends again what the specification says, and each message arrives once.
#[test]
fn a_publisher_that_is_cut_at_any_step_delivers_once() {
    let again = "p> PUBLISH a qos=2 id=7 dup m=x\np< PUBREC id=7\np> PUBREL id=7\np< PUBCOMP id=7 0x??";
    let release = "p> PUBREL id=7\np< PUBCOMP id=7 0x??";
    let lines = "p> PUBLISH a qos=2 id=7 m=x\np< PUBREC id=7\np> PUBREL id=7\np< PUBCOMP id=7";
    for version in ["v311", "v5 session-expiry-interval=100"] {
        for (cut, rest) in [(0, again), (1, again), (2, release), (3, release), (4, "")] {
            for end in ["closes", "takes over"] {
                let before: String = lines.lines().take(cut).map(|line| format!("{line}\n")).collect();
                let end = if end == "closes" { "p closes" } else { "" };
                check(&format!(
                    "s connects v311\ns subscribes a qos=2\np connects {version}\n{before}{end}\n\
                     p connects {version} session-present\n{rest}\n\
                     p publishes a qos=2 m=end\ns receives a qos=2 m=x\ns receives a qos=2 m=end\ns< nothing"
                ));
            }
        }
    }
}

/// The packet is written when the connection breaks: some first part of it arrives, or all.
#[test]
fn a_publisher_whose_packet_is_torn_delivers_once() {
    for (before, torn) in
        [("", "PUBLISH a qos=2 id=7 m=x"), ("p> PUBLISH a qos=2 id=7 m=x\np< PUBREC id=7", "PUBREL id=7")]
    {
        let rest = if before.is_empty() {
            "p> PUBLISH a qos=2 id=7 dup m=x\np< PUBREC id=7\np> PUBREL id=7\np< PUBCOMP id=7"
        } else {
            "p> PUBREL id=7\np< PUBCOMP id=7"
        };
        check(&format!(
            "s connects v311\ns subscribes a qos=2\np connects v311\n{before}\np>> {torn}\np breaks\n\
             p connects v311 session-present\n{rest}\ns receives a qos=2 m=x\ns< nothing"
        ));
    }
}

/// The subscriber's connection ends at each step, what was sent to it having arrived or not: it can always tell a message
/// that comes again from a new one, and the exchange comes to its end.
#[test]
fn a_subscriber_that_is_cut_at_any_step_receives_once() {
    let steps = [
        ("", "s< PUBLISH a qos=2 id=1 dup m=x\ns> PUBREC id=1\ns< PUBREL id=1\ns> PUBCOMP id=1"),
        (
            "s< PUBLISH a qos=2 id=1 m=x",
            "s< PUBLISH a qos=2 id=1 dup m=x\ns> PUBREC id=1\ns< PUBREL id=1\ns> PUBCOMP id=1",
        ),
        ("s< PUBLISH a qos=2 id=1 m=x\ns> PUBREC id=1", "s< PUBREL id=1\ns> PUBCOMP id=1"),
        ("s< PUBLISH a qos=2 id=1 m=x\ns> PUBREC id=1\ns< PUBREL id=1", "s< PUBREL id=1\ns> PUBCOMP id=1"),
        ("s< PUBLISH a qos=2 id=1 m=x\ns> PUBREC id=1\ns< PUBREL id=1\ns> PUBCOMP id=1", ""),
    ];
    for version in ["v311", "v5 session-expiry-interval=100"] {
        for (before, rest) in steps {
            for end in ["s closes", ""] {
                check(&format!(
                    "s connects {version}\ns subscribes a qos=2\np connects v311\np publishes a qos=2 m=x\n{before}\n{end}\n\
                     s connects {version} session-present\n{rest}\ns< nothing\n\
                     s closes\ns connects {version} session-present\ns< nothing"
                ));
            }
        }
    }
}

#[test]
fn a_refusing_pubrec_ends_the_exchange_and_the_message() {
    check(
        r"
        s connects v5 receive-maximum=1 session-expiry-interval=100
        s subscribes a qos=2
        p connects v311
        p publishes a qos=2 m=1
        p publishes a qos=2 m=2
        s< PUBLISH a qos=2 id=1 m=1
        s> PUBREC id=1 0x97
        s< PUBLISH a qos=2 id=2 m=2
        s> PUBREC id=2 0x80
        s< nothing
        s closes
        s connects v5 session-expiry-interval=100 session-present
        s< nothing
        ",
    );
}

#[test]
fn receive_maximum_of_the_subscriber_is_never_passed() {
    check_versions(
        &["v5 session-expiry-interval=100"],
        r"
        s connects vX receive-maximum=2
        s subscribes a qos=2
        p connects v311
        p publishes a qos=2 m=1
        p publishes a qos=1 m=2
        p publishes a m=0
        p publishes a qos=1 m=3
        p publishes a qos=2 m=4
        p publishes a qos=2 m=5
        s< PUBLISH a qos=2 id=1 m=1
        s< PUBLISH a qos=1 id=2 m=2
        s< PUBLISH a m=0
        s< nothing
        s> PUBREC id=1
        s< PUBREL id=1
        s< nothing
        s> PUBCOMP id=1
        s< PUBLISH a qos=1 id=3 m=3
        s< nothing
        s> PUBACK id=3
        s< PUBLISH a qos=2 id=4 m=4
        s< nothing
        s closes
        # Sent again within the new Receive Maximum, in order; PUBREL needs no room.
        s connects vX receive-maximum=1 session-present
        s< PUBLISH a qos=1 id=2 dup m=2
        s< nothing
        s> PUBACK id=2
        s< PUBLISH a qos=2 id=4 dup m=4
        s> PUBREC id=4
        s< PUBREL id=4
        s< nothing
        s> PUBCOMP id=4
        s< PUBLISH a qos=2 id=5 m=5
        s closes
        s connects vX receive-maximum=10 session-present
        s< PUBLISH a qos=2 id=5 dup m=5
        s< nothing
        ",
    );
}

#[test]
fn our_receive_maximum_is_enforced_for_version_5() {
    check_with(
        Options { max_inflight_messages: 2, ..Options::default() },
        r"
        p> CONNECT v5 session-expiry-interval=100
        p< CONNACK receive-maximum=2
        p> PUBLISH a qos=2 id=1
        p> PUBLISH a qos=2 id=2
        p< PUBREC id=1 0x??
        p< PUBREC id=2 0x??
        # QoS 1 is answered at once and never under way for long.
        p> PUBREL id=1
        p< PUBCOMP id=1
        p> PUBLISH a qos=2 id=3
        p< PUBREC id=3 0x??
        p> PUBLISH a qos=2 id=4
        p< DISCONNECT 0x93
        p< closed
        # Quotas start afresh with the connection; what is under way is remembered.
        p connects v5 session-expiry-interval=100 session-present
        p> PUBLISH a qos=2 id=2 dup & PUBLISH a qos=2 id=3 dup
        p< PUBREC id=2
        p< PUBREC id=3
        p> PUBREL id=2 & PUBREL id=3
        p< PUBCOMP id=2
        p< PUBCOMP id=3
        ",
    );
}

/// Each PUBREC is a promise, also the 65,535th.
#[test]
fn an_old_client_may_have_every_identifier_under_way() {
    for shards in SHARDS {
        let options = Options { max_queued_messages: 0, ..Options::default() };
        let mut conversation = Conversation::new(World::new(options, shards, 1));
        conversation.play("s connects v311\ns subscribes a qos=2\np connects v311").unwrap();
        let (p, s) = (conversation.link("p"), conversation.link("s"));
        for id in 1..=u16::MAX {
            let [high, low] = id.to_be_bytes();
            conversation.world.send(p, &[0x34, 7, 0, 1, b'a', high, low, high, low]);
        }
        conversation.world.settle();
        let answers = std::mem::take(conversation.world.received(p));
        let expected: Vec<u8> =
            (1..=u16::MAX).flat_map(|id| [0x50, 2, id.to_be_bytes()[0], id.to_be_bytes()[1]]).collect();
        assert!(answers == expected, "a PUBREC for each, in order, with shards: {shards}");
        // All again, as after a cut: nothing new comes of it.
        for id in 1..=u16::MAX {
            let [high, low] = id.to_be_bytes();
            conversation.world.send(p, &[0x3c, 7, 0, 1, b'a', high, low, high, low, 0x62, 2, high, low]);
        }
        conversation.world.settle();
        let mut arrived = Vec::new();
        loop {
            conversation.world.settle();
            let received = std::mem::take(conversation.world.received(s));
            if received.is_empty() {
                break;
            }
            let mut rest = received.as_slice();
            while let [first, length, ..] = *rest {
                let packet = rest.split_off(..2 + usize::from(length)).expect("a whole packet");
                match first {
                    0x34 => {
                        arrived.push(u16::from_be_bytes([packet[7], packet[8]]));
                        conversation.world.send(s, &[0x50, 2, packet[5], packet[6]]);
                    }
                    0x62 => conversation.world.send(s, &[0x70, 2, packet[2], packet[3]]),
                    other => panic!("{other:02x} from the server"),
                }
            }
        }
        assert!(arrived == (1..=u16::MAX).collect::<Vec<_>>(), "each once, in order, with shards: {shards}");
        conversation.everybody_leaves().unwrap();
    }
}

/// It needs no room: what was taken over is recorded.
#[test]
fn a_repeat_is_answered_also_when_there_is_no_room_for_anything_new() {
    for version in ["v311", "v5"] {
        for shards in SHARDS {
            let mut conversation = Conversation::new(World::new(Options::default(), shards, 3));
            let begun = format!(
                r"
                p connects {version}
                p> PUBLISH a qos=2 id=7 m=x
                p< PUBREC id=7
                "
            );
            conversation.play(&begun).unwrap_or_else(|error| panic!("{error}"));
            conversation.world.shared.log().expect("a log").set_state(LogState::Full);
            let repeated = r"
                p> PUBLISH a qos=2 id=7 dup m=x
                p< PUBREC id=7
                p> PUBREL id=7
                p< PUBCOMP id=7
            ";
            conversation.play(repeated).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}
