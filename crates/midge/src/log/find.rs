//! Which folder is meant: the one that holds the log, or the one in which that stands.

use std::fs;
use std::path::{Path, PathBuf};

use midge_server::words;

/// The folder with the segments. The error is the message for the user.
pub(crate) fn log_in(folder: &Path) -> Result<PathBuf, String> {
    let shown = folder.display();
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot list {shown}: {}", words(&error)))?;
    let mut logs = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| format!("cannot list {shown}: {}", words(&error)))?.path();
        if has_ending(&path, "segment") {
            return Ok(folder.to_path_buf());
        }
        if has_ending(&path, "midge") && path.is_dir() {
            logs.push(path);
        }
    }
    logs.sort();
    match logs.as_slice() {
        [log] => Ok(log.clone()),
        [] => Err(format!("there is no log in {shown}: neither segment files nor a folder NAME.midge")),
        [first, second, ..] => {
            let (first, second) = (first.display(), second.display());
            Err(format!("there are several logs in {shown}: name one of them, such as {first} or {second}"))
        }
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}
