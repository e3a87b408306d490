//! What developers run: `cargo xtask WORD`.
//!
//! Its main job: make a fresh machine able to run every test, and run them with skips forbidden. All that is fetched goes under
//! `target/` and nothing but chromium is installed on the machine, so `cargo clean` undoes it. Where tests find these things is written down
//! once more in `crates/testkit/src/environment.rs`: the two must name the same places.
//!
//! Reading order: this file (the commands), `setup.rs` (what is set up, and how a step reports), then one file for each kind of
//! thing: `debian.rs`, `chromium.rs`, `python.rs`, `node.rs`, `tools.rs`. What runs for long is in `long.rs`, and
//! what measures in `measure.rs`; `sim.rs` runs the simulator, `manual.rs` writes a page.

mod chromium;
mod debian;
mod kill;
mod long;
mod manual;
mod measure;
mod node;
mod python;
mod setup;
mod sim;
mod tools;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// A word that can follow `cargo xtask`.
struct Word {
    name: &'static str,
    summary: &'static str,
    /// Gets the arguments behind the word; says whether all went well.
    run: fn(&[String]) -> bool,
}

const WORDS: &[Word] = &[
    Word {
        name: "test",
        summary: "set up what tests need, then run every test, none skipped (further arguments go to cargo test)",
        run: |arguments| setup::all() && test(arguments) && loom() && with_openssl() && with_otlp(),
    },
    Word {
        name: "setup",
        summary: "only set up, under target/: Debian's mosquitto, NATS and OpenSSL, clients in C, Go, Python and JavaScript, cargo-deny",
        run: |_| setup::all(),
    },
    Word {
        name: "endurance",
        summary: "clients that come and go for [SECONDS], by default 600; `--reloads [SECONDS]`, `--connections [NUMBER]`, `--pipe [MEGABYTES]`",
        run: long::endurance,
    },
    Word {
        name: "kill",
        summary: "[ROUNDS], by default 100: kills and power cuts in the middle of the load, nothing acknowledged may be lost",
        run: kill::kill,
    },
    Word {
        name: "fuzz",
        summary: "TARGET [SECONDS]: bytes at random through one of the parsers (files in fuzz/fuzz_targets)",
        run: long::fuzz,
    },
    Word {
        name: "sim",
        summary: "[COUNT] [--from N] [--disk | --memory] [--services]: simulated worlds, by default 10000; `--seed N` shows one",
        run: sim::sim,
    },
    Word {
        name: "measure",
        summary: "speed and memory, beside Debian's mosquitto; `--help` shows scenarios, `--write-docs` keeps the charts",
        run: measure::measure,
    },
    Word { name: "manual", summary: "write docs/mosquitto.conf.md from the table of directives", run: manual::write },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = arguments.first().and_then(|name| WORDS.iter().find(|word| word.name == name));
    match (word, arguments.first()) {
        (Some(word), _) if (word.run)(&arguments[1..]) => ExitCode::SUCCESS,
        (Some(_), _) => ExitCode::FAILURE,
        (None, None) => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        (None, Some(unknown)) => {
            eprintln!("cargo xtask {unknown}: no such command.\n{}", help());
            ExitCode::from(2)
        }
    }
}

fn help() -> String {
    let lines = WORDS.iter().map(|word| format!("  cargo xtask {:9} {}", word.name, word.summary));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every test of the workspace. With `MIDGE_TESTS_NO_SKIP` a test that lacks something fails instead of being skipped, and with
/// [`SEED`] tests of properties draw the same values each time: what a change broke is not left to luck.
fn test(arguments: &[String]) -> bool {
    let seed = std::env::var(SEED).unwrap_or_else(|_| "1".to_string());
    let status = cargo_for_tests()
        .args(["test", "--workspace"])
        .args(arguments)
        .env("MIDGE_TESTS_NO_SKIP", "1")
        .env(SEED, seed)
        .status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cargo test: {error}");
            false
        }
    }
}

/// What proptest takes for its seed.
const SEED: &str = "PROPTEST_RNG_SEED";

/// The inboxes between shards under every interleaving of threads; loom wants a build of its own.
fn loom() -> bool {
    let status = cargo_for_tests()
        .args(["test", "--package", "midge-broker", "--lib", "--target-dir", "target/loom", "mesh::loom_tests"])
        .env("RUSTFLAGS", "--cfg loom")
        .status();
    status.is_ok_and(|status| status.success())
}

/// What is compiled only with the cargo feature `openssl`. A server with it is built by the tests of the workspace.
fn with_openssl() -> bool {
    let packages = ["midge-config", "midge-net", "midge-client-transport", "midge-tools"];
    let has_openssl = packages.iter().flat_map(|package| ["--package", package]).chain(["--features", "openssl"]);
    let has_openssl: Vec<_> = has_openssl.collect();
    cargo_with_openssl(&[&["test"], &has_openssl[..], &["--lib", "--test", "config"]].concat())
        && cargo_with_openssl(
            &[&["clippy", "--quiet", "--all-targets"], &has_openssl[..], &["--", "-D", "warnings"]].concat(),
        )
}

/// The same for the cargo feature `otlp`.
fn with_otlp() -> bool {
    let run = |arguments: &[&str]| cargo_for_tests().args(arguments).status().is_ok_and(|status| status.success());
    let packages = ["--package", "midge-config", "--package", "midge-server", "--features", "otlp"];
    run(&[&["test"], &packages[..], &["--lib", "--test", "config"]].concat())
        && run(&[&["clippy", "--quiet", "--all-targets"], &packages[..], &["--", "-D", "warnings"]].concat())
}

fn cargo_with_openssl(arguments: &[&str]) -> bool {
    // As in `environment.rs`: where OPENSSL_DIR changes, aws-lc is compiled anew.
    let platform = format!("{}_UNKNOWN_LINUX_GNU", std::env::consts::ARCH.to_uppercase());
    let status = cargo_for_tests()
        .args(arguments)
        .env(format!("{platform}_OPENSSL_DIR"), workspace().join("target/openssl"))
        .env(format!("{platform}_OPENSSL_STATIC"), "1")
        .status();
    status.is_ok_and(|status| status.success())
}

/// Cargo in the workspace's folder, for all that makes up the test run. What would make a second compilation quicker takes more
/// room on the disk than all else together, and a machine that tests a change compiles once.
fn cargo_for_tests() -> Command {
    let mut cargo = Command::new(cargo());
    cargo.current_dir(workspace());
    if std::env::var_os(INCREMENTAL).is_none() {
        cargo.env(INCREMENTAL, "0");
    }
    cargo
}

const INCREMENTAL: &str = "CARGO_INCREMENTAL";

/// The folder of the workspace's `Cargo.toml`.
fn workspace() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// The cargo that started this program.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
