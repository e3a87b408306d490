//! Which shard each Session lives on.
//!
//! A Client Identifier is claimed where its CONNECT was read; the claim names the shard that owns the Session and carries
//! a ticket, so that of two connections with one identifier the later claim wins wherever they arrive first. An entry
//! stays while a claimed connection is on its way (a pin), its Session lives, or the end of that is not durable yet; only the
//! owning shard removes it.

use crate::ids::ShardId;
use foldhash::quality::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The directory of all shards.
pub struct Directory {
    stripes: Box<[Mutex<HashTable<Entry>>]>,
    /// Sessions on each shard.
    sessions: Box<[AtomicU32]>,
    hasher: FixedState,
}

/// 16 bytes. Identifiers are known by a keyed hash alone: two that collide only share a shard.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    ticket: u32,
    shard: u16,
    pins: u16,
}

/// The right to connect under a Client Identifier, to be settled on the shard it names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The shard that owns the Session.
    pub shard: ShardId,
    pub(crate) hash: u64,
    pub(crate) ticket: u32,
    /// The identifier was known: a Session of it lives, or one has ended and that is perhaps not durable yet.
    pub(crate) is_known: bool,
}

const STRIPES: usize = 64;

impl Directory {
    /// An empty directory. `seed` keys the hash.
    pub fn new(shards: u16, seed: u64) -> Directory {
        Directory {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            sessions: (0..shards).map(|_| AtomicU32::new(0)).collect(),
            hasher: FixedState::with_seed(seed),
        }
    }

    /// By which a Client Identifier is known.
    pub(crate) fn hash(&self, client_id: &str) -> u64 {
        self.hasher.hash_one(client_id)
    }

    /// Claims `client_id` for a connection. An unknown identifier goes to the shard with the fewest Sessions; between
    /// equals `here` is preferred, which saves the move.
    pub(crate) fn claim(&self, client_id: &str, here: ShardId) -> Claim {
        let hash = self.hash(client_id);
        let mut stripe = self.stripe(hash);
        if let Some(entry) = stripe.find_mut(hash, |entry| entry.hash == hash) {
            entry.ticket = entry.ticket.wrapping_add(1);
            entry.pins = entry.pins.saturating_add(1);
            return Claim { shard: ShardId(entry.shard), hash, ticket: entry.ticket, is_known: true };
        }
        let shard = self.least_loaded(here);
        let entry = Entry { hash, ticket: 1, shard: shard.0, pins: 1 };
        stripe.insert_unique(hash, entry, |entry| entry.hash);
        Claim { shard, hash, ticket: 1, is_known: false }
    }

    /// A Session that lives on `shard` since before the server was started; the hash of its Client Identifier.
    pub(crate) fn restore(&self, client_id: &str, shard: ShardId) -> u64 {
        let hash = self.hash(client_id);
        let mut stripe = self.stripe(hash);
        if stripe.find(hash, |entry| entry.hash == hash).is_none() {
            let entry = Entry { hash, ticket: 0, shard: shard.0, pins: 0 };
            stripe.insert_unique(hash, entry, |entry| entry.hash);
        }
        drop(stripe);
        self.session_began(shard);
        hash
    }

    /// The claimed connection has arrived (or came to nothing). `keep`: a Session with this identifier lives.
    pub(crate) fn settle(&self, claim: &Claim, keep: bool) {
        let mut stripe = self.stripe(claim.hash);
        if let Ok(mut found) = stripe.find_entry(claim.hash, |entry| entry.hash == claim.hash) {
            let entry = found.get_mut();
            entry.pins = entry.pins.saturating_sub(1);
            if !keep && entry.pins == 0 {
                found.remove();
            }
        }
    }

    /// The owner ended its last Session under `hash`, for good: the entry goes, unless a claimed connection is on its way.
    pub(crate) fn release(&self, hash: u64) {
        let mut stripe = self.stripe(hash);
        if let Ok(found) = stripe.find_entry(hash, |entry| entry.hash == hash)
            && found.get().pins == 0
        {
            found.remove();
        }
    }

    /// Whether a Session of this Client Identifier lives somewhere, or is about to.
    pub(crate) fn knows(&self, client_id: &str) -> bool {
        self.shard_of(client_id).is_some()
    }

    /// The shard on which a Session of this Client Identifier lives, has just ended, or is about to live.
    pub fn shard_of(&self, client_id: &str) -> Option<ShardId> {
        let hash = self.hash(client_id);
        self.stripe(hash).find(hash, |entry| entry.hash == hash).map(|entry| ShardId(entry.shard))
    }

    /// A Session began on `shard`.
    pub(crate) fn session_began(&self, shard: ShardId) {
        self.sessions[usize::from(shard.0)].fetch_add(1, Ordering::Relaxed);
    }

    /// A Session ended on `shard`.
    pub(crate) fn session_ended(&self, shard: ShardId) {
        self.sessions[usize::from(shard.0)].fetch_sub(1, Ordering::Relaxed);
    }

    /// Sessions on all shards, those that are away included.
    pub fn sessions(&self) -> u64 {
        self.sessions.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum()
    }

    /// Client Identifiers that are known: those of Sessions, and of connections on their way to one.
    pub fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn least_loaded(&self, here: ShardId) -> ShardId {
        let load = |shard: ShardId| self.sessions[usize::from(shard.0)].load(Ordering::Relaxed);
        (0..self.sessions.len() as u16)
            .map(ShardId)
            .fold(here, |best, shard| if load(shard) < load(best) { shard } else { best })
    }

    fn stripe(&self, hash: u64) -> MutexGuard<'_, HashTable<Entry>> {
        self.stripes[hash as usize >> 8 & (STRIPES - 1)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_identifier_belongs_to_one_shard_and_later_claims_have_higher_tickets() {
        let directory = Directory::new(2, 1);
        let first = directory.claim("a", ShardId(1));
        assert_eq!((first.shard, first.ticket, first.is_known), (ShardId(1), 1, false));
        directory.session_began(ShardId(1));
        directory.settle(&first, true);
        let second = directory.claim("a", ShardId(0));
        assert_eq!((second.shard, second.ticket, second.is_known), (ShardId(1), 2, true));
        assert_eq!(directory.claim("b", ShardId(1)).shard, ShardId(0), "the shard with fewer Sessions");
    }

    #[test]
    fn an_entry_is_not_removed_while_a_connection_is_on_its_way() {
        let directory = Directory::new(1, 1);
        let first = directory.claim("a", ShardId(0));
        directory.settle(&first, true);
        let second = directory.claim("a", ShardId(0));
        directory.release(first.hash);
        assert_eq!(directory.claim("a", ShardId(0)).ticket, 3, "the pinned entry stayed");
        directory.settle(&second, true);
        directory.settle(&second, false);
        assert_eq!(directory.claim("a", ShardId(0)).ticket, 1, "and went with the last pin");
    }
}
