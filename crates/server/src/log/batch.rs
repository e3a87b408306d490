//! Lines on their way to the log, each with its kind: what a thread gathers, and what waits for the writer.

use super::LogType;

/// Lines in the order in which they were told.
#[derive(Default)]
pub(super) struct Lines {
    /// Each ends with a line feed.
    text: String,
    /// Kinds, and where in `text` the lines end.
    ends: Vec<(LogType, usize)>,
}

impl Lines {
    pub(super) fn push(&mut self, kind: LogType, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.ends.push((kind, self.text.len()));
    }

    pub(super) fn append(&mut self, others: &Lines) {
        let start = self.text.len();
        self.text.push_str(&others.text);
        self.ends.extend(others.ends.iter().map(|(kind, end)| (*kind, start + end)));
    }

    /// All of them as they stand in a file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// One by one, without line feeds.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LogType, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, (kind, end))| (*kind, &self.text[start..end - 1]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    /// Removes all, and gives back what a burst has blown the buffers up to beyond `kept_bytes`.
    pub(super) fn clear(&mut self, kept_bytes: usize) {
        self.text.clear();
        self.text.shrink_to(kept_bytes);
        self.ends.clear();
        self.ends.shrink_to(kept_bytes / size_of::<(LogType, usize)>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_kinds_when_they_are_put_together() {
        let (mut all, mut more) = (Lines::default(), Lines::default());
        all.push(LogType::Notice, "one");
        more.push(LogType::Error, "two");
        more.push(LogType::Debug, "");
        all.append(&more);
        assert_eq!(all.text(), "one\ntwo\n\n");
        let expected = [(LogType::Notice, "one"), (LogType::Error, "two"), (LogType::Debug, "")];
        assert_eq!(all.iter().collect::<Vec<_>>(), expected);
        all.clear(0);
        assert!(all.is_empty());
    }
}
