//! Any bytes as a WebSocket: frames, and the request before them. What must hold is in `websocket_any`, of which the tests
//! of `net` make a short run.

#![no_main]

#[path = "../../crates/net/tests/any_bytes/websocket_any.rs"]
mod websocket_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    websocket_any::websocket_any(data);
});
