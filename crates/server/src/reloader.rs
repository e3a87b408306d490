//! The thread that reads the configuration and its files again. A file may not answer, for minutes or for ever: nobody waits for
//! this thread, and what is in force goes on to be.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use crate::abort::AbortOnPanic;
use crate::journal::Journal;
use crate::peers::Peers;
use crate::process::Supervisor;
use crate::reading::Reading;
use crate::reload::Reloading;

/// What the thread is to do next, and what it does.
#[derive(Default)]
pub(crate) struct Desk {
    wanted: Mutex<Wanted>,
    is_wanted: Condvar,
    /// What the thread reads.
    pub(crate) reading: Reading,
    /// What the thread looks at that tells of news.
    pub(crate) looking: Reading,
}

#[derive(Default)]
struct Wanted {
    /// The last order that was given.
    order: Option<u64>,
    /// Files have changed.
    is_news: bool,
}

impl Desk {
    /// The operator wants a reload; those before it that have not begun are this one.
    pub(crate) fn order(&self, number: u64) {
        self.want(|wanted| wanted.order = Some(number));
    }

    /// Files have changed.
    pub(crate) fn tell_news(&self) {
        self.want(|wanted| wanted.is_news = true);
    }

    fn want(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_wanted.notify_one();
    }

    fn wait(&self) -> Wanted {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |wanted: &mut Wanted| wanted.order.is_none() && !wanted.is_news;
        let mut wanted = self.is_wanted.wait_while(wanted, nothing).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut wanted)
    }
}

/// What the thread is made of.
pub(crate) struct Reloader {
    pub(crate) desk: Arc<Desk>,
    pub(crate) reloading: Reloading,
    pub(crate) peers: Arc<Peers>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) journal: Journal,
}

impl Reloader {
    /// Starts the thread, which ends with the process.
    pub(crate) fn start(self) -> io::Result<()> {
        let thread = thread::Builder::new().name("reload".to_owned());
        thread.spawn(move || {
            let _on_panic = AbortOnPanic;
            self.run();
        })?;
        Ok(())
    }

    fn run(mut self) {
        loop {
            let wanted = self.desk.wait();
            if let Some(number) = wanted.order {
                let is_done = self.reloading.reload(&mut self.journal);
                self.peers.reload_order.end(number);
                if is_done { self.supervisor.ready() } else { self.supervisor.still_ready() }
            }
            if wanted.is_news {
                self.reloading.refresh(&mut self.journal);
            }
            self.desk.reading.end();
        }
    }
}
