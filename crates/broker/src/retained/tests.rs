//! The store against an ordered map, with replays under way while others write.

use std::collections::{BTreeMap, BTreeSet};

use midge_codec::{QoS, topic_matches};
use proptest::prelude::*;

use super::*;
use crate::message::MessageParts;

/// A store, what it should hold, and the replays that are under way.
struct World {
    retained: Retained,
    model: BTreeMap<String, Value>,
    replays: Vec<Replay>,
    writes: u32,
}

#[derive(Clone, PartialEq, Debug)]
struct Value {
    v: u64,
    payload: Vec<u8>,
    expires_at_s: Option<u64>,
}

struct Replay {
    cursor: Cursor,
    /// What existed and matched when it began.
    began_with: BTreeMap<String, Value>,
    /// Topics written since, which it may give as they were, or not.
    touched: BTreeSet<String>,
    given: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Step {
    Keep { topic: String, expires: bool },
    Clear { topic: String },
    Expire { budget: usize },
    Begin { filter: String },
    Replay { any: usize, budget: usize },
    Abandon { any: usize },
}

/// Half of the steps take place after expiring messages have expired.
const EXPIRY_INTERVAL_S: u32 = 10;

fn message(topic: &str, payload: &[u8], expiry_interval_s: Option<u32>) -> Message {
    Message::new(&MessageParts {
        topic,
        properties: &[],
        payload,
        qos: QoS::AtMostOnce,
        retain: true,
        received_s: 0,
        received_ns: 0,
        expiry_interval_s,
    })
}

impl World {
    fn new() -> World {
        World { retained: Retained::new(42), model: BTreeMap::new(), replays: Vec::new(), writes: 0 }
    }

    fn keep(&mut self, topic: &str, expires: bool) {
        self.writes += 1;
        let payload = self.writes.to_string().into_bytes();
        let interval = expires.then_some(EXPIRY_INTERVAL_S);
        let kept = self.retained.keep(message(topic, &payload, interval));
        assert_eq!(kept.v, self.retained.sequence());
        let value = Value { v: kept.v, payload, expires_at_s: interval.map(u64::from) };
        assert_eq!(kept.replaced, self.model.insert(topic.to_owned(), value).is_some());
        self.touch(topic);
    }

    fn clear(&mut self, topic: &str) {
        let before = self.retained.sequence();
        let cleared = self.retained.clear(topic);
        assert_eq!(cleared.v, before + 1);
        assert_eq!(cleared.existed, self.model.remove(topic).is_some());
        self.touch(topic);
    }

    fn touch(&mut self, topic: &str) {
        for replay in &mut self.replays {
            replay.touched.insert(topic.to_owned());
        }
    }

    /// What expires is gone from the store at some time, which `get` does not show; the model forgets it when it is.
    fn expire(&mut self, now_s: u64, budget: usize) {
        let before = self.retained.len();
        let removed = self.retained.expire(now_s, budget);
        assert_eq!(self.retained.len(), before - removed);
        let retained = &self.retained;
        self.model.retain(|topic, value| {
            let is_there = retained.get(topic.as_bytes()).is_some();
            assert!(is_there || value.expires_at_s.is_some_and(|at| at <= now_s), "{topic} had not expired");
            is_there
        });
    }

    fn begin(&mut self, filter: &str) {
        let matching = self.model.iter().filter(|(topic, _)| topic_matches(filter, topic));
        self.replays.push(Replay {
            cursor: Cursor::new(filter, self.retained.sequence()),
            began_with: matching.map(|(topic, value)| (topic.clone(), value.clone())).collect(),
            touched: BTreeSet::new(),
            given: BTreeMap::new(),
        });
    }

    fn replay(&mut self, index: usize, now_s: u64, budget: usize) {
        let replay = &mut self.replays[index];
        let mut out = Vec::new();
        let finished = self.retained.replay(&mut replay.cursor, now_s, budget, &mut out);
        assert!(out.len() <= budget);
        for message in out.iter().filter_map(|given| given.0.whole()) {
            let before = replay.began_with.get(message.topic());
            assert_eq!(before.map(|value| value.payload.as_slice()), Some(message.payload()), "{}", message.topic());
            assert!(!message.is_expired(now_s));
            let twice = replay.given.insert(message.topic().to_owned(), message.payload().to_vec());
            assert_eq!(twice, None, "{} was given twice", message.topic());
        }
        if finished {
            let replay = self.replays.swap_remove(index);
            for (topic, value) in &replay.began_with {
                let may_be_missing = replay.touched.contains(topic) || value.expires_at_s.is_some();
                assert!(may_be_missing || replay.given.contains_key(topic), "{topic} was left out");
            }
        }
    }

    fn abandon(&mut self, index: usize) {
        let replay = self.replays.swap_remove(index);
        self.retained.abandon(replay.cursor);
    }

    fn take(&mut self, step: Step, now_s: u64) {
        match step {
            Step::Keep { topic, expires } => self.keep(&topic, expires),
            Step::Clear { topic } => self.clear(&topic),
            Step::Expire { budget } => self.expire(now_s, budget),
            Step::Begin { filter } => self.begin(&filter),
            _ if self.replays.is_empty() => {}
            Step::Replay { any, budget } => self.replay(any % self.replays.len(), now_s, budget),
            Step::Abandon { any } => self.abandon(any % self.replays.len()),
        }
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.retained.len(), self.model.len());
        let bytes: usize = self.model.iter().map(|(topic, value)| topic.len() + value.payload.len()).sum();
        assert_eq!(self.retained.bytes(), bytes);
        for (topic, value) in &self.model {
            let (message, v) = self.retained.get(topic.as_bytes()).expect("it is kept");
            let message = message.whole().expect("with its payload");
            assert_eq!((message.topic(), message.payload(), v), (topic.as_str(), value.payload.as_slice(), value.v));
        }
    }

    /// Nothing is left once everything is cleared and nobody replays.
    fn check_leaves_nothing(mut self) {
        for topic in self.model.keys().cloned().collect::<Vec<_>>() {
            self.clear(&topic);
        }
        while !self.replays.is_empty() {
            self.replay(0, 0, 3);
        }
        assert!(self.retained.read().is_bare());
    }
}

/// Few names, so that topics share beginnings.
fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 4 => Just("b"), 2 => Just("c"), 1 => Just(""), 1 => Just("$SYS")]
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..4).prop_map(|levels| at_least_a_character(levels.join("/")))
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![1 => level(), 1 => Just("+")];
    let levels = (prop::collection::vec(level, 0..4), any::<bool>());
    levels.prop_map(|(mut levels, everything_below)| {
        levels.extend(everything_below.then_some("#"));
        at_least_a_character(levels.join("/"))
    })
}

fn at_least_a_character(text: String) -> String {
    if text.is_empty() { "a".to_owned() } else { text }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (topic(), prop::bool::weighted(0.2)).prop_map(|(topic, expires)| Step::Keep { topic, expires }),
        4 => topic().prop_map(|topic| Step::Clear { topic }),
        1 => (0_usize..20).prop_map(|budget| Step::Expire { budget }),
        2 => filter().prop_map(|filter| Step::Begin { filter }),
        8 => (any::<usize>(), 0_usize..6).prop_map(|(any, budget)| Step::Replay { any, budget }),
        1 => any::<usize>().prop_map(|any| Step::Abandon { any }),
    ]
}

proptest! {
    #[test]
    fn keeps_and_replays_as_the_map_does(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        let half = steps.len() / 2;
        for (i, step) in steps.into_iter().enumerate() {
            world.take(step, if i < half { 0 } else { u64::from(EXPIRY_INTERVAL_S) });
        }
        world.check_leaves_nothing();
    }
}

fn topics(out: &[(RetainedMessage, u64)]) -> impl Iterator<Item = &str> {
    out.iter().filter_map(|given| given.0.whole()).map(Message::topic)
}

fn check_replay(retained: &Retained, filter: &str, budget: usize, expected: &[&str]) {
    let mut cursor = Cursor::new(filter, retained.sequence());
    let mut out = Vec::new();
    while !retained.replay(&mut cursor, 0, budget, &mut out) {}
    let mut topics: Vec<&str> = topics(&out).collect();
    topics.sort_unstable();
    assert_eq!(topics, expected, "topics that match {filter}");
}

#[test]
fn a_replay_gives_what_the_filter_matches() {
    let retained = Retained::new(1);
    for topic in ["a", "a/b", "a/b/c", "a//c", "/", "b/b", "$SYS/up", "$SYS"] {
        retained.keep(message(topic, b"x", None));
    }
    for budget in [1, 2, 1000] {
        let check = |filter, expected: &[&str]| check_replay(&retained, filter, budget, expected);
        check("a/b", &["a/b"]);
        check("a/x", &[]);
        check("a/#", &["a", "a//c", "a/b", "a/b/c"]);
        check("a/+/c", &["a//c", "a/b/c"]);
        check("+/b", &["a/b", "b/b"]);
        check("+", &["a"]);
        check("+/+", &["/", "a/b", "b/b"]);
        check("#", &["/", "a", "a//c", "a/b", "a/b/c", "b/b"]);
        check("$SYS/#", &["$SYS", "$SYS/up"]);
        check("nowhere/#", &[]);
    }
}

#[test]
fn a_topic_removed_under_the_cursor_does_not_stop_it() {
    let mut world = World::new();
    for i in 0..10 {
        world.keep(&format!("r/{i}"), false);
    }
    world.begin("r/+");
    for _ in 0..4 {
        world.replay(0, 0, 1);
    }
    // The cursor stands on one of them; all but one go, and one of those comes back.
    for i in (0..10).filter(|&i| i != 2) {
        world.clear(&format!("r/{i}"));
    }
    world.keep("r/5", false);
    while !world.replays.is_empty() {
        world.replay(0, 0, 1);
    }
    world.check_leaves_nothing();
}

#[test]
fn an_expired_message_is_neither_replayed_nor_kept_for_ever() {
    let retained = Retained::new(1);
    retained.keep(message("short", b"x", Some(10)));
    retained.keep(message("long", b"x", Some(1000)));
    retained.keep(message("always", b"x", None));
    let mut out = Vec::new();
    assert!(retained.replay(&mut Cursor::new("#", retained.sequence()), 10, 1000, &mut out));
    assert_eq!(out.len(), 2);
    let swept: usize = (0..10).map(|_| retained.expire(10, 1)).sum();
    assert_eq!((swept, retained.len()), (1, 2));
    assert!(retained.get(b"short").is_none());
}

#[test]
fn depth_costs_no_stack() {
    let retained = Retained::new(1);
    let deep = "/".repeat(65_535);
    retained.keep(message(&deep, b"x", None));
    check_replay(&retained, "#", 1000, &[&deep]);
    check_replay(&retained, &("+/".repeat(32_000) + "#"), 100_000, &[&deep]);
    assert!(retained.clear(&deep).existed);
    assert!(retained.read().is_bare());
}

/// Two threads write and clear the same topics, two replay: each gives every topic that nobody touches exactly once.
#[test]
fn replays_while_others_write() {
    let retained = Retained::new(1);
    for i in 0..100 {
        retained.keep(message(&format!("r/{i}/still"), b"x", None));
    }
    std::thread::scope(|threads| {
        for writer in 0..2 {
            let retained = &retained;
            threads.spawn(move || {
                for i in 0..20_000 {
                    let topic = format!("r/{}/{}", (i + writer) % 100, i % 3);
                    retained.keep(message(&topic, b"x", None));
                    retained.clear(&topic);
                }
            });
        }
        for _ in 0..2 {
            threads.spawn(|| {
                for round in 0..200 {
                    let upto = retained.sequence();
                    let mut cursor = Cursor::new("r/#", upto);
                    let mut out = Vec::new();
                    while !retained.replay(&mut cursor, 0, 1 + round % 7, &mut out) {}
                    let still: BTreeSet<&str> = topics(&out).filter(|topic| topic.ends_with("still")).collect();
                    assert_eq!(still.len(), 100);
                    let all: BTreeSet<&str> = topics(&out).collect();
                    assert_eq!(all.len(), out.len(), "nothing is given twice");
                }
            });
        }
    });
    for i in 0..100 {
        retained.clear(&format!("r/{i}/still"));
    }
    assert!(retained.read().is_bare());
}
