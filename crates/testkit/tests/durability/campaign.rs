//! A campaign: load, and in the middle of it, again and again, the end of the server and its restart.
//!
//! Publishers and subscribers are threads (and processes with paho-mqtt) that live through it all: they connect again with their
//! state as soon as somebody listens. In the end all publishers wait for their last acknowledgement, all subscribers
//! come to take what is theirs, and an orderly restart shows that nothing is left over.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use midge_testkit::powercut::Lost;
use midge_testkit::{Client, Kind, Launch, PowerCut, Received, Server};
use rustix::process::Signal;

use crate::account::{Delivered, Published, Verdict};
use crate::file_sink::FileSink;
use crate::folder::Folder;
use crate::paho;
use crate::publisher::Publisher;
use crate::random::{Random, seed};
use crate::subscriber::{Presence, Subscriber};

/// What is done, and to which server.
pub(crate) struct Campaign {
    pub(crate) rounds: u32,
    /// The value of `persistence_sync`.
    pub(crate) sync: &'static str,
    pub(crate) shards: u16,
    /// The end is a power cut, not only a kill.
    pub(crate) cuts_power: bool,
    /// Versions of paho-mqtt that take part.
    pub(crate) pahos: Vec<u8>,
}

/// How it went.
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What clients saw that may not be, such as a Session that is gone.
    pub(crate) faults: Vec<String>,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    /// How many connections there were beyond the first of each client.
    pub(crate) reconnections: u64,
    pub(crate) power: Lost,
    pub(crate) seed: u64,
    pub(crate) log: Vec<String>,
}

/// The campaign as its clients see it.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// Publishers go on as long as this is so.
    publishes: AtomicBool,
    /// A fault was found: nobody has a reason to go on.
    has_failed: AtomicBool,
    /// Set once every publisher has its last acknowledgement.
    published: Mutex<Option<Vec<Published>>>,
    faults: Mutex<Vec<String>>,
    reconnections: AtomicU64,
    /// How long a subscriber waits for what is missing.
    pub(crate) patience: Duration,
}

impl World {
    pub(crate) fn publishes(&self) -> bool {
        self.publishes.load(Ordering::Acquire) && !self.has_failed()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// What was published, once all of it is acknowledged.
    pub(crate) fn published(&self) -> Option<Vec<Published>> {
        self.published.lock().expect("no client panics with it").clone()
    }

    pub(crate) fn fault(&self, text: String) {
        self.faults.lock().expect("no client panics with it").push(text);
        self.has_failed.store(true, Ordering::Release);
    }

    /// A connection that goes on with the Session. `None` where the campaign has failed, perhaps just now.
    pub(crate) fn resume(&self, name: &str, version: &str) -> Option<Client> {
        let deadline = Instant::now() + CONNECT_PATIENCE;
        while !self.has_failed() {
            if Instant::now() > deadline {
                self.fault(format!("{name} cannot connect"));
                break;
            }
            let Ok(mut client) = Client::try_connect(self.address) else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            client.send(&format!("CONNECT {version} id={name}"));
            match client.receive_within(CONNECT_PATIENCE) {
                // A server that is about to stop.
                Received::Packet(packet, _) if matches!(packet.codes()[..], [3 | 0x88]) => {}
                Received::Packet(packet, _) if packet.kind == Kind::Connack && packet.has("session-present") => {
                    self.reconnections.fetch_add(1, Ordering::Relaxed);
                    return Some(client);
                }
                Received::Closed => {}
                other => self.fault(format!("{name} comes back to its Session and gets {other}")),
            }
        }
        None
    }
}

/// The versions, with a Session that lasts.
pub(crate) const V311: &str = "v311";
pub(crate) const V5: &str = "v5 session-expiry-interval=4294967295";

const PUBLISHERS: [Publisher; 4] = [
    Publisher { name: "one-311", version: V311, qos: 1 },
    Publisher { name: "one-5", version: V5, qos: 1 },
    Publisher { name: "two-311", version: V311, qos: 2 },
    Publisher { name: "two-5", version: V5, qos: 2 },
];

const SUBSCRIBERS: [Subscriber; 8] = [
    Subscriber { name: "here-311", version: V311, qos: 2, presence: Presence::Always },
    Subscriber { name: "here-5", version: V5_SLOW, qos: 2, presence: Presence::Always },
    Subscriber { name: "here-one", version: V311, qos: 1, presence: Presence::Always },
    Subscriber { name: "at-times-311", version: V311, qos: 2, presence: Presence::Sometimes },
    Subscriber { name: "at-times-5", version: V5, qos: 1, presence: Presence::Sometimes },
    Subscriber { name: "away-311", version: V311, qos: 2, presence: Presence::Never },
    Subscriber { name: "away-5", version: V5, qos: 2, presence: Presence::Never },
    Subscriber { name: "away-one", version: V5, qos: 1, presence: Presence::Never },
];

const V5_SLOW: &str = "v5 session-expiry-interval=4294967295 receive-maximum=3";

impl Campaign {
    pub(crate) fn run(&self) -> Outcome {
        let folder = Folder::new();
        let aside = Folder::new();
        let power = self.cuts_power.then(|| PowerCut::new(folder.path(), aside.path()));
        let launch = power.as_ref().map_or_else(Launch::new, PowerCut::launch);
        let file = FileSink::new(folder.path());
        let configuration = format!(
            "shards {}\npersistence_sync {}\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type notice\nlog_type \
             warning\nlog_type error\nlog_type information\n{}{}",
            self.shards,
            self.sync,
            folder.configuration(),
            file.configuration()
        );
        let mut server = launch.start(&configuration);
        SUBSCRIBERS.iter().for_each(|subscriber| subscriber.enter(&server));
        PUBLISHERS.iter().for_each(|publisher| publisher.enter(&server));
        let world = World {
            address: server.address(),
            publishes: AtomicBool::new(true),
            has_failed: AtomicBool::new(false),
            published: Mutex::default(),
            faults: Mutex::default(),
            reconnections: AtomicU64::new(0),
            patience: if self.sync == "always" { Duration::from_secs(20) } else { Duration::from_secs(1) },
        };
        let seed = seed();
        let mut log = Vec::new();
        let (delivered, lost) = thread::scope(|scope| {
            let world = &world;
            let _end = EndAll(world);
            let pahos = paho::start(&server, folder.path(), &self.pahos);
            let subscribers: Vec<_> =
                SUBSCRIBERS.iter().map(|subscriber| scope.spawn(move || subscriber.receive(world, seed))).collect();
            let publishers: Vec<_> =
                PUBLISHERS.iter().map(|publisher| scope.spawn(move || publisher.publish(world, seed))).collect();
            let mut random = Random::new(seed);
            let lost = self.end_again_and_again(&mut server, power.as_ref(), world, &mut random, &mut log);
            world.publishes.store(false, Ordering::Release);
            let mut published: Vec<Published> =
                publishers.into_iter().filter_map(|thread| thread.join().expect("faults are values")).collect();
            published.extend(pahos.iter().filter_map(|paho| paho.published(world)));
            *world.published.lock().expect("no client panics with it") = Some(published);
            let mut delivered: Vec<Delivered> =
                subscribers.into_iter().map(|thread| thread.join().expect("faults are values")).collect();
            delivered.extend(pahos.into_iter().filter_map(|paho| paho.delivered(world)));
            let published = world.published().filter(|_| !world.has_failed());
            delivered.extend(published.map(|published| file.delivered(&published, world.patience)));
            (delivered, lost)
        });
        if !world.has_failed() {
            server.terminate();
            log.extend(server.log());
            server.restart();
            SUBSCRIBERS.iter().for_each(|subscriber| subscriber.expect_nothing(&world));
        }
        log.extend(server.log());
        let (published, has_failed) = (world.published().unwrap_or_default(), world.has_failed());
        Outcome {
            // Where a fault has ended it early, much is not delivered yet.
            verdict: if has_failed { Verdict::default() } else { Verdict::of(&published, &delivered) },
            faults: world.faults.into_inner().expect("no client panics with it"),
            published: published.iter().map(|published| published.count).sum(),
            delivered: delivered.iter().map(|delivered| delivered.messages.len() as u64).sum(),
            reconnections: world.reconnections.into_inner(),
            power: lost,
            seed,
            log,
        }
    }

    /// Ends the server in the middle of the load and starts it again, so many times.
    fn end_again_and_again(
        &self,
        server: &mut Server,
        power: Option<&PowerCut>,
        world: &World,
        random: &mut Random,
        log: &mut Vec<String>,
    ) -> Lost {
        let mut lost = Lost::default();
        for _ in 0..self.rounds {
            // Now and then at once: while the server restores, and while clients are only about to come.
            let time = if random.below(5) == 0 { random.milliseconds(0, 10) } else { random.milliseconds(20, 150) };
            thread::sleep(time);
            if random.below(3) == 0 {
                server.signal(Signal::USR1);
                thread::sleep(random.milliseconds(0, 20));
            }
            if world.has_failed() {
                break;
            }
            if !server.is_running() {
                world.fault("the server has died".to_owned());
                break;
            }
            if random.below(10) == 0 {
                server.terminate();
            } else {
                server.kill();
            }
            log.extend(server.log());
            if let Some(power) = power {
                let cut = power.cut(|| random.next()).expect("what was not synced is taken back");
                lost.writes += cut.writes;
                lost.writes_kept += cut.writes_kept;
                lost.names += cut.names;
            }
            server.restart();
        }
        lost
    }
}

/// Where the campaign itself panics, its clients have no reason to go on.
struct EndAll<'a>(&'a World);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.has_failed.store(true, Ordering::Release);
        }
    }
}

const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

impl Outcome {
    pub(crate) fn is_good(&self) -> bool {
        self.verdict.is_good() && self.faults.is_empty()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Outcome { verdict, faults, published, delivered, reconnections, power, seed, log } = self;
        writeln!(f, "{published} published, {delivered} delivered, {reconnections} reconnections, seed {seed}")?;
        writeln!(f, "{power:?}")?;
        writeln!(f, "{verdict}")?;
        faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        if self.is_good() {
            return Ok(());
        }
        writeln!(f, "log:")?;
        log[log.len().saturating_sub(40)..].iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
