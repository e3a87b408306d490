//! Any files as a log: bytes that are written over a good log, or that stand alone.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Log, Options, Position, Repair, Snapshot};

const OPTIONS: Options = Options { segment_bytes: 8192, reserve_segments: 0, max_bytes: None, allow_symlinks: false };

/// What must hold:
/// * nothing panics;
/// * what is opened can be read, or says that it is damaged, and reading gives only what was written;
/// * what was repaired is good from then on, holds no less than before, and takes new batches.
///
/// Gives how many batches were left.
pub(crate) fn open_any(data: &[u8]) -> usize {
    let Some((kind, rest)) = data.split_first() else {
        return 0;
    };
    let disk = good_log().kill();
    let stands_alone = kind % 4 == 0;
    if stands_alone {
        // Without the log's number nobody makes a good batch, but the header may be anything.
        let mut bytes = rest.to_vec();
        bytes.resize(8192, 0);
        disk.put(&segment(1 + kind / 4 % 4), &bytes);
    } else {
        for edit in rest.chunks_exact(5) {
            write_over(&disk, edit);
        }
    }
    let before = open(&disk.kill(), Repair::No);
    let after = open(&disk, Repair::Yes);
    if let (Some(before), Some(after)) = (&before, &after) {
        assert!(before.iter().all(|batch| after.contains(batch)), "a repair loses nothing good");
    }
    let Some(after) = after else {
        return 0;
    };
    let good = batches(&must_open(&good_log().kill()));
    assert!(stands_alone || after.iter().all(|batch| good.contains(batch)), "only what was written");
    let mut log = must_open(&disk);
    assert!(batches(&log) == after, "once repaired, it is good");
    log.write(&mut batch(b"and on")).expect("written");
    log.sync().expect("synced");
    assert_eq!(batches(&must_open(&disk.crash(u64::from(*kind)))).len(), after.len() + 1);
    after.len()
}

/// File, place, and two bytes.
fn write_over(disk: &MemoryDisk, edit: &[u8]) {
    let path = segment(1 + edit[0] % 4);
    let offset = u64::from(u16::from_le_bytes([edit[1], edit[2]])) % 8192;
    for (offset, byte) in [(offset, edit[3]), (offset + 1, edit[4])] {
        let now = disk.contents(&path).and_then(|bytes| bytes.get(offset as usize).copied());
        disk.damage(&path, offset, now.unwrap_or_default() ^ byte);
    }
}

/// All batches, if the log opens and is good.
fn open(disk: &MemoryDisk, repair: Repair) -> Option<Vec<(Position, Vec<u8>)>> {
    let opened = Log::open(disk.clone(), folder(), OPTIONS, repair).ok()?;
    let mut batches = Vec::new();
    let (start, end) = (opened.log.start(), opened.log.end());
    let read = opened.log.read(start, end, |position, payload| {
        batches.push((position, payload.to_vec()));
        ControlFlow::Continue(())
    });
    assert!(repair == Repair::No || read.is_ok(), "{read:?}");
    read.ok().map(|_| batches)
}

fn must_open(disk: &MemoryDisk) -> Log<MemoryDisk> {
    Log::open(disk.clone(), folder(), OPTIONS, Repair::No).expect("good").log
}

fn batches(log: &Log<MemoryDisk>) -> Vec<(Position, Vec<u8>)> {
    let mut batches = Vec::new();
    let read = log.read(log.start(), log.end(), |position, payload| {
        batches.push((position, payload.to_vec()));
        ControlFlow::Continue(())
    });
    read.expect("good");
    batches
}

/// Four segments with a snapshot, and a batch whose payload looks like batches.
fn good_log() -> &'static MemoryDisk {
    static LOG: OnceLock<MemoryDisk> = OnceLock::new();
    LOG.get_or_init(|| {
        let disk = MemoryDisk::new(1);
        let mut log = Log::open(disk.clone(), folder(), OPTIONS, Repair::No).expect("new").log;
        for number in 0..30_usize {
            let payload = if number % 7 == 3 { batch(&[number as u8; 500]) } else { vec![number as u8; number * 17] };
            log.write(&mut batch(&payload)).expect("written");
            log.sync().expect("synced");
            if number == 20 {
                let from = Position(log.end().0 - 300);
                let snapshot = Snapshot { from, end: log.end(), floor: Position(10), mark: 1 };
                log.retire(snapshot).expect("retired");
            }
        }
        disk
    })
}

fn batch(payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    bytes.resize(24, 0);
    bytes.extend(payload);
    bytes
}

fn folder() -> &'static Path {
    Path::new("/log")
}

fn segment(number: u8) -> PathBuf {
    folder().join(format!("{number:010}.segment"))
}
