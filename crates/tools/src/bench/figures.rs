//! The figures of a measurement, each with the name that people and programs know it by.

use super::round::Measurement;
use super::scenario::{Pace, Plan, Scenario};
use super::worker::Cost;

/// A number.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Figure {
    /// In JSON.
    pub(super) key: &'static str,
    /// In tables.
    pub(super) label: String,
    pub(super) value: f64,
}

/// All that a measurement of this plan says, in the order in which it is shown.
pub(super) fn figures(plan: &Plan, measurement: &Measurement) -> Vec<Figure> {
    let mut figures = Figures(Vec::new());
    figures.add_rate(plan, measurement);
    figures.add_latency(measurement);
    figures.add_server(plan, measurement);
    figures.add_own(plan, measurement);
    figures.0
}

/// How much of the time threads had something to do. One that looks again and again is busy where it finds something.
pub(super) fn busy_share(plan: &Plan, measurement: &Measurement) -> f64 {
    let Cost { cpu_ns, busy_ns, idle_ns } = measurement.own;
    match plan.sleeps {
        true => cpu_ns as f64 / (measurement.seconds * 1e9 * plan.threads as f64),
        false => busy_ns as f64 / (busy_ns + idle_ns).max(1) as f64,
    }
}

struct Figures(Vec<Figure>);

impl Figures {
    fn add(&mut self, key: &'static str, label: impl Into<String>, value: f64) {
        if value.is_finite() {
            self.0.push(Figure { key, label: label.into(), value });
        }
    }

    fn add_rate(&mut self, plan: &Plan, measurement: &Measurement) {
        let (_, units) = plan.scenario.unit();
        let rate = match plan.scenario {
            Scenario::Idle => measurement.entered_per_second.unwrap_or(f64::NAN),
            _ => measurement.done as f64 / measurement.seconds,
        };
        self.add("per_second", format!("{units} a second"), rate);
        if let (Pace::Rate(_), true) = (plan.pace, measurement.behind > 0) {
            self.add("behind", "due and not sent", measurement.behind as f64);
        }
    }

    fn add_latency(&mut self, measurement: &Measurement) {
        let latency = &measurement.latency;
        if latency.is_empty() {
            return;
        }
        for (key, name, quantile) in QUANTILES {
            self.add(key, format!("latency {name}, µs"), latency.value_at_quantile(quantile) as f64 / 1e3);
        }
        self.add("latency_max_us", "latency longest, µs", latency.max() as f64 / 1e3);
    }

    fn add_server(&mut self, plan: &Plan, measurement: &Measurement) {
        let Some(server) = measurement.server else { return };
        let (unit, _) = plan.scenario.unit();
        if measurement.done > 0 {
            let each_us = server.cpu_ns as f64 / 1e3 / measurement.done as f64;
            self.add("server_cpu_us", format!("server CPU for each {unit}, µs"), each_us);
        }
        self.add("server_cores", "server CPU, cores", server.cpu_ns as f64 / 1e9 / measurement.seconds);
        self.add("server_resident_mb", "server memory, MB", server.resident_bytes as f64 / 1e6);
        if plan.scenario == Scenario::Idle {
            let each_bytes = server.clients_bytes as f64 / plan.shape.clients() as f64;
            self.add("server_connection_bytes", "server memory for each connection, bytes", each_bytes);
        }
    }

    fn add_own(&mut self, plan: &Plan, measurement: &Measurement) {
        let (unit, _) = plan.scenario.unit();
        let busy_share = busy_share(plan, measurement);
        if measurement.done > 0 {
            let cpu_ns = measurement.own.cpu_ns as f64 * if plan.sleeps { 1.0 } else { busy_share };
            self.add("own_cpu_us", format!("own CPU for each {unit}, µs"), cpu_ns / 1e3 / measurement.done as f64);
        }
        self.add("own_busy_percent", "own threads busy, %", 100.0 * busy_share);
    }
}

const QUANTILES: [(&str, &str, f64); 4] = [
    ("latency_p50_us", "p50", 0.5),
    ("latency_p90_us", "p90", 0.9),
    ("latency_p99_us", "p99", 0.99),
    ("latency_p999_us", "p99.9", 0.999),
];
