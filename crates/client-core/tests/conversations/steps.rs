//! What a store is told, and the Client that goes on with what it has kept.

use crate::script::{Conversation, check, v5_lasting};
use midge_client_core::{Acknowledge, Client, Message, Options, Saved};
use midge_codec::{PacketId, QoS};

fn options() -> Options {
    Options { tells_steps: true, ..v5_lasting() }
}

const HELLO: &str = "
    connects
    c> CONNECT v5 id=c session-expiry-interval=100
    c< CONNACK session-present
    tells connected session-present";

#[test]
fn each_change_of_the_session_is_a_step() {
    check(
        &options(),
        &format!(
            "{HELLO}
             publishes t qos=1 m=a
             steps sent 1 as 1
             c> PUBLISH t qos=1 id=1 m=a
             publishes t qos=2 m=b
             steps sent 2 as 2
             c> PUBLISH t qos=2 id=2 m=b
             c< PUBACK id=1
             steps ended 1
             tells acknowledged 1
             c< PUBREC id=2
             steps released 2, ended 2
             tells acknowledged 2
             c> PUBREL id=2
             c< PUBCOMP id=2
             steps completed 2
             c< PUBLISH t qos=2 id=9 m=c
             steps received 9
             tells message t qos=2 m=c
             c> PUBREC id=9
             c< PUBREL id=9
             steps forgotten 9
             c> PUBCOMP id=9
             closes
             tells disconnected: closed
             publishes t m=d
             connects
             c> CONNECT v5 id=c session-expiry-interval=100
             c< CONNACK
             steps session began, ended 3
             tells connected
             tells sent 3
             c> PUBLISH t m=d"
        ),
    );
}

#[test]
fn a_message_counts_as_received_when_the_user_has_acknowledged_it() {
    check(
        &Options { acknowledge: Acknowledge::ByHand, ..options() },
        &format!(
            "{HELLO}
             c< PUBLISH t qos=2 id=9 m=c
             tells message t qos=2 m=c to acknowledge
             steps
             acknowledges 1
             steps received 9
             c> PUBREC id=9"
        ),
    );
}

#[test]
fn a_restored_client_goes_on_where_the_other_stood() {
    let id = |value| PacketId::new(value).expect("not 0");
    let saved = Saved {
        last_number: 7,
        messages: vec![
            (4, Some(id(7)), Message::new("t", b"a", QoS::AtLeastOnce)),
            (6, Some(id(9)), Message::new("t", b"c", QoS::ExactlyOnce)),
            (7, None, Message::new("t", b"d", QoS::AtLeastOnce)),
        ],
        released: vec![id(8)],
        received: vec![id(3)],
    };
    let client = Client::restore(options(), &saved, 0);
    assert_eq!((client.held(), client.received()), ((3, 6), vec![3]));
    assert_eq!(client.inflight().map(PacketId::get).collect::<Vec<_>>(), [7, 8, 9]);
    let script = format!(
        "{HELLO}
         steps sent 7 as 10
         c> PUBLISH t qos=1 id=7 dup m=a
         c> PUBREL id=8
         c> PUBLISH t qos=2 id=9 dup m=c
         c> PUBLISH t qos=1 id=10 m=d
         c< PUBLISH t qos=2 id=3 dup m=x
         c> PUBREC id=3
         publishes t qos=1 m=e
         steps sent 8 as 11
         c> PUBLISH t qos=1 id=11 m=e"
    );
    let mut conversation = Conversation::new(client, true);
    if let Err(text) = conversation.play(&script) {
        panic!("{text}");
    }
}
