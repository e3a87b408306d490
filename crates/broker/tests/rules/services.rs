//! Services: Sessions of the server itself.

use crate::world::script::{check, check_with};
use midge_broker::{Options, ServiceOptions};

/// With a service that wants these.
fn with_service(filters: &[&str]) -> Options {
    let filters = filters.iter().map(|filter| (*filter).into()).collect();
    let services = vec![ServiceOptions { client_id: "$midge/s".into(), filters }];
    Options {
        services,
        max_inflight_messages: 1,
        max_queued_messages: 1,
        global_max_clients: Some(3),
        ..Options::default()
    }
}

/// QoS 0 waits and lasts as QoS 1 does, whatever the limits for clients, and each message has a time that it keeps.
#[test]
fn a_service_is_given_everything_with_its_time() {
    check_with(
        with_service(&["a/#"]),
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295 receive-maximum=2
        s subscribes a/# qos=1
        p connects v5
        p publishes a/1 m=1 user-property=x:y
        p publishes a/2 qos=1 m=2 message-expiry-interval=1
        p publishes a/3 m=3
        p publishes a/4 qos=2 m=4
        p publishes a/5 m=5 retain
        p publishes b m=no
        s< PUBLISH a/1 qos=1 id={one} user-property=x:y user-property={time1} m=1
        s< PUBLISH a/2 qos=1 id={two} user-property={time2} message-expiry-interval=1 m=2
        s< nothing
        s> PUBACK id={one}
        s< PUBLISH a/3 qos=1 id=? user-property={time3} m=3
        s closes
        server restarts after 30s
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295 session-present
        # The identifier of a QoS 1 delivery is not kept.
        s< PUBLISH a/2 qos=1 id={again} dup user-property={time2} message-expiry-interval=? m=2
        s< PUBLISH a/3 qos=1 id={three} dup user-property={time3} m=3
        s< PUBLISH a/4 qos=1 id={four} user-property={time4} m=4
        s< PUBLISH a/5 qos=1 id={five} user-property={time5} m=5
        s> PUBACK id={again}
        s> PUBACK id={three}
        s> PUBACK id={four}
        s> PUBACK id={five}
        s< nothing
        ",
    );
}

/// What is recorded for a service alone is nobody else's, and nobody else learns its time.
#[test]
fn others_notice_nothing() {
    check_with(
        with_service(&["a"]),
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295
        s subscribes a qos=1
        t connects v5 session-expiry-interval=1000
        t subscribes a qos=1
        p connects v311 clean
        p publishes a m=1
        t< PUBLISH a m=1 !user-property
        t closes
        p publishes a m=2
        p publishes a qos=1 m=3
        server restarts
        t connects v5 session-expiry-interval=1000 session-present
        t< PUBLISH a qos=1 id=? m=3 !user-property
        t< nothing
        s comes to listener 65535
        s connects v5 id=$midge/s session-present
        s< PUBLISH a qos=1 id=? dup user-property={at1} m=1
        s< PUBLISH a qos=1 id=? dup user-property={at2} m=2
        s< PUBLISH a qos=1 id=? dup user-property={at3} m=3
        ",
    );
}

#[test]
fn nobody_else_has_such_a_name() {
    check(
        r"
        c> CONNECT v5 clean id=$midge/s
        c< CONNACK 0x87
        d> CONNECT v311 clean id=$midge/
        d< CONNACK 0x05
        e comes to listener 65535
        e> CONNECT v5 clean id=e
        e< CONNACK 0x87
        ",
    );
}

/// One that is not wanted any more is gone with what waits for it, and so is a Subscription.
#[test]
fn what_is_not_wanted_any_more_ends() {
    check_with(
        with_service(&["a", "b"]),
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295 receive-maximum=1
        s subscribes a qos=1 b qos=1
        p connects v311 clean
        p publishes a m=1
        p publishes b m=2
        s< PUBLISH a qos=1 id={one} user-property={at4} m=1
        server wants b of $midge/s
        p publishes a m=3
        p publishes b m=4
        s> PUBACK id={one}
        s receives b qos=1 user-property={at5} m=2
        s receives b qos=1 user-property={at6} m=4
        s< nothing
        p publishes b m=5
        server wants nothing
        s< PUBLISH b qos=1 id=? user-property={at7} m=5
        s< DISCONNECT 0x98
        s< closed
        # It may not have heard of that yet.
        s comes to listener 65535
        s> CONNECT v5 id=$midge/s session-expiry-interval=4294967295
        s< CONNACK 0x87
        s< closed
        server wants b of $midge/s
        s comes to listener 65535
        s connects v5 id=$midge/s !session-present
        s< nothing
        ",
    );
}

/// A service may be given up, and wanted back, while the server is down, or while some shards do not know of it yet.
#[test]
fn what_comes_while_it_is_not_wanted_has_its_time_too() {
    check_with(
        with_service(&["a"]),
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295
        s subscribes a qos=1
        s closes
        server wants nothing from its next start on
        server restarts
        p connects v311 clean
        p publishes a qos=1 m=1
        p publishes a m=2
        p publishes a retain m=3
        server wants a of $midge/s from its next start on
        # What has no time of receipt would not be in the log.
        server restarts
        s comes to listener 65535
        s connects v5 id=$midge/s session-present
        s receives a qos=1 user-property={at10} m=1
        s receives a qos=1 user-property={at11} m=2
        s receives a qos=1 user-property={at12} m=3
        s< nothing
        ",
    );
}

/// What came while there was no room in the log is in memory alone. What comes later does not pass it when it leaves memory.
#[test]
fn what_is_in_memory_alone_keeps_its_place() {
    check_with(
        Options { queue_memory_bytes: 0, queue_run_bytes: 300, ..with_service(&["a"]) },
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295
        s subscribes a qos=1
        s closes
        p connects v311 clean
        p publishes a m=1
        p publishes a m=2
        server has no room for messages
        p publishes a m=3
        p publishes a m=4
        server has room
        p publishes a m=5
        p publishes a m=6
        p publishes a m=7
        p publishes a m=8
        p publishes a m=9
        p publishes a m=10
        p publishes a m=11
        p publishes a m=12
        s comes to listener 65535
        s connects v5 id=$midge/s session-present
        s receives a qos=1 user-property={at21} m=1
        s receives a qos=1 user-property={at22} m=2
        s receives a qos=1 user-property={at23} m=3
        s receives a qos=1 user-property={at24} m=4
        s receives a qos=1 user-property={at25} m=5
        s receives a qos=1 user-property={at26} m=6
        s receives a qos=1 user-property={at27} m=7
        s receives a qos=1 user-property={at28} m=8
        s receives a qos=1 user-property={at29} m=9
        s receives a qos=1 user-property={at30} m=10
        s receives a qos=1 user-property={at31} m=11
        s receives a qos=1 user-property={at32} m=12
        s< nothing
        ",
    );
}

/// While there is no room in the log, QoS 0 reaches everybody else, and the service as long as it takes it.
#[test]
fn a_full_log_keeps_qos_0_from_nobody() {
    check_with(
        with_service(&["a"]),
        r"
        s comes to listener 65535
        s connects v5 id=$midge/s session-expiry-interval=4294967295
        s subscribes a qos=1
        t connects v311 clean
        t subscribes a
        p connects v5 clean
        server has no room for messages
        p publishes a m=1
        t< PUBLISH a m=1
        s< PUBLISH a qos=1 id={one} user-property={at8} m=1
        p> PUBLISH a qos=1 id=7 m=2
        p< PUBACK id=7 0x97
        server has room
        s> PUBACK id={one}
        p publishes a qos=1 m=3
        s receives a qos=1 user-property={at9} m=3
        ",
    );
}
