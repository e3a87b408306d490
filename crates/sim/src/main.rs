//! `midge-sim [COUNT] [--from N] [--seed N] [--disk | --memory] [--library] [--services] [--mutation NAME]`: lives through many worlds, or shows one.

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use midge_sim::{How, Mutation, Seen};

/// What is asked for.
struct Asked {
    count: u64,
    from: u64,
    seed: Option<u64>,
    how: How,
}

fn main() -> ExitCode {
    match asked() {
        Ok(Asked { seed: Some(seed), how, .. }) => report(midge_sim::run(seed, How { is_traced: true, ..how })),
        Ok(Asked { count, from, how, .. }) => run_many(from, count, how),
        Err(error) => {
            eprintln!(
                "{error}\nUsage: cargo xtask sim [COUNT] [--from N] [--seed N] [--disk | --memory] [--library] [--services] [--mutation NAME]"
            );
            ExitCode::from(2)
        }
    }
}

fn asked() -> Result<Asked, lexopt::Error> {
    use lexopt::prelude::*;
    let mut asked = Asked { count: 10_000, from: 0, seed: None, how: How::default() };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(count) => asked.count = count.parse()?,
            Long("from") => asked.from = arguments.value()?.parse()?,
            Long("seed") => asked.seed = Some(arguments.value()?.parse()?),
            Long("disk") => asked.how.is_durable = Some(true),
            Long("memory") => asked.how.is_durable = Some(false),
            Long("library") => asked.how.has_libraries = true,
            Long("services") => asked.how.has_services = true,
            Long("mutation") => {
                let name = arguments.value()?.string()?;
                let mutation = Mutation::ALL.into_iter().find(|mutation| format!("{mutation:?}") == name);
                asked.how.mutation = Some(mutation.ok_or("there is no such mutation")?);
            }
            other => return Err(other.unexpected()),
        }
    }
    asked.how.has_libraries |= asked.how.mutation.is_some_and(Mutation::is_of_library);
    asked.how.has_services |= asked.how.mutation.is_some_and(Mutation::is_of_service);
    Ok(asked)
}

fn run_many(from: u64, count: u64, how: How) -> ExitCode {
    let began = Instant::now();
    let mut told = began;
    let mut failures = 0;
    let mut room = Room::default();
    for seed in from..from + count {
        match midge_sim::run(seed, how) {
            Ok(seen) => room.count(&seen),
            Err(failure) => {
                failures += 1;
                println!("seed {seed}: {failure}");
            }
        }
        let done = seed - from + 1;
        if told.elapsed().as_secs() >= 5 || done == count {
            told = Instant::now();
            let rate = done as f64 / began.elapsed().as_secs_f64();
            println!("{done} of {count} seeds, {failures} broke a promise, {rate:.0} a second");
        }
    }
    println!("{room}");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// In how many worlds there was little room, and what came of it.
#[derive(Default)]
struct Room {
    little: u64,
    full: u64,
    refused: u64,
    scarce: u64,
    again: u64,
    waited: u64,
    no_start: u64,
}

impl Room {
    fn count(&mut self, seen: &Seen) {
        self.little += u64::from(seen.has_little_room);
        self.full += u64::from(seen.times_full > 0);
        self.refused += u64::from(seen.refusals > 0);
        self.scarce += u64::from(seen.times_scarce > 0);
        self.again += u64::from(seen.times_room_again > 0);
        self.waited += u64::from(seen.waits_for_room > 0);
        self.no_start += u64::from(seen.starts_without_room > 0);
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { little, full, scarce, refused, again, waited, no_start } = self;
        write!(
            f,
            "{little} worlds had little room: {full} were full, {scarce} of them to the brim, {refused} refused something, {again} had room again before \
             the server ended, {waited} used up the reserve, {no_start} could not start for a while"
        )
    }
}

fn report(outcome: Result<Seen, midge_sim::Failure>) -> ExitCode {
    match outcome {
        Ok(seen) => {
            println!("every promise was kept: {seen:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
