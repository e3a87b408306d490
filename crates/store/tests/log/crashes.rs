//! The power is cut at every operation; the tail is torn at every length.

use std::io::ErrorKind;

use midge_store::Position;
use midge_store::memory_disk::{Fault, MemoryDisk};

use crate::faults::{Progress, check, workload};
use crate::world::*;

#[test]
fn the_power_is_cut_at_every_operation() {
    let disk = MemoryDisk::new(1);
    workload(&disk, &mut Progress::default());
    for number in 0..disk.operations() {
        let disk = MemoryDisk::new(1);
        disk.fail_at(number, Fault::ForGood, ErrorKind::Other);
        let mut progress = Progress::default();
        workload(&disk, &mut progress);
        for seed in 0..8 {
            check(&disk.crash(seed), &progress, &format!("power cut at operation {number}, seed {seed}"));
        }
    }
}

#[test]
fn the_power_is_cut_again_while_the_log_recovers() {
    for seed in 0..20 {
        let disk = MemoryDisk::new(1);
        disk.fail_at(90 + seed * 7, Fault::ForGood, ErrorKind::Other);
        let mut progress = Progress::default();
        workload(&disk, &mut progress);
        let crashed = disk.crash(seed);
        drop(must_open(&crashed.kill()));
        let count = {
            let disk = crashed.kill();
            drop(must_open(&disk));
            disk.operations()
        };
        for number in 0..count {
            let disk = crashed.kill();
            disk.fail_at(number, Fault::ForGood, ErrorKind::Other);
            assert!(open(disk.clone()).is_err());
            check(&disk.crash(number), &progress, &format!("seed {seed}, cut again at {number}"));
        }
    }
}

#[test]
fn a_torn_tail_of_any_length_is_cut() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..3);
    let end = log.end();
    let before = disk.kill().contents(&segment(1)).expect("there");
    put(&mut log, 20..22);
    let after = disk.contents(&segment(1)).expect("there");
    let from = 4096 + end.0 as usize;
    let to = 4096 + log.end().0 as usize;
    let second = 4096 + read(&log).expect("readable")[4].0.0 as usize;
    for length in from..=to {
        let torn: Vec<u8> = after[..length].iter().chain(&before[length..]).copied().collect();
        let disk = disk.kill();
        disk.put(&segment(1), &torn);
        let opened = must_open(&disk);
        // The zeros behind may be what was written.
        let whole = [(second, &[0, 1, 2, 20][..]), (to, &[0, 1, 2, 20, 21])];
        let reached = whole.iter().rev().find(|(end, _)| torn[from..*end] == after[from..*end]);
        let expected = reached.map_or(&[0, 1, 2][..], |(_, numbers)| numbers);
        assert_eq!(numbers(&opened.log), expected, "{length}");
        let is_whole = [from, second, to].contains(&(4096 + opened.log.end().0 as usize));
        assert!(is_whole, "{length}");
        if let Some(cut) = opened.report.cut {
            assert_eq!((cut.path, cut.position), (segment(1), opened.log.end()));
            assert_eq!(cut.offset, 4096 + cut.position.0);
            assert!(cut.bytes > 0);
        } else {
            let rest = &torn[4096 + opened.log.end().0 as usize..];
            assert!(rest[..16].iter().filter(|byte| **byte != 0).count() <= 10, "{length}: {:?}", &rest[..24]);
        }
    }
}

#[test]
fn what_stands_behind_a_torn_batch_never_comes_back() {
    // Three batches are written, and the first of them is torn. What is written in its place has the same length, so that the
    // second stands where the next one would.
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..2);
    let torn = log.end();
    write(&mut log, [5, 6, 7]).expect("written");
    let disk = disk.kill();
    disk.damage(&segment(1), 4096 + torn.0 + 30, 1);
    let opened = must_open(&disk);
    assert_eq!(opened.report.cut.expect("cut").position, torn);
    let mut log = opened.log;
    assert_eq!(log.end(), torn);
    let mut replacement = payload(5);
    replacement[4] = 99;
    log.write(&mut buffer(&[replacement.clone()])).expect("written");
    log.sync().expect("synced");
    for seed in 0..20 {
        let batches = read(&must_open(&disk.crash(seed)).log).expect("readable");
        assert_eq!(batches.len(), 3);
        assert_eq!(batches[2], (torn, replacement.clone()));
    }
}

#[test]
fn what_was_torn_in_an_empty_segment_never_comes_back() {
    // The same, where the segment holds nothing else: it is used again, because another would begin at the same place.
    let mut disk = MemoryDisk::new(1);
    for round in 0..5 {
        let mut log = must_open(&disk).log;
        assert_eq!((log.start(), log.end()), (Position(0), Position(0)), "round {round}");
        write(&mut log, [5, 6, 7]).expect("written");
        disk = disk.kill();
        let live = disk.paths().into_iter().filter(|path| {
            disk.contents(path).is_some_and(|bytes| bytes.len() > 5000 && bytes[4096..].iter().any(|byte| *byte != 0))
        });
        for path in live.collect::<Vec<_>>() {
            assert!(disk.damage(&path, 4096 + 30, 1));
        }
    }
    let mut log = must_open(&disk).log;
    let mut replacement = payload(5);
    replacement[4] = 99;
    log.write(&mut buffer(&[replacement])).expect("written");
    log.sync().expect("synced");
    assert_eq!(read(&must_open(&disk.kill()).log).expect("readable").len(), 1);
}

#[test]
fn unsynced_batches_survive_a_killed_process() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    write(&mut log, 0..40).expect("written");
    assert!(numbers(&must_open(&disk.kill()).log).into_iter().eq(0..40));
}
