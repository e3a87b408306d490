//! Router and retained store without sockets: `cargo bench -p midge-broker --bench router`.
//!
//! With `MEMORY_OF=exact` (30-byte filters), `mixed` (a fifth with wildcards, 15 bytes) or `retained` (64 bytes of payload)
//! in the environment it prints what a million Subscriptions or 200,000 Retained Messages take instead, as counted by
//! the tables and as seen by the system (Linux).

use std::cell::RefCell;
use std::sync::LazyLock;

use divan::{Bencher, black_box};
use midge_broker::ids::{Receiver, ReceiverOptions, ShardId};
use midge_broker::message::{Message, MessageParts};
use midge_broker::retained::{Cursor, Retained};
use midge_broker::router::{Matches, Place, RouteCache, Router};
use midge_codec::QoS;

fn main() {
    if let Ok(what) = std::env::var("MEMORY_OF") {
        return print_memory(&what);
    }
    divan::main();
}

const SHARD: ShardId = ShardId(0);
const CACHE_BYTES_MAX: usize = 1 << 20;

fn receiver(slot: u32) -> Receiver {
    Receiver::new(slot, 0, ReceiverOptions::default())
}

fn router_of(filters: impl Iterator<Item = String>) -> Router {
    let router = Router::new(1);
    for (slot, filter) in filters.enumerate() {
        router.subscribe(&filter, SHARD, receiver(slot as u32));
    }
    router
}

/// Thirty bytes, as devices are named.
fn exact(i: u32) -> String {
    format!("building/{:03}/device/{:07}/st", i % 1000, i)
}

/// A tenth with `+` and a tenth with `#`, as the benchmark over sockets has them.
fn mixed(devices: u32) -> impl Iterator<Item = String> {
    (0..devices).flat_map(|b| {
        let exact = (0..8).map(move |m| format!("f/{}/{b}/m{m}", b % 1000));
        exact.chain([format!("f/+/{b}/m{}", b % 8), format!("f/{}/{b}/#", b % 1000)])
    })
}

/// Topics in an order that no cache can guess.
fn scattered(count: u32, topic: impl Fn(u32) -> String) -> Vec<String> {
    (0..100_000_u32).map(|i| topic((u64::from(i) * 2_654_435_761 % u64::from(count)) as u32)).collect()
}

/// Routes one topic after the other and counts the receivers, so that no work is for nothing.
fn bench_route(bencher: Bencher<'_, '_>, router: &Router, topics: &[String]) {
    let state = RefCell::new((RouteCache::new(CACHE_BYTES_MAX), Matches::default(), 0));
    bencher.bench_local(|| {
        let (cache, matches, next) = &mut *state.borrow_mut();
        matches.clear();
        router.route(black_box(&topics[*next]), cache, matches);
        *next = if *next + 1 == topics.len() { 0 } else { *next + 1 };
        matches.receivers.len()
    });
}

#[divan::bench]
fn route_exact_of_10(bencher: Bencher<'_, '_>) {
    let topics: Vec<String> = (0..10).map(exact).collect();
    bench_route(bencher, &router_of(topics.iter().cloned()), &topics);
}

#[divan::bench(sample_size = 10_000)]
fn route_exact_of_1_000_000(bencher: Bencher<'_, '_>) {
    static ROUTER: LazyLock<Router> = LazyLock::new(|| router_of((0..1_000_000).map(exact)));
    bench_route(bencher, &ROUTER, &scattered(1_000_000, exact));
}

#[divan::bench]
fn route_to_nobody(bencher: Bencher<'_, '_>) {
    let topics: Vec<String> = (10..20).map(exact).collect();
    bench_route(bencher, &router_of((0..10).map(exact)), &topics);
}

#[divan::bench]
fn route_exact_and_two_wildcards_remembered(bencher: Bencher<'_, '_>) {
    let topics: Vec<String> = (0..10).map(|b| format!("f/{b}/{b}/m{}", b % 8)).collect();
    bench_route(bencher, &router_of(mixed(10)), &topics);
}

/// What the benchmark over sockets does: 100,000 devices, hardly any topic twice within what the cache holds.
#[divan::bench(sample_size = 10_000)]
fn route_among_1_000_000_with_wildcards(bencher: Bencher<'_, '_>) {
    static ROUTER: LazyLock<Router> = LazyLock::new(|| router_of(mixed(100_000)));
    let topics = scattered(800_000, |i| format!("f/{}/{}/m{}", i % 100_000 % 1000, i % 100_000, i / 100_000));
    bench_route(bencher, &ROUTER, &topics);
}

/// One client comes and goes with a wildcard filter of its own between any two messages.
#[divan::bench(sample_size = 1_000)]
fn route_wildcards_while_others_reconnect(bencher: Bencher<'_, '_>) {
    let router = router_of(mixed(10));
    let topics: Vec<String> = (0..10).map(|b| format!("f/{b}/{b}/m{}", b % 8)).collect();
    let state = RefCell::new((RouteCache::new(CACHE_BYTES_MAX), Matches::default(), 0));
    bencher.bench_local(|| {
        let (cache, matches, next) = &mut *state.borrow_mut();
        let place = router.subscribe("client/4711/#", SHARD, receiver(1));
        router.unsubscribe(place, SHARD);
        matches.clear();
        router.route(black_box(&topics[*next]), cache, matches);
        *next = (*next + 1) % topics.len();
        matches.receivers.len()
    });
}

#[divan::bench(args = [100, 10_000])]
fn route_fan_out(bencher: Bencher<'_, '_>, receivers: u32) {
    let topics = ["fire/alarm".to_owned()];
    bench_route(bencher, &router_of((0..receivers).map(|_| topics[0].clone())), &topics);
}

/// Adds a million; the time is for one.
#[divan::bench(sample_count = 3, sample_size = 1, args = ["exact", "mixed"])]
fn subscribe_1_000_000(bencher: Bencher<'_, '_>, kind: &str) {
    let filters: Vec<String> =
        if kind == "exact" { (0..1_000_000).map(exact).collect() } else { mixed(100_000).collect() };
    bencher.counter(divan::counter::ItemsCount::new(filters.len())).bench_local(|| {
        let router = Router::new(1);
        for (slot, filter) in filters.iter().enumerate() {
            router.subscribe(filter, SHARD, receiver(slot as u32));
        }
        router
    });
}

#[divan::bench(sample_size = 1_000)]
fn subscribe_and_unsubscribe_exact_of_100_000(bencher: Bencher<'_, '_>) {
    let router = router_of((0..100_000).map(exact));
    let filters: Vec<String> = (100_000..200_000).map(exact).collect();
    let next = RefCell::new(0);
    bencher.bench_local(|| {
        let next = &mut *next.borrow_mut();
        let place: Place = router.subscribe(&filters[*next], SHARD, receiver(1));
        *next = (*next + 1) % filters.len();
        router.unsubscribe(place, SHARD)
    });
}

fn retained_topic(i: u32) -> String {
    format!("r/{}/{}", i / 500, i % 500)
}

fn retained_message(topic: &str) -> Message {
    Message::new(&MessageParts {
        topic,
        properties: &[],
        payload: &[7; 64],
        qos: QoS::AtLeastOnce,
        retain: true,
        received_s: 0,
        received_ns: 0,
        expiry_interval_s: None,
    })
}

fn retained_of(count: u32) -> Retained {
    let retained = Retained::new(1);
    for i in 0..count {
        retained.keep(retained_message(&retained_topic(i)));
    }
    retained
}

/// With making the message.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn keep_200_000_new(bencher: Bencher<'_, '_>) {
    let topics: Vec<String> = (0..200_000).map(retained_topic).collect();
    bencher.counter(divan::counter::ItemsCount::new(topics.len())).bench_local(|| {
        let retained = Retained::new(1);
        for topic in &topics {
            retained.keep(retained_message(topic));
        }
        retained
    });
}

/// With making the message.
#[divan::bench(sample_size = 1_000)]
fn keep_over_another_of_200_000(bencher: Bencher<'_, '_>) {
    let retained = retained_of(200_000);
    let topics = scattered(200_000, retained_topic);
    let next = RefCell::new(0);
    bencher.bench_local(|| {
        let next = &mut *next.borrow_mut();
        *next = (*next + 1) % topics.len();
        retained.keep(retained_message(&topics[*next]))
    });
}

#[divan::bench(args = ["r/#", "r/+/7"])]
fn replay_of_200_000(bencher: Bencher<'_, '_>, filter: &str) {
    let retained = retained_of(200_000);
    let mut matching = Vec::new();
    assert!(retained.replay(&mut Cursor::new(filter, u64::MAX), 0, usize::MAX, &mut matching));
    bencher.counter(divan::counter::ItemsCount::new(matching.len())).bench_local(|| {
        let mut cursor = Cursor::new(filter, u64::MAX);
        let mut out = Vec::with_capacity(1000);
        while !retained.replay(&mut cursor, 0, 1000, &mut out) {
            out.clear();
        }
    });
}

fn print_memory(what: &str) {
    const SUBSCRIPTIONS: u32 = 1_000_000;
    const RETAINED: u32 = 200_000;
    let before = resident_bytes();
    let (count, counted, kept) = match what {
        "exact" => {
            let router = router_of((0..SUBSCRIPTIONS).map(exact));
            (SUBSCRIPTIONS, router.memory(), Kept::Router(router))
        }
        "mixed" => {
            let router = router_of(mixed(SUBSCRIPTIONS / 10));
            (SUBSCRIPTIONS, router.memory(), Kept::Router(router))
        }
        _ => {
            let retained = retained_of(RETAINED);
            (RETAINED, retained.memory(), Kept::Retained(retained))
        }
    };
    let payloads = if matches!(kept, Kept::Retained(_)) { 64 } else { 0 };
    let resident = (resident_bytes() - before) / count as usize - payloads;
    println!("{what}: {} bytes each in tables, {resident} resident beside the payload", counted / count as usize);
    drop(kept);
}

enum Kept {
    Router(#[expect(dead_code, reason = "kept until it has been measured")] Router),
    Retained(#[expect(dead_code, reason = "kept until it has been measured")] Retained),
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<usize> = status.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}
