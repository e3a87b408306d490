//! Files of retired segments are used again; what stood in them never comes back, and who reads them is not disturbed.

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Position, ReadError};

use crate::world::*;

#[test]
fn a_log_that_is_retired_again_and_again_keeps_its_size_and_makes_no_files() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    let mut bytes = Vec::new();
    let mut next = 0;
    for _ in 0..30 {
        let from = log.end();
        let first = next;
        for _ in 0..6 {
            put(&mut log, [next, next + 1, next + 2]);
            next += 3;
        }
        log.retire(snapshot_at(from)).expect("retired");
        log.prepare().expect("prepared");
        assert!(numbers(&log).into_iter().filter(|number| *number >= first).eq(first..next));
        bytes.push(log.bytes());
        let opened = must_open(&disk.crash(u64::from(next)));
        assert!(numbers(&opened.log).ends_with(&(first..next).collect::<Vec<_>>()));
    }
    assert!(bytes[10..].iter().max() <= bytes[..10].iter().max(), "{bytes:?}");
    assert!(disk.used_bytes() <= log.bytes() + 100, "the files are as many as the log says");
}

#[test]
fn stale_batches_in_a_recycled_file_are_not_found() {
    // Every batch has the same length, so that the stale ones stand exactly where new ones are looked for.
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    let mut count = 0_u64;
    for round in 0..40 {
        let from = log.end();
        for _ in 0..20 {
            log.write(&mut buffer(&[[7; 100]])).expect("written");
            count += 1;
        }
        log.sync().expect("synced");
        if round % 3 == 2 {
            log.retire(snapshot_at(from)).expect("retired");
        }
        let crashed = must_open(&disk.crash(round));
        assert_eq!(crashed.log.end(), Position(count * 124), "round {round}");
        assert_eq!(crashed.report.cut, None);
        let held = (crashed.log.end().0 - crashed.log.start().0) / 124;
        assert_eq!(read(&crashed.log).expect("readable").len() as u64, held);
    }
}

#[test]
fn a_segment_that_is_read_is_not_used_again() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..20);
    let (position, expected) = read(&log).expect("readable").remove(3);
    let reader = log.reader();
    let lease = reader.lease(position).expect("held");
    put(&mut log, 20..60);
    log.retire(snapshot_at(log.end())).expect("retired");
    assert!(matches!(reader.lease(position), Err(ReadError::NotHeld(_))));
    let bytes = log.bytes();
    for round in 0..10 {
        let from = log.end();
        put(&mut log, 60 + round * 20..80 + round * 20);
        log.retire(snapshot_at(from)).expect("retired");
        let mut found = Vec::new();
        lease.read_batch(position, &mut found).expect("read");
        assert_eq!(found, expected);
    }
    drop(lease);
    log.prepare().expect("prepared");
    assert!(log.bytes() <= bytes + 8192 * 3, "it came back");
}

#[test]
fn a_reader_keeps_the_folder_locked() {
    let disk = MemoryDisk::new(1);
    let log = must_open(&disk).log;
    let reader = log.reader();
    drop(log);
    assert!(open(disk.clone()).is_err(), "somebody else would use the files again");
    drop(reader);
    assert!(open(disk).is_ok());
}

#[test]
fn retiring_twice_at_the_same_place_is_fine() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..20);
    for _ in 0..5 {
        log.retire(snapshot_at(log.end())).expect("retired");
    }
    put(&mut log, 20..40);
    for seed in 0..10 {
        assert!(numbers(&must_open(&disk.crash(seed)).log).into_iter().eq(20..40));
    }
}
