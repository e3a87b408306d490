//! The Client against the real broker's core, in memory: bytes of the one are handed to the other, cut at any byte, while
//! Sessions are resumed and lost, the server is killed, and programs are killed and started again from what a store has kept.

mod histories;
mod ledger;
mod partner;
#[allow(dead_code, reason = "its other users need the rest")]
#[path = "../../../broker/tests/rules/world/mod.rs"]
mod world;
