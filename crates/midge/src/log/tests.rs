//! Batches of every kind, and of none.

use std::path::Path;

use midge_store::Position;

use super::*;

/// What is shown of a batch with this content at position 1000, and how many faults are told.
fn shown(form: Form, payload: &[u8]) -> (String, u64) {
    let mut listing = Listing { form, out: Vec::new(), counts: Counts::default() };
    let (position, path) = (Position(1000), Path::new("x.segment"));
    let synced = Some(Position(0));
    listing.batch(&InspectedBatch { position, path, offset: 5096, synced, payload }).expect("written");
    (String::from_utf8(listing.out).expect("text"), listing.counts.faults)
}

/// A stamp of shard 2: a thousand seconds after 1970, five on the server's clock.
fn stamp() -> Vec<u8> {
    let mut bytes = vec![1, 0, 2, 0];
    bytes.extend(5000_u64.to_le_bytes());
    bytes.extend(1000_u64.to_le_bytes());
    bytes
}

/// PUBLISH of five bytes to `a/b` at QoS 1, retained as write 12, to Sessions 0/3 and 1/7.
fn publish() -> Vec<u8> {
    let mut bytes = vec![1, 4];
    bytes.extend(12_u64.to_le_bytes());
    bytes.extend([1 | 4, 3, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    bytes.extend(b"a/bhello");
    let receivers = [[0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0x41, 0, 0, 0], [1, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0x41, 0, 0, 0]];
    bytes.extend(28_u32.to_le_bytes());
    bytes.extend(receivers.concat());
    bytes
}

#[test]
fn a_publish_is_one_line_that_people_can_read() {
    let payload = [stamp(), publish()].concat();
    let expected = "      1000      +0.000s  shard 2  BATCH of 1 record, 105 bytes, 1970-01-01T00:16:40Z\n      \
                    1000      +0.000s  shard 2    PUBLISH #1044 'a/b' q1 retain 5 bytes → 0/3 1/7 retained v12\n";
    assert_eq!(shown(Form::Text, &payload), (expected.to_owned(), 0));
}

#[test]
fn a_publish_is_one_object_for_programs() {
    let payload = [stamp(), publish()].concat();
    let expected = r#"{"position":1000,"monotonic_ms":5000,"wall_s":1000,"shard":2,"snapshot":false,"record":"publish","message":1044,"topic":"a/b","qos":1,"retain":true,"payload_bytes":5,"properties_bytes":0,"retained_sequence":12,"receivers":[{"shard":0,"slot":3,"generation":0,"qos":1,"is_group":false},{"shard":1,"slot":7,"generation":0,"qos":1,"is_group":false}]}"#;
    assert_eq!(shown(Form::Json, &payload), (format!("{expected}\n"), 0));
    let (heartbeat, _) = shown(Form::Json, &stamp());
    assert!(heartbeat.contains(r#""record":"heartbeat""#), "{heartbeat}");
}

/// PUBLISH of QoS 0 to the Session 0/3 of a service, which is to know when it was received.
fn publish_to_a_service() -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend([1 << 4, 3, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    bytes.extend(1_700_000_000_000_000_256_u64.to_le_bytes());
    bytes.extend(b"a/bhello");
    bytes.extend(14_u32.to_le_bytes());
    bytes.extend([0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0xc1, 0, 0, 0]);
    bytes
}

#[test]
fn the_time_of_receipt_is_told_where_there_is_one() {
    let mut stamp = stamp();
    stamp[0] = 3;
    let payload = [stamp, publish_to_a_service()].concat();
    let (text, faults) = shown(Form::Text, &payload);
    let expected = "PUBLISH #1044 'a/b' q0 5 bytes received 2023-11-14T22:13:20.000000256Z → 0/3\n";
    assert!(text.ends_with(expected) && faults == 0, "{text}");
    let (json, _) = shown(Form::Json, &payload);
    assert!(json.contains(r#""properties_bytes":0,"received_ns":1700000000000000256,"#), "{json}");
}

/// RUN of two messages of share group 5/6, written again at 3000.
fn run_of_a_group() -> Vec<u8> {
    let mut bytes = vec![23, 1, 5, 0, 0, 0, 6, 0, 0, 0];
    bytes.extend([2000_u64, 3000, 1900, 1500, 1600].map(u64::to_le_bytes).concat());
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend([30_u64, 90].map(u64::to_le_bytes).concat());
    bytes
}

#[test]
fn a_run_says_whose_queue_it_belongs_to() {
    let payload = [stamp(), run_of_a_group()].concat();
    let (text, _) = shown(Form::Text, &payload);
    let expected = "RUN group 5.6 run at 3000, first at 2000, of 2 messages, 30 bytes (90 on disk), #1500 to #1600";
    assert!(text.contains(expected), "{text}");
    let (json, _) = shown(Form::Json, &payload);
    assert!(
        json.contains(r#""record":"run","group":{"slot":5,"generation":6},"origin":2000,"address":3000"#),
        "{json}"
    );
}

#[test]
fn what_cannot_be_understood_is_a_fault_and_what_is_before_it_is_shown() {
    let payload = [stamp(), publish(), vec![200]].concat();
    let (text, faults) = shown(Form::Text, &payload);
    assert!(text.contains("PUBLISH") && faults == 1, "{text}");
    assert_eq!(shown(Form::Verdict, b"no stamp"), (String::new(), 1));
}

#[test]
fn no_bytes_make_it_panic() {
    let good = [stamp(), publish()].concat();
    // A small generator that needs no crate: what matters is that it goes everywhere.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for kind in 0..=40_u8 {
        for _ in 0..200 {
            let mut payload = good.clone();
            payload[20] = kind;
            for _ in 0..next() % 8 {
                let at = next() % payload.len();
                payload[at] = next() as u8;
            }
            payload.truncate(next() % (payload.len() + 1));
            for form in [Form::Text, Form::Json, Form::Verdict] {
                let (text, _) = shown(form, &payload);
                assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
            }
        }
    }
}
