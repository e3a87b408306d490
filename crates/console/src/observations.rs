//! What the console has seen so far: it looks once a second, and whenever somebody wants to know.

use midge_codec::topic_matches;

use crate::history::History;
use crate::problems::{Kind, LastDisconnect, LastDisconnects, Problems};
use crate::series::{Look, Series};
use crate::source::{Histogram, Source, Totals};

/// See the module.
pub(crate) struct Observations {
    pub(crate) problems: Problems,
    pub(crate) series: Series,
    pub(crate) history: History,
    last_disconnects: LastDisconnects,
    before: Option<Before>,
}

/// What rates are reckoned from.
struct Before {
    now_ms: u64,
    totals: Totals,
    shard_time_ns: Vec<u64>,
}

impl Observations {
    pub(crate) fn new(now_ms: u64) -> Observations {
        Observations {
            problems: Problems::default(),
            series: Series::default(),
            history: History::new(HISTORY_BYTES_MAX, now_ms),
            last_disconnects: LastDisconnects::default(),
            before: None,
        }
    }

    /// Takes what has happened since.
    pub(crate) fn refresh(&mut self, source: &dyn Source, history: &[String]) {
        for incident in source.take_incidents() {
            self.last_disconnects.note(&incident);
            if incident.kind != Kind::Left {
                self.problems.add(incident);
            }
        }
        let is_wanted = |topic: &str| history.iter().any(|filter| topic_matches(filter, topic));
        let samples = source.take_samples().into_iter().filter(|sample| is_wanted(&sample.topic));
        samples.for_each(|sample| self.history.append(sample));
    }

    /// Looks how numbers go. Once a second.
    pub(crate) fn look(&mut self, source: &dyn Source) {
        let (now_ms, totals, shard_time_ns) = (source.now_ms(), source.totals(), source.shard_time_ns());
        self.history.forget_before(now_ms.saturating_sub(HISTORY_MS));
        let passed_s = self.before.as_ref().map(|before| now_ms.saturating_sub(before.now_ms) as f64 / 1000.0);
        if let (Some(before), Some(passed_s)) = (&self.before, passed_s.filter(|passed_s| *passed_s > 0.0)) {
            let look = reckon(&before.totals, &totals, passed_s);
            let shares = shard_time_ns
                .iter()
                .zip(&before.shard_time_ns)
                .map(|(now, before)| (now.saturating_sub(*before) as f64 / 1e9 / passed_s).clamp(0.0, 1.0));
            self.series.add(now_ms, &Look { shard_cpu: shares.collect(), ..look });
        }
        self.before = Some(Before { now_ms, totals, shard_time_ns });
    }

    /// How the connection of a client ended, as far as that is known.
    pub(crate) fn last_disconnect(&self, client_id: &str) -> Option<&LastDisconnect> {
        self.last_disconnects.of(client_id)
    }
}

fn reckon(before: &Totals, now: &Totals, passed_s: f64) -> Look {
    let rate = |of: fn(&Totals) -> u64| Some(of(now).saturating_sub(of(before)) as f64 / passed_s);
    let gauge = |of: u64| Some(of as f64);
    let sync = |totals: &Totals| totals.log.map_or_else(Histogram::default, |log| log.sync);
    let synced = sync(now).since(&sync(before));
    // In the order of `series::NAMES`.
    let numbers = [
        rate(|totals| totals.messages_received_total),
        rate(|totals| totals.messages_sent_total),
        rate(|totals| totals.messages_dropped_total),
        rate(|totals| totals.received_bytes_total),
        rate(|totals| totals.sent_bytes_total),
        gauge(now.clients_connected),
        gauge(now.resident_bytes),
        synced.quantile(0.99).map(|us| us as f64),
        now.log.and_then(|log| log.disk_bytes).map(|bytes| bytes as f64),
        gauge(now.queued_messages()),
    ];
    Look { numbers, shard_cpu: Vec::new() }
}

/// What the history of all topics may take.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// How far back it goes.
const HISTORY_MS: u64 = 3_600_000;
