//! Enhanced authentication: AUTH on the way in, and once more later.

use crate::script::{check, v5};
use midge_client_core::{Authentication, Options};

fn options() -> Options {
    let authentication = Authentication { method: "SCRAM".into(), data: Some((*b"first").into()) };
    Options { authentication: Some(authentication), ..v5() }
}

const HELLO: &str = "
    connects
    c> CONNECT v5 clean id=c authentication-method=SCRAM authentication-data=first";

#[test]
fn each_step_is_told_and_answered() {
    check(
        &options(),
        &format!(
            "{HELLO}
             c< AUTH 0x18 authentication-method=SCRAM authentication-data=salt
             tells authentication 0x18 salt
             authenticates proof
             c> AUTH 0x18 authentication-method=SCRAM authentication-data=proof
             c< CONNACK authentication-method=SCRAM
             tells connected
             reauthenticates again
             c> AUTH 0x19 authentication-method=SCRAM authentication-data=again
             c< AUTH 0x18 authentication-method=SCRAM authentication-data=salt2
             tells authentication 0x18 salt2
             authenticates proof2
             c> AUTH 0x18 authentication-method=SCRAM authentication-data=proof2
             c< AUTH 0x00 authentication-method=SCRAM authentication-data=done
             tells authentication 0x00 done"
        ),
    );
}

#[test]
fn another_method_is_a_fault() {
    check(
        &options(),
        &format!(
            "{HELLO}
             c< AUTH 0x18 authentication-method=PLAIN
             tells disconnected: 0x82 AUTH with another Authentication Method
             c> DISCONNECT 0x82"
        ),
    );
}

#[test]
fn so_is_what_nobody_has_asked_for() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< AUTH 0x18 authentication-method=SCRAM
         tells disconnected: 0x82 AUTH without an Authentication Method
         c> DISCONNECT 0x82",
    );
    check(
        &options(),
        &format!(
            "{HELLO}
             c< CONNACK authentication-method=SCRAM
             tells connected
             c< AUTH 0x18 authentication-method=SCRAM
             tells disconnected: 0x82 AUTH that nobody has asked for
             c> DISCONNECT 0x82"
        ),
    );
}
