//! Metrics and log lines for a collector of OpenTelemetry (OTLP/HTTP), in a server that is built with the cargo feature `otlp`.
//!
//! ```text
//! shards, …  ──records──▶ bounded queue (log/records.rs) ──┐
//! ConsoleSource ──families (midge-console)─────────────────┴─▶ exporter: one thread ──HTTP──▶ collector
//! ```
//!
//! What must hold: nobody waits for the collector, whatever it does, but the end of the process, which is bounded; what it is not
//! given is counted and told; what is told about it is not sent to it, so that a failure never makes another one.

#[cfg(not(feature = "otlp"))]
mod absent;
#[cfg(feature = "otlp")]
mod channel;
#[cfg(feature = "otlp")]
mod convert;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp")]
mod exports;
#[cfg(feature = "otlp")]
mod health;

use std::sync::Arc;

#[cfg(not(feature = "otlp"))]
pub(crate) use self::absent::Exports;
#[cfg(feature = "otlp")]
pub(crate) use self::exports::Exports;
use crate::console::ConsoleSource;
use crate::log::Log;

/// What is measured, and where lines are told.
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "nobody asks them"))]
pub(crate) struct Surroundings {
    pub(crate) source: Arc<ConsoleSource>,
    pub(crate) log: Arc<Log>,
}
