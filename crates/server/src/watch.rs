//! Files that change by themselves: certificates are renewed, passwords are added. They are looked at by a thread of their own,
//! as a file system that does not answer must not hold up whoever waits for signals.
//!
//! What must hold: nothing is taken while it is being written. Files that look other than they did must look the same twice
//! before they are read; those that do not do are read again when they have changed once more, and now and then.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;

use crate::stamps::Stamps;

/// The thread, as who reads the files sees it.
pub(crate) struct Watch(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something else to look at.
    ordered: Condvar,
    waker: Waker,
}

#[derive(Default)]
struct State {
    /// What is looked at; nothing while it is off.
    paths: Vec<PathBuf>,
    /// How it looked when it was taken.
    taken: Stamps,
    /// It looks other than that, and stays so.
    has_news: bool,
    /// What looked like this did not do.
    failed: Option<(Stamps, Instant)>,
}

impl Watch {
    /// Starts the thread, which ends with the process. It calls `waker` when there is news.
    pub(crate) fn start(waker: Waker) -> io::Result<Watch> {
        let shared = Arc::new(Shared { state: Mutex::default(), ordered: Condvar::new(), waker });
        let looks = Arc::clone(&shared);
        let thread = thread::Builder::new().name("watch".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || looks.run())?;
        Ok(Watch(shared))
    }

    /// From now on it looks at these, which were taken as they looked like this.
    pub(crate) fn look_at(&self, paths: Vec<PathBuf>, taken: Stamps) {
        *self.0.state() = State { paths, taken, ..State::default() };
        self.0.ordered.notify_one();
    }

    /// Whether something has changed since it was taken. Asked once for each time that the waker was called.
    pub(crate) fn take_news(&self) -> bool {
        std::mem::take(&mut self.0.state().has_news)
    }

    /// What looks like this does not do.
    pub(crate) fn note_failed(&self, stamps: Stamps) {
        self.0.state().failed = Some((stamps, Instant::now()));
    }
}

impl Shared {
    fn run(&self) {
        let mut last = Stamps::default();
        loop {
            let paths = self.wait_for_paths();
            let stamps = Stamps::of(paths.iter().map(PathBuf::as_path));
            let is_settled = stamps == std::mem::replace(&mut last, stamps.clone());
            let mut state = self.state();
            let is_known = |(failed, at): &(Stamps, Instant)| *failed == stamps && at.elapsed() < TRY_AGAIN_AFTER;
            let is_news = stamps != state.taken && !state.failed.as_ref().is_some_and(is_known);
            if is_news && is_settled && !state.has_news {
                state.has_news = true;
                // It fails when the counter behind it is full, and then a wake-up is under way already.
                let _ = self.waker.wake();
            }
            drop(state);
            thread::sleep(if is_news { SETTLE_TIME } else { LOOK_EVERY });
        }
    }

    fn wait_for_paths(&self) -> Vec<PathBuf> {
        let nothing = |state: &mut State| state.paths.is_empty();
        let state = self.ordered.wait_while(self.state(), nothing).unwrap_or_else(PoisonError::into_inner);
        state.paths.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two looks at files that are as they were.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long files must look the same before they are read: a certificate and its key are written one after the other.
const SETTLE_TIME: Duration = Duration::from_millis(250);

/// After how long what did not do is read again although it looks the same: the cause may lie elsewhere.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

const STACK_BYTES: usize = 128 << 10;
