//! A whole server world on one thread from one seed: shards, connections, clients, time; and checkers of what was promised.
//!
//! The shards are those of the real server (`midge_broker::Shard` around one `Shared`), each a coroutine that may be held up
//! before every use of what shards share ([`coroutine`](self)); so are the threads of the log, which `midge_persistence` decides
//! for here and there. Disks fail, lose power, and fill up. Everything that chance decides comes from the seed, so that a
//! history that breaks a promise is found again as often as one likes, with a log of every step:
//!
//! ```text
//! cargo xtask sim 10000
//! cargo xtask sim --seed 4711
//! ```
//!
//! To read: `world` (the life of a world), `settings` (what seeds choose), `server/lane` (a shard's turn), `client/deeds` and
//! `client/receive` (what clients do and expect), `library` (programs with our client library), `service` (other systems that the server
//! hands messages on to), `record` (what is checked). Left to others: what the network's packets mean
//! for bytes, files and threads, which the real server's tests look at.

mod client;
mod coroutine;
mod disk;
mod ground;
mod library;
mod mutation;
mod network;
mod record;
mod server;
mod service;
mod settings;
mod topics;
mod world;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

pub use mutation::Mutation;
use world::World;

/// How a world is lived through.
#[derive(Clone, Copy, Default, Debug)]
pub struct How {
    /// Whether the server keeps what it acknowledges; `None`: the seed decides.
    pub is_durable: Option<bool>,
    /// A fault that is put into the server, or into the libraries.
    pub mutation: Option<Mutation>,
    /// Some of the clients are programs with our client library.
    pub has_libraries: bool,
    /// The server hands messages on to other systems.
    pub has_services: bool,
    /// Everything that happens is printed.
    pub is_traced: bool,
}

/// What a world has been through. Worlds that never see what they are for prove nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Its disk, or what the operator allowed, was small.
    pub has_little_room: bool,
    /// How often the log was full.
    pub times_full: u32,
    /// How often there was room for nothing any more but what makes room.
    pub times_scarce: u32,
    /// How often there was room again.
    pub times_room_again: u32,
    /// How often the log looked for room in vain, its reserve used up.
    pub waits_for_room: u32,
    /// How often the server could not start for lack of room.
    pub starts_without_room: u32,
    /// Messages that were refused.
    pub refusals: u32,
    /// Messages that other systems were handed; those that they had before; and how often the operator gave up one of them.
    pub points: u32,
    /// See `points`.
    pub points_again: u32,
    /// See `points`.
    pub services_given_up: u32,
}

/// A seed whose world broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// How it was lived through.
    pub how: How,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = match self.how.is_durable {
            None => "",
            Some(true) => " --disk",
            Some(false) => " --memory",
        };
        let mutation = self.how.mutation.map_or(String::new(), |mutation| format!(" --mutation {mutation:?}"));
        let library = if self.how.has_libraries { " --library" } else { "" };
        let services = if self.how.has_services { " --services" } else { "" };
        write!(
            out,
            "{}\nSee it happen: cargo xtask sim --seed {}{disk}{library}{services}{mutation}",
            self.what, self.seed
        )
    }
}

/// Lives through the world of a seed.
pub fn run(seed: u64, how: How) -> Result<Seen, Failure> {
    let mut world = None;
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| world.insert(World::new(seed, how)).run()));
    // Not while a panic goes through here: shards that are held up are unwound when they are dropped.
    drop(world);
    let what = match outcome {
        Ok(Ok(seen)) => return Ok(seen),
        Ok(Err(what)) => what,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            format!("panic: {}", text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without words"))
        }
    };
    Err(Failure { seed, how, what })
}

/// The same for tests: a promise that is broken is a panic that tells how to see it happen.
#[track_caller]
pub fn check(seed: u64, how: How) {
    if let Err(failure) = run(seed, how) {
        panic!("{failure}");
    }
}
