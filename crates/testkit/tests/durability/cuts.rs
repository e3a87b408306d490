//! The power is cut at a random moment of the load: what the server did not sync is gone (see `midge_testkit::powercut`).

use crate::campaign::{Campaign, Outcome};
use crate::kills::rounds;

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let outcome = cut("always");
    assert!(outcome.is_good(), "{outcome}");
}

/// The test of the test: without syncs the same campaign finds that what was acknowledged is gone.
#[test]
fn what_was_not_synced_does_not_survive_power_cuts() {
    let outcome = cut("os");
    let session_is_gone = outcome.faults.iter().any(|fault| fault.contains("comes back to its Session"));
    assert!(outcome.verdict.lost > 0 || session_is_gone, "{outcome}");
}

fn cut(sync: &'static str) -> Outcome {
    let outcome = Campaign { rounds: rounds(), sync, shards: 2, cuts_power: true, pahos: Vec::new() }.run();
    println!("{outcome}");
    assert!(outcome.power.writes > 0, "a cut that takes nothing away: {outcome}");
    outcome
}
