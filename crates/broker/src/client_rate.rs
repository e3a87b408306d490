//! How much a client may send in a second (flow control of our own, beside Receive Maximum).
//!
//! What it sends takes time, so much for each message and each byte. When it has sent so much that more than a second is taken in
//! advance, it is not read until that is a second again: so it may send a second's worth at once, and no more than the rate in
//! the long run. Nothing is lost, and nobody is disconnected: what is not read waits with the client.

use crate::options::ClientRate;
use std::num::NonZeroU32;

/// Up to when the time of one client is taken, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakenTime {
    messages_ns: u64,
    bytes_ns: u64,
    message_costs: Cost,
    byte_costs: Cost,
}

/// What one of them takes, in nanoseconds and 65,536th parts of one; 0 is nothing.
#[derive(Clone, Copy, Debug)]
struct Cost(u64);

impl Cost {
    fn of(rate: Option<NonZeroU32>) -> Cost {
        Cost(rate.map_or(0, |rate| (1_000_000_000_u64 << PARTS_BITS).div_ceil(u64::from(rate.get()))))
    }

    /// Without a division: it is asked for each packet.
    #[inline]
    fn ns(self, amount: u64) -> u64 {
        ((u128::from(self.0) * u128::from(amount)) >> PARTS_BITS) as u64
    }
}

const PARTS_BITS: u32 = 16;

impl TakenTime {
    /// Of a client that has sent nothing; `None` where it may send as fast as it can.
    pub(crate) fn new(rate: ClientRate) -> Option<TakenTime> {
        let ClientRate { messages, bytes } = rate;
        let costs = [messages, bytes].map(Cost::of);
        let taken = TakenTime { messages_ns: 0, bytes_ns: 0, message_costs: costs[0], byte_costs: costs[1] };
        (rate != ClientRate::default()).then_some(taken)
    }

    /// The client has sent a message.
    pub(crate) fn add_message(&mut self, now_ms: u64) {
        take(&mut self.messages_ns, self.message_costs.ns(1), now_ms);
    }

    /// The client has sent a packet of so many bytes.
    pub(crate) fn add_bytes(&mut self, bytes: usize, now_ms: u64) {
        take(&mut self.bytes_ns, self.byte_costs.ns(bytes as u64), now_ms);
    }

    /// When the client is to be read again, in monotonic milliseconds, and the limit for which it is not read now.
    pub(crate) fn pause(&self, now_ms: u64) -> Option<(u64, &'static str)> {
        let until_ns = self.messages_ns.max(self.bytes_ns);
        if until_ns <= now_ms * 1_000_000 + AHEAD_NS {
            return None;
        }
        let cause = match self.messages_ns == until_ns {
            true => "max_client_messages_per_second exceeded",
            false => "max_client_bytes_per_second exceeded",
        };
        let resumes_ms = (until_ns - AHEAD_NS).div_ceil(1_000_000);
        Some((resumes_ms.min(now_ms + PAUSE_MS_MAX), cause))
    }
}

#[inline]
fn take(until_ns: &mut u64, ns: u64, now_ms: u64) {
    if ns > 0 {
        *until_ns = (*until_ns).max(now_ms * 1_000_000) + ns;
    }
}

/// A second's worth may come at once: clients gather messages, and the network does.
const AHEAD_NS: u64 = 1_000_000_000;

/// Then it is looked at again. Shorter than what Keep Alive grants those whom we do not read.
const PAUSE_MS_MAX: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(messages: u32, bytes: u32) -> TakenTime {
        let rate = ClientRate { messages: NonZeroU32::new(messages), bytes: NonZeroU32::new(bytes) };
        TakenTime::new(rate).expect("there is a limit")
    }

    #[test]
    fn a_seconds_worth_may_come_at_once() {
        let mut taken = begin(10, 0);
        (0..10).for_each(|_| taken.add_message(5_000));
        assert_eq!(taken.pause(5_000), None);
        taken.add_message(5_000);
        assert_eq!(taken.pause(5_000), Some((5_100, "max_client_messages_per_second exceeded")));
        assert_eq!(taken.pause(5_100), None);
        // What was not used is not saved up.
        (0..10).for_each(|_| taken.add_message(60_000));
        assert_eq!(taken.pause(60_000), None);
        taken.add_message(60_000);
        assert_eq!(taken.pause(60_000).map(|pause| pause.0), Some(60_100));
    }

    #[test]
    fn a_large_packet_is_taken_and_paid_for_behind_it() {
        let mut taken = begin(0, 1_000);
        taken.add_bytes(4_000, 1_000);
        assert_eq!(taken.pause(1_000), Some((4_000, "max_client_bytes_per_second exceeded")));
        taken.add_bytes(1_000_000, 4_000);
        assert_eq!(taken.pause(4_000).map(|pause| pause.0), Some(14_000), "it is looked at again");
    }
}
