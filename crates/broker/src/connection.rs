//! What is known of a Network Connection that carries a Session.

use crate::ids::ListenerId;
use midge_codec::Version;
use midge_protocol::{InboundAliases, OutboundAliases};

/// A Network Connection after its CONNECT was accepted. Small: an idle one costs little more than this.
pub(crate) struct Connection {
    /// Slot of its Session.
    pub session: u32,
    pub version: Version,
    pub listener: ListenerId,
    /// Keep Alive in force, 0 for none.
    pub keep_alive_s: u16,
    /// The client's Receive Maximum or our own bound, whichever is smaller.
    pub receive_maximum: u16,
    /// The client's Maximum Packet Size.
    pub packet_bytes_max: u32,
    /// Monotonic time of the last complete packet, or of the moment from which it was not read or read again.
    pub last_packet_ms: u64,
    /// Not being read for now, by our own choice: Keep Alive stands still.
    pub is_held: bool,
    /// Session Expiry Interval of CONNECT was 0 or absent: DISCONNECT may not raise it.
    pub expires_at_close: bool,
    /// CONNECT asked in so many words for Reason Strings.
    pub wants_reason_strings: bool,
    pub inbound_aliases: Option<Box<InboundAliases>>,
    pub outbound_aliases: Option<Box<OutboundAliases>>,
}

impl Connection {
    pub(crate) fn is_v5(&self) -> bool {
        self.version == Version::V5
    }
}
