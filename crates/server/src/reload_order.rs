//! That a reload has been ordered, known from the moment on in which the signal reaches the process: a reload takes its time, and
//! who connects meanwhile is judged by the new rules. Between `kill -HUP` and that moment lies what the system needs to wake a
//! thread, which is longer where all cores are busy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGHUP;

/// See the module. One for all shards, and for the thread that reloads.
#[derive(Default)]
pub(crate) struct ReloadOrder {
    /// Set by the handler of the signal.
    is_given: Arc<AtomicBool>,
    is_under_way: AtomicBool,
}

impl ReloadOrder {
    /// From now on SIGHUP is an order.
    pub(crate) fn expect() -> io::Result<ReloadOrder> {
        let order = ReloadOrder::default();
        signal_hook::flag::register(SIGHUP, Arc::clone(&order.is_given))?;
        Ok(order)
    }

    /// Whether what is in force will soon be looked at anew.
    pub(crate) fn is_open(&self) -> bool {
        self.is_given.load(Ordering::Acquire) || self.is_under_way.load(Ordering::Acquire)
    }

    /// What comes from here on is another order.
    pub(crate) fn begin(&self) {
        self.is_under_way.store(true, Ordering::Release);
        self.is_given.store(false, Ordering::Release);
    }

    /// It is carried out, or cannot be.
    pub(crate) fn end(&self) {
        self.is_under_way.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_open_until_it_is_carried_out_and_one_that_comes_meanwhile_too() {
        let order = ReloadOrder::expect().expect("a handler");
        assert!(!order.is_open());
        signal_hook::low_level::raise(SIGHUP).expect("raised");
        assert!(order.is_open());
        order.begin();
        assert!(order.is_open());
        signal_hook::low_level::raise(SIGHUP).expect("raised");
        order.end();
        assert!(order.is_open());
        order.begin();
        order.end();
        assert!(!order.is_open());
    }
}
