//! Files that root makes for the account it will be.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use midge_net::{BindError, Listener, bind_unix, check_unix};
use rustix::fs::{Access, AtFlags, CWD, Gid, Mode, OFlags, Uid, accessat};

use super::{Account, check_link};

impl Account {
    /// Opens a file so that the account can use it later too; without one, just opens it.
    pub(crate) fn open_for(
        account: Option<&Account>,
        path: &Path,
        open: impl Fn(&Path) -> io::Result<File>,
    ) -> io::Result<File> {
        let (file, stand_in_for) = Account::reach(account, path, || open(path))?;
        if let Some(account) = stand_in_for {
            let kind = file.metadata()?.file_type();
            if kind.is_file() || kind.is_fifo() {
                account.give(&file)?;
            }
        }
        Ok(file)
    }

    /// Whether [`Account::open_for`] could open a file to write to it, which is made where it is missing. Nothing is made.
    pub(crate) fn check_open_for(account: Option<&Account>, path: &Path) -> io::Result<()> {
        Account::reach(account, path, || check_open(path)).map(drop)
    }

    /// Whether the account could open a file to write to it, which is made where it is missing, with nobody's help. Nothing is made.
    pub(crate) fn check_open_as(account: Option<&Account>, path: &Path) -> io::Result<()> {
        let check = || check_open(path);
        account.map_or_else(check, |account| account.act(check)?).map(drop)
    }

    /// Does something to what stands at a path as the account, or as root where only root may and nobody else could have laid it
    /// out. Gives the account too if root stood in for it.
    fn reach<'a, T>(
        account: Option<&'a Account>,
        path: &Path,
        what: impl Fn() -> io::Result<T>,
    ) -> io::Result<(T, Option<&'a Account>)> {
        let Some(account) = account else { return Ok((what()?, None)) };
        match account.act(&what)? {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_in_roots_folder(path) => {
                Ok((what()?, Some(account)))
            }
            done => Ok((done?, None)),
        }
    }

    /// Opens a Unix socket as the account, which can then remove it too.
    pub(crate) fn bind_unix_for(account: Option<&Account>, path: &Path, mode: u32) -> Result<Listener, BindError> {
        let fail = |error| BindError { what: path.display().to_string(), error };
        let bind = || bind_unix(path, mode).map_err(|error| error.error);
        let (listener, stand_in_for) = Account::reach(account, path, bind).map_err(fail)?;
        if let Some(account) = stand_in_for {
            let (user, group) = account.owner();
            // Where the account cannot remove it, it is left behind, and root takes it over at the next start.
            rustix::fs::chown(path, user, group).map_err(|error| fail(error.into()))?;
        }
        Ok(listener)
    }

    /// Whether [`Account::bind_unix_for`] could open it, as far as names and permissions tell.
    pub(crate) fn check_unix_for(account: Option<&Account>, path: &Path) -> Result<(), BindError> {
        let check = || check_unix(path).map_err(|error| error.error);
        let checked = Account::reach(account, path, check);
        checked.map(drop).map_err(|error| BindError { what: path.display().to_string(), error })
    }

    /// Sees to it that the account can work in a folder of root's making: one that root has used before, or that it could not
    /// make itself. Elsewhere the account is on its own.
    pub(crate) fn prepare_folder(&self, path: &Path) -> io::Result<()> {
        if !is_roots_to_give(path)? {
            return Ok(());
        }
        if fs::symlink_metadata(path).is_err() {
            fs::DirBuilder::new().mode(0o700).create(path)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        self.give_files(&folder)?;
        self.give(&folder)
    }

    /// Does what looks at a folder as who will work in it: the account, or root before [`Account::prepare_folder`] has given it away.
    /// The outer error is that of the account, which has to get there.
    pub(crate) fn look_at_folder<T>(account: Option<&Account>, path: &Path, look: impl FnOnce() -> T) -> io::Result<T> {
        let Some(account) = account else { return Ok(look()) };
        if !is_roots_to_give(path)? {
            return account.act(look);
        }
        account.act(|| check_enter(folder_of(path)))??;
        Ok(look())
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

/// Whether a folder is made by root for the account, or was and is given to it.
fn is_roots_to_give(path: &Path) -> io::Result<bool> {
    if !is_in_roots_folder(path) {
        return Ok(false);
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
        // Another's files are not root's to give away, a link leads elsewhere, and what others may write to has anybody's.
        Ok(there) => Ok(there.is_dir() && there.uid() == 0 && there.mode() & OTHERS_WRITE == 0),
    }
}

/// Whether this process, as who it is now, could open a file to write to it, which is made where it is missing.
fn check_open(path: &Path) -> io::Result<()> {
    check_link(path)?;
    let may_write = |path: &Path| accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS);
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(may_write(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let target = target_of(path);
            check_enter(folder_of(&target))?;
            Ok(may_write(folder_of(&target))?)
        }
        Err(error) => Err(error),
    }
}

fn check_enter(folder: &Path) -> io::Result<()> {
    Ok(accessat(CWD, folder, Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// Where a file is made that is opened to write to it and is not there: where a link leads to.
pub(super) fn target_of(path: &Path) -> PathBuf {
    let mut target = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(next) = fs::read_link(&target) else { break };
        target = folder_of(&target).join(next);
    }
    target
}

/// A path that is the same for all ways to write it, whether something stands there or not; as it is where its folder is not there.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    let real = folder_of(path).canonicalize().ok().zip(path.file_name());
    real.map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name))
}

/// The folder in which a name stands.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the disk has not a byte left on which this folder is, for whoever may not have the last ones.
pub(crate) fn is_on_full_disk(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|it| it.f_blocks > 0 && it.f_bavail == 0)
}

/// Whether nobody but root can have put there what stands there.
fn is_in_roots_folder(path: &Path) -> bool {
    if path.parent().is_none() {
        return false;
    }
    let Ok(parent) = folder_of(path).canonicalize() else { return false };
    // In a sticky folder, such as that for temporary files, nobody but root can put another one into the place of root's.
    let is_roots = |folder: &Path| {
        let may_write = |mode: u32| mode & OTHERS_WRITE != 0 && (folder == parent || mode & STICKY == 0);
        fs::metadata(folder).is_ok_and(|there| there.uid() == 0 && !may_write(there.mode()))
    };
    parent.ancestors().all(is_roots)
}

/// As many as Linux follows.
const LINKS_MAX: usize = 40;

/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

/// What is in such a folder is renamed and removed by its owner alone.
const STICKY: u32 = 0o1000;
