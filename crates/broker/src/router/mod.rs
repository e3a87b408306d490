//! Who receives a Topic Name: every Topic Filter of every Session, read by all shards.
//!
//! All filters stand in one table by their text, cut into stripes with a lock each; that is where the receivers are. A
//! filter without wildcards is found there by the Topic Name itself, always live. Filters with wildcards also stand in a
//! tree (`wildcards`) that answers which of them match a topic. Most topics come again and again, so each shard
//! remembers the answers (`cache`); making or removing a wildcard *filter* gives the tree a new state, by which an
//! answer that is too old is noticed. Receivers coming and going under a filter that stays change nothing of that.
//!
//! What must hold:
//! - Who has returned from `subscribe` is found by every `route` that begins later; who has returned from `unsubscribe` is
//!   not. A subscriber that enters and then reads the retained store's sequence, and a publisher that takes a number there
//!   and then routes, do not miss each other either: therefore `state` is read and written sequentially consistent.
//! - Locks are taken in the order tree, stripe, and one stripe at a time.
//! - With the last receiver the filter goes, with its text, nodes and levels.
//! - No recursion: the depth of a filter is the client's choice.

mod cache;
pub(crate) mod index;
pub(crate) mod levels;
pub(crate) mod matching;
pub(crate) mod slots;
mod stripe;
mod wildcards;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::FixedState;

pub use self::cache::RouteCache;
use self::levels::hash_bytes;
use self::stripe::Stripe;
use self::wildcards::Wildcards;
use crate::ids::{Receiver, ShardId};

/// The filters of all Sessions. See the module.
pub struct Router {
    keys: FixedState,
    /// [`Wildcards::state`], to be read without the lock.
    state: AtomicU64,
    wildcards: RwLock<Wildcards>,
    stripes: Box<[Padded]>,
    /// A service is, or was, among the receivers.
    knows_services: AtomicBool,
}

/// A stripe on cache lines of its own, so that shards that route different topics do not slow each other down.
#[repr(align(128))]
#[derive(Default)]
struct Padded(RwLock<Stripe>);

/// Where a text belongs.
struct Key {
    stripe: u32,
    hash: u32,
}

const STRIPE_BITS: u32 = 6;
const INDEX_BITS: u32 = u32::BITS - STRIPE_BITS;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

/// How often wildcard filters may change in the middle of one `route` before it holds the tree still.
const ATTEMPTS_MAX: u32 = 3;

/// A Topic Filter that somebody is subscribed to. The number may be used again once its last receiver is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FilterId(pub u32);

impl FilterId {
    /// A number that no filter in the router has: for what a Session subscribes to in another way. `None` above 64 of them.
    pub(crate) const fn beside(number: u32) -> Option<FilterId> {
        if number < 1 << STRIPE_BITS { Some(FilterId(number << INDEX_BITS | INDEX_MASK)) } else { None }
    }

    /// Whether this is one of these.
    pub(crate) const fn is_beside(self) -> bool {
        self.0 & INDEX_MASK == INDEX_MASK
    }
}

/// Where a receiver stands: its filter, and its position in that filter's list for its shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The Topic Filter.
    pub filter: FilterId,
    /// Index in the list of the receiver's shard.
    pub position: u32,
}

/// The receivers of one filter on one shard, as a range of [`Matches::receivers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatchRun {
    /// The filter that matched.
    pub filter: FilterId,
    /// The shard on which these receivers live.
    pub shard: ShardId,
    /// Index of the first one.
    pub start: u32,
    /// How many there are, at least 1.
    pub len: u32,
}

/// Everybody a Topic Name leads to, grouped by filter and shard. Kept by the caller and used again.
#[derive(Default, Debug)]
pub struct Matches {
    /// One for each filter that matched and each shard with receivers of it.
    pub runs: Vec<MatchRun>,
    /// The receivers of all runs.
    pub receivers: Vec<Receiver>,
}

impl Matches {
    /// Forgets everything but its capacity.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.receivers.clear();
    }

    /// Whether nobody receives the message.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The receivers of one run.
    pub fn of(&self, run: MatchRun) -> &[Receiver] {
        &self.receivers[run.start as usize..][..run.len as usize]
    }

    fn push(&mut self, filter: FilterId, shard: ShardId, receivers: &[Receiver]) {
        if receivers.is_empty() {
            return;
        }
        let start = self.receivers.len() as u32;
        self.receivers.extend_from_slice(receivers);
        self.runs.push(MatchRun { filter, shard, start, len: receivers.len() as u32 });
    }
}

impl Router {
    /// An empty router whose tables are keyed with `seed`, which clients must not be able to guess.
    pub fn new(seed: u64) -> Router {
        Router {
            keys: FixedState::with_seed(seed),
            state: AtomicU64::new(0),
            wildcards: RwLock::new(Wildcards::new(seed)),
            stripes: (0..1 << STRIPE_BITS).map(|_| Padded::default()).collect(),
            knows_services: AtomicBool::new(false),
        }
    }

    /// Adds a receiver under `filter`: validated, without a `$share` prefix. The caller knows that this Session is not
    /// there yet.
    pub fn subscribe(&self, filter: &str, shard: ShardId, receiver: Receiver) -> Place {
        if receiver.options().is_service() {
            // Who finds the receiver has locked what is locked below, and sees this.
            self.knows_services.store(true, Ordering::Relaxed);
        }
        let filter = filter.as_bytes();
        let Key { stripe: number, hash } = self.key(filter);
        let mut stripe = self.write(number);
        if let Some(index) = stripe.find(hash, filter) {
            return Place { filter: filter_id(number, index), position: stripe.add(index, shard, receiver) };
        }
        if !matching::has_wildcard(filter) {
            let index = stripe.insert(hash, filter, shard, receiver);
            return Place { filter: filter_id(number, index), position: 0 };
        }
        // A new wildcard filter: rare enough to begin again with the tree locked.
        drop(stripe);
        let mut wildcards = self.wildcards.write().unwrap_or_else(PoisonError::into_inner);
        let mut stripe = self.write(number);
        if let Some(index) = stripe.find(hash, filter) {
            return Place { filter: filter_id(number, index), position: stripe.add(index, shard, receiver) };
        }
        let id = filter_id(number, stripe.insert(hash, filter, shard, receiver));
        wildcards.insert(filter, id);
        self.state.store(wildcards.state(), Ordering::SeqCst);
        Place { filter: id, position: 0 }
    }

    /// Gives a Subscription new options (or its Session a new slot).
    pub fn replace(&self, place: Place, shard: ShardId, receiver: Receiver) {
        let (number, index) = parts(place.filter);
        self.write(number).replace(index, shard, place.position, receiver);
    }

    /// Removes a receiver. The last one of that filter's list for the shard moves into the gap and is returned: its
    /// position is now `place.position`, which the caller notes in its Session.
    pub fn unsubscribe(&self, place: Place, shard: ShardId) -> Option<Receiver> {
        let (number, index) = parts(place.filter);
        let mut stripe = self.write(number);
        if !stripe.is_single(index) || !matching::has_wildcard(stripe.text(index)) {
            return stripe.remove(index, shard, place.position);
        }
        // The wildcard filter goes with its last receiver, unless another one comes before both locks are held.
        drop(stripe);
        let mut wildcards = self.wildcards.write().unwrap_or_else(PoisonError::into_inner);
        let mut stripe = self.write(number);
        if stripe.is_single(index) {
            wildcards.remove(stripe.text(index), place.filter);
            // Before the stripe is unlocked: who finds the number used again must find the state changed.
            self.state.store(wildcards.state(), Ordering::SeqCst);
        }
        stripe.remove(index, shard, place.position)
    }

    /// Whether a service may be among the receivers of a message: otherwise nobody looks for one.
    pub(crate) fn knows_services(&self) -> bool {
        self.knows_services.load(Ordering::Relaxed)
    }

    /// The filter with this text, if anybody is subscribed to it.
    pub fn find(&self, filter: &str) -> Option<FilterId> {
        let Key { stripe, hash } = self.key(filter.as_bytes());
        self.read(stripe).find(hash, filter.as_bytes()).map(|index| filter_id(stripe, index))
    }

    /// Appends the text of a filter that somebody is subscribed to.
    pub fn text(&self, filter: FilterId, out: &mut String) {
        let (number, index) = parts(filter);
        out.push_str(std::str::from_utf8(self.read(number).text(index)).unwrap_or_default());
    }

    /// Adds everybody whose filter matches `topic` to `matches`. `cache` belongs to the calling shard.
    pub fn route(&self, topic: &str, cache: &mut RouteCache, matches: &mut Matches) {
        let topic = topic.as_bytes();
        let key = self.key(topic);
        {
            let stripe = self.read(key.stripe);
            if let Some(index) = stripe.find(key.hash, topic) {
                stripe.collect(index, filter_id(key.stripe, index), matches);
            }
        }
        let state = self.state.load(Ordering::SeqCst);
        if state & 1 != 0 {
            self.route_wildcards(state, key.hash, topic, cache, matches);
        }
    }

    /// How many different filters there are.
    pub fn filters(&self) -> usize {
        (0..1 << STRIPE_BITS).map(|number| self.read(number).len()).sum()
    }

    /// Bytes allocated for filters and receivers. Looks at everything.
    pub fn memory(&self) -> usize {
        let stripes: usize = (0..1 << STRIPE_BITS).map(|number| self.read(number).memory()).sum();
        stripes + self.wildcards.read().unwrap_or_else(PoisonError::into_inner).memory()
    }

    /// A remembered answer holds while the state is the one it was made in. Filters are collected one by one after that
    /// was seen, so it is looked at again behind the last: had a filter been removed in between, its number could lead to
    /// another one.
    fn route_wildcards(&self, mut state: u64, hash: u32, topic: &[u8], cache: &mut RouteCache, matches: &mut Matches) {
        let (runs, receivers) = (matches.runs.len(), matches.receivers.len());
        for _ in 0..ATTEMPTS_MAX {
            if let Some(filters) = cache.get(hash, topic, state) {
                self.collect(filters, matches);
            } else {
                state = self.find_wildcards(state, hash, topic, cache);
                self.collect(&cache.found, matches);
            }
            let state_now = self.state.load(Ordering::SeqCst);
            if state_now == state {
                return;
            }
            state = state_now;
            matches.runs.truncate(runs);
            matches.receivers.truncate(receivers);
        }
        let wildcards = self.wildcards.read().unwrap_or_else(PoisonError::into_inner);
        cache.found.clear();
        wildcards.walk(topic, &mut cache.frontier, &mut cache.found);
        self.collect(&cache.found, matches);
    }

    /// Leaves the wildcard filters that match `topic` in `cache.found`, and tells in which state of the tree they do.
    fn find_wildcards(&self, state: u64, hash: u32, topic: &[u8], cache: &mut RouteCache) -> u64 {
        let known = cache.recall(hash, topic);
        if known == Some(state) {
            cache.remember(hash, topic, state);
            return state;
        }
        let wildcards = self.wildcards.read().unwrap_or_else(PoisonError::into_inner);
        if !known.is_some_and(|known| wildcards.catch_up(known, topic, &mut cache.found)) {
            cache.found.clear();
            wildcards.walk(topic, &mut cache.frontier, &mut cache.found);
        }
        let state = wildcards.state();
        drop(wildcards);
        if known.is_some() || cache.has_come_before(hash) {
            cache.remember(hash, topic, state);
        }
        state
    }

    fn collect(&self, filters: &[FilterId], matches: &mut Matches) {
        for &filter in filters {
            let (number, index) = parts(filter);
            self.read(number).collect(index, filter, matches);
        }
    }

    fn key(&self, text: &[u8]) -> Key {
        let hash = hash_bytes(&self.keys, text);
        Key { stripe: (hash >> (u64::BITS - STRIPE_BITS)) as u32, hash: hash as u32 }
    }

    fn read(&self, stripe: u32) -> RwLockReadGuard<'_, Stripe> {
        self.stripes[stripe as usize].0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, stripe: u32) -> RwLockWriteGuard<'_, Stripe> {
        self.stripes[stripe as usize].0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn filter_id(stripe: u32, index: u32) -> FilterId {
    assert!(index < INDEX_MASK, "2^26 filters in one stripe");
    FilterId(stripe << INDEX_BITS | index)
}

fn parts(filter: FilterId) -> (u32, u32) {
    (filter.0 >> INDEX_BITS, filter.0 & INDEX_MASK)
}

#[cfg(test)]
mod tests;
