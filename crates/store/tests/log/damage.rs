//! What was synced is damaged: the log is refused, and a repair keeps what is good.

use midge_store::memory_disk::MemoryDisk;
use midge_store::{FORMAT_VERSION, OpenError, Position, ReadError, SEGMENT_HEADER_BYTES};

use crate::world::*;

/// Three segments and a bit, one sync for each batch, so that each states that the one before was synced.
fn log_of_single_batches(count: u32) -> (MemoryDisk, Vec<(Position, Vec<u8>)>) {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    for number in 0..count {
        put(&mut log, [number]);
    }
    let batches = read(&log).expect("readable");
    (disk, batches)
}

/// Refused when it is opened or when it is read, and why.
fn refusal(disk: &MemoryDisk) -> Option<midge_store::Damage> {
    match open(disk.kill()) {
        Err(OpenError::Damaged(damage)) => Some(damage),
        Err(error) => panic!("another error: {error}"),
        Ok(opened) => match read(&opened.log) {
            Ok(_) => None,
            Err(ReadError::Damaged(damage)) => Some(damage),
            Err(error) => panic!("another error: {error}"),
        },
    }
}

#[test]
fn any_byte_of_a_synced_log_that_changes_is_found_and_a_repair_keeps_the_rest() {
    let (disk, batches) = log_of_single_batches(45);
    let (last, _) = batches[44];
    let segments = segments(&disk);
    assert!(segments.len() > 3);
    let all = [batches.as_slice(), &[(must_open(&disk.kill()).log.end(), vec![])]].concat();
    for (index, (path, base)) in segments.iter().enumerate() {
        let end = segments.get(index + 1).map_or(last, |(_, next)| *next);
        let length = SEGMENT_HEADER_BYTES + end.0 - base.0;
        // All of the interesting bytes, and some of those that are like the ones beside them.
        let is_special = |offset: &u64| {
            *offset < 100
                || (4000..4100).contains(offset)
                || all.iter().any(|(at, _)| at.0 >= base.0 && (at.0 - base.0 + 4096).abs_diff(*offset) < 27)
        };
        for offset in (0..length).filter(|offset| is_special(offset) || offset % 97 == 0) {
            let disk = disk.kill();
            assert!(disk.damage(path, offset, 0x20));
            let damage = refusal(&disk).unwrap_or_else(|| panic!("byte {offset} of {path:?}"));
            assert_eq!(damage.path, *path, "byte {offset}");
            let hit = offset.checked_sub(SEGMENT_HEADER_BYTES).map(|behind| {
                let at = (0..45).rev().find(|at| batches[*at].0.0 <= base.0 + behind);
                at.expect("a batch has every byte")
            });
            let expected_offset = hit.map_or(0, |hit| 4096 + batches[hit].0.0 - base.0);
            assert_eq!(damage.offset, expected_offset, "byte {offset}");
            let said = damage.to_string();
            assert!(
                said.contains(&format!("is damaged at byte {expected_offset} ")) && said.contains("--repair"),
                "{said}"
            );

            let opened = repair(&disk);
            let kept: Vec<_> = (0..45).filter(|at| Some(*at) != hit).map(|at| batches[at].clone()).collect();
            assert!(read(&opened.log).expect("readable") == kept, "byte {offset} of {path:?}");
            let [lost] = opened.report.lost.as_slice() else { panic!("{:?}", opened.report) };
            let bytes = hit.map_or(0, |hit| all[hit + 1].0.0 - all[hit].0.0);
            assert_eq!((lost.path.clone(), lost.bytes()), (path.clone(), bytes));
            let aside = lost.set_aside.clone().expect("a copy");
            assert_eq!(aside, path.with_added_extension("bad"));
            let mut copy = disk.contents(&aside).expect("a copy");
            copy[offset as usize] ^= 0x20;
            assert!(copy[..length as usize] == disk_before(&all, &copy, *base)[..length as usize]);
            drop(opened);
            // Once is enough, also across a power cut.
            let again = must_open(&disk.crash(offset));
            assert!(read(&again.log).expect("readable") == kept);
            assert_eq!(again.log.end(), all[45].0);
        }
    }
}

/// The segment as the batches say that it was, in the place of the copy's batches.
fn disk_before(all: &[(Position, Vec<u8>)], copy: &[u8], base: Position) -> Vec<u8> {
    let mut bytes = copy.to_vec();
    for (position, payload) in all.iter().filter(|(position, _)| *position >= base) {
        let at = (4096 + position.0 - base.0) as usize + 24;
        if let Some(place) = bytes.get_mut(at..at + payload.len()) {
            place.copy_from_slice(payload);
        }
    }
    bytes
}

#[test]
fn a_long_stretch_of_damage_over_several_segments_leaves_what_is_around_it() {
    let (disk, batches) = log_of_single_batches(80);
    for (from, (path, _)) in [6000, 0].into_iter().zip(&segments(&disk)[1..]) {
        for offset in from..from + 5000 {
            disk.damage(path, offset, 0x55);
        }
    }
    assert!(refusal(&disk).is_some());
    let opened = repair(&disk);
    let kept = read(&opened.log).expect("readable");
    assert!(kept.len() > 40 && kept.len() < 80 && kept.iter().all(|batch| batches.contains(batch)));
    let lost: u64 = opened.report.lost.iter().map(|lost| lost.bytes()).sum();
    let total: u64 = kept.iter().map(|(_, payload)| 24 + payload.len() as u64).sum();
    assert_eq!(total + lost, opened.log.end().0);
    drop(opened);
    assert!(read(&must_open(&disk).log).expect("readable") == kept);
}

#[test]
fn a_missing_file_is_damage() {
    let (disk, batches) = log_of_single_batches(80);
    let segments = segments(&disk);
    for number in 0..3 {
        let disk = disk.kill();
        disk.take(&segments[number].0);
        let error = open(disk.kill()).expect_err("refused");
        if number == 0 {
            assert!(matches!(error, OpenError::Missing { from: Position(0), .. }), "{error}");
            assert!(error.to_string().contains("a segment file is missing"), "{error}");
        } else {
            // Large batches have files of their own size, which take numbers out of turn.
            let (first, last) = [(2, 4), (3, 6)][number - 1];
            let (from, to) = (segments[number].1, segments[number + 1].1);
            let expected = format!(
                "a segment from {} to {} (positions {from} to {to}) is missing; restore it from a copy, or start with --repair to \
                 keep what is there",
                segment(first).display(),
                segment(last).display()
            );
            assert_eq!(error.to_string(), expected);
        }
        let opened = repair(&disk);
        let kept = read(&opened.log).expect("readable");
        assert!(kept.len() > 40 && kept.len() < 80 && kept.iter().all(|batch| batches.contains(batch)));
        drop(opened);
        let opened = must_open(&disk);
        assert!(read(&opened.log).expect("readable") == kept);
        assert_eq!(opened.snapshot.is_some(), number == 0, "the log says that it begins later");
    }
}

#[test]
fn a_missing_file_is_named() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    (0..40).for_each(|_| log.write(&mut buffer(&[[7; 500]])).expect("written"));
    drop(log);
    let bases: Vec<_> = segments(&disk).into_iter().map(|(_, base)| base).collect();
    disk.take(&segment(3));
    let said = open(disk).expect_err("refused").to_string();
    let expected = format!("segment /log/0000000003.segment (positions {} to {}) is missing;", bases[2], bases[3]);
    assert!(said.starts_with(&expected), "{said}");
}

/// The file is there, under its name, and nothing in it is what it was.
#[test]
fn a_file_of_which_nothing_is_left_is_named() {
    let (disk, _) = log_of_single_batches(80);
    let segments = segments(&disk);
    let (path, base) = &segments[2];
    let length = disk.contents(path).expect("there").len();
    disk.put(path, &vec![0; length]);
    let damage = refusal(&disk).expect("refused");
    assert_eq!((damage.path, damage.offset, damage.position), (path.clone(), 0, *base));
}

/// Its snapshot says that the files before are used for something else.
#[test]
fn the_newest_header_is_named_when_it_is_damaged() {
    for behind in [0, 1] {
        let disk = MemoryDisk::new(1);
        let mut log = must_open(&disk).log;
        for round in 0..4 {
            put(&mut log, round * 40..round * 40 + 40);
            log.retire(snapshot_at(log.end())).expect("retired");
            log.prepare().expect("prepared");
        }
        let base = log.end();
        put(&mut log, 160..160 + behind);
        drop(log);
        let (path, _) = segments(&disk).into_iter().find(|(_, at)| *at == base).expect("there");
        disk.damage(&path, 70, 1);
        let damage = refusal(&disk).expect("refused");
        assert_eq!((damage.path, damage.offset, damage.position), (path, 0, base), "{behind} batches");
    }
}

#[test]
fn a_reading_that_begins_in_what_was_given_up_goes_on_behind_it() {
    let (disk, batches) = log_of_single_batches(20);
    for at in [3, 4, 5] {
        disk.damage(&segment(1), 4096 + batches[at].0.0 + 24, 1);
    }
    let log = repair(&disk).log;
    let mut visited = Vec::new();
    let end = log.read(batches[4].0, log.end(), |position, _| {
        visited.push(position);
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(end.expect("read"), log.end());
    assert!(visited.iter().eq(batches[6..].iter().map(|(position, _)| position)));
    let found = log.reader().read_batch(batches[3].0, &mut Vec::new());
    assert!(matches!(found, Err(ReadError::Damaged(_))));
}

#[test]
fn a_log_whose_only_header_is_gone_is_refused_and_a_repair_keeps_what_it_can() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..5);
    for (offset, kept) in [(0, 5), (20, 0), (50, 5)] {
        let disk = disk.kill();
        disk.damage(&segment(1), offset, 1);
        assert_eq!(refusal(&disk).expect("refused").offset, 0);
        let opened = repair(&disk);
        // Without the log's number nothing can be verified.
        assert_eq!(numbers(&opened.log).len(), kept, "byte {offset}");
        assert_eq!(opened.report.lost.len(), 1);
        assert!(disk.contents(&segment(1).with_added_extension("bad")).is_some());
        drop(opened);
        assert_eq!(numbers(&must_open(&disk).log).len(), kept);
    }
}

#[test]
fn a_repair_finds_nothing_to_do_in_a_good_log() {
    let (disk, batches) = log_of_single_batches(60);
    let opened = repair(&disk);
    assert_eq!(opened.report, Default::default());
    assert!(read(&opened.log).expect("readable") == batches);
    assert!(disk.paths().iter().all(|path| path.extension().is_none_or(|ending| ending != "bad")));
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let (disk, _) = log_of_single_batches(1);
    let mut bytes = disk.contents(&segment(1)).expect("there");
    bytes[8..12].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..4096]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    disk.put(&segment(1), &bytes);
    for repair in [midge_store::Repair::No, midge_store::Repair::Yes] {
        let error = midge_store::Log::open(disk.kill(), folder(), OPTIONS, repair).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "/log/0000000001.segment has format version 2; this program reads versions up to 1: use the program that wrote \
             it, or a newer one"
        );
    }
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (disk, _) = log_of_single_batches(60);
    let other = MemoryDisk::new(2);
    let mut log = must_open(&other).log;
    put(&mut log, 0..60);
    disk.put(&segment(2), &other.contents(&segment(2)).expect("there"));
    let error = open(disk).expect_err("refused");
    assert!(matches!(&error, OpenError::Foreign(path) if *path == segment(2)), "{error}");
}

/// Nobody must be told to move his own away.
#[test]
fn a_segment_of_another_log_behind_all_others_is_named_itself() {
    let (disk, _) = log_of_single_batches(40);
    let other = MemoryDisk::new(77);
    let mut log = must_open(&other).log;
    (0..400).for_each(|_| log.write(&mut buffer(&[[7; 500]])).expect("written"));
    disk.put(&segment(9), &other.contents(&segment(9)).expect("there"));
    let inspection = midge_store::Inspection::take(disk.clone(), folder()).expect("readable");
    assert!(
        matches!(&inspection.faults()[0], OpenError::Foreign(path) if *path == segment(9)),
        "{:?}",
        inspection.faults()
    );
    let error = open(disk).expect_err("refused");
    assert!(matches!(&error, OpenError::Foreign(path) if *path == segment(9)), "{error}");
}

#[test]
fn a_last_segment_that_is_shorter_than_it_was_made_is_refused() {
    let (disk, batches) = log_of_single_batches(45);
    let (path, base) = segments(&disk).pop().expect("a segment");
    let whole = disk.contents(&path).expect("there");
    let end = 4096 + must_open(&disk.kill()).log.end().0 - base.0;
    for length in [0, 1, 100, 4095, 4096, 4100, end - 1, end, end + 1, whole.len() as u64 - 1] {
        let disk = disk.kill();
        disk.put(&path, &whole[..length as usize]);
        let said = open(disk.kill()).expect_err("refused").to_string();
        let expected = format!("{} is shorter than it was made; restore it", path.display());
        assert!(said.starts_with(&expected), "{length}: {said}");
        let inspection = midge_store::Inspection::take(disk.clone(), folder()).expect("readable");
        assert!(
            inspection.faults().iter().any(|fault| fault.to_string() == said),
            "{length}: {:?}",
            inspection.faults()
        );

        let opened = repair(&disk);
        assert_eq!((&opened.report.shortened[..], &opened.report.cut), (&[path.clone()][..], &None), "{length}");
        let kept = read(&opened.log).expect("readable");
        let is_whole = |at: &usize| {
            let (position, payload) = &batches[*at];
            *position < base || 4096 + position.0 - base.0 + 24 + payload.len() as u64 <= length
        };
        assert!(kept == (0..45).filter(is_whole).map(|at| batches[at].clone()).collect::<Vec<_>>(), "{length}");
        drop(opened);
        let mut again = must_open(&disk.crash(length)).log;
        assert!(read(&again).expect("readable") == kept);
        put(&mut again, [7]);
    }
}

/// Files that a copy has shortened to what stands in them are none that lack something.
#[test]
fn a_copy_of_which_all_but_the_last_are_short_is_opened() {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    put(&mut log, 0..60);
    log.reader().copy_to(std::path::Path::new("/copy")).expect("copied");
    let options = midge_store::Options { segment_bytes: 16384, ..OPTIONS };
    for _ in 0..2 {
        // Also with another size from now on.
        midge_store::Log::open(disk.clone(), std::path::Path::new("/copy"), options, Default::default())
            .expect("opened");
    }
}

/// Numbered batches and, after every tenth, three of a snapshot.
fn log_with_snapshots(count: u32) -> (MemoryDisk, Vec<midge_store::Snapshot>) {
    let disk = MemoryDisk::new(1);
    let mut log = must_open(&disk).log;
    let mut snapshots = Vec::new();
    for round in 0..count {
        (round * 10..round * 10 + 10).for_each(|number| put(&mut log, [number]));
        let from = log.end();
        (0..3).for_each(|_| put(&mut log, [1000]));
        let snapshot = midge_store::Snapshot { from, end: log.end(), floor: from, mark: u64::from(round) };
        log.retire(snapshot).expect("retired");
        log.prepare().expect("prepared");
        snapshots.push(snapshot);
    }
    put(&mut log, [2000]);
    (disk, snapshots)
}

/// Damages the batch at a position.
fn damage_at(disk: &MemoryDisk, position: Position) {
    let segments = segments(disk);
    let (path, base) = segments.iter().rfind(|(_, base)| *base <= position).expect("held");
    assert!(disk.damage(path, 4096 + position.0 - base.0 + 24, 1));
}

#[test]
fn a_damaged_snapshot_is_replaced_by_what_stands_before_it() {
    // The first of all: the log itself stands before it.
    let (disk, snapshots) = log_with_snapshots(1);
    damage_at(&disk, snapshots[0].from);
    assert!(refusal(&disk).is_some());
    let opened = repair(&disk);
    assert_eq!(opened.snapshot, None);
    assert_eq!(opened.report.damaged_snapshot.expect("told").replayed_from, Some(Position(0)));
    assert!(numbers(&opened.log).starts_with(&(0..10).collect::<Vec<_>>()));
    drop(opened);
    for seed in 0..10 {
        let opened = must_open(&disk.crash(seed));
        assert_eq!(opened.snapshot, None);
        assert!(numbers(&opened.log).into_iter().eq((0..10).chain([1000, 1000, 2000])));
    }

    // The second, whose files before the floor wait to be used again.
    let (disk, snapshots) = log_with_snapshots(2);
    damage_at(&disk, snapshots[1].from);
    assert!(read(&must_open(&disk).log).is_err(), "a start that finds the damage has begun a segment");
    let opened = repair(&disk);
    assert_eq!(opened.snapshot, Some(snapshots[0]));
    let told = opened.report.damaged_snapshot.expect("told");
    assert_eq!((told.from, told.end), (snapshots[1].from, snapshots[1].end));
    assert_eq!(told.replayed_from, Some(snapshots[0].from));
    drop(opened);
    let opened = must_open(&disk.crash(3));
    assert_eq!(opened.snapshot, Some(snapshots[0]));
    let from_there = |log: &midge_store::Log<MemoryDisk>| {
        let mut found = Vec::new();
        let end = log.read(snapshots[0].from, log.end(), |_, payload| {
            found.push(u32::from_le_bytes(*payload.first_chunk().expect("a number")));
            std::ops::ControlFlow::Continue(())
        });
        end.expect("read");
        found
    };
    let expected: Vec<u32> = [1000; 3].into_iter().chain(10..20).chain([1000, 1000, 2000]).collect();
    assert_eq!(from_there(&opened.log), expected);

    // Where the one before it is damaged as well, nothing before both is taken.
    let (disk, snapshots) = log_with_snapshots(2);
    snapshots.iter().for_each(|snapshot| damage_at(&disk, snapshot.from));
    let told = repair(&disk).report.damaged_snapshot.expect("told");
    assert_eq!(told.replayed_from, None, "a retired file with damage is not taken back into the log");
}

#[test]
fn a_damaged_snapshot_is_used_where_nothing_else_is_whole() {
    // Batches before it are damaged as well.
    let (disk, snapshots) = log_with_snapshots(1);
    damage_at(&disk, Position(0));
    damage_at(&disk, snapshots[0].from);
    let opened = repair(&disk);
    assert_eq!(opened.snapshot, Some(snapshots[0]));
    assert_eq!(opened.report.damaged_snapshot.expect("told").replayed_from, None);

    // What stands before it was used again.
    let (disk, snapshots) = log_with_snapshots(20);
    damage_at(&disk, snapshots[19].from);
    disk.take(&segments(&disk).into_iter().rfind(|(_, base)| *base <= snapshots[18].from).expect("held").0);
    let opened = repair(&disk);
    assert_eq!(opened.snapshot, Some(snapshots[19]));
    assert_eq!(opened.report.damaged_snapshot.expect("told").replayed_from, None);
}

/// It may speak of everything under new names.
#[test]
fn a_damaged_snapshot_of_a_start_is_not_replaced() {
    let disk = MemoryDisk::new(1);
    put(&mut must_open(&disk).log, 0..10);
    let mut log = must_open(&disk).log;
    let from = log.end();
    put(&mut log, [1000, 1000]);
    let snapshot = midge_store::Snapshot { from, end: log.end(), floor: from, mark: 0 };
    log.retire(snapshot).expect("retired");
    put(&mut log, [2000]);
    drop(log);
    damage_at(&disk, from);
    let opened = repair(&disk);
    assert_eq!(opened.snapshot, Some(snapshot));
    assert_eq!(opened.report.damaged_snapshot.expect("told").replayed_from, None);
}
