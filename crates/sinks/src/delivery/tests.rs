//! Deliveries to targets that refuse, are away, or take little at a time.

use super::*;
use crate::batch::Limits;
use crate::json::JsonLines;
use crate::{LeftAlone, Message};
use proptest::prelude::*;

fn batch(payloads: &[String]) -> Batch {
    let mut batch = Batch::new(Limits { messages: 1000, bytes: 1 << 20, wait_ms: 0 });
    for (at, payload) in payloads.iter().enumerate() {
        let message = Message { topic: "a", payload: payload.as_bytes(), received_ns: at as u64 };
        batch.add(&mut JsonLines, &message, at as u16, 0).expect("a record");
    }
    batch
}

/// Has all of a batch delivered to `target`, which is shown requests; how many there were, and what was set aside.
fn deliver(
    batch: &mut Batch,
    format: &mut impl Format,
    mut target: impl FnMut(&str) -> Answer,
) -> (usize, Vec<SetAside>, u64) {
    let mut delivery = Delivery::of(batch);
    let (mut requests, mut aside, mut body) = (0, Vec::new(), Vec::new());
    while delivery.write_request(format, &mut body) {
        requests += 1;
        let answer = target(std::str::from_utf8(&body).expect("UTF-8"));
        aside.extend(delivery.answered(format, answer));
    }
    (requests, aside, delivery.taken())
}

#[test]
fn what_is_not_taken_now_is_tried_again() {
    let mut tries = 0;
    let (requests, aside, taken) = deliver(&mut batch(&["x".to_owned()]), &mut JsonLines, |_| {
        tries += 1;
        if tries < 4 { Answer::Later { reason: "down".to_owned(), remedy: "" } } else { Answer::Taken }
    });
    assert_eq!((requests, aside.len(), taken), (4, 0, 1));
}

#[test]
fn nothing_is_sent_of_nothing() {
    assert_eq!(deliver(&mut batch(&[]), &mut JsonLines, |_| panic!("nothing to ask for")), (0, Vec::new(), 0));
}

/// Lines that begin with a number; of those with `bad` a target speaks in the words of InfluxDB.
struct Numbers;

impl Format for Numbers {
    fn append(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), LeftAlone> {
        out.extend_from_slice(message.payload);
        out.push(b'\n');
        Ok(())
    }

    fn blame(&mut self, reason: &str, record: &[u8]) -> Blame {
        let text = std::str::from_utf8(record).expect("UTF-8");
        match text.trim_end().split_once(' ') {
            Some((number, kind)) if reason.contains(kind) && kind.contains("amendable") => {
                Blame::Amended(format!("{number}\n").into_bytes())
            }
            Some((_, kind)) if reason.contains(kind) => Blame::Hopeless,
            _ => Blame::Taken,
        }
    }
}

#[test]
fn who_says_what_it_means_needs_no_halves() {
    let payloads: Vec<String> =
        (0..100).map(|number| format!("{number}{}", ["", " bad", " amendable"][number % 3])).collect();
    let mut stored = std::collections::BTreeSet::new();
    let (requests, aside, taken) = deliver(&mut batch_of(&payloads), &mut Numbers, |body| {
        stored.extend(body.lines().filter(|line| !line.contains(' ')).map(str::to_owned));
        let dropped = |kind: &str| body.lines().filter(|line| line.ends_with(kind)).count() as u64;
        match (dropped("bad"), dropped("amendable")) {
            (0, 0) => Answer::Taken,
            (0, count) => Answer::Refused { dropped: Some(count), reason: "amendable".to_owned() },
            (bad, more) => Answer::Refused { dropped: Some(bad + more), reason: "bad amendable".to_owned() },
        }
    });
    assert_eq!((requests, aside.len(), taken, stored.len()), (2, 33, 67, 67));
}

fn batch_of(payloads: &[String]) -> Batch {
    let mut batch = Batch::new(Limits { messages: 1000, bytes: 1 << 20, wait_ms: 0 });
    for payload in payloads {
        let message = Message { topic: "a", payload: payload.as_bytes(), received_ns: 1 };
        batch.add(&mut Numbers, &message, 1, 0).expect("a record");
    }
    batch
}

proptest! {
    /// Whatever a target refuses, by itself or for its size, all others arrive, and each that is refused is set aside once.
    #[test]
    fn each_record_is_taken_or_set_aside(are_bad in prop::collection::vec(any::<bool>(), 0..60), most in 1..20_usize, whole in any::<bool>()) {
        let payloads: Vec<String> = are_bad.iter().map(|bad| if *bad { "bad" } else { "good" }.to_owned()).collect();
        let mut stored = 0;
        let (_, aside, taken) = deliver(&mut batch(&payloads), &mut JsonLines, |body| {
            let (bad, all) = (body.matches("bad").count(), body.lines().count());
            if all > most {
                return Answer::TooLarge("too large".to_owned());
            }
            if bad == 0 {
                stored += all;
                return Answer::Taken;
            }
            if !whole {
                return Answer::Refused { dropped: None, reason: "bad".to_owned() };
            }
            // Others of the same request are stored, and stored again later.
            Answer::Refused { dropped: Some(bad as u64), reason: "bad".to_owned() }
        });
        let bad = are_bad.iter().filter(|bad| **bad).count();
        prop_assert_eq!((aside.len(), taken, stored), (bad, (are_bad.len() - bad) as u64, are_bad.len() - bad));
        prop_assert!(aside.iter().all(|it| it.reason == "bad" && String::from_utf8_lossy(&it.record).contains("bad")));
    }
}

#[test]
fn tries_become_rarer_and_begin_anew() {
    let mut back_off = BackOff::default();
    let waits: Vec<u64> = (0..10).map(|_| back_off.failed()).collect();
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    back_off.worked();
    assert_eq!(back_off.failed(), 250);
}
