//! The process around the shards: start, event loops, signals, logs, orderly end.
//!
//! [`run`] is the server; it returns when the process was told to stop. What must hold:
//! * one thread for each shard, none of which waits for anything but its sockets; no lock is held across a packet;
//! * everything a client did before its connection ended counts, and its last answer is given the time to be read;
//! * nothing a client sends ends the process.
//!
//! To read it: `boot` for the start, `shard` for the loop (its text gives the order of a turn), `log::lines` for what is
//! told. Left to others: the rules of MQTT (`broker`), sockets (`net`), the syntax of configuration (`config`).

mod abort;
mod admin;
mod authority;
mod boot;
mod check;
mod check_encryption;
mod clock;
mod connection_rate;
mod console;
mod failure;
mod files;
mod heap;
mod http;
mod inquiry;
mod journal;
pub mod json;
mod limits;
mod listeners;
mod log;
mod options;
mod otlp;
mod peers;
mod persistence;
mod presence;
mod process;
mod published;
mod reading;
mod reload;
mod reload_order;
mod reloader;
mod restart;
mod settings;
mod shard;
mod sinks;
mod stamps;
mod trace;
mod tree_print;
mod watch;
mod web_service;

pub use admin::socket_beside;
pub use authority::{AuthorityOptions, FileProblem, check_authority, check_file, user_names};
pub use boot::{Reload, run};
pub use check::{About, Finding, check, way_to_read};
pub use check_encryption::{EncryptionFault, check_encryption};
pub use failure::StartError;
pub use log::{LogDestination, LogOptions, LogType, LogTypes};
pub use midge_console::source::{Configuration, ConfigurationLine, ConfigurationWarning};
pub use midge_net::words;
pub use options::{Endpoint, Identity, ListenerOptions, Options};
pub use persistence::{Autosave, ExportReport, PersistenceOptions, SyncPolicy, export};
pub use process::{NoAccount, Wanted, daemonize, outlive_file_size_limit};
pub use sinks::{SinkOptions, SinkReport};
