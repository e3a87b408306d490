//! Any files as a log. What must hold is in `open_any`, of which the tests of `store` make a short run.

#![no_main]

#[path = "../../crates/store/tests/any_files/open_any.rs"]
mod open_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    open_any::open_any(data);
});
