//! Receiving: each message is shown as its QoS promises, and acknowledged at once or by hand.

use crate::script::{Conversation, check, v5, v5_lasting, v311_lasting};
use midge_client_core::{Acknowledge, Client, Options};

const HELLO: &str = "greets v5 clean id=c";

fn by_hand() -> Options {
    Options { acknowledge: Acknowledge::ByHand, ..v5() }
}

#[test]
fn each_qos_has_its_exchange() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             c< PUBLISH t m=x
             tells message t qos=0 m=x
             c< PUBLISH t qos=1 id=5 m=y
             tells message t qos=1 m=y
             c> PUBACK id=5
             c< PUBLISH t qos=2 id=6 m=z subscription-identifier=3
             tells message t qos=2 m=z
             c> PUBREC id=6
             c< PUBREL id=6
             c> PUBCOMP id=6"
        ),
    );
}

#[test]
fn qos_2_is_shown_once_until_it_is_released() {
    check(
        &v311_lasting(),
        "greets v311 id=c
         c< PUBLISH t qos=2 id=6 m=x
         tells message t qos=2 m=x
         c> PUBREC id=6
         closes
         tells disconnected: closed
         connects
         c> CONNECT v311 id=c
         c< CONNACK session-present
         tells connected session-present
         c< PUBLISH t qos=2 id=6 dup m=x
         c> PUBREC id=6
         c< PUBREL id=6
         c> PUBCOMP id=6
         c< PUBLISH t qos=2 id=6 m=new
         tells message t qos=2 m=new
         c> PUBREC id=6
         # A new Session knows nothing of it.
         closes
         tells disconnected: closed
         greets v311 id=c
         c< PUBLISH t qos=2 id=6 m=other
         tells message t qos=2 m=other
         c> PUBREC id=6",
    );
}

#[test]
fn a_release_of_nothing_is_answered() {
    check(
        &v5(),
        &format!(
            "{HELLO}
             c< PUBREL id=6
             c> PUBCOMP id=6 0x92"
        ),
    );
}

#[test]
fn an_alias_stands_for_the_topic_that_it_was_set_to() {
    check(
        &Options { topic_alias_maximum: 2, ..v5() },
        "greets v5 clean id=c topic-alias-maximum=2
         c< PUBLISH a/b topic-alias=2 m=1
         tells message a/b qos=0 m=1
         c< PUBLISH \"\" topic-alias=2 qos=1 id=1 m=2
         tells message a/b qos=1 m=2
         c> PUBACK id=1
         c< PUBLISH \"\" topic-alias=1 m=3
         tells disconnected: 0x94 a Topic Alias that is out of range or was never set
         c> DISCONNECT 0x94",
    );
}

#[test]
fn an_alias_dies_with_its_connection() {
    check(
        &Options { topic_alias_maximum: 2, ..v5_lasting() },
        "greets v5 id=c session-expiry-interval=100 topic-alias-maximum=2
         c< PUBLISH a/b topic-alias=2 m=1
         tells message a/b qos=0 m=1
         closes
         tells disconnected: closed
         connects
         c> CONNECT v5 id=c session-expiry-interval=100 topic-alias-maximum=2
         c< CONNACK session-present
         tells connected session-present
         c< PUBLISH \"\" topic-alias=2 m=2
         tells disconnected: 0x94 a Topic Alias that is out of range or was never set
         c> DISCONNECT 0x94",
    );
}

#[test]
fn acknowledgements_by_hand_leave_in_the_order_of_the_messages() {
    check(
        &by_hand(),
        &format!(
            "{HELLO}
             c< PUBLISH t m=0
             tells message t qos=0 m=0
             c< PUBLISH t qos=1 id=1 m=a
             tells message t qos=1 m=a to acknowledge
             c< PUBLISH t qos=2 id=2 m=b
             tells message t qos=2 m=b to acknowledge
             c< PUBLISH t qos=1 id=3 m=c
             tells message t qos=1 m=c to acknowledge
             acknowledges 2
             acknowledges 3 0x83
             c> nothing
             acknowledges 1
             c> PUBACK id=1
             c> PUBREC id=2
             c> PUBACK id=3 0x83
             acknowledges 1 in vain
             c< PUBREL id=2
             c> PUBCOMP id=2"
        ),
    );
}

#[test]
fn a_refused_message_gives_its_identifier_back() {
    check(
        &by_hand(),
        &format!(
            "{HELLO}
             c< PUBLISH t qos=2 id=2 m=b
             tells message t qos=2 m=b to acknowledge
             acknowledges 1 0x99
             c> PUBREC id=2 0x99
             c< PUBLISH t qos=2 id=2 m=new
             tells message t qos=2 m=new to acknowledge"
        ),
    );
}

#[test]
fn receipts_of_qos_2_go_on_with_the_session_and_those_of_qos_1_do_not() {
    check(
        &Options { acknowledge: Acknowledge::ByHand, ..v5_lasting() },
        "greets v5 id=c session-expiry-interval=100
         c< PUBLISH t qos=1 id=1 m=a
         tells message t qos=1 m=a to acknowledge
         c< PUBLISH t qos=2 id=2 m=b
         tells message t qos=2 m=b to acknowledge
         c< PUBLISH t qos=2 id=3 m=c
         tells message t qos=2 m=c to acknowledge
         closes
         tells disconnected: closed
         acknowledges 2
         connects
         c> CONNECT v5 id=c session-expiry-interval=100
         c< CONNACK session-present
         tells connected session-present
         acknowledges 1 in vain
         c< PUBLISH t qos=1 id=1 dup m=a
         tells message t qos=1 m=a dup to acknowledge
         # Not shown again.
         c< PUBLISH t qos=2 id=2 dup m=b
         c< PUBLISH t qos=2 id=3 dup m=c
         acknowledges 4
         c> PUBACK id=1
         c> PUBREC id=2
         acknowledges 3
         c> PUBREC id=3",
    );
}

#[test]
fn our_receive_maximum_holds() {
    let options = Options { receive_maximum: 2, ..by_hand() };
    let hello = HELLO.replace("id=c", "id=c receive-maximum=2");
    check(
        &options,
        &format!(
            "{hello}
             c< PUBLISH t qos=1 id=1 m=a
             tells message t qos=1 m=a to acknowledge
             c< PUBLISH t qos=2 id=2 m=b
             tells message t qos=2 m=b to acknowledge
             acknowledges 1
             c> PUBACK id=1
             c< PUBLISH t qos=2 id=3 m=c
             tells message t qos=2 m=c to acknowledge
             c< PUBLISH t qos=1 id=4 m=d
             tells disconnected: 0x93 more messages at a time than Receive Maximum
             c> DISCONNECT 0x93"
        ),
    );
}

#[test]
fn what_is_beyond_our_receive_maximum_may_be_taken() {
    let options = Options { receive_maximum: 1, tolerates_excess: true, ..by_hand() };
    let hello = HELLO.replace("id=c", "id=c receive-maximum=1");
    check(
        &options,
        &format!(
            "{hello}
             c< PUBLISH t qos=1 id=1 m=a
             tells message t qos=1 m=a to acknowledge
             c< PUBLISH t qos=2 id=2 m=b
             tells message t qos=2 m=b to acknowledge
             acknowledges 1
             c> PUBACK id=1
             acknowledges 2
             c> PUBREC id=2"
        ),
    );
}

#[test]
fn a_client_knows_whether_an_exchange_waits_for_its_release() {
    let mut conversation = Conversation::new(Client::new(by_hand()), false);
    let mut check = |script: &str, awaits_release: bool| {
        conversation.play(script).unwrap();
        assert_eq!(conversation.client().awaits_release(), awaits_release, "{script}");
    };
    check("greets v5 clean id=c\nc< PUBLISH t qos=2 id=7 m=x\ntells message t qos=2 m=x to acknowledge", false);
    check("acknowledges 1\nc> PUBREC id=7", true);
    check("c< PUBREL id=7\nc> PUBCOMP id=7", false);
}
