//! Metrics as Prometheus reads them (text format 0.0.4): each with its unit in its name, what it is, and what kind it is of.

use std::fmt::{Display, Write};
use std::ops::ControlFlow;

use crate::routes::Call;
use crate::source::{Client, HISTOGRAM_BUCKETS, Histogram, LogTotals, Totals};

/// A family of metrics.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it is.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "counter", help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: "gauge", help }
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
    Metric {
        name: "midge_log_sync_seconds",
        kind: "histogram",
        help: "How long it took to write and sync what had gathered for the log.",
    },
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

/// Everything, as it is now.
pub(crate) fn write(call: &Call<'_>) -> String {
    let source = &call.state.source;
    let (totals, about) = (source.totals(), source.about());
    let mut page = Page::default();
    page.labelled("midge_build_info", &[("version", &about.version)], 1);
    page.plain("midge_start_time_seconds", about.started_ms as f64 / 1000.0);
    page.plain("midge_ready", u8::from(source.checks().iter().all(|check| check.ok)));
    write_totals(&mut page, &totals);
    write_reasons(&mut page, call);
    for (shard, ns) in source.shard_time_ns().into_iter().enumerate() {
        let seconds = ns as f64 / 1e9;
        page.labelled("midge_shard_cpu_seconds_total", &[("shard", &shard.to_string())], seconds);
    }
    if let Some(log) = &totals.log {
        write_log(&mut page, log);
    }
    write_tops(&mut page, call);
    page.finish()
}

fn write_totals(page: &mut Page, totals: &Totals) {
    let numbers: [(&str, u64); 28] = [
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
    numbers.into_iter().for_each(|(name, value)| page.plain(name, value));
    page.plain("midge_memory_resident_bytes", totals.resident_bytes);
    page.plain("midge_memory_heap_bytes", totals.heap_bytes);
}

fn write_reasons(page: &mut Page, call: &Call<'_>) {
    for reason in call.state.source.reasons() {
        match reason.kind {
            "discarded" => page.labelled("midge_discarded_messages_total", &[("reason", reason.reason)], reason.count),
            _ => page.labelled("midge_refused_total", &[("reason", reason.reason)], reason.count),
        }
    }
    for total in call.state.observations().problems.totals() {
        let text = |name: &str| total[name].as_str().unwrap_or_default().to_owned();
        let labels = [("kind", &*text("kind")), ("reason", &*text("reason"))];
        page.labelled("midge_problems_total", &labels, total["count"].as_u64().unwrap_or(0));
    }
}

fn write_log(page: &mut Page, log: &LogTotals) {
    page.plain("midge_log_written_bytes_total", log.written_bytes_total);
    page.plain("midge_log_waiting_bytes", log.waiting_bytes);
    let perhaps = [
        ("midge_log_disk_bytes", log.disk_bytes),
        ("midge_log_live_bytes", log.live_bytes),
        ("midge_log_disk_free_bytes", log.disk_free_bytes),
    ];
    perhaps
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .for_each(|(name, value)| page.plain(name, value));
    page.plain("midge_log_full", u8::from(log.is_full));
    page.histogram("midge_log_sync_seconds", &log.sync);
}

fn write_tops(page: &mut Page, call: &Call<'_>) {
    let mut topics = Top::default();
    {
        let observations = call.state.observations();
        page.plain("midge_history_topics", observations.history.len());
        page.plain("midge_history_bytes", observations.history.bytes());
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
        top.first.iter().for_each(|(value, item)| page.labelled(name, &[(label, item)], value));
    }
}

/// As many clients as are looked at for one page.
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

/// Samples by family.
#[derive(Default)]
struct Page {
    samples: Vec<(&'static str, String)>,
}

impl Page {
    fn plain(&mut self, name: &'static str, value: impl Display) {
        self.labelled(name, &[], value);
    }

    fn labelled(&mut self, name: &'static str, labels: &[(&str, &str)], value: impl Display) {
        let sample = format!("{name}{} {value}\n", Labels(labels));
        self.samples.push((name, sample));
    }

    fn histogram(&mut self, name: &'static str, histogram: &Histogram) {
        let (mut text, mut count) = (String::new(), 0);
        for bucket in 0..HISTOGRAM_BUCKETS - 1 {
            count += histogram.counts[bucket];
            let bound = (1_u64 << bucket) as f64 / 1e6;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let (all, sum) = (histogram.count(), histogram.sum_us as f64 / 1e6);
        let _ = write!(text, "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}\n");
        self.samples.push((name, text));
    }

    /// Families in the order of the table, those without a sample left out.
    fn finish(self) -> String {
        let mut page = String::new();
        for Metric { name, kind, help } in METRICS {
            let samples = self.samples.iter().filter(|(of, _)| of == name);
            let text: String = samples.map(|(_, sample)| sample.as_str()).collect();
            if !text.is_empty() {
                let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{text}");
            }
        }
        page
    }
}

/// `{name="value"}`
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "{" } else { "," })?;
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{name}=\"{value}\"")?;
        }
        f.write_str(if self.0.is_empty() { "" } else { "}" })
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
            assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{}", metric.name);
        }
    }

    #[test]
    fn labels_are_escaped_and_families_stand_together() {
        let mut page = Page::default();
        page.labelled("midge_refused_total", &[("reason", "a\"b\\c\nd")], 2);
        page.plain("midge_sessions", 1);
        page.labelled("midge_refused_total", &[("reason", "x")], 3);
        let expected = "# HELP midge_sessions Sessions, those of clients that are away included.\n\
                        # TYPE midge_sessions gauge\n\
                        midge_sessions 1\n\
                        # HELP midge_refused_total What the server did not take, by reason.\n\
                        # TYPE midge_refused_total counter\n\
                        midge_refused_total{reason=\"a\\\"b\\\\c\\nd\"} 2\n\
                        midge_refused_total{reason=\"x\"} 3\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn a_histogram_adds_up() {
        let mut histogram = Histogram::default();
        for us in [0, 1, 3, 900, 1_000, 1_000_000_000] {
            histogram.counts[Histogram::bucket(us)] += 1;
            histogram.sum_us += us;
        }
        assert_eq!((histogram.quantile_us(0.5), histogram.quantile_us(0.8)), (Some(4), Some(1_024)));
        assert_eq!(Histogram::default().quantile_us(0.5), None);
        let mut page = Page::default();
        page.histogram("midge_log_sync_seconds", &histogram);
        let text = page.finish();
        for line in [
            "midge_log_sync_seconds_bucket{le=\"0.000001\"} 1",
            "midge_log_sync_seconds_bucket{le=\"0.000004\"} 3",
            "midge_log_sync_seconds_bucket{le=\"0.001024\"} 5",
            "midge_log_sync_seconds_bucket{le=\"+Inf\"} 6",
            "midge_log_sync_seconds_count 6",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
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
