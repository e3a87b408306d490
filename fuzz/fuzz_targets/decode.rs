//! Any bytes through the codec, in all versions and at both ends. What must hold is in `decode_any`, of which the codec's
//! tests make a short run.

#![no_main]

#[path = "../../crates/codec/tests/decode_any/mod.rs"]
mod decode_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    decode_any::decode_any(data);
});
