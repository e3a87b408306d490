//! The example `load` measures: every scenario in small against the real server. And it fails when a server discards messages,
//! or its figures would be worth nothing.

use std::fs;
use std::process::{Command, Output};

use midge_testkit::environment::{load_program, midge_program, scratch_folder};

#[test]
fn every_scenario_gives_figures() {
    for protocol in ["3.1.1", "5"] {
        let folder = scratch_folder(&format!("load-smoke-{protocol}"));
        let json = folder.join("results.json");
        let output = load(&[
            &["--protocol", protocol, "--json", &json.to_string_lossy(), "--charts", &folder.to_string_lossy()],
            SMALL,
        ]);
        let table = said(&output.stdout);
        assert!(output.status.success(), "{table}\n{}", said(&output.stderr));
        let json = fs::read_to_string(json).expect("the figures were written");
        for scenario in SCENARIOS {
            assert!(table.contains(&format!("\n| {scenario} |")), "{scenario}: {table}");
            assert!(json.contains(&format!("\"scenario\": \"{scenario}\"")), "{scenario}: {json}");
        }
        assert!(!table.contains("NaN") && json.contains("\"faults\": []"), "{table}\n{json}");
        for chart in ["connections.svg", "subscriptions.svg"] {
            let svg = fs::read_to_string(folder.join(chart)).expect("the chart was drawn");
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
            assert_eq!(svg.matches("<circle").count(), 2, "a dot for each count: {svg}");
        }
    }
}

#[test]
fn a_server_that_discards_messages_gives_no_figures() {
    // Two messages fit for a subscriber; a hundred come at once.
    let bounds = "max_inflight_messages 1\nmax_queued_messages 1";
    let output = load(&[&["pubsub-1", "--patience", "0.5", "--configuration", bounds], SMALL]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stderr));
    let table = said(&output.stdout);
    assert!(table.contains("FAILED: pubsub-1, Midge:") && !table.contains("\n| pubsub-1 |"), "{table}");
}

#[test]
fn what_is_not_understood_is_refused() {
    for (words, expected) in [
        (["--rounds", "many"], "--rounds: many is no number that fits"),
        (["--brew", "tea"], "--brew: no such scenario or option"),
        (["pubsub", "--qos"], "--qos: no value"),
    ] {
        let output = load(&[&words]);
        assert_eq!(output.status.code(), Some(2));
        let said = said(&output.stderr);
        assert!(said.starts_with(expected), "{said}");
    }
}

fn load(arguments: &[&[&str]]) -> Output {
    let mut command = Command::new(load_program());
    command.arg("--midge").arg(midge_program()).args(arguments.concat());
    command.output().expect("it starts")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fractions of a second, few clients, and cores left to the other tests.
const SMALL: &[&str] = &[
    "--rounds",
    "1",
    "--seconds",
    "0.05",
    "--no-pin",
    "--publishers",
    "4",
    "--subscribers",
    "6",
    "--topics",
    "4",
    "--count",
    "20,50",
    "--rate",
    "2000",
];

const SCENARIOS: [&str; 9] =
    ["pubsub", "pubsub-1", "pubsub-2", "fanout", "fanin", "churn", "retained", "connections", "subscriptions"];
