//! Each record is read as it was written, and what is cut short is no more than an error.

use super::*;
use crate::log_queue::{BATCH_HEADER_BYTES, LogQueue};
use crate::message::Message;
use crate::queue::Run;
use crate::turn::Now;
use midge_codec::QoS;

const S: SessionName = SessionName { shard: 3, slot: 7, generation: 9 };
const G: GroupName = GroupName { slot: 5, generation: 6 };
const ADDRESS: u64 = 10_000;

fn parts(topic: &'static str, expiry_interval_s: Option<u32>) -> MessageParts<'static> {
    let qos = QoS::ExactlyOnce;
    let received_s = if expiry_interval_s.is_some() { 77 } else { 0 };
    MessageParts {
        topic,
        properties: &[1, 1],
        payload: b"21.5",
        qos,
        retain: true,
        received_s,
        received_ns: 0,
        expiry_interval_s,
    }
}

/// The content of a batch with what `write` records.
fn content(write: impl FnOnce(&mut Records)) -> Vec<u8> {
    let queue = LogQueue::new(1, ADDRESS);
    let mut records = Records::default();
    write(&mut records);
    records.hand_over(&queue, ShardId(3), false, Now { monotonic_ms: 12, wall_s: 34, wall_ns: 0 });
    assert!(records.is_empty());
    let mut bytes = Vec::new();
    queue.take(&mut bytes);
    bytes.split_off(BATCH_HEADER_BYTES)
}

/// What is read of what `write` records, in a word for each record.
fn told(write: impl FnOnce(&mut Records)) -> Vec<String> {
    let content = &content(write)[..];
    for end in 0..content.len() {
        read_all(&content[..end]);
    }
    let mut batch = Batch::open(ADDRESS, content).expect("a batch");
    let expected = Stamp { is_snapshot: false, shard: ShardId(3), monotonic_ms: 12, wall_s: 34 };
    assert_eq!(batch.stamp, expected);
    let mut told = Vec::new();
    while let Some(record) = batch.next_record().expect("a record") {
        told.push(format!("{record:?}"));
    }
    told
}

/// A batch that is cut short is an error or fewer records, never a panic.
fn read_all(content: &[u8]) {
    if let Ok(mut batch) = Batch::open(ADDRESS, content) {
        while let Ok(Some(_)) = batch.next_record() {}
    }
}

#[track_caller]
fn check(write: impl FnOnce(&mut Records), expected: &Record<'_>) {
    assert_eq!(told(write), [format!("{expected:?}")]);
}

#[test]
fn every_record_is_read_as_it_was_written() {
    check(|records| records.accepted(S, 4), &Record::Accepted(S, 4));
    check(|records| records.released(S, 4), &Record::Released(S, 4));
    check(|records| records.done(S, 99), &Record::Done(S, 99));
    check(|records| records.sent(S, 99, 4, None), &Record::Sent(S, 99, 4, None));
    check(|records| records.sent(S, 99, 4, Some(G)), &Record::Sent(S, 99, 4, Some(G)));
    check(|records| records.pubrec(S, 4), &Record::PubRec(S, 4));
    check(|records| records.complete(S, 4), &Record::Complete(S, 4));
    check(|records| records.group_done(G, 99), &Record::GroupDone(G, 99));
    check(|records| records.ended(S), &Record::Ended(S));
    check(|records| records.unsubscribed(S, "a/#"), &Record::Unsubscribed(S, "a/#"));
    check(|records| records.replayed(S, "a/#"), &Record::Replayed(S, "a/#"));
    check(|records| records.owner(S, 1883, Some("user")), &Record::Owner(S, 1883, Some("user")));
    check(|records| records.owner(S, 0, None), &Record::Owner(S, 0, None));
    for username in [Some("user"), None] {
        let publisher = PublisherRecord { client_id: "client", username, port: 1883 };
        check(|records| records.retained_by(7, publisher), &Record::RetainedBy(7, publisher));
    }
    check(|records| records.replay_sent(S, "a/#", 7), &Record::ReplaySent(S, "a/#", 7));
    check(|records| records.group_began(G, "$share/g/t"), &Record::GroupBegan(G, "$share/g/t"));
    check(|records| records.group_ended(G), &Record::GroupEnded(G));
    check(|records| records.group_holds(G, 99), &Record::GroupHolds(G, 99));
    let options = ReceiverOptions::with_qos(2).no_local(true).durable(true);
    let subscription =
        SubscriptionRecord { filter: "a/+", options, identifier: 5, replay_upto: 1 << 40, covered_upto: 1 << 39 };
    check(|records| records.subscribed(S, &subscription), &Record::Subscribed(S, subscription));
}

#[test]
fn the_state_of_a_session() {
    let away = AwayRecord { ends_at_ms: Some(5), will_at_ms: None, sent_upto: 3 };
    let never = AwayRecord { ends_at_ms: None, will_at_ms: Some(6), sent_upto: 0 };
    let set = WillRecord::Set { message: parts("will", Some(60)), delay_s: 8 };
    for (away, will) in [(None, WillRecord::None), (Some(away), WillRecord::Same), (Some(never), set)] {
        let state = SessionRecord { is_durable: true, expiry_interval_s: u32::MAX, receive_maximum: 20, will, away };
        check(|records| records.began(S, "client", &state), &Record::Began(S, "client", state));
        check(|records| records.changed(S, &state), &Record::Changed(S, state));
    }
}

#[test]
fn a_published_message_is_named_by_its_place_and_keeps_only_durable_receivers() {
    let receiver = |slot, durable| Receiver::new(slot, 1, ReceiverOptions::with_qos(1).durable(durable));
    let lists = [
        (ShardId(0), vec![receiver(1, false), receiver(2, true)]),
        (ShardId(1), vec![receiver(3, false)]),
        (ShardId(2), vec![receiver(4, true), receiver(5, true)]),
    ];
    let message = Message::new(&parts("t", None));
    let origin = Origin { from: Some(S), packet_id: Some(8), is_will: false };
    let queue = LogQueue::new(1, ADDRESS);
    let mut records = Records::default();
    let runs = lists.iter().map(|(shard, list)| (*shard, &list[..]));
    records.publish(&message, &message.parts(), 1 << 33, &origin, runs);
    records.done(S, message.identity());
    records.hand_over(&queue, ShardId(3), true, Now::default());
    let mut bytes = Vec::new();
    queue.take(&mut bytes);
    let mut batch = Batch::open(ADDRESS, &bytes[BATCH_HEADER_BYTES..]).expect("a batch");
    assert!(batch.stamp.is_snapshot);
    let Ok(Some(Record::Publish(read))) = batch.next_record() else { panic!("a PUBLISH") };
    assert_eq!((read.identity, read.retained_sequence), (message.identity(), 1 << 33));
    assert!(read.identity > ADDRESS && read.identity < queue.next());
    assert_eq!((read.publisher, read.will_of), (Some((S, 8)), None));
    assert_eq!((read.parts.topic, read.parts.payload), ("t", &b"21.5"[..]));
    let receivers: Vec<_> = read.receivers.iter().map(|(shard, receiver)| (shard.0, receiver.slot)).collect();
    assert_eq!(receivers, [(0, 2), (2, 4), (2, 5)]);
    assert!(matches!(batch.next_record(), Ok(Some(Record::Done(S, identity))) if identity == message.identity()));
    assert!(matches!(batch.next_record(), Ok(None)));
}

#[test]
fn a_snapshot_names_messages_by_their_first_place() {
    let message = Message::new(&parts("t", Some(5)));
    message.set_identity(4711);
    let entry = EntryRecord { message: 4711, qos: 2, retain: true, dup: true };
    let told = told(|records| {
        records.body(&message);
        records.entry(S, &entry, &[6, 7]);
        records.exchange(S, 1, Some(&entry), &[8]);
        records.exchange(S, 2, None, &[]);
        records.retained(9, &message, message.identity());
    });
    let expected = [
        Record::Body(4711, parts("t", Some(5))),
        Record::Entry(S, entry),
        Record::Identifier(6),
        Record::Identifier(7),
        Record::Exchange(S, 1, Some(entry)),
        Record::Identifier(8),
        Record::Exchange(S, 2, None),
        Record::Retained(9, 4711, parts("t", Some(5))),
    ];
    assert_eq!(told, expected.map(|record| format!("{record:?}")));
}

#[test]
fn runs_of_sessions_and_of_share_groups() {
    let record =
        RunRecord { origin: 5, address: 50, floor: 4, first: 1, last: 9, messages: 2, bytes: 30, disk_bytes: 90 };
    let entry = EntryRecord { message: 9, qos: 2, retain: true, dup: false };
    for holder in [Holder::Session(S), Holder::Group(G)] {
        let run = Run { record, done: Some([3, 7].into()) };
        let told = told(|records| {
            let at = records.run(holder);
            records.run_entry(&entry, &Content::At(4));
            records.set_run(at, &record);
            records.run_held(holder, &run);
        });
        let expected = [
            Record::Run(holder, record),
            Record::RunEntry(entry, Content::At(4)),
            Record::RunHeld(holder, record),
            Record::RunDone(3),
            Record::RunDone(7),
        ];
        assert_eq!(told, expected.map(|record| format!("{record:?}")));
    }
}

#[test]
fn what_each_older_version_wrote_is_read() {
    for version in 1..=RECORD_VERSION {
        let mut content = vec![0; STAMP_BYTES];
        content[0] = version;
        let mut batch = Batch::open(ADDRESS, &content).expect("a batch");
        assert!(matches!(batch.next_record(), Ok(None)));
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused() {
    let mut content = vec![RECORD_VERSION + 1; STAMP_BYTES];
    assert!(Batch::open(ADDRESS, &content).is_err_and(|error| error.cause.contains("newer")));
    content[0] = RECORD_VERSION;
    content.push(200);
    let mut batch = Batch::open(ADDRESS, &content).expect("a batch");
    let error = batch.next_record().expect_err("refused");
    let expected = "record of an unknown kind at position 10045 of the log; start the program that wrote it, or a newer one, or \
                    restore the log from a copy (--repair does not help)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_run_with_a_record_that_cannot_be_read_is_an_error_and_not_a_shorter_run() {
    let run = |tail: &[u8]| {
        let entry = EntryRecord { message: 9, qos: 1, retain: false, dup: false };
        let content = content(|records| {
            let at = records.run(Holder::Session(S));
            records.run_entry(&entry, &Content::At(4));
            records.set_run(at, &RunRecord::default());
        });
        [content, tail.to_vec()].concat()
    };
    assert_eq!(references(ADDRESS, &run(&[])), Ok(vec![4]));
    assert!(references(ADDRESS, &run(&[200])).is_err_and(|error| error.cause.contains("unknown kind")));
}
