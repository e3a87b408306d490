//! Sampled Subscriptions: SUBSCRIBE with the User Property [`SAMPLE`], and what is sent for it.
//!
//! Such a Subscription gets at most one message for each topic and interval, the newest, with QoS 0. It belongs to the connection
//! and not to the Session: nothing waits for it while its client is away. Retained Messages come at its beginning as for any other.

use super::Shard;
use super::deliver::{Layouts, Outgoing};
use crate::ids::{ConnectionId, ReceiverOptions, ShardId};
use crate::message::MessageParts;
use crate::record::SubscriptionRecord;
use crate::router::FilterId;
use crate::sampling::viewer::{VIEWERS_IN_ALL_MAX, VIEWERS_MAX, Viewer};
use crate::sampling::{RetainedWrite, Sample, SamplePortion};
use crate::session::Port;
use crate::turn::{Now, Turn};
use midge_codec::{Properties, Property, QoS, ReasonCode, RetainHandling, SubscriptionOptions, TopicFilter};

/// Asks for a sampled Subscription; its value is the interval in milliseconds, 100 to 10000.
pub(super) const SAMPLE: &str = "midge-sample";

/// How many messages a sample stands for.
const COUNT: &str = "midge-count";
/// When the newest of them came, in milliseconds since 1970.
const TIME: &str = "midge-time";
/// How long its payload is, where only the beginning is sent.
const PAYLOAD_BYTES: &str = "midge-payload-bytes";
/// Where one of the messages was published with RETAIN: whether the topic has a Retained Message since, `1` or `0`.
const RETAINED: &str = "midge-retained";

/// The interval that a SUBSCRIBE asks for in milliseconds; `None`: its Subscriptions are ordinary ones. An error where the value is no
/// number.
pub(super) fn interval_ms(properties: Properties<'_>) -> Option<Result<u32, ReasonCode>> {
    let (_, value) = properties.user_properties().find(|(name, _)| *name == SAMPLE)?;
    Some(value.parse().map_err(|_| ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR))
}

impl Shard {
    /// Looks at a message that is published here; `retained_sequence` is the number of what its RETAIN did, 0 without one.
    #[cold]
    pub(super) fn look(&mut self, parts: &MessageParts<'_>, retained_sequence: u64, now: Now) {
        let published = self.counters.publish_received;
        let write = RetainedWrite { sequence: retained_sequence, is_kept: !parts.payload.is_empty() };
        let retained = parts.retain.then_some(write);
        self.sampler.look(parts, retained, published, now.monotonic_ms, now.wall_ms());
    }

    /// What was published, from the sample with this number on: a portion. For whoever keeps a history; see
    /// [`crate::Options::keeps_samples`].
    pub fn samples_since(&self, number: u64) -> SamplePortion {
        self.sampler.kept_since(number)
    }

    /// One Topic Filter of a SUBSCRIBE that asks for samples: subscribed to, or refused without effect.
    pub(super) fn take_sampled_filter(
        &mut self,
        id: ConnectionId,
        slot: u32,
        filter: &TopicFilter<'_>,
        (interval_ms, options): (Result<u32, ReasonCode>, SubscriptionOptions),
        identifier: u32,
        turn: &mut Turn,
    ) -> Result<(), ReasonCode> {
        let interval_ms = interval_ms?;
        if filter.share_name().is_some() {
            return Err(ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED);
        }
        if self.restricted(slot).is_some_and(|client| !client.may_subscribe(filter.text())) {
            return Err(ReasonCode::NOT_AUTHORIZED);
        }
        let known = self.viewers.of(slot).find(|viewer| *viewer.filter == *filter.text()).map(|viewer| viewer.number);
        if let Some(cause) = self.has_no_room_for_view(slot, known.is_none()) {
            self.tell_subscription_refused(id, filter, cause, turn);
            return Err(ReasonCode::QUOTA_EXCEEDED);
        }
        let Some(number) = known.or_else(|| self.free_number(slot)) else { return Err(ReasonCode::QUOTA_EXCEEDED) };
        let details = (identifier, options.retain_as_published);
        if self.viewers.enter(Viewer::new(slot, filter.text().into(), number, details, interval_ms)) {
            self.announce_watch(true, turn);
        }
        let replays = match options.retain_handling {
            RetainHandling::SendAlways => true,
            RetainHandling::SendIfNew => known.is_none(),
            RetainHandling::DoNotSend => false,
        };
        if replays {
            let upto = self.shared.retained().sequence();
            let filter = filter.text();
            let options = ReceiverOptions::with_qos(QoS::AtMostOnce as u8).identifier(identifier != 0);
            let subscription =
                SubscriptionRecord { filter, options, identifier, replay_upto: upto, covered_upto: upto };
            self.begin_unrecorded_replay(slot, number, &subscription);
        }
        Ok(())
    }

    /// The limit that a sampled Subscription meets, if it does.
    fn has_no_room_for_view(&self, slot: u32, is_new: bool) -> Option<&'static str> {
        if is_new && self.viewers.of(slot).count() >= VIEWERS_MAX {
            return Some("too many sampled subscriptions of this client");
        }
        if is_new && self.sampler.watchers() >= VIEWERS_IN_ALL_MAX {
            return Some("too many sampled subscriptions");
        }
        self.shared.is_memory_short().then_some("memory_limit reached")
    }

    /// Gives up a sampled Subscription. Whether there was one.
    pub(super) fn end_view(&mut self, slot: u32, filter: &str, turn: &mut Turn) -> bool {
        let Some(viewer) = self.viewers.remove(slot, filter) else { return false };
        self.forget_view(&viewer, turn);
        true
    }

    /// The connection of a Session has ended, and its sampled Subscriptions with it.
    pub(super) fn end_views(&mut self, slot: u32, turn: &mut Turn) {
        while let Some(viewer) = self.viewers.remove_any(slot) {
            self.forget_view(&viewer, turn);
        }
    }

    fn forget_view(&mut self, viewer: &Viewer, turn: &mut Turn) {
        self.replayed.forget(viewer.slot, viewer.number);
        self.announce_watch(false, turn);
    }

    fn free_number(&self, slot: u32) -> Option<FilterId> {
        let is_free = |number: &FilterId| self.viewers.of(slot).all(|viewer| viewer.number != *number);
        (0..=VIEWERS_MAX as u32).filter_map(FilterId::beside).find(is_free)
    }

    /// Every shard knows how many look at what it is sent.
    fn announce_watch(&mut self, is_on: bool, turn: &mut Turn) {
        self.sampler.watch(self.id, is_on);
        let shards = self.shared.mesh().shards() as u16;
        for shard in (0..shards).map(ShardId).filter(|shard| *shard != self.id) {
            turn.mail.parcel(shard).watch(self.id, is_on);
        }
    }

    /// What was gathered here goes to the shards that want it, and what was gathered for clients of this one to them.
    pub(super) fn hand_out_samples(&mut self, turn: &mut Turn) {
        let now_ms = turn.now.monotonic_ms;
        if let Some((samples, watching)) = self.sampler.take_due(now_ms, self.counters.publish_received) {
            for shard in watching {
                match shard == self.id {
                    true => samples.iter().for_each(|sample| self.viewers.add(sample)),
                    false => samples.iter().for_each(|sample| turn.mail.parcel(shard).sample(sample.clone())),
                }
            }
        }
        while let Some(viewer) = self.viewers.due(now_ms) {
            let (slot, identifier, as_published) = (viewer.slot, viewer.identifier, viewer.retain_as_published);
            let reader = self.sessions.port(slot).and_then(|port| port.connection().map(|id| (port, id)));
            let Some((port, id)) = reader.filter(|(port, _)| !port.is(Port::CONGESTED)) else {
                viewer.put_off(now_ms);
                continue;
            };
            for sample in viewer.take_due(now_ms).unwrap_or_default() {
                self.send_sample(slot, id, port, &sample, (identifier, as_published && sample.retain), turn);
            }
        }
    }

    fn send_sample(
        &mut self,
        slot: u32,
        id: ConnectionId,
        port: Port,
        sample: &Sample,
        (identifier, retain): (u32, bool),
        turn: &mut Turn,
    ) {
        if !self.may_receive(slot, port, &sample.topic) {
            return;
        }
        let mut properties = std::mem::take(&mut self.scratch.properties);
        properties.clear();
        let (count, time) = (sample.count.to_string(), sample.received_ms.to_string());
        let bytes = sample.payload_bytes.to_string();
        let is_cut = sample.payload.len() < sample.payload_bytes as usize;
        let pairs = [
            Some((COUNT, &*count)),
            Some((TIME, &*time)),
            is_cut.then_some((PAYLOAD_BYTES, &*bytes)),
            sample.retained.map(|write| (RETAINED, if write.is_kept { "1" } else { "0" })),
        ];
        let pairs = pairs.into_iter().flatten();
        pairs.for_each(|(name, value)| Property::UserProperty(name, value).encode(&mut properties));
        let parts = MessageParts {
            topic: &sample.topic,
            properties: &properties,
            payload: &sample.payload,
            qos: QoS::AtMostOnce,
            retain,
            received_s: 0,
            received_ns: 0,
            expiry_interval_s: None,
        };
        let one = [identifier];
        let identifiers: &[u32] = if identifier == 0 { &[] } else { &one };
        let outgoing = Outgoing { qos: QoS::AtMostOnce, retain, dup: false, packet_id: 0, identifiers };
        self.send_publish(id, port, &parts, None, &outgoing, &mut Layouts::default(), turn);
        self.scratch.properties = properties;
    }
}
