//! Failed logins slow down the address they come from: whoever guesses passwords has to wait before each next guess is even
//! looked at.
//!
//! What must hold: the first few failures cost nothing, because people mistype; nobody waits longer than the operator said, so
//! that others behind the same address come in all the same; what happened is forgotten with time; memory is bounded, and a
//! crowd of addresses forgets those first that failed least.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midge_net::Address;

/// See the module. One for all shards.
pub(crate) struct Failures {
    delay_ms_max: AtomicU64,
    key: RandomState,
    /// Empty until the first failure.
    sets: Mutex<Vec<Set>>,
}

/// The addresses whose hashes begin alike.
type Set = [Entry; WAYS];

/// What is known of one address.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Keyed hash of the address; 0: free.
    address: u64,
    failures: u32,
    /// When one of them was last added or forgotten.
    at_ms: u64,
}

impl Default for Failures {
    fn default() -> Failures {
        Failures::new(0)
    }
}

impl Failures {
    /// `delay_ms_max`: the longest that anybody waits; 0: nobody waits, and nothing is remembered.
    pub(crate) fn new(delay_ms_max: u64) -> Failures {
        Failures { delay_ms_max: AtomicU64::new(delay_ms_max), key: RandomState::new(), sets: Mutex::default() }
    }

    /// From now on nobody waits longer than this.
    pub(crate) fn set_delay_ms_max(&self, delay_ms_max: u64) {
        self.delay_ms_max.store(delay_ms_max, Ordering::Relaxed);
    }

    fn delay_ms_max(&self) -> u64 {
        self.delay_ms_max.load(Ordering::Relaxed)
    }

    /// A login from this address has failed.
    pub(crate) fn add(&self, address: &Address, now_ms: u64) {
        let Some(hash) = self.hash(address) else { return };
        let mut sets = self.sets();
        if sets.is_empty() {
            sets.resize(SETS, Set::default());
        }
        let set = &mut sets[set_of(hash)];
        set.iter_mut().for_each(|entry| entry.forget(now_ms));
        let known = set.iter().position(|entry| entry.address == hash);
        let least = || (0..WAYS).min_by_key(|way| (set[*way].failures, set[*way].at_ms)).unwrap_or(0);
        let entry = &mut set[known.unwrap_or_else(least)];
        if entry.address != hash {
            *entry = Entry { address: hash, ..Entry::default() };
        }
        entry.failures = (entry.failures + 1).min(FAILURES_MAX);
        entry.at_ms = now_ms;
    }

    /// How long the next login from this address has to wait.
    pub(crate) fn delay_ms(&self, address: &Address, now_ms: u64) -> u64 {
        let Some(hash) = self.hash(address) else { return 0 };
        let mut sets = self.sets();
        let Some(set) = sets.get_mut(set_of(hash)) else { return 0 };
        let Some(entry) = set.iter_mut().find(|entry| entry.address == hash) else { return 0 };
        entry.forget(now_ms);
        let doublings = entry.failures.checked_sub(FAILURES_FREE + 1);
        doublings.map_or(0, |doublings| (DELAY_MS << doublings).min(self.delay_ms_max()))
    }

    /// `None` where nothing is counted. Of IPv6 the network counts: whoever has one address has all of it.
    fn hash(&self, address: &Address) -> Option<u64> {
        let hash = match address {
            _ if self.delay_ms_max() == 0 => return None,
            Address::V4(ip, _) => self.key.hash_one(ip.octets()),
            Address::V6(address) => self.key.hash_one(&address.ip().octets()[..NETWORK_BYTES]),
            Address::Unix(_) => return None,
        };
        Some(hash.max(1))
    }

    fn sets(&self) -> MutexGuard<'_, Vec<Set>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn forget(&mut self, now_ms: u64) {
        let forgotten = now_ms.saturating_sub(self.at_ms) / FORGET_MS;
        self.failures = self.failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX));
        self.at_ms += forgotten * FORGET_MS;
    }
}

fn set_of(hash: u64) -> usize {
    // Not the bits by which hashes of one set differ most.
    (hash >> 40) as usize % SETS
}

/// 65,536 addresses, 1.5 MB.
const SETS: usize = 65_536 / WAYS;
const WAYS: usize = 8;

/// A site has at least a network of 64 bits.
const NETWORK_BYTES: usize = 8;

/// Mistakes that cost nothing.
const FAILURES_FREE: u32 = 3;

/// Beyond this they count no more, so that what others did at an address is forgotten within minutes.
const FAILURES_MAX: u32 = 10;

/// The first delay; each further failure doubles it.
const DELAY_MS: u64 = 100;

/// One failure is forgotten.
const FORGET_MS: u64 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

    fn v4(last: u8) -> Address {
        Address::V4(Ipv4Addr::new(192, 0, 2, last), 4711)
    }

    fn v6(network: u16, host: u16) -> Address {
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host);
        Address::V6(Box::new(SocketAddrV6::new(ip, 4711, 0, 0)))
    }

    #[test]
    fn delays_grow_with_failures_up_to_a_bound() {
        let failures = Failures::new(3_000);
        let delays: Vec<u64> = (0..12)
            .map(|_| {
                failures.add(&v4(1), 0);
                failures.delay_ms(&v4(1), 0)
            })
            .collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000, 3_000]);
        assert_eq!(failures.delay_ms(&v4(2), 0), 0, "others do not wait");
    }

    #[test]
    fn what_happened_is_forgotten() {
        let failures = Failures::new(3_000);
        (0..20).for_each(|_| failures.add(&v4(1), 1_000));
        let delay = |seconds: u64| failures.delay_ms(&v4(1), 1_000 + seconds * 1_000);
        assert_eq!([delay(29), delay(60), delay(120), delay(210)], [3_000, 1_600, 400, 0]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failures = Failures::new(3_000);
        (0..4).for_each(|host| failures.add(&v6(1, host), 0));
        assert_eq!([failures.delay_ms(&v6(1, 99), 0), failures.delay_ms(&v6(2, 0), 0)], [100, 0]);
    }

    #[test]
    fn a_crowd_of_addresses_does_not_hide_one_that_failed_often() {
        let failures = Failures::new(3_000);
        (0..8).for_each(|_| failures.add(&v4(1), 0));
        for number in 0..300_000_u32 {
            failures.add(&Address::V4(Ipv4Addr::from(number), 1), 0);
        }
        assert_eq!(failures.delay_ms(&v4(1), 0), 1_600);
    }

    #[test]
    fn where_nobody_is_to_wait_nothing_is_remembered() {
        let failures = Failures::default();
        (0..20).for_each(|_| failures.add(&v4(1), 0));
        assert_eq!(failures.delay_ms(&v4(1), 0), 0);
        assert!(failures.sets().is_empty());
    }
}
