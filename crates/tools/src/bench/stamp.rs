//! What stands at the beginning of each payload: which message it is, and since when it is under way.

/// A message among those of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// Its place in [`Streams`](super::streams::Streams).
    pub(super) stream: u32,
    /// Its number in the stream.
    pub(super) sequence: u32,
    /// When it was due, or else sent, on the clock of the run.
    pub(super) since_ns: u64,
}

/// The least that a payload has.
pub(super) const STAMP_BYTES: usize = 16;

impl Stamp {
    /// Writes it to the beginning of a payload, which has room for it.
    #[inline]
    pub(super) fn write(self, payload: &mut [u8]) {
        payload[..4].copy_from_slice(&self.stream.to_be_bytes());
        payload[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        payload[8..STAMP_BYTES].copy_from_slice(&self.since_ns.to_be_bytes());
    }

    /// `None`: it is no message of ours.
    #[inline]
    pub(super) fn read(payload: &[u8]) -> Option<Stamp> {
        let (stamp, _) = payload.split_first_chunk::<STAMP_BYTES>()?;
        let word = |at: usize| u32::from_be_bytes([stamp[at], stamp[at + 1], stamp[at + 2], stamp[at + 3]]);
        let since_ns = u64::from(word(8)) << 32 | u64::from(word(12));
        Some(Stamp { stream: word(0), sequence: word(4), since_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let stamp = Stamp { stream: 7, sequence: u32::MAX, since_ns: 0x0123_4567_89AB_CDEF };
        let mut payload = [0xFF; 20];
        stamp.write(&mut payload);
        assert_eq!((Stamp::read(&payload), payload[16]), (Some(stamp), 0xFF));
        assert_eq!(Stamp::read(&payload[..15]), None);
    }
}
