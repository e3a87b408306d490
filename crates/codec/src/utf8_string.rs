//! UTF-8 Encoded String: what is a string on the wire, and what a Topic Name may hold.
//!
//! Surrogates and overlong forms are refused because they are no UTF-8 `[MQTT-1.5.4-1]`, U+0000 because MQTT says so
//! `[MQTT-1.5.4-2]`. Control characters and U+FEFF are let through `[MQTT-1.5.4-3]`.

use crate::error::DecodeError;

/// A string without U+0000.
#[inline]
pub(crate) fn check(bytes: &[u8]) -> Result<&str, DecodeError> {
    if holds_any(bytes, [0]) {
        return Err(NUL);
    }
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

/// A string without U+0000, `+` and `#`: a Topic Name, but for the rule that it is not empty `[MQTT-3.3.2-2]`.
#[inline]
pub(crate) fn check_without_wildcards(bytes: &[u8]) -> Result<&str, DecodeError> {
    if holds_any(bytes, [0, b'+', b'#']) {
        return Err(if bytes.contains(&0) { NUL } else { WILDCARD });
    }
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

#[inline]
fn holds_any<const N: usize>(bytes: &[u8], needles: [u8; N]) -> bool {
    bytes.iter().any(|byte| needles.contains(byte))
}

const NUL: DecodeError = DecodeError::malformed("string holds U+0000");
const NOT_UTF8: DecodeError = DecodeError::malformed("string is not UTF-8");
const WILDCARD: DecodeError = DecodeError::malformed("Topic Name holds a wildcard");
