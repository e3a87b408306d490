//! What a thread reads that may never come back: a file on a network file system whose server is gone. Another thread can say so.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Default)]
pub(crate) struct Reading(Mutex<Option<Step>>);

struct Step {
    /// For a sentence.
    what: String,
    /// From then on it takes too long.
    until: Instant,
    is_told: bool,
}

impl Reading {
    /// From now on the thread reads this file.
    pub(crate) fn begin_file(&self, path: &Path) {
        self.begin(path.display().to_string(), ANSWER_TIME);
    }

    /// From now on it does this, and is not expected to take longer.
    pub(crate) fn begin(&self, what: String, patience: Duration) {
        *self.step() = Some(Step { what, until: Instant::now() + patience, is_told: false });
    }

    /// It has come back.
    pub(crate) fn end(&self) {
        *self.step() = None;
    }

    /// Whether something does not answer.
    pub(crate) fn is_overdue(&self) -> bool {
        self.step().as_ref().is_some_and(|step| step.until <= Instant::now())
    }

    /// What does not answer, told once.
    pub(crate) fn overdue(&self) -> Option<String> {
        let mut step = self.step();
        let step = step.as_mut().filter(|step| !step.is_told && step.until <= Instant::now())?;
        step.is_told = true;
        Some(step.what.clone())
    }

    fn step(&self) -> MutexGuard<'_, Option<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No file takes so long to open that will ever be read.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_told_once() {
        let reading = Reading::default();
        assert_eq!(reading.overdue(), None);
        reading.begin_file(Path::new("/quick"));
        assert_eq!(reading.overdue(), None);
        reading.begin("/slow".to_owned(), Duration::ZERO);
        assert_eq!([reading.overdue(), reading.overdue()], [Some("/slow".to_owned()), None]);
        reading.begin("/slower".to_owned(), Duration::ZERO);
        reading.end();
        assert_eq!(reading.overdue(), None);
    }
}
