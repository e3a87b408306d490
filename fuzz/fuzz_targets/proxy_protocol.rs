//! Any bytes as a PROXY header, in both versions. What must hold is in `proxy_protocol_any`, of which the tests of `net`
//! make a short run.

#![no_main]

#[path = "../../crates/net/tests/any_bytes/proxy_protocol_any.rs"]
mod proxy_protocol_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    proxy_protocol_any::proxy_protocol_any(data);
});
