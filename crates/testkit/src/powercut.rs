//! A power cut under a real process: everything it did to a folder and did not sync is taken back.
//!
//! The library `powercut` (in `examples/`, loaded with `LD_PRELOAD`) stands between the server and libc. It lets every call
//! through and writes into a journal what would be needed to undo it: the bytes that a write replaces, the names that a rename
//! changes. A sync is a line in the journal too: it makes durable what came before its call. Killed with SIGKILL, the process
//! leaves files as the system's cache has them, and [`PowerCut::cut`] makes of them what a disk without power may hold:
//!
//! * of the writes to a file since its last sync any are missing, whatever their order;
//! * of the changes of names in a folder since its last sync the latest are missing: file systems with a journal keep order.
//!
//! What this leaves to others: a write that is half there, which `midge-store` tests on a disk of its own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::environment::powercut_library;
use crate::launch::Launch;

/// The variable that names the folder whose power is cut.
pub const FOLDER_VARIABLE: &str = "MIDGE_POWERCUT_FOLDER";

/// The variable that names the folder of the journal, on the same file system.
pub const ASIDE_VARIABLE: &str = "MIDGE_POWERCUT_ASIDE";

/// The journal's name in its folder.
pub const JOURNAL: &str = "journal";

/// While a file of this name stands beside the journal, syncing fails.
pub const FAILING: &str = "failing";

/// What the process did, with what undoes it. Files and folders are named by inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Bytes of a file were replaced.
    Wrote {
        /// The file.
        inode: u64,
        /// Where the bytes begin.
        offset: u64,
        /// How long the file was.
        length_before: u64,
        /// The bytes that were there; fewer than were written where the file ended.
        old: Vec<u8>,
    },
    /// A file or folder was made.
    Created {
        /// The folder around it.
        folder: u64,
        /// Its path.
        path: Vec<u8>,
    },
    /// A file has another name.
    Renamed {
        /// The folder around it.
        folder: u64,
        /// The path it had.
        from: Vec<u8>,
        /// The path it has.
        to: Vec<u8>,
    },
    /// A file was removed.
    Removed {
        /// The folder around it.
        folder: u64,
        /// The path it had.
        path: Vec<u8>,
        /// Where it is kept.
        kept: Vec<u8>,
    },
    /// A file or folder was synced.
    Synced {
        /// The file or folder.
        inode: u64,
        /// The length of the journal when the call began: what stands further behind may not be on the disk.
        until: u64,
    },
}

/// A folder, and what is needed to undo what was done in it.
#[derive(Debug)]
pub struct PowerCut {
    folder: PathBuf,
    aside: PathBuf,
}

/// What a cut took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Writes that are gone.
    pub writes: u64,
    /// Unsynced writes that reached the disk all the same.
    pub writes_kept: u64,
    /// Changes of names that are gone.
    pub names: u64,
}

impl PowerCut {
    /// For processes that keep things in `folder`; `aside`, on the same file system, is ours.
    pub fn new(folder: &Path, aside: &Path) -> PowerCut {
        let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        PowerCut { folder: absolute(folder), aside: absolute(aside) }
    }

    /// A start with the library loaded.
    pub fn launch(&self) -> Launch {
        Launch::new()
            .variable("LD_PRELOAD", powercut_library())
            .variable(FOLDER_VARIABLE, &self.folder)
            .variable(ASIDE_VARIABLE, &self.aside)
    }

    /// From now on the disk fails whenever it is to keep something.
    ///
    /// # Panics
    /// When that cannot be said.
    pub fn fail(&self) {
        fs::write(self.aside.join(FAILING), b"").expect("a file beside the journal");
    }

    /// It does not fail any more.
    ///
    /// # Panics
    /// When that cannot be said.
    pub fn mend(&self) {
        fs::remove_file(self.aside.join(FAILING)).expect("it failed");
    }

    /// Takes back what was not synced by the process, which must have ended. `random` decides what reached the disk unasked.
    ///
    /// # Errors
    /// When a file cannot be brought into the state it is to have.
    pub fn cut(&self, mut random: impl FnMut() -> u64) -> io::Result<Lost> {
        let path = self.aside.join(JOURNAL);
        let records = decode(&fs::read(&path)?);
        let (writes, names) = unsynced(&records);
        let mut lost = Lost::default();
        // Every third cut takes all: the worst case is not left to chance.
        let takes_all = random().is_multiple_of(3);
        let names_kept = if takes_all { 0 } else { (random() % (names.len() as u64 + 1)) as usize };
        let mut kept_bytes = Vec::new();
        let files = self.files_by_inode()?;
        for write in &writes {
            if !takes_all && random().is_multiple_of(4) {
                kept_bytes.push(write.present(&files)?);
                lost.writes_kept += 1;
            }
        }
        for write in writes.iter().rev() {
            write.undo(&files)?;
        }
        for kept in kept_bytes.iter().flatten() {
            kept.write()?;
        }
        lost.writes = writes.len() as u64 - lost.writes_kept;
        for (number, record) in names[names_kept..].iter().enumerate().rev() {
            self.undo_name(record, number)?;
            lost.names += 1;
        }
        // What was removed for good, and what was taken back, lies beside the journal.
        for entry in fs::read_dir(&self.aside)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        Ok(lost)
    }

    fn undo_name(&self, record: &Record, number: usize) -> io::Result<()> {
        match record {
            Record::Created { path, .. } => {
                // Not removed at once: the content of a folder may have been synced by itself.
                fs::rename(to_path(path), self.aside.join(format!("undone-{number}")))
            }
            Record::Renamed { from, to, .. } => fs::rename(to_path(to), to_path(from)),
            Record::Removed { path, kept, .. } => fs::rename(to_path(kept), to_path(path)),
            Record::Wrote { .. } | Record::Synced { .. } => Ok(()),
        }
    }

    fn files_by_inode(&self) -> io::Result<HashMap<u64, PathBuf>> {
        let mut files = HashMap::new();
        let mut folders = vec![self.folder.clone(), self.aside.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                let metadata = fs::symlink_metadata(&path)?;
                if metadata.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(metadata.ino(), path);
                }
            }
        }
        Ok(files)
    }
}

/// A write that was not synced.
struct Write<'a> {
    inode: u64,
    offset: u64,
    length_before: u64,
    old: &'a [u8],
}

/// Bytes that reached the disk unasked.
struct Kept<'a> {
    path: &'a Path,
    offset: u64,
    bytes: Vec<u8>,
}

impl Write<'_> {
    /// What it wrote, as far as the file had bytes before; a file that grew did not grow unasked.
    fn present<'a>(&self, files: &'a HashMap<u64, PathBuf>) -> io::Result<Option<Kept<'a>>> {
        let Some(path) = files.get(&self.inode) else { return Ok(None) };
        let mut bytes = vec![0; self.old.len()];
        fs::File::open(path)?.read_exact_at(&mut bytes, self.offset)?;
        Ok(Some(Kept { path, offset: self.offset, bytes }))
    }

    fn undo(&self, files: &HashMap<u64, PathBuf>) -> io::Result<()> {
        let Some(path) = files.get(&self.inode) else { return Ok(()) };
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(self.old, self.offset)?;
        file.set_len(self.length_before)
    }
}

impl Kept<'_> {
    fn write(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path)?;
        let length = file.metadata()?.len().saturating_sub(self.offset).min(self.bytes.len() as u64);
        file.write_all_at(&self.bytes[..length as usize], self.offset)
    }
}

/// The writes and the changes of names that no sync has made durable, each in the order in which they were done.
fn unsynced(records: &[(u64, Record)]) -> (Vec<Write<'_>>, Vec<&Record>) {
    let mut synced: HashMap<u64, u64> = HashMap::new();
    for (_, record) in records {
        if let Record::Synced { inode, until } = record {
            let known = synced.entry(*inode).or_default();
            *known = (*known).max(*until);
        }
    }
    let is_unsynced = |inode: &u64, at: u64| synced.get(inode).is_none_or(|until| at >= *until);
    let (mut writes, mut names) = (Vec::new(), Vec::new());
    for (at, record) in records {
        match record {
            Record::Wrote { inode, offset, length_before, old } if is_unsynced(inode, *at) => {
                writes.push(Write { inode: *inode, offset: *offset, length_before: *length_before, old });
            }
            Record::Created { folder, .. } | Record::Renamed { folder, .. } | Record::Removed { folder, .. }
                if is_unsynced(folder, *at) =>
            {
                names.push(record);
            }
            _ => {}
        }
    }
    (writes, names)
}

fn to_path(bytes: &[u8]) -> PathBuf {
    OsString::from_vec(bytes.to_vec()).into()
}

impl Record {
    /// Its bytes in the journal.
    pub fn encode(&self) -> Vec<u8> {
        let none: &[u8] = &[];
        let (kind, numbers, first, second): (u8, [u64; 3], &[u8], &[u8]) = match self {
            Record::Wrote { inode, offset, length_before, old } => (1, [*inode, *offset, *length_before], old, none),
            Record::Created { folder, path } => (2, [*folder, 0, 0], path, none),
            Record::Renamed { folder, from, to } => (3, [*folder, 0, 0], from, to),
            Record::Removed { folder, path, kept } => (4, [*folder, 0, 0], path, kept),
            Record::Synced { inode, until } => (5, [*inode, *until, 0], none, none),
        };
        let mut bytes = vec![kind];
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        [first, second].iter().for_each(|text| bytes.extend((text.len() as u64).to_le_bytes()));
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        bytes
    }

    /// The record at the start of these bytes, and what stands behind it; `None` where it is not whole.
    fn decode(bytes: &[u8]) -> Option<(Record, &[u8])> {
        let (kind, mut rest) = bytes.split_first()?;
        let mut numbers = [0; 5];
        for number in &mut numbers {
            let (digits, behind) = rest.split_first_chunk()?;
            (*number, rest) = (u64::from_le_bytes(*digits), behind);
        }
        let [first, second, third, first_length, second_length] = numbers;
        let (one, rest) = rest.split_at_checked(usize::try_from(first_length).ok()?)?;
        let (two, rest) = rest.split_at_checked(usize::try_from(second_length).ok()?)?;
        let (one, two) = (one.to_vec(), two.to_vec());
        let record = match kind {
            1 => Record::Wrote { inode: first, offset: second, length_before: third, old: one },
            2 => Record::Created { folder: first, path: one },
            3 => Record::Renamed { folder: first, from: one, to: two },
            4 => Record::Removed { folder: first, path: one, kept: two },
            _ => Record::Synced { inode: first, until: second },
        };
        Some((record, rest))
    }
}

/// The records with their places in the journal. A record that is not whole is the last: the process was killed before it did
/// what the record says.
fn decode(journal: &[u8]) -> Vec<(u64, Record)> {
    let mut records = Vec::new();
    let mut rest = journal;
    while let Some((record, behind)) = Record::decode(rest) {
        records.push(((journal.len() - rest.len()) as u64, record));
        rest = behind;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written_up_to_one_that_is_not_whole() {
        let records = [
            Record::Wrote { inode: 1, offset: 2, length_before: 3, old: b"abc".to_vec() },
            Record::Created { folder: 4, path: b"/a".to_vec() },
            Record::Renamed { folder: 4, from: b"/a".to_vec(), to: b"/b".to_vec() },
            Record::Removed { folder: 4, path: b"/b".to_vec(), kept: b"/c".to_vec() },
            Record::Synced { inode: 1, until: 50 },
        ];
        let bytes: Vec<u8> = records.iter().flat_map(Record::encode).collect();
        let decoded = |bytes| decode(bytes).into_iter().map(|(_, record)| record).collect::<Vec<_>>();
        assert_eq!(decoded(&bytes), records);
        assert_eq!(decoded(&bytes[..bytes.len() - 1]), records[..4]);
    }

    #[test]
    fn a_sync_covers_what_was_written_before_its_call() {
        let write = |inode| Record::Wrote { inode, offset: 0, length_before: 0, old: Vec::new() };
        let records = [
            (0, write(1)),
            (10, write(2)),
            (20, write(1)),
            (30, Record::Synced { inode: 1, until: 20 }),
            (40, Record::Created { folder: 3, path: Vec::new() }),
        ];
        let (writes, names) = unsynced(&records);
        assert_eq!(writes.iter().map(|write| write.inode).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(names.len(), 1);
    }
}
