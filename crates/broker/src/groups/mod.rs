//! Shared Subscriptions: `$share/NAME/FILTER`, a queue that its members share.
//!
//! A group belongs to no shard. Whoever publishes asks the group for a member under the group's lock and sends the
//! message there; a member takes as many unacknowledged messages as it has credit for, so that one that is full or
//! away is passed over. What nobody can take waits in the group's queue, and members pull from it when they
//! acknowledge or come back. What a member had not begun goes back to the group when it leaves.
//!
//! The groups of one Topic Filter share a lock, because they share a list in the router. `group` is one of them, `waiting`
//! what is done with the messages that wait in it.

mod group;
mod waiting;

pub(crate) use group::Member;
pub(crate) use waiting::{Given, HandedOut, Offer, QueueBounds, SpillRule, Terms, WaitingInGroup};

use self::group::Group;
use crate::ids::{Receiver, ReceiverOptions, ShardId};
use crate::queue::Queue;
use crate::record::GroupName;
use crate::router::Router;
use foldhash::quality::FixedState;
use hashbrown::HashTable;
use slab::Slab;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The router knows groups as receivers of this shard, which no thread has.
pub(crate) const GROUPS: ShardId = ShardId(u16::MAX);

/// A share group, with a generation so that a reused number is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GroupId {
    slot: u32,
    generation: u32,
}

impl GroupId {
    /// The group behind a receiver that the router found.
    pub(crate) fn of(receiver: Receiver) -> GroupId {
        GroupId { slot: receiver.slot, generation: receiver.generation() }
    }

    /// The group that the log calls by this name, if it is one of this start.
    pub(crate) fn named(name: GroupName) -> GroupId {
        GroupId { slot: name.slot, generation: name.generation }
    }

    /// How the log names it.
    pub(crate) fn name(self) -> GroupName {
        GroupName { slot: self.slot, generation: self.generation }
    }
}

/// All groups of the server.
pub struct Groups {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: FixedState,
    /// What all that waits costs in memory.
    memory_bytes: AtomicU64,
}

#[derive(Default)]
struct Stripe {
    groups: Slab<Group>,
    index: HashTable<u32>,
    generations: u32,
}

/// What a group leaves behind that ended with its last member; nothing where it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Left {
    /// Messages that waited there.
    pub messages: u64,
    /// The log knows the group.
    pub was_durable: bool,
}

const STRIPES: u32 = 16;

/// The Topic Filter of `$share/NAME/FILTER`.
pub(crate) fn filter_of(share: &str) -> &str {
    share.splitn(3, '/').nth(2).unwrap_or_default()
}

impl Groups {
    /// No groups yet. `seed` keys the hash.
    pub fn new(seed: u64) -> Groups {
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Groups { stripes, hasher: FixedState::with_seed(seed), memory_bytes: AtomicU64::new(0) }
    }

    /// Makes a Session a member of the group `share` (`$share/NAME/FILTER`), or gives a member new options. `filter` is
    /// the part behind the share name. The group is made, and entered in the router, with its first member. It becomes
    /// durable with its first durable member: `announce` is called before anybody can see that.
    pub(crate) fn join(
        &self,
        router: &Router,
        share: &str,
        filter: &str,
        member: Member,
        announce: impl FnOnce(GroupName),
    ) -> GroupId {
        let number = self.stripe_of(filter);
        let mut stripe = self.lock(number);
        let key = self.find_or_make(&mut stripe, number, router, share, filter);
        let group = &mut stripe.groups[key as usize];
        if member.receiver.options().is_durable() && !group.is_durable {
            group.is_durable = true;
            let slot = key * STRIPES + number;
            announce(GroupName { slot, generation: group.generation });
            let options = ReceiverOptions::group().durable(true);
            router.replace(group.place, GROUPS, Receiver::new(slot, group.generation, options));
        }
        match group.members.iter_mut().find(|known| known.is(member.shard, member.receiver)) {
            // The credit is what is left of its window: it stays as it was.
            Some(known) => *known = Member { credit: known.credit, ..member },
            None => group.members.push(member),
        }
        GroupId { slot: key * STRIPES + number, generation: group.generation }
    }

    /// Groups get later generations than this: the log may speak of earlier ones.
    pub(crate) fn begin_behind(&self, generation: u32) {
        (0..STRIPES).for_each(|number| self.lock(number).generations = generation);
    }

    /// A group that the log knows, with what waits in it. Its members join afterwards, and [`Groups::forget_empty`] ends those
    /// that have none.
    pub(crate) fn restore(&self, router: &Router, share: &str, queue: Queue) {
        let filter = filter_of(share);
        let number = self.stripe_of(filter);
        let mut stripe = self.lock(number);
        let key = self.find_or_make(&mut stripe, number, router, share, filter);
        let Some(group) = stripe.groups.get_mut(key as usize) else { return };
        self.note_memory(group.queue.memory_cost(), queue.memory_cost());
        (group.is_durable, group.queue) = (true, queue);
        let options = ReceiverOptions::group().durable(true);
        router.replace(group.place, GROUPS, Receiver::new(key * STRIPES + number, group.generation, options));
    }

    /// Ends the groups that have no member.
    pub(crate) fn forget_empty(&self, router: &Router) {
        for number in 0..STRIPES {
            let stripe = self.lock(number);
            let empty = stripe.groups.iter().filter(|(_, group)| group.members.is_empty());
            let id = |key: usize, group: &Group| GroupId {
                slot: key as u32 * STRIPES + number,
                generation: group.generation,
            };
            let empty: Vec<_> = empty.map(|(key, group)| id(key, group)).collect();
            drop(stripe);
            let nobody = Receiver::new(0, 0, ReceiverOptions::default());
            empty.into_iter().for_each(|id| {
                self.leave(router, id, GROUPS, nobody);
            });
        }
    }

    /// Takes a Session out of a group. With its last member the group ends; what waited there is counted and gone.
    pub(crate) fn leave(&self, router: &Router, id: GroupId, shard: ShardId, session: Receiver) -> Left {
        let mut guard = self.lock(id.slot % STRIPES);
        let stripe = &mut *guard;
        let key = (id.slot / STRIPES) as usize;
        let Some(group) = stripe.groups.get_mut(key).filter(|group| group.generation == id.generation) else {
            return Left::default();
        };
        group.members.retain(|member| !member.is(shard, session));
        if !group.members.is_empty() {
            return Left::default();
        }
        let group = stripe.groups.remove(key);
        let hash = self.hasher.hash_one(&*group.share);
        if let Ok(found) = stripe.index.find_entry(hash, |&other| other as usize == key) {
            found.remove();
        }
        if let Some(moved) = router.unsubscribe(group.place, GROUPS)
            && let Some(other) = stripe.groups.get_mut((moved.slot / STRIPES) as usize)
        {
            other.place.position = group.place.position;
        }
        self.note_memory(group.queue.memory_cost(), 0);
        Left { messages: group.queue.len(), was_durable: group.is_durable }
    }

    /// A member acknowledged a message: it may have one more.
    pub(crate) fn credit(&self, id: GroupId, shard: ShardId, session: Receiver) {
        self.change(id, shard, session, |member| member.credit = member.credit.saturating_add(1));
    }

    /// A member is ready with this much credit, or away.
    pub(crate) fn set_ready(&self, id: GroupId, shard: ShardId, session: Receiver, ready: bool, credit: Option<u16>) {
        self.change(id, shard, session, |member| {
            member.ready = ready;
            member.credit = credit.unwrap_or(member.credit);
        });
    }

    /// The Subscription Identifier of a member, 0 for none.
    pub(crate) fn identifier(&self, id: GroupId, shard: ShardId, session: Receiver) -> u32 {
        let mut identifier = 0;
        self.change(id, shard, session, |member| identifier = member.identifier);
        identifier
    }

    fn find_or_make(&self, stripe: &mut Stripe, number: u32, router: &Router, share: &str, filter: &str) -> u32 {
        let hash = self.hasher.hash_one(share);
        let groups = &stripe.groups;
        if let Some(&key) = stripe.index.find(hash, |&key| *groups[key as usize].share == *share) {
            return key;
        }
        stripe.generations = (stripe.generations + 1) & 0x00ff_ffff;
        let generation = stripe.generations;
        let key = stripe.groups.vacant_key() as u32;
        let receiver = Receiver::new(key * STRIPES + number, generation, ReceiverOptions::group());
        let place = router.subscribe(filter, GROUPS, receiver);
        stripe.groups.insert(Group::new(generation, share, place));
        let (groups, hasher) = (&stripe.groups, &self.hasher);
        stripe.index.insert_unique(hash, key, |&key| hasher.hash_one(&*groups[key as usize].share));
        key
    }

    /// The groups of one Topic Filter share a lock.
    fn stripe_of(&self, filter: &str) -> u32 {
        self.hasher.hash_one(filter) as u32 % STRIPES
    }

    fn change(&self, id: GroupId, shard: ShardId, session: Receiver, change: impl FnOnce(&mut Member)) {
        let mut guard = self.lock(id.slot % STRIPES);
        if let Some(group) = guard.get(id)
            && let Some(member) = group.members.iter_mut().find(|member| member.is(shard, session))
        {
            change(member);
        }
    }

    /// What waits in a group cost `before` in memory, and costs `after`.
    fn note_memory(&self, before: u64, after: u64) {
        if before != after {
            // A loss is added as what wraps around to it.
            self.memory_bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    fn lock(&self, stripe: u32) -> MutexGuard<'_, Stripe> {
        self.stripes[stripe as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stripe {
    fn get(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut((id.slot / STRIPES) as usize).filter(|group| group.generation == id.generation)
    }
}

#[cfg(test)]
mod tests;
