//! A shard's counters where others may read them. The shard counts in plain numbers of its own and copies them here once
//! for each turn, onto cache lines that nobody else writes; whoever wants totals sums what stands here.

use std::sync::atomic::{AtomicU64, Ordering};

use midge_broker::sys::Totals;
use midge_broker::{Counters, Gauges};

/// One shard's numbers. Each is right by itself; they are not of one instant.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Published([AtomicU64; WORDS]);

/// What a shard knows of its sockets.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct SocketCounts {
    /// Counter: accepted.
    pub(crate) accepted: u64,
    /// Counter: closed again at once, because enough were there or came.
    pub(crate) refused: u64,
    /// Counter: logins that were not looked at, because others of their address had failed.
    pub(crate) logins_refused: u64,
    /// Gauge: open now.
    pub(crate) open: u64,
    /// Gauge: packets that their sockets have not taken yet.
    pub(crate) waiting_packets: u64,
    /// Gauge: their bytes.
    pub(crate) waiting_bytes: u64,
}

const WORDS: usize = 27;

impl Published {
    pub(crate) fn store(&self, counters: &Counters, gauges: &Gauges, sockets: &SocketCounts) {
        // In the order of `add_to`.
        let values: [u64; WORDS] = [
            gauges.sessions,
            gauges.connected,
            gauges.subscriptions,
            gauges.shared_subscriptions,
            gauges.messages_held,
            gauges.bytes_held,
            gauges.inflight,
            sockets.open,
            sockets.accepted,
            sockets.waiting_packets,
            sockets.waiting_bytes,
            counters.connections,
            counters.clients_expired,
            counters.packets_received,
            counters.packets_sent,
            counters.bytes_received,
            counters.bytes_sent,
            counters.publish_received,
            counters.publish_sent,
            counters.publish_bytes_received,
            counters.publish_bytes_sent,
            counters.publish_dropped(),
            sockets.refused,
            sockets.logins_refused,
            counters.subscriptions_refused,
            counters.retained_refused,
            counters.pauses,
        ];
        for (word, value) in self.0.iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        // In the order of `store`.
        let sums: [&mut u64; WORDS] = [
            &mut totals.sessions,
            &mut totals.sessions_connected,
            &mut totals.subscriptions,
            &mut totals.shared_subscriptions,
            &mut totals.messages_stored,
            &mut totals.messages_stored_bytes,
            &mut totals.messages_inflight,
            &mut totals.sockets_open,
            &mut totals.sockets,
            &mut totals.packet_out_count,
            &mut totals.packet_out_bytes,
            &mut totals.connections,
            &mut totals.clients_expired,
            &mut totals.packets_received,
            &mut totals.packets_sent,
            &mut totals.bytes_received,
            &mut totals.bytes_sent,
            &mut totals.publish_received,
            &mut totals.publish_sent,
            &mut totals.publish_bytes_received,
            &mut totals.publish_bytes_sent,
            &mut totals.publish_dropped,
            &mut totals.sockets_refused,
            &mut totals.logins_refused,
            &mut totals.subscriptions_refused,
            &mut totals.retained_refused,
            &mut totals.pauses,
        ];
        for (word, sum) in self.0.iter().zip(sums) {
            *sum += word.load(Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_summed_into_the_total_of_its_name() {
        let counters = Counters {
            connections: 1,
            clients_expired: 2,
            packets_received: 3,
            packets_sent: 4,
            bytes_received: 5,
            bytes_sent: 6,
            publish_received: 7,
            publish_sent: 8,
            publish_bytes_received: 9,
            publish_bytes_sent: 10,
            discarded: [1, 2, 3, 3, 1, 1],
            subscriptions_refused: 22,
            retained_refused: 23,
            pauses: 24,
            ..Counters::default()
        };
        let gauges = Gauges {
            sessions: 12,
            connected: 13,
            subscriptions: 14,
            shared_subscriptions: 15,
            messages_held: 16,
            messages_on_disk: 0,
            bytes_held: 17,
            inflight: 27,
        };
        let sockets = SocketCounts {
            refused: 25,
            logins_refused: 26,
            accepted: 18,
            open: 19,
            waiting_packets: 20,
            waiting_bytes: 21,
        };
        let shards = [Published::default(), Published::default()];
        shards.iter().for_each(|shard| shard.store(&counters, &gauges, &sockets));
        let mut sum = Totals::default();
        shards.iter().for_each(|shard| shard.add_to(&mut sum));
        assert_eq!([sum.connections, sum.clients_expired], [2, 4]);
        assert_eq!([sum.packets_received, sum.packets_sent, sum.bytes_received, sum.bytes_sent], [6, 8, 10, 12]);
        assert_eq!([sum.publish_received, sum.publish_sent, sum.publish_dropped], [14, 16, 22]);
        assert_eq!([sum.publish_bytes_received, sum.publish_bytes_sent], [18, 20]);
        assert_eq!([sum.sessions, sum.sessions_connected], [24, 26]);
        assert_eq!([sum.subscriptions, sum.shared_subscriptions], [28, 30]);
        assert_eq!([sum.messages_stored, sum.messages_stored_bytes, sum.messages_inflight], [32, 34, 54]);
        assert_eq!(
            [sum.subscriptions_refused, sum.retained_refused, sum.pauses, sum.sockets_refused, sum.logins_refused],
            [44, 46, 48, 50, 52]
        );
        assert_eq!([sum.sockets, sum.sockets_open, sum.packet_out_count, sum.packet_out_bytes], [36, 38, 40, 42]);
    }
}
