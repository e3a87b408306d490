//! A signal that stays in the system until it is taken. Every thread can see it there from the moment on in which whoever sent it
//! goes on: between that and a handler lies what the system needs to wake a thread.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use libc::{c_int, sigset_t};

/// See the module.
pub(crate) struct HeldSignal {
    number: c_int,
    /// Can be read when the signal has come.
    descriptor: OwnedFd,
}

impl HeldSignal {
    /// From now on this thread and those that it starts hold the signal back. So must all others, or it goes to one of these.
    pub(crate) fn hold(number: c_int) -> io::Result<HeldSignal> {
        let set = set_of(number);
        // SAFETY: the set is initialised; where the old one should go may be null.
        let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: the set is initialised, and -1 asks for a new descriptor.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was made just now, and belongs to nobody else.
        Ok(HeldSignal { number, descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) } })
    }

    /// Whether it was sent and nobody has taken it.
    pub(crate) fn is_pending(&self) -> bool {
        let mut set = MaybeUninit::<sigset_t>::uninit();
        // SAFETY: the call fills the set, which it can only fail to do for a bad address.
        unsafe { libc::sigpending(set.as_mut_ptr()) == 0 && libc::sigismember(set.as_ptr(), self.number) == 1 }
    }

    /// Takes it, where it was sent; as often as it was since, it comes once more.
    pub(crate) fn take(&self) {
        let mut taken = [0; size_of::<libc::signalfd_siginfo>()];
        // Nothing there is nothing to take.
        let _ = rustix::io::read(&self.descriptor, &mut taken);
    }
}

impl AsRawFd for HeldSignal {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

fn set_of(number: c_int) -> sigset_t {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the first call initialises the set that the second one adds to; a number that is no signal adds nothing.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number);
        set.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_until_it_is_taken() {
        let signal = HeldSignal::hold(libc::SIGWINCH).expect("held");
        assert!(!signal.is_pending());
        for _ in 0..2 {
            signal_hook::low_level::raise(libc::SIGWINCH).expect("raised");
            assert!(signal.is_pending());
            assert!(signal.is_pending());
            signal.take();
            assert!(!signal.is_pending());
        }
        signal.take();
    }
}
