//! How much memory is in use, as the allocator knows it: `$SYS/broker/heap/current`, and what `memory_limit` limits.
//!
//! Not what is resident: the allocator keeps most of what is freed, so after one flood the process would look full for ever.

/// Bytes that are allocated now. Walks the allocator's lists of what is free: ask seldom.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn used_bytes() -> u64 {
    // SAFETY: it takes no argument, reads the allocator's counters under the allocator's own locks and returns a copy.
    let info = unsafe { libc::mallinfo2() };
    // Small pieces, and those large enough for a mapping of their own.
    (info.uordblks + info.hblkhd) as u64
}

/// Bytes that are resident: an upper bound, where the allocator does not tell.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn used_bytes() -> u64 {
    midge_net::sys::memory().current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_is_no_longer_in_use() {
        // More than what other tests use at the same time.
        const PIECES: usize = 20_000;
        let before = used_bytes();
        let pieces: Vec<Vec<u8>> = (0..PIECES).map(|_| Vec::with_capacity(10_000)).collect();
        let during = used_bytes();
        drop(pieces);
        assert!(during > before + 150_000_000, "{before} {during}");
        assert!(used_bytes() < before + 50_000_000, "{before} {during} {}", used_bytes());
    }
}
