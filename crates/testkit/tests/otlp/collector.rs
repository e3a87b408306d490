//! A stand-in for a collector: takes requests down, and has them read.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, path::PathBuf};

use midge_testkit::PATIENCE;
use midge_testkit::environment::{need, opentelemetry, scratch_folder, workspace};
use midge_testkit::stand_in::{Reply, Request, StandIn};
use midge_testkit::tls::Issued;
use serde_json::{Map, Value};

/// See the module.
pub(crate) struct Collector {
    stand_in: StandIn,
    python: PathBuf,
    folder: PathBuf,
}

impl Collector {
    /// Nothing, where there is nobody to read requests.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Option<Collector> {
        Collector::start_at(0, answer)
    }

    pub(crate) fn start_at(port: u16, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Option<Collector> {
        Collector::of(|| StandIn::start_at(port, answer))
    }

    /// One for which this certificate vouches.
    pub(crate) fn start_secure(
        issued: &Issued,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Option<Collector> {
        Collector::of(|| StandIn::start_secure(issued, answer))
    }

    fn of(stand_in: impl FnOnce() -> StandIn) -> Option<Collector> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let python = need(opentelemetry())?;
        let folder = scratch_folder(&format!("otlp-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        Some(Collector { stand_in: stand_in(), python, folder })
    }

    pub(crate) fn url(&self) -> String {
        self.stand_in.url()
    }

    /// All, when there are so many.
    #[track_caller]
    pub(crate) fn requests(&self, count: usize) -> Vec<Request> {
        self.stand_in.requests(count)
    }

    /// Those with `metrics` or `logs` that have come so far, as JSON.
    pub(crate) fn read(&self, kind: &str) -> Vec<Value> {
        let line = format!("POST /v1/{kind}");
        let requests = self.stand_in.requests(0).into_iter().filter(|request| request.line == line);
        requests.map(|request| self.read_one(kind, &request)).collect()
    }

    fn read_one(&self, kind: &str, request: &Request) -> Value {
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        let path = self.folder.join(kind);
        fs::write(&path, &request.body).expect("written");
        let mut program = Command::new(&self.python);
        program.arg(workspace().join("crates/testkit/python/otlp_request.py")).arg(kind).arg(&path);
        let output = program.arg(request.header("content-encoding").unwrap_or("plain")).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The metric of this name, as it was last sent.
    pub(crate) fn metric(&self, name: &str) -> Option<Value> {
        let requests = self.read("metrics");
        let metrics = requests.last()?["resource_metrics"][0]["scope_metrics"][0]["metrics"].as_array()?.clone();
        metrics.into_iter().find(|metric| metric["name"] == name)
    }

    /// The value of a metric that has one.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let metric = self.metric(name)?;
        let point = [&metric["sum"], &metric["gauge"]].into_iter().find(|it| it.is_object())?["data_points"][0].clone();
        point["as_int"].as_str().map_or_else(|| point["as_double"].as_f64(), |text| text.parse().ok())
    }

    /// All records of lines, in the order in which they came.
    pub(crate) fn records(&self) -> Vec<Value> {
        let requests = self.read("logs");
        let records = requests.iter().map(|it| it["resource_logs"][0]["scope_logs"][0]["log_records"].as_array());
        records.flat_map(|records| records.expect("records").clone()).collect()
    }

    /// The first record of this event. Waits for it.
    #[track_caller]
    pub(crate) fn record(&self, event: &str) -> Value {
        let find = || self.records().into_iter().find(|record| attributes(record)["event"] == event);
        wait_for(&format!("a record of {event}"), find)
    }
}

/// Waits until there is such a thing.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "there is no {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Attributes by name, as an object.
pub(crate) fn attributes(of: &Value) -> Value {
    let none = Vec::new();
    let all = of["attributes"].as_array().unwrap_or(&none).iter();
    let value = |it: &Value| it["value"].as_object().and_then(|value| value.values().next()).cloned();
    let pairs = all.filter_map(|it| Some((it["key"].as_str()?.to_owned(), value(it)?)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}
