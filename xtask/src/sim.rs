//! Simulated worlds: many of them, or one with everything that happens in it.

use std::process::Command;

use crate::{cargo, workspace};

/// `cargo xtask sim [COUNT] [--from N] [--seed N] [--disk | --memory] [--library] [--services] [--mutation NAME]`: the words are those of the program `midge-sim`.
pub(crate) fn sim(arguments: &[String]) -> bool {
    let status = Command::new(cargo())
        .args(["run", "--quiet", "--package", "midge-sim", "--"])
        .args(arguments)
        .current_dir(workspace())
        .status();
    status.is_ok_and(|status| status.success())
}
