//! `pid_file`: the number of the process, for scripts that send signals.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use midge_net::words;

use super::owned::target_of;
use super::{Account, check_link, folder_of, is_on_full_disk};

/// A file with our number. Dropping it removes the file.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. An error names the file.
    pub(crate) fn write(path: &Path, account: Option<&Account>) -> io::Result<PidFile> {
        let mut file = Account::open_for(account, path, create).map_err(|error| unable(path, &error))?;
        // From here on it goes with this: one in which nothing stands names nobody.
        let pid_file = PidFile(path.to_owned());
        write!(file, "{}", std::process::id()).map_err(|error| unable(path, &error))?;
        Ok(pid_file)
    }

    /// Whether it could be written. Nothing is.
    pub(crate) fn check(path: &Path, account: Option<&Account>) -> io::Result<()> {
        let checked = Account::check_open_for(account, path).and_then(|()| match lacks_room(path) {
            true => Err(rustix::io::Errno::NOSPC.into()),
            false => Ok(()),
        });
        checked.map_err(|error| unable(path, &error))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // In a folder of root's the file may not be ours to remove; it is empty then, and names nobody.
        if fs::remove_file(&self.0).is_err() {
            let _ = OpenOptions::new().write(true).truncate(true).open(&self.0);
        }
    }
}

fn unable(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("unable to write {}: {}", path.display(), words(error)))
}

/// One that is there gives back what it takes.
fn lacks_room(path: &Path) -> bool {
    let has_some = fs::metadata(path).is_ok_and(|there| there.len() > 0 || !there.is_file());
    !has_some && is_on_full_disk(folder_of(&target_of(path)))
}

fn create(path: &Path) -> io::Result<File> {
    check_link(path)?;
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}
