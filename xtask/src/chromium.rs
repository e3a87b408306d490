//! A browser for the console's page.
//!
//! It stands on a hundred libraries of the system, so it is the one thing that is installed on the machine and not unpacked below
//! `target/`. Its package starts no service.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::debian;
use crate::setup::{Failure, Step, disk, run};

pub(crate) const CHROMIUM: Step =
    Step { name: "Debian's chromium", folder: "chromium", recipe: "chromium", make: make_chromium };

fn make_chromium(folder: &Path) -> Result<(), Failure> {
    if !is_installed() && install().is_err() {
        // The package lists of a fresh machine are absent or old. As when something is downloaded, the next attempt tells.
        let updated = debian::update();
        install().map_err(|failure| updated.err().unwrap_or(failure))?;
    }
    let link = folder.join("chromium");
    symlink(PROGRAM, &link).map_err(|error| disk(&link, &error))
}

fn is_installed() -> bool {
    Command::new(PROGRAM).arg("--version").output().is_ok_and(|said| said.status.success())
}

fn install() -> Result<(), Failure> {
    let mut apt = Command::new("apt-get");
    // With the typeface that the page asks for first, so that it looks the same everywhere.
    apt.args([
        "install",
        "--yes",
        "--no-install-recommends",
        "-o",
        LOCK,
        "chromium",
        "fonts-inter",
        "fonts-dejavu-core",
    ]);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut apt, APT).map(drop)
}

/// Other programs install things too, and each in its turn.
const LOCK: &str = "DPkg::Lock::Timeout=120";
const PROGRAM: &str = "/usr/bin/chromium";
const APT: &str = "needs root and Debian's apt-get: `apt-get install chromium`, then `cargo xtask setup`";
