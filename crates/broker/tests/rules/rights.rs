//! Who is let in, and who may do what: asked at each message, also of those who were away, and after a change.

use crate::world::World;
use crate::world::script::{Conversation, check_with};
use midge_broker::{ListenerOptions, Options};

#[track_caller]
fn check(script: &str) {
    let listener = ListenerOptions { authenticates: true, ..ListenerOptions::default() };
    check_with(Options { listeners: vec![listener], ..Options::default() }, script);
}

/// Where not everybody who is named can come back in the end.
#[track_caller]
fn check_once(options: Options, script: &str) {
    let outcome = Conversation::new(World::new(options, 2, 0)).play(script);
    outcome.unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn who_is_not_known_is_not_let_in() {
    check(
        r"
        server lets p publish a
        p connects v5 username=p
        q> CONNECT v5 username=q
        q< CONNACK 0x87
        q< closed
        q> CONNECT v311
        q< CONNACK 0x05
        q< closed
        server lets nobody publish a
        q connects v311
        ",
    );
}

#[test]
fn what_may_not_be_published_goes_nowhere() {
    check(
        r"
        server lets p publish a
        server lets s receive
        server lets s subscribe
        s connects v5 username=s
        s subscribes # qos=2
        p connects v5 username=p will=b will.m=x
        p> PUBLISH b qos=1 id=1 m=1
        p< PUBACK id=1 0x87
        p> PUBLISH b qos=2 id=2 m=1
        p< PUBREC id=2 0x87
        p> PUBLISH b m=1 retain
        p publishes a qos=1 m=2
        s receives a qos=1 m=2
        # The older versions cannot be told.
        old connects v311 username=p
        old> PUBLISH b qos=1 id=1 m=1
        old< PUBACK id=1
        old publishes b qos=2 m=1
        p closes
        s< nothing
        ",
    );
}

#[test]
fn a_subscription_may_be_refused_or_give_nothing() {
    check(
        r"
        server lets p publish
        server lets s subscribe a
        server lets s receive a/1
        p connects v5 username=p
        p publishes a/1 retain m=one
        p publishes a/2 retain m=two
        s connects v5 username=s session-expiry-interval=1000
        s> SUBSCRIBE id=2 b/# qos=1
        s< SUBACK id=2 0x87
        s subscribes a/# qos=2
        s receives a/1 retain m=one
        p publishes a/2 qos=2 m=2
        p publishes a/1 qos=2 m=3
        s receives a/1 qos=2 m=3
        s closes
        p publishes a/2 qos=1 m=4
        p publishes a/1 qos=1 m=5
        server restarts
        s connects v5 username=s session-expiry-interval=1000 session-present
        s receives a/1 qos=1 m=5
        s< nothing
        o connects v311 username=s
        o> SUBSCRIBE id=1 b qos=1
        o< SUBACK id=1 0x80
        ",
    );
}

#[test]
fn who_has_lost_a_right_has_lost_it_at_once() {
    check(
        r"
        server lets p publish
        server lets s subscribe
        server lets s receive
        s connects v5 username=s session-expiry-interval=1000
        s subscribes a qos=1
        s subscribes b qos=1
        p connects v5 username=p will=w will.m=x
        w connects v311 clean username=s
        w subscribes w
        s closes
        p publishes a qos=1 m=1
        server takes receive from s
        server lets s receive b
        p publishes b qos=1 m=2
        s connects v5 username=s session-expiry-interval=1000 session-present
        s receives b qos=1 m=2
        p publishes a qos=1 m=3
        s< nothing
        server takes everything from p
        p< DISCONNECT 0x87
        p< closed
        w< nothing
        p> CONNECT v5 username=p
        p< CONNACK 0x87
        p< closed
        s pings
        server restarts
        s connects v5 username=s session-expiry-interval=1000 session-present
        ",
    );
}

/// The rights of those who are away are known after a restart, since the log has their User Names.
#[test]
fn rights_hold_for_those_who_were_away_when_the_server_was_started() {
    for snapshot in ["", "server snapshots"] {
        check(&format!(
            r"
            server lets p publish
            server lets s subscribe
            server lets s receive b
            s connects v311 username=s
            s subscribes # qos=1
            s closes
            {snapshot}
            server restarts
            p connects v311 clean username=p
            p publishes a qos=1 m=1
            p publishes b qos=1 m=2
            server lets s receive a
            p publishes a qos=1 m=3
            s connects v311 username=s session-present
            s receives b qos=1 m=2
            s receives a qos=1 m=3
            s< nothing
            "
        ));
    }
}

#[test]
fn a_member_of_a_share_group_without_the_right_has_no_use_for_its_messages() {
    check(
        r"
        server lets p publish
        server lets s subscribe
        server lets s receive b
        s connects v5 username=s session-expiry-interval=1000
        s subscribes $share/g/+ qos=1
        p connects v5 username=p
        p publishes a qos=1 m=1
        p publishes a m=1
        p publishes b qos=1 m=2
        s receives b qos=1 m=2
        s closes
        p publishes a qos=1 m=3
        p publishes b qos=1 m=4
        server restarts
        s connects v5 username=s session-expiry-interval=1000 session-present
        s receives b qos=1 m=4
        s< nothing
        ",
    );
}

#[test]
fn the_user_name_may_be_the_client_identifier() {
    let listener = ListenerOptions { username_is_client_id: true, authenticates: true, ..ListenerOptions::default() };
    check_once(
        Options { listeners: vec![listener], ..Options::default() },
        r"
        server lets p publish
        one connects v5 username=p
        two connects v5 username=p
        one< DISCONNECT 0x8e
        one< closed
        server lets nobody publish
        n> CONNECT v311
        n< CONNACK 0x05
        n< closed
        ",
    );
}

#[test]
fn client_identifiers_may_need_a_prefix() {
    check_once(
        Options { client_id_prefix: "ok-".into(), ..Options::default() },
        r"
        a connects v5 id=ok-1
        b> CONNECT v5 id=1
        b< CONNACK 0x87
        b< closed
        c> CONNECT v311 id=1
        c< CONNACK 0x05
        c< closed
        ",
    );
}

#[track_caller]
fn check_retain_source(script: &str) {
    let listener = ListenerOptions { authenticates: true, ..ListenerOptions::default() };
    let options = Options { listeners: vec![listener], check_retain_source: true, ..Options::default() };
    let users = "
        server lets s receive
        server lets s subscribe
        server lets p publish a
        server lets q publish a
        p connects v5 clean username=p
        q connects v311 clean username=q will=a/will will.m=w will.retain
        ";
    check_with(options, &[users, script].concat());
}

#[test]
fn what_a_client_may_publish_no_longer_is_not_given_to_new_subscriptions() {
    check_retain_source(
        r"
        p publishes a/p qos=1 m=1 retain
        p publishes a/both qos=1 m=1 retain
        q publishes a/both qos=1 m=2 retain
        q closes
        server takes publish from p
        s connects v5 clean username=s
        s subscribes a/p
        s< nothing
        s subscribes a/both
        s receives a/both m=2 retain
        s subscribes a/will
        s receives a/will m=w retain
        server takes publish from q
        s subscribes a/both
        s subscribes a/will
        s< nothing
        # Nothing is lost, and what comes live has been asked about.
        server lets p publish a/p
        s subscribes a/p
        s receives a/p m=1 retain
        p publishes a/p m=3
        s receives a/p m=3
        ",
    );
}

#[test]
fn the_publisher_of_a_retained_message_is_known_after_a_restart() {
    for means in ["server restarts", "server snapshots\nserver restarts\nserver snapshots\nserver restarts"] {
        let script = r"
            p publishes a/p qos=1 m=1 retain
            p publishes a/both qos=1 m=1 retain
            q publishes a/both qos=1 m=2 retain
            p publishes a/gone qos=1 m=1 retain
            p publishes a/gone qos=1 retain
            p closes
            MEANS
            s connects v5 clean username=s
            s subscribes a/p
            s receives a/p m=1 retain
            server takes publish from p
            MEANS
            s connects v5 clean username=s
            s subscribes a/p
            s subscribes a/gone
            s< nothing
            s subscribes a/both
            s receives a/both m=2 retain
        ";
        check_retain_source(&script.replace("MEANS", means));
    }
}
