//! Keep Alive, and how a connection that nobody answers ends.

use crate::script::{check, v5};
use midge_client_core::Options;

fn options() -> Options {
    Options { keep_alive_s: 10, response_timeout_ms: 5_000, ..v5() }
}

const HELLO: &str = "greets v5 clean id=c keep-alive=10";

#[test]
fn silence_is_broken_by_pingreq() {
    check(
        &options(),
        &format!(
            "{HELLO}
             wait 9999ms
             c> nothing
             wait 1ms
             c> PINGREQ
             c< PINGRESP
             wait 5s
             publishes t m=x
             c> PUBLISH t m=x
             c< PUBLISH t m=x
             tells message t qos=0 m=x
             wait 9999ms
             c> nothing
             wait 1ms
             c> PINGREQ"
        ),
    );
}

#[test]
fn who_only_speaks_asks_whether_anybody_is_there() {
    check(
        &options(),
        &format!(
            "{HELLO}
             wait 6s
             publishes t m=x
             c> PUBLISH t m=x
             wait 4s
             c> PINGREQ"
        ),
    );
}

#[test]
fn a_server_that_is_silent_is_left() {
    check(
        &options(),
        &format!(
            "{HELLO}
             wait 10s
             c> PINGREQ
             wait 3s
             # A sign of life, though not the answer.
             c< PUBLISH t m=x
             tells message t qos=0 m=x
             wait 4999ms
             c> nothing
             wait 1ms
             tells disconnected: no PINGRESP
             is closed"
        ),
    );
}

#[test]
fn who_does_not_read_does_not_take_silence_for_the_end_and_still_pings() {
    check(
        &options(),
        &format!(
            "{HELLO}
             wait 10s
             c> PINGREQ
             rests
             wait 9999ms
             c> nothing
             wait 1ms
             c> PINGREQ
             c< PINGRESP"
        ),
    );
}

#[test]
fn the_server_may_want_another_keep_alive() {
    check(
        &options(),
        "connects
         c> CONNECT v5 clean id=c keep-alive=10
         c< CONNACK server-keep-alive=3
         tells connected
         wait 3s
         c> PINGREQ",
    );
    check(
        &options(),
        "connects
         c> CONNECT v5 clean id=c keep-alive=10
         c< CONNACK server-keep-alive=0
         tells connected
         wait 1000s
         c> nothing",
    );
}
