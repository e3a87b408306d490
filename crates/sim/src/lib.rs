//! A whole server world on one thread from one seed: shards, connections, clients, time; and checkers of what was promised.
//!
//! The shards are those of the real server (`midge_broker::Shard` around one `Shared`), each a coroutine that may be held up
//! before every use of what shards share ([`coroutine`](self)). Everything that chance decides comes from the seed, so that a
//! history that breaks a promise is found again as often as one likes, with a log of every step:
//!
//! ```text
//! cargo xtask sim 10000
//! cargo xtask sim --seed 4711
//! ```
//!
//! To read: `world` (the life of a world), `settings` (what seeds choose), `server/lane` (a shard's turn), `client/deeds` and
//! `client/receive` (what clients do and expect), `record` (what is checked). Left to others: what the network's packets mean
//! for bytes, files and threads, which the real server's tests look at.

mod client;
mod coroutine;
mod ground;
mod network;
mod random;
mod record;
mod server;
mod settings;
mod topics;
mod world;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use world::World;

/// A seed whose world broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\nSee it happen: cargo xtask sim --seed {}", self.what, self.seed)
    }
}

/// Lives through the world of a seed. With `is_traced` everything that happens is printed.
pub fn run(seed: u64, is_traced: bool) -> Result<(), Failure> {
    let mut world = None;
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| world.insert(World::new(seed, is_traced)).run()));
    // Not while a panic goes through here: shards that are held up are unwound when they are dropped.
    drop(world);
    let what = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without words"))
        }
    };
    Err(Failure { seed, what })
}

/// The same for tests: a promise that is broken is a panic that tells how to see it happen.
#[track_caller]
pub fn check(seed: u64) {
    if let Err(failure) = run(seed, false) {
        panic!("{failure}");
    }
}
