//! The clock, and what no server of this version writes; everything else is tested with whole servers that are killed and
//! started again.

use super::*;
use crate::log_queue::BATCH_HEADER_BYTES;
use crate::record::{Records, SessionRecord, WillRecord};
use midge_codec::QoS;

/// Where the clock goes on when these were the stamps (monotonic seconds, wall seconds) and the wall clock shows `wall_s`.
#[track_caller]
fn check(stamps: &[(u64, u64)], wall_s: u64, expected_s: u64) {
    let mut clock = LogClock::default();
    for &(monotonic_s, wall_s) in stamps {
        let monotonic_ms = monotonic_s * 1000;
        clock.advance(&Stamp { is_snapshot: false, shard: ShardId(0), monotonic_ms, wall_s });
    }
    assert_eq!(clock.resume_ms(wall_s), expected_s * 1000);
}

const T: u64 = 2_000_000_000;

#[test]
fn time_off_counts_and_jumps_of_the_wall_clock_do_not() {
    check(&[(100, T)], T + 30, 130);
    check(&[(100, T), (160, T + 60)], T + 60, 160);
    // It shows an earlier time than before.
    check(&[(100, T)], T - 500, 100);
    check(&[(100, T)], 20, 100);
    // It was never set, and is now.
    check(&[(100, 20), (110, 30)], T, 110);
    // It was set while the server ran.
    check(&[(100, 20), (110, T)], T + 5, 115);
    // A machine without a clock began with the time at which it was shut down long ago, and was killed before it was told.
    check(&[(100, T), (200, T - 3600)], T + 150, 250);
    check(&[], T, 0);
    // It jumped forward and was set right again, once and twice.
    let day = 86_400;
    check(&[(100, T), (110, T + day), (120, T + 20)], T + 50, 150);
    check(&[(100, T), (110, T + day), (120, T + 2 * day), (130, T + 30)], T + 50, 150);
    check(&[(100, T), (110, T + day), (120, T + 2 * day), (130, T + day + 20)], T + day + 50, 160);
    // It stayed there.
    check(&[(100, T), (110, T + day), (120, T + day + 10)], T + day + 50, 160);
    // Of a server that was killed and began with an old time, twice.
    check(&[(100, T), (200, T - 3600), (300, T - 7200)], T + 250, 350);
    let many: Vec<(u64, u64)> = (0..40).map(|jump| (100, T + jump * day)).collect();
    check(&many, T + 39 * day + 5, 105);
}

#[test]
fn an_identifier_belongs_to_the_record_right_before_it() {
    let name = SessionName { shard: 0, slot: 0, generation: 1 };
    let (properties, qos) = (&[][..], QoS::AtLeastOnce);
    let parts = MessageParts {
        topic: "t",
        properties,
        payload: b"x",
        qos,
        retain: false,
        received_s: 0,
        received_ns: 0,
        expiry_interval_s: None,
    };
    let message = Message::new(&parts);
    message.set_identity(50);
    let (will, away) = (WillRecord::None, None);
    let state = SessionRecord { is_durable: true, expiry_interval_s: 9, receive_maximum: 9, will, away };
    let mut records = Records::default();
    records.began(name, "c", &state);
    records.body(&message);
    records.entry(name, &EntryRecord { message: 50, qos: 1, retain: false, dup: false }, &[3]);
    records.done(name, 7);
    records.identifiers(&[4]);
    let (log, mut bytes) = (LogQueue::new(1, 1000), Vec::new());
    records.hand_over(&log, ShardId(0), false, Now { monotonic_ms: 0, wall_s: 0, wall_ns: 0 });
    log.take(&mut bytes);
    let mut recovery = Recovery::new(Arc::default(), 0);
    recovery.replay(1000, &bytes[BATCH_HEADER_BYTES..]).expect("records");
    let draft = recovery.find(name).expect("a Session");
    assert_eq!(draft.queue.get_mut(50).expect("held").identifiers[..], [3]);
}
