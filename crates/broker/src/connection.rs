//! What is known of a Network Connection that carries a Session.

use crate::client_rate::TakenTime;
use crate::ids::ListenerId;
use crate::options::{ListenerOptions, Options};
use crate::service;
use midge_codec::{PacketType, Version};
use midge_protocol::{InboundAliases, InflightMax, OutboundAliases};
use std::sync::Arc;

/// A Network Connection after its CONNECT was accepted. Small: an idle one costs little more than this.
pub(crate) struct Connection {
    /// Slot of its Session.
    pub session: u32,
    pub version: Version,
    /// The client is another server: what it passes on does not come back to it, and is retained there too.
    pub is_bridge: bool,
    pub listener: ListenerId,
    /// Its Client Identifier is one that the server gave it.
    pub is_named_by_us: bool,
    /// It came with Clean Start (Clean Session).
    pub is_clean_start: bool,
    /// The rules as they were when it came: the limits that CONNACK told hold until it goes.
    pub agreed: Arc<Options>,
    /// Keep Alive in force, 0 for none.
    pub keep_alive_s: u16,
    /// The client's Receive Maximum or our own bound, whichever is smaller.
    pub receive_maximum: u16,
    /// The client's Maximum Packet Size.
    pub packet_bytes_max: u32,
    /// Monotonic time of the last complete packet, or of the moment from which it was not read or read again.
    pub last_packet_ms: u64,
    /// What has come by it. Beside the time that each packet sets, so that counting touches no other cache line.
    pub received: Received,
    /// Monotonic time of its CONNECT.
    pub since_ms: u64,
    /// Not being read for now, by our own choice: Keep Alive stands still.
    pub is_held: bool,
    /// Session Expiry Interval of CONNECT was 0 or absent: DISCONNECT may not raise it.
    pub expires_at_close: bool,
    /// CONNECT asked in so many words for Reason Strings.
    pub wants_reason_strings: bool,
    pub inbound_aliases: Option<Box<InboundAliases>>,
    pub outbound_aliases: Option<Box<OutboundAliases>>,
    /// What it was refused to do, once it was.
    pub refusals: Option<Box<Refusals>>,
    /// Where there is a limit to what a client may send in a second.
    pub taken_time: Option<Box<TakenTime>>,
}

/// What came by a connection.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Received {
    /// PUBLISH packets.
    pub messages: u64,
    /// Bytes of complete packets.
    pub bytes: u64,
}

impl Received {
    /// A packet that begins with this byte and has this length has come.
    #[inline]
    pub(crate) fn count(&mut self, first: u8, length: usize) {
        self.messages += u64::from(first >> 4 == PacketType::Publish as u8);
        self.bytes += length as u64;
    }
}

/// What a client was refused, or had to wait for, as far as the operator is told of it: for each cause the first time, and once a
/// minute.
#[derive(Default)]
pub(crate) struct Refusals(Vec<Refusal>);

struct Refusal {
    cause: &'static str,
    told_ms: u64,
    /// Not told.
    since: u64,
}

impl Refusals {
    /// One more is refused. Whether it is told, and with how many that were not.
    fn note(&mut self, cause: &'static str, now_ms: u64) -> Option<u64> {
        let Some(refusal) = self.0.iter_mut().find(|refusal| refusal.cause == cause) else {
            self.0.push(Refusal { cause, told_ms: now_ms, since: 0 });
            return Some(0);
        };
        if now_ms < refusal.told_ms + TELL_EVERY_MS {
            refusal.since += 1;
            return None;
        }
        refusal.told_ms = now_ms;
        Some(std::mem::take(&mut refusal.since))
    }
}

const TELL_EVERY_MS: u64 = 60_000;

impl Connection {
    /// Something is refused. Whether the operator is to be told of it, and with how many that were not told.
    pub(crate) fn note_refusal(&mut self, cause: &'static str, now_ms: u64) -> Option<u64> {
        self.refusals.get_or_insert_default().note(cause, now_ms)
    }

    /// The rules of its listener as they were when it came.
    pub(crate) fn agreed_at_listener(&self) -> &ListenerOptions {
        self.agreed.listener(self.listener)
    }

    /// What may be under way to it.
    pub(crate) fn inflight_max(&self, options: &Options) -> InflightMax {
        match self.listener {
            ListenerId::SERVICES => service::inflight_max(self.receive_maximum),
            _ => InflightMax { messages: self.receive_maximum, bytes: options.max_inflight_bytes },
        }
    }

    pub(crate) fn is_v5(&self) -> bool {
        self.version == Version::V5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_once_a_minute_for_each_cause() {
        let mut refusals = Refusals::default();
        assert_eq!(["full", "full", "large"].map(|cause| refusals.note(cause, 1_000)), [Some(0), None, Some(0)]);
        assert_eq!(refusals.note("full", 60_999), None);
        assert_eq!(refusals.note("full", 61_000), Some(2));
        assert_eq!([refusals.note("full", 61_001), refusals.note("large", 61_001)], [None, Some(0)]);
    }
}
