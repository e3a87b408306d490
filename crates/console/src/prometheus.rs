//! Metrics as Prometheus reads them (text format 0.0.4).

use std::fmt::{Display, Write};

use crate::metrics::{Buckets, Family, MetricKind, Sample, Value};

/// All of them.
pub(crate) fn write(families: &[Family]) -> String {
    let mut page = String::new();
    for Family { metric, samples } in families {
        let name = metric.name;
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        // Writing to a String cannot fail.
        let _ = write!(page, "# HELP {name} {}\n# TYPE {name} {kind}\n", metric.help);
        for Sample { labels, value } in samples {
            let _ = match value {
                Value::Count(count) => writeln!(page, "{name}{} {count}", Labels(labels)),
                Value::Number(number) => writeln!(page, "{name}{} {number}", Labels(labels)),
                Value::Buckets(buckets) => write_buckets(&mut page, name, labels, buckets),
            };
        }
    }
    page
}

/// Each with all that is smaller.
fn write_buckets(page: &mut String, name: &str, labels: &[(&str, String)], buckets: &Buckets) -> std::fmt::Result {
    let mut count = 0;
    let bounds = buckets.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (bound, more) in bounds.zip(&buckets.counts) {
        count += more;
        let labels: Vec<_> = labels.iter().cloned().chain([("le", bound)]).collect();
        writeln!(page, "{name}_bucket{} {count}", Labels(&labels))?;
    }
    let labels = Labels(labels);
    write!(page, "{name}_sum{labels} {}\n{name}_count{labels} {count}\n", buckets.sum)
}

/// `{name="value"}`
struct Labels<'a>(&'a [(&'a str, String)]);

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::METRICS;

    fn family(name: &str, samples: &[(&[(&'static str, &str)], Value)]) -> Family {
        let metric = METRICS.iter().find(|metric| metric.name == name).expect("a metric of this name");
        let sample = |(labels, value): &(&[(&'static str, &str)], Value)| {
            let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            Sample { labels, value: value.clone() }
        };
        Family { metric, samples: samples.iter().map(sample).collect() }
    }

    #[test]
    fn labels_are_escaped() {
        let refused: [(&[(&str, &str)], Value); 2] =
            [(&[("reason", "a\"b\\c\nd")], Value::Count(2)), (&[("reason", "x")], Value::Count(3))];
        let families =
            [family("midge_sessions", &[(&[], Value::Number(1.5))]), family("midge_refused_total", &refused)];
        let expected = "# HELP midge_sessions Sessions, those of clients that are away included.\n\
                        # TYPE midge_sessions gauge\n\
                        midge_sessions 1.5\n\
                        # HELP midge_refused_total What the server did not take, by reason.\n\
                        # TYPE midge_refused_total counter\n\
                        midge_refused_total{reason=\"a\\\"b\\\\c\\nd\"} 2\n\
                        midge_refused_total{reason=\"x\"} 3\n";
        assert_eq!(write(&families), expected);
    }

    #[test]
    fn a_histogram_adds_up() {
        let buckets = Buckets { bounds: vec![0.001, 0.5], counts: vec![1, 2, 3], sum: 7.25 };
        let text = write(&[family("midge_log_sync_seconds", &[(&[("shard", "1")], Value::Buckets(buckets))])]);
        let told: Vec<_> = text.lines().skip(2).collect();
        let expected = [
            "midge_log_sync_seconds_bucket{shard=\"1\",le=\"0.001\"} 1",
            "midge_log_sync_seconds_bucket{shard=\"1\",le=\"0.5\"} 3",
            "midge_log_sync_seconds_bucket{shard=\"1\",le=\"+Inf\"} 6",
            "midge_log_sync_seconds_sum{shard=\"1\"} 7.25",
            "midge_log_sync_seconds_count{shard=\"1\"} 6",
        ];
        assert_eq!(told, expected);
    }
}
