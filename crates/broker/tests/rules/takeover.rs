//! Two connections with one Client Identifier: the later one has the Session.

use crate::world::World;
use crate::world::script::{SHARDS, check};
use midge_broker::Options;

#[test]
fn the_old_connection_is_told_and_closed_and_the_session_goes_on() {
    check(
        r"
        c connects v5 session-expiry-interval=100
        c subscribes a qos=1
        p connects v311
        p publishes a qos=1 m=1
        c connects v5 session-expiry-interval=100 session-present
        old-c< PUBLISH a qos=1 id=1 m=1
        old-c< DISCONNECT 0x8e
        old-c< closed
        c< PUBLISH a qos=1 id=1 dup m=1
        c> PUBACK id=1
        p publishes a qos=1 m=2
        c receives a qos=1 m=2
        c> PINGREQ
        c< PINGRESP
        ",
    );
    check(
        r"
        c connects v31
        c connects v311 session-present
        old-c< closed
        c connects v31 clean
        old-c< closed
        c connects v311
        old-c< closed
        c pings
        ",
    );
}

#[test]
fn a_clean_start_ends_what_was_there() {
    check(
        r"
        c connects v5 session-expiry-interval=100
        c subscribes a qos=1
        p connects v311
        p publishes a qos=1 m=1
        c connects v5 clean session-expiry-interval=100
        old-c is forgotten
        c< nothing
        p publishes a qos=1 m=2
        c< nothing
        c closes
        c connects v5 session-present
        c< nothing
        ",
    );
}

/// The Session that ends with its connection and the one that begins are of one Client Identifier: the directory must not
/// forget it in between.
#[test]
fn sessions_that_end_with_their_connections_may_take_over_again_and_again() {
    check(
        r"
        c connects v5
        c connects v5
        old-c< DISCONNECT 0x8e
        old-c< closed
        c connects v5
        old-c< DISCONNECT 0x8e
        old-c< closed
        c connects v311 clean
        old-c< DISCONNECT 0x8e
        old-c< closed
        c connects v311 clean
        old-c< closed
        c connects v311 clean
        old-c< closed
        c pings
        ",
    );
}

#[test]
fn reason_strings_are_for_those_who_ask() {
    check(
        r"
        c connects v5 request-problem-information=1
        c connects v5 request-problem-information=0
        old-c< DISCONNECT 0x8e reason-string=?
        old-c< closed
        c connects v5
        old-c< DISCONNECT 0x8e !reason-string
        old-c< closed
        ",
    );
}

/// What came behind CONNECT is handled, wherever the Session lives.
#[test]
fn packets_right_behind_connect_count() {
    check(
        r"
        s connects v311 clean
        s subscribes a qos=1
        c connects v5 session-expiry-interval=100
        c>> CONNECT v5 session-expiry-interval=100 & PUBLISH a qos=1 id=1 m=x & PUBLISH a m=y & PINGREQ
        c closes
        s receives a qos=1 m=x
        s receives a m=y
        p>> CONNECT v311 clean & PUBLISH a m=z & DISCONNECT
        s receives a m=z
        s< nothing
        ",
    );
}

/// Connections with one identifier race. One of them has the Session in the end: the one whose claim was the last. The other
/// has either been taken over, or arrived with an older ticket and is closed without a word.
#[test]
fn of_connections_that_race_the_last_claim_wins() {
    let connect = [0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 0, 0, 1, b'c'];
    let mut came_too_late = 0;
    for seed in 0..400 {
        for shards in SHARDS {
            let mut world = World::new(Options::default(), shards, seed);
            let links = [world.open(), world.open(), world.open()];
            for link in links {
                world.send(link, &connect);
            }
            world.settle();
            let open: Vec<_> = links.iter().filter(|link| !world.is_closed(**link)).copied().collect();
            assert_eq!(open.len(), 1, "one stays, with shards: {shards}, seed: {seed}");
            assert_eq!(world.gauges().connected, 1);
            assert_eq!(world.received(open[0])[..1], [0x20], "it has its CONNACK");
            let silent = links.iter().filter(|link| world.received(**link).is_empty()).count();
            assert!(shards > 1 || silent == 0, "on one shard none can arrive too late");
            came_too_late += silent;
        }
    }
    assert!(came_too_late > 20, "the race was run: {came_too_late}");
}
