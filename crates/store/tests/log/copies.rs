//! A copy is made while the log goes on: it opens, and it is whole or does not open at all.

use std::io::ErrorKind;
use std::path::Path;

use midge_store::memory_disk::{Fault, MemoryDisk};
use midge_store::{CopyError, Log, Opened, Position, Repair, Snapshot};

use crate::world::*;

fn copy() -> &'static Path {
    Path::new("/copy")
}

fn open_copy(disk: &MemoryDisk) -> Result<Opened<MemoryDisk>, midge_store::OpenError> {
    Log::open(disk.clone(), copy(), OPTIONS, Repair::No)
}

/// Some segments, of which a snapshot needs the later ones, and the numbers that are left.
fn used_log(disk: &MemoryDisk) -> (Log<MemoryDisk>, Vec<u32>) {
    let mut log = must_open(disk).log;
    put(&mut log, 0..40);
    let from = log.end();
    put(&mut log, 40..90);
    log.retire(Snapshot { from, end: from, floor: from, mark: 5 }).expect("retired");
    put(&mut log, 90..100);
    let held = numbers(&log);
    (log, held)
}

#[test]
fn a_copy_holds_everything_written_before_and_goes_on_by_itself() {
    let disk = MemoryDisk::new(1);
    let (mut log, held) = used_log(&disk);
    let copied = log.reader().copy_to(copy()).expect("copied");
    assert_eq!(copied.end, log.end());
    put(&mut log, 100..200);
    let opened = open_copy(&disk.crash(3)).expect("opened");
    assert_eq!((opened.snapshot.map(|snapshot| snapshot.mark), opened.report.cut), (Some(5), None));
    let mut log = opened.log;
    assert_eq!(numbers(&log), held);
    put(&mut log, 500..600);
    assert_eq!(numbers(&log).len(), held.len() + 100);
}

#[test]
fn what_is_not_synced_yet_is_copied_whole_too() {
    let disk = MemoryDisk::new(2);
    let (mut log, held) = used_log(&disk);
    write(&mut log, 100..103).expect("written");
    log.reader().copy_to(copy()).expect("copied");
    let copy = open_copy(&disk).expect("opened").log;
    assert_eq!(numbers(&copy), [&held[..], &[100, 101, 102]].concat());
}

#[test]
fn a_log_whose_last_segment_is_empty_is_copied() {
    let disk = MemoryDisk::new(3);
    let mut log = must_open(&disk).log;
    log.reader().copy_to(Path::new("/new")).expect("copied");
    assert_eq!(log.end(), Position(0));
    put(&mut log, 0..40);
    log.retire(snapshot_at(log.end())).expect("retired");
    log.reader().copy_to(copy()).expect("copied");
    let paths = disk.paths().into_iter().filter(|path| path.starts_with(copy()) && path != copy());
    let bytes: Vec<_> = paths.filter_map(|path| disk.contents(&path)).map(|bytes| bytes.len()).collect();
    assert_eq!(bytes, [OPTIONS.segment_bytes as usize], "with its room");
    let mut copy = open_copy(&disk).expect("opened").log;
    put(&mut copy, 40..80);
    drop(copy);
    assert_eq!(numbers(&open_copy(&disk).expect("opened").log), (40..80).collect::<Vec<_>>());
}

#[test]
fn a_folder_that_holds_something_is_refused_and_left_alone() {
    let disk = MemoryDisk::new(4);
    let (log, _) = used_log(&disk);
    assert!(matches!(log.reader().copy_to(folder()), Err(CopyError::NotEmpty(_))));
    disk.put(Path::new("/file"), b"text");
    assert!(matches!(log.reader().copy_to(Path::new("/file")), Err(CopyError::NotAFolder(_))));
    let refused = log.reader().copy_to(Path::new("/no/such")).expect_err("refused").to_string();
    assert!(refused.contains("create it first"), "{refused}");
}

#[test]
fn damage_in_the_log_is_not_copied() {
    let disk = MemoryDisk::new(5);
    let (log, _) = used_log(&disk);
    // The first is copied last.
    let (path, _) = segments(&disk).into_iter().find(|(_, base)| *base == log.start()).expect("a first segment");
    disk.damage(&path, 4096 + 30, 1);
    let error = log.reader().copy_to(copy()).expect_err("refused");
    assert!(matches!(&error, CopyError::Damaged(damage) if damage.path == path), "{error}");
    assert!(disk.paths().iter().all(|path| !path.starts_with(copy()) || path == copy()), "nothing is left");
}

#[test]
fn a_copy_that_was_broken_off_is_whole_or_does_not_open() {
    let disk = MemoryDisk::new(6);
    drop(used_log(&disk));
    break_off(&disk);
    // Without a snapshot its beginning alone would be a log, too.
    let disk = MemoryDisk::new(7);
    put(&mut must_open(&disk).log, 0..26);
    break_off(&disk);
}

/// Copies the log on the disk, which fails at each of the operations that this takes.
fn break_off(disk: &MemoryDisk) {
    let log = must_open(&disk.kill()).log;
    let held = numbers(&log);
    let disk_of_first = disk.kill();
    let first = must_open(&disk_of_first).log;
    let before = disk_of_first.operations();
    first.reader().copy_to(copy()).expect("copied");
    let operations = disk_of_first.operations() - before;
    assert!(operations > 10, "several segments");
    for number in 0..operations {
        for seed in 0..12 {
            let disk = disk.kill();
            let log = must_open(&disk).log;
            disk.fail_at(disk.operations() + number, Fault::ForGood, ErrorKind::Other);
            log.reader().copy_to(copy()).expect_err("it fails");
            drop(log);
            let disk = disk.crash(seed);
            disk.mend();
            match open_copy(&disk) {
                Err(_) => {}
                Ok(opened) if opened.report.is_new => {}
                Ok(opened) => assert_eq!(numbers(&opened.log), held, "operation {number}"),
            }
        }
    }
}
