//! Every operation on the disk fails, once and for good. Nothing panics; after a failure nothing is done any more; and what
//! was synced before is there when the log is opened again.

use std::io::ErrorKind;

use midge_store::memory_disk::{Fault, MemoryDisk};
use midge_store::{Position, WriteError};

use crate::world::*;

/// How far a workload came.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// How many batches were synced.
    pub(crate) synced: u32,
    /// How many may have been written.
    pub(crate) written: u32,
    /// Batches before may be gone.
    pub(crate) retired: u32,
    /// The snapshot given last, whether or not that succeeded.
    pub(crate) mark: u64,
    pub(crate) error: Option<WriteError>,
}

/// Opens, writes, prepares, retires and opens again, up to the first error.
pub(crate) fn workload(disk: &MemoryDisk, progress: &mut Progress) {
    for start in 0..3 {
        let Ok(opened) = open(disk.clone()) else {
            return;
        };
        let mut log = opened.log;
        let mut run = |log: &mut midge_store::Log<MemoryDisk>| -> Result<(), WriteError> {
            for round in 0..4 {
                if round == 1 {
                    log.prepare()?;
                }
                let (first, before) = (progress.written, log.end());
                progress.written += 7;
                write(log, first..first + 7)?;
                if (round + start) % 3 != 2 {
                    log.sync()?;
                    progress.synced = progress.written;
                }
                if round == 3 {
                    progress.mark = before.0;
                    progress.retired = first;
                    log.retire(snapshot_at(before))?;
                    progress.synced = progress.written;
                }
            }
            Ok(())
        };
        let result = run(&mut log);
        if let Err(error) = result {
            if !matches!(error, WriteError::Full { .. }) {
                let again = log.sync().expect_err("it has failed");
                assert_eq!(again.to_string(), error.to_string());
                assert!(write(&mut log, [1]).is_err() && log.prepare().is_err());
                assert!(log.retire(snapshot_at(Position(0))).is_err());
            }
            progress.error = Some(error);
            return;
        }
    }
}

/// The log opens, and holds what it must and nothing else.
#[track_caller]
pub(crate) fn check(disk: &MemoryDisk, progress: &Progress, when: &str) {
    let opened = open(disk.clone()).unwrap_or_else(|error| panic!("{when}: {error}\n{progress:?}"));
    let mut log = opened.log;
    let found = numbers(&log);
    let first = found.first().copied().unwrap_or_else(|| number_of_the_next(progress));
    let behind = found.last().map_or(first, |last| last + 1);
    assert!(found.iter().copied().eq(first..behind), "{when}: {found:?}");
    assert!(first <= progress.retired, "{when}: from {first}\n{progress:?}");
    assert!(behind >= progress.synced, "{when}: up to {behind}\n{progress:?}");
    assert!(behind <= progress.written, "{when}: up to {behind}\n{progress:?}");
    // It goes on from there, and that is found again after the next power cut.
    put(&mut log, [behind, behind + 1]);
    let crashed = disk.crash(u64::from(behind));
    let log = open(crashed).unwrap_or_else(|error| panic!("{when}, and on: {error}")).log;
    assert!(numbers(&log).into_iter().eq(first..behind + 2), "{when}, and on");
}

/// With nothing in the log.
fn number_of_the_next(progress: &Progress) -> u32 {
    if progress.synced > 0 { progress.retired.max(progress.synced) } else { 0 }
}

#[test]
fn every_operation_fails_once_and_for_good() {
    let disk = MemoryDisk::new(1);
    workload(&disk, &mut Progress::default());
    let count = disk.operations();
    assert!(count > 150, "{count}");
    for fault in [Fault::Once, Fault::ForGood] {
        for number in 0..count {
            let disk = MemoryDisk::new(1);
            disk.fail_at(number, fault, ErrorKind::Other);
            let mut progress = Progress::default();
            workload(&disk, &mut progress);
            let when = format!("operation {number} fails, {fault:?}");
            check(&disk.kill(), &progress, &format!("{when}; killed"));
            check(&disk.crash(number), &progress, &format!("{when}; power cut"));
        }
    }
}

#[test]
fn a_failure_says_what_failed_where_and_why() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    write(&mut log, 0..3).expect("written");
    disk.fail_at(disk.operations(), Fault::Once, ErrorKind::Other);
    let error = log.sync().expect_err("fails");
    let WriteError::Failed(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.path, segment(1));
    assert_eq!(
        error.to_string(),
        "cannot sync /log/0000000001.segment: other error; nothing more is written until the log is opened anew"
    );
    assert_eq!(log.sync().expect_err("no sync is tried again").to_string(), error.to_string());
}

#[test]
fn what_a_failed_sync_left_in_memory_is_durable_once_the_log_is_open_again() {
    for seed in 0..50 {
        let disk = MemoryDisk::new(1);
        let mut log = must_open(&disk).log;
        put(&mut log, 0..3);
        write(&mut log, 3..6).expect("written");
        disk.fail_at(disk.operations(), Fault::Once, ErrorKind::Other);
        log.sync().expect_err("fails");
        let disk = disk.kill();
        let found = numbers(&must_open(&disk).log);
        assert_eq!(found, [0, 1, 2, 3, 4, 5], "the process was killed, not the machine");
        let log = must_open(&disk.crash(seed)).log;
        assert_eq!(numbers(&log), found, "seed {seed}");
    }
}
