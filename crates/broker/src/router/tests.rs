//! The router against a list of (filter, receiver) that is searched from end to end.

use std::sync::atomic::{AtomicBool, Ordering};

use midge_codec::topic_matches;
use proptest::prelude::*;

use super::*;
use crate::ids::ReceiverOptions;

const SHARDS: u16 = 3;

/// A router, and what it should know: every Subscription with its place.
struct World {
    router: Router,
    /// One for each shard, kept warm over the whole test.
    caches: Vec<RouteCache>,
    subscriptions: Vec<(String, ShardId, Receiver, Place)>,
    next_slot: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe { filter: String, shard: u16 },
    Unsubscribe { any: usize },
    Replace { any: usize },
    Route { topic: String, shard: u16 },
}

impl World {
    fn new(cache_bytes: usize) -> World {
        World {
            router: Router::new(42),
            caches: (0..SHARDS).map(|_| RouteCache::new(cache_bytes)).collect(),
            subscriptions: Vec::new(),
            next_slot: 0,
        }
    }

    fn subscribe(&mut self, filter: &str, shard: u16) {
        let receiver = Receiver::new(self.next_slot, self.next_slot, ReceiverOptions::with_qos(1));
        self.next_slot += 1;
        let place = self.router.subscribe(filter, ShardId(shard), receiver);
        assert_eq!(self.router.find(filter), Some(place.filter));
        self.subscriptions.push((filter.to_owned(), ShardId(shard), receiver, place));
    }

    fn unsubscribe(&mut self, index: usize) {
        let (_, shard, _, place) = self.subscriptions.swap_remove(index);
        if let Some(moved) = self.router.unsubscribe(place, shard) {
            let subscription = self.subscriptions.iter_mut().find(|other| other.2 == moved);
            let (_, moved_shard, _, moved_place) = subscription.expect("who moved is subscribed");
            assert_eq!((*moved_shard, moved_place.filter), (shard, place.filter));
            *moved_place = place;
        }
    }

    fn replace(&mut self, index: usize) {
        let (_, shard, receiver, place) = &mut self.subscriptions[index];
        *receiver = Receiver::new(receiver.slot, receiver.generation(), receiver.options().no_local(true));
        self.router.replace(*place, *shard, *receiver);
    }

    /// Everybody gets what the list says, once for each matching Subscription, in runs that tell filter and shard.
    fn check_route(&mut self, topic: &str, shard: u16) {
        let mut matches = Matches::default();
        self.router.route(topic, &mut self.caches[usize::from(shard)], &mut matches);

        let mut got = Vec::new();
        let mut covered = 0;
        for &run in &matches.runs {
            assert_eq!(run.start, covered, "runs lie one behind the other");
            assert!(run.len > 0);
            covered += run.len;
            let mut text = String::new();
            self.router.text(run.filter, &mut text);
            got.extend(matches.of(run).iter().map(|receiver| (text.clone(), run.shard, receiver.to_words())));
        }
        assert_eq!(covered as usize, matches.receivers.len());

        let matching = self.subscriptions.iter().filter(|(filter, ..)| topic_matches(filter, topic));
        let mut expected: Vec<_> =
            matching.map(|(filter, shard, receiver, _)| (filter.clone(), *shard, receiver.to_words())).collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "receivers of {topic}");
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Subscribe { filter, shard } => self.subscribe(&filter, shard),
            Step::Route { topic, shard } => self.check_route(&topic, shard),
            _ if self.subscriptions.is_empty() => {}
            Step::Unsubscribe { any } => self.unsubscribe(any % self.subscriptions.len()),
            Step::Replace { any } => self.replace(any % self.subscriptions.len()),
        }
    }

    /// Nothing is left once everybody is gone.
    fn check_leaves_nothing(mut self) {
        while let Some(last) = self.subscriptions.len().checked_sub(1) {
            self.unsubscribe(last);
        }
        assert_eq!(self.router.filters(), 0);
        for stripe in &self.router.stripes {
            assert!(stripe.0.read().unwrap().is_bare());
        }
        assert!(self.router.wildcards.read().unwrap().is_bare());
        assert_eq!(self.router.state.load(Ordering::SeqCst) & 1, 0);
    }
}

/// Few names, so that topics and filters meet.
fn level() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 4 => Just("b"), 2 => Just("c"), 1 => Just(""), 1 => Just("$SYS"), 1 => Just("ü")]
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..5).prop_map(|levels| at_least_a_character(levels.join("/")))
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 1 => Just("+")];
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
        3 => (filter(), 0..SHARDS).prop_map(|(filter, shard)| Step::Subscribe { filter, shard }),
        2 => any::<usize>().prop_map(|any| Step::Unsubscribe { any }),
        1 => any::<usize>().prop_map(|any| Step::Replace { any }),
        5 => (topic(), 0..SHARDS).prop_map(|(topic, shard)| Step::Route { topic, shard }),
    ]
}

proptest! {
    #[test]
    fn routes_as_the_list_does(steps in prop::collection::vec(step(), 1..300), small in any::<bool>()) {
        let mut world = World::new(if small { 500 } else { 1 << 20 });
        for step in steps {
            world.take(step);
        }
        world.check_leaves_nothing();
    }
}

#[test]
fn a_long_absence_from_the_changes_is_noticed() {
    let mut world = World::new(1 << 20);
    world.subscribe("a/+", 0);
    world.check_route("a/b", 0);
    for i in 0..1000 {
        world.subscribe(&format!("+/{i}"), 0);
    }
    world.subscribe("+/b", 1);
    world.check_route("a/b", 0);
    world.check_route("a/7", 0);
    world.check_leaves_nothing();
}

#[test]
fn a_filter_number_used_again_does_not_lead_to_the_one_before() {
    let mut world = World::new(1 << 20);
    world.subscribe("keep/#", 0);
    for i in 0..100_u32 {
        world.subscribe(&format!("a/{i}/+"), 0);
        world.check_route(&format!("a/{i}/b"), 0);
        world.unsubscribe(1);
        if i > 0 {
            world.check_route(&format!("a/{}/b", i - 1), 0);
        }
    }
    world.check_leaves_nothing();
}

#[test]
fn a_hundred_thousand_receivers_of_one_filter_come_and_go() {
    let mut world = World::new(1 << 20);
    let count = 100_000;
    for _ in 0..count {
        let slot = world.next_slot;
        let shard = ShardId((slot % 2) as u16);
        let receiver = Receiver::new(slot, 0, ReceiverOptions::default());
        let place = world.router.subscribe("fire/alarm", shard, receiver);
        assert_eq!(place.position, slot / 2);
        world.next_slot += 1;
    }
    let mut matches = Matches::default();
    world.router.route("fire/alarm", &mut world.caches[0], &mut matches);
    assert_eq!((matches.runs.len(), matches.receivers.len()), (2, count));

    let filter = world.router.find("fire/alarm").unwrap();
    for left in (0..count as u32 / 2).rev() {
        for shard in [ShardId(0), ShardId(1)] {
            let moved = world.router.unsubscribe(Place { filter, position: 0 }, shard);
            let last = Receiver::new(left * 2 + u32::from(shard.0), 0, ReceiverOptions::default());
            assert_eq!(moved, (left > 0).then_some(last));
        }
    }
    world.check_leaves_nothing();
}

/// A filter that matches gives its number to one that does not, again and again, while others route: nobody may be found
/// by a topic that his filter does not match, nor may those be missed that stay.
#[test]
fn routing_while_a_number_changes_hands() {
    const STAYING: u32 = 100;
    let router = Router::new(7);
    let receiver = |slot| Receiver::new(slot, 0, ReceiverOptions::default());
    // So many that collecting them takes a while; the one that comes and goes is the last.
    let mut staying = "a/b/c/d/e/f/g".to_owned();
    for slot in 0..STAYING {
        let filter: Vec<&str> =
            staying.split('/').enumerate().map(|(i, level)| if slot >> i & 1 == 0 { "+" } else { level }).collect();
        router.subscribe(&filter.join("/"), ShardId(0), receiver(slot));
    }
    staying.push_str("/#");
    let matching = staying;
    let stripe_of = |filter: &str| router.key(filter.as_bytes()).stripe;
    let strange = (0..).map(|i| format!("z/{i}/+")).find(|filter| stripe_of(filter) == stripe_of(&matching)).unwrap();

    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut numbers = [FilterId(0); 2];
            for i in 0..40_000 {
                let (filter, slot) = if i % 2 == 0 { (&matching, STAYING) } else { (&strange, STAYING + 1) };
                let place = router.subscribe(filter, ShardId(1), receiver(slot));
                numbers[i % 2] = place.filter;
                router.unsubscribe(place, ShardId(1));
            }
            assert_eq!(numbers[0], numbers[1], "the number has changed hands");
            done.store(true, Ordering::Relaxed);
        });
        for _ in 0..2 {
            threads.spawn(|| {
                let mut cache = RouteCache::new(1 << 16);
                let mut matches = Matches::default();
                while !done.load(Ordering::Relaxed) {
                    matches.clear();
                    router.route("a/b/c/d/e/f/g", &mut cache, &mut matches);
                    let mut slots: Vec<u32> = matches.receivers.iter().map(|receiver| receiver.slot).collect();
                    slots.retain(|&slot| slot != STAYING);
                    slots.sort_unstable();
                    assert_eq!(slots, (0..STAYING).collect::<Vec<_>>());
                }
            });
        }
    });
}
