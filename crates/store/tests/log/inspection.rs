//! A log is looked at without being opened: what is told, and that nothing is changed.

use std::ops::ControlFlow;

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Disk, Examined, FORMAT_VERSION, FileRole, Inspection, OpenError, Position, SystemDisk};

use crate::world::*;

fn inspect(disk: &MemoryDisk) -> Inspection<MemoryDisk> {
    Inspection::take(disk.clone(), folder()).expect("readable")
}

/// The numbers of all good payloads, and what else there is.
fn look(inspection: &Inspection<impl Disk>) -> (Vec<u32>, Examined) {
    let mut numbers = Vec::new();
    let examined = inspection.read(|batch| {
        if batch.synced.is_some() {
            numbers.push(u32::from_le_bytes(*batch.payload.first_chunk().expect("a number")));
        }
        ControlFlow::Continue(())
    });
    (numbers, examined.expect("readable"))
}

fn contents(disk: &MemoryDisk) -> Vec<(std::path::PathBuf, Option<Vec<u8>>)> {
    disk.paths().into_iter().map(|path| (path.clone(), disk.contents(&path))).collect()
}

#[test]
fn a_log_in_use_is_read_without_its_lock_and_without_a_change() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..50);
    let before = contents(&disk);
    let inspection = inspect(&disk);
    let (numbers, examined) = look(&inspection);
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    assert!(inspection.faults().is_empty() && examined.damages.is_empty() && examined.tail.is_none());
    assert_eq!(examined.end, log.end());
    assert_eq!(contents(&disk), before);
}

#[test]
fn files_are_named_by_what_they_are_to_the_log() {
    let disk = MemoryDisk::new(2);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..60);
    log.retire(snapshot_at(log.end())).expect("retired");
    put(&mut log, 60..63);
    log.prepare().expect("prepared");
    let inspection = inspect(&disk);
    let roles: Vec<FileRole> = inspection.files().iter().map(|file| file.role).collect();
    let count = |wanted: fn(&FileRole) -> bool| roles.iter().filter(|role| wanted(role)).count();
    assert_eq!(count(|role| matches!(role, FileRole::Segment { .. })), 1, "{roles:?}");
    assert!(count(|role| *role == FileRole::Retired) > 0, "{roles:?}");
    assert_eq!(inspection.snapshot(), log.snapshot());
    assert_eq!(look(&inspection).0, [60, 61, 62]);

    let fresh = MemoryDisk::new(2);
    must_open(&fresh).log.prepare().expect("prepared");
    let spares = inspect(&fresh).files().iter().filter(|file| file.role == FileRole::Spare).count();
    assert_eq!(spares, 3, "the next one, and the reserve");
}

#[test]
fn a_torn_tail_is_told_and_is_no_damage() {
    let disk = MemoryDisk::new(3);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..5);
    let end = log.end();
    write(&mut log, 5..6).expect("written");
    drop(log);
    let (path, base) = segments(&disk)[0].clone();
    disk.damage(&path, 4096 + end.0 - base.0 + 30, 1);
    let (numbers, examined) = look(&inspect(&disk));
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    assert!(examined.damages.is_empty());
    let tail = examined.tail.expect("told");
    assert_eq!((tail.path, tail.position, tail.offset), (path, end, 4096 + end.0));
}

#[test]
fn damage_is_told_with_file_and_offset_and_what_is_behind_it_is_read() {
    for number in 1..=2 {
        let disk = MemoryDisk::new(4);
        let mut log = must_open(&disk).log;
        (0..60).for_each(|number| put(&mut log, number..number + 1));
        drop(log);
        disk.damage(&segment(number), 4096 + 25, 1);
        let inspection = inspect(&disk);
        let (numbers, examined) = look(&inspection);
        assert_eq!((numbers.len(), examined.damages.len()), (59, 1));
        let damage = &examined.damages[0];
        assert_eq!((&damage.path, damage.offset), (&segment(number), 4096));
    }
}

#[test]
fn a_damaged_header_is_told_and_its_batches_are_read() {
    let disk = MemoryDisk::new(5);
    put(&mut must_open(&disk).log, 0..60);
    disk.damage(&segment(2), 17, 1);
    let inspection = inspect(&disk);
    assert_eq!(inspection.faults().len(), 1);
    let said = inspection.faults()[0].to_string();
    assert!(said.contains("0000000002.segment is damaged at byte 0"), "{said}");
    assert_eq!(look(&inspection).0, (0..60).collect::<Vec<_>>());
}

#[test]
fn a_missing_beginning_and_a_strange_segment_are_told() {
    let disk = MemoryDisk::new(6);
    put(&mut must_open(&disk).log, 0..60);
    let other = MemoryDisk::new(7);
    put(&mut must_open(&other).log, 0..3);
    disk.put(&segment(1), &other.contents(&segment(1)).expect("there"));
    let inspection = inspect(&disk);
    let said: Vec<String> = inspection.faults().iter().map(ToString::to_string).collect();
    assert!(said[0].contains("belongs to another log"), "{said:?}");
    assert!(said[1].contains("a segment file is missing"), "{said:?}");
}

#[test]
fn a_missing_segment_is_named_and_not_the_one_before_it() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    (0..40).for_each(|_| log.write(&mut buffer(&[[7; 500]])).expect("written"));
    drop(log);
    disk.take(&segment(3));
    let examined = look(&inspect(&disk)).1;
    assert!(examined.damages.is_empty(), "{:?}", examined.damages);
    let missing: Vec<_> = examined.missing.iter().map(|it| (&it.first, &it.last)).collect();
    assert_eq!(missing, [(&segment(3), &segment(3))]);
    let opened = repair(&disk);
    let lost: Vec<_> = opened.report.lost.iter().map(|lost| (&lost.path, &lost.set_aside)).collect();
    assert_eq!(lost, [(&segment(3), &None)]);
}

/// Only the program that wrote it knows what else is wrong, and what would help: a start with --repair is refused.
#[test]
fn of_a_log_of_a_newer_version_nothing_else_is_told() {
    let disk = MemoryDisk::new(1);
    put(&mut must_open(&disk).log, 0..60);
    for number in [1_u32, 2] {
        let mut bytes = disk.contents(&segment(number)).expect("there");
        bytes[8..12].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..4096]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        disk.put(&segment(number), &bytes);
        let inspection = inspect(&disk);
        let examined = look(&inspection).1;
        assert!(inspection.faults().iter().all(|fault| matches!(fault, OpenError::Newer { .. })));
        assert_eq!(
            (inspection.faults().len(), examined.damages.len(), examined.missing.len()),
            (number as usize, 0, 0)
        );
    }
}

#[test]
fn the_log_of_version_1_is_read_on_a_real_disk() {
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let inspection = Inspection::take(SystemDisk, &files).expect("readable");
    assert!(inspection.faults().is_empty(), "{:?}", inspection.faults());
    assert_eq!(inspection.snapshot().map(|snapshot| snapshot.end), Some(Position(364)));
    let (numbers, examined) = look(&inspection);
    assert_eq!(numbers, (0..23).filter(|number| *number != 3).collect::<Vec<_>>());
    assert!(examined.damages.is_empty() && examined.tail.is_none());
}

#[test]
fn a_segment_that_is_used_again_while_it_is_read_is_told_as_overtaken() {
    let disk = MemoryDisk::new(8);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..60);
    let inspection = inspect(&disk);
    log.retire(snapshot_at(log.end())).expect("retired");
    (60..200).for_each(|number| put(&mut log, number..number + 1));
    let (_, examined) = look(&inspection);
    assert!(examined.damages.is_empty(), "{:?}", examined.damages);
    assert!(!examined.overtaken.is_empty());
}

#[test]
fn a_single_file_is_read_under_any_name() {
    let disk = MemoryDisk::new(9);
    (0..60).for_each(|number| put(&mut must_open(&disk).log, number..number + 1));
    let bytes = disk.contents(&segment(2)).expect("there");
    let aside = segment(2).with_added_extension("bad");
    disk.put(&aside, &bytes);
    let inspection = Inspection::take_file(disk.clone(), &aside).expect("readable");
    assert!(inspection.faults().is_empty(), "{:?}", inspection.faults());
    assert_eq!(inspection.files().len(), 1);
    assert!(!look(&inspection).0.is_empty());
    for (offset, faults) in [(40, 1), (4096 + 25, 0)] {
        disk.put(&aside, &bytes);
        disk.damage(&aside, offset, 1);
        let inspection = Inspection::take_file(disk.clone(), &aside).expect("readable");
        assert_eq!(inspection.faults().len(), faults, "byte {offset}");
        look(&inspection);
    }
}
