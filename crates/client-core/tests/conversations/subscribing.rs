//! Subscriptions: asked for, answered, remembered, and made again where the Session is gone.

use crate::script::{check, v5, v5_lasting, v311_lasting};

const HELLO: &str = "greets v5 clean id=c";

const AGAIN: &str = "
    closes
    tells disconnected: closed
    connects
    c> CONNECT v5 id=c";

#[test]
fn each_request_has_its_answer() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             subscribes a/+ qos=1 no-local b qos=2 retain-as-published retain-handling=1 subscription-identifier=4
             c> SUBSCRIBE id=1 a/+ qos=1 no-local b qos=2 retain-as-published retain-handling=1 subscription-identifier=4
             unsubscribes b c
             c> UNSUBSCRIBE id=2 b c
             c< UNSUBACK id=2 0x00 0x11
             tells answered 2 0x00 0x11
             c< SUBACK id=1 0x01 0x87
             tells answered 1 0x01 0x87"
        ),
    );
    check(
        &v311_lasting(),
        "greets v311 id=c
         subscribes a qos=1
         c> SUBSCRIBE id=1 a qos=1
         c< SUBACK id=1 0x80
         tells answered 1 0x80
         unsubscribes a
         c> UNSUBSCRIBE id=2 a
         c< UNSUBACK id=2
         tells answered 2",
    );
}

#[test]
fn a_request_waits_for_a_connection_until_it_is_answered() {
    check(
        &v5_lasting(),
        "subscribes a
         greets v5 id=c session-expiry-interval=100
         c> SUBSCRIBE id=1 a
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=c session-expiry-interval=100
         c< CONNACK session-present
         tells connected session-present
         c> SUBSCRIBE id=2 a
         c< SUBACK id=2 0x00
         tells answered 1 0x00
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=c session-expiry-interval=100
         c< CONNACK session-present
         tells connected session-present
         c> nothing",
    );
}

#[test]
fn what_a_lost_session_had_is_made_again() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             subscribes a qos=1 b qos=2 retain-handling=2 c subscription-identifier=4
             c> SUBSCRIBE id=1 a qos=1 b qos=2 retain-handling=2 c subscription-identifier=4
             c< SUBACK id=1 0x01 0x02 0x87
             tells answered 1 0x01 0x02 0x87
             subscribes d
             c> SUBSCRIBE id=2 d
             c< SUBACK id=2 0x00
             tells answered 2 0x00
             unsubscribes a
             c> UNSUBSCRIBE id=3 a
             publishes t qos=1 m=x
             c> PUBLISH t qos=1 id=4 m=x
             {AGAIN}
             c< CONNACK
             tells connected
             c> SUBSCRIBE id=5 b qos=2 retain-handling=2 subscription-identifier=4
             c> SUBSCRIBE id=6 d
             # The one that was not answered.
             c> UNSUBSCRIBE id=7 a
             c> PUBLISH t qos=1 id=8 m=x
             c< SUBACK id=5 0x02
             c< SUBACK id=6 0x87
             tells lost d 0x87
             c< UNSUBACK id=7 0x11
             tells answered 3 0x11
             c< PUBACK id=8
             tells acknowledged 4
             # What is lost is not asked for again.
             {AGAIN}
             c< CONNACK
             tells connected
             c> SUBSCRIBE id=9 b qos=2 retain-handling=2 subscription-identifier=4"
        ),
    );
}

#[test]
fn making_again_goes_on_on_the_next_connection() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             subscribes a
             c> SUBSCRIBE id=1 a
             c< SUBACK id=1 0x00
             tells answered 1 0x00
             {AGAIN}
             c< CONNACK
             tells connected
             c> SUBSCRIBE id=2 a
             # The new Session has not heard of it when the connection breaks.
             {AGAIN}
             c< CONNACK session-present
             tells connected session-present
             c> SUBSCRIBE id=3 a
             {AGAIN}
             c< CONNACK
             tells connected
             c> SUBSCRIBE id=4 a
             c< SUBACK id=4 0x00"
        ),
    );
}

#[test]
fn what_the_server_does_not_have_is_refused() {
    let limits = "CONNACK wildcard-subscription-available=0 shared-subscription-available=0 subscription-identifier-available=0 maximum-packet-size=40";
    check(
        &v5(),
        &format!(
            "subscribes a/#
             connects
             c> CONNECT v5 clean id=c
             c< {limits}
             tells connected
             tells request dropped 1: the server does not support wildcards in filters
             subscribes + refused: the server does not support wildcards in filters
             subscribes $share/g/a refused: the server does not support shared subscriptions
             subscribes a subscription-identifier=1 refused: the server does not support subscription identifiers
             subscribes \"a\"*40 refused: the packet is larger than the server takes
             unsubscribes \"a\"*40 refused: the packet is larger than the server takes
             subscribes $share/g/a no-local refused: the request has no filter, or asks for no-local on a shared subscription"
        ),
    );
    check(
        &v5(),
        &format!(
            "{HELLO}
             subscribes a/#
             c> SUBSCRIBE id=1 a/#
             c< SUBACK id=1 0x00
             tells answered 1 0x00
             {AGAIN}
             c< {limits}
             tells connected
             tells lost a/# 0xa2"
        ),
    );
}

#[test]
fn an_answer_without_codes_grants_qos_0() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             subscribes a qos=1
             c> SUBSCRIBE id=1 a qos=1
             c< bytes 90 03 00 01 00
             tells answered 1 0x00
             {AGAIN}
             c< CONNACK
             tells connected
             c> SUBSCRIBE id=2 a qos=1"
        ),
    );
}

#[test]
fn an_answer_must_fit_its_request() {
    let fault = "tells disconnected: 0x82 SUBACK or UNSUBACK that answers no request, or with as many codes
                 c> DISCONNECT 0x82";
    for answer in ["SUBACK id=2 0x00", "SUBACK id=1 0x00 0x00", "UNSUBACK id=1 0x00"] {
        check(&v5(), &format!("{HELLO}\n subscribes a\n c> SUBSCRIBE id=1 a\n c< {answer}\n {fault}"));
    }
}
