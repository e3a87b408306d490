//! Metrics and log lines as a collector of OpenTelemetry takes them (OTLP/HTTP 1.x, with bodies in Protobuf), and what its answers
//! mean.
//!
//! What must hold: the numbers of fields are those of the `.proto` files of `opentelemetry-proto` 1.x, which promise not to change
//! them; a field that is left out here has its default there. Who sends the requests, and when, is left to others.
#![forbid(unsafe_code)]

pub mod answer;
pub mod messages;

use prost::Message;

use crate::messages::{
    KeyValue, LogRecord, LogsRequest, Metric, MetricsRequest, Resource, ResourceLogs, ResourceMetrics, Scope,
    ScopeLogs, ScopeMetrics,
};

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Numbers.
    Metrics,
    /// Lines.
    Logs,
}

impl Signal {
    /// What stands behind the endpoint.
    pub fn path(self) -> &'static str {
        match self {
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Logs => "log lines",
        }
    }
}

/// Who says it.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Which program, on which machine.
    pub resource: Vec<KeyValue>,
    /// The part of it, and its version.
    pub scope: (String, String),
}

impl Speaker {
    /// The body of a request with metrics.
    pub fn metrics(&self, metrics: Vec<Metric>) -> Vec<u8> {
        let scope_metrics = vec![ScopeMetrics { scope: Some(self.scope()), metrics }];
        let resource_metrics = vec![ResourceMetrics { resource: Some(self.resource()), scope_metrics }];
        MetricsRequest { resource_metrics }.encode_to_vec()
    }

    /// The body of a request with log lines.
    pub fn logs(&self, log_records: Vec<LogRecord>) -> Vec<u8> {
        let scope_logs = vec![ScopeLogs { scope: Some(self.scope()), log_records }];
        let resource_logs = vec![ResourceLogs { resource: Some(self.resource()), scope_logs }];
        LogsRequest { resource_logs }.encode_to_vec()
    }

    fn resource(&self) -> Resource {
        Resource { attributes: self.resource.clone() }
    }

    fn scope(&self) -> Scope {
        let (name, version) = self.scope.clone();
        Scope { name, version }
    }
}
