//! Kills and power cuts for longer than a test may take: the code of ordinary tests, of which every `cargo test` makes a short run.

use crate::long::{is_number, long_test};

/// `cargo xtask kill [ROUNDS]`.
pub(crate) fn kill(arguments: &[String]) -> bool {
    let rounds = match arguments {
        [] => ROUNDS,
        [rounds] if is_number(rounds) => rounds.as_str(),
        _ => {
            eprintln!("cargo xtask kill [ROUNDS]");
            return false;
        }
    };
    long_test("durability", "what_was_acknowledged_survives", ("MIDGE_KILL_ROUNDS", rounds))
}

const ROUNDS: &str = "100";
