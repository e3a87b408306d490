//! Files that change by themselves: certificates are renewed, passwords are added. They are looked at by a thread of their own,
//! as a file system that does not answer must not hold up whoever waits for signals.
//!
//! What must hold: nothing is taken while it is being written. Files that look other than they did must look the same twice
//! before they are read, and still do afterwards; where one was emptied, which is told, they wait for what will be in it, or for
//! SIGHUP; those that do not do are read again when they have changed once more, and now and then.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::reloader::Desk;
use crate::stamps::Stamps;

/// The thread, as who reads the files sees it.
pub(crate) struct Watch(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something else to look at.
    ordered: Condvar,
    /// Where news is told.
    desk: Arc<Desk>,
}

#[derive(Default)]
struct State {
    /// What is looked at; nothing while it is off.
    paths: Vec<PathBuf>,
    /// How it looked when it was taken.
    taken: Stamps,
    /// How often it was said what to look at.
    orders: u64,
    /// It looks like this, other than it did, and stays so.
    news: Option<Stamps>,
    /// What looked like this did not do.
    failed: Option<(Stamps, Instant)>,
    /// Files that were emptied and stay so.
    emptied: Vec<PathBuf>,
    /// Those of them of which nobody was told.
    emptied_untold: Vec<PathBuf>,
}

impl Watch {
    /// Starts the thread, which ends with the process.
    pub(crate) fn start(desk: Arc<Desk>) -> io::Result<Watch> {
        let shared = Arc::new(Shared { state: Mutex::default(), ordered: Condvar::new(), desk });
        let looks = Arc::clone(&shared);
        let thread = thread::Builder::new().name("watch".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || looks.run())?;
        Ok(Watch(shared))
    }

    /// From now on it looks at these, which were taken as they looked like this.
    pub(crate) fn look_at(&self, paths: Vec<PathBuf>, taken: Stamps) {
        let mut state = self.0.state();
        *state = State { paths, taken, orders: state.orders + 1, ..State::default() };
        self.0.ordered.notify_one();
    }

    /// How files look by now that have changed since they were taken. Asked once for each time that news was told.
    pub(crate) fn take_news(&self) -> Option<Stamps> {
        self.0.state().news.take()
    }

    /// Files that were emptied and wait for what will be in them, each given once.
    pub(crate) fn take_emptied(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0.state().emptied_untold)
    }

    /// Whether they look like this at the moment.
    pub(crate) fn looks_like(&self, stamps: &Stamps) -> bool {
        let paths = self.0.state().paths.clone();
        Stamps::of(paths.iter().map(PathBuf::as_path)) == *stamps
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
            let (paths, order) = self.wait_for_paths();
            let stamps = self.look_at(&paths);
            let is_settled = stamps == std::mem::replace(&mut last, stamps.clone());
            let mut state = self.state();
            let is_news = state.is_news(order, &stamps);
            if is_news && is_settled && state.note(stamps) {
                self.desk.tell_news();
            }
            drop(state);
            thread::sleep(if is_news { SETTLE_TIME } else { LOOK_EVERY });
        }
    }

    fn look_at(&self, paths: &[PathBuf]) -> Stamps {
        let stamps = paths.iter().fold(Stamps::default(), |stamps, path| {
            self.desk.looking.begin_file(path);
            stamps.with(&Stamps::of([path.as_path()]))
        });
        self.desk.looking.end();
        stamps
    }

    fn wait_for_paths(&self) -> (Vec<PathBuf>, u64) {
        let nothing = |state: &mut State| state.paths.is_empty();
        let state = self.ordered.wait_while(self.state(), nothing).unwrap_or_else(PoisonError::into_inner);
        (state.paths.clone(), state.orders)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether files that looked like this when that order was in force are others than those taken.
    fn is_news(&self, order: u64, stamps: &Stamps) -> bool {
        let is_known = |(failed, at): &(Stamps, Instant)| failed == stamps && at.elapsed() < TRY_AGAIN_AFTER;
        self.orders == order && *stamps != self.taken && !self.failed.as_ref().is_some_and(is_known)
    }

    /// Takes it down that files stay like this, other than those taken. Whether there is something else to be asked for by now.
    fn note(&mut self, stamps: Stamps) -> bool {
        let emptied = stamps.emptied_since(&self.taken);
        let untold: Vec<_> = emptied.iter().filter(|path| !self.emptied.contains(path)).cloned().collect();
        let is_news = emptied.is_empty() && self.news.is_none();
        let has_more = is_news || !untold.is_empty();
        if is_news {
            self.news = Some(stamps);
        }
        self.emptied = emptied;
        self.emptied_untold.extend(untold);
        has_more
    }
}

/// Between two looks at files that are as they were.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long files must look the same before they are read: a certificate and its key are written one after the other.
const SETTLE_TIME: Duration = Duration::from_millis(250);

/// After how long what did not do is read again although it looks the same: the cause may lie elsewhere.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

const STACK_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_files_that_were_not_taken_and_not_found_wanting() {
        let [taken, other] = ["/", "/none"].map(|path| Stamps::of([std::path::Path::new(path)]));
        let mut state = State { orders: 7, taken: taken.clone(), ..State::default() };
        assert!(state.is_news(7, &other));
        assert!(!state.is_news(7, &taken));
        assert!(!state.is_news(6, &other), "it was looked at before these were taken");
        state.failed = Some((other.clone(), Instant::now()));
        assert!(!state.is_news(7, &other));
        let long_ago = Instant::now().checked_sub(TRY_AGAIN_AFTER);
        state.failed = long_ago.map(|at| (other.clone(), at));
        assert!(state.is_news(7, &other));
    }
}
