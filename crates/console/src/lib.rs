//! The console: a page for people, an API for programs, metrics for Prometheus and MQTT for browsers, on one port.
//!
//! ```text
//!            ┌─ /              the page                          (assets)
//! listener ──┼─ /api /metrics  guard ─▶ route ─▶ login ─▶ answer (guard, routes, api)
//!            └─ /mqtt          guard ─▶ a pair of sockets, whose other end a shard serves (websocket)
//! ```
//!
//! What must hold:
//! * the server behind it is a [`Source`]: this crate knows no shard, no Session and no file;
//! * everything runs on one thread and a few that wait for the source; connections, heads, bodies, answers and times are bounded;
//! * whoever asks is checked before he is answered: which name he calls us by, which page he comes from, who he is, what he may;
//! * a route is a row of one table ([`routes`]), from which dispatch, checks and `openapi.json` are made.
//!
//! To read it: [`source`] for what is asked, `routes` for what there is, `server` for the way of one request, `accept` for how it comes,
//! `connections` for who has to go when it is crowded, `anteroom` for what is there before all of that.
#![forbid(unsafe_code)]

mod accept;
mod answer;
mod anteroom;
mod api;
mod assets;
mod connections;
mod guard;
mod history;
pub mod metrics;
mod mosquitto;
mod observations;
mod openapi;
mod parameters;
mod percent;
mod problems;
mod prometheus;
mod ranking;
mod remedies;
pub mod routes;
pub mod schema;
mod series;
mod server;
pub mod source;
mod websocket;

#[cfg(test)]
mod testing;

pub use anteroom::Anteroom;
pub use history::{History, Point, Sample};
pub use metrics::METRICS;
pub use openapi::document;
pub use problems::{Incident, Kind};
pub use server::{Console, Entrance, Kind as EntranceKind, Rules};
pub use source::Source;
