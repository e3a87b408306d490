//! The power is cut at a random moment of the load: what the server did not sync is gone (see `midge_testkit::powercut`).

use std::time::{Duration, Instant};

use midge_testkit::{Conversation, PowerCut, Received};

use crate::campaign::{Campaign, Outcome};
use crate::folder::Folder;
use crate::kills::rounds;

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let outcome = cut("always");
    assert!(outcome.is_good(), "{outcome}");
}

/// The test of the test: without syncs the same campaign finds that what was acknowledged is gone.
#[test]
fn what_was_not_synced_does_not_survive_power_cuts() {
    let outcome = cut("os");
    let session_is_gone = outcome.faults.iter().any(|fault| fault.contains("comes back to its Session"));
    assert!(outcome.verdict.lost > 0 || session_is_gone, "{outcome}");
}

fn cut(sync: &'static str) -> Outcome {
    let outcome = Campaign { rounds: rounds(), sync, shards: 2, cuts_power: true, pahos: Vec::new() }.run();
    println!("{outcome}");
    assert!(outcome.power.writes > 0, "a cut that takes nothing away: {outcome}");
    outcome
}

/// One publisher who waits for each acknowledgement and looks at the clock.
#[test]
fn a_power_cut_costs_no_more_than_the_interval() {
    let (folder, aside) = (Folder::new(), Folder::new());
    let power = PowerCut::new(folder.path(), aside.path());
    let mut server = power
        .launch()
        .start(&format!("persistence_sync {INTERVAL_MS} ms\nmax_queued_messages 0\n{}", folder.configuration()));
    Conversation::with(&server).play("s connects v311\ns subscribes t qos=1\ns disconnects");
    let mut publisher = server.connect();
    publisher.send("CONNECT v311 clean id=p");
    publisher.expect("CONNACK");
    let begun = Instant::now();
    let mut acknowledged = Vec::new();
    while begun.elapsed() < LOAD {
        publisher.send(&format!("PUBLISH t qos=1 id=1 m={}", acknowledged.len()));
        publisher.expect("PUBACK id=1");
        acknowledged.push(Instant::now());
    }
    let cut = Instant::now();
    server.kill();
    // 0 as the random number: all that can be missing is missing.
    let lost = power.cut(|| 0).expect("what was not synced is taken back");
    assert!(lost.writes > 0 && lost.writes_kept == 0, "{lost:?}");
    server.restart();
    let mut subscriber = server.connect();
    subscriber.send("CONNECT v311 id=s");
    subscriber.expect("CONNACK session-present");
    let mut kept = 0;
    while let Received::Packet(packet, _) = subscriber.receive_within(Duration::from_millis(500)) {
        assert_eq!(packet.text("m"), Some(kept.to_string()), "{packet}");
        subscriber.send(&format!("PUBACK id={}", packet.number("id").expect("an id")));
        kept += 1;
    }
    // The machine may be busy: the first second is safe in any case.
    let first_lost = acknowledged.get(kept).expect("what was acknowledged last is lost");
    assert!(cut - *first_lost < LOAD - Duration::from_secs(1), "{kept} of {} are left", acknowledged.len());
}

/// The disk says that it cannot keep what it was given: nothing more is acknowledged, and the server ends with a status of its own.
#[test]
fn a_disk_that_fails_ends_the_server() {
    let (folder, aside) = (Folder::new(), Folder::new());
    let power = PowerCut::new(folder.path(), aside.path());
    let mut server = power.launch().start(&folder.configuration());
    Conversation::with(&server).play("s connects v311\ns subscribes t qos=1\ns disconnects");
    let mut publisher = server.connect();
    publisher.send("CONNECT v311 clean id=p");
    publisher.expect("CONNACK");
    publisher.send("PUBLISH t qos=1 id=1 m=kept");
    publisher.expect("PUBACK id=1");
    power.fail();
    publisher.send("PUBLISH t qos=1 id=2 m=not-kept");
    publisher.expect_closed();
    assert_eq!(server.wait_for_exit().code(), Some(STATUS_DISK_FAILED), "{:#?}", server.log());
    server.expect_log("Error: *Input/output error*Nothing more is acknowledged; the server ends.");
    power.mend();
    power.cut(|| 0).expect("what was not synced is taken back");
    server.restart();
    Conversation::with(&server).play("s connects v311 session-present\ns receives t qos=1 m=kept\ns< nothing");
}

/// EX_IOERR of sysexits.h.
const STATUS_DISK_FAILED: i32 = 74;

/// Long beside the time that a kill takes: a sync in between would save what is to be lost.
const INTERVAL_MS: u32 = 1000;

const LOAD: Duration = Duration::from_millis(3500);
