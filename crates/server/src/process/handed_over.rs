//! Descriptors that a supervisor has opened for us (`LISTEN_FDS`).

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};

/// What the environment says was handed over, once; nothing where it speaks of another process. To be called before the
/// process opens anything.
pub(crate) fn descriptors() -> Vec<OwnedFd> {
    static ARE_TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let is_for_us = number("LISTEN_PID") == Some(std::process::id());
    if !is_for_us || ARE_TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0).min(COUNT_MAX) as i32;
    (FIRST..FIRST + count).filter_map(take).collect()
}

/// Takes a descriptor, if it is open, and keeps it from children.
fn take(number: i32) -> Option<OwnedFd> {
    // SAFETY: it is borrowed for one call, which fails where it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, was so before the process began, and is taken once: nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Behind the standard streams.
const FIRST: i32 = 3;

/// More than anybody opens.
const COUNT_MAX: u32 = 1024;
