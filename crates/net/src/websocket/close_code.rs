//! Why a WebSocket connection ends, as a number (RFC 6455 section 7.4).

use std::fmt;

/// A status code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The server stops.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The other side broke the rules of WebSocket.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A kind of data that is not taken: text, as MQTT is binary `[MQTT-6.0.0-1]`.
    pub const UNSUPPORTED_DATA: CloseCode = CloseCode(1003);
    /// Text that is not UTF-8, here only in a close frame.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// The other side is not welcome.
    pub const POLICY_VIOLATION: CloseCode = CloseCode(1008);
    /// A frame is larger than allowed.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The server cannot go on.
    pub const INTERNAL_ERROR: CloseCode = CloseCode(1011);

    /// Whether the code may stand in a frame: one of the registry, or of the ranges for libraries and applications.
    /// 1004 to 1006 and 1015 are words for programs only (section 7.4.1).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
