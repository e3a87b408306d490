//! What the server measures, as values: families of samples, of which `/metrics` and others make what they send.
//!
//! What must hold: a family is a row of one table, with its unit in its name, what it is, and what kind it is of; who sends metrics
//! elsewhere begins with the same values as who answers `/metrics` (`prometheus.rs`).

use std::ops::ControlFlow;

use crate::routes::Call;
use crate::source::{Client, HISTOGRAM_BUCKETS, Histogram, LogTotals, Sink, Source, Tallies, Totals};

/// A family of metrics.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What can be done with its values.
    pub kind: MetricKind,
    /// What it is.
    pub help: &'static str,
}

/// What can be done with the values of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// It only grows while the server runs.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by size, each of which only grows.
    Histogram,
}

/// What a family counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things of their own kind.
    Things,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Metric {
    /// What it counts in, as its name says.
    pub fn unit(&self) -> Unit {
        let base = self.name.strip_suffix("_total").unwrap_or(self.name);
        match base.rsplit('_').next() {
            Some("bytes") => Unit::Bytes,
            Some("seconds") => Unit::Seconds,
            _ => Unit::Things,
        }
    }
}

/// A family with what was measured of it.
#[derive(Debug)]
pub struct Family {
    /// Its row of [`METRICS`].
    pub metric: &'static Metric,
    /// At least one.
    pub samples: Vec<Sample>,
}

/// One value of a family.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// What tells it from others of the family: names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: Value,
}

/// What was measured.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// Any other number.
    Number(f64),
    /// Counts by size.
    Buckets(Buckets),
}

/// Counts by size: `counts[n]` is of what is no larger than `bounds[n]` and larger than the bound before; the last one, behind all
/// bounds, of what is larger than those.
#[derive(Clone, PartialEq, Debug)]
pub struct Buckets {
    /// In the unit of the family, ascending.
    pub bounds: Vec<f64>,
    /// One more than bounds.
    pub counts: Vec<u64>,
    /// All sizes together.
    pub sum: f64,
}

impl Buckets {
    /// In seconds, of which each has so many units of the histogram's.
    fn of(histogram: &Histogram, units_per_s: f64) -> Buckets {
        let bounds = (0..HISTOGRAM_BUCKETS - 1).map(|bucket| (1_u64 << bucket) as f64 / units_per_s).collect();
        Buckets { bounds, counts: histogram.counts.to_vec(), sum: histogram.sum as f64 / units_per_s }
    }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, help }
}

/// All families, in the order in which they are written.
pub static METRICS: &[Metric] = &[
    gauge("midge_build_info", "Always 1; the version is a label."),
    gauge("midge_start_time_seconds", "When the server was started, in seconds since 1970."),
    gauge("midge_ready", "Whether the server takes clients and messages."),
    gauge("midge_clients_connected", "Clients with a connection."),
    gauge("midge_sessions", "Sessions, those of clients that are away included."),
    gauge("midge_sessions_maximum", "The most Sessions that there ever were since the start."),
    gauge("midge_sockets_open", "Open connections, those without a CONNECT yet included."),
    counter("midge_connects_total", "CONNECT packets that were taken."),
    counter("midge_sockets_accepted_total", "Connections that were accepted."),
    counter("midge_sockets_refused_total", "Connections that were closed at once, because enough were there or came."),
    counter(
        "midge_logins_refused_total",
        "Logins that were not looked at, because others from their address had failed.",
    ),
    counter("midge_refused_total", "What the server did not take, by reason."),
    counter("midge_discarded_messages_total", "Messages that did not get to a receiver, by reason."),
    counter("midge_dropped_messages_total", "Messages that a limit kept from the server or from a receiver."),
    counter("midge_problems_total", "What the console's page of problems has counted, by kind and reason."),
    gauge("midge_subscriptions", "Subscriptions."),
    gauge("midge_shared_subscriptions", "Shared Subscriptions."),
    gauge("midge_share_groups", "Share groups."),
    gauge("midge_retained_messages", "Retained Messages."),
    gauge("midge_retained_bytes", "Topics and payloads of Retained Messages, in bytes."),
    gauge("midge_held_messages", "Messages that wait for their receivers or for their acknowledgement."),
    gauge("midge_held_bytes", "Their bytes."),
    gauge("midge_inflight_messages", "Those among them that were sent and are not acknowledged."),
    gauge("midge_output_waiting_packets", "Packets that their sockets have not taken yet."),
    gauge("midge_output_waiting_bytes", "Their bytes."),
    counter("midge_messages_received_total", "PUBLISH packets that came."),
    counter("midge_messages_sent_total", "PUBLISH packets that went."),
    counter("midge_payload_received_bytes_total", "Payload of PUBLISH packets that came, in bytes."),
    counter("midge_payload_sent_bytes_total", "Payload of PUBLISH packets that went, in bytes."),
    counter("midge_packets_received_total", "Packets that came."),
    counter("midge_packets_sent_total", "Packets that went."),
    counter("midge_received_bytes_total", "Bytes that came."),
    counter("midge_sent_bytes_total", "Bytes that went."),
    counter("midge_sessions_expired_total", "Sessions that ended because their client was away for too long."),
    counter(
        "midge_client_pauses_total",
        "How often a client was not read for a while, because it had sent more than it may.",
    ),
    gauge("midge_memory_resident_bytes", "Memory that the system has given the process."),
    gauge("midge_memory_heap_bytes", "Memory that the process has given out itself; 0 where that is not counted."),
    counter("midge_shard_cpu_seconds_total", "Time that each shard has computed."),
    counter("midge_log_written_bytes_total", "Bytes that were handed over to the log on disk."),
    gauge("midge_log_waiting_bytes", "Bytes that were handed over and are not on disk yet."),
    gauge("midge_log_disk_bytes", "Bytes of the log's files."),
    gauge("midge_log_live_bytes", "Bytes of it that are still needed."),
    gauge("midge_log_disk_free_bytes", "Bytes that are free on the log's disk."),
    gauge("midge_log_full", "Whether there is no room for what would have to be kept."),
    histogram("midge_log_sync_seconds", "How long it took to write and sync what had gathered for the log."),
    histogram(
        "midge_route_seconds",
        "From when a shard read a message until it was written to its receivers, once for each shard that takes part.",
    ),
    histogram(
        "midge_queue_age_seconds",
        "How long messages had waited in the queue of a session or share group when they left it to be sent.",
    ),
    gauge("midge_sink_state", "1 for the state in which a sink is: connected, waiting or failing."),
    gauge("midge_sink_lag_messages", "Messages that wait for a sink."),
    gauge("midge_sink_lag_seconds", "How long the oldest message has waited that a sink has not delivered."),
    counter("midge_sink_written_total", "What a sink has delivered."),
    counter("midge_sink_refused_total", "What the target of a sink has refused for good."),
    counter("midge_sink_ignored_total", "Messages of which a sink can make nothing."),
    gauge("midge_history_topics", "Topics of which the console has a history."),
    gauge("midge_history_bytes", "Memory of that history, in bytes."),
    gauge(
        "midge_top_topic_messages",
        "Messages of the last hour, of the topics with most of them, as far as the history knows.",
    ),
    gauge(
        "midge_top_client_messages",
        "Messages from and to a client since it connected, of the clients with most of them.",
    ),
    gauge("midge_top_client_queued_messages", "Messages that wait for a client, of the clients with most of them."),
];

/// What the server measures of itself, in the order of the table. What only a console knows is not among it: problems that it has
/// counted, its history, and the few topics and clients with most of everything. Asks each shard, which may take a moment.
pub fn of_server(source: &dyn Source) -> Vec<Family> {
    let mut measured = Measured::default();
    measure_server(&mut measured, source);
    measured.into_families()
}

/// Everything, as it is now.
pub(crate) fn of_console(call: &Call<'_>) -> Vec<Family> {
    let mut measured = Measured::default();
    measure_server(&mut measured, &*call.state.source);
    measure_problems(&mut measured, call);
    measure_tops(&mut measured, call);
    measured.into_families()
}

fn measure_server(measured: &mut Measured, source: &dyn Source) {
    let (totals, about) = (source.totals(), source.about());
    measured.labelled("midge_build_info", &[("version", &about.version)], 1_u64);
    measured.plain("midge_start_time_seconds", about.started_ms as f64 / 1000.0);
    measured.plain("midge_ready", source.checks().iter().all(|check| check.ok));
    measure_totals(measured, &totals);
    let Tallies { reasons, route, queue_age } = source.tallies();
    for reason in reasons {
        let family = if reason.kind == "discarded" { "midge_discarded_messages_total" } else { "midge_refused_total" };
        measured.labelled(family, &[("reason", reason.reason)], reason.count);
    }
    for (shard, ns) in source.shard_time_ns().into_iter().enumerate() {
        let seconds = ns as f64 / 1e9;
        measured.labelled("midge_shard_cpu_seconds_total", &[("shard", &shard.to_string())], seconds);
    }
    if let Some(log) = &totals.log {
        measure_log(measured, log);
    }
    measured.times("midge_route_seconds", &route, 1e6);
    measured.times("midge_queue_age_seconds", &queue_age, 1.0);
    source.sinks().iter().for_each(|sink| measure_sink(measured, sink));
}

fn measure_sink(measured: &mut Measured, sink: &Sink) {
    measured.labelled("midge_sink_state", &[("sink", sink.name), ("state", sink.state)], 1_u64);
    let numbers = [
        ("midge_sink_lag_messages", sink.lag_messages),
        ("midge_sink_lag_seconds", sink.lag_s),
        ("midge_sink_written_total", sink.written),
        ("midge_sink_refused_total", sink.refused),
        ("midge_sink_ignored_total", sink.ignored),
    ];
    for (name, value) in numbers {
        measured.labelled(name, &[("sink", sink.name)], value);
    }
}

fn measure_totals(measured: &mut Measured, totals: &Totals) {
    let numbers: [(&str, u64); 29] = [
        ("midge_clients_connected", totals.clients_connected),
        ("midge_sessions", totals.sessions),
        ("midge_sessions_maximum", totals.sessions_maximum),
        ("midge_sockets_open", totals.sockets),
        ("midge_connects_total", totals.connections_total),
        ("midge_sockets_accepted_total", totals.sockets_total),
        ("midge_sockets_refused_total", totals.sockets_refused_total),
        ("midge_logins_refused_total", totals.logins_refused_total),
        ("midge_dropped_messages_total", totals.messages_dropped_total),
        ("midge_subscriptions", totals.subscriptions),
        ("midge_shared_subscriptions", totals.shared_subscriptions),
        ("midge_share_groups", totals.share_groups),
        ("midge_retained_messages", totals.retained_messages),
        ("midge_retained_bytes", totals.retained_bytes),
        ("midge_held_messages", totals.held_messages),
        ("midge_inflight_messages", totals.inflight_messages),
        ("midge_held_bytes", totals.held_bytes),
        ("midge_output_waiting_packets", totals.waiting_packets),
        ("midge_output_waiting_bytes", totals.waiting_bytes),
        ("midge_messages_received_total", totals.messages_received_total),
        ("midge_messages_sent_total", totals.messages_sent_total),
        ("midge_payload_received_bytes_total", totals.payload_received_bytes_total),
        ("midge_payload_sent_bytes_total", totals.payload_sent_bytes_total),
        ("midge_packets_received_total", totals.packets_received_total),
        ("midge_packets_sent_total", totals.packets_sent_total),
        ("midge_received_bytes_total", totals.received_bytes_total),
        ("midge_sent_bytes_total", totals.sent_bytes_total),
        ("midge_sessions_expired_total", totals.sessions_expired_total),
        ("midge_client_pauses_total", totals.pauses_total),
    ];
    numbers.into_iter().for_each(|(name, value)| measured.plain(name, value));
    measured.plain("midge_memory_resident_bytes", totals.resident_bytes);
    measured.plain("midge_memory_heap_bytes", totals.heap_bytes);
}

fn measure_problems(measured: &mut Measured, call: &Call<'_>) {
    for total in call.state.observations().problems.totals() {
        let text = |name: &str| total[name].as_str().unwrap_or_default().to_owned();
        let labels = [("kind", &*text("kind")), ("reason", &*text("reason"))];
        measured.labelled("midge_problems_total", &labels, total["count"].as_u64().unwrap_or(0));
    }
}

fn measure_log(measured: &mut Measured, log: &LogTotals) {
    measured.plain("midge_log_written_bytes_total", log.written_bytes_total);
    measured.plain("midge_log_waiting_bytes", log.waiting_bytes);
    let perhaps = [
        ("midge_log_disk_bytes", log.disk_bytes),
        ("midge_log_live_bytes", log.live_bytes),
        ("midge_log_disk_free_bytes", log.disk_free_bytes),
    ];
    perhaps
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .for_each(|(name, value)| measured.plain(name, value));
    measured.plain("midge_log_full", log.is_full);
    measured.times("midge_log_sync_seconds", &log.sync, 1e6);
}

fn measure_tops(measured: &mut Measured, call: &Call<'_>) {
    let mut topics = Top::default();
    {
        let observations = call.state.observations();
        measured.plain("midge_history_topics", observations.history.len() as u64);
        measured.plain("midge_history_bytes", observations.history.bytes() as u64);
        for (topic, _, messages) in observations.history.topics_after("").filter(|(topic, ..)| call.may_receive(topic))
        {
            topics.offer(messages, topic);
        }
    }
    let (mut busiest, mut fullest) = (Top::default(), Top::default());
    let _ = each_client(call, |client| {
        let messages = client.connection.as_ref().map_or(0, |it| it.received_messages + it.sent_messages);
        busiest.offer(messages, &client.id);
        fullest.offer(client.queued, &client.id);
    });
    let tops = [
        ("midge_top_topic_messages", "topic", topics),
        ("midge_top_client_messages", "client_id", busiest),
        ("midge_top_client_queued_messages", "client_id", fullest),
    ];
    for (name, label, top) in tops {
        top.first.iter().for_each(|(value, item)| measured.labelled(name, &[(label, item)], *value));
    }
}

/// As many clients as are looked at for one answer.
fn each_client(call: &Call<'_>, mut visit: impl FnMut(&Client)) -> ControlFlow<()> {
    let mut at = String::new();
    for _ in 0..PORTIONS_MAX {
        let Ok(portion) = call.state.source.clients(&at) else { return ControlFlow::Break(()) };
        portion.items.iter().for_each(|(client, _)| visit(client));
        match portion.next {
            Some(next) => at = next,
            None => return ControlFlow::Continue(()),
        }
    }
    ControlFlow::Break(())
}

/// The few with most.
#[derive(Default)]
struct Top {
    first: Vec<(u64, String)>,
}

impl Top {
    fn offer(&mut self, value: u64, item: &str) {
        let is_wanted =
            value > 0 && (self.first.len() < TOP || self.first.last().is_some_and(|(least, _)| value > *least));
        if is_wanted {
            let at = self.first.partition_point(|(other, _)| *other >= value);
            self.first.insert(at, (value, item.to_owned()));
            self.first.truncate(TOP);
        }
    }
}

/// Samples with their families' names.
#[derive(Default)]
struct Measured(Vec<(&'static str, Sample)>);

impl Measured {
    fn plain(&mut self, name: &'static str, value: impl Into<Value>) {
        self.labelled(name, &[], value);
    }

    fn labelled(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: impl Into<Value>) {
        let labels = labels.iter().map(|(label, text)| (*label, (*text).to_owned())).collect();
        self.0.push((name, Sample { labels, value: value.into() }));
    }

    /// How long something took: the histogram counts in units of which a second has so many.
    fn times(&mut self, name: &'static str, histogram: &Histogram, units_per_s: f64) {
        self.plain(name, Value::Buckets(Buckets::of(histogram, units_per_s)));
    }

    /// In the order of the table, those without a sample left out.
    fn into_families(mut self) -> Vec<Family> {
        let take = |metric: &'static Metric| {
            let samples = self.0.extract_if(.., |(of, _)| *of == metric.name).map(|(_, sample)| sample).collect();
            Family { metric, samples }
        };
        METRICS.iter().map(take).filter(|family| !family.samples.is_empty()).collect()
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Value {
        Value::Count(count)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Value {
        Value::Count(is_so.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Number(number)
    }
}

/// Topics and clients that are named.
const TOP: usize = 10;

/// Clients that are looked at: 32,768.
const PORTIONS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_count_and_in_what() {
        for (index, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[index + 1..].iter().all(|other| other.name != metric.name), "{} twice", metric.name);
            assert!(metric.name.starts_with("midge_"), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{}", metric.name);
        }
    }

    #[test]
    fn families_stand_in_the_order_of_the_table() {
        let mut measured = Measured::default();
        measured.labelled("midge_refused_total", &[("reason", "x")], 2_u64);
        measured.plain("midge_sessions", 1_u64);
        measured.labelled("midge_refused_total", &[("reason", "y")], 3_u64);
        let families = measured.into_families();
        let names: Vec<_> = families.iter().map(|family| (family.metric.name, family.samples.len())).collect();
        assert_eq!(names, [("midge_sessions", 1), ("midge_refused_total", 2)]);
        let last = Sample { labels: vec![("reason", "y".to_owned())], value: Value::Count(3) };
        assert_eq!(families[1].samples[1], last);
    }

    #[test]
    fn a_histogram_has_bounds_in_seconds() {
        let mut histogram = Histogram::default();
        for us in [0, 1, 3, 900, 1_000, 1_000_000_000] {
            histogram.counts[Histogram::bucket(us)] += 1;
            histogram.sum += us;
        }
        assert_eq!((histogram.quantile(0.5), histogram.quantile(0.8)), (Some(4), Some(1_024)));
        assert_eq!(Histogram::default().quantile(0.5), None);
        let Buckets { bounds, counts, sum } = Buckets::of(&histogram, 1e6);
        assert_eq!((bounds.len() + 1, bounds[0], bounds[10]), (counts.len(), 0.000_001, 0.001_024));
        assert_eq!((counts[0], counts[10], counts.last().copied(), sum), (1, 2, Some(1), 1_000.001_904));
    }

    #[test]
    fn names_say_the_unit() {
        let unit = |name| METRICS.iter().find(|metric| metric.name == name).map(Metric::unit);
        assert_eq!(unit("midge_received_bytes_total"), Some(Unit::Bytes));
        assert_eq!(unit("midge_held_bytes"), Some(Unit::Bytes));
        assert_eq!(unit("midge_log_sync_seconds"), Some(Unit::Seconds));
        assert_eq!(unit("midge_messages_sent_total"), Some(Unit::Things));
    }

    #[test]
    fn the_few_with_most_are_named() {
        let mut top = Top::default();
        (0..100).for_each(|number| top.offer(number % 37, &number.to_string()));
        assert_eq!(top.first.len(), TOP);
        assert_eq!(top.first[0], (36, "36".to_owned()));
        assert!(top.first.is_sorted_by_key(|(value, _)| std::cmp::Reverse(*value)));
    }
}
