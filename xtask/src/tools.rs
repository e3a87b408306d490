//! Programs for checks, built from crates.io.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::setup::{Failure, Step, disk, run};

/// Checks the licences and sources of all dependencies against `deny.toml`.
pub(crate) const CARGO_DENY: Step =
    Step { name: "cargo-deny", folder: "tools/cargo-deny", recipe: "0.20.2", make: make_cargo_deny };

fn make_cargo_deny(folder: &Path) -> Result<(), Failure> {
    let build = folder.join("build");
    let mut install = Command::new(cargo());
    install
        .args(["install", "cargo-deny", "--locked", "--version"])
        .arg(CARGO_DENY.recipe)
        // It runs for a fraction of a second: building it quickly matters more than its speed.
        .arg("--debug")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .arg("--root")
        .arg(folder)
        .arg("--target-dir")
        .arg(&build);
    run(&mut install, INSTALL)?;
    fs::remove_dir_all(&build).map_err(|error| disk(&build, &error))
}

const INSTALL: &str = "needs crates.io and a C compiler; `cargo install cargo-deny` shows the whole error";
