//! `midge-sim [COUNT] [--seed N] [--from N]`: lives through many worlds, or shows one.

use std::process::ExitCode;
use std::time::Instant;

/// What is asked for.
struct Asked {
    count: u64,
    from: u64,
    seed: Option<u64>,
}

fn main() -> ExitCode {
    match asked() {
        Ok(Asked { seed: Some(seed), .. }) => report(midge_sim::run(seed, true)),
        Ok(Asked { count, from, .. }) => run_many(from, count),
        Err(error) => {
            eprintln!("{error}\nUsage: cargo xtask sim [COUNT] [--from N] [--seed N]");
            ExitCode::from(2)
        }
    }
}

fn asked() -> Result<Asked, lexopt::Error> {
    use lexopt::prelude::*;
    let mut asked = Asked { count: 10_000, from: 0, seed: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(count) => asked.count = count.parse()?,
            Long("from") => asked.from = arguments.value()?.parse()?,
            Long("seed") => asked.seed = Some(arguments.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(asked)
}

fn run_many(from: u64, count: u64) -> ExitCode {
    let began = Instant::now();
    let mut told = began;
    let mut failures = 0;
    for seed in from..from + count {
        if let Err(failure) = midge_sim::run(seed, false) {
            failures += 1;
            println!("seed {seed}: {failure}");
        }
        let done = seed - from + 1;
        if told.elapsed().as_secs() >= 5 || done == count {
            told = Instant::now();
            let rate = done as f64 / began.elapsed().as_secs_f64();
            println!("{done} of {count} seeds, {failures} broke a promise, {rate:.0} a second");
        }
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(outcome: Result<(), midge_sim::Failure>) -> ExitCode {
    match outcome {
        Ok(()) => {
            println!("every promise was kept");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
