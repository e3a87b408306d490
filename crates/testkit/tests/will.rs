//! The Will Message (§3.1.2.5, §3.1.3.2): when it is published, when not, and what it carries.

use midge_testkit::{check, check_together, check_versions, on_each_shard_count};

// [MQTT5-3.1.2-7] [MQTT5-3.1.2-8] [MQTT3-3.1.2-8] [MQTT5-3.1.2-14] [MQTT3-3.1.2-16]
#[test]
fn a_connection_that_ends_without_disconnect_publishes_it_at_once() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects v5 clean
         s subscribes w/# qos=2
         fin connects vX clean will=w/fin will.m=gone will.qos=1
         fin closes
         s receives w/fin qos=1 m=gone
         rst connects vX clean will=w/rst will.m=gone will.qos=2
         rst resets
         s receives w/rst qos=2 m=gone
         empty connects vX clean will=w/empty
         empty finishes
         s receives w/empty
         s< nothing
         # It was not retained.
         z connects v5 clean
         z subscribes w/#
         z< nothing",
    );
}

// [MQTT5-3.14.4-3] [MQTT5-3.1.2-10] [MQTT3-3.14.4-3] [MQTT3-3.1.2-10] [MQTT3-3.1.2-12]
#[test]
fn disconnect_discards_it() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects v5 clean
         s subscribes w/#
         a connects vX clean will=w/a will.m=gone
         a> DISCONNECT
         a< closed
         b connects vX clean
         b closes
         # Published once, it is gone for good.
         c connects vX will=w/c will.m=gone
         c closes
         s< PUBLISH w/c m=gone
         c> CONNECT vX clean
         c< CONNACK
         c closes
         s< nothing 200ms",
    );
}

// [MQTT5-3.1.2-8]
#[test]
fn disconnect_with_will_and_every_other_reason_publishes_it() {
    check(
        "s connects v5 clean
         s subscribes w/#
         a connects v5 clean will=w/a will.m=gone
         a> DISCONNECT 0x04
         a< closed
         s< PUBLISH w/a m=gone
         b connects v5 clean will=w/b will.m=gone
         b> DISCONNECT 0x80
         b< closed
         s< PUBLISH w/b m=gone
         c connects v5 clean will=w/c will.m=gone
         c> DISCONNECT 0x00 reason-string=bye
         c< closed
         s< nothing",
    );
}

#[test]
fn a_protocol_error_publishes_it() {
    check(
        "s connects v5 clean
         s subscribes w/#
         a connects v311 clean will=w/a will.m=gone
         a> hex 30 03 00 01 2b
         a< closed
         s< PUBLISH w/a m=gone
         b connects v5 clean will=w/b will.m=gone
         b> PUBLISH t qos=3 id=1 m=x
         b< DISCONNECT 0x81
         b< closed
         s< PUBLISH w/b m=gone",
    );
}

// [MQTT5-3.1.2-15] [MQTT3-3.1.2-17]
#[test]
fn will_retain() {
    check_versions(
        &["v31", "v311", "v5"],
        "s connects v5 clean
         s subscribes w retain-as-published
         a connects vX clean will=w will.m=gone will.retain
         a closes
         s< PUBLISH w retain m=gone
         z connects vX clean
         z> SUBSCRIBE id=1 w
         z<* SUBACK id=1
         z<* PUBLISH w retain m=gone",
    );
}

// [MQTT5-3.1.3-10] [MQTT5-3.1.2-9]
#[test]
fn its_properties_are_published_with_it() {
    check(
        "s connects v5 clean
         s subscribes w qos=1
         a connects v5 clean will=w will.m=gone will.qos=1 will.payload-format-indicator=1 will.content-type=text \
             will.message-expiry-interval=60 will.response-topic=r will.correlation-data=c \
             will.user-property=b:1 will.user-property=a:2 will.user-property=b:3
         a closes
         s receives w qos=1 m=gone payload-format-indicator=1 content-type=text message-expiry-interval=59..60 response-topic=r \
             correlation-data=c user-property=b:1 user-property=a:2 user-property=b:3",
    );
}

// [MQTT5-3.1.2-8] [MQTT5-3.1.3-9]
#[test]
fn will_delay_and_session_end() {
    check_together(
        "",
        &[
            "# After the delay, which is shorter than the Session.
             s connects v5 clean
             s subscribes w
             a connects v5 clean session-expiry-interval=60 will=w will.m=gone will.will-delay-interval=2
             a closes
             s< nothing 700ms
             s< PUBLISH w m=gone",
            "# With the Session, which ends before the delay.
             s connects v5 clean
             s subscribes w
             a connects v5 clean session-expiry-interval=2 will=w will.m=gone will.will-delay-interval=60
             a closes
             s< nothing 700ms
             s< PUBLISH w m=gone",
            "# Session Expiry Interval 0: at once, however long the delay.
             s connects v5 clean
             s subscribes w
             a connects v5 clean will=w will.m=gone will.will-delay-interval=60
             a closes
             s< PUBLISH w m=gone",
            "# DISCONNECT 0x04 waits too, and may shorten the Session.
             s connects v5 clean
             s subscribes w
             a connects v5 clean session-expiry-interval=60 will=w will.m=gone will.will-delay-interval=60
             a> DISCONNECT 0x04 session-expiry-interval=2
             a< closed
             s< nothing 700ms
             s< PUBLISH w m=gone",
            "# Resuming in time cancels it.
             s connects v5 clean
             s subscribes w
             a connects v5 session-expiry-interval=60 will=w will.m=gone will.will-delay-interval=2
             a closes
             s< nothing
             a connects v5 session-expiry-interval=60 session-present
             s< nothing 2500ms",
            "# Its own Message Expiry Interval begins when it is published.
             s connects v5 clean
             s subscribes w
             a connects v5 session-expiry-interval=60 will=w will.m=gone will.will-delay-interval=2 will.message-expiry-interval=1
             a closes
             s< PUBLISH w m=gone message-expiry-interval=0..1",
            "# A new Session in place of the old one ends that: its Will is due.
             s connects v5 clean
             s subscribes w
             a connects v5 session-expiry-interval=60 will=w will.m=gone will.will-delay-interval=60
             a closes
             s< nothing
             a connects v5 clean session-expiry-interval=60
             s< PUBLISH w m=gone",
        ],
    );
}

/// As Mosquitto does it: the old connection's Will is published, except where both connections keep the Session.
#[test]
fn the_will_of_a_connection_that_is_taken_over() {
    check(
        "s connects v5 clean
         s subscribes w/#
         a connects v311 clean id=a will=w/a will.m=gone
         a2 connects v311 clean id=a
         a< closed
         s< PUBLISH w/a m=gone
         b connects v5 clean id=b will=w/b will.m=gone
         b2 connects v5 clean id=b
         b< DISCONNECT 0x8e
         b< closed
         s< PUBLISH w/b m=gone
         c connects v311 id=c will=w/c will.m=gone
         c2 connects v311 id=c session-present
         c< closed
         s< nothing
         d connects v5 id=d session-expiry-interval=60 will=w/d will.m=gone
         d2 connects v5 id=d session-expiry-interval=60 session-present
         d< DISCONNECT 0x8e
         d< closed
         s< nothing
         e connects v5 id=e session-expiry-interval=60 will=w/e will.m=gone
         e2 connects v5 clean id=e session-expiry-interval=60
         e< DISCONNECT 0x8e
         e< closed
         s< PUBLISH w/e m=gone",
    );
}

/// A client is a subscriber of its own Will like any other.
#[test]
fn a_will_reaches_sessions_that_are_away() {
    check(
        "s connects v311
         s subscribes w qos=1
         s disconnects
         a connects v311 clean will=w will.m=gone will.qos=1
         a closes
         wait 100ms
         s connects v311 session-present
         s receives w qos=1 m=gone",
    );
}

/// An orderly end of the server publishes the Wills before it says goodbye.
// [MQTT5-3.14.4-1] [MQTT5-3.14.4-2]
#[test]
fn wills_at_shutdown() {
    on_each_shard_count("", |server| {
        let mut talk = midge_testkit::Conversation::with(server);
        talk.play("s connects v5 clean\n s subscribes w/#\n a connects v311 clean will=w/a will.m=gone\n a pings");
        let mut subscriber = std::mem::replace(talk.client("s"), server.connect());
        server.signal(rustix::process::Signal::TERM);
        subscriber.expect("PUBLISH w/a m=gone");
        subscriber.expect("DISCONNECT 0x8b");
        subscriber.expect_closed();
        assert!(server.wait_for_exit().success());
        // The rest of the test wants a server that runs.
        *server = midge_testkit::Server::start("");
    });
}
