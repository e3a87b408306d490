//! A log of ours, as the `mosquitto.db` that it would be exported as.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::{env, process};

use crate::Called;
use crate::output::reason;

/// The log that is meant: a folder, or the one which a server of ours has in the place of this file.
pub(super) fn of(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_path_buf());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".midge");
    let beside = PathBuf::from(beside);
    (!path.exists() && beside.is_dir()).then_some(beside)
}

/// Opens what the log in the folder, or in a folder within, would be exported as. The error is the message for the user.
pub(super) fn open(folder: &Path, called: &Called) -> Result<File, String> {
    let path = env::temp_dir().join(format!("midge-db_dump-{}.db", process::id()));
    let warnings = called.export_log(folder, &path).map_err(|message| format!("Error: {message}."))?;
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    let file = File::open(&path);
    // What is open is read on, and nobody else needs the name.
    let _ = fs::remove_file(&path);
    file.map_err(|error| format!("Error: Unable to open {}: {}.", path.display(), reason(&error)))
}
