//! Any history of a Client with a server and a user who do everything. What must hold is in `play_any`, of which the tests of
//! `client-core` make a short run.

#![no_main]

#[path = "../../crates/client-core/tests/any_bytes/play_any.rs"]
mod play_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    play_any::play_any(data);
});
