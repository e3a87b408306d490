//! Masking (RFC 6455 section 5.3): a client XORs every byte of a frame with four bytes that the frame brings along.

/// Masks the payload of a client's frame.
pub fn mask(payload: &mut [u8], mask: [u8; 4]) {
    unmask_to(payload, 0, 0, payload.len(), mask);
}

/// Moves `length` bytes from `from` forward to `to` and unmasks them on the way. Returns the mask for the byte that
/// follows. `to` must not be behind `from`: each block is read before it, or anything behind it, is written.
#[inline]
pub(crate) fn unmask_to(bytes: &mut [u8], from: usize, to: usize, length: usize, mask: [u8; 4]) -> [u8; 4] {
    debug_assert!(to <= from);
    let mut done = 0;
    while length - done >= 64 {
        unmask_block::<64>(bytes, from, to, &mut done, mask);
    }
    // What is left over, each bit of its length once: loops would cost more than the work.
    if length & 32 != 0 {
        unmask_block::<32>(bytes, from, to, &mut done, mask);
    }
    if length & 16 != 0 {
        unmask_block::<16>(bytes, from, to, &mut done, mask);
    }
    if length & 8 != 0 {
        unmask_block::<8>(bytes, from, to, &mut done, mask);
    }
    if length & 4 != 0 {
        unmask_block::<4>(bytes, from, to, &mut done, mask);
    }
    for mask in &mask[..length % 4] {
        bytes[to + done] = bytes[from + done] ^ mask;
        done += 1;
    }
    u32::from_le_bytes(mask).rotate_right(8 * (length % 4) as u32).to_le_bytes()
}

/// Does the `SIZE` bytes, a multiple of four, behind those that are done.
#[inline(always)]
fn unmask_block<const SIZE: usize>(bytes: &mut [u8], from: usize, to: usize, done: &mut usize, mask: [u8; 4]) {
    // Through a copy, so that the compiler may use the widest registers though source and target overlap.
    let mut block = [0; SIZE];
    block.copy_from_slice(&bytes[from + *done..][..SIZE]);
    let (words, _) = block.as_chunks_mut();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    bytes[to + *done..][..SIZE].copy_from_slice(&block);
    *done += SIZE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_distance_is_the_xor_byte_by_byte() {
        let mask = [0x37, 0xFA, 0x21, 0x3D];
        for length in 0..300 {
            for distance in 0..20 {
                let original: Vec<u8> = (0..length + distance).map(|index| index as u8).collect();
                let mut bytes = original.clone();
                let next = unmask_to(&mut bytes, distance, 0, length, mask);
                for index in 0..length {
                    assert_eq!(
                        bytes[index],
                        original[distance + index] ^ mask[index % 4],
                        "{length} {distance} {index}"
                    );
                }
                assert_eq!(next, std::array::from_fn(|index| mask[(length + index) % 4]));
            }
        }
    }
}
