//! The header of a batch, and the checksum that covers it with its payload.
//!
//! What must hold: a batch is good only at the position that it states itself. That is why segment files may be used again
//! without being cleaned.

use crate::Position;

/// How many bytes a caller leaves free before the payload of each batch. The first four hold the payload's length, little
/// endian; the log fills the rest.
pub const BATCH_HEADER_BYTES: usize = 24;

/// The same, for arithmetic with positions.
pub(crate) const HEADER_BYTES: u64 = BATCH_HEADER_BYTES as u64;

/// What stands before the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) checksum: u32,
    pub(crate) position: Position,
    /// Everything before was durable when this was written. [`HOLE`] marks a stretch that a repair gave up.
    pub(crate) synced: Position,
}

/// Stands in place of the synced position in what a repair puts over a damaged stretch, so that reading finds its way on.
pub(crate) const HOLE: Position = Position(u64::MAX);

impl BatchHeader {
    pub(crate) fn decode(bytes: &[u8; BATCH_HEADER_BYTES]) -> Self {
        Self {
            payload_bytes: u32_at(bytes, 0),
            checksum: u32_at(bytes, 4),
            position: Position(u64_at(bytes, 8)),
            synced: Position(u64_at(bytes, 16)),
        }
    }

    /// From the beginning of `bytes`, if there are enough.
    pub(crate) fn decode_first(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(Self::decode)
    }

    /// The batch with its header.
    pub(crate) fn batch_bytes(&self) -> u64 {
        HEADER_BYTES + u64::from(self.payload_bytes)
    }

    pub(crate) fn is_hole(&self) -> bool {
        self.synced == HOLE
    }
}

/// The checksums of one log. They begin with the log's secret number, so that a payload that looks like a batch, sent by
/// somebody who hopes for a torn tail just there, is not taken for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal {
    seed: u32,
}

impl Seal {
    pub(crate) fn of_log(identity: u64) -> Self {
        Self { seed: crc32c::crc32c(&identity.to_le_bytes()) }
    }

    /// Fills in the header of a batch whose length is there already.
    pub(crate) fn put(self, batch: &mut [u8], position: Position, synced: Position) {
        batch[8..16].copy_from_slice(&position.0.to_le_bytes());
        batch[16..24].copy_from_slice(&synced.0.to_le_bytes());
        let checksum = self.checksum(batch);
        batch[4..8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Whether these bytes, header and payload, are as they were sealed.
    pub(crate) fn is_good(self, batch: &[u8]) -> bool {
        batch.len() >= BATCH_HEADER_BYTES && u32_at(batch, 4) == self.checksum(batch)
    }

    /// The same, where the header is not in front of its payload.
    pub(crate) fn is_good_in_parts(self, header: &[u8; BATCH_HEADER_BYTES], payload: &[u8]) -> bool {
        u32_at(header, 4) == crc32c::crc32c_append(self.checksum(header), payload)
    }

    fn checksum(self, batch: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c_append(self.seed, &batch[..4]), &batch[8..])
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_batch_is_good_and_any_other_bit_makes_it_bad() {
        let seal = Seal::of_log(7);
        let mut batch = vec![0; BATCH_HEADER_BYTES];
        batch[0] = 5;
        batch.extend(b"hello");
        seal.put(&mut batch, Position(1000), Position(900));
        assert!(seal.is_good(&batch));
        assert!(!Seal::of_log(8).is_good(&batch), "another log");
        let header = BatchHeader::decode_first(&batch).expect("long enough");
        assert_eq!((header.position, header.synced, header.batch_bytes()), (Position(1000), Position(900), 29));
        for bit in 0..batch.len() * 8 {
            batch[bit / 8] ^= 1 << (bit % 8);
            assert!(!seal.is_good(&batch), "bit {bit}");
            batch[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
