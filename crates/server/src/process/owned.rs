//! Files that root makes for the account it will be.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::Path;

use midge_net::{BindError, Listener, bind_unix};
use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::Account;

impl Account {
    /// Opens a file so that the account can use it later too; without one, just opens it.
    pub(crate) fn open_for(
        account: Option<&Account>,
        path: &Path,
        open: impl Fn(&Path) -> io::Result<File>,
    ) -> io::Result<File> {
        let Some(account) = account else { return open(path) };
        match account.act(|| open(path))? {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_in_roots_folder(path) => {
                let file = open(path)?;
                let kind = file.metadata()?.file_type();
                if kind.is_file() || kind.is_fifo() {
                    account.give(&file)?;
                }
                Ok(file)
            }
            opened => opened,
        }
    }

    /// Opens a Unix socket as the account, which can then remove it too.
    pub(crate) fn bind_unix_for(account: Option<&Account>, path: &Path, mode: u32) -> Result<Listener, BindError> {
        let Some(account) = account else { return bind_unix(path, mode) };
        let fail = |error| BindError { what: path.display().to_string(), error };
        match account.act(|| bind_unix(path, mode)).map_err(fail)? {
            Err(error) if error.error.kind() == io::ErrorKind::PermissionDenied && is_in_roots_folder(path) => {
                let listener = bind_unix(path, mode)?;
                let (user, group) = account.owner();
                // Where the account cannot remove it, it is left behind, and root takes it over at the next start.
                rustix::fs::chown(path, user, group).map_err(|error| fail(error.into()))?;
                Ok(listener)
            }
            opened => opened,
        }
    }

    /// Sees to it that the account can work in a folder of root's making: one that root has used before, or that it could not
    /// make itself. Elsewhere the account is on its own.
    pub(crate) fn prepare_folder(&self, path: &Path) -> io::Result<()> {
        if !is_in_roots_folder(path) {
            return Ok(());
        }
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().mode(0o700).create(path)?;
            }
            Err(error) => return Err(error),
            // Another's files are not root's to give away, a link leads elsewhere, and what others may write to has anybody's.
            Ok(there) if !there.is_dir() || there.uid() != 0 || there.mode() & OTHERS_WRITE != 0 => return Ok(()),
            Ok(_) => {}
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        self.give_files(&folder)?;
        self.give(&folder)
    }

    /// What is in a folder that only root could write to so far.
    fn give_files(&self, folder: &OwnedFd) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(folder)? {
            let entry = entry?;
            let is_file = entry.file_type().is_file() || entry.file_type().is_socket();
            if is_file {
                let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::chownat(folder, entry.file_name(), self.owner().0, self.owner().1, flags)?;
            }
        }
        Ok(())
    }

    fn give(&self, file: &impl AsFd) -> io::Result<()> {
        let (user, group) = self.owner();
        Ok(rustix::fs::fchown(file, user, group)?)
    }

    fn owner(&self) -> (Option<Uid>, Option<Gid>) {
        (Some(Uid::from_raw(self.user)), Some(Gid::from_raw(self.group)))
    }
}

/// Whether nobody but root can have put there what stands there.
fn is_in_roots_folder(path: &Path) -> bool {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => return false,
    };
    let Ok(parent) = parent.canonicalize() else { return false };
    // In a sticky folder, such as that for temporary files, nobody but root can put another one into the place of root's.
    let is_roots = |folder: &Path| {
        let may_write = |mode: u32| mode & OTHERS_WRITE != 0 && (folder == parent || mode & STICKY == 0);
        fs::metadata(folder).is_ok_and(|there| there.uid() == 0 && !may_write(there.mode()))
    };
    parent.ancestors().all(is_roots)
}

/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

/// What is in such a folder is renamed and removed by its owner alone.
const STICKY: u32 = 0o1000;
