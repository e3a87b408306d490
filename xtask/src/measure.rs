//! `cargo xtask measure`: how fast the server is and what it needs, beside Debian's mosquitto where that was set up.
//!
//! What is measured, and how, is the business of the example `load` of the crate `testkit`; here it is built like a package is,
//! and told where to leave what comes out. Figures go to `target/`; with `--write-docs` the charts are taken into the documentation.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::setup::{Failure, STAMP, disk};
use crate::{cargo, workspace};

/// Measures. Everything in the arguments but `--write-docs` goes to `load`.
pub(crate) fn measure(arguments: &[String]) -> bool {
    let for_load = arguments.iter().filter(|argument| *argument != WRITE_DOCS);
    let outcome =
        measure_into(&workspace().join("target/measure"), for_load, arguments.iter().any(|word| word == WRITE_DOCS));
    match outcome {
        Ok(is_complete) => is_complete,
        Err(Failure { what, remedy }) => {
            eprintln!("measure: {what}; {remedy}");
            false
        }
    }
}

fn measure_into<'a>(
    folder: &Path,
    arguments: impl Iterator<Item = &'a String>,
    writes_docs: bool,
) -> Result<bool, Failure> {
    fs::create_dir_all(folder).map_err(|error| disk(folder, &error))?;
    let mut load = Command::new(cargo());
    load.args(["run", "--profile", "dist", "--package", "midge-testkit", "--example", "load", "--"])
        .current_dir(workspace())
        .arg("--json")
        .arg(folder.join("results.json"))
        .arg("--charts")
        .arg(folder);
    match mosquitto() {
        Some(peer) => drop(load.arg("--peer").arg(peer)),
        None => eprintln!("measure: without Debian's mosquitto beside it; `cargo xtask setup` fetches that"),
    }
    let status = load.args(arguments).status();
    let status = status.map_err(|error| Failure::new(format!("cargo run: {error}"), "see that cargo is there"))?;
    if status.success() && writes_docs {
        copy_charts(folder, &workspace().join("docs/performance"))?;
    }
    Ok(status.success())
}

/// Debian's mosquitto as `load` wants it, named with its version. Its path is below the workspace's folder, which is the working
/// directory, so that a space in the path to there does no harm.
fn mosquitto() -> Option<String> {
    let folder = workspace().join("target/debian");
    let program = "target/debian/bin/mosquitto";
    if !folder.join(STAMP).exists() || !workspace().join(program).exists() {
        return None;
    }
    // It says its version along with its usage, and fails after that.
    let usage = Command::new(workspace().join(program)).arg("-h").output().ok()?;
    let usage = String::from_utf8_lossy(&usage.stdout).into_owned();
    let version = usage.lines().next()?.rsplit(' ').next()?.to_owned();
    Some(format!("Mosquitto {version}={program} -c {{config}}"))
}

fn copy_charts(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(|error| disk(to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| disk(from, &error))?.flatten() {
        let chart = entry.path();
        if chart.extension().is_some_and(|ending| ending == "svg") {
            let copy = to.join(entry.file_name());
            fs::copy(&chart, &copy).map_err(|error| disk(&copy, &error))?;
            println!("measure: wrote {}", copy.display());
        }
    }
    Ok(())
}

const WRITE_DOCS: &str = "--write-docs";
