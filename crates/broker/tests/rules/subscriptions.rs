//! Subscriptions: which filters match, what overlapping ones deliver, and the options of version 5.

use crate::world::script::{check, check_with};
use midge_broker::{ListenerOptions, Options};
use midge_codec::QoS;

#[test]
fn overlapping_subscriptions_deliver_once_with_the_highest_qos_and_all_identifiers() {
    check(
        r"
        s connects v5 clean
        s> SUBSCRIBE id=1 subscription-identifier=1 a/+ qos=0
        s< SUBACK id=1 0x00
        s> SUBSCRIBE id=2 subscription-identifier=2 a/# qos=2
        s< SUBACK id=2 0x02
        s> SUBSCRIBE id=3 a/b qos=1
        s< SUBACK id=3 0x01
        s> SUBSCRIBE id=4 subscription-identifier=268435455 +/b qos=1
        s< SUBACK id=4 0x01
        p connects v311 clean
        p publishes a/b qos=2 m=1
        s receives a/b qos=2 m=1 subscription-identifier=1 subscription-identifier=2 subscription-identifier=268435455
        p publishes a/b qos=1 m=2
        s receives a/b qos=1 m=2 subscription-identifier=1 subscription-identifier=2 subscription-identifier=268435455
        p publishes a/c qos=2 m=3
        s receives a/c qos=2 m=3 subscription-identifier=1 subscription-identifier=2
        # The same filter again replaces options and identifier.
        s> SUBSCRIBE id=5 subscription-identifier=9 a/# qos=0
        s< SUBACK id=5 0x00
        p publishes a/c qos=2 m=4
        s receives a/c m=4 subscription-identifier=1 subscription-identifier=9
        s> SUBSCRIBE id=6 a/# qos=1
        s< SUBACK id=6 0x01
        p publishes a/b/c qos=2 m=5
        s receives a/b/c qos=1 m=5
        s< nothing
        ",
    );
    check(
        r"
        s connects v311
        s subscribes a/# qos=0 a/b qos=2 +/b qos=1
        p connects v311
        p publishes a/b qos=2 m=1
        s receives a/b qos=2 m=1
        s closes
        p publishes a/b qos=2 m=2
        p publishes a/c qos=2 m=3
        s connects v311 session-present
        s receives a/b qos=2 m=2
        s< nothing
        ",
    );
}

#[test]
fn identifiers_are_those_of_the_time_of_delivery_and_are_kept_with_what_waits() {
    check(
        r"
        s connects v5 session-expiry-interval=100
        s> SUBSCRIBE id=1 subscription-identifier=7 a qos=1
        s< SUBACK id=1 0x01
        p connects v311
        p publishes a qos=1 m=1
        s closes
        p publishes a qos=1 m=2
        s connects v5 session-expiry-interval=100 session-present
        s< PUBLISH a qos=1 id=1 dup m=1 subscription-identifier=7
        s< PUBLISH a qos=1 id=2 m=2 subscription-identifier=7
        ",
    );
}

#[test]
fn no_local_keeps_ones_own_messages_away_from_that_subscription_alone() {
    check(
        r"
        c connects v5 clean
        c subscribes a/+ qos=1 no-local b qos=1 no-local
        c publishes a/1 m=own
        c publishes b m=own
        d connects v5 clean
        d publishes a/1 m=other
        c receives a/1 m=other
        c subscribes a/1 qos=1
        c publishes a/1 m=own
        c receives a/1 m=own
        c publishes a/2 m=own
        c< nothing
        # Also when it comes back on a connection accepted elsewhere.
        c connects v5 clean
        c subscribes b no-local
        c publishes b m=own
        c< nothing
        ",
    );
}

#[test]
fn retain_as_published_is_a_matter_of_the_subscription() {
    check(
        r"
        s connects v5 clean
        s subscribes a retain-as-published retain-handling=2 b retain-handling=2
        p connects v311
        p publishes a retain m=1
        p publishes b retain m=2
        p publishes a m=3
        s receives a retain m=1
        s receives b m=2
        s receives a m=3
        # Of several that match, one is enough.
        s subscribes +/+ c/# retain-as-published
        p publishes c/d retain m=4
        s receives c/d retain m=4
        s< nothing
        ",
    );
}

#[test]
fn unsubscribe_ends_it_and_says_what_was_not_there() {
    check(
        r"
        s connects v5 clean
        s subscribes a b $share/g/c
        s> UNSUBSCRIBE id=1 a x $share/g/c $share/h/c b/+ b
        s< UNSUBACK id=1 0x00 0x11 0x00 0x11 0x11 0x00
        p connects v311 clean
        p publishes a m=x
        p publishes b m=x
        p publishes c m=x
        s< nothing
        t connects v311 clean
        t> UNSUBSCRIBE id=2 a
        t< UNSUBACK id=2
        ",
    );
}

#[test]
fn wildcards_do_not_match_what_begins_with_a_dollar() {
    check(
        r"
        s connects v311 clean
        s subscribes # +/broker/x $SYS/#
        server publishes $SYS/broker/x m=1
        s receives $SYS/broker/x m=1
        s> UNSUBSCRIBE id=1 $SYS/#
        s< UNSUBACK id=1
        server publishes $SYS/broker/x m=2
        s< nothing
        p connects v5 clean
        p> PUBLISH $other/x qos=1 id=1 m=x
        p< PUBACK id=1 0x10
        p> PUBLISH $SYS/x qos=1 id=1 m=x
        p< PUBACK id=1 0x87
        p> PUBLISH $SYS/x qos=2 id=2 m=x
        p< PUBREC id=2 0x87
        p> PUBREL id=2
        p< PUBCOMP id=2
        ",
    );
}

#[test]
fn puback_tells_version_5_whether_anybody_subscribed() {
    check(
        r"
        p connects v5 clean
        p> PUBLISH a qos=1 id=1
        p< PUBACK id=1 0x10
        s connects v311 clean
        s subscribes +
        p> PUBLISH a qos=1 id=1
        p< PUBACK id=1 0x00
        p> PUBLISH a/b qos=2 id=2
        p< PUBREC id=2 0x00
        ",
    );
}

#[test]
fn the_listener_bounds_the_qos() {
    let listener = ListenerOptions { max_qos: QoS::AtLeastOnce, ..ListenerOptions::default() };
    check_with(
        Options { listeners: vec![listener], ..Options::default() },
        r"
        s> CONNECT v5
        s< CONNACK maximum-qos=1
        s> SUBSCRIBE id=1 a qos=2
        s< SUBACK id=1 0x01
        s> PUBLISH a qos=1 id=1 m=x
        s< PUBLISH a qos=1 id=1 m=x
        s< PUBACK id=1
        s> PUBLISH a qos=2 id=2 m=x
        s< DISCONNECT 0x9b
        s< closed
        ",
    );
}

#[test]
fn an_operator_may_have_the_qos_raised() {
    check_with(
        Options { upgrade_outgoing_qos: true, ..Options::default() },
        r"
        s connects v311
        s subscribes a qos=2 b qos=0
        p connects v311
        p publishes a m=1
        p publishes b qos=2 m=2
        s receives a qos=2 m=1
        s receives b m=2
        s closes
        p publishes a m=3
        s connects v311 session-present
        s receives a qos=2 m=3
        ",
    );
}
