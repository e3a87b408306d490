//! Measures a server, alone or beside another one: `cargo run --release -p midge-testkit --example load -- --help`.
//!
//! One thread plays all clients and spins, so that the server is not charged for waking it. Where there are two cores, the server has
//! one and the generator the other. The figure to trust is the server's **CPU time** for each thing done, read from
//! `/proc`: it moves little when other programs run, while rates move much. To compare, servers take turns in every round, and
//! the ratio is taken within each round; what is printed are medians over the rounds.
//!
//! Every delivery is checked (nothing lost, doubled or reordered); a run in which one is wrong gives no figures and fails.
//!
//! Reading order: this file (command line, rounds), `measure.rs` (what a measurement is), then the scenarios `flow.rs`,
//! `scattered.rs`, `retained.rs`, `churn.rs`, `absent.rs`, `recovery.rs`; below them `clients.rs` (sockets), `packets.rs` (bytes) and
//! `target.rs` (the server); `bare.rs` is what the disk allows; `report.rs` and `chart.rs` say what came out.

mod absent;
mod bare;
mod chart;
mod churn;
mod clients;
mod flow;
mod measure;
mod packets;
mod recovery;
mod report;
mod retained;
mod scattered;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use midge_testkit::environment::midge_program;

use crate::clients::Fault;
use crate::flow::Shape;
use crate::packets::{STAMP_BYTES, Version};
use crate::report::Report;
use crate::target::{Candidate, Pins, Target};

/// Something to be measured.
struct Scenario {
    name: &'static str,
    summary: &'static str,
    run: fn(&mut Target, &Settings) -> Result<Vec<Point>, Fault>,
    /// Whether what is to last is kept on disk.
    keeps: Keeps,
    /// What to call the count of a point on a chart; without it there is no chart.
    chart: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    No,
    Yes,
    /// And the bare loop can do the same.
    LikeBareLoop,
}

/// What one measurement gave.
struct Point {
    label: String,
    /// How many there were of what the scenario varies.
    count: Option<usize>,
    figures: Vec<Figure>,
}

/// A number and its unit.
struct Figure {
    what: &'static str,
    value: f64,
}

/// What the command line says; what it leaves open is the scenario's.
struct Settings {
    version: Version,
    seconds: f64,
    rounds: usize,
    publishers: Option<usize>,
    subscribers: Option<usize>,
    topics: Option<usize>,
    qos: Option<u8>,
    payload_bytes: usize,
    window: Option<usize>,
    counts: Option<Vec<usize>>,
    rate: usize,
    patience: Duration,
    configuration: String,
    pins: Option<Pins>,
    open_files_max: usize,
    json: Option<PathBuf>,
    charts: Option<PathBuf>,
    candidates: Vec<Candidate>,
    scenarios: Vec<&'static Scenario>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pubsub",
        summary: "10 publishers, 10 subscribers, 10 topics, QoS 0",
        run: |target, settings| flow::run(target, settings, TEN_TO_TEN),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "pubsub-1",
        summary: "the same with QoS 1",
        run: |target, settings| flow::run(target, settings, Shape { qos: 1, ..TEN_TO_TEN }),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "pubsub-2",
        summary: "the same with QoS 2",
        run: |target, settings| flow::run(target, settings, Shape { qos: 2, ..TEN_TO_TEN }),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "fanout",
        summary: "1 publisher, 1000 subscribers of one topic",
        run: |target, settings| flow::run(target, settings, ONE_TO_MANY),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "fanin",
        summary: "1000 publishers with a topic each, 1 subscriber of all",
        run: |target, settings| flow::run(target, settings, MANY_TO_ONE),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "churn",
        summary: "clients come, subscribe, send themselves a message, and go",
        run: |target, settings| churn::run(target, settings),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "retained",
        summary: "100,000 Retained Messages, and a new Subscription to all",
        run: |target, settings| retained::run(target, settings),
        keeps: Keeps::No,
        chart: None,
    },
    Scenario {
        name: "connections",
        summary: "10 to 10,000 clients: memory of an idle one; the same rate spread over all",
        run: |target, settings| scattered::connections(target, settings),
        keeps: Keeps::No,
        chart: Some("connected clients, each with one subscription"),
    },
    Scenario {
        name: "subscriptions",
        summary: "10 to 1,000,000 subscriptions: memory of one; messages to topics picked at random",
        run: |target, settings| scattered::subscriptions(target, settings),
        keeps: Keeps::No,
        chart: Some("subscriptions; of ten, eight exact, one with + and one with #"),
    },
    Scenario {
        name: "durable",
        summary: "pubsub-1 with durable Sessions on both sides, kept on disk",
        run: |target, settings| flow::run(target, settings, Shape { qos: 1, is_durable: true, ..TEN_TO_TEN }),
        keeps: Keeps::Yes,
        chart: None,
    },
    Scenario {
        name: "absent",
        summary: "100,000 messages for 100 durable Sessions that are away and then come back, kept on disk",
        run: |target, settings| absent::run(target, settings),
        keeps: Keeps::Yes,
        chart: None,
    },
    Scenario {
        name: "acknowledged",
        summary: "1 publisher to an absent Session, 1 or 400 messages in flight, beside what the disk allows",
        run: |target, settings| absent::acknowledged(target, settings),
        keeps: Keeps::LikeBareLoop,
        chart: None,
    },
    Scenario {
        name: "recovery",
        summary: "the start with 1,000,000 queued and 1,000,000 Retained Messages on disk",
        run: recovery::run,
        keeps: Keeps::Yes,
        chart: None,
    },
];

const TEN_TO_TEN: Shape =
    Shape { publishers: 10, subscribers: 10, topics: 10, takes_all: false, qos: 0, is_durable: false, window: 100 };
const ONE_TO_MANY: Shape = Shape { publishers: 1, subscribers: 1000, topics: 1, window: 20, ..TEN_TO_TEN };
const MANY_TO_ONE: Shape =
    Shape { publishers: 1000, subscribers: 1, topics: 1000, takes_all: true, window: 10, ..TEN_TO_TEN };

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [bare::FLAG, port, folder] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return match bare::serve(port, folder.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        };
    }
    if words.iter().any(|word| word == "--help") {
        println!("{}", help());
        return ExitCode::SUCCESS;
    }
    match settings(&words).and_then(|settings| run(&settings)) {
        Ok(report) if report.faults().is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(fault) => fail(&fault),
    }
}

fn fail(fault: &str) -> ExitCode {
    eprintln!("{fault}");
    ExitCode::from(2)
}

fn run(settings: &Settings) -> Result<Report, Fault> {
    let mut report = Report::new(settings.candidates.iter().map(|candidate| candidate.name.clone()).collect());
    for scenario in &settings.scenarios {
        for round in 1..=settings.rounds {
            for (server, candidate) in settings.candidates.iter().enumerate() {
                if !candidate.is_broker && scenario.keeps != Keeps::LikeBareLoop {
                    continue;
                }
                let keeps = scenario.keeps != Keeps::No;
                let target = candidate.start(&settings.configuration, keeps, settings.pins.as_ref());
                let points = target.and_then(|mut target| (scenario.run)(&mut target, settings));
                let line = report.add(scenario, server, points);
                eprintln!("{}, round {round}, {}: {line}", scenario.name, candidate.name);
            }
        }
    }
    println!("{}", report.markdown());
    if let Some(path) = &settings.json {
        write(path, &report.json(settings))?;
    }
    if let Some(folder) = &settings.charts {
        for (name, svg) in report.charts(&settings.scenarios) {
            write(&folder.join(name), &svg)?;
        }
    }
    Ok(report)
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Fault> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn help() -> String {
    let scenarios = SCENARIOS.iter().map(|scenario| format!("  {:14} {}\n", scenario.name, scenario.summary));
    format!("load [OPTION…] [SCENARIO…]     without a scenario: all\n\n{}\n{OPTIONS}", scenarios.collect::<String>())
}

fn settings(words: &[String]) -> Result<Settings, Fault> {
    let mut settings = Settings {
        version: Version::V3,
        seconds: 1.0,
        rounds: 3,
        publishers: None,
        subscribers: None,
        topics: None,
        qos: None,
        payload_bytes: 64,
        window: None,
        counts: None,
        rate: 20_000,
        patience: Duration::from_secs(5),
        configuration: String::new(),
        pins: Pins::apart(),
        open_files_max: target::raise_open_files(),
        json: None,
        charts: None,
        candidates: Vec::new(),
        scenarios: Vec::new(),
    };
    let mut peers = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == word) {
            settings.scenarios.push(scenario);
            continue;
        }
        if word == "--no-pin" {
            settings.pins = None;
            continue;
        }
        let value = || words.clone().next().ok_or(format!("{word}: no value"));
        match word.as_str() {
            "--midge" => settings.candidates.push(midge(value()?)),
            "--peer" => peers.push(peer(value()?)?),
            "--seconds" => settings.seconds = number(word, value()?)?,
            "--rounds" => settings.rounds = number(word, value()?)?,
            "--protocol" => settings.version = version(value()?)?,
            "--publishers" => settings.publishers = Some(count(word, value()?)?),
            "--subscribers" => settings.subscribers = Some(count(word, value()?)?),
            "--topics" => settings.topics = Some(count(word, value()?)?),
            "--qos" => settings.qos = Some(number::<u8>(word, value()?)?.min(2)),
            "--payload" => settings.payload_bytes = count(word, value()?)?.max(STAMP_BYTES),
            "--window" => settings.window = Some(count(word, value()?)?),
            "--count" => settings.counts = Some(counts(word, value()?)?),
            "--rate" => settings.rate = count(word, value()?)?,
            "--patience" => settings.patience = Duration::from_secs_f64(number(word, value()?)?),
            "--configuration" => settings.configuration = value()?.clone(),
            "--json" => settings.json = Some(value()?.into()),
            "--charts" => settings.charts = Some(value()?.into()),
            "--server-cores" => {
                let pins = settings.pins.as_mut().ok_or("--server-cores: there is only one core")?;
                pins.server = cores(word, value()?)?;
            }
            _ => return Err(format!("{word}: no such scenario or option\n\n{}", help())),
        }
        words.next();
    }
    if settings.candidates.is_empty() {
        settings.candidates.push(midge(&midge_program().to_string_lossy()));
    }
    settings.candidates.append(&mut peers);
    if settings.scenarios.is_empty() {
        settings.scenarios = SCENARIOS.iter().collect();
    }
    let wants_bare_loop = settings.scenarios.iter().any(|scenario| scenario.keeps == Keeps::LikeBareLoop);
    if wants_bare_loop && settings.version == Version::V3 {
        settings.candidates.push(bare_loop()?);
    }
    Ok(settings)
}

fn midge(program: &str) -> Candidate {
    candidate("Midge", program, &["-c", "{config}"], true)
}

fn bare_loop() -> Result<Candidate, Fault> {
    let own = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    Ok(candidate("bare loop", &own.to_string_lossy(), &[bare::FLAG, "{port}", "{folder}"], false))
}

fn candidate(name: &str, program: &str, arguments: &[&str], is_broker: bool) -> Candidate {
    let command = [program].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
    Candidate { name: name.to_owned(), command, is_broker }
}

fn peer(value: &str) -> Result<Candidate, Fault> {
    let (name, command) = value.split_once('=').ok_or("--peer: NAME=COMMAND is wanted")?;
    let command = command.split_whitespace().map(str::to_owned).collect();
    Ok(Candidate { name: name.to_owned(), command, is_broker: true })
}

fn version(value: &str) -> Result<Version, Fault> {
    match value {
        "3.1.1" => Ok(Version::V3),
        "5" => Ok(Version::V5),
        _ => Err("--protocol: 3.1.1 or 5".to_owned()),
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, Fault> {
    value.parse().map_err(|_| format!("{option}: {value} is no number that fits"))
}

fn count(option: &str, value: &str) -> Result<usize, Fault> {
    number::<usize>(option, value).map(|count| count.max(1))
}

fn counts(option: &str, value: &str) -> Result<Vec<usize>, Fault> {
    value.split(',').map(|value| count(option, value)).collect()
}

fn cores(option: &str, value: &str) -> Result<Vec<usize>, Fault> {
    value.split(',').map(|value| number(option, value)).collect()
}

const OPTIONS: &str = "\
  --midge PROGRAM        instead of building midge with this program's profile
  --peer NAME=COMMAND    measure this one too; {port} and {config} (a mosquitto.conf) stand for themselves
  --rounds N             3; servers take turns in each; medians are printed
  --seconds S            1; of each measurement, behind a warm-up of a third
  --protocol V           3.1.1 (default) or 5
  --publishers N, --subscribers N, --topics N, --qos N, --window N
                         instead of the scenario's; --publishers also for the places of churn
  --payload BYTES        64
  --count N,N,…          instead of the counts of connections, subscriptions, retained, absent, recovery
  --rate N               20000; messages per second in connections
  --configuration LINES  more configuration for the servers
  --patience S           5; give up when nothing comes for so long
  --server-cores N,N,…   instead of the last one
  --no-pin               leave cores to the system; then nothing spins
  --json FILE            write every figure of every round
  --charts FOLDER        draw the curves of connections and subscriptions as SVG";
