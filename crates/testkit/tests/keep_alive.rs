//! Keep Alive and PINGREQ (§3.1.2.10, §3.12).

use midge_testkit::{check_together, check_versions, check_with};

// [MQTT5-3.12.4-1] [MQTT3-3.12.4-1]
#[test]
fn pingreq_is_answered() {
    check_versions(
        &["v31", "v311", "v5"],
        "c connects vX clean
         c> hex c0 00
         c< hex d0 00
         c> PINGREQ & PINGREQ
         c< PINGRESP
         c< PINGRESP",
    );
}

// [MQTT5-3.1.2-22] [MQTT3-3.1.2-24] [MQTT5-3.2.2-22]
#[test]
fn silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    check_together(
        "",
        &[
            "c connects v311 clean keep-alive=1
             c< nothing 1000ms
             c< closed",
            "c> CONNECT v5 clean keep-alive=1
             c< CONNACK !server-keep-alive
             c< nothing 1000ms
             c<? DISCONNECT 0x8d
             c< closed",
            "# As for a network failure: the Will is published.
             s connects v5 clean
             s subscribes w
             c connects v311 clean keep-alive=1 will=w will.m=gone
             s< nothing 1000ms
             s< PUBLISH w m=gone
             c< closed",
            "# 0 switches it off.
             c connects v311 clean keep-alive=0
             c< nothing 3500ms
             c pings",
            "# Half a packet is none.
             c connects v311 clean keep-alive=1
             wait 800ms
             c> hex 30 10 00 01
             c< nothing 400ms
             c< closed",
        ],
    );
}

/// Any packet counts, whatever the server has to say meanwhile does not.
#[test]
fn every_packet_of_the_client_counts() {
    check_together(
        "",
        &[
            "c connects v311 clean keep-alive=1
             wait 900ms
             c pings
             wait 900ms
             c> PUBLISH t m=x
             wait 900ms
             c subscribes t qos=1
             wait 900ms
             c> PUBLISH u qos=1 id=1 m=x
             c< PUBACK id=1
             wait 900ms
             c> PUBACK id=77
             wait 900ms
             c pings",
            "s connects v311 clean keep-alive=1
             s subscribes t
             p connects v311 clean
             wait 800ms
             p> PUBLISH t m=x
             s< PUBLISH t m=x
             wait 500ms
             p> PUBLISH t m=y
             s<? PUBLISH t m=y
             s< closed",
        ],
    );
}

// [MQTT5-3.2.2-22]
#[test]
fn server_keep_alive() {
    check_with(
        "max_keepalive 1",
        "a> CONNECT v5 clean keep-alive=60
         a< CONNACK server-keep-alive=1
         b> CONNECT v5 clean keep-alive=0
         b< CONNACK server-keep-alive=1
         c> CONNECT v5 clean keep-alive=1
         c< CONNACK !server-keep-alive
         d> CONNECT v311 clean keep-alive=60
         d< CONNACK 0x02
         d< closed
         a< nothing 900ms
         # Not the client's figure: the server's.
         a<? DISCONNECT 0x8d
         a< closed
         b<? DISCONNECT 0x8d
         b< closed",
    );
}

/// A Session survives the time-out of its connection.
#[test]
fn a_session_outlives_the_time_out() {
    check_together(
        "",
        &["c connects v311 keep-alive=1
           c subscribes t qos=1
           c< closed
           p connects v311 clean
           p publishes t qos=1 m=x
           c connects v311 session-present
           c receives t qos=1 m=x"],
    );
}
