//! The server as a whole: what all shards have counted, and how things stand.

use std::sync::Arc;

use midge_broker::sys::Totals;
use midge_broker::{LogState, Shared};
use midge_net::sys;

use crate::clock::Clock;
use crate::heap;
use crate::json::Object;
use crate::peers::Peers;
use crate::sinks::{SinkReport, Sinks};

/// The server at one moment. Each number is right by itself; they are not of one instant.
pub(crate) struct Overview {
    version: String,
    shards: usize,
    /// Monotonic time, by which differences of counts become rates.
    now_ms: u64,
    totals: Totals,
    resident_bytes: u64,
    log: Option<LogFigures>,
    sinks: Vec<SinkReport>,
}

/// How the log stands.
struct LogFigures {
    state: LogState,
    /// Bytes that were handed over and are not durable yet.
    waiting_bytes: u64,
    /// Bytes that were ever handed over.
    written_bytes: u64,
}

/// Whom to ask for it.
#[derive(Clone)]
pub(crate) struct OverviewSource {
    pub(crate) version: String,
    pub(crate) peers: Arc<Peers>,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    /// When the server was started, by its own clock.
    pub(crate) started_ms: u64,
}

impl OverviewSource {
    /// Looks now. Asks no shard anything: they publish their counts once a turn.
    pub(crate) fn look(&self) -> Overview {
        let now_ms = self.clock.monotonic_ms();
        let totals = self.peers.totals_with(&self.shared, now_ms.saturating_sub(self.started_ms));
        let log = self.shared.log().map(|log| LogFigures {
            state: log.state(),
            waiting_bytes: log.next().saturating_sub(log.durable()),
            written_bytes: log.next(),
        });
        let (shards, resident_bytes) = (self.peers.shards().len(), sys::memory().current);
        let (version, sinks) = (self.version.clone(), self.sinks.reports());
        Overview { version, shards, now_ms, totals, resident_bytes, log, sinks }
    }
}

impl Peers {
    /// Everything that the shards have published, with what stands in what they share.
    pub(crate) fn totals_with(&self, shared: &Shared, uptime_ms: u64) -> Totals {
        let mut totals = self.totals();
        totals.uptime_s = uptime_ms / 1000;
        totals.retained = shared.retained().len() as u64;
        let (shared_messages, shared_bytes) = shared.groups().queued();
        totals.messages_stored += totals.retained + shared_messages;
        totals.messages_stored_bytes += shared.retained().bytes() as u64 + shared_bytes;
        totals.heap_current_bytes = heap::used_bytes();
        totals.heap_maximum_bytes = self.note_heap(totals.heap_current_bytes);
        totals
    }
}

impl Overview {
    /// Adds it to an object of JSON. What ends in `_total` only grows; differences of it, divided by those of `now_ms`, are rates.
    pub(crate) fn tell(&self, object: &mut Object) {
        let totals = &self.totals;
        object
            .text("server", &self.version)
            .number("process", std::process::id())
            .number("shards", self.shards as u64)
            .number("now_ms", self.now_ms)
            .number("uptime_s", totals.uptime_s)
            .number("sessions", totals.sessions)
            .number("connected", totals.sessions_connected)
            .number("sockets", totals.sockets_open)
            .number("subscriptions", totals.subscriptions + totals.shared_subscriptions)
            .number("retained", totals.retained)
            .number("messages_stored", totals.messages_stored)
            .number("messages_stored_bytes", totals.messages_stored_bytes)
            .number("waiting_packets", totals.packet_out_count)
            .number("waiting_bytes", totals.packet_out_bytes)
            .number("heap_bytes", totals.heap_current_bytes)
            .number("resident_bytes", self.resident_bytes)
            .number("messages_received_total", totals.publish_received)
            .number("messages_sent_total", totals.publish_sent)
            .number("messages_dropped_total", totals.publish_dropped)
            .number("packets_received_total", totals.packets_received)
            .number("packets_sent_total", totals.packets_sent)
            .number("bytes_received_total", totals.bytes_received)
            .number("bytes_sent_total", totals.bytes_sent)
            .number("connections_total", totals.connections)
            .number("sockets_total", totals.sockets)
            .number("sockets_refused_total", totals.sockets_refused)
            .number("logins_refused_total", totals.logins_refused)
            .number("pauses_total", totals.pauses);
        if let Some(log) = &self.log {
            let mut figures = Object::new();
            figures
                .text("state", state(log.state))
                .number("waiting_bytes", log.waiting_bytes)
                .number("written_bytes", log.written_bytes);
            object.object("log", figures);
        }
        for sink in &self.sinks {
            object.object(&format!("sink_{}", sink.name), described(sink));
        }
    }
}

fn described(sink: &SinkReport) -> Object {
    let mut object = Object::new();
    object
        .text("target", &sink.shown)
        .number("lag_ms", sink.lag_ms)
        .number("written_total", sink.written)
        .number("refused_total", sink.refused)
        .number("left_alone_total", sink.left_alone)
        .number("requests_total", sink.requests)
        .number("failures_total", sink.failures);
    if let Some(trouble) = &sink.trouble {
        object.text("trouble", trouble);
    }
    object
}

fn state(state: LogState) -> &'static str {
    match state {
        LogState::Ready => "ready",
        LogState::Full => "full",
        LogState::Scarce => "scarce",
        LogState::Stuck => "stuck",
    }
}
