//! Any bytes as configuration files. What must hold is in `load_any`, of which the tests of `config` make a short run.

#![no_main]

#[path = "../../crates/config/tests/any_files/load_any.rs"]
mod load_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    load_any::load_any(data);
});
