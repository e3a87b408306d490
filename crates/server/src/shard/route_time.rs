//! How long messages are on their way through a shard: from when it began to read them, or another shard did that has posted them here,
//! until their receivers' sockets are written.
//!
//! What must hold: where nobody may ask for it the clock is not read; otherwise twice for each turn, however many messages it has.

use super::Shard;

/// What the turn has so far.
#[derive(Default)]
pub(super) struct RouteTime {
    is_wanted: bool,
    /// When the turn began, in nanoseconds; 0: nobody has looked at the clock.
    began_ns: u64,
    /// PUBLISH packets that had come before.
    received_before: u64,
    /// When it began with others elsewhere, and how many messages they have posted.
    posted: Vec<(u64, u64)>,
}

impl RouteTime {
    pub(super) fn set_wanted(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
        self.began_ns = 0;
    }
}

impl Shard {
    /// A turn begins.
    pub(super) fn begin_route_time(&mut self) {
        if self.route_time.is_wanted {
            self.route_time.began_ns = self.clock.monotonic_ns();
            self.route_time.received_before = self.broker.counters().publish_received;
        }
    }

    /// Another shard has posted so many messages, with which it began then; 0: nobody has looked at the clock.
    pub(super) fn note_posted(&mut self, began_ns: u64, messages: u64) {
        if self.route_time.is_wanted && began_ns != 0 && messages != 0 {
            self.route_time.posted.push((began_ns, messages));
        }
    }

    /// When it began with what goes to other shards now; 0: nobody has looked at the clock.
    pub(super) fn route_began_ns(&self) -> u64 {
        self.route_time.began_ns
    }

    /// Sockets are written: what has been handled until now was on its way so long.
    pub(super) fn note_route_time(&mut self) {
        let received = self.broker.counters().publish_received;
        let route_time = &mut self.route_time;
        let messages = received - route_time.received_before;
        if route_time.began_ns == 0 || messages == 0 && route_time.posted.is_empty() {
            return;
        }
        let (now_ns, tally) = (self.clock.monotonic_ns(), self.peers.route_times(self.id));
        let passed_us = |began_ns: u64| now_ns.saturating_sub(began_ns) / 1000;
        if messages > 0 {
            tally.note(passed_us(route_time.began_ns), messages);
        }
        route_time.posted.drain(..).for_each(|(began_ns, messages)| tally.note(passed_us(began_ns), messages));
        (route_time.began_ns, route_time.received_before) = (now_ns, received);
    }
}
