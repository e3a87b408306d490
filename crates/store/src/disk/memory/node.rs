//! A file of the simulated disk: what it holds, and what of that a power cut would leave.

use std::collections::BTreeMap;

use super::Random;

/// What a disk writes as one.
const SECTOR_BYTES: usize = 512;

/// How many of the sectors that a power cut catches half-way have a wrong bit: one in so many.
const SECTORS_PER_WRONG_BIT: u64 = 16;

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// What was written since the last sync, by sector, in order.
    unsynced: BTreeMap<usize, Sector>,
}

#[derive(Clone, Debug, Default)]
struct Sector {
    pieces: Vec<Piece>,
    /// A sync failed: the next one takes the sector for clean, unless it is written again.
    is_taken_for_clean: bool,
}

#[derive(Clone, Debug)]
struct Piece {
    offset: usize,
    bytes: Vec<u8>,
}

impl Node {
    pub(super) fn durable(bytes: &[u8]) -> Self {
        Self { now: bytes.to_vec(), durable: bytes.to_vec(), unsynced: BTreeMap::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.now
    }

    pub(super) fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        let mut offset = offset as usize;
        put(&mut self.now, offset, bytes);
        while !bytes.is_empty() {
            let count = bytes.len().min(SECTOR_BYTES - offset % SECTOR_BYTES);
            let sector = self.unsynced.entry(offset / SECTOR_BYTES).or_default();
            sector.pieces.push(Piece { offset, bytes: bytes[..count].to_vec() });
            sector.is_taken_for_clean = false;
            (offset, bytes) = (offset + count, &bytes[count..]);
        }
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.retain(|_, sector| {
            if !sector.is_taken_for_clean {
                for piece in &sector.pieces {
                    put(&mut self.durable, piece.offset, &piece.bytes);
                }
            }
            sector.is_taken_for_clean
        });
        if self.durable.len() < self.now.len() {
            self.durable.resize(self.now.len(), 0);
        }
    }

    pub(super) fn fail_to_sync(&mut self) {
        for sector in self.unsynced.values_mut() {
            sector.is_taken_for_clean = true;
        }
    }

    /// Leaves what a power cut leaves.
    pub(super) fn crash(&mut self, random: &mut Random) {
        for sector in std::mem::take(&mut self.unsynced).into_values() {
            let count = random.below(sector.pieces.len() as u64 + 1) as usize;
            let has_wrong_bit = random.below(SECTORS_PER_WRONG_BIT) == 0;
            for piece in &sector.pieces[..count] {
                let before: Vec<u8> =
                    piece.range().map(|at| self.durable.get(at).copied().unwrap_or_default()).collect();
                put(&mut self.durable, piece.offset, &piece.bytes);
                let changed: Vec<usize> = (0..before.len()).filter(|at| before[*at] != piece.bytes[*at]).collect();
                if has_wrong_bit && !changed.is_empty() {
                    let at = changed[random.below(changed.len() as u64) as usize];
                    self.durable[piece.offset + at] ^= 1 << random.below(8);
                }
            }
        }
        self.now.clone_from(&self.durable);
    }

    pub(super) fn damage(&mut self, offset: u64, bits: u8) -> bool {
        let offset = offset as usize;
        for bytes in [&mut self.now, &mut self.durable] {
            match bytes.get_mut(offset) {
                Some(byte) => *byte ^= bits,
                None => return false,
            }
        }
        true
    }
}

impl Piece {
    fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.bytes.len()
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}
