//! Any text as Topic Filter and Topic Name. What must hold is in `match_any`, of which the codec's tests make a short run.

#![no_main]

#[path = "../../crates/codec/tests/any_topics/match_any.rs"]
mod match_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match_any::match_any(data);
});
