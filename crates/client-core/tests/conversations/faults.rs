//! What no server may send ends the connection, with the right code in version 5 and without a word before it.

use crate::script::{check, v5, v311_lasting};
use midge_client_core::Options;

#[test]
fn faults_of_version_5_have_their_code() {
    for (bytes, fault) in [
        ("bytes 30 ff ff ff ff", "0x81 Variable Byte Integer of five bytes"),
        ("bytes 00 00", "0x81 reserved packet type"),
        ("bytes 36 05 00 01 74 00 78", "0x81 PUBLISH with QoS 3"),
        ("bytes d0 01 00", "0x81 bytes behind the end of the packet"),
        ("PUBLISH t m=\"x\"*100", "0x95 packet is larger than allowed"),
        ("CONNACK", "0x82 a second CONNACK"),
        ("SUBSCRIBE id=1 t", "0x82 a packet that a Server does not send"),
        ("PINGREQ", "0x82 a packet that a Server does not send"),
        ("PUBACK id=0", "0x82 Packet Identifier is 0"),
    ] {
        check(
            &Options { maximum_packet_size: 90, ..v5() },
            &format!(
                "greets v5 clean id=c maximum-packet-size=90
                 c< {bytes}
                 tells disconnected: {fault}
                 c> DISCONNECT {}
                 is closed",
                &fault[..4]
            ),
        );
    }
}

#[test]
fn answers_out_of_turn_are_faults() {
    for (answer, fault) in [
        ("PUBACK id=2", "0x82 PUBACK answers no QoS 1 PUBLISH"),
        ("PUBREC id=1", "0x82 PUBREC answers no QoS 2 PUBLISH"),
        ("PUBCOMP id=2", "0x82 PUBCOMP answers no PUBREL"),
        ("PUBACK id=3", "0x82 PUBACK answers no QoS 1 PUBLISH"),
    ] {
        check(
            &v5(),
            &format!(
                "greets v5 clean id=c
                 publishes t qos=1 m=x
                 c> PUBLISH t qos=1 id=1 m=x
                 publishes t qos=2 m=x
                 c> PUBLISH t qos=2 id=2 m=x
                 subscribes a
                 c> SUBSCRIBE id=3 a
                 c< {answer}
                 tells disconnected: {fault}
                 c> DISCONNECT 0x82"
            ),
        );
    }
}

#[test]
fn version_3_closes_without_a_word() {
    check(
        &v311_lasting(),
        "greets v311 id=c
         c< bytes 00 00
         tells disconnected: 0x81 reserved packet type
         is closed",
    );
    check(
        &v311_lasting(),
        "greets v311 id=c
         c< bytes e0 00
         tells disconnected: 0x82 a packet that a Server does not send
         is closed",
    );
}

#[test]
fn nothing_comes_before_connack() {
    check(
        &v5(),
        "connects
         c> CONNECT v5 clean id=c
         c< PUBLISH t m=x
         tells disconnected: 0x82 a packet before CONNACK
         c> DISCONNECT 0x82",
    );
}

#[test]
fn a_server_that_says_goodbye_is_heard() {
    check(
        &v5(),
        "greets v5 clean id=c
         c< DISCONNECT 0x8e
         tells disconnected: dismissed 0x8e
         is closed
         wants to connect in 1s",
    );
}
