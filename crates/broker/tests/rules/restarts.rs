//! What is there again when the server was killed and started anew, from the log alone.

use crate::world::World;
use crate::world::script::{Conversation, check, check_versions, check_with};
use midge_broker::Options;

const VERSIONS: [&str; 2] = ["v311", "v5 session-expiry-interval=1000"];

#[test]
fn sessions_subscriptions_and_queues() {
    check_versions(
        &VERSIONS,
        r"
        s connects vX
        s subscribes a/+ qos=2 b qos=1 c qos=0
        s closes
        p connects v311 clean
        p publishes a/1 qos=2 m=1
        p publishes b qos=1 m=2
        p publishes a/2 qos=1 m=3 retain
        p publishes a/2 m=lost
        server restarts
        s connects vX session-present
        s receives a/1 qos=2 m=1
        s receives b qos=1 m=2
        s receives a/2 qos=1 m=3
        s< nothing
        p connects v311 clean
        p publishes a/3 qos=1 m=4
        s receives a/3 qos=1 m=4
        s closes
        server restarts
        s connects vX session-present
        s< nothing
        ",
    );
}

#[test]
fn what_ended_before_is_not_there_again() {
    check(
        r"
        s connects v311
        s subscribes a qos=1 b qos=1
        s> UNSUBSCRIBE id=9 b
        s< UNSUBACK id=9
        clean connects v311 clean
        clean subscribes a qos=1
        gone connects v311
        gone subscribes a qos=1
        gone closes
        gone connects v5 clean
        gone closes
        p connects v311 clean
        p publishes a qos=1 m=1
        p publishes b qos=1 m=2
        server restarts
        gone connects v311
        clean connects v311
        s connects v311 session-present
        s receives a qos=1 m=1 dup
        s< nothing
        ",
    );
}

#[test]
fn a_qos_2_exchange_goes_on_where_it_was() {
    check(
        r"
        s connects v311
        s subscribes t qos=2
        p connects v311
        p> PUBLISH t qos=2 id=7 m=1
        p< PUBREC id=7
        s< PUBLISH t qos=2 id=1 m=1
        server restarts
        p connects v311 session-present
        p> PUBLISH t qos=2 id=7 dup m=1
        p< PUBREC id=7
        s connects v311 session-present
        s< PUBLISH t qos=2 id=1 dup m=1
        s> PUBREC id=1
        s< PUBREL id=1
        server restarts
        s connects v311 session-present
        s< PUBREL id=1
        p connects v311 session-present
        p> PUBREL id=7
        p< PUBCOMP id=7
        server restarts
        s connects v311 session-present
        s< PUBREL id=1
        s> PUBCOMP id=1
        p connects v311 session-present
        p> PUBLISH t qos=2 id=7 m=2
        p< PUBREC id=7
        p> PUBREL id=7
        p< PUBCOMP id=7
        s receives t qos=2 m=2
        server restarts
        s connects v311 session-present
        s< nothing
        ",
    );
}

#[test]
fn retained_messages() {
    check(
        r"
        p connects v5 clean
        p publishes a m=1 retain
        p publishes b qos=1 m=2 retain
        p publishes b qos=2 m=3 retain
        p publishes c m=4 retain
        p publishes c retain
        server publishes $SYS/x m=5 retain
        server restarts
        s connects v5 clean
        s subscribes a qos=1 b qos=1 c qos=1 $SYS/# qos=1
        s receives a m=1 retain
        s receives b qos=1 m=3 retain
        s< nothing
        p connects v5 clean
        p publishes a retain
        p publishes b retain
        ",
    );
}

/// What was sent of a replay is not sent again as something new: only the rest comes after the restart.
#[test]
fn a_replay_goes_on_where_it_was() {
    for then in ["", "server snapshots"] {
        check(&format!(
            r"
            p connects v311
            p publishes a qos=2 m=1 retain
            p publishes b qos=2 m=2 retain
            p publishes c qos=2 m=3 retain
            s connects v5 session-expiry-interval=100 receive-maximum=1
            s subscribes # qos=2
            s< PUBLISH c qos=2 id=1 m=3 retain
            s> PUBREC id=1
            s< PUBREL id=1
            s> PUBCOMP id=1
            s< PUBLISH b qos=2 id=2 m=2 retain
            {then}
            server restarts
            s connects v5 session-expiry-interval=100 receive-maximum=1 session-present
            s< PUBLISH b qos=2 id=2 dup m=2 retain
            {then}
            server restarts
            s connects v5 session-expiry-interval=100 session-present
            s< PUBLISH b qos=2 id=2 dup m=2 retain
            s< PUBLISH a qos=2 id=? m=1 retain
            s< nothing
            "
        ));
    }
}

#[test]
fn wills_of_those_who_were_connected_or_about_to_be_missed() {
    check(
        r"
        s connects v311
        s subscribes will/# qos=1
        a connects v311 clean will=will/a will.m=1 will.qos=1
        b connects v5 session-expiry-interval=100 will=will/b will.m=2 will.qos=1 will.will-delay-interval=50
        b closes
        wait 20s
        c connects v5 session-expiry-interval=100 will=will/c will.m=3 will.qos=1 will.will-delay-interval=10
        d connects v311 clean will=will/d will.m=4 will.qos=1
        d disconnects
        server restarts after 10s
        s connects v311 session-present
        s receives will/a qos=1 m=1
        s< nothing
        wait 15s
        s receives will/c qos=1 m=3
        wait 20s
        s receives will/b qos=1 m=2
        server restarts
        s connects v311 session-present
        s< nothing
        ",
    );
}

#[test]
fn time_goes_on_while_the_server_is_off() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s subscribes t qos=1
        s closes
        short connects v5 session-expiry-interval=30
        short closes
        p connects v5 clean
        p publishes t qos=1 m=short message-expiry-interval=20
        p publishes t qos=1 m=long message-expiry-interval=100
        server restarts after 40s
        short connects v5 session-expiry-interval=30
        s connects v5 session-expiry-interval=1000 session-present
        s receives t qos=1 m=long message-expiry-interval=60
        s< nothing
        ",
    );
}

/// The last batch is old when the server is killed; a heartbeat was not due yet. Who was connected may have been so until
/// then, and no longer.
#[test]
fn a_session_does_not_end_early_because_nothing_was_recorded_for_a_while() {
    check(
        r"
        s connects v5 session-expiry-interval=30
        wait 50s
        server restarts
        s connects v5 session-expiry-interval=30 session-present
        server restarts after 96s
        s connects v5 session-expiry-interval=30
        ",
    );
}

#[test]
fn a_session_ends_though_the_server_is_killed_again_and_again() {
    check(
        r"
        s connects v5 session-expiry-interval=50
        t connects v5 session-expiry-interval=200
        server restarts after 30s
        server restarts after 60s
        s connects v5 session-expiry-interval=50
        t connects v5 session-expiry-interval=200 session-present
        ",
    );
}

#[test]
fn share_groups_keep_what_nobody_has_acknowledged() {
    check(
        r"
        a connects v311
        a subscribes $share/g/t qos=2
        p connects v311 clean
        p publishes t qos=1 m=1
        a receives t qos=1 m=1
        p> PUBLISH t qos=1 id=8 m=2
        p< PUBACK id=8
        a< PUBLISH t qos=1 id={x} m=2
        a closes
        p publishes t qos=1 m=3
        p publishes t qos=2 m=4
        server restarts
        a connects v311 session-present
        a receives t qos=1 m=2
        a receives t qos=1 m=3
        a receives t qos=2 m=4
        a< nothing
        server restarts
        a connects v311 session-present
        a< nothing
        ",
    );
}

/// Each portion ends with some message, and its Subscription Identifiers are in the same one.
#[test]
fn a_snapshot_in_many_portions_keeps_subscription_identifiers() {
    let payload = "x".repeat(20_000);
    let each = |line: fn(usize) -> String| -> String {
        (0..40).map(|number| format!("{}{payload}\n", line(number))).collect()
    };
    let script = [
        "s connects v5 session-expiry-interval=1000\n",
        "s> SUBSCRIBE id=1 subscription-identifier=5 a qos=2\ns< SUBACK id=1 0x02\n",
        "s> SUBSCRIBE id=2 subscription-identifier=6 +/# qos=2\ns< SUBACK id=2 0x02\n",
        "s closes\np connects v5 clean\n",
        &each(|number| format!("p publishes a qos=1 m={number}-")),
        "server snapshots\nserver restarts\ns connects v5 session-expiry-interval=1000 session-present\n",
        &each(|number| format!("s receives a qos=1 subscription-identifier=5 subscription-identifier=6 m={number}-")),
        "s< nothing\n",
    ];
    check(&script.concat());
}

#[test]
fn a_snapshot_holds_everything_that_the_log_held() {
    check(
        r"
        s connects v5 session-expiry-interval=1000
        s> SUBSCRIBE id=1 subscription-identifier=5 a/# qos=2
        s< SUBACK id=1 0x02
        s> SUBSCRIBE id=2 subscription-identifier=6 a/+ qos=1
        s< SUBACK id=2 0x01
        m connects v311
        m subscribes $share/g/a/1 qos=1
        m closes
        w connects v5 session-expiry-interval=100 will=will will.m=w will.qos=1 will.will-delay-interval=50
        w closes
        p connects v311
        p publishes a/1 qos=2 m=1
        s< PUBLISH a/1 qos=2 id=1 subscription-identifier=5 subscription-identifier=6 m=1
        p publishes a/2 qos=1 m=2 retain
        s< PUBLISH a/2 qos=1 id=2 subscription-identifier=5 subscription-identifier=6 m=2
        s closes
        p publishes a/3 qos=1 m=3
        p> PUBLISH a/4 qos=2 id=9 m=4
        p< PUBREC id=9
        server snapshots
        server restarts
        s connects v5 session-expiry-interval=1000 session-present
        s< PUBLISH a/1 qos=2 id=1 dup subscription-identifier=5 subscription-identifier=6 m=1
        s< PUBLISH a/2 qos=1 id=2 dup subscription-identifier=5 subscription-identifier=6 m=2
        s< PUBLISH a/3 qos=1 id=3 subscription-identifier=5 subscription-identifier=6 m=3
        s< PUBLISH a/4 qos=2 id=4 subscription-identifier=5 subscription-identifier=6 m=4
        s> PUBREC id=1
        s< PUBREL id=1
        s> PUBCOMP id=1
        s> PUBACK id=2
        p connects v311 session-present
        p> PUBLISH a/4 qos=2 id=9 dup m=4
        p< PUBREC id=9
        m connects v311 session-present
        m receives a/1 qos=1 m=1
        m< nothing
        s> PUBACK id=3
        s> PUBREC id=4
        s< PUBREL id=4
        s> PUBCOMP id=4
        n connects v311 clean
        n subscribes # qos=0
        n receives a/2 m=2 retain
        wait 60s
        n receives will m=w
        server snapshots
        server restarts
        s connects v5 session-expiry-interval=1000 session-present
        s< nothing
        m connects v311 session-present
        m< nothing
        n connects v311 clean
        n publishes a/2 retain
        ",
    );
}

/// Memory holds next to nothing of a queue, and a run two or three messages.
fn on_disk() -> Options {
    Options { queue_memory_bytes: 0, queue_run_bytes: 250, ..Options::default() }
}

#[test]
fn a_long_queue_is_on_disk_and_comes_in_order() {
    let qos = |number: usize| 1 + number % 2;
    let publish = |from: usize, to: usize| {
        let line = |number| format!("p publishes t/{} qos={} m={number}\n", number % 3, qos(number));
        (from..to).map(line).collect::<String>()
    };
    let receive = |from: usize, to: usize| {
        let line = |number| format!("s receives t/{} qos={} m={number}\n", number % 3, qos(number));
        (from..to).map(line).collect::<String>()
    };
    let big = "x".repeat(10_000);
    let interludes = [
        "",
        "server snapshots",
        "server sweeps",
        "server restarts",
        "server snapshots\nserver restarts\nserver restarts",
        "server sweeps\nserver restarts\nserver sweeps",
    ];
    for interlude in interludes {
        let back = if interlude.contains("restarts") { "p connects v311 clean" } else { "" };
        let returns = "s connects v5 session-expiry-interval=1000 session-present\n";
        let script = [
            "s connects v5 session-expiry-interval=1000\ns subscribes t/+ qos=2\ns closes\np connects v311 clean\n",
            &publish(0, 20),
            &format!("p publishes t/big qos=1 m={big}\n{interlude}\n{back}\n"),
            &publish(20, 30),
            &format!("{interlude}\n{back}\n{returns}"),
            &receive(0, 20),
            &format!("s receives t/big qos=1 m={big}\n"),
            &receive(20, 30),
            &format!("s< nothing\ns closes\n{interlude}\n{back}\n{returns}s< nothing\n"),
        ];
        check_with(on_disk(), &script.concat());
    }
}

#[test]
fn a_client_that_never_comes_back_does_not_hold_the_log() {
    let mut conversation = Conversation::new(World::new(on_disk(), 2, 0));
    let big = "x".repeat(10_000);
    let away = (0..5).map(|number| {
        format!(
            "s{number} connects v5 session-expiry-interval=1000\ns{number} subscribes t/+ qos=2\ns{number} closes\n"
        )
    });
    let play = |conversation: &mut Conversation, script: &str| conversation.play(script).expect("as it says");
    play(&mut conversation, &away.collect::<String>());
    play(&mut conversation, "p connects v311 clean\n");
    play(&mut conversation, &format!("p publishes t/1 qos=1 m=1\np publishes t/2 qos=2 m={big}\n"));
    play(&mut conversation, &(2..10).map(|number| format!("p publishes t/1 qos=2 m={number}\n")).collect::<String>());
    for _ in 0..3 {
        play(&mut conversation, &"p publishes u/1 qos=1 retain m=of no interest\n".repeat(100));
        play(&mut conversation, "server sweeps\n");
    }
    // Ten messages for each of five Sessions; the large one is there once.
    let log_bytes = conversation.world.log_bytes();
    assert!(log_bytes < 20_000, "the log has {log_bytes} bytes");
    play(&mut conversation, "server restarts\n");
    for number in 0..5 {
        let come = format!("s{number} connects v5 session-expiry-interval=1000 session-present\n");
        let first = format!("s{number} receives t/1 qos=1 m=1\ns{number} receives t/2 qos=2 m={big}\n");
        let rest = (2..10).map(|message| format!("s{number} receives t/1 qos=2 m={message}\n"));
        play(&mut conversation, &[come, first, rest.collect()].concat());
    }
}

#[test]
fn memory_holds_only_the_ends_of_a_long_queue() {
    let mut conversation = Conversation::new(World::new(on_disk(), 1, 0));
    let publish = "p publishes t qos=1 m=x\n".repeat(20);
    let script = format!("s connects v311\ns subscribes t qos=1\ns closes\np connects v311 clean\n{publish}");
    conversation.play(&script).expect("as it says");
    let gauges = conversation.world.gauges();
    assert_eq!(gauges.messages_held, 20);
    assert!(gauges.messages_on_disk >= 14, "{} on disk", gauges.messages_on_disk);
    conversation.play("s connects v311 session-present").expect("as it says");
    conversation.play(&"s receives t qos=1 m=x\n".repeat(20)).expect("as it says");
    conversation.world.settle();
    let gauges = conversation.world.gauges();
    assert_eq!((gauges.messages_held, gauges.messages_on_disk), (0, 0));
}

#[test]
fn what_is_acknowledged_of_a_run_does_not_come_again() {
    check_with(
        Options { max_inflight_messages: 3, ..on_disk() },
        r"
        s connects v311
        s subscribes t qos=2
        s closes
        p connects v311 clean
        p publishes t qos=1 m=a
        p publishes t qos=2 m=b
        p publishes t qos=1 m=c
        p publishes t qos=2 m=d
        p publishes t qos=1 m=e
        p publishes t qos=2 m=f
        p publishes t qos=1 m=g
        p publishes t qos=2 m=h
        server snapshots
        s connects v311 session-present
        s receives t qos=1 m=a
        s receives t qos=2 m=b
        s receives t qos=1 m=c
        s receives t qos=2 m=d
        s receives t qos=1 m=e
        s< PUBLISH t qos=2 id={f} m=f
        s< PUBLISH t qos=1 id={g} m=g
        s< PUBLISH t qos=2 id={h} m=h
        server restarts
        s connects v311 session-present
        s< PUBLISH t qos=2 id={f} dup m=f
        s< PUBLISH t qos=2 id={h} dup m=h
        s< PUBLISH t qos=1 id={g2} dup m=g
        s> PUBREC id={f}
        s< PUBREL id={f}
        server snapshots
        server restarts
        s connects v311 session-present
        s< PUBREL id={f}
        s< PUBLISH t qos=1 id={g3} dup m=g
        s< PUBLISH t qos=2 id={h} dup m=h
        s< nothing
        ",
    );
}

#[test]
fn a_queue_that_was_full_is_full_again() {
    check_with(
        Options { max_queued_messages: 2, ..Options::default() },
        r"
        s connects v311
        s subscribes t qos=1
        s closes
        p connects v311 clean
        p publishes t qos=1 m=1
        p publishes t qos=1 m=2
        p publishes t qos=1 m=3
        server restarts
        p connects v311 clean
        p publishes t qos=1 m=4
        s connects v311 session-present
        s receives t qos=1 m=1
        s receives t qos=1 m=2
        s< nothing
        ",
    );
}

#[test]
fn large_retained_messages_are_on_disk() {
    let [one, two, three] = ["a", "b", "c"].map(|letter| letter.repeat(10_000));
    for interlude in ["", "server snapshots", "server sweeps", "server restarts", "server sweeps\nserver restarts"] {
        let back = if interlude.contains("restarts") { "p connects v5" } else { "" };
        let script = format!(
            r"
            p connects v5
            p publishes r/1 qos=1 m={one} retain
            p publishes r/2 qos=2 m={two} retain message-expiry-interval=100
            p publishes r/3 m=small retain
            {interlude}
            {back}
            s connects v5
            s> SUBSCRIBE id=1 r/1 qos=1
            s< SUBACK id=1 0x01
            s receives r/1 qos=1 m={one} retain
            s> SUBSCRIBE id=2 r/2 qos=2
            s< SUBACK id=2 0x02
            s receives r/2 qos=2 m={two} retain message-expiry-interval=100
            p publishes r/1 qos=1 m={three} retain
            s receives r/1 qos=1 m={three}
            {interlude}
            {back}
            t connects v311
            t> SUBSCRIBE id=1 r/1 qos=0
            t< SUBACK id=1 0x00
            t< PUBLISH r/1 m={three} retain
            p publishes r/1 retain
            p publishes r/2 retain
            {interlude}
            u connects v311
            u> SUBSCRIBE id=1 # qos=0
            u< SUBACK id=1 0x00
            u< PUBLISH r/3 m=small retain
            u< nothing
            {back}
            p publishes r/3 retain
            "
        );
        check(&script);
    }
}

#[test]
fn only_large_retained_messages_are_on_disk() {
    let mut conversation = Conversation::new(World::new(Options::default(), 2, 0));
    let large = "x".repeat(10_000);
    let play = |conversation: &mut Conversation, script: &str| conversation.play(script).expect("as it says");
    play(
        &mut conversation,
        &format!("p connects v311\np publishes r/1 m={large} retain\np publishes r/2 m=2 retain\n"),
    );
    for script in ["server snapshots\n", "server sweeps\n", "server restarts\n"] {
        let is_on_disk = ["r/1", "r/2"].map(|topic| conversation.world.is_retained_on_disk(topic));
        assert_eq!(is_on_disk, [true, false], "before {script}");
        play(&mut conversation, script);
    }
    let is_on_disk = ["r/1", "r/2"].map(|topic| conversation.world.is_retained_on_disk(topic));
    assert_eq!(is_on_disk, [true, false]);
}

#[test]
fn retained_messages_that_were_on_their_way_come_again() {
    check_with(
        Options { max_inflight_messages: 1, ..Options::default() },
        r"
        p connects v311 clean
        p publishes a/1 qos=1 m=1 retain
        p publishes a/2 qos=1 m=2 retain
        s connects v311
        s> SUBSCRIBE id=1 a/# qos=1
        s< SUBACK id=1 0x01
        s< PUBLISH {t} qos=1 id=1 m={m} retain
        server restarts
        s connects v311 session-present
        s< PUBLISH {t} qos=1 id=1 dup m={m} retain
        s> PUBACK id=1
        s is forgotten
        p connects v311 clean
        p publishes a/1 retain
        p publishes a/2 retain
        ",
    );
}

/// So many that a snapshot takes several portions for them, while they come and go.
#[test]
fn a_snapshot_of_many_subscriptions_misses_none() {
    let long = "x".repeat(30_000);
    let lines = |numbers: &[usize], line: &str| -> String {
        numbers.iter().map(|number| line.replace("%", &format!("{number}/{long}")) + "\n").collect()
    };
    let (all, gone, new): (Vec<usize>, Vec<usize>, Vec<usize>) =
        ((0..40).collect(), (3..12).collect(), (40..45).collect());
    let left: Vec<usize> = (0..45).filter(|number| !gone.contains(number)).collect();
    let script = [
        "s connects v311\n",
        &lines(&all, "s subscribes % qos=1"),
        &lines(&gone, "s>> UNSUBSCRIBE id=1 %"),
        &lines(&new, "s>> SUBSCRIBE id=1 % qos=1"),
        "server snapshots\ns is forgotten\nserver snapshots\nserver restarts\ns connects v311 session-present\np connects v311 clean\n",
        &lines(&left, "p publishes % qos=1 m=x\ns receives % qos=1 m=x"),
        &lines(&gone, "p publishes % qos=1 m=x"),
        "s< nothing\n",
    ];
    check(&script.concat());
}

/// Those that were sent before the server was killed come again as they came, whatever their QoS.
#[test]
fn what_is_sent_again_after_a_restart_keeps_its_order() {
    for snapshot in ["", "server snapshots"] {
        check(&format!(
            r"
            s connects v311
            s subscribes t qos=2
            p connects v311 clean
            p publishes t qos=1 m=a
            p publishes t qos=1 m=b
            p publishes t qos=2 m=c
            p publishes t qos=1 m=d
            p publishes t qos=1 m=e
            p publishes t qos=2 m=f
            p publishes t qos=1 m=g
            s< PUBLISH t qos=1 id={{a}} m=a
            s> PUBACK id={{a}}
            {snapshot}
            server restarts
            s connects v311 session-present
            s< PUBLISH t qos=1 id={{b}} dup m=b
            s< PUBLISH t qos=2 id={{c}} dup m=c
            s< PUBLISH t qos=1 id={{d}} dup m=d
            s< PUBLISH t qos=1 id={{e}} dup m=e
            s> PUBACK id={{e}}
            s< PUBLISH t qos=2 id={{f}} dup m=f
            s> PUBREC id={{f}}
            s< PUBLISH t qos=1 id={{g}} dup m=g
            s< PUBREL id={{f}}
            server restarts
            s connects v311 session-present
            s< PUBLISH t qos=1 id={{b2}} dup m=b
            s< PUBLISH t qos=2 id={{c}} dup m=c
            s< PUBREL id={{f}}
            s< PUBLISH t qos=1 id={{d2}} dup m=d
            "
        ));
    }
}
