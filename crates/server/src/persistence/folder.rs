//! The folder of the log, as far as it can be looked at before it is opened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use midge_store::{Log, SystemDisk};

use super::recover::store_options;
use super::{Failure, PersistenceOptions};

/// Whether a server could keep something there. Nothing is made, and it may be in use. Gives what is to be told; the error is
/// that of a start, in a sentence.
pub fn check_folder(options: &PersistenceOptions) -> Result<Option<String>, String> {
    let checked = Log::check_folder(&SystemDisk, &options.folder, &store_options(options));
    checked.map_err(|error| Failure::Open(error).to_string())?;
    Ok(warning(&options.folder))
}

/// What is wrong with a folder that can be used all the same: anybody could remove what is kept there, or put something else in
/// its place. Those that are made here are for this user alone.
pub(super) fn warning(folder: &Path) -> Option<String> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o7777;
    let shown = folder.display();
    let text = format!("Warning: every user of this machine can write to {shown} (mode {mode:04o}): chmod 700 {shown}");
    (mode & OTHERS_WRITE != 0).then_some(text)
}

const OTHERS_WRITE: u32 = 0o002;
