//! Everything at once, for as long as one likes: clients come, subscribe, publish and leave in every way there is, and among them
//! a few live through it all and keep account of what they were promised.
//!
//! What must hold: no message is lost or doubled where the specification promises it, the server lives, and the memory of the
//! second half of the time is that of the first. `cargo test` runs it for some seconds, `cargo xtask endurance` for ten minutes.
//! Read `pair.rs` (what is counted), `promises.rs` (Wills, shares, Retained Messages), `churn.rs` (the crowd), `memory.rs` (the verdict).
//! Beside it stands `reloads.rs`: the configuration is read again without end, for a minute with `cargo xtask endurance --reloads`.

mod churn;
mod memory;
mod pair;
mod promises;
mod reloads;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use midge_testkit::{Client, Server};

use memory::Samples;

/// One server under load, as its clients share it.
struct World {
    shards: u16,
    server: Server,
    has_ended: AtomicBool,
    /// By pair: how many messages the subscriber has.
    pairs_received: [AtomicU64; pair::PAIRS.len()],
    counts: Counts,
}

/// What happened, for the table.
#[derive(Default)]
struct Counts {
    connections: AtomicU64,
    taken_over: AtomicU64,
    published: AtomicU64,
    received: AtomicU64,
    pair_messages: AtomicU64,
    pair_repeats: AtomicU64,
    pair_connections: AtomicU64,
    wills: AtomicU64,
    shared: AtomicU64,
    retained: AtomicU64,
}

impl World {
    fn goes_on(&self) -> bool {
        !self.has_ended.load(Ordering::Relaxed)
    }

    fn connect(&self) -> Client {
        add(&self.counts.connections, 1);
        self.server.connect()
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

#[test]
fn nothing_is_lost_and_memory_does_not_grow() {
    let seconds = std::env::var("MIDGE_ENDURANCE_SECONDS").ok();
    let seconds: u64 = seconds.map_or(SHORT_S, |text| text.parse().expect("MIDGE_ENDURANCE_SECONDS is a number"));
    let run = |shards: u16| move || endure(shards, Duration::from_secs(seconds));
    let outcomes = std::thread::scope(|scope| {
        let running = [1, 3].map(|shards| scope.spawn(run(shards)));
        running.map(|world| world.join().expect("a client has said above what went wrong"))
    });
    for (world, samples) in &outcomes {
        println!("{}", table(world, samples));
    }
    for (mut world, samples) in outcomes {
        assert!(world.server.is_running(), "the server has died: {:#?}", world.server.log());
        samples.check(seconds < LONG_S);
        // Of the start, if who runs the tests is root.
        let as_root = world.server.count_log("the server runs as root");
        let warnings = world.server.count_log("Warning") + world.server.count_log("Error");
        assert_eq!(warnings, as_root, "{:#?}", world.server.log());
    }
}

/// Lets everybody loose on a server of its own until the time is over.
fn endure(shards: u16, time: Duration) -> (World, Samples) {
    let server = Server::start(&format!("shards {shards}\n{CONFIGURATION}"));
    let world = World {
        shards,
        server,
        has_ended: AtomicBool::new(false),
        pairs_received: Default::default(),
        counts: Counts::default(),
    };
    let mut samples = Samples::default();
    let mut watcher = world.connect();
    watcher.send(&format!("CONNECT v5 clean id=heap & SUBSCRIBE id=1 {}", memory::HEAP_TOPIC));
    watcher.expect("CONNACK");
    watcher.expect("SUBACK id=1");
    std::thread::scope(|scope| {
        for (pair, received) in pair::PAIRS.iter().zip(&world.pairs_received) {
            let world = &world;
            let subscriber = pair.subscribe(world);
            scope.spawn(move || ending_all(world, || pair.publish(world, received)));
            scope.spawn(move || ending_all(world, || pair.receive(subscriber, received)));
        }
        for promise in promises::PROMISES {
            let world = &world;
            scope.spawn(move || ending_all(world, || promise(world)));
        }
        for number in 0..CHURNING_THREADS {
            let world = &world;
            scope.spawn(move || ending_all(world, || churn::churn(world, number)));
        }
        let end = Instant::now() + time;
        while Instant::now() < end && world.goes_on() {
            samples.take(&world.server, &mut watcher);
            std::thread::sleep(time / SAMPLES);
        }
        world.has_ended.store(true, Ordering::Relaxed);
    });
    (world, samples)
}

/// Where one client finds a fault, the others have no reason to go on.
fn ending_all(world: &World, run: impl FnOnce()) {
    struct End<'a>(&'a World);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                self.0.has_ended.store(true, Ordering::Relaxed);
            }
        }
    }
    let _end = End(world);
    run();
}

fn table(world: &World, samples: &Samples) -> String {
    let counts = &world.counts;
    let rows = [
        ("connections made", &counts.connections),
        ("taken over", &counts.taken_over),
        ("messages published by the crowd", &counts.published),
        ("messages received by the crowd", &counts.received),
        ("messages of the pairs, none lost or out of order", &counts.pair_messages),
        ("  delivered again at QoS 1", &counts.pair_repeats),
        ("  connections in which", &counts.pair_connections),
        ("Wills, each once", &counts.wills),
        ("messages to a share group, each to one member", &counts.shared),
        ("Retained Messages set, replayed and cleared", &counts.retained),
    ];
    format!("\nshards {}\n{}\n{samples}", world.shards, table_of(&rows))
}

fn table_of(rows: &[(&str, &AtomicU64)]) -> String {
    let row = |(name, count): &(&str, &AtomicU64)| format!("  {name:<52}{:>12}", count.load(Ordering::Relaxed));
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// A queue that a client who stays away fills within the first half also of a short run, or memory could not be compared. The
/// pairs keep within it.
const CONFIGURATION: &str = "max_queued_messages 150\nmax_inflight_messages 20\nsys_interval 1\nset_tcp_nodelay true\nlog_type error\nlog_type warning";
const SHORT_S: u64 = 8;
/// From here on queues and the allocator have long settled in the first half.
const LONG_S: u64 = 300;
const SAMPLES: u32 = 200;
const CHURNING_THREADS: u64 = 4;
