//! What is written is read, here and after opening the log again.

use std::ops::ControlFlow;

use midge_store::{Options, Position, ReadError, Repair, Snapshot, WriteError};

use crate::world::*;

#[test]
fn a_new_log_is_empty_and_says_so() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let opened = must_open(&disk);
    assert!(opened.report.is_new && opened.snapshot.is_none() && opened.report.cut.is_none());
    assert_eq!((opened.log.start(), opened.log.end()), (Position(0), Position(0)));
    assert_eq!(numbers(&opened.log), []);
    drop(opened);
    assert!(!must_open(&disk).report.is_new);
}

#[test]
fn batches_come_back_in_order_with_their_positions() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..3);
    put(&mut log, 3..100);
    let before = read(&log).expect("readable");
    assert_eq!(before.len(), 100);
    let mut position = Position(0);
    for (at, payload) in &before {
        assert_eq!(*at, position);
        position = Position(position.0 + 24 + payload.len() as u64);
    }
    let end = log.end();
    assert_eq!(end, position);
    drop(log);

    let opened = must_open(&disk);
    assert_eq!(opened.report, Default::default());
    assert_eq!(read(&opened.log).expect("readable"), before);
    assert_eq!(opened.log.end(), end);
}

#[test]
fn a_log_that_is_opened_many_times_takes_no_more_room() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    drop(must_open(&disk));
    let bytes = must_open(&disk).log.bytes();
    for _ in 0..10 {
        assert_eq!(must_open(&disk).log.bytes(), bytes);
    }
    let mut log = must_open(&disk).log;
    put(&mut log, 0..5);
    drop(log);
    drop(must_open(&disk));
    let bytes = must_open(&disk).log.bytes();
    for _ in 0..10 {
        let log = must_open(&disk).log;
        assert_eq!((log.bytes(), numbers(&log).len()), (bytes, 5));
    }
}

#[test]
fn empty_and_huge_batches_are_batches() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    let payloads = [vec![], vec![7; 300_000], vec![], vec![8; 4072], vec![9; 4073], vec![]];
    log.write(&mut buffer(&payloads)).expect("written");
    log.sync().expect("synced");
    drop(log);
    let log = must_open(&disk).log;
    let found: Vec<_> = read(&log).expect("readable").into_iter().map(|(_, payload)| payload).collect();
    assert!(found == payloads);
}

#[test]
fn reading_begins_and_ends_where_it_is_told() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..60);
    let all = read(&log).expect("readable");
    let mut visited = Vec::new();
    let end = log.read(all[7].0, all[51].0, |position, _| {
        visited.push(position);
        ControlFlow::Continue(())
    });
    assert_eq!(end.expect("read"), all[51].0);
    assert!(visited.iter().eq(all[7..51].iter().map(|(position, _)| position)));

    let mut count = 0;
    let end = log.read(Position(0), log.end(), |_, _| {
        count += 1;
        if count == 40 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((end.expect("read"), count), (all[40].0, 40));

    let behind = Position(log.end().0 + 1);
    assert!(matches!(log.read(behind, behind, |_, _| ControlFlow::Continue(())), Err(ReadError::NotHeld(_))));
    let between = Position(all[7].0.0 + 1);
    let end = log.end();
    assert!(matches!(log.read(between, end, |_, _| ControlFlow::Continue(())), Ok(_) | Err(ReadError::Damaged(_))));
}

#[test]
fn a_buffer_that_is_not_of_batches_is_refused_and_nothing_is_written() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    let good = buffer(&[b"one".as_slice(), b"two"]);
    for length in (0..good.len()).filter(|length| ![0, 27].contains(length)) {
        let written = log.write(&mut good[..length].to_vec());
        assert!(matches!(written, Err(WriteError::Misuse(_))), "{length}");
    }
    log.write(&mut []).expect("nothing is written");
    assert_eq!(log.end(), Position(0));
    log.write(&mut buffer(&[b"one".as_slice(), b"two"])).expect("written");
}

#[test]
fn a_snapshot_is_in_force_until_the_next() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..10);
    let from = log.end();
    put(&mut log, 10..20);
    let end = log.end();
    put(&mut log, 20..30);
    let snapshot = Snapshot { from, end, floor: Position(from.0 - 100), mark: 77 };
    log.retire(snapshot).expect("retired");
    put(&mut log, 30..200);
    drop(log);
    let opened = must_open(&disk);
    assert_eq!((opened.snapshot, opened.log.snapshot()), (Some(snapshot), Some(snapshot)));
    assert!(opened.log.start() <= snapshot.floor);
    drop(opened);
    let mut log = must_open(&disk).log;
    let later = snapshot_at(log.end());
    log.retire(later).expect("retired");
    drop(log);
    let opened = must_open(&disk);
    assert_eq!(opened.snapshot, Some(later));
    assert_eq!((numbers(&opened.log), opened.log.start()), (vec![], later.floor));
}

#[test]
fn a_snapshot_out_of_order_is_refused() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..10);
    let at = |from, end, floor| Snapshot { from: Position(from), end: Position(end), floor: Position(floor), mark: 0 };
    for snapshot in [at(10, 5, 0), at(10, 10, 11), at(0, log.end().0 + 1, 0)] {
        assert!(matches!(log.retire(snapshot), Err(WriteError::Misuse(_))), "{snapshot:?}");
    }
}

#[test]
fn readers_read_single_batches_while_the_log_is_written() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..50);
    let all = read(&log).expect("readable");
    let reader = log.reader();
    let other = std::thread::spawn({
        let all = all.clone();
        move || {
            let mut found = Vec::new();
            for (position, payload) in all.iter().rev() {
                reader.read_batch(*position, &mut found).expect("read");
                assert_eq!(found, *payload);
                let mut part = vec![0; payload.len() - 2];
                reader.read_at(Position(position.0 + 26), &mut part).expect("read");
                assert_eq!(part, payload[2..]);
            }
        }
    });
    put(&mut log, 50..100);
    other.join().expect("all were right");
    let reader = log.reader();
    let mut bytes = [0; 24];
    assert!(matches!(reader.read_at(log.end(), &mut bytes), Err(ReadError::NotHeld(_))));
    assert!(matches!(reader.read_at(Position(u64::MAX), &mut bytes), Err(ReadError::NotHeld(_))));
    let wrong = Position(all[3].0.0 + 1);
    assert!(matches!(reader.read_batch(wrong, &mut Vec::new()), Err(ReadError::Damaged(_))));
}

#[test]
fn options_that_contradict_themselves_are_refused() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let small = Options { segment_bytes: 4096, ..OPTIONS };
    let cramped = Options { max_bytes: Some(3 * 8192 - 1), ..OPTIONS };
    for options in [small, cramped] {
        let error = midge_store::Log::open(disk.clone(), folder(), options, Repair::No).expect_err("refused");
        assert!(matches!(error, midge_store::OpenError::Options(_)), "{error}");
    }
    assert!(disk.paths().is_empty());
}

#[test]
fn the_size_of_segments_may_change_between_two_starts() {
    let disk = midge_store::memory_disk::MemoryDisk::new(1);
    let mut count = 0;
    for segment_bytes in [8192, 16384, 8192, 12288] {
        let options = Options { segment_bytes, ..OPTIONS };
        let mut log = midge_store::Log::open(disk.clone(), folder(), options, Repair::No).expect("opened").log;
        assert!(numbers(&log).into_iter().eq(0..count));
        put(&mut log, count..count + 70);
        log.prepare().expect("prepared");
        count += 70;
    }
    assert!(numbers(&must_open(&disk).log).into_iter().eq(0..count));
}
