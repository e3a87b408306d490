//! Whether the collector takes what it is sent, and what of that is news to the operator.

use std::time::{Duration, Instant};

use midge_otlp::Signal;

/// See the module.
#[derive(Default)]
pub(super) struct Health {
    since: Option<Instant>,
    /// Why it does not take them now.
    metrics: Option<String>,
    logs: Option<String>,
}

impl Health {
    /// It does not take this. `true`: nobody was told of this reason, neither for this signal nor for the other.
    pub(super) fn failed(&mut self, signal: Signal, reason: &str) -> bool {
        self.since.get_or_insert_with(Instant::now);
        let is_news = [&self.metrics, &self.logs].into_iter().all(|known| known.as_deref() != Some(reason));
        *self.reason(signal) = Some(reason.to_owned());
        is_news
    }

    /// It takes this. After how long, if it now takes everything again.
    pub(super) fn worked(&mut self, signal: Signal) -> Option<Duration> {
        *self.reason(signal) = None;
        let is_well = self.metrics.is_none() && self.logs.is_none();
        self.since.take_if(|_| is_well).map(|since| since.elapsed())
    }

    fn reason(&mut self, signal: Signal) -> &mut Option<String> {
        match signal {
            Signal::Metrics => &mut self.metrics,
            Signal::Logs => &mut self.logs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_is_told_once_and_its_end_once() {
        let mut health = Health::default();
        assert!(health.worked(Signal::Metrics).is_none());
        assert!(health.failed(Signal::Metrics, "away"));
        assert!(!health.failed(Signal::Metrics, "away") && !health.failed(Signal::Logs, "away"));
        assert!(health.failed(Signal::Logs, "status 404"));
        assert!(health.worked(Signal::Metrics).is_none(), "lines are not taken yet");
        assert!(health.worked(Signal::Logs).is_some());
        assert!(health.worked(Signal::Logs).is_none());
        assert!(health.failed(Signal::Logs, "away"), "it is news again");
    }
}
