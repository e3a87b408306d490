//! The server is killed (SIGKILL) at a random moment of the load, and started again.
//!
//! `cargo test` makes ten rounds; `cargo xtask kill` makes a hundred, or as many as follow.

use crate::campaign::Campaign;

#[test]
fn what_was_acknowledged_survives_kills() {
    check("always");
}

/// Written is enough: the system keeps what a process that is killed has written.
#[test]
fn what_was_acknowledged_survives_kills_also_unsynced() {
    check("os");
}

#[track_caller]
fn check(sync: &'static str) {
    let campaign = Campaign { rounds: rounds(), sync, shards: 2, cuts_power: false, pahos: vec![1, 2] };
    let outcome = campaign.run();
    println!("{outcome}");
    assert!(outcome.is_good(), "{outcome}");
    assert!(outcome.reconnections > u64::from(campaign.rounds), "{outcome}");
}

/// How many times a server is ended in each campaign.
pub(crate) fn rounds() -> u32 {
    let rounds = std::env::var("MIDGE_KILL_ROUNDS").ok();
    rounds.map_or(ROUNDS, |text| text.parse().expect("MIDGE_KILL_ROUNDS is a number"))
}

const ROUNDS: u32 = 10;
