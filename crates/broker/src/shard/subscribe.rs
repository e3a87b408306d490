//! SUBSCRIBE and UNSUBSCRIBE.

use super::Shard;
use super::mount_point::{mounted, mounted_levels};
use super::packets::Fault;
use super::sampled;
use crate::event::{EventKind, EventMask};
use crate::groups::Member;
use crate::ids::{ConnectionId, ReceiverOptions};
use crate::limits;
use crate::options::ListenerOptions;
use crate::outbox::After;
use crate::record::SubscriptionRecord;
use crate::replay::Replay;
use crate::router::{FilterId, Place};
use crate::session::{Membership, Port, Session, Subscription};
use crate::turn::Turn;
use midge_codec::{Packet, Properties, QoS, ReasonCode, RetainHandling, SubAck, Subscribe, SubscriptionOptions};
use midge_codec::{TopicFilter, UnsubAck, Unsubscribe, Version};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

impl Shard {
    /// SUBSCRIBE: each filter in turn `[MQTT-3.8.4-5]`, one SUBACK, then what is retained.
    pub(super) fn handle_subscribe(
        &mut self,
        id: ConnectionId,
        subscribe: &Subscribe<'_>,
        turn: &mut Turn,
    ) -> Result<(), Fault> {
        let packet_id = subscribe.packet_id;
        self.tell_packet(id, turn, || EventKind::Received("SUBSCRIBE", packet_id.get(), ReasonCode::SUCCESS));
        let identifier = subscribe.properties.subscription_identifier().unwrap_or(0);
        let sampled = sampled::interval_ms(subscribe.properties);
        let Some(connection) = self.connection(id) else { return Ok(()) };
        let (slot, version, is_bridge) = (connection.session, connection.version, connection.is_bridge);
        let agreed = Arc::clone(&connection.agreed);
        let ListenerOptions { max_qos, mount_point, .. } = agreed.listener(connection.listener);
        let levels_max = self.options.topic_levels_max;
        let is_too_deep = |filter: &TopicFilter<'_>| {
            mount_point.len() + filter.text().len() >= levels_max && mounted_levels(mount_point, filter) > levels_max
        };
        if subscribe.filters.iter().any(|(filter, _)| is_too_deep(&filter)) {
            return Err(Fault::new(ReasonCode::MALFORMED_PACKET, "more topic levels than topic_levels_max"));
        }
        let mut codes = Vec::with_capacity(subscribe.filters.len());
        for (filter, mut options) in subscribe.filters.iter() {
            let asked = options.qos;
            options.qos = if sampled.is_some() { QoS::AtMostOnce } else { options.qos.min(*max_qos) };
            if is_bridge {
                options.retain_as_published = true;
                options.no_local = filter.share_name().is_none();
            }
            let text = mounted(mount_point, &filter);
            // What begins with a wildcard does not go behind a mount point without a '/'.
            let filter = text.as_deref().map_or(Ok(filter), |text| TopicFilter::parse(text).map_err(|_| filter));
            let granted = match filter {
                Ok(filter) => match sampled {
                    None => self.take_filter(id, slot, &filter, options, identifier, turn),
                    Some(interval) => {
                        self.take_sampled_filter(id, slot, &filter, (interval, options), identifier, turn)
                    }
                },
                Err(_) => Err(ReasonCode::TOPIC_FILTER_INVALID),
            };
            let code = match (granted, version) {
                (Ok(()), _) => options.qos as u8,
                (Err(code), Version::V5) => code.0,
                // It knows no other answer.
                (Err(ReasonCode::NOT_AUTHORIZED), Version::V31) => asked as u8,
                (Err(_), _) => ReasonCode::UNSPECIFIED_ERROR.0,
            };
            codes.push(code);
            let filter = filter.unwrap_or_else(|filter| filter).text();
            self.tell(EventMask::SUBSCRIBE, id, turn, || EventKind::Subscribed {
                filter: filter.into(),
                qos: asked,
                code,
            });
        }
        let answer = Packet::SubAck(SubAck { packet_id, properties: Properties::EMPTY, codes: &codes });
        self.send_control(id, After::TurnDurable, turn, |out| answer.encode(version, out));
        // Some clients (Paho's for embedded systems) know whom to give a message to when SUBACK has come.
        turn.outbox.hold_behind(id);
        self.tell_packet(id, turn, || EventKind::Sending("SUBACK", packet_id.get(), ReasonCode::SUCCESS));
        self.pull_all(slot, turn);
        self.pump(slot, turn);
        Ok(())
    }

    /// One Topic Filter: subscribed to, or refused without effect.
    fn take_filter(
        &mut self,
        id: ConnectionId,
        slot: u32,
        filter: &TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: u32,
        turn: &mut Turn,
    ) -> Result<(), ReasonCode> {
        if self.restricted(slot).is_some_and(|client| !client.may_subscribe(filter.text())) {
            return Err(ReasonCode::NOT_AUTHORIZED);
        }
        if let Some(cause) = self.has_no_room(slot, filter) {
            self.tell_subscription_refused(id, filter, cause, turn);
            return Err(ReasonCode::QUOTA_EXCEEDED);
        }
        self.subscribe(slot, filter, options, identifier, turn);
        Ok(())
    }

    /// Counts it, and tells of the first and then of one a minute.
    pub(super) fn tell_subscription_refused(
        &mut self,
        id: ConnectionId,
        filter: &TopicFilter<'_>,
        cause: &'static str,
        turn: &mut Turn,
    ) {
        self.counters.subscriptions_refused += 1;
        let now_ms = turn.now.monotonic_ms;
        let Some(more) = self.connection_mut(id).and_then(|connection| connection.note_refusal(cause, now_ms)) else {
            return;
        };
        self.tell(EventMask::NOTICE, id, turn, || EventKind::SubscriptionRefused {
            filter: filter.text().into(),
            code: ReasonCode::QUOTA_EXCEEDED,
            cause,
            more,
        });
    }

    /// UNSUBSCRIBE. A filter that nobody asked for is answered 0x11.
    pub(super) fn handle_unsubscribe(&mut self, id: ConnectionId, unsubscribe: &Unsubscribe<'_>, turn: &mut Turn) {
        let packet_id = unsubscribe.packet_id;
        self.tell_packet(id, turn, || EventKind::Received("UNSUBSCRIBE", packet_id.get(), ReasonCode::SUCCESS));
        let Some(connection) = self.connection(id) else { return };
        let (slot, version, listener) = (connection.session, connection.version, connection.listener);
        let agreed = Arc::clone(&connection.agreed);
        let mount_point = &agreed.listener(listener).mount_point;
        let mut codes = Vec::new();
        for filter in unsubscribe.filters.iter() {
            let text = mounted(mount_point, &filter);
            let filter = text.as_deref().and_then(|text| TopicFilter::parse(text).ok()).unwrap_or(filter);
            // Both, where there are two.
            let existed = self.end_view(slot, filter.text(), turn) | self.unsubscribe(slot, &filter, turn);
            let code = if existed { ReasonCode::SUCCESS } else { ReasonCode::NO_SUBSCRIPTION_EXISTED };
            codes.push(code.0);
            self.tell(EventMask::UNSUBSCRIBE, id, turn, || EventKind::Unsubscribed(filter.text().into()));
        }
        let answer = Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::EMPTY, codes: &codes });
        self.send_control(id, After::TurnDurable, turn, |out| answer.encode(version, out));
        self.tell_packet(id, turn, || EventKind::Sending("UNSUBACK", packet_id.get(), ReasonCode::SUCCESS));
    }

    /// The limit that a Subscription meets, if it does. One that replaces another is let through by those that count.
    fn has_no_room(&self, slot: u32, filter: &TopicFilter<'_>) -> Option<&'static str> {
        let session = self.sessions.get(slot)?;
        let is_new = || !self.is_subscribed(session, filter);
        let (shared, memberships) = (filter.share_name().is_some(), session.memberships().len());
        if self.is_service(slot) {
            return None;
        }
        let is_over =
            self.options.max_subscriptions.is_some_and(|max| session.subscriptions.len() + memberships >= max);
        if is_over && is_new() {
            return Some("max_subscriptions reached");
        }
        if shared && memberships >= limits::MEMBERSHIPS_MAX && is_new() {
            return Some("too many shared subscriptions");
        }
        if self.shared.is_memory_short() {
            return Some("memory_limit reached");
        }
        let is_recorded = self.shared.is_log_scarce() && self.is_durable(slot) && is_new();
        is_recorded.then_some("no room for the log")
    }

    fn is_subscribed(&self, session: &Session, filter: &TopicFilter<'_>) -> bool {
        if filter.share_name().is_some() {
            return session.memberships().iter().any(|known| *known.share == *filter.text());
        }
        let number = self.shared.router().find(filter.filter());
        number.is_some_and(|number| session.subscriptions.get(number).is_some())
    }

    fn subscribe(
        &mut self,
        slot: u32,
        filter: &TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: u32,
        turn: &mut Turn,
    ) {
        let receiver_options = ReceiverOptions::with_qos(options.qos as u8)
            .no_local(options.no_local)
            .retain_as_published(options.retain_as_published)
            .identifier(identifier != 0)
            .durable(self.is_durable(slot) && options.qos > QoS::AtMostOnce)
            .service(self.is_service(slot));
        self.record_subscribed(slot, filter.text(), receiver_options, identifier, turn);
        if filter.share_name().is_some() {
            return self.join_group(slot, filter, receiver_options, identifier, turn);
        }
        let (place, is_new) = self.enter_router(slot, filter.filter(), receiver_options, identifier);
        let replays = match options.retain_handling {
            RetainHandling::SendAlways => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if replays {
            let upto = self.shared.retained().sequence();
            // What the Subscription that was there was to get live, it gets: nothing is lost by replacing it [MQTT-3.8.4-4].
            let before = || self.replayed.extent(slot, place.filter).map_or(0, |extent| extent.covered_upto);
            let covered_upto = if is_new { upto } else { before() };
            let subscription = SubscriptionRecord {
                filter: filter.filter(),
                options: receiver_options,
                identifier,
                replay_upto: upto,
                covered_upto,
            };
            self.begin_replay(slot, place.filter, &subscription, turn);
        }
    }

    /// A Subscription in the router and in the Session. The same filter again replaces it `[MQTT-3.8.4-3]`.
    fn enter_router(&mut self, slot: u32, filter: &str, options: ReceiverOptions, identifier: u32) -> (Place, bool) {
        let receiver = self.sessions.receiver(slot, options);
        let router = self.shared.router();
        if let Some(session) = self.sessions.get_mut(slot)
            && !session.subscriptions.is_empty()
            && let Some(known) = router.find(filter).and_then(|filter| session.subscriptions.get_mut(filter))
        {
            (known.options, known.identifier) = (options, identifier);
            router.replace(known.place, self.id, receiver);
            return (known.place, false);
        }
        let place = router.subscribe(filter, self.id, receiver);
        if let Some(session) = self.sessions.get_mut(slot) {
            session.subscriptions.insert(Subscription { place, identifier, options });
        }
        self.subscriptions += 1;
        (place, true)
    }

    fn join_group(
        &mut self,
        slot: u32,
        filter: &TopicFilter<'_>,
        options: ReceiverOptions,
        identifier: u32,
        turn: &mut Turn,
    ) {
        let receiver = self.sessions.receiver(slot, options);
        let ready = self.sessions.port(slot).is_some_and(|port| !port.is(Port::CONGESTED));
        let member = Member { shard: self.id, receiver, identifier, credit: 0, ready };
        let shared = Arc::clone(&self.shared);
        let router = shared.router();
        let group = shared.groups().join(router, filter.text(), filter.filter(), member, |group| {
            self.record_group_began(group, filter.text(), turn);
        });
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let memberships = session.memberships.get_or_insert_default();
        match memberships.iter_mut().find(|known| known.group == group) {
            Some(known) => known.options = options,
            None => {
                memberships.push(Membership { group, share: filter.text().into(), options });
                self.shared_subscriptions += 1;
                // Who was a member before may still have messages of the group inflight.
                let credit = self.credit(slot, group);
                self.shared.groups().set_ready(group, self.id, self.name(slot), ready, Some(credit));
            }
        }
    }

    /// The Subscription is in the router by now; what is retained later than this reaches it live.
    fn begin_replay(&mut self, slot: u32, filter: FilterId, subscription: &SubscriptionRecord<'_>, turn: &mut Turn) {
        if self.shared.retained().is_empty() {
            return;
        }
        self.record_replay(slot, subscription, turn);
        self.begin_unrecorded_replay(slot, filter, subscription);
    }

    /// The same for a Subscription that does not outlive its connection.
    pub(super) fn begin_unrecorded_replay(
        &mut self,
        slot: u32,
        filter: FilterId,
        subscription: &SubscriptionRecord<'_>,
    ) {
        let number = self.replayed.begin(slot, filter, subscription.replay_upto, subscription.covered_upto);
        let Some(session) = self.sessions.get_mut(slot) else { return };
        let replays = session.replays.get_or_insert_default();
        replays.push_back(Replay::new(number, filter, subscription, BTreeSet::new()));
        if replays.len() > 2 * session.subscriptions.len() + UNWANTED_REPLAYS_MAX {
            self.give_up_unwanted_replays(slot);
        }
    }

    /// A client that subscribes again and again to the same, and reads nothing, must not pile up replays.
    fn give_up_unwanted_replays(&mut self, slot: u32) {
        let Some(replays) = self.sessions.get_mut(slot).and_then(|session| session.replays.as_mut()) else { return };
        let (wanted, unwanted) =
            std::mem::take(&mut **replays).into_iter().partition(|replay| self.replayed.is_wanted(slot, replay));
        **replays = wanted;
        let unwanted: VecDeque<Replay> = unwanted;
        unwanted.into_iter().for_each(|replay| self.shared.retained().abandon(replay.cursor));
    }

    pub(super) fn unsubscribe(&mut self, slot: u32, filter: &TopicFilter<'_>, turn: &mut Turn) -> bool {
        if filter.share_name().is_some() {
            let Some(session) = self.sessions.get_mut(slot) else { return false };
            let Some(memberships) = &mut session.memberships else { return false };
            let Some(at) = memberships.iter().position(|known| *known.share == *filter.text()) else { return false };
            let membership = memberships.swap_remove(at);
            self.record_unsubscribed(slot, filter.text(), turn);
            self.leave_group(slot, membership.group, turn);
            return true;
        }
        let Some(number) = self.shared.router().find(filter.filter()) else { return false };
        let Some(session) = self.sessions.get_mut(slot) else { return false };
        let Some(subscription) = session.subscriptions.remove(number) else { return false };
        self.subscriptions -= 1;
        self.leave_router(subscription.place);
        self.record_unsubscribed(slot, filter.text(), turn);
        self.replayed.forget(slot, number);
        true
    }

    /// Takes a Subscription out of the router. Whoever moved into its place is told.
    pub(super) fn leave_router(&mut self, place: Place) {
        if let Some(moved) = self.shared.router().unsubscribe(place, self.id)
            && let Some(session) = self.sessions.get_mut(moved.slot)
            && let Some(subscription) = session.subscriptions.get_mut(place.filter)
        {
            subscription.place.position = place.position;
        }
    }
}

/// Replays that may wait beside two for each Subscription before those that nobody wants are looked for.
const UNWANTED_REPLAYS_MAX: usize = 16;
