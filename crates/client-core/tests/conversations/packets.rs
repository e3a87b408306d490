//! Packets told for people who look for a fault.

use crate::script::{check, v5};
use midge_client_core::Options;

#[test]
fn each_packet_is_told_in_its_order() {
    check(
        &Options { tells_packets: true, ..v5() },
        "connects
         c> CONNECT v5 clean id=c
         tells packet sent 0x10
         c< CONNACK
         tells packet received 0x20
         tells connected
         publishes t qos=1 m=x
         c> PUBLISH t qos=1 id=1 m=x
         tells packet sent 0x32
         c< PUBACK id=1
         tells packet received 0x40
         tells acknowledged 1
         c< PUBLISH t qos=2 id=7 m=y
         tells packet received 0x34
         tells message t qos=2 m=y
         tells packet sent 0x50
         c> PUBREC id=7
         disconnects 0x04
         tells disconnected: left
         c> DISCONNECT 0x04
         tells packet sent 0xe0
         is closed",
    );
}
