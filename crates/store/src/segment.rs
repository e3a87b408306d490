//! A segment file: its name, its header, and where a position stands in it.
//!
//! What must hold: the header is durable before the first batch of the segment is written, and everything before the
//! segment's base is durable before its header is written. So a good header proves that all before it was synced.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::batch::{u32_at, u64_at};
use crate::error::{Context, Failure};
use crate::{Damage, Disk, Operation, Position, Snapshot};

/// The version of the format that is written. All versions up to it are read.
pub const FORMAT_VERSION: u32 = 1;

/// Where the batches begin in a segment file. A page, so that writing batches never touches the header.
pub const SEGMENT_HEADER_BYTES: u64 = 4096;

/// The same, for buffers.
pub(crate) const HEADER_LENGTH: usize = SEGMENT_HEADER_BYTES as usize;

/// Greater positions are damage: sums of what stands in files cannot overflow.
const POSITION_MAX: u64 = 1 << 62;

const MAGIC: &[u8; 8] = b"MidgeLog";

const ROOM_OFFSET: usize = 88;

/// A segment that is part of the log.
pub(crate) struct Segment<D: Disk> {
    pub(crate) path: PathBuf,
    pub(crate) file: D::File,
    pub(crate) sequence: u64,
    pub(crate) base: Position,
    /// How many bytes of batches the file has room for.
    pub(crate) room_bytes: u64,
}

/// What stands at the beginning of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The secret number of the log.
    pub(crate) identity: u64,
    /// Counts the segments; the greatest is the last. Is also the file's name.
    pub(crate) sequence: u64,
    /// The position of the first batch.
    pub(crate) base: Position,
    /// Where the segment before ends. Not `base` only where a repair gave up what stood between.
    pub(crate) previous_end: Position,
    pub(crate) snapshot: Option<Snapshot>,
    /// How many bytes of batches the file was made for. 0 where that is not said, which it was not at first.
    pub(crate) room_bytes: u64,
}

/// What a header is that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Zeros: a file that was made ready and not used yet.
    Blank,
    /// A write of it was torn, or it is damaged.
    Bad,
    /// Good, as a later version writes it.
    Newer(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        for number in [self.identity, self.sequence, self.base.0, self.previous_end.0] {
            bytes.extend(number.to_le_bytes());
        }
        if let Some(snapshot) = self.snapshot {
            for number in [1, snapshot.from.0, snapshot.end.0, snapshot.floor.0, snapshot.mark] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes.resize(ROOM_OFFSET, 0);
        bytes.extend(self.room_bytes.to_le_bytes());
        bytes.resize(HEADER_LENGTH, 0);
        let checksum = checksum(&bytes);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Magic, version and checksum stand in the same place in all versions, so that a newer one is told from damage.
    pub(crate) fn decode(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, HeaderFault> {
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(HeaderFault::Blank);
        }
        let version = u32_at(bytes, 8);
        if &bytes[..8] != MAGIC || u32_at(bytes, 12) != checksum(bytes) || version == 0 {
            return Err(HeaderFault::Bad);
        }
        if version > FORMAT_VERSION {
            return Err(HeaderFault::Newer(version));
        }
        let position = |at| Position(u64_at(bytes, at));
        let snapshot = Snapshot { from: position(56), end: position(64), floor: position(72), mark: u64_at(bytes, 80) };
        let header = Self {
            identity: u64_at(bytes, 16),
            sequence: u64_at(bytes, 24),
            base: position(32),
            previous_end: position(40),
            snapshot: (u64_at(bytes, 48) == 1).then_some(snapshot),
            room_bytes: u64_at(bytes, ROOM_OFFSET),
        };
        let is_in_order = header.base.0 <= POSITION_MAX
            && header.previous_end <= header.base
            && header.sequence <= POSITION_MAX
            && header.room_bytes <= POSITION_MAX
            && header.snapshot.is_none_or(|snapshot| snapshot.is_in_order(header.base));
        if is_in_order { Ok(header) } else { Err(HeaderFault::Bad) }
    }

    /// The number in the place of the identity, also in a damaged header.
    pub(crate) fn identity_of(bytes: &[u8; HEADER_LENGTH]) -> u64 {
        u64_at(bytes, 16)
    }
}

impl Snapshot {
    /// Whether the positions are in their order, and none is behind the end of the log.
    pub(crate) fn is_in_order(&self, end: Position) -> bool {
        self.floor <= self.from && self.from <= self.end && self.end <= end
    }
}

impl<D: Disk> Segment<D> {
    /// Where a position stands in the file. It must not be before the base.
    pub(crate) fn offset(&self, position: Position) -> u64 {
        SEGMENT_HEADER_BYTES + position.since(self.base)
    }

    /// The position behind the last byte that the file has room for.
    pub(crate) fn limit(&self) -> Position {
        self.base.plus(self.room_bytes)
    }

    pub(crate) fn damage(&self, position: Position) -> Damage {
        Damage { path: self.path.clone(), offset: self.offset(position), position }
    }

    pub(crate) fn read(&self, disk: &D, offset: u64, buffer: &mut [u8]) -> Result<usize, Failure> {
        disk.read_at(&self.file, offset, buffer).context(Operation::Read, &self.path)
    }

    pub(crate) fn write(&self, disk: &D, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        disk.write_at(&self.file, offset, bytes).context(Operation::Write, &self.path)
    }

    pub(crate) fn sync(&self, disk: &D) -> Result<(), Failure> {
        disk.sync_data(&self.file).context(Operation::Sync, &self.path)
    }
}

impl<D: Disk> fmt::Debug for Segment<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.path.display(), self.base)
    }
}

/// The path of the segment with that number.
pub(crate) fn segment_path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{sequence:010}.segment"))
}

/// The number in a file's name, if it is a segment's.
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment")?;
    let is_number = digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let sequence = is_number.then(|| digits.parse().ok()).flatten()?;
    (sequence <= POSITION_MAX && format!("{sequence:010}") == digits).then_some(sequence)
}

fn checksum(header: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..12]), &header[16..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        let snapshot = Snapshot { from: Position(700), end: Position(800), floor: Position(600), mark: u64::MAX };
        SegmentHeader {
            identity: 0x0123_4567_89ab_cdef,
            sequence: 12,
            base: Position(1000),
            previous_end: Position(1000),
            snapshot: Some(snapshot),
            room_bytes: 4096,
        }
    }

    fn decode(bytes: &[u8]) -> Result<SegmentHeader, HeaderFault> {
        SegmentHeader::decode(bytes.first_chunk().expect("a whole header"))
    }

    #[test]
    fn headers_come_back() {
        for header in [header(), SegmentHeader { snapshot: None, room_bytes: 0, ..header() }] {
            assert_eq!(decode(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn a_damaged_header_is_no_newer_one() {
        let good = header().encode();
        assert_eq!(decode(&[0; HEADER_LENGTH]), Err(HeaderFault::Blank));
        for at in 0..HEADER_LENGTH {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            assert_eq!(decode(&bytes), Err(HeaderFault::Bad), "byte {at}");
        }
        let mut newer = good;
        newer[8] = 2;
        let checksum = checksum(&newer);
        newer[12..16].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode(&newer), Err(HeaderFault::Newer(2)));
    }

    #[test]
    fn positions_out_of_order_are_damage() {
        let behind = SegmentHeader { previous_end: Position(1001), ..header() };
        let huge = SegmentHeader { base: Position(u64::MAX), ..header() };
        for header in [behind, huge] {
            assert_eq!(decode(&header.encode()), Err(HeaderFault::Bad));
        }
    }

    #[test]
    fn names_hold_the_number() {
        assert_eq!(segment_path(Path::new("log"), 12), Path::new("log/0000000012.segment"));
        assert_eq!(sequence_of("0000000012.segment"), Some(12));
        assert_eq!(sequence_of("12345678901.segment"), Some(12_345_678_901));
        for name in ["12.segment", "0000000012.segment.bad", "00000000012.segment", "+000000012.segment", "lock", ""] {
            assert_eq!(sequence_of(name), None, "{name}");
        }
    }
}
