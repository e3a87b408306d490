//! What was acknowledged is there again: after a kill, after a power cut, after an orderly stop; and what keeps a server from its
//! folder is said before anybody is let in.
//!
//! All with the real process and its real files. Read `campaign.rs` (load, kills and restarts), `publisher.rs` and
//! `subscriber.rs` (clients that keep their state as the specification wants it), `file_sink.rs` (what is handed on), `account.rs` (the verdict); then the
//! tests: `kills.rs`, `cuts.rs`, `folders.rs`, `space.rs`, `restarts.rs`, `versions.rs`, `promises.rs`. What only the rules of a Session decide is in
//! `crates/broker/tests/rules/restarts.rs`, and what the files hold in `crates/store/tests`.

mod account;
mod campaign;
mod cuts;
mod file_sink;
mod folder;
mod folders;
mod kills;
mod memory;
mod paho;
mod promises;
mod publisher;
mod random;
mod restarts;
mod space;
mod subscriber;
mod versions;
