//! Sessions from the log, put back into a shard that nobody uses yet.

use super::Shard;
use crate::groups::Member;
use crate::identity::Identity;
use crate::ids::ReceiverOptions;
use crate::record::SubscriptionRecord;
use crate::recovery::{Draft, DraftQueue, DraftSubscription, Held};
use crate::replay::Replay;
use crate::session::{Kept, Membership, Port, Session, Subscription};
use crate::turn::Now;
use midge_codec::{PacketId, QoS};
use midge_protocol::{Inbound, Outbound};
use std::sync::Arc;

impl Shard {
    /// Nothing has happened here yet, and the clock shows `now`.
    pub(crate) fn begin_at(&mut self, now: Now) {
        self.absences.begin_at(now.monotonic_ms);
        self.keep_alive.begin_at(now.monotonic_ms);
        self.permits.begin_at(now.monotonic_ms);
    }

    /// A Session as the log tells of it, in its old slot and generation, or in a new `place`. One that is in the log only for
    /// the sake of its Will is over at once, which publishes that.
    pub(crate) fn restore_session(&mut self, draft: Draft, place: Option<(u32, u32)>) {
        let hash = self.shared.directory().restore(&draft.client_id, self.id);
        let mut session = Session::new(&draft.client_id, hash);
        session.expiry_interval_s = draft.expiry_interval_s;
        session.will = draft.will.map(Box::new);
        session.identity =
            draft.owner.map(|(port, username)| Arc::new(Identity { username, port, ..Identity::default() }));
        let away = draft.away.unwrap_or_default();
        (session.ends_at_ms, session.will_at_ms) = (away.ends_at_ms, away.will_at_ms);
        let slot = self.sessions.restore(session, place);
        self.sessions.set_flag(slot, Port::RECORDED, true);
        self.sessions.set_flag(slot, Port::DURABLE, draft.is_durable);
        if draft.was_connected {
            self.disconnected.push(slot);
        }
        for (filter, subscription) in &draft.subscriptions {
            self.restore_subscription(slot, filter, subscription);
        }
        self.restore_inbound(slot, draft.inbound);
        let (mut exchanges, mut queue) = (draft.exchanges, draft.queue);
        weave(&mut exchanges, &mut queue);
        self.restore_exchanges(slot, exchanges);
        self.restore_queue(slot, queue, away.sent_upto);
    }

    fn restore_queue(&mut self, slot: u32, draft: DraftQueue, sent_upto: u64) {
        if draft.is_empty() {
            return;
        }
        let mut queue = draft.into_queue(|held| {
            let dup = held.dup || held.qos == QoS::AtLeastOnce && held.message.identity() <= sent_upto;
            self.restore_held(Held { dup, ..held })
        });
        queue.sent_upto = sent_upto;
        self.messages_on_disk += queue.on_disk();
        if let Some(session) = self.sessions.get_mut(slot) {
            session.queue = Some(Box::new(queue));
        }
    }

    fn restore_subscription(&mut self, slot: u32, filter: &str, subscription: &DraftSubscription) {
        let receiver = self.sessions.receiver(slot, subscription.options);
        if filter.starts_with("$share/") {
            return self.restore_membership(slot, filter, subscription);
        }
        let place = self.shared.router().subscribe(filter, self.id, receiver);
        let DraftSubscription { options, identifier, replay_upto, covered_upto, replays, ref sent, .. } = *subscription;
        let Some(session) = self.sessions.get_mut(slot) else { return };
        session.subscriptions.insert(Subscription { place, identifier, options });
        self.subscriptions += 1;
        if replays {
            let number = self.replayed.begin(slot, place.filter, replay_upto, covered_upto);
            let record = SubscriptionRecord { filter, options, identifier, replay_upto, covered_upto };
            let replay = Replay::new(number, place.filter, &record, sent.clone());
            session.replays.get_or_insert_default().push_back(replay);
        }
    }

    fn restore_membership(&mut self, slot: u32, share: &str, subscription: &DraftSubscription) {
        let receiver = self.sessions.receiver(slot, subscription.options);
        let member = Member { shard: self.id, receiver, identifier: subscription.identifier, credit: 0, ready: false };
        let filter = crate::groups::filter_of(share);
        let group = self.shared.groups().join(self.shared.router(), share, filter, member, |_| {});
        if let Some(session) = self.sessions.get_mut(slot) {
            let options: ReceiverOptions = subscription.options;
            session.memberships.get_or_insert_default().push(Membership { group, share: share.into(), options });
            self.shared_subscriptions += 1;
        }
    }

    fn restore_inbound(&mut self, slot: u32, packet_ids: impl IntoIterator<Item = u16>) {
        let mut inbound = Inbound::default();
        for packet_id in packet_ids.into_iter().filter_map(PacketId::new) {
            inbound.handle_publish(packet_id, None);
        }
        if let Some(session) = self.sessions.get_mut(slot)
            && !inbound.is_empty()
        {
            session.inbound = Some(Box::new(inbound));
        }
    }

    fn restore_exchanges(&mut self, slot: u32, exchanges: Vec<(u16, Option<Held>)>) {
        if exchanges.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(exchanges.len());
        for (packet_id, held) in exchanges {
            let Some(packet_id) = PacketId::new(packet_id) else { continue };
            kept.push((packet_id, held.map(|held| (held.qos, self.restore_held(held)))));
        }
        if let Some(session) = self.sessions.get_mut(slot) {
            let outbound = session.outbound.insert(Box::new(Outbound::restore(kept)));
            self.inflight += outbound.len() as u64;
        }
    }

    fn restore_held(&mut self, held: Held) -> Kept {
        let kept = self.hold(held.message, held.qos, held.retain, &held.identifiers, None);
        Kept { dup: held.dup, ..kept }
    }
}

/// QoS 1 messages that were sent between QoS 2 messages which are to be sent again are exchanges again, so that all come in
/// their order `[MQTT-4.6.0-1]`. Their Packet Identifiers are not known any more, but that they are those between.
fn weave(exchanges: &mut Vec<(u16, Option<Held>)>, queue: &mut DraftQueue) {
    let mut woven: Vec<(u16, Option<Held>)> = Vec::with_capacity(exchanges.len());
    for (packet_id, held) in std::mem::take(exchanges) {
        let older = held.as_ref().map_or_else(Vec::new, |held| queue.take_older(held.identity()));
        let before = woven.last().map(|exchange| exchange.0);
        let room = before.map_or(ROOM_BEFORE, |before| distance(before, packet_id).saturating_sub(1));
        let surplus = older.len().saturating_sub(usize::from(room));
        let mut older = older.into_iter();
        older.by_ref().take(surplus).for_each(|held| queue.put_back(held));
        for (at, held) in older.rev().enumerate().collect::<Vec<_>>().into_iter().rev() {
            woven.push((behind_by(packet_id, at as u16 + 1), Some(held)));
        }
        woven.push((packet_id, held));
    }
    *exchanges = woven;
}

/// Packet Identifiers from one to the next, which come round from 65535 to 1.
fn distance(from: u16, to: u16) -> u16 {
    if to > from { to - from } else { to.wrapping_add(u16::MAX - from) }
}

fn behind_by(packet_id: u16, count: u16) -> u16 {
    if packet_id > count { packet_id - count } else { u16::MAX - (count - packet_id) }
}

/// Messages that may have been sent before the first exchange: more than any window has.
const ROOM_BEFORE: u16 = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_identifiers_come_round() {
        assert_eq!([distance(3, 7), distance(65_535, 1), distance(65_534, 2)], [4, 1, 3]);
        assert_eq!([behind_by(7, 3), behind_by(1, 1), behind_by(2, 3)], [4, 65_535, 65_534]);
    }
}
