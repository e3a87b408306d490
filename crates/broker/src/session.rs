//! A Session: what outlives the Network Connection.

use crate::groups::GroupId;
use crate::identity::Identity;
use crate::ids::{ConnectionId, Receiver, ReceiverOptions};
use crate::message::Message;
use crate::queue::Queue;
use crate::replay::Replay;
use crate::router::{FilterId, Place};
use crate::service::is_service;
use hashbrown::HashTable;
use midge_codec::QoS;
use midge_protocol::{Inbound, Outbound, Payload};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// Session State, and what is remembered about the client while it lasts. Parts that most Sessions never need are boxed
/// and made when first used: a hundred thousand idle clients are the common case.
pub(crate) struct Session {
    pub client_id: Box<str>,
    /// Who the client is, where it was asked.
    pub identity: Option<Arc<Identity>>,
    /// Of the Client Identifier, as the directory knows it.
    pub hash: u64,
    /// Of the claim with which the present connection came.
    pub ticket: u32,
    /// Session Expiry Interval in force; `u32::MAX` is for ever.
    pub expiry_interval_s: u32,
    /// While the client is away: when the Session ends and when its Will is due, monotonic.
    pub ends_at_ms: Option<u64>,
    pub will_at_ms: Option<u64>,
    pub will: Option<Box<Will>>,
    pub subscriptions: Subscriptions,
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24 in each Session; few have any")]
    pub memberships: Option<Box<Vec<Membership>>>,
    pub queue: Option<Box<Queue>>,
    pub outbound: Option<Box<Outbound<Kept>>>,
    pub inbound: Option<Box<Inbound>>,
    #[expect(clippy::box_collection, reason = "8 bytes instead of 32 in each Session; few have any")]
    pub replays: Option<Box<VecDeque<Replay>>>,
    /// Whether it stands in the shard's work list.
    pub has_work: bool,
    /// The shard's batch that holds the latest record of what this Session did; 0 for none.
    pub batch: u64,
    /// Messages discarded since the client came or went, and the reasons that were told of, a bit for each.
    pub discards: u32,
    pub discards_told: u8,
}

/// A Will Message and how long it waits.
pub(crate) struct Will {
    pub message: Message,
    pub delay_s: u32,
}

/// Membership in a share group.
pub(crate) struct Membership {
    pub group: GroupId,
    /// `$share/NAME/FILTER`
    pub share: Box<str>,
    pub options: ReceiverOptions,
}

/// A message that a Session holds: queued or inflight. 16 bytes; the message itself is shared.
#[derive(Debug)]
pub(crate) struct Kept {
    pub message: Message,
    /// Key of what few deliveries have, in [`Extras`]; [`NO_EXTRA`] for none.
    pub extra: u32,
    pub qos: QoS,
    pub retain: bool,
    /// It may have been sent before the server was started.
    pub dup: bool,
}

impl Payload for Kept {
    fn payload_bytes(&self) -> u64 {
        self.message.payload().len() as u64
    }
}

impl Kept {
    /// One that waits in a share group, for whoever will be its receiver.
    pub(crate) fn in_group(message: Message) -> Kept {
        let (qos, retain) = (message.qos(), message.retain());
        Kept { message, extra: NO_EXTRA, qos, retain, dup: false }
    }
}

/// What few deliveries have: Subscription Identifiers, or a share group that is to hear of their end.
#[derive(Clone, Default, Debug)]
pub(crate) struct Extra {
    pub identifiers: SmallVec<[u32; 2]>,
    pub group: Option<GroupId>,
}

/// Extras of a shard's deliveries, by [`Kept::extra`].
pub(crate) type Extras = slab::Slab<Extra>;

pub(crate) const NO_EXTRA: u32 = u32::MAX;

impl Session {
    pub(crate) fn new(client_id: &str, hash: u64) -> Session {
        Session {
            client_id: client_id.into(),
            identity: None,
            hash,
            ticket: 0,
            expiry_interval_s: 0,
            ends_at_ms: None,
            will_at_ms: None,
            will: None,
            subscriptions: Subscriptions::default(),
            memberships: None,
            queue: None,
            outbound: None,
            inbound: None,
            replays: None,
            has_work: false,
            batch: 0,
            discards: 0,
            discards_told: 0,
        }
    }

    pub(crate) fn has_queued(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_empty())
    }

    pub(crate) fn has_replays(&self) -> bool {
        self.replays.is_some()
    }

    pub(crate) fn is_service(&self) -> bool {
        is_service(&self.client_id)
    }

    pub(crate) fn memberships(&self) -> &[Membership] {
        self.memberships.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// One Subscription that is not shared. 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subscription {
    pub place: Place,
    /// Subscription Identifier, 0 for none.
    pub identifier: u32,
    pub options: ReceiverOptions,
}

/// The Subscriptions of a Session by filter: a short list, with an index once it is long.
#[derive(Default)]
pub(crate) struct Subscriptions {
    list: SmallVec<[Subscription; 1]>,
    index: Option<Box<HashTable<u32>>>,
}

/// Lists up to this length are searched faster than an index.
const UNINDEXED_MAX: usize = 32;

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn get_mut(&mut self, filter: FilterId) -> Option<&mut Subscription> {
        self.position(filter).map(|at| &mut self.list[at])
    }

    pub(crate) fn get(&self, filter: FilterId) -> Option<&Subscription> {
        self.position(filter).map(|at| &self.list[at])
    }

    pub(crate) fn insert(&mut self, subscription: Subscription) {
        self.list.push(subscription);
        let list = &self.list;
        match &mut self.index {
            Some(index) => {
                let at = list.len() as u32 - 1;
                index.insert_unique(hash(subscription.place.filter), at, |&at| hash(list[at as usize].place.filter));
            }
            None if list.len() > UNINDEXED_MAX => {
                let mut index = HashTable::with_capacity(list.len() * 2);
                for (at, subscription) in list.iter().enumerate() {
                    index.insert_unique(hash(subscription.place.filter), at as u32, |&at| {
                        hash(list[at as usize].place.filter)
                    });
                }
                self.index = Some(Box::new(index));
            }
            None => {}
        }
    }

    pub(crate) fn remove(&mut self, filter: FilterId) -> Option<Subscription> {
        let at = self.position(filter)?;
        let last = self.list.len() - 1;
        if let Some(index) = &mut self.index {
            if let Ok(found) = index.find_entry(hash(filter), |&found| found as usize == at) {
                found.remove();
            }
            if at != last
                && let Some(moved) = index.find_mut(hash(self.list[last].place.filter), |&found| found as usize == last)
            {
                *moved = at as u32;
            }
        }
        Some(self.list.swap_remove(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.iter()
    }

    /// The first `count`, or all where there are fewer.
    pub(crate) fn first(&self, count: usize) -> &[Subscription] {
        &self.list[..count.min(self.list.len())]
    }

    fn position(&self, filter: FilterId) -> Option<usize> {
        match &self.index {
            None => self.list.iter().position(|subscription| subscription.place.filter == filter),
            Some(index) => {
                let found = |&at: &u32| self.list[at as usize].place.filter == filter;
                index.find(hash(filter), found).map(|&at| at as usize)
            }
        }
    }
}

/// Filter numbers are dense and ours: a multiplication spreads them.
fn hash(filter: FilterId) -> u64 {
    u64::from(filter.0).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// Where a Session is reached: all that a fan-out must look at, 12 bytes in a row of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Port {
    /// Of the Session in this slot, 24 bits.
    pub generation: u32,
    /// Its connection; [`AWAY`] for none.
    pub connection: u32,
    pub flags: u8,
}

/// No connection.
pub(crate) const AWAY: u32 = u32::MAX;

impl Port {
    /// MQTT 5.
    pub(crate) const V5: u8 = 1;
    /// Its connection does not take what we write.
    pub(crate) const CONGESTED: u8 = 1 << 1;
    /// Packets to it are judged by size or named by alias.
    pub(crate) const PARTICULAR: u8 = 1 << 2;
    /// The Session outlives its connection, and the log knows it.
    pub(crate) const DURABLE: u8 = 1 << 3;
    /// The log knows the Session, perhaps only for the sake of its Will.
    pub(crate) const RECORDED: u8 = 1 << 4;
    /// Its client may not do everything.
    pub(crate) const RESTRICTED: u8 = 1 << 5;
    /// Its client came in where there is a mount point.
    pub(crate) const MOUNTED: u8 = 1 << 6;
    /// It is a service.
    pub(crate) const SERVICE: u8 = 1 << 7;

    pub(crate) fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn connection(self) -> Option<ConnectionId> {
        (self.connection != AWAY).then_some(ConnectionId(self.connection))
    }
}

/// The Sessions of a shard.
#[derive(Default)]
pub(crate) struct Sessions {
    slots: Vec<Option<Session>>,
    pub ports: Vec<Port>,
    free: Vec<u32>,
    by_client_id: HashTable<u32>,
    len: usize,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn find(&self, client_id: &str, hash: u64) -> Option<u32> {
        let is =
            |&slot: &u32| self.slots[slot as usize].as_ref().is_some_and(|session| *session.client_id == *client_id);
        self.by_client_id.find(hash, is).copied()
    }

    /// Whether another Session has the same hash.
    pub(crate) fn has_hash(&self, hash: u64) -> bool {
        let is = |&slot: &u32| self.slots[slot as usize].as_ref().is_some_and(|session| session.hash == hash);
        self.by_client_id.find(hash, is).is_some()
    }

    pub(crate) fn insert(&mut self, session: Session) -> u32 {
        let hash = session.hash;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.ports.push(Port { generation: 0, connection: AWAY, flags: 0 });
            self.slots.len() as u32 - 1
        });
        let port = &mut self.ports[slot as usize];
        let flags = if session.is_service() { Port::SERVICE } else { 0 };
        *port = Port { generation: (port.generation + 1) & 0x00ff_ffff, connection: AWAY, flags };
        self.slots[slot as usize] = Some(session);
        let slots = &self.slots;
        self.by_client_id.insert_unique(hash, slot, |&slot| slots[slot as usize].as_ref().map_or(0, |it| it.hash));
        self.len += 1;
        slot
    }

    /// Puts a Session into a slot and generation that it had before; without them, into any.
    pub(crate) fn restore(&mut self, session: Session, place: Option<(u32, u32)>) -> u32 {
        let Some((slot, generation)) = place else { return self.insert(session) };
        let known = self.slots.len() as u32;
        if slot < known {
            self.free.retain(|&free| free != slot);
        }
        // Slots are restored in order: what lies between is free.
        self.free.extend(known..slot);
        self.free.push(slot);
        for _ in known..=slot {
            self.slots.push(None);
            self.ports.push(Port { generation: 0, connection: AWAY, flags: 0 });
        }
        self.ports[slot as usize].generation = generation.wrapping_sub(1) & 0x00ff_ffff;
        self.insert(session)
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Session> {
        let session = self.slots[slot as usize].take()?;
        if let Ok(found) = self.by_client_id.find_entry(session.hash, |&other| other == slot) {
            found.remove();
        }
        let port = &mut self.ports[slot as usize];
        // Mail on its way must not reach the next Session of this slot, nor this one.
        *port = Port { generation: (port.generation + 1) & 0x00ff_ffff, connection: AWAY, flags: 0 };
        self.free.push(slot);
        self.len -= 1;
        Some(session)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Session> {
        self.slots.get(slot as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    #[inline]
    pub(crate) fn port(&self, slot: u32) -> Option<Port> {
        self.ports.get(slot as usize).copied()
    }

    pub(crate) fn set_flag(&mut self, slot: u32, flag: u8, on: bool) {
        let flags = &mut self.ports[slot as usize].flags;
        *flags = if on { *flags | flag } else { *flags & !flag };
    }

    /// How others name the Session in this slot.
    pub(crate) fn receiver(&self, slot: u32, options: ReceiverOptions) -> Receiver {
        Receiver::new(slot, self.ports[slot as usize].generation, options)
    }

    /// Slots are below this.
    pub(crate) fn end(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.slots.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_used_again_has_another_generation() {
        let mut sessions = Sessions::default();
        let slot = sessions.insert(Session::new("a", 7));
        let first = sessions.receiver(slot, ReceiverOptions::default());
        assert_eq!(sessions.find("a", 7), Some(slot));
        sessions.remove(slot);
        assert_eq!((sessions.find("a", 7), sessions.has_hash(7)), (None, false));
        assert_eq!(sessions.insert(Session::new("b", 7)), slot);
        assert_ne!(sessions.receiver(slot, ReceiverOptions::default()), first);
    }

    #[test]
    fn many_subscriptions_are_found_and_removed_in_any_order() {
        let mut subscriptions = Subscriptions::default();
        let make = |number: u32| Subscription {
            place: Place { filter: FilterId(number), position: number },
            identifier: number,
            options: ReceiverOptions::default(),
        };
        for number in 0..500 {
            subscriptions.insert(make(number));
        }
        for number in (0..500).step_by(3).chain((0..500).filter(|number| number % 3 != 0).rev()) {
            assert_eq!(subscriptions.remove(FilterId(number)).map(|it| it.identifier), Some(number));
            assert!(subscriptions.get(FilterId(number)).is_none());
        }
        assert!(subscriptions.is_empty());
    }

    #[test]
    fn idle_sessions_stay_small() {
        assert!(size_of::<Kept>() == 16 && size_of::<Port>() == 12);
        assert!(size_of::<Option<Session>>() <= 208, "{}", size_of::<Option<Session>>());
    }
}
