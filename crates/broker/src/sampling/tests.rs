//! A shard looks at what is published: how much, for whom, and what is kept.

use super::*;
use midge_codec::QoS;

fn parts<'a>(topic: &'a str, payload: &'a [u8]) -> MessageParts<'a> {
    MessageParts {
        topic,
        properties: &[],
        payload,
        qos: QoS::AtMostOnce,
        retain: false,
        received_s: 0,
        received_ns: 0,
        expiry_interval_s: None,
    }
}

/// Publishes as a shard does at one moment: what nobody looks at is counted only.
fn publish(sampler: &mut Sampler, published: &mut u64, now_ms: u64, messages: impl Iterator<Item = (String, String)>) {
    for (topic, payload) in messages {
        *published += 1;
        if sampler.is_looking() {
            sampler.look(&parts(&topic, payload.as_bytes()), None, *published, now_ms, now_ms + 1_000_000);
        }
    }
}

fn numbered(topic: &str, count: u32) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |number| (topic.to_owned(), number.to_string()))
}

fn watched() -> Sampler {
    let mut sampler = Sampler::default();
    sampler.watch(ShardId(1), true);
    sampler
}

#[test]
fn nobody_who_is_interested_costs_no_look() {
    let mut sampler = Sampler::default();
    sampler.refill(10);
    assert!(!sampler.is_looking());
    sampler.watch(ShardId(1), true);
    assert!(sampler.is_looking());
    sampler.watch(ShardId(1), false);
    sampler.refill(100);
    assert!(!sampler.is_looking());
}

#[test]
fn the_newest_of_each_topic_goes_out_after_a_tenth_of_a_second() {
    let (mut sampler, mut published) = (watched(), 0);
    publish(&mut sampler, &mut published, 50, numbered("a", 3).chain(numbered("b", 1)));
    assert_eq!(sampler.due_ms(), Some(150));
    assert!(sampler.take_due(149, published).is_none());
    let (samples, shards) = sampler.take_due(150, published).expect("it is due");
    let seen: Vec<_> = samples.iter().map(|it| (&*it.topic, &*it.payload, it.count, it.received_ms)).collect();
    assert_eq!(seen, [("a", &b"2"[..], 3, 1_000_050), ("b", b"0", 1, 1_000_050)]);
    assert_eq!(shards, [ShardId(1)]);
    assert_eq!(sampler.due_ms(), None);
}

#[test]
fn counts_are_estimated_where_more_comes_than_is_looked_at() {
    let (mut sampler, mut published) = (watched(), 0);
    publish(&mut sampler, &mut published, 0, numbered("a", 2 * LOOKS_WATCHED));
    let (samples, _) = sampler.take_due(GATHERED_MS, published).expect("it is due");
    assert_eq!(samples.iter().map(|it| it.count).collect::<Vec<_>>(), [2 * LOOKS_WATCHED]);
}

#[test]
fn of_a_long_payload_the_beginning_is_kept() {
    let (mut sampler, mut published) = (watched(), 0);
    let long = "x".repeat(SAMPLE_PAYLOAD_BYTES_MAX + 1);
    publish(&mut sampler, &mut published, 0, [("a".to_owned(), long)].into_iter());
    let (samples, _) = sampler.take_due(GATHERED_MS, published).expect("it is due");
    assert_eq!(sizes(&samples), [(SAMPLE_PAYLOAD_BYTES_MAX, SAMPLE_PAYLOAD_BYTES_MAX + 1)]);
}

/// Samples of several shards come in any order, and their clocks are coarse: the number of a retained write says which was the last.
#[test]
fn the_last_retained_write_counts_whichever_shard_is_heard_first() {
    let sample = |sequence, payload: &[u8]| {
        let mut gathered = Gathered::default();
        let parts = MessageParts { retain: true, ..parts("a", payload) };
        gathered.note(&parts, Some(RetainedWrite { sequence, is_kept: !payload.is_empty() }), payload.len(), 5);
        gathered.note(&MessageParts { retain: false, ..parts }, None, payload.len(), 5);
        gathered.take().remove(0)
    };
    let (kept, cleared) = (sample(7, b"x"), sample(8, b""));
    for order in [[&kept, &cleared], [&cleared, &kept]] {
        let mut gathered = Gathered::default();
        order.iter().for_each(|sample| assert!(gathered.add(sample)));
        let [both] = &gathered.take()[..] else { panic!("they are of one topic") };
        assert_eq!(both.retained, Some(RetainedWrite { sequence: 8, is_kept: false }));
        assert_eq!((both.count, both.retain), (4, false));
    }
}

/// Of each sample: the bytes that are there, and all of its payload.
fn sizes(samples: &[Sample]) -> Vec<(usize, usize)> {
    samples.iter().map(|sample| (sample.payload.len(), sample.payload_bytes as usize)).collect()
}

/// Messages of so many bytes, each with a topic of its own.
fn long_ones(bytes: usize, count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |number| (number.to_string(), "x".repeat(bytes)))
}

#[test]
fn so_much_is_copied_of_long_payloads_and_then_their_beginnings() {
    let bytes = 30_000;
    let check = |mut sampler: Sampler, whole_count: usize| {
        let mut published = 0;
        publish(&mut sampler, &mut published, 0, long_ones(bytes, whole_count + 2).chain(numbered("short", 1)));
        sampler.refill(REFILL_MS);
        publish(&mut sampler, &mut published, REFILL_MS, [("later".to_owned(), "x".repeat(bytes))].into_iter());
        let (samples, _) = sampler.take_due(GATHERED_MS, published).expect("it is due");
        let whole = std::iter::repeat_n((bytes, bytes), whole_count);
        let cut = std::iter::repeat_n((SAMPLE_PAYLOAD_BYTES_SURE, bytes), 2);
        let expected: Vec<_> = whole.chain(cut).chain([(1, 1), (bytes, bytes)]).collect();
        assert_eq!(sizes(&samples), expected);
    };
    check(watched(), LONG_BYTES_WATCHED / bytes);
    let mut keeping = Sampler::default();
    keeping.keep_history(true);
    check(keeping, LONG_BYTES_KEPT / bytes);
}

#[test]
fn long_payloads_do_not_drive_out_of_the_history_what_else_was_published() {
    let (mut sampler, mut published) = (watched(), 0);
    sampler.keep_history(true);
    publish(&mut sampler, &mut published, 0, numbered("short", 1));
    for now_ms in (0..1000).step_by(REFILL_MS as usize) {
        sampler.refill(now_ms);
        let messages =
            long_ones(SAMPLE_PAYLOAD_BYTES_MAX, 4).map(|(topic, payload)| (format!("{now_ms}/{topic}"), payload));
        publish(&mut sampler, &mut published, now_ms, messages);
        sampler.take_due(now_ms, published);
    }
    let kept = sampler.kept_since(0).samples;
    assert_eq!(&*kept[0].topic, "short");
    let newest = kept.last().expect("there are some");
    assert_eq!(sizes(std::slice::from_ref(newest)), [(SAMPLE_PAYLOAD_BYTES_SURE, SAMPLE_PAYLOAD_BYTES_MAX)]);
    assert!(kept.iter().map(Sample::bytes).sum::<usize>() <= KEPT_BYTES_MAX);
}

#[test]
fn a_history_is_read_in_portions_and_forgets_the_oldest() {
    let (mut sampler, mut published) = (Sampler::default(), 0);
    sampler.keep_history(true);
    let mut expected = Vec::new();
    for round in 0..100 {
        let now_ms = round * GATHERED_MS;
        sampler.refill(now_ms);
        let messages = (0..200).map(|topic| (format!("{round}/{topic}"), "x".to_owned()));
        publish(&mut sampler, &mut published, now_ms, messages);
        expected.extend((0..200).map(|topic| format!("{round}/{topic}")));
        sampler.take_due(now_ms + GATHERED_MS, published);
    }
    let (mut seen, mut next) = (Vec::new(), 0);
    loop {
        let portion = sampler.kept_since(next);
        assert!(portion.samples.len() <= PORTION_MAX);
        if portion.samples.is_empty() {
            break;
        }
        next = portion.next;
        seen.extend(portion.samples.into_iter().map(|sample| sample.topic.to_string()));
    }
    assert_eq!(seen.len(), KEPT_MAX);
    assert_eq!(seen, expected[expected.len() - KEPT_MAX..]);
    assert_eq!((sampler.kept_since(next).samples.len(), sampler.kept_since(u64::MAX).samples.len()), (0, 0));
    sampler.keep_history(false);
    assert!(sampler.kept_since(0).samples.is_empty() && !sampler.is_looking());
}
