//! What a new connection does for messages that were under way, with the Session and without it.

use crate::script::{check, v5_lasting, v311_lasting};
use midge_client_core::{Options, Reconnect};

const HELLO: &str = "
    greets v5 id=c session-expiry-interval=100
    publishes t qos=1 m=a
    c> PUBLISH t qos=1 id=1 m=a
    publishes t qos=2 m=b
    c> PUBLISH t qos=2 id=2 m=b
    publishes t qos=2 m=c
    c> PUBLISH t qos=2 id=3 m=c
    c< PUBREC id=2
    tells acknowledged 2
    c> PUBREL id=2
    closes
    tells disconnected: closed
    publishes t qos=1 m=d
    connects
    c> CONNECT v5 id=c session-expiry-interval=100";

#[test]
fn a_resumed_session_goes_on_in_its_order_and_with_its_identifiers() {
    check(
        &v5_lasting(),
        &format!(
            "{HELLO}
             c< CONNACK session-present
             tells connected session-present
             c> PUBLISH t qos=1 id=1 dup m=a
             c> PUBREL id=2
             c> PUBLISH t qos=2 id=3 dup m=c
             c> PUBLISH t qos=1 id=4 m=d
             c< PUBCOMP id=2 0x92
             c< PUBACK id=4
             tells acknowledged 4"
        ),
    );
}

#[test]
fn what_is_sent_again_keeps_to_the_new_receive_maximum() {
    check(
        &v5_lasting(),
        &format!(
            "{HELLO}
             c< CONNACK session-present receive-maximum=1
             tells connected session-present
             c> PUBLISH t qos=1 id=1 dup m=a
             c> PUBREL id=2
             c< PUBACK id=1
             tells acknowledged 1
             c> PUBLISH t qos=2 id=3 dup m=c
             c< PUBREC id=3
             tells acknowledged 3
             c> PUBREL id=3
             c< PUBCOMP id=3
             c> PUBLISH t qos=1 id=4 m=d"
        ),
    );
}

#[test]
fn a_lost_session_gets_them_anew_but_not_what_the_server_had_taken_over() {
    check(
        &v5_lasting(),
        &format!(
            "{HELLO}
             c< CONNACK
             tells connected
             c> PUBLISH t qos=1 id=4 m=a
             c> PUBLISH t qos=2 id=5 m=c
             c> PUBLISH t qos=1 id=6 m=d"
        ),
    );
}

#[test]
fn what_the_server_takes_no_more_is_given_up() {
    check(
        &v5_lasting(),
        &format!(
            "{HELLO}
             c< CONNACK session-present maximum-qos=1
             tells connected session-present
             tells dropped 3: the server does not support this QoS
             c> PUBLISH t qos=1 id=1 dup m=a
             c> PUBREL id=2
             c> PUBLISH t qos=1 id=4 m=d"
        ),
    );
}

/// A Subscription is there, and a QoS 2 message was received and not released. Then the connection breaks, the next CONNECT
/// seems unanswered, and the one after it finds a Session.
const DOUBT: &str = "
    greets v5 id=c session-expiry-interval=100
    subscribes a
    c> SUBSCRIBE id=1 a
    c< SUBACK id=1 0x00
    tells answered 1 0x00
    c< PUBLISH a qos=2 id=7 m=x
    tells message a qos=2 m=x
    c> PUBREC id=7
    closes
    tells disconnected: closed
    connects
    c> CONNECT v5 id=c session-expiry-interval=100
    closes
    tells disconnected: closed
    connects
    c> CONNECT v5 id=c session-expiry-interval=100
    c< CONNACK session-present
    tells connected session-present
    c> SUBSCRIBE id=2 a";

#[test]
fn after_an_unanswered_connect_the_session_may_be_ours() {
    check(
        &v5_lasting(),
        &format!(
            "{DOUBT}
             c< PUBLISH a qos=2 id=7 dup m=x
             c> PUBREC id=7
             c< SUBACK id=2 0x00
             c< PUBREL id=7
             c> PUBCOMP id=7"
        ),
    );
}

#[test]
fn or_another_as_a_known_identifier_without_dup_shows() {
    check(
        &v5_lasting(),
        &format!(
            "{DOUBT}
             c< PUBLISH a qos=2 id=7 m=new
             tells message a qos=2 m=new
             c> PUBREC id=7
             c< SUBACK id=2 0x00
             c< PUBLISH a qos=2 id=7 dup m=new
             c> PUBREC id=7"
        ),
    );
}

#[test]
fn or_another_as_an_answer_before_everything_else_shows() {
    check(
        &v5_lasting(),
        &format!(
            "{DOUBT}
             c< SUBACK id=2 0x00
             # Sent first on a connection that broke, and so with DUP.
             c< PUBLISH a qos=2 id=7 dup m=new
             tells message a qos=2 m=new dup
             c> PUBREC id=7"
        ),
    );
}

#[test]
fn version_3_1_counts_on_the_session() {
    check(
        &Options { version: midge_codec::Version::V31, ..v311_lasting() },
        "greets v31 id=c
         subscribes a
         c> SUBSCRIBE id=1 a
         c< SUBACK id=1 0x00
         tells answered 1 0x00
         publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=2 m=x
         closes
         tells disconnected: closed
         greets v31 id=c
         c> SUBSCRIBE id=3 a
         c> PUBLISH t qos=1 id=2 dup m=x",
    );
}

#[test]
fn clean_sessions_of_version_3_begin_anew_each_time() {
    check(
        &Options { clean_start: true, ..v311_lasting() },
        "greets v311 clean id=c
         publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=1 m=x
         closes
         tells disconnected: closed
         greets v311 clean id=c
         c> PUBLISH t qos=1 id=2 m=x",
    );
}

#[test]
fn delays_grow_until_a_connection_has_lasted() {
    let failure = "connects
                   c> CONNECT v5 id=c session-expiry-interval=100
                   closes
                   tells disconnected: closed";
    let success = "greets v5 id=c session-expiry-interval=100";
    check(
        &Options { reconnect: Some(Reconnect { least_ms: 1_000, most_ms: 3_000 }), ..v5_lasting() },
        &format!(
            "{failure}
             wants to connect in 1s
             {failure}
             wants to connect in 2s
             # A server that lets in and drops at once.
             {success}
             closes
             tells disconnected: closed
             wants to connect in 3s
             {success}
             wait 3s
             closes
             tells disconnected: closed
             wants to connect in 1s"
        ),
    );
    check(&Options { reconnect: None, ..v5_lasting() }, &format!("{failure}\n wants no connection"));
}
