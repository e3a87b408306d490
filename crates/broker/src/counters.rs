//! What a shard counts. Plain numbers of its own, so that counting costs an addition; others sum them when asked.

use crate::access::Denied;
use crate::event::DiscardReason;
use crate::queue_age::QueueAges;
use midge_codec::ReasonCode;

/// Ever-growing counts since the start.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counters {
    /// MQTT Control Packets that came.
    pub packets_received: u64,
    /// MQTT Control Packets that were put out.
    pub packets_sent: u64,
    /// Bytes of complete packets that came.
    pub bytes_received: u64,
    /// Bytes that were put out.
    pub bytes_sent: u64,
    /// PUBLISH packets that came.
    pub publish_received: u64,
    /// PUBLISH packets that were put out.
    pub publish_sent: u64,
    /// Payload bytes of PUBLISH packets that came.
    pub publish_bytes_received: u64,
    /// Payload bytes of PUBLISH packets that were put out.
    pub publish_bytes_sent: u64,
    /// CONNECTs that were accepted.
    pub connections: u64,
    /// Sessions that ended because their expiry had passed.
    pub clients_expired: u64,
    /// CONNECTs that were refused.
    pub connects_refused: u64,
    /// PUBLISH packets that were refused.
    pub publishes_refused: u64,
    /// Those among them for which there was no room, in memory or on disk, or which were too large.
    pub publishes_over_quota: u64,
    /// QoS 2 PUBLISH packets that were not taken, because another message has their Packet Identifier.
    pub identifiers_reused: u64,
    /// Filters of SUBSCRIBE packets that a limit refused.
    pub subscriptions_refused: u64,
    /// How often a client was not read for a while, because it had sent more than it may.
    pub pauses: u64,
    /// Messages that were not retained, because enough are.
    pub retained_refused: u64,
    /// How long messages had waited in the queue of a Session or share group when they left it to be sent.
    pub queue_ages: QueueAges,
    /// Messages discarded, by reason, in the order of [`DiscardReason::ALL`].
    pub discarded: [u64; DiscardReason::ALL.len()],
}

impl Counters {
    /// Messages that a limit, or a mistake of their sender, kept from us, or a limit from a receiver.
    pub fn publish_dropped(&self) -> u64 {
        self.publishes_over_quota + self.identifiers_reused + self.publish_discarded()
    }

    /// Messages that were taken and that a limit kept from a receiver.
    pub fn publish_discarded(&self) -> u64 {
        self.discarded.iter().sum()
    }

    pub(crate) fn count_refusal(&mut self, denied: &Denied) {
        self.publishes_refused += 1;
        self.publishes_over_quota += u64::from(denied.code == ReasonCode::QUOTA_EXCEEDED);
        self.retained_refused += u64::from(denied.is_for_retained);
    }

    pub(crate) fn count_discard(&mut self, reason: DiscardReason) {
        self.discarded[reason as usize] += 1;
    }
}

/// How things stand now.
#[derive(Clone, Copy, Default, Debug)]
pub struct Gauges {
    /// Sessions, those that are away included.
    pub sessions: u64,
    /// Sessions with a Network Connection.
    pub connected: u64,
    /// Subscriptions that are not shared.
    pub subscriptions: u64,
    /// Shared Subscriptions.
    pub shared_subscriptions: u64,
    /// Messages queued or inflight.
    pub messages_held: u64,
    /// Those among them that are on disk only.
    pub messages_on_disk: u64,
    /// Their bytes.
    pub bytes_held: u64,
    /// Messages that were sent and are not acknowledged, those of clients that are away included.
    pub inflight: u64,
}
