//! `pid_file`: the number of the process, for scripts that send signals.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Account, check_link};

/// A file with our number. Dropping it removes the file.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. An error names the file.
    pub(crate) fn write(path: &Path, account: Option<&Account>) -> io::Result<PidFile> {
        let written =
            Account::open_for(account, path, create).and_then(|mut file| write!(file, "{}", std::process::id()));
        written
            .map_err(|error| io::Error::new(error.kind(), format!("unable to write {}: {error}", path.display())))?;
        Ok(PidFile(path.to_owned()))
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

fn create(path: &Path) -> io::Result<File> {
    check_link(path)?;
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}
