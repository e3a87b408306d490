//! Shared Subscriptions: `$share/NAME/FILTER`, a queue that its members share.
//!
//! A group belongs to no shard. Whoever publishes asks the group for a member under the group's lock and sends the
//! message there; a member takes as many unacknowledged messages as it has credit for, so that one that is full or
//! away is passed over. What nobody can take waits in the group's queue, and members pull from it when they
//! acknowledge or come back. What a member had not begun goes back to the group when it leaves.
//!
//! The groups of one Topic Filter share a lock, because they share a list in the router.

use crate::ids::{Receiver, ReceiverOptions, ShardId};
use crate::message::Message;
use crate::record::GroupName;
use crate::router::{Place, Router};
use foldhash::quality::FixedState;
use hashbrown::HashTable;
use midge_codec::QoS;
use slab::Slab;
use std::collections::VecDeque;
use std::hash::BuildHasher;
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

    /// How the log names it.
    pub(crate) fn name(self) -> GroupName {
        GroupName { slot: self.slot, generation: self.generation }
    }
}

/// All groups of the server.
pub struct Groups {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: FixedState,
}

#[derive(Default)]
struct Stripe {
    groups: Slab<Group>,
    index: HashTable<u32>,
    generations: u32,
}

struct Group {
    generation: u32,
    /// Has, or had, a member whose Session outlives its connection: what it holds is in the log.
    is_durable: bool,
    share: Box<str>,
    place: Place,
    members: Vec<Member>,
    /// Whose turn it is.
    next: usize,
    queue: VecDeque<Message>,
    queue_bytes: u64,
}

/// What a group leaves behind that ended with its last member; nothing where it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Left {
    /// Messages that waited there.
    pub messages: usize,
    /// The log knows the group.
    pub was_durable: bool,
}

/// A group and what waits in it.
pub(crate) struct WaitingInGroup {
    pub name: GroupName,
    /// `$share/NAME/FILTER`
    pub share: Box<str>,
    pub messages: Vec<Message>,
}

/// A Session's part in a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Where the Session lives.
    pub shard: ShardId,
    /// The Session, with the options of its Subscription.
    pub receiver: Receiver,
    /// Subscription Identifier, 0 for none.
    pub identifier: u32,
    /// Unacknowledged messages it would still take.
    pub credit: u16,
    /// Whether it is connected and reads.
    pub ready: bool,
}

/// What became of a message that was offered to a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer {
    /// This member gets it, with this QoS.
    To(Member, QoS),
    /// It waits in the group's queue.
    Queued,
    /// Nobody can take it, and it may not wait.
    Discarded,
    /// The group is no more.
    Gone,
}

/// How much may wait in a group; 0 is no bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueBounds {
    pub messages: u64,
    pub bytes: u64,
}

const STRIPES: u32 = 16;

/// The Topic Filter of `$share/NAME/FILTER`.
pub(crate) fn filter_of(share: &str) -> &str {
    share.splitn(3, '/').nth(2).unwrap_or_default()
}

impl Groups {
    /// No groups yet. `seed` keys the hash.
    pub fn new(seed: u64) -> Groups {
        Groups { stripes: (0..STRIPES).map(|_| Mutex::default()).collect(), hasher: FixedState::with_seed(seed) }
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

    /// Groups that the log knows, each with what it holds; how many messages that is. Their members join afterwards, and
    /// [`Groups::forget_empty`] ends those that have none.
    pub(crate) fn restore(&self, router: &Router, groups: impl Iterator<Item = (Box<str>, Vec<Message>)>) -> u64 {
        let mut count = 0;
        for (share, messages) in groups {
            let (number, key) = self.make(router, &share, filter_of(&share));
            let mut stripe = self.lock(number);
            let Some(group) = stripe.groups.get_mut(key as usize) else { continue };
            group.is_durable = true;
            count += messages.len() as u64;
            group.queue_bytes += messages.iter().map(|message| message.bytes() as u64).sum::<u64>();
            group.queue.extend(messages);
            let options = ReceiverOptions::group().durable(true);
            let receiver = Receiver::new(key * STRIPES + number, group.generation, options);
            router.replace(group.place, GROUPS, receiver);
        }
        count
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
        Left { messages: group.queue.len(), was_durable: group.is_durable }
    }

    /// Finds a member for a message, in turn, or lets it wait.
    pub(crate) fn offer(
        &self,
        id: GroupId,
        published: QoS,
        upgrade: bool,
        bounds: QueueBounds,
        message: impl FnOnce() -> Message,
    ) -> Offer {
        let mut guard = self.lock(id.slot % STRIPES);
        let Some(group) = guard.get(id) else { return Offer::Gone };
        if (group.queue.is_empty() || published == QoS::AtMostOnce)
            && let Some(offer) = group.pick(published, upgrade)
        {
            return offer;
        }
        if published == QoS::AtMostOnce {
            return Offer::Discarded;
        }
        let full = bounds.messages != 0 && group.queue.len() as u64 >= bounds.messages;
        if full || bounds.bytes != 0 && group.queue_bytes >= bounds.bytes {
            return Offer::Discarded;
        }
        let message = message();
        group.queue_bytes += message.bytes() as u64;
        group.queue.push_back(message);
        Offer::Queued
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

    /// The next waiting message for this member, if it may have one; expired ones are passed over and counted.
    pub(crate) fn pull(
        &self,
        id: GroupId,
        shard: ShardId,
        session: Receiver,
        upgrade: bool,
        now_s: u64,
        expired: &mut u64,
    ) -> Option<(Message, Member, QoS)> {
        let mut guard = self.lock(id.slot % STRIPES);
        let group = guard.get(id)?;
        loop {
            let published = group.queue.front()?.qos();
            let member = group.members.iter_mut().find(|member| member.is(shard, session))?;
            let qos = member.takes(published, upgrade)?;
            let message = group.queue.pop_front()?;
            group.queue_bytes -= message.bytes() as u64;
            if message.is_expired(now_s) {
                *expired += 1;
                continue;
            }
            member.credit -= u16::from(qos != QoS::AtMostOnce);
            return Some((message, *member, qos));
        }
    }

    /// Takes back messages that a member had not begun, oldest first; they go to others before anything newer. Returns
    /// who gets what at once; `None` where the group has ended.
    pub(crate) fn give_back(
        &self,
        id: GroupId,
        messages: Vec<Message>,
        upgrade: bool,
    ) -> Option<Vec<(Message, Member, QoS)>> {
        let mut guard = self.lock(id.slot % STRIPES);
        let group = guard.get(id)?;
        for message in messages.into_iter().rev() {
            group.queue_bytes += message.bytes() as u64;
            group.queue.push_front(message);
        }
        let mut given = Vec::new();
        while let Some(front) = group.queue.front() {
            let Some(Offer::To(member, qos)) = group.pick(front.qos(), upgrade) else { break };
            let Some(message) = group.queue.pop_front() else { break };
            group.queue_bytes -= message.bytes() as u64;
            given.push((message, member, qos));
        }
        Some(given)
    }

    /// The durable groups of one stripe, counted from 0, with what waits there; `None` behind the last.
    pub(crate) fn portion(&self, stripe: u32) -> Option<Vec<WaitingInGroup>> {
        if stripe >= STRIPES {
            return None;
        }
        let guard = self.lock(stripe);
        let durable = guard.groups.iter().filter(|(_, group)| group.is_durable);
        let tell = |(key, group): (usize, &Group)| {
            let name = GroupName { slot: key as u32 * STRIPES + stripe, generation: group.generation };
            WaitingInGroup { name, share: group.share.clone(), messages: group.queue.iter().cloned().collect() }
        };
        Some(durable.map(tell).collect())
    }

    /// The Subscription Identifier of a member, 0 for none.
    pub(crate) fn identifier(&self, id: GroupId, shard: ShardId, session: Receiver) -> u32 {
        let mut identifier = 0;
        self.change(id, shard, session, |member| identifier = member.identifier);
        identifier
    }

    /// Messages and bytes that wait in all groups.
    pub fn queued(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for stripe in &self.stripes {
            for (_, group) in &stripe.lock().unwrap_or_else(PoisonError::into_inner).groups {
                sum = (sum.0 + group.queue.len() as u64, sum.1 + group.queue_bytes);
            }
        }
        sum
    }

    /// The stripe and key of a group, which is made if need be.
    fn make(&self, router: &Router, share: &str, filter: &str) -> (u32, u32) {
        let number = self.stripe_of(filter);
        let key = self.find_or_make(&mut self.lock(number), number, router, share, filter);
        (number, key)
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

    fn lock(&self, stripe: u32) -> MutexGuard<'_, Stripe> {
        self.stripes[stripe as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stripe {
    fn get(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut((id.slot / STRIPES) as usize).filter(|group| group.generation == id.generation)
    }
}

impl Group {
    fn new(generation: u32, share: &str, place: Place) -> Group {
        Group {
            generation,
            is_durable: false,
            share: share.into(),
            place,
            members: Vec::new(),
            next: 0,
            queue: VecDeque::new(),
            queue_bytes: 0,
        }
    }

    fn pick(&mut self, published: QoS, upgrade: bool) -> Option<Offer> {
        let count = self.members.len();
        for step in 0..count {
            let at = (self.next + step) % count;
            let member = &mut self.members[at];
            if let Some(qos) = member.takes(published, upgrade) {
                member.credit -= u16::from(qos != QoS::AtMostOnce);
                self.next = (at + 1) % count;
                return Some(Offer::To(*member, qos));
            }
        }
        None
    }
}

impl Member {
    /// With which QoS it would take a message now.
    fn takes(&self, published: QoS, upgrade: bool) -> Option<QoS> {
        let granted = QoS::from_u8(self.receiver.options().qos()).unwrap_or(QoS::AtMostOnce);
        let qos = if upgrade { granted } else { granted.min(published) };
        (self.ready && (qos == QoS::AtMostOnce || self.credit > 0)).then_some(qos)
    }

    fn is(&self, shard: ShardId, session: Receiver) -> bool {
        self.shard == shard && self.receiver.slot == session.slot && self.receiver.generation() == session.generation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageParts;

    const FREE: QueueBounds = QueueBounds { messages: 2, bytes: 0 };

    fn member(slot: u32, credit: u16) -> Member {
        let receiver = Receiver::new(slot, 1, ReceiverOptions::with_qos(1));
        Member { shard: ShardId(0), receiver, identifier: 0, credit, ready: true }
    }

    fn message(payload: &[u8]) -> Message {
        Message::new(&MessageParts {
            topic: "t",
            properties: &[],
            payload,
            qos: QoS::AtLeastOnce,
            retain: false,
            received_s: 0,
            expiry_interval_s: None,
        })
    }

    fn offer(groups: &Groups, id: GroupId, payload: &[u8]) -> Option<u32> {
        match groups.offer(id, QoS::AtLeastOnce, false, FREE, || message(payload)) {
            Offer::To(member, _) => Some(member.receiver.slot),
            Offer::Queued => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn members_take_turns_and_one_without_credit_is_passed_over() {
        let (groups, router) = (Groups::new(1), Router::new(1));
        let id = groups.join(&router, "$share/g/t", "t", member(1, 1), |_| {});
        assert_eq!(groups.join(&router, "$share/g/t", "t", member(2, 3), |_| {}), id);
        assert_eq!([offer(&groups, id, b"1"), offer(&groups, id, b"2")], [Some(1), Some(2)]);
        assert_eq!([offer(&groups, id, b"3"), offer(&groups, id, b"4")], [Some(2), Some(2)]);
        assert_eq!(offer(&groups, id, b"5"), None, "nobody has credit: it waits");
        groups.credit(id, ShardId(0), member(1, 0).receiver);
        let pulled = groups.pull(id, ShardId(0), member(1, 0).receiver, false, 0, &mut 0);
        assert_eq!(pulled.map(|(message, ..)| message.payload().to_vec()), Some(b"5".to_vec()));
    }

    #[test]
    fn what_is_given_back_goes_to_others_before_what_is_newer() {
        let (groups, router) = (Groups::new(1), Router::new(1));
        let id = groups.join(&router, "$share/g/t", "t", member(1, 1), |_| {});
        groups.join(&router, "$share/g/t", "t", member(2, 1), |_| {});
        for payload in [b"1", b"2", b"3"] {
            offer(&groups, id, payload);
        }
        groups.leave(&router, id, ShardId(0), member(1, 0).receiver);
        groups.credit(id, ShardId(0), member(2, 0).receiver);
        let given = groups.give_back(id, vec![message(b"1")], false).expect("the group lives");
        assert_eq!(given.len(), 1);
        assert_eq!((given[0].0.payload(), given[0].1.receiver.slot), (&b"1"[..], 2));
    }

    #[test]
    fn the_group_ends_with_its_last_member() {
        let (groups, router) = (Groups::new(1), Router::new(1));
        let first = groups.join(&router, "$share/g/t", "t", member(1, 0), |_| {});
        let second = groups.join(&router, "$share/h/t", "t", member(1, 0), |_| {});
        offer(&groups, first, b"1");
        assert_eq!(groups.leave(&router, first, ShardId(0), member(1, 0).receiver).messages, 1);
        assert!(matches!(groups.offer(first, QoS::AtLeastOnce, false, FREE, || message(b"")), Offer::Gone));
        let left = groups.leave(&router, second, ShardId(0), member(1, 0).receiver);
        assert_eq!(left, Left::default(), "its place was kept right");
        assert_eq!(router.find("t"), None);
    }
}
