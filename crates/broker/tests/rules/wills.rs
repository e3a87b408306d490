//! The Will: when it is published, when not, and what becomes of it on the way.

use crate::world::script::{check, check_versions, check_with};
use midge_broker::Options;

#[test]
fn every_end_but_a_proper_disconnect_publishes_it() {
    check_versions(
        &["v31", "v311", "v5"],
        r"
        s connects v5 clean
        s subscribes will qos=2
        c connects vX clean keep-alive=10 will=will will.m=closed will.qos=2
        c closes
        s receives will qos=2 m=closed
        c connects vX clean keep-alive=10 will=will will.m=silent will.qos=1
        wait 16s
        s receives will qos=1 m=silent
        c is forgotten
        c connects vX clean keep-alive=10 will=will will.m=wrong
        c> PUBLISH a/+
        c is forgotten
        s receives will m=wrong
        c connects vX clean keep-alive=10 will=will will.m=never
        c disconnects
        c connects vX clean will=will
        c closes
        s receives will
        s< nothing
        ",
    );
}

#[test]
fn disconnect_with_will_message_publishes_it() {
    check(
        r"
        s connects v5 clean
        s subscribes will
        c connects v5 clean will=will will.m=x
        c> DISCONNECT 0x04
        c< closed
        s receives will m=x
        c connects v5 clean will=will will.m=y
        c> DISCONNECT 0x00
        c< closed
        s< nothing
        ",
    );
}

#[test]
fn a_delayed_will_comes_after_its_delay_or_with_the_sessions_end() {
    check(
        r"
        s connects v5 clean
        s subscribes will
        # The delay is shorter than the Session.
        c connects v5 session-expiry-interval=100 will=will will.m=1 will.will-delay-interval=10
        c closes
        wait 9s
        s< nothing
        wait 2s
        s receives will m=1
        c connects v5 session-expiry-interval=100 session-present
        c disconnects
        wait 200s
        # The Session is shorter.
        c connects v5 session-expiry-interval=5 will=will will.m=2 will.will-delay-interval=1000
        c closes
        wait 4s
        s< nothing
        wait 2s
        s receives will m=2
        # It ends with the connection.
        c connects v5 will=will will.m=3 will.will-delay-interval=1000
        c closes
        s receives will m=3
        wait 2000s
        s< nothing
        ",
    );
}

#[test]
fn who_comes_back_within_the_delay_cancels_it() {
    check(
        r"
        s connects v5 clean
        s subscribes will
        c connects v5 session-expiry-interval=100 will=will will.m=1 will.will-delay-interval=10
        c closes
        wait 9s
        c connects v5 session-expiry-interval=100 session-present
        wait 50s
        s< nothing
        c closes
        wait 50s
        s< nothing
        # A Clean Start ends the Session, and with it the delay.
        c connects v5 session-expiry-interval=100 will=will will.m=2 will.will-delay-interval=10 session-present
        c closes
        c connects v5 clean
        s receives will m=2
        wait 50s
        s< nothing
        ",
    );
}

/// As Mosquitto does it: forgotten where both connections keep the Session, else published at once.
#[test]
fn take_over_publishes_it_unless_the_session_is_kept() {
    check(
        r"
        s connects v5 clean
        s subscribes will
        c connects v5 session-expiry-interval=100 will=will will.m=kept
        c connects v5 session-expiry-interval=100 session-present
        old-c is forgotten
        s< nothing
        c connects v5 clean will=will will.m=1
        old-c is forgotten
        c connects v5 will=will will.m=2
        old-c is forgotten
        s receives will m=1
        c connects v5 session-expiry-interval=100 will=will will.m=3 will.will-delay-interval=10
        old-c is forgotten
        s receives will m=2
        c connects v5 clean
        old-c is forgotten
        s receives will m=3
        wait 50s
        s< nothing
        ",
    );
}

#[test]
fn it_carries_its_properties_and_its_lifetime_begins_when_it_is_published() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s subscribes will qos=1
        c connects v5 session-expiry-interval=100 will=will will.m=x will.qos=1 will.will-delay-interval=20 will.message-expiry-interval=30 will.content-type=text will.response-topic=r will.correlation-data=1 will.payload-format-indicator=1 will.user-property=a:b will.user-property=a:c
        wait 500s
        c closes
        s closes
        wait 45s
        s connects v5 session-expiry-interval=1000 session-present
        s< PUBLISH will qos=1 id=1 m=x message-expiry-interval=4..6 content-type=text response-topic=r correlation-data=1 payload-format-indicator=1 user-property=a:b user-property=a:c
        ",
    );
}

#[test]
fn it_may_be_retained() {
    check(
        r"
        c connects v311 clean will=will will.m=x will.retain
        c closes
        s connects v311 clean
        s subscribes will
        s receives will retain m=x
        c connects v311 clean will=will will.m=y will.retain
        c closes
        s receives will m=y
        c connects v311 clean will=will will.retain
        c closes
        s receives will
        t connects v311 clean
        t subscribes will
        t< nothing
        ",
    );
    check_with(
        Options { retain_available: false, ..Options::default() },
        r"
        c> CONNECT v5 will=will will.retain
        c< CONNACK 0x9a
        c< closed
        d> CONNECT v5
        d< CONNACK retain-available=0
        d> PUBLISH a retain m=x
        d< DISCONNECT 0x9a
        d< closed
        ",
    );
}

#[test]
fn an_orderly_end_of_the_server_publishes_all_and_says_so() {
    check(
        r"
        s connects v311
        s subscribes will qos=1
        s closes
        c connects v5 clean will=will will.m=1 will.qos=1
        d connects v5 session-expiry-interval=100 will=will will.m=2 will.qos=1 will.will-delay-interval=50
        d closes
        e connects v311 clean
        server shuts down
        c< DISCONNECT 0x8b
        c< closed
        e< closed
        s connects v311 session-present
        s< PUBLISH will qos=1 id=1 m={one}
        s< PUBLISH will qos=1 id=2 m={other}
        s< nothing
        ",
    );
}
