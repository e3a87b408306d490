//! Any bytes as the records of a log, its snapshot among them. What must hold is in `recover_any`, of which the tests of `broker` make a
//! short run.

#![no_main]

#[path = "../../crates/broker/tests/any_records/recover_any.rs"]
mod recover_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    recover_any::recover_any(data);
});
