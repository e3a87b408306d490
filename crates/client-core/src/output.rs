//! Bytes to be written, in the order in which packets were made.

use midge_codec::fixed_header;

/// What the driver has not written yet.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// How much of it was written.
    written: usize,
    /// How much of it was told.
    told: usize,
}

impl Output {
    /// What is left to be written.
    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Whether more messages may be put into it. Answers always may.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes.len() - self.written < FULL_BYTES
    }

    /// Where packets are appended.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The next packet that was not told yet.
    pub(crate) fn tell(&mut self) -> Option<&[u8]> {
        let untold = self.bytes.get(self.told..)?;
        let header = fixed_header(untold).ok()??;
        let packet = untold.get(..header.packet_len())?;
        self.told += packet.len();
        Some(packet)
    }

    /// So many bytes were written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.written = self.bytes.len().min(self.written + count);
        if self.is_empty() {
            self.written = 0;
            self.told = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
        } else if self.written >= FULL_BYTES {
            self.bytes.drain(..self.written);
            self.told = self.told.saturating_sub(self.written);
            self.written = 0;
        }
    }

    /// A new connection begins: nothing of the one before may be written.
    pub(crate) fn clear(&mut self) {
        self.advance(usize::MAX / 2);
    }

    /// Gives the memory back while it is not needed.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Output::default();
        }
    }
}

/// Messages wait in their queue while so much is unwritten: more would only take memory.
const FULL_BYTES: usize = 64 << 10;

/// A buffer that has grown beyond this is given back as soon as it is empty.
const KEPT_BYTES: usize = 2 * FULL_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_gone_and_the_rest_stays() {
        let mut output = Output::default();
        output.end().extend_from_slice(b"abc");
        output.advance(1);
        output.end().extend_from_slice(b"d");
        assert_eq!(output.unwritten(), b"bcd");
        output.advance(3);
        assert!(output.is_empty() && output.unwritten().is_empty());
    }

    #[test]
    fn each_packet_is_told_once() {
        let mut output = Output::default();
        output.end().extend_from_slice(&[0xC0, 0, 0x40, 2, 0, 1]);
        assert_eq!(output.tell(), Some(&[0xC0, 0][..]));
        output.advance(2);
        assert_eq!(output.tell(), Some(&[0x40, 2, 0, 1][..]));
        assert_eq!(output.tell(), None);
        output.advance(4);
        output.end().extend_from_slice(&[0xC0, 0]);
        assert_eq!(output.tell(), Some(&[0xC0, 0][..]));
    }

    #[test]
    fn a_long_backlog_does_not_keep_what_was_written() {
        let mut output = Output::default();
        output.end().resize(3 * FULL_BYTES, 7);
        assert!(!output.has_room());
        output.advance(2 * FULL_BYTES + 1);
        assert_eq!((output.bytes.len(), output.has_room()), (FULL_BYTES - 1, true));
        output.advance(FULL_BYTES - 1);
        assert_eq!(output.bytes.capacity(), 0);
    }
}
