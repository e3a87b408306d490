//! Lines that clients can cause without end are written only so often; the rest is counted.

use super::LogType;

/// How many lines of each subject were admitted in the current second.
#[derive(Default)]
pub(super) struct Repeats {
    second: u64,
    subjects: Vec<Subject>,
}

struct Subject {
    name: &'static str,
    kind: LogType,
    admitted: u32,
    omitted: u64,
}

impl Repeats {
    /// Begins a new second if there is one: everything is admitted again. Gives what was left out in the last one.
    pub(super) fn begin_second(&mut self, second: u64) -> Vec<(&'static str, LogType, u64)> {
        if second == self.second {
            return Vec::new();
        }
        self.second = second;
        let omitted = self.subjects.drain(..).filter(|subject| subject.omitted > 0);
        omitted.map(|subject| (subject.name, subject.kind, subject.omitted)).collect()
    }

    /// Whether one more line about `name` may be written.
    pub(super) fn admits(&mut self, name: &'static str, kind: LogType) -> bool {
        let known = self.subjects.iter().position(|subject| subject.name == name);
        let at = known.unwrap_or_else(|| {
            self.subjects.push(Subject { name, kind, admitted: 0, omitted: 0 });
            self.subjects.len() - 1
        });
        let subject = &mut self.subjects[at];
        let admits = subject.admitted < LINES_PER_SECOND_MAX;
        if admits {
            subject.admitted += 1;
        } else {
            subject.omitted += 1;
        }
        admits
    }
}

/// For each subject and shard. Enough for a log watcher to act on, too few to fill a disk: 100 lines of 100 bytes are
/// less than a gigabyte in a day.
const LINES_PER_SECOND_MAX: u32 = 100;
