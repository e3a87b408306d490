//! Keep Alive: PINGREQ after silence in either direction, and the end when no answer comes.
//!
//! The Server must hear from us within each Keep Alive `[MQTT-3.1.2-20]`. That we hear from it is our own wish: who only
//! publishes at QoS 0 would write into a dead connection for as long as TCP goes on hoping.

/// When something last moved on this connection, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct KeepAlive {
    last_sent_ms: u64,
    last_received_ms: u64,
    /// When PINGREQ was put out that PINGRESP has not answered.
    ping_ms: Option<u64>,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    Nothing,
    Ping,
    /// The Server has been silent for too long after PINGREQ.
    Lost,
}

impl KeepAlive {
    /// A connection begins.
    pub(crate) fn new(now_ms: u64) -> KeepAlive {
        KeepAlive { last_sent_ms: now_ms, last_received_ms: now_ms, ping_ms: None }
    }

    pub(crate) fn note_sent(&mut self, now_ms: u64) {
        self.last_sent_ms = now_ms;
    }

    /// Bytes came. A large packet before PINGRESP is a sign of life as well.
    pub(crate) fn note_received(&mut self, now_ms: u64) {
        self.last_received_ms = now_ms;
    }

    /// Nothing is read for now, so that silence says nothing, and the answer to PINGREQ is not waited for.
    pub(crate) fn note_unread(&mut self, now_ms: u64) {
        self.last_received_ms = now_ms;
        self.ping_ms = None;
    }

    pub(crate) fn note_ping_response(&mut self) {
        self.ping_ms = None;
    }

    /// When to look again.
    pub(crate) fn deadline_ms(&self, keep_alive_s: u16, timeout_ms: u64) -> Option<u64> {
        if let Some(ping_ms) = self.ping_ms {
            return Some(ping_ms.max(self.last_received_ms).saturating_add(timeout_ms));
        }
        let silent_since_ms = self.last_sent_ms.min(self.last_received_ms);
        (keep_alive_s > 0).then(|| silent_since_ms + u64::from(keep_alive_s) * 1000)
    }

    /// What is due now. PINGREQ is taken for sent.
    pub(crate) fn look(&mut self, keep_alive_s: u16, timeout_ms: u64, now_ms: u64) -> Due {
        if self.deadline_ms(keep_alive_s, timeout_ms).is_none_or(|deadline_ms| now_ms < deadline_ms) {
            return Due::Nothing;
        }
        if self.ping_ms.is_some() {
            return Due::Lost;
        }
        self.ping_ms = Some(now_ms);
        Due::Ping
    }
}
