//! UTF-8 Encoded String: what is a string on the wire, and what a Topic Name may hold.
//!
//! Surrogates and overlong forms are refused because they are no UTF-8 `[MQTT-1.5.4-1]`, U+0000 because MQTT says so
//! `[MQTT-1.5.4-2]`. U+FEFF is let through `[MQTT-1.5.4-3]`. Of control characters the specification leaves open whether they are
//! refused: in Topic Names, Topic Filters, Client Identifiers and User Names they are, as people see those in terminals and logs,
//! and Mosquitto does so too; what only passes through may hold them.
//!
//! Every PUBLISH has its Topic Name checked here, so the bytes that must not occur are looked for eight at a time.

use crate::error::DecodeError;

/// A string without U+0000.
#[inline]
pub(crate) fn check(bytes: &[u8]) -> Result<&str, DecodeError> {
    if holds_any(bytes, 1, []) {
        return Err(NUL);
    }
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

/// A Topic Name, but for the rule that it is not empty `[MQTT-3.3.2-2]`: a string without control characters, `+` and `#`.
#[inline]
pub(crate) fn check_topic(bytes: &[u8]) -> Result<&str, DecodeError> {
    if holds_any(bytes, FIRST_PRINTABLE, [DELETE, b'+', b'#']) {
        return Err(fault_of(bytes));
    }
    without_wide_controls(std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)?)
}

/// The same of what is known to be text.
#[inline]
pub(crate) fn check_topic_text(topic: &str) -> Result<&str, DecodeError> {
    if holds_any(topic.as_bytes(), FIRST_PRINTABLE, [DELETE, b'+', b'#']) {
        return Err(fault_of(topic.as_bytes()));
    }
    without_wide_controls(topic)
}

/// All control characters of one byte were found before.
#[inline]
fn without_wide_controls(topic: &str) -> Result<&str, DecodeError> {
    if !topic.is_ascii() && topic.contains(char::is_control) {
        return Err(CONTROL);
    }
    Ok(topic)
}

#[cold]
fn fault_of(bytes: &[u8]) -> DecodeError {
    match bytes {
        _ if bytes.contains(&0) => NUL,
        _ if bytes.iter().any(u8::is_ascii_control) => CONTROL,
        _ => WILDCARD,
    }
}

/// Whether one of `needles` is among `bytes`, or one that is less than `least`.
#[inline]
fn holds_any<const N: usize>(bytes: &[u8], least: u8, needles: [u8; N]) -> bool {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().any(|byte| *byte < least || needles.contains(byte));
    };
    // The last word overlaps the one before it, which spares a loop over the odd bytes at the end.
    let mut hits = hits_in_word(u64::from_ne_bytes(*last), least, needles);
    for chunk in bytes.as_chunks().0 {
        hits |= hits_in_word(u64::from_ne_bytes(*chunk), least, needles);
    }
    hits != 0
}

/// Not 0 exactly if a byte of `word` is one of `needles`, or less than `least`, which is 128 at most. (`x - n & !x` has the top bit
/// of a byte set if that byte is less than n, or if a borrow came from one below it that is: then there is a hit anyway.)
#[inline]
fn hits_in_word<const N: usize>(word: u64, least: u8, needles: [u8; N]) -> u64 {
    const LOW: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = LOW << 7;
    let mut hits = word.wrapping_sub(LOW * u64::from(least)) & !word & HIGH;
    for needle in needles {
        let zero_where_equal = word ^ (LOW * u64::from(needle));
        hits |= zero_where_equal.wrapping_sub(LOW) & !zero_where_equal & HIGH;
    }
    hits
}

const FIRST_PRINTABLE: u8 = b' ';
const DELETE: u8 = 0x7F;

pub(crate) const CONTROL: DecodeError = DecodeError::malformed("name holds a control character");
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
            for filler in [b'a', b' ', b'*', b',', b'"', b'$', b'~', 0x80, 0xFF, 0xAB, 0xA3] {
                let mut bytes = vec![filler; len];
                assert!(!holds_any(&bytes, 0x20, [0x7F, b'+', b'#']), "{len} times {filler:#x}");
                for position in 0..len {
                    for needle in [0, 1, 0x1F, 0x7F, b'+', b'#'] {
                        bytes[position] = needle;
                        assert!(holds_any(&bytes, 0x20, [0x7F, b'+', b'#']), "{needle:#x} at {position} of {len}");
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
            assert_eq!(check_topic(bytes), Err(error), "{bytes:x?}");
        }
        assert_eq!(check_topic(b"a/+"), Err(WILDCARD));
        assert_eq!(check_topic("ä/#".as_bytes()), Err(WILDCARD));
        assert_eq!(check_topic("ä/b".as_bytes()), Ok("ä/b"));
        assert_eq!(check_topic("ä\u{A0}\u{FEFF}".as_bytes()), Ok("ä\u{A0}\u{FEFF}"));
        for topic in ["a\n", "\u{1F}", "long enough for a word\x7F", "\u{80}", "ä/\u{9F}"] {
            assert_eq!(check_topic(topic.as_bytes()), Err(CONTROL), "{topic:?}");
            assert_eq!(check_topic_text(topic), Err(CONTROL), "{topic:?}");
        }
        for topic in ["a/+", "ä/#", "ä\u{A0}\u{FEFF}", "a\0", ""] {
            assert_eq!(check_topic_text(topic), check_topic(topic.as_bytes()), "{topic:?}");
        }
    }
}
