//! Failed logins slow down those that come from where they came from: whoever guesses passwords has to wait before each next
//! guess is even looked at.
//!
//! ```text
//! address + User Name, or address + User Name + Client Identifier of one who has been in ──▶ its lane of the address ──▶ look
//! ```
//!
//! A login goes through two gates (see [`super::gate`]). What must hold:
//!
//! - **Many connections guess no faster than one.** Of one address and User Name one guess is looked at in each delay. Where a check
//!   takes its time, a login asks once more when it begins: of guesses that came together, before one had failed, as many are looked
//!   at as there are threads that check.
//! - **Many User Names are no way around it.** An address has three lanes: of User Names that have failed there, of those that
//!   have not, and of clients that have been in. In each, 32 guesses are looked at in the longest delay, after 32 that were free.
//! - **A guesser does not keep out others of his address.** Who has another User Name than those guessed at is in another lane
//!   than the guesses, and all 32 who may stand before it have their turn within the longest delay. A client that has been in from
//!   this address with its User Name has a gate of its own. One that succeeds costs nobody anything.
//! - **What is remembered tells a guesser nothing.** Of who has been in, nothing of the password counts: if right passwords went
//!   past the line, each guess would be answered at once, and the delay would keep out only those who are wrong already. Who knows
//!   the Client Identifiers of others at his address has as many gates more, within the bound of their lane.
//! - Nobody waits longer than the operator said; what happened is forgotten with time; memory is bounded, and who comes in often
//!   or fails often is forgotten last.
//!
//! What does not hold: against guesses at ever new User Names from the same address, more than their lane lets through, somebody who
//! has not been in there before may be sent away. Nothing tells his first login from theirs before it is looked at.

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use midge_broker::{Authentication, Credentials, RefusedCredentials};
use midge_net::Address;

use super::gate::{Caller, Gates, Limit, Passage, SETS, WAITING_MAX, WAYS, set_of};

/// See the module. One for all shards.
pub(crate) struct Failures {
    delay_ms_max: AtomicU64,
    key: RandomState,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    gates: Gates,
    clients: Clients,
}

/// What a login is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// It is looked at, and what comes of it is told, if it counts.
    Now(Option<Turn>),
    /// It stands in this line and asks again then. When it goes before, it leaves the line.
    Later(u64, Line),
    /// It is not looked at: too many stand there, or it has waited for as long as anybody may.
    Never,
}

/// The logins that stand before one gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line(pub(super) u64);

/// A login that is looked at has gone through its gates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    passages: [Passage; 2],
    client: Option<u64>,
}

/// Part of an address's logins, whose guesses do not keep the others waiting.
#[derive(Hash)]
enum Lane {
    /// Clients that have been in.
    Known,
    /// User Names that have failed.
    Guessed,
    Fresh,
}

impl Default for Failures {
    fn default() -> Failures {
        Failures::new(0)
    }
}

impl Failures {
    /// `delay_ms_max`: the longest that anybody waits; 0: nobody waits, and nothing is remembered.
    pub(crate) fn new(delay_ms_max: u64) -> Failures {
        let (key, memory) = (RandomState::new(), Mutex::default());
        Failures { delay_ms_max: AtomicU64::new(delay_ms_max), key, memory }
    }

    /// From now on nobody waits longer than this.
    pub(crate) fn set_delay_ms_max(&self, delay_ms_max: u64) {
        self.delay_ms_max.store(delay_ms_max, Ordering::Relaxed);
    }

    fn delay_ms_max(&self) -> u64 {
        self.delay_ms_max.load(Ordering::Relaxed)
    }

    /// Whether a login from this address, which came at `since_ms` and stands in `line`, is looked at now. It leaves that line.
    pub(crate) fn look(
        &self,
        address: &Address,
        credentials: &Credentials,
        (since_ms, line): (u64, Option<Line>),
        now_ms: u64,
    ) -> Look {
        if let Some(line) = line {
            self.leave(line);
        }
        let Some(address) = self.address(address) else { return Look::Now(None) };
        let mut memory = self.memory();
        let caller = Caller { line, until_ms: since_ms + self.delay_ms_max() };
        let client = self.client(address, credentials);
        let gates = self.gates(&mut memory, address, (&credentials.username, client), now_ms);
        for (key, limit) in gates {
            let gate = memory.gates.get(key, now_ms);
            if let Some(look) = gate.and_then(|gate| gate.keep_out(caller, limit, now_ms)) {
                return look;
            }
        }
        let passages = gates.map(|(key, limit)| memory.gates.enter(key, limit, now_ms));
        Look::Now(Some(Turn { passages, client }))
    }

    /// The gates that this login has to go through.
    fn gates(
        &self,
        memory: &mut Memory,
        address: u64,
        (username, client): (&Option<Box<str>>, Option<u64>),
        now_ms: u64,
    ) -> [(u64, Limit); 2] {
        let name = self.hash((address, username));
        let known = client.filter(|client| memory.clients.contains(*client));
        let lane = match (known, memory.gates.get(name, now_ms)) {
            (Some(_), _) => Lane::Known,
            (None, Some(gate)) if gate.failures > 0 => Lane::Guessed,
            _ => Lane::Fresh,
        };
        let [own, shared] = self.limits();
        [(known.unwrap_or(name), own), (self.hash((address, lane)), shared)]
    }

    /// Of a gate of one name or client, and of a lane: who stands last in its line has his turn within the longest delay.
    fn limits(&self) -> [Limit; 2] {
        let delay_ms_max = self.delay_ms_max();
        let own = Limit { failures_free: FAILURES_FREE, delay_ms_max };
        let shared =
            Limit { failures_free: FAILURES_FREE_OF_LANE, delay_ms_max: delay_ms_max / u64::from(WAITING_MAX) };
        [own, shared]
    }

    /// A login that will not be looked at does not stand in this line any more.
    pub(crate) fn leave(&self, line: Line) {
        self.memory().gates.leave(line);
    }

    /// Whether a login whose check begins only now may go on: where its gates stood open when it came, no more failures than are
    /// free have come before it since.
    pub(crate) fn is_still_open(&self, turn: Turn, now_ms: u64) -> bool {
        let mut memory = self.memory();
        let mut passages = turn.passages.into_iter().zip(self.limits());
        passages.all(|(passage, limit)| memory.gates.is_still_open(passage, limit, now_ms))
    }

    /// What came of a login that was looked at. Whoever could not be asked, or is trusted for something else, has not failed.
    pub(crate) fn note(&self, turn: Turn, authentication: &Authentication, now_ms: u64) {
        match authentication {
            Authentication::Refused(RefusedCredentials::NotAuthorized) => self.add(turn, now_ms),
            Authentication::Refused(_) => self.pass(turn, false),
            Authentication::Known(_) => self.pass(turn, true),
        }
    }

    /// A login that was looked at has failed.
    fn add(&self, turn: Turn, now_ms: u64) {
        let mut memory = self.memory();
        for (passage, limit) in turn.passages.into_iter().zip(self.limits()) {
            memory.gates.fail(passage.key, limit, now_ms);
        }
    }

    /// A login that was looked at has not failed: the next one need not wait for it. Its client is known from now on if it has
    /// come in.
    fn pass(&self, turn: Turn, has_come_in: bool) {
        let mut memory = self.memory();
        turn.passages.into_iter().for_each(|passage| memory.gates.reopen(passage));
        if let Some(client) = turn.client.filter(|_| has_come_in) {
            memory.clients.remember(client);
        }
    }

    /// `None` where nothing is counted. Of IPv6 the network counts: whoever has one address has all of it.
    fn address(&self, address: &Address) -> Option<u64> {
        match address {
            _ if self.delay_ms_max() == 0 => None,
            Address::V4(ip, _) => Some(self.hash(ip.octets())),
            Address::V6(address) => Some(self.hash(&address.ip().octets()[..NETWORK_BYTES])),
            Address::Unix(_) => None,
        }
    }

    /// `None` for one that does not say who it is: anybody could be it.
    fn client(&self, address: u64, credentials: &Credentials) -> Option<u64> {
        let Credentials { client_id, username, .. } = credentials;
        (!client_id.is_empty()).then(|| self.hash((address, username, client_id)))
    }

    /// Never 0.
    fn hash(&self, value: impl Hash) -> u64 {
        self.key.hash_one(value).max(1)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clients that have been in, as keyed hashes; those who came in last are forgotten last.
#[derive(Default)]
struct Clients {
    /// Empty until the first one. In each the last one is first.
    sets: Vec<[u64; WAYS]>,
}

impl Clients {
    fn contains(&self, client: u64) -> bool {
        self.sets.get(set_of(client)).is_some_and(|set| set.contains(&client))
    }

    fn remember(&mut self, client: u64) {
        if self.sets.is_empty() {
            self.sets.resize(SETS, [0; WAYS]);
        }
        let set = &mut self.sets[set_of(client)];
        let place = set.iter().position(|it| *it == client).unwrap_or(WAYS - 1);
        set[..=place].rotate_right(1);
        set[0] = client;
    }
}

/// A site has at least a network of 64 bits.
const NETWORK_BYTES: usize = 8;

/// Mistakes that cost nothing.
const FAILURES_FREE: u32 = 3;

/// A site has many people who mistype.
const FAILURES_FREE_OF_LANE: u32 = 32;
