//! No room: nothing is written, nothing is broken, and it goes on when there is room again.

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Limit, Log, OpenError, Options, Position, Repair, WriteError};

use crate::world::*;

/// Writes one batch after the other until there is no room. Gives the number of the one that had none.
fn fill(log: &mut Log<MemoryDisk>, mut next: u32, limit: Limit) -> u32 {
    loop {
        let end = log.end();
        let mut bytes = buffer(&[payload(next)]);
        match log.write(&mut bytes) {
            Ok(()) => next += 1,
            Err(WriteError::Full { limit: reached, .. }) => {
                assert_eq!((reached, log.end()), (limit, end));
                assert_eq!(bytes, buffer(&[payload(next)]), "it can be written later");
                return next;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_space_is_free() {
    for limit in (40_000..50_000).step_by(777) {
        let disk = MemoryDisk::new(1);
        disk.limit_bytes(Some(limit));
        let mut log = must_open(&disk).log;
        log.prepare().expect("prepared");
        let next = fill(&mut log, 0, Limit::Disk);
        assert!(next > 10);
        assert_eq!(fill(&mut log, next, Limit::Disk), next, "still full");
        assert!(matches!(write(&mut log, next..next + 40), Err(WriteError::Full { .. })), "all or nothing");
        log.sync().expect("synced");
        assert!(numbers(&must_open(&disk.crash(limit)).log).into_iter().eq(0..next), "{limit}");

        disk.limit_bytes(None);
        put(&mut log, next..next + 40);
        assert!(numbers(&log).into_iter().eq(0..next + 40));
    }
}

#[test]
fn the_reserve_frees_space_on_a_full_disk() {
    let disk = MemoryDisk::new(1);
    disk.limit_bytes(Some(8192 * 7));
    let mut log = must_open(&disk).log;
    log.prepare().expect("prepared");
    let mut next = fill(&mut log, 0, Limit::Disk);
    for _ in 0..5 {
        // What is still needed is written once more, and the rest is given up.
        let from = log.end();
        log.write_reserved(&mut buffer(&[payload(next)])).expect("the reserve is there");
        next += 1;
        log.retire(snapshot_at(from)).expect("retired");
        let before = next;
        next = fill(&mut log, next, Limit::Disk);
        assert!(next > before + 5, "there is room again");
    }
    log.sync().expect("synced");
    assert!(numbers(&must_open(&disk.crash(1)).log).ends_with(&[next - 2, next - 1]));
}

#[test]
fn a_full_disk_can_be_opened_and_cleared() {
    let disk = MemoryDisk::new(1);
    disk.limit_bytes(Some(8192 * 7));
    let mut log = must_open(&disk).log;
    log.prepare().expect("prepared");
    let next = fill(&mut log, 0, Limit::Disk);
    log.sync().expect("synced");
    drop(log);
    for _ in 0..5 {
        drop(must_open(&disk));
    }
    let mut log = must_open(&disk).log;
    assert!(numbers(&log).into_iter().eq(0..next));
    let half = read(&log).expect("readable")[next as usize - 3].0;
    log.retire(snapshot_at(half)).map_or_else(
        |error| assert!(matches!(error, WriteError::Full { .. })),
        |()| assert!(log.room().allowed_bytes >= 4000),
    );
}

/// Who is killed again and again, each time behind a few batches, fills the disk with files that are hardly begun.
#[test]
fn a_log_that_has_filled_its_disk_is_opened_as_often_as_one_likes() {
    let disk = MemoryDisk::new(1);
    disk.limit_bytes(Some(8192 * 7));
    let mut next = 0;
    for round in 0..200 {
        let mut log = must_open(&disk).log;
        assert!(numbers(&log).into_iter().eq(0..next), "round {round}");
        match log.write(&mut buffer(&[payload(next)])) {
            Ok(()) => next += 1,
            Err(WriteError::Full { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        log.sync().expect("synced");
    }
    assert!(next > 15, "only {next}");
    // What stands there can still be given up.
    let mut log = must_open(&disk).log;
    let from = log.end();
    log.retire(snapshot_at(from)).expect("a segment is in reserve");
    put(&mut log, next..next + 10);
    assert!(numbers(&log).into_iter().eq(next..next + 10));
}

/// It was made for a large batch, of which nothing came.
#[test]
fn a_file_of_a_size_that_nobody_waits_for_makes_room() {
    let disk = MemoryDisk::new(1);
    put(&mut must_open(&disk).log, 0..3);
    let odd = segment(9);
    disk.put(&odd, &[0; 30_000]);
    disk.limit_bytes(Some(disk.used_bytes()));
    let mut log = must_open(&disk).log;
    log.prepare().expect("there is room for three");
    assert!(!disk.paths().contains(&odd) && numbers(&log) == [0, 1, 2]);
}

#[test]
fn a_disk_without_room_for_the_first_segment_says_so() {
    let disk = MemoryDisk::new(1);
    disk.limit_bytes(Some(5000));
    let error = open(disk.clone()).expect_err("no room");
    assert_eq!(
        error.to_string(),
        "no room for another segment in /log: the disk is full; free some space, or allow more"
    );
    assert!(matches!(error, OpenError::Full { limit: Limit::Disk, .. }));
    disk.limit_bytes(None);
    assert!(must_open(&disk).report.is_new);
}

#[test]
fn the_greatest_size_is_kept() {
    let disk = MemoryDisk::new(1);
    let options = Options { max_bytes: Some(8192 * 6), ..OPTIONS };
    let mut log = Log::open(disk.clone(), folder(), options, Repair::No).expect("opened").log;
    let next = fill(&mut log, 0, Limit::MaxBytes);
    assert!(log.bytes() <= 8192 * 6 && disk.used_bytes() <= 8192 * 6 + 100);
    assert!(log.room().allowed_bytes < 5000);
    log.write_reserved(&mut buffer(&[[7; 3000]])).expect("the reserve is there");
    log.retire(snapshot_at(log.end())).expect("retired");
    assert!(log.room().allowed_bytes >= 8000);
    put(&mut log, next..next + 10);
    assert!(log.bytes() <= 8192 * 6);
}

#[test]
fn a_batch_larger_than_a_segment_needs_room_of_its_own() {
    let disk = MemoryDisk::new(1);
    let options = Options { max_bytes: Some(8192 * 6), ..OPTIONS };
    let mut log = Log::open(disk.clone(), folder(), options, Repair::No).expect("opened").log;
    let mut huge = buffer(&[vec![1; 50_000]]);
    assert!(matches!(log.write(&mut huge), Err(WriteError::Full { limit: Limit::MaxBytes, .. })));
    assert_eq!(log.end(), Position(0));
    let mut large = buffer(&[vec![1; 20_000]]);
    log.write(&mut large).expect("fits");
    log.retire(snapshot_at(log.end())).expect("retired");
    log.write(&mut buffer(&[vec![1; 20_000]])).expect("fits, because the other is gone");
    log.sync().expect("synced");
    assert_eq!(read(&must_open(&disk.kill()).log).expect("readable").len(), 1);
}
