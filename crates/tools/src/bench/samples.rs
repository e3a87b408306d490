//! Reports of fixed figures, for tests of what is made of reports.

use std::time::Duration;

use midge_codec::{QoS, Version};

use super::report::Report;
use super::round::{End, Faults, Measurement, ServerCost};
use super::scenario::{Pace, Plan, Scenario, Until};
use super::streams::Shape;
use super::worker::{Cost, histogram};

/// One round of these servers, which are all alike.
pub(super) fn report(names: &[&str]) -> Report {
    let mut report = Report::new(plan(1), names.iter().map(|name| (name.to_string(), "localhost:1883".to_owned())));
    (0..names.len()).for_each(|server| report.add(server, measurement(1)));
    report
}

/// A good server, and one that is slower in all three rounds and loses messages in the first.
pub(super) fn two() -> Report {
    let servers = [("Midge", "localhost:1883"), ("slow", "localhost:1884")];
    let mut report =
        Report::new(plan(3), servers.iter().map(|(name, address)| (name.to_string(), address.to_string())));
    for round in 0..3 {
        report.add(0, measurement(1));
        let mut slow = measurement(4);
        if round == 0 {
            slow.faults = Faults { lost: 3, reordered: 1, ..Faults::default() };
            slow.end = End::Stalled;
        }
        slow.own.idle_ns = slow.own.busy_ns / 19;
        slow.own.cpu_ns = slow.own.busy_ns * 20 / 19;
        report.add(1, slow);
    }
    report
}

fn plan(rounds: usize) -> Plan {
    Plan {
        scenario: Scenario::PubSub,
        version: Version::V311,
        qos: QoS::AtLeastOnce,
        payload_bytes: 64,
        shape: Shape { publishers: 10, subscribers: 10, topics: 10, ..Shape::default() },
        pace: Pace::Window(100),
        until: Until::Elapsed { warm_up: Duration::ZERO, measured: Duration::from_secs(4) },
        rounds,
        threads: 1,
        sleeps: false,
    }
}

/// So many times slower than the best.
fn measurement(slowness: u64) -> Measurement {
    let mut latency = histogram();
    latency.record_n(400_000 * slowness, 100).expect("within its bounds");
    let done = 1_000_000 / slowness;
    Measurement {
        seconds: 4.0,
        done,
        latency,
        entered_per_second: Some(1000.0),
        server: Some(ServerCost { cpu_ns: 500_000_000, resident_bytes: 8_000_000, clients_bytes: 80_000 }),
        own: Cost { cpu_ns: 400_000_000, busy_ns: 200_000_000, idle_ns: 200_000_000 },
        faults: Faults::default(),
        behind: 0,
        course: (1..=4).map(|second| (second as f64, done / 4 * second)).collect(),
        end: End::Complete,
    }
}
