//! Appending a packet's fields and its frame.

use crate::variable_byte_integer;

/// Appends a packet: `first`, the Remaining Length, and what `body` appends.
///
/// One byte is kept free for the Remaining Length; only a body of 128 bytes or more is moved to make room for a
/// longer one. (PUBLISH, the one packet that is both frequent and long, counts its length beforehand instead.)
#[inline]
pub(crate) fn packet(first: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[first, 0]);
    body(out);
    let remaining = (out.len() - start - 2) as u32;
    let (length, count) = variable_byte_integer::to_bytes(remaining);
    out[start + 1] = length[0];
    if count > 1 {
        out.splice(start + 2..start + 2, length[1..count].iter().copied());
    }
}

#[inline]
pub(crate) fn u16(value: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[inline]
pub(crate) fn u32(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Binary Data or a UTF-8 Encoded String. It holds 65,535 bytes; that no more are asked for is the caller's part,
/// and what is beyond is cut off so that the packet at least stays in its frame.
#[inline]
pub(crate) fn binary(bytes: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(len), bytes.len(), "does not fit into a field");
    u16(len, out);
    out.extend_from_slice(&bytes[..usize::from(len)]);
}
