//! Any history of connections, packets and bytes through the shards. What must hold is in `play_any`, of which the broker's
//! tests make a short run.

#![no_main]

#[path = "../../crates/broker/tests/any_bytes/play_any.rs"]
mod play_any;
#[allow(dead_code, reason = "its other users need the rest")]
#[path = "../../crates/broker/tests/rules/world/mod.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    play_any::play_any(data);
});
