//! Reading a segment from batch to batch, in large pieces.

use std::ops::ControlFlow;

use crate::batch::{BatchHeader, HEADER_BYTES, Seal};
use crate::error::Failure;
use crate::segment::Segment;
use crate::{BATCH_HEADER_BYTES, Disk, Position};

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At the position it was to go to, or where the visitor said so: behind the last batch visited.
    Done(Position),
    /// There is no good batch at this position.
    Bad(Position),
}

/// How much is read at once. A piece stays in the processor's cache between the copy out of the page cache and the checksum.
const PIECE_BYTES: usize = 256 << 10;

/// Walks from one batch to the next, each of which must be good and end at or before `to`. Visits the payloads; holes too.
pub(crate) fn walk<D: Disk>(
    disk: &D,
    segment: &Segment<D>,
    seal: Seal,
    from: Position,
    to: Position,
    mut visit: impl FnMut(&BatchHeader, &[u8]) -> ControlFlow<()>,
) -> Result<Stop, Failure> {
    let mut window = Window::new(disk, segment, to.min(segment.limit()));
    let mut position = from;
    while position < to {
        let Some(header) = BatchHeader::decode_first(window.bytes(position, HEADER_BYTES)?) else {
            return Ok(Stop::Bad(position));
        };
        if header.position != position || header.batch_bytes() > to.since(position) {
            return Ok(Stop::Bad(position));
        }
        let batch = window.bytes(position, header.batch_bytes())?;
        if (batch.len() as u64) < header.batch_bytes() || !seal.is_good(batch) {
            return Ok(Stop::Bad(position));
        }
        position = position.plus(header.batch_bytes());
        if visit(&header, &batch[BATCH_HEADER_BYTES..]).is_break() {
            break;
        }
    }
    Ok(Stop::Done(position))
}

/// Looks at every byte from a position on for the next good batch that ends at or before `to`.
pub(crate) fn next_good<D: Disk>(
    disk: &D,
    segment: &Segment<D>,
    seal: Seal,
    from: Position,
    to: Position,
) -> Result<Option<BatchHeader>, Failure> {
    let to = to.min(segment.limit());
    let mut window = Window::new(disk, segment, to);
    let mut position = from;
    while position < to {
        let bytes = window.bytes(position, (PIECE_BYTES as u64).min(to.since(position)))?;
        let count = bytes.len().saturating_sub(BATCH_HEADER_BYTES - 1);
        if count == 0 {
            break;
        }
        // A batch states its position: that is compared first, because it is nearly always another number.
        let Some(at) = (0..count).find(|at| {
            let stated = bytes[at + 8..].first_chunk().map(|number| u64::from_le_bytes(*number));
            stated == Some(position.0 + *at as u64)
        }) else {
            position = position.plus(count as u64);
            continue;
        };
        position = position.plus(at as u64);
        if let Some(header) = BatchHeader::decode_first(&bytes[at..])
            && header.batch_bytes() <= to.since(position)
            && seal.is_good(window.bytes(position, header.batch_bytes())?)
        {
            return Ok(Some(header));
        }
        position = position.plus(1);
    }
    Ok(None)
}

/// The piece of a segment that is in memory.
struct Window<'a, D: Disk> {
    disk: &'a D,
    segment: &'a Segment<D>,
    limit: Position,
    buffer: Vec<u8>,
    /// The position of the first byte in the buffer.
    start: Position,
    filled: usize,
}

impl<'a, D: Disk> Window<'a, D> {
    fn new(disk: &'a D, segment: &'a Segment<D>, limit: Position) -> Self {
        Self { disk, segment, limit, buffer: Vec::new(), start: segment.base, filled: 0 }
    }

    /// Bytes from a position on: as many as asked for, or fewer where the limit or the file ends.
    fn bytes(&mut self, position: Position, count: u64) -> Result<&[u8], Failure> {
        if position >= self.limit {
            return Ok(&[]);
        }
        let count = count.min(self.limit.since(position)) as usize;
        let end = self.start.plus(self.filled as u64);
        if position < self.start || position.plus(count as u64) > end {
            self.fill(position, count)?;
        }
        let at = position.since(self.start) as usize;
        Ok(&self.buffer[at..self.filled.min(at + count)])
    }

    fn fill(&mut self, position: Position, count: usize) -> Result<(), Failure> {
        let end = self.start.plus(self.filled as u64);
        let kept = if position >= self.start && position < end {
            let at = position.since(self.start) as usize;
            self.buffer.copy_within(at..self.filled, 0);
            self.filled - at
        } else {
            0
        };
        let left = self.limit.since(position).min(PIECE_BYTES.max(count) as u64) as usize;
        if self.buffer.len() < left {
            self.buffer.resize(left, 0);
        }
        (self.start, self.filled) = (position, kept);
        let offset = self.segment.offset(position) + kept as u64;
        self.filled += self.segment.read(self.disk, offset, &mut self.buffer[kept..left])?;
        Ok(())
    }
}
