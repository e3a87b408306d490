//! Listeners with a mount point: their clients live below a prefix, and see nothing else.

use crate::world::script::check_with;
use midge_broker::{ListenerOptions, Options};

/// The first listener has no mount point, the others these.
fn options(mount_points: &[&str]) -> Options {
    let listener = |mount_point: &&str| ListenerOptions {
        mount_point: (*mount_point).into(),
        max_topic_alias_broker: 1,
        ..ListenerOptions::default()
    };
    Options { listeners: [""].iter().chain(mount_points).map(listener).collect(), ..Options::default() }
}

#[track_caller]
fn check(script: &str) {
    check_with(options(&["house/", "garden/"]), script);
}

#[test]
fn whoever_is_inside_sees_nothing_else_and_those_outside_see_the_whole_topic() {
    check(
        r"
        a comes to listener 1
        b comes to listener 1
        g comes to listener 2
        a connects v5 clean
        b connects v311 clean
        g connects v5 clean
        o connects v5 clean
        p connects v5 clean
        a subscribes # qos=2
        g subscribes # qos=2
        o subscribes # qos=2
        b publishes door qos=1 m=open
        a receives door qos=1 m=open
        o receives house/door qos=1 m=open
        p publishes house/door qos=2 m=shut
        a receives door qos=2 m=shut
        o receives house/door qos=2 m=shut
        p publishes garden/gate m=open
        g receives gate m=open
        o receives garden/gate m=open
        p publishes house m=x
        o receives house m=x
        server publishes $SYS/x m=1
        a subscribes $SYS/#
        a< nothing
        g< nothing
        ",
    );
}

#[test]
fn unsubscribe_means_the_same_filter_and_shares_keep_their_names() {
    check(
        r"
        a comes to listener 1
        a connects v5 clean
        o connects v5 clean
        a subscribes door
        a> UNSUBSCRIBE id=1 door
        a< UNSUBACK id=1 0x00
        o publishes house/door m=1
        a< nothing
        a subscribes $share/s/+ qos=1
        o publishes house/door qos=1 m=2
        a receives door qos=1 m=2
        o publishes door qos=1 m=3
        a< nothing
        # The same group by another name.
        o subscribes $share/s/house/+ qos=1
        a> UNSUBSCRIBE id=2 $share/s/+
        a< UNSUBACK id=2 0x00
        p connects v5 clean
        p publishes house/door qos=1 m=4
        o receives house/door qos=1 m=4
        ",
    );
}

#[test]
fn wills_aliases_and_retained_messages() {
    check(
        r#"
        a comes to listener 1
        b comes to listener 1
        o connects v5 clean
        o subscribes #
        a connects v5 clean will=gone will.m=a will.retain
        a> PUBLISH t topic-alias=1 m=1 & PUBLISH topic-alias=1 m=2
        o receives house/t m=1
        o receives house/t m=2
        a closes
        o receives house/gone m=a
        b> CONNECT v5 clean topic-alias-maximum=5
        b< CONNACK
        b subscribes +
        b< PUBLISH gone m=a retain topic-alias=1
        b publishes gone retain
        o receives house/gone
        b< PUBLISH "" topic-alias=1
        o subscribes house/#
        o< nothing
        "#,
    );
}

#[test]
fn a_session_that_comes_back_elsewhere_sees_what_is_to_be_seen_there() {
    for qos in ["1", "2"] {
        let script = r"
            o connects v5 clean
            s comes to listener 1
            s connects v311
            s subscribes t qos=QOS
            s closes
            o publishes house/t qos=QOS m=1
            s comes to listener 0
            s connects v311 session-present
            s< PUBLISH house/t qos=QOS id={one} m=1
            # It subscribes outside too, and comes back inside: what stands outside is over and done with.
            s subscribes out qos=QOS
            s closes
            o publishes out qos=QOS m=2
            o publishes house/t qos=QOS m=3
            s comes to listener 1
            s connects v311 session-present
            s< PUBLISH t qos=QOS id={one} m=1 dup
            s< PUBLISH t qos=QOS id={three} m=3
            s< nothing
        ";
        check(&script.replace("QOS", qos));
    }
}

/// What was begun outside and not acknowledged is not sent again inside.
#[test]
fn an_exchange_that_was_begun_elsewhere_is_over() {
    for qos in ["1", "2"] {
        let script = r"
            o connects v5 clean
            s connects v311
            s subscribes out qos=QOS
            o publishes out qos=QOS m=1
            s< PUBLISH out qos=QOS id={one} m=1
            s closes
            s comes to listener 1
            s connects v311 session-present
            s< nothing
            s pings
        ";
        check(&script.replace("QOS", qos));
    }
}

#[test]
fn what_does_not_go_behind_the_mount_point_is_refused() {
    check_with(
        options(&["house"]),
        r"
        a comes to listener 1
        a connects v5 clean
        o connects v5 clean
        a> SUBSCRIBE id=1 /# qos=1 # qos=0 $share/g/+ qos=0
        a< SUBACK id=1 0x01 0x8f 0x8f
        o publishes house/t qos=1 m=1
        a receives /t qos=1 m=1
        ",
    );
    check_with(
        Options { topic_levels_max: 3, ..options(&["a/b/"]) },
        r"
        a comes to listener 1
        a connects v5 clean
        a> SUBSCRIBE id=1 c qos=1 $share/g/c qos=0
        a< SUBACK id=1 0x01 0x00
        a> SUBSCRIBE id=1 $share/g/c/d qos=0
        a< DISCONNECT 0x81
        b comes to listener 1
        b connects v5 clean
        b> PUBLISH c/d qos=1 id=2
        b< DISCONNECT 0x81
        ",
    );
}

/// What a user may do is said in terms of whole topics.
#[test]
fn rights_are_those_to_the_whole_topic() {
    let mut options = options(&["house/"]);
    options.listeners.iter_mut().for_each(|listener| listener.authenticates = true);
    check_with(
        options,
        r"
        server lets a publish house/
        server lets a receive house/t
        server lets a subscribe house/
        a comes to listener 1
        a connects v5 clean username=a
        a subscribes # qos=1
        a> PUBLISH t qos=1 id=1 m=1
        a< PUBLISH t qos=1 id={t} m=1
        a< PUBACK id=1
        a publishes u qos=1 m=2
        a< nothing
        a comes to listener 0
        a connects v5 clean username=a
        a> PUBLISH t qos=1 id=1
        a< PUBACK id=1 0x87
        ",
    );
}
