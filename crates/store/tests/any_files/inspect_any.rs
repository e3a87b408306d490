//! Any bits of a log of version 1 turned over, and looked at without opening it.

use std::ops::ControlFlow;
use std::path::Path;

use midge_store::memory_disk::MemoryDisk;
use midge_store::{Inspection, Log, Options, Position, Repair};

/// What must hold: nothing panics, nothing is changed, only what was written is shown, and what a server would refuse is told.
pub(crate) fn inspect_any(flips: &[(u8, u16, u8)]) {
    let disk = MemoryDisk::new(1);
    disk.put(&folder().join("lock"), b"");
    for number in 1..=3_u8 {
        let name = format!("{number:010}.segment");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(&name);
        disk.put(&folder().join(name), &std::fs::read(path).expect("a fixture"));
    }
    let good = batches(&disk).0;
    for (file, offset, bits) in flips {
        // Half of them hit the beginning, where something stands.
        let offset = u64::from(offset % 8192) >> if bits % 2 == 0 { 0 } else { 4 };
        disk.damage(&folder().join(format!("{:010}.segment", 1 + file % 3)), offset, *bits);
    }
    let before: Vec<_> = disk.paths().iter().map(|path| disk.contents(path)).collect();
    let (shown, is_good) = batches(&disk);
    assert!(shown.iter().all(|batch| good.contains(batch)), "only what was written");
    let after: Vec<_> = disk.paths().iter().map(|path| disk.contents(path)).collect();
    assert!(before == after, "nothing is changed");
    let options = Options { segment_bytes: 8192, reserve_segments: 0, max_bytes: None, allow_symlinks: false };
    let opens = Log::open(disk, folder(), options, Repair::No).is_ok();
    assert!(opens || !is_good, "what is not opened is told");
}

/// All batches that are shown, and whether all is said to be well.
fn batches(disk: &MemoryDisk) -> (Vec<(Position, Vec<u8>)>, bool) {
    let inspection = Inspection::take(disk.clone(), folder()).expect("readable");
    let mut batches = Vec::new();
    let examined = inspection.read(|batch| {
        batches.push((batch.position, batch.payload.to_vec()));
        ControlFlow::Continue(())
    });
    let is_good = inspection.faults().is_empty() && examined.expect("readable").damages.is_empty();
    (batches, is_good)
}

fn folder() -> &'static Path {
    Path::new("/log")
}
