//! Logs of every format version are opened for ever.
//!
//! `fixtures/v1` was written by the first version: twenty-three numbered payloads in three segments. After the ninth a snapshot
//! was given; the fourth was damaged then, and a repair put a hole in its place.

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Position, Snapshot};

use crate::world::*;

#[test]
fn a_log_of_version_1_is_opened() {
    let disk = MemoryDisk::new(9);
    drop(must_open(&disk));
    disk.take(&segment(1));
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    for number in 1..=3 {
        let path = segment(number);
        let name = path.file_name().expect("a name");
        disk.put(&path, &std::fs::read(files.join(name)).expect("a fixture"));
    }
    let opened = must_open(&disk);
    let snapshot = Snapshot { from: Position(170), end: Position(364), floor: Position(169), mark: 77 };
    assert_eq!(opened.snapshot, Some(snapshot));
    assert_eq!(opened.report, Default::default());
    let expected: Vec<_> = (0..23).filter(|number| *number != 3).collect();
    assert_eq!(numbers(&opened.log), expected);
    let mut log = opened.log;
    put(&mut log, 23..60);
    assert!(numbers(&must_open(&disk.crash(1)).log).ends_with(&(20..60).collect::<Vec<_>>()));
}
