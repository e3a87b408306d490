//! The seam to the system: every operation on files goes through [`Disk`], so that tests can fail each of them and cut the
//! power between any two.

pub mod memory;
mod system;

use std::io;
use std::path::Path;

pub use system::SystemDisk;

/// A file system, as far as the log needs one. The calls promise what Linux promises, no more: written bytes survive a crash
/// only after [`Disk::sync_data`], names only after [`Disk::sync_folder`].
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: Send + Sync + 'static;
    /// Holds a lock until it is dropped.
    type Lock: Send + Sync + 'static;

    /// Makes one folder for this user alone; the one around it must exist.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// What stands at a path, without following a symbolic link.
    fn kind(&self, path: &Path) -> io::Result<EntryKind>;

    /// Whom something belongs to, and who we are, by their numbers. For messages.
    fn owner(&self, _path: &Path) -> Option<Owner> {
        None
    }

    /// Whether something may be written, as far as that can be told without doing it.
    fn may_write(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// What is in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Makes a new file for this user alone, for reading and writing. Fails where something stands already.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading alone.
    fn open_to_read(&self, path: &Path) -> io::Result<Self::File> {
        self.open(path)
    }

    /// The length of a file.
    fn length_bytes(&self, file: &Self::File) -> io::Result<u64>;

    /// Reads until the buffer is full or the file ends; gives how many bytes there were.
    fn read_at(&self, file: &Self::File, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was written to the file.
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;

    /// Makes durable what was created, renamed and removed in a folder.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Renames a file within its folder, in place of what has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// How much more the file system of a folder takes, as far as it says so.
    fn free_bytes(&self, _folder: &Path) -> Option<u64> {
        None
    }

    /// Locks the file at a path, which is made where it is missing, for this process, and leaves the process's number in it.
    fn lock(&self, path: &Path) -> io::Result<Locked<Self::Lock>>;

    /// A number that nobody else can guess.
    fn random(&self) -> u64;
}

/// Whether a lock was free.
#[derive(Debug)]
pub enum Locked<L> {
    /// It was, and is now held.
    Yes(L),
    /// Another process holds it: this one, as far as it has said so.
    InUse(Option<u32>),
}

/// Users by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Whom something belongs to.
    pub owner: u32,
    /// Who this process is.
    pub user: u32,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the folder. Names that are not UTF-8 are not ours and are left out.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    SymbolicLink,
    /// Anything else.
    Other,
}
