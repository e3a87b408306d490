//! UTF-8 Encoded String: what is a string on the wire, and what a Topic Name may hold.
//!
//! Surrogates and overlong forms are refused because they are no UTF-8 `[MQTT-1.5.4-1]`, U+0000 because MQTT says so
//! `[MQTT-1.5.4-2]`. Control characters and U+FEFF are let through `[MQTT-1.5.4-3]`.
//!
//! Every PUBLISH has its Topic Name checked here, so the bytes that must not occur are looked for eight at a time.

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

/// Whether one of `needles` is among `bytes`.
#[inline]
fn holds_any<const N: usize>(bytes: &[u8], needles: [u8; N]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().any(|byte| needles.contains(byte));
    };
    // The last word overlaps the one before it, which spares a loop over the odd bytes at the end.
    let mut hits = hits_in_word(u64::from_ne_bytes(*last), needles);
    for chunk in bytes.as_chunks().0 {
        hits |= hits_in_word(u64::from_ne_bytes(*chunk), needles);
    }
    hits != 0
}

/// Not 0 exactly if a byte of `word` is one of `needles`. (`x - 1 & !x` has the top bit of a byte set if that byte is
/// 0, or if it is 1 and a borrow came from a 0 below it: then there is a hit anyway.)
#[inline]
fn hits_in_word<const N: usize>(word: u64, needles: [u8; N]) -> u64 {
    const LOW: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = LOW << 7;
    let mut hits = 0;
    for needle in needles {
        let zero_where_equal = word ^ (LOW * u64::from(needle));
        hits |= zero_where_equal.wrapping_sub(LOW) & !zero_where_equal & HIGH;
    }
    hits
}

const NUL: DecodeError = DecodeError::malformed("string holds U+0000");
const NOT_UTF8: DecodeError = DecodeError::malformed("string is not UTF-8");
const WILDCARD: DecodeError = DecodeError::malformed("Topic Name holds a wildcard");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_byte_is_found_wherever_it_stands() {
        for len in 0..40 {
            // Neighbours that differ from a needle by one bit or by one are what a trick with words could mistake.
            for filler in [b'a', 1, b'*', b',', b'"', b'$', 0x80, 0xFF, 0xAB, 0xA3] {
                let mut bytes = vec![filler; len];
                assert!(!holds_any(&bytes, [0, b'+', b'#']), "{len} times {filler:#x}");
                for position in 0..len {
                    for needle in [0, b'+', b'#'] {
                        bytes[position] = needle;
                        assert!(holds_any(&bytes, [0, b'+', b'#']), "{needle:#x} at {position} of {len}");
                    }
                    bytes[position] = filler;
                }
            }
        }
    }

    #[test]
    fn what_a_string_is() {
        let good: [&[u8]; 7] = [
            b"",
            b"a",
            "\u{7ff}\u{d7ff}\u{e000}\u{10ffff}".as_bytes(),
            b"\xEF\xBB\xBFa",
            b"\x01\x1f\x7f",
            b"+/#",
            b"\xC2\x80",
        ];
        for bytes in good {
            assert!(check(bytes).is_ok(), "{bytes:x?}");
        }
        let bad: [(&[u8], DecodeError); 9] = [
            (b"\0", NUL),
            (b"abcdefghijk\0", NUL),
            (b"\xC0\x80", NOT_UTF8),
            (b"\xED\xA0\x80", NOT_UTF8),
            (b"\xED\xBF\xBF", NOT_UTF8),
            (b"\xF4\x90\x80\x80", NOT_UTF8),
            (b"\xC2", NOT_UTF8),
            (b"\x80", NOT_UTF8),
            (b"abcdefgh\xFF", NOT_UTF8),
        ];
        for (bytes, error) in bad {
            assert_eq!(check(bytes), Err(error), "{bytes:x?}");
            assert_eq!(check_without_wildcards(bytes), Err(error), "{bytes:x?}");
        }
        assert_eq!(check_without_wildcards(b"a/+"), Err(WILDCARD));
        assert_eq!(check_without_wildcards("ä/#".as_bytes()), Err(WILDCARD));
        assert_eq!(check_without_wildcards("ä/b".as_bytes()), Ok("ä/b"));
    }
}
