//! What the server measures and tells, as OTLP has it.

use midge_console::metrics::{Buckets, Family, MetricKind, Sample, Unit, Value};
use midge_otlp::messages::{
    Any, Data, Gauge, Histogram, HistogramDataPoint, KeyValue, LogRecord, Metric, Number, NumberDataPoint, Sum,
    Temporality,
};

use crate::log::LogType;
use crate::log::records::{Attribute, Record};

/// Nanoseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// From when on things are counted.
    pub(super) start_ns: u64,
    pub(super) now_ns: u64,
}

/// A family under the name that `/metrics` has, so that one set of charts is for both.
pub(super) fn metric(family: &Family, times: Times) -> Metric {
    let temporality = Temporality::Cumulative.into();
    let samples = || family.samples.iter();
    let data = match family.metric.kind {
        MetricKind::Gauge => {
            let data_points = samples().filter_map(|sample| number_point(sample, 0, times.now_ns)).collect();
            Data::Gauge(Gauge { data_points })
        }
        MetricKind::Counter => {
            let point = |sample| number_point(sample, times.start_ns, times.now_ns);
            let data_points = samples().filter_map(point).collect();
            Data::Sum(Sum { data_points, aggregation_temporality: temporality, is_monotonic: true })
        }
        MetricKind::Histogram => {
            let data_points = samples().filter_map(|sample| histogram_point(sample, times)).collect();
            Data::Histogram(Histogram { data_points, aggregation_temporality: temporality })
        }
    };
    let unit = match family.metric.unit() {
        Unit::Things => "",
        Unit::Bytes => "By",
        Unit::Seconds => "s",
    };
    Metric {
        name: family.metric.name.to_owned(),
        description: family.metric.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
    }
}

fn number_point(sample: &Sample, start_ns: u64, now_ns: u64) -> Option<NumberDataPoint> {
    let value = match sample.value {
        Value::Count(count) => Number::Integer(whole(count)),
        Value::Number(number) => Number::Double(number),
        Value::Buckets(_) => return None,
    };
    Some(NumberDataPoint {
        start_time_unix_nano: start_ns,
        time_unix_nano: now_ns,
        attributes: labels(sample),
        value: Some(value),
    })
}

fn histogram_point(sample: &Sample, times: Times) -> Option<HistogramDataPoint> {
    let Value::Buckets(Buckets { bounds, counts, sum }) = &sample.value else { return None };
    Some(HistogramDataPoint {
        start_time_unix_nano: times.start_ns,
        time_unix_nano: times.now_ns,
        count: counts.iter().sum(),
        sum: Some(*sum),
        bucket_counts: counts.clone(),
        explicit_bounds: bounds.clone(),
        attributes: labels(sample),
    })
}

fn labels(sample: &Sample) -> Vec<KeyValue> {
    sample.labels.iter().map(|(name, value)| text(name, value)).collect()
}

/// A line. It is told and seen at the same time.
pub(super) fn log_record(record: Record) -> LogRecord {
    let Record { time_ns, kind, text, attributes } = record;
    let attribute = |(name, value): (&str, Attribute)| {
        let value = match value {
            Attribute::Text(text) => Any::Text(text),
            Attribute::Number(number) => Any::Integer(whole(number)),
            Attribute::Flag(flag) => Any::Flag(flag),
        };
        KeyValue::new(name, value)
    };
    LogRecord {
        time_unix_nano: time_ns,
        observed_time_unix_nano: time_ns,
        severity_number: severity(kind),
        severity_text: kind.name().to_owned(),
        body: Some(Any::Text(text).into()),
        attributes: attributes.0.into_iter().map(attribute).collect(),
    }
}

/// As the data model of logs maps those of syslog (appendix B).
fn severity(kind: LogType) -> i32 {
    match kind {
        LogType::Debug => 5,
        LogType::Information => 9,
        LogType::Notice | LogType::Subscribe | LogType::Unsubscribe => 10,
        LogType::Warning => 13,
        LogType::Error => 17,
    }
}

/// An attribute that is text.
pub(super) fn text(name: &str, value: &str) -> KeyValue {
    KeyValue::new(name, Any::Text(value.to_owned()))
}

/// OTLP has no unsigned numbers.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use midge_console::METRICS;

    use super::*;
    use crate::log::records::Attributes;

    const TIMES: Times = Times { start_ns: 10, now_ns: 20 };

    fn of(name: &str, samples: Vec<(&'static str, Value)>) -> Metric {
        let row = METRICS.iter().find(|metric| metric.name == name).expect("a metric of this name");
        let sample = |(label, value)| Sample { labels: vec![("reason", String::from(label))], value };
        metric(&Family { metric: row, samples: samples.into_iter().map(sample).collect() }, TIMES)
    }

    #[test]
    fn a_counter_is_a_sum_since_the_start() {
        let metric = of("midge_refused_total", vec![("connect", Value::Count(2)), ("publish", Value::Count(u64::MAX))]);
        assert_eq!((metric.name.as_str(), metric.unit.as_str()), ("midge_refused_total", ""));
        let Some(Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
        let point = NumberDataPoint {
            start_time_unix_nano: 10,
            time_unix_nano: 20,
            attributes: vec![text("reason", "connect")],
            value: Some(Number::Integer(2)),
        };
        assert_eq!(sum.data_points[0], point);
        assert_eq!(sum.data_points[1].value, Some(Number::Integer(i64::MAX)));
    }

    #[test]
    fn a_gauge_has_no_start() {
        let metric = of("midge_memory_resident_bytes", vec![("", Value::Number(1.5))]);
        assert_eq!(metric.unit, "By");
        let Some(Data::Gauge(gauge)) = metric.data else { panic!("{metric:?}") };
        assert_eq!((gauge.data_points[0].start_time_unix_nano, gauge.data_points[0].time_unix_nano), (0, 20));
        assert_eq!(gauge.data_points[0].value, Some(Number::Double(1.5)));
    }

    #[test]
    fn a_histogram_has_its_bounds() {
        let buckets = Buckets { bounds: vec![0.5, 1.0], counts: vec![3, 0, 1], sum: 7.0 };
        let metric = of("midge_log_sync_seconds", vec![("", Value::Buckets(buckets))]);
        assert_eq!(metric.unit, "s");
        let Some(Data::Histogram(histogram)) = metric.data else { panic!("{metric:?}") };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.sum, point.start_time_unix_nano), (4, Some(7.0), 10));
        assert_eq!((&point.bucket_counts, &point.explicit_bounds), (&vec![3, 0, 1], &vec![0.5, 1.0]));
    }

    #[test]
    fn a_line_keeps_its_kind_and_what_it_is_about() {
        let attributes = Attributes(vec![
            ("client_id", Attribute::Text("c".to_owned())),
            ("reason_code", Attribute::Number(135)),
            ("dup", Attribute::Flag(true)),
        ]);
        let record = Record { time_ns: 5, kind: LogType::Notice, text: "a".to_owned(), attributes };
        let line = log_record(record);
        assert_eq!((line.time_unix_nano, line.severity_number, line.severity_text.as_str()), (5, 10, "notice"));
        assert_eq!(line.body, Some(Any::Text("a".to_owned()).into()));
        let attributes = vec![
            text("client_id", "c"),
            KeyValue::new("reason_code", Any::Integer(135)),
            KeyValue::new("dup", Any::Flag(true)),
        ];
        assert_eq!(line.attributes, attributes);
    }

    #[test]
    fn severities_go_up() {
        let kinds = [LogType::Debug, LogType::Information, LogType::Notice, LogType::Warning, LogType::Error];
        assert!(kinds.map(severity).is_sorted());
    }
}
