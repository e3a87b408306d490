//! One share group: who is in it, whose turn it is, what waits.

use super::waiting::{Given, HandedOut, Offer, QueueBounds, Terms};
use crate::ids::{Receiver, ShardId};
use crate::message::Message;
use crate::queue::Queue;
use crate::router::Place;
use crate::session::Kept;
use midge_codec::QoS;

/// See the module.
pub(super) struct Group {
    pub generation: u32,
    /// Has, or had, a member whose Session outlives its connection: what it holds is in the log.
    pub is_durable: bool,
    pub share: Box<str>,
    pub place: Place,
    pub members: Vec<Member>,
    /// Whose turn it is.
    next: usize,
    pub queue: Queue,
    /// So many messages at the front of it were handed out once and came back. Some may have gone to disk since: only a group that
    /// the log names has that, and there names tell the order.
    returned: usize,
    /// When the last of those came back, in monotonic seconds.
    returned_s: u32,
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

impl Group {
    pub(super) fn new(generation: u32, share: &str, place: Place) -> Group {
        Group {
            generation,
            is_durable: false,
            share: share.into(),
            place,
            members: Vec::new(),
            next: 0,
            queue: Queue::default(),
            returned: 0,
            returned_s: 0,
        }
    }

    /// Whether somebody is connected and reads.
    pub(super) fn has_ready(&self) -> bool {
        self.members.iter().any(|member| member.ready)
    }

    /// Finds a member for a new message, or lets it wait.
    pub(super) fn offer(
        &mut self,
        published: QoS,
        terms: Terms,
        bounds: QueueBounds,
        message: impl FnOnce() -> Message,
    ) -> Offer {
        if (self.queue.is_empty() || published == QoS::AtMostOnce)
            && let Some((member, qos)) = self.pick(published, terms.upgrade)
        {
            return Offer::To(member, qos);
        }
        let is_full = bounds.messages != 0 && self.queue.len() >= bounds.messages
            || bounds.bytes != 0 && self.queue.bytes() >= bounds.bytes;
        if published == QoS::AtMostOnce || is_full {
            return Offer::Discarded;
        }
        self.queue.push_new(Kept::in_group(message()), terms.now_s as u32);
        Offer::Queued { newest_cost: self.queue.newest_cost() }
    }

    /// Messages that a member had not begun come before all that was not handed out yet. They may come back one by one: those that
    /// the log names stand in its order, others in that in which they come.
    pub(super) fn take_back(&mut self, messages: Vec<Message>, now_s: u64) {
        for message in messages {
            self.queue.insert_among_first(self.returned, Kept::in_group(message));
            (self.returned, self.returned_s) = (self.returned + 1, now_s as u32);
        }
    }

    /// What waits goes to this member, a message at a time.
    pub(super) fn pull(&mut self, shard: ShardId, session: Receiver, terms: Terms) -> HandedOut {
        self.hand_out(1, terms, |group, published| {
            let member = group.members.iter_mut().find(|member| member.is(shard, session))?;
            member.take(published, terms.upgrade)
        })
    }

    /// What waits goes to all who take something.
    pub(super) fn hand_out_to_all(&mut self, terms: Terms) -> HandedOut {
        self.hand_out(usize::MAX, terms, |group, published| group.pick(published, terms.upgrade))
    }

    /// The oldest messages go to those whom `choose` finds for them; expired ones are passed over. The next ones are wanted
    /// from disk where little is left.
    fn hand_out(
        &mut self,
        most: usize,
        terms: Terms,
        choose: impl Fn(&mut Group, QoS) -> Option<(Member, QoS)>,
    ) -> HandedOut {
        let mut out = HandedOut::default();
        while out.given.len() < most
            && let Some(front) = self.queue.first()
        {
            let is_expired = front.message.is_expired(terms.now_s);
            let published = front.message.qos();
            let chosen = if is_expired { None } else { choose(self, published) };
            if chosen.is_none() && !is_expired {
                break;
            }
            let Some(Kept { message, .. }) = self.queue.pop() else { break };
            let waited_s = self.taken_came_s().map(|came_s| terms.now_s.saturating_sub(came_s.into()));
            out.expired += u64::from(is_expired);
            out.given.extend(chosen.map(|(member, qos)| Given { message, member, qos, waited_s }));
        }
        out.wanted_run = self.want_run();
        out
    }

    /// When the message came, or came back, that was taken last, as far as that is known.
    fn taken_came_s(&mut self) -> Option<u32> {
        match self.returned.checked_sub(1) {
            None => self.queue.taken_arrived_s(),
            Some(left) => {
                self.returned = left;
                Some(self.returned_s)
            }
        }
    }

    fn want_run(&mut self) -> Option<u64> {
        let address = self.queue.wanted_run()?.record.address;
        self.queue.is_reading = self.has_ready();
        self.queue.is_reading.then_some(address)
    }

    fn pick(&mut self, published: QoS, upgrade: bool) -> Option<(Member, QoS)> {
        let count = self.members.len();
        for step in 0..count {
            let at = (self.next + step) % count;
            if let Some(taken) = self.members[at].take(published, upgrade) {
                self.next = (at + 1) % count;
                return Some(taken);
            }
        }
        None
    }
}

impl Member {
    /// Has it take a message now, if it may; with which QoS.
    fn take(&mut self, published: QoS, upgrade: bool) -> Option<(Member, QoS)> {
        let granted = QoS::from_u8(self.receiver.options().qos()).unwrap_or(QoS::AtMostOnce);
        let qos = if upgrade { granted } else { granted.min(published) };
        if !self.ready || qos != QoS::AtMostOnce && self.credit == 0 {
            return None;
        }
        self.credit -= u16::from(qos != QoS::AtMostOnce);
        Some((*self, qos))
    }

    pub(super) fn is(&self, shard: ShardId, session: Receiver) -> bool {
        self.shard == shard && self.receiver.slot == session.slot && self.receiver.generation() == session.generation()
    }
}
