//! What stands in files, whatever happens to who writes them.

use super::*;
use midge_sinks::json::JsonLines;
use midge_sinks::{Format, Message};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("midge-file-sink-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn target(&self, max_bytes: u64) -> FileTarget {
        let path = self.0.join("m.jsonl").display().to_string();
        FileTarget::new(FileOptions { path, max_bytes, keep: 2, topics: Vec::new() })
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lines(times: std::ops::Range<u64>) -> Vec<u8> {
    let mut lines = Vec::new();
    for received_ns in times {
        JsonLines.append(&Message { topic: "a", payload: b"1", received_ns }, &mut lines).expect("a line");
    }
    lines
}

#[test]
fn what_comes_again_after_a_kill_stands_there_once() {
    let folder = Folder::new("again");
    assert_eq!(folder.target(1 << 20).write(&lines(10..14)), Answer::Taken);
    // Killed within the next write.
    let torn = [folder.text("m.jsonl").as_bytes(), &lines(14..15)[..20]].concat();
    fs::write(folder.0.join("m.jsonl"), torn).expect("written");
    let mut target = folder.target(1 << 20);
    assert_eq!(target.write(&lines(12..16)), Answer::Taken);
    assert_eq!(target.write(&lines(16..18)), Answer::Taken);
    assert_eq!(folder.text("m.jsonl").as_bytes(), lines(10..18));
}

/// Shards do not look at the clock together, so that what comes first after a start may be newer than what is known already.
#[test]
fn what_comes_again_behind_something_newer_stands_there_once() {
    let folder = Folder::new("behind");
    assert_eq!(folder.target(1 << 20).write(&lines(10..14)), Answer::Taken);
    let mut target = folder.target(1 << 20);
    assert_eq!(target.write(&lines(20..21)), Answer::Taken);
    assert_eq!(target.write(&lines(12..15)), Answer::Taken);
    assert_eq!(folder.text("m.jsonl").as_bytes(), [lines(10..14), lines(20..21), lines(14..15)].concat());
}

/// Known is what was written last, whatever the clock showed.
#[test]
fn a_clock_that_was_set_back_doubles_nothing() {
    let folder = Folder::new("set-back");
    let before = lines(1_000_000..1_000_000 + TIMES_MAX as u64);
    assert_eq!(folder.target(1 << 30).write(&before), Answer::Taken);
    assert_eq!(folder.target(1 << 30).write(&lines(10..14)), Answer::Taken);
    assert_eq!(folder.target(1 << 30).write(&lines(12..16)), Answer::Taken);
    assert_eq!(folder.text("m.jsonl").as_bytes(), [before, lines(10..16)].concat());
}

#[test]
fn a_large_file_becomes_another_and_few_are_kept() {
    let folder = Folder::new("large");
    let mut target = folder.target(100);
    for at in 0..4 {
        assert_eq!(target.write(&lines(2 * at..2 * at + 2)), Answer::Taken);
    }
    let texts = ["m.jsonl", "m.jsonl.1", "m.jsonl.2", "m.jsonl.3"].map(|name| folder.text(name).into_bytes());
    assert_eq!(texts, [lines(6..8), lines(4..6), lines(2..4), Vec::new()]);
    // Also what was renamed meanwhile is known.
    assert_eq!(folder.target(100).write(&lines(5..7)), Answer::Taken);
    assert_eq!(folder.text("m.jsonl").as_bytes(), lines(6..8));
}

#[test]
fn a_folder_that_is_not_there_is_waited_for() {
    let folder = Folder::new("absent");
    let path = folder.0.join("not/m.jsonl").display().to_string();
    let mut target = FileTarget::new(FileOptions { path, max_bytes: 100, keep: 1, topics: Vec::new() });
    assert!(matches!(target.write(&lines(0..1)), Answer::Later { .. }));
    fs::create_dir(folder.0.join("not")).expect("a folder");
    assert_eq!(target.write(&lines(0..1)), Answer::Taken);
}
