//! What is measured: the scenarios, and what becomes of them and the flags.

use std::time::Duration;

use midge_codec::{QoS, Version};

use super::settings::LoadSettings;
use super::stamp::STAMP_BYTES;
use super::streams::Shape;
use super::target::cores;
use crate::clients::settings::Settings;

/// What people ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    /// Pairs of publishers and subscribers.
    PubSub,
    /// Publishers alone.
    Pub,
    /// Subscribers alone, for what others publish.
    Sub,
    /// Many publishers to one subscriber.
    FanIn,
    /// One publisher to many subscribers.
    FanOut,
    /// Each client sends itself a message, and the next one when that has come.
    RoundTrip,
    /// Clients come and go.
    Connect,
    /// Clients stay and say nothing.
    Idle,
}

/// How fast things are done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Pace {
    /// Closed loop: each publisher, or all clients that connect, are at most so many ahead.
    Window(usize),
    /// Open loop: so many are due in a second, whatever the server does.
    Rate(f64),
}

/// When enough is done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Until {
    /// So much time is over, behind a time that does not count.
    Elapsed { warm_up: Duration, measured: Duration },
    /// So many messages, or connections, are done.
    Count(u64),
}

/// What a run does.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Plan {
    pub(super) scenario: Scenario,
    pub(super) version: Version,
    pub(super) qos: QoS,
    pub(super) payload_bytes: usize,
    pub(super) shape: Shape,
    pub(super) pace: Pace,
    pub(super) until: Until,
    pub(super) rounds: usize,
    pub(super) threads: usize,
    /// Threads sleep while there is nothing to do.
    pub(super) sleeps: bool,
}

impl Scenario {
    pub(super) const NAMES: &[&str] = &["pub-sub", "pub", "sub", "fan-in", "fan-out", "round-trip", "connect", "idle"];

    const ALL: [Scenario; 8] = [
        Scenario::PubSub,
        Scenario::Pub,
        Scenario::Sub,
        Scenario::FanIn,
        Scenario::FanOut,
        Scenario::RoundTrip,
        Scenario::Connect,
        Scenario::Idle,
    ];

    pub(super) fn named(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        Scenario::NAMES[self as usize]
    }

    /// What is counted, one of it and many.
    pub(super) fn unit(self) -> (&'static str, &'static str) {
        match self {
            Scenario::Pub => ("message", "messages"),
            Scenario::Connect | Scenario::Idle => ("connection", "connections"),
            _ => ("delivery", "deliveries"),
        }
    }

    /// Who publishes what to whom, where no flag says otherwise, and how far ahead.
    fn usual(self) -> (Shape, usize) {
        let shape = |publishers, subscribers, topics| Shape { publishers, subscribers, topics, ..Shape::default() };
        match self {
            Scenario::PubSub => (shape(10, 10, 10), 100),
            Scenario::Pub => (shape(10, 0, 10), 100),
            Scenario::Sub => (shape(0, 10, 10), 1),
            Scenario::FanIn => (Shape { takes_all: true, ..shape(100, 1, 100) }, 10),
            Scenario::FanOut => (shape(1, 100, 1), 20),
            Scenario::RoundTrip => (Shape { is_to_self: true, ..shape(1, 1, 1) }, 1),
            Scenario::Connect => (shape(0, 0, 1), 10),
            Scenario::Idle => (shape(0, 1000, 1000), 1),
        }
    }

    /// The flags among those for numbers that mean something to it.
    fn heeds(self) -> &'static [&'static str] {
        match self {
            Scenario::PubSub => {
                &["--publishers", "--subscribers", "--topics", "--size", "--rate", "--window", "--count"]
            }
            Scenario::Pub => &["--publishers", "--topics", "--size", "--rate", "--window", "--count"],
            Scenario::Sub => &["--subscribers", "--topics"],
            Scenario::FanIn | Scenario::FanOut => {
                &["--publishers", "--subscribers", "--size", "--rate", "--window", "--count"]
            }
            Scenario::RoundTrip => &["--clients", "--size", "--rate", "--count"],
            Scenario::Connect => &["--clients", "--rate", "--count"],
            Scenario::Idle => &["--clients"],
        }
    }
}

impl Plan {
    /// # Errors
    /// With the message for the user, where flags do not go with the scenario.
    pub(super) fn new(settings: &Settings) -> Result<Plan, String> {
        let load = &settings.load;
        let scenario = load.scenario.unwrap_or(Scenario::PubSub);
        check(scenario, load)?;
        let (usual, window) = scenario.usual();
        let shape = Plan::shape(scenario, usual, load);
        let window = match scenario {
            Scenario::Connect => load.clients.unwrap_or(window),
            _ => load.window.unwrap_or(window),
        };
        Ok(Plan {
            scenario,
            version: settings.client.version,
            qos: settings.qos,
            payload_bytes: load.payload_bytes,
            shape,
            pace: load.rate.map_or(Pace::Window(window), Pace::Rate),
            until: match load.count {
                Some(count) => Until::Count(count),
                None => Until::Elapsed {
                    warm_up: load.warm_up.unwrap_or(WARM_UP),
                    measured: load.duration.unwrap_or(DURATION),
                },
            },
            rounds: load.rounds,
            threads: load.threads,
            // Who is alone on a core would only be in the server's way, and idle clients are to show what idle ones cost.
            sleeps: load.sleeps || scenario == Scenario::Idle || cores() == 1,
        })
    }

    fn shape(scenario: Scenario, usual: Shape, load: &LoadSettings) -> Shape {
        let publishers = load.publishers.unwrap_or(usual.publishers);
        let subscribers = load.subscribers.unwrap_or(usual.subscribers);
        match scenario {
            Scenario::RoundTrip => {
                let clients = load.clients.unwrap_or(usual.publishers);
                Shape { publishers: clients, subscribers: clients, topics: clients, ..usual }
            }
            Scenario::Idle => {
                let clients = load.clients.unwrap_or(usual.subscribers);
                Shape { subscribers: clients, topics: clients, ..usual }
            }
            Scenario::FanIn => Shape { publishers, subscribers, topics: publishers, ..usual },
            Scenario::FanOut => Shape { publishers, subscribers, ..usual },
            // As many as there are clients to share them, so that each publisher has somebody to publish to.
            Scenario::PubSub => {
                let topics = load.topics.unwrap_or(publishers.min(subscribers));
                Shape { publishers, subscribers, topics, ..usual }
            }
            Scenario::Pub => Shape { publishers, topics: load.topics.unwrap_or(publishers), ..usual },
            Scenario::Sub => Shape { subscribers, topics: load.topics.unwrap_or(subscribers), ..usual },
            Scenario::Connect => usual,
        }
    }

    /// How many of those that are counted fall to one of so many.
    pub(super) fn share(&self, number: usize, of: usize) -> u64 {
        match self.until {
            Until::Count(count) => count / of as u64 + u64::from((number as u64) < count % of as u64),
            Until::Elapsed { .. } => u64::MAX,
        }
    }

    /// The plan in a line.
    pub(super) fn described(&self) -> String {
        let Shape { publishers, subscribers, topics, .. } = self.shape;
        let clients = match (self.scenario, self.pace) {
            (Scenario::Connect, Pace::Window(clients)) => format!("{clients} at a time"),
            (Scenario::Connect, Pace::Rate(_)) => "as they are due".to_owned(),
            (Scenario::Idle | Scenario::RoundTrip, _) => counted(subscribers, "client"),
            (Scenario::Pub, _) => format!("{}, {}", counted(publishers, "publisher"), counted(topics, "topic")),
            (Scenario::Sub, _) => format!("{}, {}", counted(subscribers, "subscriber"), counted(topics, "topic")),
            _ => {
                let (publishers, subscribers) = (counted(publishers, "publisher"), counted(subscribers, "subscriber"));
                format!("{publishers}, {subscribers}, {}", counted(topics, "topic"))
            }
        };
        let message = match self.scenario {
            Scenario::Connect | Scenario::Idle | Scenario::Sub => String::new(),
            _ => format!(", QoS {}, {} bytes", self.qos as u8, self.payload_bytes),
        };
        let pace = match (self.scenario, self.pace) {
            (Scenario::Connect | Scenario::Idle | Scenario::Sub | Scenario::RoundTrip, Pace::Window(_)) => {
                String::new()
            }
            (_, Pace::Window(window)) => format!(", window {window}"),
            (_, Pace::Rate(rate)) => format!(", {rate} a second"),
        };
        let version = match self.version {
            Version::V31 => "3.1",
            Version::V311 => "3.1.1",
            Version::V5 => "5",
        };
        let until = match self.until {
            Until::Count(count) => format!("{count} in all"),
            Until::Elapsed { measured, .. } => format!("{} s", measured.as_secs_f64()),
        };
        let rounds = if self.rounds > 1 { format!(", {} rounds", self.rounds) } else { String::new() };
        format!("{}: {clients}{message}{pace}, MQTT {version}, {until}{rounds}", self.scenario.name())
    }
}

fn check(scenario: Scenario, load: &LoadSettings) -> Result<(), String> {
    let given = [
        ("--publishers", load.publishers.is_some()),
        ("--subscribers", load.subscribers.is_some()),
        ("--topics", load.topics.is_some()),
        ("--clients", load.clients.is_some()),
        ("--rate", load.rate.is_some()),
        ("--window", load.window.is_some()),
        ("--count", load.count.is_some()),
    ];
    if let Some((flag, _)) = given.iter().find(|(flag, is_given)| *is_given && !scenario.heeds().contains(flag)) {
        let heeded = scenario.heeds().join(", ");
        return Err(format!("Error: {flag} means nothing to {}, which heeds {heeded}.", scenario.name()));
    }
    if scenario.heeds().contains(&"--size") && load.payload_bytes < STAMP_BYTES {
        return Err(format!("Error: --size must be at least {STAMP_BYTES}: each payload says which message it is."));
    }
    let pairs = [(load.rate.is_some() && load.window.is_some(), "--rate", "--window")];
    let times = [
        (load.count.is_some() && load.duration.is_some(), "--count", "--duration"),
        (load.count.is_some() && load.warm_up.is_some(), "--count", "--warm-up"),
    ];
    match pairs.iter().chain(&times).find(|(is_both, ..)| *is_both) {
        Some((_, one, other)) => Err(format!("Error: Only one of {one} and {other} can be used.")),
        None => Ok(()),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

const WARM_UP: Duration = Duration::from_secs(1);

const DURATION: Duration = Duration::from_secs(4);
