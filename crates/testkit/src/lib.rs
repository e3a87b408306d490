//! Real processes and raw bytes: what tests of an MQTT server need, and in `tests/` the conformance tests by chapter of the specification.
//!
//! Independent of the server on purpose: bytes are built and read here a second time ([`wire`]), so that no mistake of the
//! server's codec can hide itself. Most tests are a [`script`] and nothing else; where a loop is needed, a [`Conversation`] or a
//! [`Client`] is driven by hand.
//!
//! `MIDGE_TEST_SERVER` runs the same tests against another server (see [`server`]), `MIDGE_TEST_TLS` runs them encrypted (see
//! [`tls`]), `MIDGE_TEST_WEBSOCKET` over WebSocket (see [`websocket`]).

#![forbid(unsafe_code)]

pub mod client;
pub mod environment;
pub mod launch;
pub mod packet;
pub mod ports;
pub mod powercut;
pub mod process;
mod property;
pub mod script;
pub mod server;
pub mod socks5;
pub mod stand_in;
pub mod tls;
pub mod tool;
pub mod websocket;
pub mod wire;

pub use client::{Client, PATIENCE, Received};
pub use launch::Launch;
pub use packet::{Kind, Packet};
pub use powercut::PowerCut;
pub use process::Process;
pub use script::{Conversation, check, check_together, check_versions, check_with, on_each_shard_count};
pub use server::Server;
