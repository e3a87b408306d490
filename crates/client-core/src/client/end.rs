//! How a connection ends, and when the next one begins.

use midge_codec::{Disconnect, Packet, Properties, PropertiesBuf, ReasonCode, Version};

use super::{Client, Phase};
use crate::event::{Cause, DropReason, Event, Visit};
use crate::keep_alive::Due;

impl Client {
    /// When [`Client::handle_timeout`] or [`Client::wants_connection`] is to be asked next; `None` while only others can do something.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Offline(connect_at_ms) => connect_at_ms,
            Phase::Greeting(since_ms) => Some(since_ms.saturating_add(self.options.response_timeout_ms)),
            Phase::Online => self.keep_alive.deadline_ms(self.limits.keep_alive_s, self.options.response_timeout_ms),
            Phase::Opening | Phase::Ending => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now_ms: u64, visit: Visit<'_>) {
        let timeout_ms = self.options.response_timeout_ms;
        match self.phase {
            Phase::Greeting(since_ms) if now_ms >= since_ms.saturating_add(timeout_ms) => {
                self.end(Cause::ConnAckTimeout, visit);
            }
            Phase::Online => match self.keep_alive.look(self.limits.keep_alive_s, timeout_ms, now_ms) {
                Due::Nothing => {}
                Due::Ping => {
                    self.output.shrink();
                    Packet::PingReq.encode(self.options.version, self.output.end());
                }
                Due::Lost => self.end(Cause::KeepAliveTimeout, visit),
            },
            _ => {}
        }
    }

    /// The driver does not read for now, as its user is slow. To be said before [`Client::handle_timeout`], which would take silence for
    /// the end of the connection otherwise; PINGREQ is still sent in time.
    pub fn handle_unread(&mut self, now_ms: u64) {
        self.keep_alive.note_unread(now_ms);
    }

    /// Leaves: puts out DISCONNECT, and does not want to come back. With code 0x04 the Server publishes the Will. Properties may
    /// be Session Expiry Interval (not where CONNECT had 0), Reason String and User Properties (version 5). What has not ended is kept, should there be
    /// another connection after all.
    pub fn disconnect(&mut self, reason_code: ReasonCode, properties: &PropertiesBuf, visit: Visit<'_>) {
        self.retry.is_over = true;
        match self.phase {
            Phase::Offline(_) => self.phase = Phase::Offline(None),
            Phase::Opening => self.end(Cause::Left, visit),
            Phase::Greeting(_) | Phase::Online => {
                let disconnect = Disconnect { reason_code, properties: properties.as_properties() };
                Packet::Disconnect(disconnect).encode(self.options.version, self.output.end());
                self.end(Cause::Left, visit);
            }
            Phase::Ending => {}
        }
    }

    /// Says to version 5 what was wrong.
    pub(super) fn send_disconnect_of_fault(&mut self, reason_code: ReasonCode) {
        if self.options.version == Version::V5 {
            let disconnect = Disconnect { reason_code, properties: Properties::EMPTY };
            Packet::Disconnect(disconnect).encode(Version::V5, self.output.end());
        }
    }

    /// Whether the driver is to close the connection now: it is over, and all is written. A driver need not wait for a Server that
    /// does not read.
    pub fn wants_close(&self) -> bool {
        self.phase == Phase::Ending && self.output.is_empty()
    }

    /// The Network Connection is closed, or could not be made. `random` is any number: it moves the next attempt.
    pub fn handle_closed(&mut self, now_ms: u64, random: u64, visit: Visit<'_>) {
        if self.phase != Phase::Ending {
            self.end(Cause::Closed, visit);
        }
        self.output.clear();
        self.output.shrink();
        self.requests.handle_closed();
        self.is_authenticating = false;
        let retry = &mut self.retry;
        // A Server that accepts everybody and drops them at once is not asked at once again.
        let was_worth_it = retry.online_since_ms.take().is_some_and(|since| now_ms - since >= retry.delay_ms);
        retry.failures = if was_worth_it { 0 } else { retry.failures.saturating_add(1) };
        let reconnect = self.options.reconnect.filter(|_| !retry.is_over);
        let connect_at_ms = reconnect.map(|reconnect| {
            retry.delay_ms = reconnect.delay_ms(retry.failures.saturating_sub(1), random);
            now_ms.saturating_add(retry.delay_ms)
        });
        self.phase = Phase::Offline(connect_at_ms);
    }

    /// Gives up everything that has not ended: each message and request ends in an event. For the end of the Client, when nobody will
    /// drive it any more; a store that is to go on with the Session is not told.
    pub fn abandon(&mut self, visit: Visit<'_>) {
        let why = DropReason::Abandoned;
        self.outbox.handle_session_lost();
        while let Some(kept) = self.outbox.pop_front() {
            self.outbox.end(&kept);
            visit(Event::Dropped { number: kept.number, why });
        }
        let requests: Vec<_> = self.requests.drain().collect();
        for request in requests {
            self.drop_request(&request, why, visit);
        }
    }
}
