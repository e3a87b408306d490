//! How requests say whom they are from. Signatures of what web services are sent: HMAC-SHA256 (RFC 2104) over the time, a full stop and the body.

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// The signature in hexadecimal. The time is in it so that who listens can tell a request that somebody sends again.
pub fn sign(secret: &[u8], time_s: u64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(time_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut text = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// User name and password as HTTP has them (RFC 7617).
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", Base64::encode_string(format!("{name}:{password}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_openssl_calculates() {
        // printf '1700000000.[]' | openssl dgst -sha256 -hmac secret
        let expected = "74f76d8933679a54d6be8c7560a5233b124658241ca5a3b0f09af80d3ea60d78";
        assert_eq!(sign(b"secret", 1_700_000_000, b"[]"), expected);
        assert_ne!(sign(b"secret", 1_700_000_001, b"[]"), expected);
    }
}
