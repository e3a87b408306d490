//! The disk of a world: the simulated one of the store, where another coroutine may go first before each operation, so that
//! power is cut between any two.

use std::io;
use std::path::Path;

use midge_store::memory_disk::{MemoryDisk, MemoryFile, MemoryLock};
use midge_store::{Entry, EntryKind, Locked};

use crate::coroutine::interlude_of_disk;

/// A handle.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) memory: MemoryDisk,
    /// What has no room is taken for written.
    pub(crate) hides_fullness: bool,
}

impl midge_store::Disk for Disk {
    type File = MemoryFile;
    type Lock = MemoryLock;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        interlude_of_disk();
        self.memory.create_folder(path)
    }

    fn kind(&self, path: &Path) -> io::Result<EntryKind> {
        self.memory.kind(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.memory.list(folder)
    }

    fn create(&self, path: &Path) -> io::Result<MemoryFile> {
        interlude_of_disk();
        self.memory.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<MemoryFile> {
        self.memory.open(path)
    }

    fn length_bytes(&self, file: &MemoryFile) -> io::Result<u64> {
        self.memory.length_bytes(file)
    }

    fn read_at(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        interlude_of_disk();
        self.memory.read_at(file, offset, buffer)
    }

    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        interlude_of_disk();
        match self.memory.write_at(file, offset, bytes) {
            Err(error) if self.hides_fullness && error.kind() == io::ErrorKind::StorageFull => Ok(()),
            written => written,
        }
    }

    fn sync_data(&self, file: &MemoryFile) -> io::Result<()> {
        interlude_of_disk();
        self.memory.sync_data(file)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        interlude_of_disk();
        self.memory.sync_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        interlude_of_disk();
        self.memory.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        interlude_of_disk();
        self.memory.remove(path)
    }

    fn free_bytes(&self, folder: &Path) -> Option<u64> {
        self.memory.free_bytes(folder).filter(|_| !self.hides_fullness)
    }

    fn lock(&self, path: &Path) -> io::Result<Locked<MemoryLock>> {
        interlude_of_disk();
        self.memory.lock(path)
    }

    fn random(&self) -> u64 {
        self.memory.random()
    }
}
