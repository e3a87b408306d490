//! The real disk.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, FlockOperation};

use super::{Disk, Entry, EntryKind, Locked, Owner};

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

/// Held until it is dropped.
#[derive(Debug)]
pub struct SystemLock {
    _file: File,
    /// The folder around it, where the file system has locks for folders: whoever removes the file does not free the folder.
    _folder: Option<File>,
}

impl SystemDisk {
    /// The size of the whole file system on which a folder is, or will be made; `None` where that is not known, as of some that
    /// programs serve (FUSE) and call empty.
    pub fn size_bytes(self, folder: &Path) -> Option<u64> {
        let file_system = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
        Some(file_system.f_blocks.saturating_mul(file_system.f_frsize)).filter(|bytes| *bytes > 0)
    }
}

impl Disk for SystemDisk {
    type File = File;
    type Lock = SystemLock;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    fn kind(&self, path: &Path) -> io::Result<EntryKind> {
        Ok(kind(fs::symlink_metadata(path)?.file_type()))
    }

    fn owner(&self, path: &Path) -> Option<Owner> {
        let owner = fs::symlink_metadata(path).ok()?.uid();
        Some(Owner { owner, user: rustix::process::geteuid().as_raw() })
    }

    fn may_write(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, kind: kind(entry.file_type()?) });
            }
        }
        Ok(entries)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn length_bytes(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn free_bytes(&self, folder: &Path) -> Option<u64> {
        let file_system = rustix::fs::statvfs(folder).ok()?;
        Some(file_system.f_bavail.saturating_mul(file_system.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Locked<SystemLock>> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let folder = path.parent().and_then(|folder| File::open(folder).ok());
        let is_folder_free = folder.as_ref().is_none_or(|folder| try_lock(folder).unwrap_or(true));
        if !try_lock(&file)? || !is_folder_free {
            let mut text = String::new();
            // Who holds it is a courtesy: the refusal stands without it.
            let _ = file.take(20).read_to_string(&mut text);
            return Ok(Locked::InUse(text.trim().parse().ok()));
        }
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        Ok(Locked::Yes(SystemLock { _file: file, _folder: folder }))
    }

    fn random(&self) -> u64 {
        RandomState::new().hash_one(std::process::id())
    }
}

/// `false`: another process has it.
fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn kind(kind: fs::FileType) -> EntryKind {
    if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Folder
    } else if kind.is_symlink() {
        EntryKind::SymbolicLink
    } else {
        EntryKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_a_size_unless_it_does_not_say() {
        assert!(SystemDisk.size_bytes(Path::new("/none/below")).is_some_and(|bytes| bytes > 0));
        assert_eq!(SystemDisk.size_bytes(Path::new("/proc/none")), None);
    }
}
