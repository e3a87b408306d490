//! Any bytes as a `mosquitto.db`. What must hold is in `read_any`, of which the tests of `mosquitto-db` make a short run.

#![no_main]

#[path = "../../crates/mosquitto-db/tests/any_files/read_any.rs"]
mod read_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    read_any::read_any(data);
});
