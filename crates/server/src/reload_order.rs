//! That a reload has been ordered, known from the moment on in which `kill -HUP` returns: a reload takes its time, and who connects
//! meanwhile is judged by the new rules.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};

use signal_hook::consts::SIGHUP;

use crate::process::HeldSignal;

/// See the module. One for all shards, and for the threads that take orders and carry them out.
pub(crate) struct ReloadOrder {
    signal: HeldSignal,
    /// How many were taken.
    taken: AtomicU64,
    /// The last one that was carried out, or could not be.
    done: AtomicU64,
}

impl ReloadOrder {
    /// From now on SIGHUP is an order. Before any other thread is started.
    pub(crate) fn expect() -> io::Result<ReloadOrder> {
        let signal = HeldSignal::hold(SIGHUP)?;
        Ok(ReloadOrder { signal, taken: AtomicU64::new(0), done: AtomicU64::new(0) })
    }

    /// Whether what is in force will soon be looked at anew.
    pub(crate) fn is_open(&self) -> bool {
        self.signal.is_pending() || self.done.load(Ordering::Acquire) < self.taken.load(Ordering::Acquire)
    }

    /// The number of an order that was given. One thread asks.
    pub(crate) fn take(&self) -> Option<u64> {
        if !self.signal.is_pending() {
            return None;
        }
        // Before the signal is gone: there is no moment in which nobody sees it.
        let number = self.taken.fetch_add(1, Ordering::AcqRel) + 1;
        self.signal.take();
        Some(number)
    }

    /// This order and those before it are carried out, or cannot be.
    pub(crate) fn end(&self, number: u64) {
        self.done.fetch_max(number, Ordering::AcqRel);
    }

    /// Nobody waits any longer for those that were taken. Whether somebody may have.
    pub(crate) fn give_up(&self) -> bool {
        let taken = self.taken.load(Ordering::Acquire);
        self.done.fetch_max(taken, Ordering::AcqRel) < taken
    }
}

impl AsRawFd for ReloadOrder {
    fn as_raw_fd(&self) -> RawFd {
        self.signal.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_open_until_it_is_carried_out_and_one_that_comes_meanwhile_too() {
        let order = ReloadOrder::expect().expect("held");
        assert!(!order.is_open());
        assert_eq!(order.take(), None);
        signal_hook::low_level::raise(SIGHUP).expect("raised");
        assert!(order.is_open());
        assert_eq!(order.take(), Some(1));
        assert!(order.is_open());
        signal_hook::low_level::raise(SIGHUP).expect("raised");
        order.end(1);
        assert!(order.is_open());
        assert_eq!(order.take(), Some(2));
        order.give_up();
        assert!(!order.is_open());
        order.end(2);
        assert!(!order.is_open());
    }
}
