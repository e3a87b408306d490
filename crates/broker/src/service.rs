//! Services: Sessions of the server itself, which hand messages on to other systems.
//!
//! A service speaks MQTT over a pipe into the server, and its Session is one like any other, but for this:
//!
//! - its Client Identifier begins with [`CLIENT_ID_PREFIX`], which nobody from the network may use;
//! - it is given each message with the QoS that it asked for, so that QoS 0 waits and lasts as QoS 1 does;
//! - its queue is bounded by the room for the log, not by the limits for clients; a message in it does not expire;
//! - each message has the time of its receipt (`Receipts`), in the record too, and a User Property tells it.
//!
//! Two messages never have the same time of receipt: where that is a key elsewhere, none takes another one's place.

use crate::ids::ShardId;
use crate::limits::SERVICE_INFLIGHT_BYTES_MAX;
use crate::options::ListenerOptions;
use crate::turn::Now;
use midge_codec::Property;
use midge_protocol::InflightMax;
use std::sync::LazyLock;

/// With this the Client Identifiers of services begin.
pub const CLIENT_ID_PREFIX: &str = "$midge/";

/// Name of the User Property that tells a service when a message was received: nanoseconds since 1970, decimal. It is the last of
/// them.
pub const RECEIVED: &str = "midge-received";

/// Whether this is the Client Identifier of a service.
pub fn is_service(client_id: &str) -> bool {
    client_id.starts_with(CLIENT_ID_PREFIX)
}

/// The rules where services come in.
pub(crate) static LISTENER: LazyLock<ListenerOptions> = LazyLock::new(ListenerOptions::default);

/// What may be under way to a service that takes so many messages.
pub(crate) fn inflight_max(messages: u16) -> InflightMax {
    InflightMax { messages, bytes: SERVICE_INFLIGHT_BYTES_MAX }
}

/// Writes the properties of a message, and behind them when it was received.
pub(crate) fn append_received(properties: &[u8], received_ns: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(properties);
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = received_ns;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let text = std::str::from_utf8(&digits[at..]).unwrap_or_default();
    Property::UserProperty(RECEIVED, text).encode(out);
}

/// The time that `append_received` wrote behind these properties.
pub fn received_ns(properties: &[u8]) -> Option<u64> {
    let digits = properties.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = properties.split_at(properties.len() - digits);
    // What is written begins with no digit, but its length may end with what looks like one.
    let (length, digits) = match (before.last(), digits) {
        (Some(&length), digits) if usize::from(length) == digits.len() => (length, digits),
        (_, [length, digits @ ..]) => (*length, digits),
        _ => return None,
    };
    let is_whole = usize::from(length) == digits.len();
    is_whole.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// Gives messages their times of receipt.
#[derive(Default)]
pub(crate) struct Receipts {
    latest_ns: u64,
}

impl Receipts {
    /// The time of a message that `shard` receives now: later than that of the one before, and no other shard's.
    pub(crate) fn next(&mut self, shard: ShardId, now: Now) -> u64 {
        let wall_ns = now.wall_s * 1_000_000_000 + u64::from(now.wall_ns);
        let was_set_back = self.latest_ns > wall_ns + SET_BACK_NS;
        let from_ns = if was_set_back { wall_ns } else { wall_ns.max(self.latest_ns + SHARDS_APART_NS) };
        self.latest_ns = from_ns / SHARDS_APART_NS * SHARDS_APART_NS + u64::from(shard.0) % SHARDS_APART_NS;
        self.latest_ns
    }
}

/// Within each such stretch of time a shard has a nanosecond of its own. There are fewer shards.
const SHARDS_APART_NS: u64 = 256;

/// A clock that shows so much less was set back, and is believed. Messages of one turn are far less ahead of it.
const SET_BACK_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(wall_s: u64, wall_ns: u32) -> Now {
        Now { monotonic_ms: 0, wall_s, wall_ns }
    }

    #[test]
    fn no_two_messages_have_the_same_time_on_any_shard() {
        let mut seen = BTreeSet::new();
        for shard in 0..4 {
            let mut receipts = Receipts::default();
            let mut before = 0;
            for message in 0..1000 {
                let time = receipts.next(ShardId(shard), at(7, message / 100 * 300));
                assert!(time > before && seen.insert(time));
                assert!(time.abs_diff(7_000_000_000) < 1_000_000);
                before = time;
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_is_believed() {
        let mut receipts = Receipts::default();
        assert_eq!(receipts.next(ShardId(0), at(7200, 0)), 7_200_000_000_000);
        assert!(receipts.next(ShardId(0), at(7199, 999_999_999)) > 7_200_000_000_000, "a step of the clock");
        assert_eq!(receipts.next(ShardId(0), at(3600, 0)), 3_600_000_000_000 / 256 * 256);
    }

    #[test]
    fn the_time_stands_behind_other_properties() {
        let mut out = Vec::new();
        append_received(&[1, 1], 1_700_000_000_000_000_256, &mut out);
        assert_eq!(out[..3], [1, 1, 0x26]);
        assert!(out.ends_with(b"midge-received\x00\x131700000000000000256"), "{out:?}");
        for time in [0, 7, 1_700_000_000_000_000_256, u64::MAX] {
            out.clear();
            append_received(&[1, 1], time, &mut out);
            assert_eq!(received_ns(&out), Some(time));
        }
        assert_eq!((received_ns(&[]), received_ns(&[1, 1])), (None, None));
    }
}
