//! The real disk: who may enter, and what is said to those who may not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use midge_store::{Log, OpenError, Opened, Options, Repair, SystemDisk};

use crate::world::{OPTIONS, numbers, put, snapshot_at};

/// A folder of a test, removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("midge-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder for the test");
        Self(folder)
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path) -> Result<Opened<SystemDisk>, OpenError> {
    Log::open(SystemDisk, folder, OPTIONS, Repair::No)
}

#[test]
fn a_log_is_written_retired_and_found_again() {
    let scratch = Scratch::new("round");
    let mut log = open(&scratch.log()).expect("opened").log;
    put(&mut log, 0..100);
    log.prepare().expect("prepared");
    let from = log.end();
    put(&mut log, 100..200);
    log.retire(snapshot_at(from)).expect("retired");
    put(&mut log, 200..300);
    let held = numbers(&log);
    drop(log);
    let opened = open(&scratch.log()).expect("opened");
    assert_eq!(opened.snapshot, Some(snapshot_at(from)));
    assert!(held.ends_with(&(100..300).collect::<Vec<_>>()));
    assert_eq!(numbers(&opened.log), held);
}

#[test]
fn files_are_for_this_user_alone() {
    let scratch = Scratch::new("modes");
    let log = open(&scratch.log()).expect("opened").log;
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.log()), 0o700);
    for entry in fs::read_dir(scratch.log()).expect("listed") {
        assert_eq!(mode(&entry.expect("listed").path()), 0o600);
    }
    drop(log);
}

#[test]
fn a_second_one_is_told_who_has_it() {
    let scratch = Scratch::new("lock");
    let first = open(&scratch.log()).expect("opened");
    let error = open(&scratch.log()).expect_err("in use");
    let process = std::process::id();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is in use by process {process}; stop that one first, or name another folder",
            scratch.log().display()
        )
    );
    // Removing the lock of somebody who is at work frees nothing.
    fs::remove_file(scratch.log().join("lock")).expect("removed");
    let error = open(&scratch.log()).expect_err("still in use").to_string();
    assert!(error.ends_with(" is in use by another process; stop that one first, or name another folder"), "{error}");
    drop(first);
    open(&scratch.log()).expect("free again");
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_the_reason() {
    let scratch = Scratch::new("missing");
    let folder = scratch.0.join("no/such");
    let error = open(&folder).expect_err("refused").to_string();
    assert_eq!(
        error,
        format!(
            "cannot create {}: No such file or directory; the folder around it does not exist; create it first",
            folder.display()
        )
    );
    fs::write(scratch.0.join("file"), "").expect("written");
    let error = open(&scratch.0.join("file")).expect_err("refused").to_string();
    assert!(error.ends_with("/file is not a folder; name another, or move it away"), "{error}");
}

#[test]
fn a_folder_that_may_not_be_written_is_told_with_its_mode() {
    let scratch = Scratch::new("readonly");
    fs::create_dir(scratch.log()).expect("made");
    fs::set_permissions(scratch.log(), fs::Permissions::from_mode(0o500)).expect("set");
    match open(&scratch.log()) {
        // The superuser may write everywhere.
        Ok(_) => assert!(fs::write(scratch.log().join("lock"), "").is_ok()),
        Err(error) => {
            let said = error.to_string();
            let help =
                format!("; its mode does not let its own user make files in it: chmod 700 {}", scratch.log().display());
            assert!(said.contains("Permission denied") && said.ends_with(&help), "{said}");
        }
    }
    fs::set_permissions(scratch.log(), fs::Permissions::from_mode(0o700)).expect("set");
}

#[test]
fn a_segment_that_may_not_be_written_is_told_before_a_start_and_by_it() {
    let scratch = Scratch::new("readonly-segment");
    put(&mut open(&scratch.log()).expect("opened").log, 0..3);
    let segment = scratch.log().join("0000000001.segment");
    fs::set_permissions(&segment, fs::Permissions::from_mode(0o400)).expect("set");
    let told = Log::check_folder(&SystemDisk, &scratch.log(), &OPTIONS).err().map(|error| error.to_string());
    let refused = open(&scratch.log()).err().map(|error| error.to_string());
    assert_eq!(told, refused, "before, and by a start");
    match refused {
        Some(said) => {
            assert!(said.starts_with(&format!("cannot open {}: Permission denied", segment.display())), "{said}")
        }
        // The superuser may write everywhere.
        None => assert!(fs::OpenOptions::new().write(true).open(&segment).is_ok()),
    }
}

#[test]
fn symbolic_links_are_refused_unless_allowed() {
    let scratch = Scratch::new("links");
    let real = scratch.0.join("real");
    put(&mut open(&real).expect("opened").log, 0..3);
    symlink(&real, scratch.log()).expect("linked");
    let error = open(&scratch.log()).expect_err("refused");
    assert!(matches!(&error, OpenError::SymbolicLink(path) if *path == scratch.log()), "{error}");

    let file = real.join("0000000001.segment");
    fs::rename(&file, scratch.0.join("elsewhere")).expect("moved");
    symlink(scratch.0.join("elsewhere"), &file).expect("linked");
    let error = open(&real).expect_err("refused");
    assert!(matches!(&error, OpenError::SymbolicLink(path) if *path == file), "{error}");
    let error = Log::check_folder(&SystemDisk, &real, &OPTIONS).expect_err("told before");
    assert!(matches!(&error, OpenError::SymbolicLink(path) if *path == file), "{error}");

    let options = Options { allow_symlinks: true, ..OPTIONS };
    Log::check_folder(&SystemDisk, &scratch.log(), &options).expect("allowed");
    let opened = Log::open(SystemDisk, &scratch.log(), options, Repair::No).expect("opened");
    assert_eq!(numbers(&opened.log), [0, 1, 2]);
    drop(opened);

    let other = scratch.0.join("other");
    fs::create_dir(&other).expect("made");
    symlink(scratch.0.join("elsewhere"), other.join("lock")).expect("linked");
    assert!(matches!(open(&other), Err(OpenError::SymbolicLink(_))));
}
