//! A shard's part in Shared Subscriptions: its Sessions as members of groups.

use super::Shard;
use super::deliver::{Layouts, Outgoing, Publication};
use crate::event::{DiscardReason, Event, EventKind, EventMask};
use crate::groups::{Given, GroupId, HandedOut, Member, Offer, QueueBounds, Terms};
use crate::ids::Receiver;
use crate::message::Message;
use crate::session::{Kept, NO_EXTRA, Port};
use crate::turn::Turn;
use midge_codec::QoS;
use midge_protocol::Outbound;
use std::sync::Arc;

/// Messages that a Session gives back to its groups.
pub(super) type Leaving = Vec<(GroupId, Vec<Message>)>;

impl Shard {
    /// A message for a share group: one of its members gets it.
    pub(super) fn offer(&mut self, publication: &mut Publication<'_>, group: Receiver, turn: &mut Turn) {
        let group = GroupId::of(group);
        let options = &self.options;
        let bounds = QueueBounds { messages: options.max_queued_messages, bytes: options.max_queued_bytes };
        let message = publication.message(&mut self.scratch.message).clone();
        let published = publication.parts.qos;
        let terms = self.terms(turn);
        let shared = Arc::clone(&self.shared);
        let offer = shared.groups().offer(group, published, terms, bounds, || {
            self.hand_over_message(&message, turn);
            message.clone()
        });
        match offer {
            Offer::To(member, qos) => self.assign(group, member, qos, message, turn),
            Offer::Queued { newest_cost } => self.spill_group_if_long(group, newest_cost, turn),
            Offer::Gone => {}
            Offer::Discarded => {
                self.discard_shared(1, publication.parts.topic, turn);
                let message = publication.message(&mut self.scratch.message).clone();
                self.record_group_done(group, &message, turn);
            }
        }
    }

    /// Gives a message to a member, here or on its shard.
    fn assign(&mut self, group: GroupId, member: Member, qos: QoS, message: Message, turn: &mut Turn) {
        if member.shard == self.id {
            self.deliver_assigned(group, member.receiver, member.identifier, qos, message, turn);
        } else {
            turn.mail.parcel(member.shard).assign(group, member.receiver, member.identifier, qos, message);
        }
    }

    /// A message that a group gave to one of our Sessions. If that is gone, away or no member by now, the group gets it
    /// back.
    pub(super) fn deliver_assigned(
        &mut self,
        group: GroupId,
        member: Receiver,
        identifier: u32,
        qos: QoS,
        message: Message,
        turn: &mut Turn,
    ) {
        self.record_move(group, &message, turn);
        let port = self.sessions.port(member.slot).filter(|port| port.generation == member.generation());
        let port = port.filter(|_| self.is_member(member.slot, group));
        let connected = port.and_then(|port| port.connection().map(|id| (port, id)));
        let one = [identifier];
        let identifiers: &[u32] = if identifier == 0 { &[] } else { &one };
        let retain = message.retain() && member.options().is_retain_as_published();
        match (connected, qos) {
            (Some((port, _)), QoS::AtMostOnce) if port.is(Port::CONGESTED) => {
                self.discard(member.slot, DiscardReason::SlowReader, turn);
            }
            (Some((port, _)), QoS::AtMostOnce) if self.is_denied(member.slot, port, &message) => {
                self.discard(member.slot, DiscardReason::NotAuthorized, turn);
            }
            (Some((port, id)), QoS::AtMostOnce) => {
                let outgoing = Outgoing { qos, retain, dup: false, packet_id: 0, identifiers };
                let layouts = &mut Layouts::default();
                self.send_publish(id, port, &message.parts(), Some(&message), &outgoing, layouts, turn);
            }
            (Some((port, _)), _) => {
                let may_receive = !self.is_denied(member.slot, port, &message);
                let kept = self.hold(message, qos, retain, identifiers, Some(group));
                if !may_receive {
                    self.discard(member.slot, DiscardReason::NotAuthorized, turn);
                    return self.finish(member.slot, kept, turn);
                }
                self.deliver_kept(member.slot, port, kept, &mut Layouts::default(), turn);
            }
            (None, QoS::AtMostOnce) => self.discard_shared(1, message.topic(), turn),
            (None, _) => self.pass_on(vec![(group, vec![message])], turn),
        }
    }

    /// Messages for a share group that nobody can have: counted and told.
    fn discard_shared(&mut self, count: u64, name: &str, turn: &mut Turn) {
        self.counters.discarded[DiscardReason::ShareGroupFull as usize] += count;
        turn.tell(EventMask::NOTICE, || Event::of_session(None, None, EventKind::DiscardedShared(count, name.into())));
    }

    /// Gives messages back to their groups and sends them to whoever may have them now. A group that has ended has no use
    /// for them.
    pub(super) fn pass_on(&mut self, leaving: Leaving, turn: &mut Turn) {
        for (group, messages) in leaving {
            messages.iter().for_each(|message| self.record_move(group, message, turn));
            // Whoever pulls them records what becomes of them, and that comes after.
            self.hand_over_pending(turn);
            let lost = messages.first().map(|first| (messages.len() as u64, first.clone()));
            let terms = self.terms(turn);
            match (self.shared.groups().give_back(group, messages, terms), lost) {
                (Some(out), _) => self.hand_on(group, out, turn),
                (None, Some((count, first))) => self.discard_shared(count, first.topic(), turn),
                (None, None) => {}
            }
        }
    }

    /// Sends what a group hands out to those who get it.
    pub(super) fn hand_on(&mut self, group: GroupId, out: HandedOut, turn: &mut Turn) {
        self.note_handed_out(group, &out, turn);
        let was_pulling = std::mem::replace(&mut self.is_pulling, true);
        let mut here: Vec<u32> = Vec::new();
        for Given { message, member, qos, .. } in out.given {
            if member.shard == self.id {
                here.push(member.receiver.slot);
            } else {
                // A snapshot that was under way could be finished before the mail is opened.
                self.record_move(group, &message, turn);
            }
            self.assign(group, member, qos, message, turn);
        }
        self.is_pulling = was_pulling;
        // What was too large for one of them makes room for another.
        here.sort_unstable();
        here.dedup();
        here.into_iter().for_each(|slot| self.pull(slot, group, turn));
    }

    /// On what terms groups hand out messages now.
    pub(super) fn terms(&self, turn: &Turn) -> Terms {
        Terms { upgrade: self.options.upgrade_outgoing_qos, now_s: turn.now.seconds() }
    }

    /// Takes a Session out of a group. What waited in one that ends with it is discarded.
    fn leave(&mut self, slot: u32, group: GroupId, turn: &mut Turn) {
        let left = self.shared.groups().leave(self.shared.router(), group, self.id, self.name(slot));
        self.shared_subscriptions -= 1;
        if left.was_durable {
            turn.records.group_ended(group.name());
        }
        if left.messages > 0 {
            self.discard_shared(left.messages, "a share group without members", turn);
        }
    }

    /// Takes from a group what this Session may have.
    pub(super) fn pull(&mut self, slot: u32, group: GroupId, turn: &mut Turn) {
        if std::mem::replace(&mut self.is_pulling, true) {
            // The loop below, further up, goes on with what has become free.
            return;
        }
        let name = self.name(slot);
        let terms = self.terms(turn);
        loop {
            let mut out = self.shared.groups().pull(group, self.id, name, terms);
            self.note_handed_out(group, &out, turn);
            let Some(Given { message, member, qos, .. }) = out.given.pop() else { break };
            self.deliver_assigned(group, member.receiver, member.identifier, qos, message, turn);
        }
        self.is_pulling = false;
    }

    pub(super) fn pull_all(&mut self, slot: u32, turn: &mut Turn) {
        for group in self.groups_of(slot) {
            self.pull(slot, group, turn);
        }
    }

    /// Tells the groups whether this Session reads.
    pub(super) fn set_groups_ready(&self, slot: u32, ready: bool, credit: Option<u16>) {
        for group in self.groups_of(slot) {
            self.shared.groups().set_ready(group, self.id, self.name(slot), ready, credit);
        }
    }

    /// A Session has come (back): each of its groups may give it what its Receive Maximum allows.
    pub(super) fn join_groups_ready(&self, slot: u32) {
        for group in self.groups_of(slot) {
            let credit = self.credit(slot, group);
            self.shared.groups().set_ready(group, self.id, self.name(slot), true, Some(credit));
        }
    }

    /// Unacknowledged messages that a Session may still take from a group.
    pub(super) fn credit(&self, slot: u32, group: GroupId) -> u16 {
        let connection = self.sessions.port(slot).and_then(Port::connection).and_then(|id| self.connection(id));
        let receive_maximum = connection.map_or(0, |connection| connection.receive_maximum);
        let inflight = self.sessions.get(slot).and_then(|session| session.outbound.as_deref());
        let taken =
            inflight.into_iter().flat_map(Outbound::messages).filter(|kept| self.came_from(kept, group)).count();
        receive_maximum.saturating_sub(taken.min(usize::from(u16::MAX)) as u16)
    }

    /// A Session is away: its groups pass it over, and get back what it had not begun.
    pub(super) fn leave_groups_ready(&mut self, slot: u32, turn: &mut Turn) {
        let groups = self.groups_of(slot);
        if groups.is_empty() {
            return;
        }
        self.set_groups_ready(slot, false, Some(0));
        let leaving = groups.into_iter().map(|group| (group, self.take_queued(slot, group))).collect();
        self.pass_on(leaving, turn);
    }

    /// A Session ends: it leaves its groups, which get back all it had not completed, but for QoS 2 exchanges
    /// that had begun `[MQTT-4.8.2-5]`.
    pub(super) fn release_memberships(&mut self, slot: u32, turn: &mut Turn) -> Leaving {
        let mut leaving = self.inflight_qos_1(slot);
        for group in self.groups_of(slot) {
            self.leave(slot, group, turn);
            let queued = self.take_queued(slot, group);
            messages_of(&mut leaving, group).extend(queued);
        }
        leaving
    }

    /// One membership ends by UNSUBSCRIBE: what was begun is finished, what waits goes to others.
    pub(super) fn leave_group(&mut self, slot: u32, group: GroupId, turn: &mut Turn) {
        self.leave(slot, group, turn);
        let messages = self.take_queued(slot, group);
        self.pass_on(vec![(group, messages)], turn);
    }

    fn groups_of(&self, slot: u32) -> Vec<GroupId> {
        let session = self.sessions.get(slot);
        session.map_or_else(Vec::new, |session| session.memberships().iter().map(|member| member.group).collect())
    }

    fn is_member(&self, slot: u32, group: GroupId) -> bool {
        self.sessions.get(slot).is_some_and(|session| session.memberships().iter().any(|known| known.group == group))
    }

    fn came_from(&self, kept: &Kept, group: GroupId) -> bool {
        kept.extra != NO_EXTRA && self.extras.get(kept.extra as usize).is_some_and(|extra| extra.group == Some(group))
    }

    /// QoS 1 messages that were begun and not acknowledged, also those of groups that the Session has left meanwhile.
    fn inflight_qos_1(&self, slot: u32) -> Leaving {
        let mut leaving = Leaving::new();
        let inflight = self.sessions.get(slot).and_then(|session| session.outbound.as_deref());
        for kept in inflight.into_iter().flat_map(Outbound::messages).filter(|kept| kept.qos == QoS::AtLeastOnce) {
            if let Some(group) = self.extras.get(kept.extra as usize).and_then(|extra| extra.group) {
                messages_of(&mut leaving, group).push(kept.message.clone());
            }
        }
        leaving
    }

    fn take_queued(&mut self, slot: u32, group: GroupId) -> Vec<Message> {
        let Some(mut queue) = self.sessions.get_mut(slot).and_then(|session| session.queue.take()) else {
            return Vec::new();
        };
        let given_back = queue.extract(|kept| self.came_from(kept, group));
        self.note_queue_changed(slot);
        if let Some(session) = self.sessions.get_mut(slot) {
            session.queue = (!queue.is_empty()).then_some(queue);
        }
        given_back.into_iter().map(|kept| self.release(kept).0).collect()
    }
}

fn messages_of(leaving: &mut Leaving, group: GroupId) -> &mut Vec<Message> {
    let at = leaving.iter().position(|known| known.0 == group).unwrap_or_else(|| {
        leaving.push((group, Vec::new()));
        leaving.len() - 1
    });
    &mut leaving[at].1
}
