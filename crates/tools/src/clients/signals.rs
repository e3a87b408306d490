//! SIGINT and SIGTERM, as something that an event loop can wait for.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

/// Signals that ask the program to end.
pub(crate) struct Signals {
    /// Has a byte for each signal that came.
    pipe: UnixStream,
    /// The last one; 0 for none.
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on they do not end the program by themselves.
    pub(crate) fn new() -> io::Result<Signals> {
        let (pipe, ours) = UnixStream::pair()?;
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            flag::register_usize(signal, Arc::clone(&last), signal as usize)?;
            pipe::register(signal, ours.try_clone()?)?;
        }
        pipe.set_nonblocking(true)?;
        Ok(Signals { pipe, last })
    }

    /// The number of the signal that has come since.
    pub(crate) fn take(&mut self) -> Option<u8> {
        // Nothing in the pipe, or everything: a look at it is all that is wanted.
        let _ = self.pipe.read(&mut [0; 64]);
        u8::try_from(self.last.swap(0, Ordering::Relaxed)).ok().filter(|&signal| signal > 0)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
