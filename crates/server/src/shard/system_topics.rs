//! `$SYS`: once at the start, then at wall-clock seconds that the interval divides. One shard does it for all.

use midge_broker::sys::{Report, next_due_wall_ms};
use midge_codec::QoS;

use super::Shard;
use crate::clock::{self, Clock};

/// When the server tells of itself next, and what it told last.
pub(crate) struct SystemTopics {
    report: Report,
    version: String,
    interval_s: u32,
    due_ms: u64,
    /// When the server was started.
    started_ms: u64,
}

impl SystemTopics {
    /// Due at once. `version` is the value of `$SYS/broker/version`. An interval of 0 turns it off.
    pub(crate) fn new(version: String, interval_s: u16, clock: Clock) -> SystemTopics {
        SystemTopics {
            report: Report::new(),
            version,
            interval_s: u32::from(interval_s),
            due_ms: 0,
            started_ms: clock.monotonic_ms(),
        }
    }

    /// When it is due, on the monotonic clock.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (self.interval_s > 0).then_some(self.due_ms)
    }

    /// Another interval.
    pub(crate) fn set_interval(&mut self, interval_s: u16, clock: Clock) {
        if std::mem::replace(&mut self.interval_s, u32::from(interval_s)) != u32::from(interval_s) && interval_s > 0 {
            self.schedule(clock);
        }
    }

    /// Finds the next time. The wall clock is asked anew each time, so a jump of it moves one publication only.
    fn schedule(&mut self, clock: Clock) {
        let wall_ms = clock::wall_ms();
        let wait_ms = next_due_wall_ms(wall_ms, self.interval_s).saturating_sub(wall_ms);
        self.due_ms = clock.monotonic_ms() + wait_ms;
    }
}

impl Shard {
    /// Publishes what is worth telling, if it is time.
    pub(super) fn publish_system_topics(&mut self) {
        let now = self.turn.now;
        let is_due = |topics: &SystemTopics| topics.due_ms().is_some_and(|due_ms| due_ms <= now.monotonic_ms);
        let Some(topics) = self.system_topics.as_mut().filter(|topics| is_due(topics)) else { return };
        topics.schedule(self.clock);
        let uptime_ms = now.monotonic_ms.saturating_sub(topics.started_ms);
        let totals = self.peers.totals_with(&self.shared, uptime_ms);
        let (broker, turn) = (&mut self.broker, &mut self.turn);
        topics.report.publish(&totals, now.monotonic_ms, &topics.version, &mut |topic, value| {
            broker.publish_from_server(topic, value.as_bytes(), QoS::ExactlyOnce, true, turn);
        });
    }
}
