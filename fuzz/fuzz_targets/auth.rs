//! Any bytes as password file and as access control list. What must hold is in `read_any`, of which the tests of `auth` make a
//! short run.

#![no_main]

#[path = "../../crates/auth/tests/any_files/read_any.rs"]
mod read_any;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    read_any::read_any(data);
});
