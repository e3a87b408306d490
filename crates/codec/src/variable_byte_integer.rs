//! Variable Byte Integer: seven bits to a byte, least significant first, the top bit says that more follows.
//!
//! Four bytes at most, so up to 268,435,455. Version 5 wants the shortest form `[MQTT-1.5.5-1]`; 3.1.1 has no such rule
//! for the Remaining Length. That is why [`decode`] reports how many bytes it read and leaves judging to its caller.

use crate::error::DecodeError;

/// The largest value four bytes hold.
pub const MAX: u32 = 268_435_455;

/// Value and its bytes read; `None` when the bytes end before the number does. Malformed when a fourth byte says that a
/// fifth follows.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    match bytes.first() {
        Some(&first) if first < 0x80 => Ok(Some((u32::from(first), 1))),
        Some(_) => decode_long(bytes),
        None => Ok(None),
    }
}

/// Appends `value` in its shortest form. `value` is at most [`MAX`]; bits above it are lost.
#[inline]
pub fn encode(value: u32, out: &mut Vec<u8>) {
    // Nearly all are short.
    if value < 0x80 {
        return out.push(value as u8);
    }
    let (bytes, len) = to_bytes(value);
    out.extend_from_slice(&bytes[..len]);
}

/// Bytes of the shortest form, 1 to 4.
#[inline]
pub const fn len(value: u32) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

/// The shortest form in the first `len` of four bytes.
#[inline]
pub(crate) const fn to_bytes(value: u32) -> ([u8; 4], usize) {
    debug_assert!(value <= MAX);
    let groups =
        [value as u8 & 0x7F, (value >> 7) as u8 & 0x7F, (value >> 14) as u8 & 0x7F, (value >> 21) as u8 & 0x7F];
    match len(value) {
        1 => (groups, 1),
        2 => ([groups[0] | 0x80, groups[1], 0, 0], 2),
        3 => ([groups[0] | 0x80, groups[1] | 0x80, groups[2], 0], 3),
        _ => ([groups[0] | 0x80, groups[1] | 0x80, groups[2] | 0x80, groups[3]], 4),
    }
}

fn decode_long(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(DecodeError::malformed("Variable Byte Integer of five bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_of_each_length() {
        for (value, expected) in [
            (0, &[0x00][..]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xFF, 0xFF, 0x7F]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (MAX, &[0xFF, 0xFF, 0xFF, 0x7F]),
        ] {
            let mut out = Vec::new();
            encode(value, &mut out);
            assert_eq!(out, expected, "{value}");
            assert_eq!(len(value), expected.len(), "{value}");
            assert_eq!(decode(expected), Ok(Some((value, expected.len()))));
            for cut in 0..expected.len() {
                assert_eq!(decode(&expected[..cut]), Ok(None), "{value} cut to {cut}");
            }
        }
    }

    #[test]
    fn a_longer_form_is_read_and_a_fifth_byte_is_not() {
        assert_eq!(decode(&[0x80, 0x00]), Ok(Some((0, 2))));
        assert_eq!(decode(&[0xFF, 0x80, 0x80, 0x00]), Ok(Some((127, 4))));
        assert!(decode(&[0x80, 0x80, 0x80, 0x80]).is_err(), "known to be wrong before the fifth byte is there");
        assert!(decode(&[0xFF, 0xFF, 0xFF, 0xFF, 0x7F]).is_err());
    }
}
