//! What is worth running for longer than a test may take: endurance, and the fuzz targets.
//!
//! Both are the code of ordinary tests, of which every `cargo test` makes a short run.

use std::process::{Command, Stdio};

use crate::{cargo, workspace};

/// `cargo xtask endurance [SECONDS]`, with `--connections [NUMBER]`, `--reloads [SECONDS]` or `--pipe [MEGABYTES]` other tests.
pub(crate) fn endurance(arguments: &[String]) -> bool {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (kind, number) = match words[..] {
        [] => ("", None),
        [number] if is_number(number) => ("", Some(number)),
        [kind] => (kind, None),
        [kind, number] if is_number(number) => (kind, Some(number)),
        _ => ("--help", None),
    };
    let run = |file, test, variable, usual| long_test(file, test, (variable, number.unwrap_or(usual)));
    match kind {
        "" => run("endurance", "nothing_is_lost_and_memory_does_not_grow", "MIDGE_ENDURANCE_SECONDS", "600"),
        "--reloads" => run("endurance", "reloads_without_end_are_not_noticed", "MIDGE_RELOAD_SECONDS", "60"),
        "--connections" => {
            run("hostile", "thousands_who_say_nothing_harm_nobody", "MIDGE_HOSTILE_CONNECTIONS", "19000")
        }
        "--pipe" => run(
            "pub_sub_rr",
            "no_line_of_a_long_pipe_is_lost_when_the_server_is_killed",
            "MIDGE_PIPE_MEGABYTES",
            "1000",
        ),
        _ => {
            eprintln!(
                "cargo xtask endurance [SECONDS] | --reloads [SECONDS] | --connections [NUMBER] | --pipe [MEGABYTES]"
            );
            false
        }
    }
}

/// `cargo xtask fuzz TARGET [SECONDS]`.
pub(crate) fn fuzz(arguments: &[String]) -> bool {
    let targets = targets();
    let (target, seconds) = match arguments {
        [target] => (target, "600"),
        [target, seconds] if is_number(seconds) => (target, seconds.as_str()),
        _ => {
            eprintln!("cargo xtask fuzz TARGET [SECONDS], TARGET one of: {}", targets.join(" "));
            return false;
        }
    };
    if !targets.contains(target) {
        eprintln!("cargo xtask fuzz: no target {target}; there are: {}", targets.join(" "));
        return false;
    }
    if let Err(remedy) = can_fuzz() {
        eprintln!(
            "cargo xtask fuzz: {remedy}\nUntil then every `cargo test --workspace` makes a short run of each target."
        );
        return false;
    }
    let mut fuzz = nightly();
    fuzz.args(["fuzz", "run", "--fuzz-dir", "fuzz", target, "--"]).arg(format!("-max_total_time={seconds}"));
    succeeds(&mut fuzz)
}

/// A test with the profile that users run, and with what it prints.
pub(crate) fn long_test(file: &str, name: &str, (variable, value): (&str, &str)) -> bool {
    let mut test = Command::new(cargo());
    test.args(["test", "--release", "--package", "midge-testkit", "--test", file, "--", "--nocapture", name]);
    test.env(variable, value);
    succeeds(&mut test)
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets() -> Vec<String> {
    let files = std::fs::read_dir(workspace().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        files.filter_map(|file| file.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned)).collect();
    names.sort();
    names
}

/// What is missing, and how to get it.
fn can_fuzz() -> Result<(), &'static str> {
    if !is_quietly_successful(nightly().arg("--version")) {
        return Err("it needs a nightly compiler, because libFuzzer's instrumentation is not stable: \
                    `rustup toolchain install nightly`");
    }
    if !is_quietly_successful(nightly().args(["fuzz", "--version"])) {
        return Err("it needs cargo-fuzz: `cargo install cargo-fuzz --locked`");
    }
    Ok(())
}

/// Cargo of the nightly toolchain. By rustup's own name for it: the variable `CARGO` holds one certain toolchain's.
fn nightly() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

fn is_quietly_successful(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn succeeds(command: &mut Command) -> bool {
    match command.current_dir(workspace()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            false
        }
    }
}

pub(crate) fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|number| number > 0)
}
