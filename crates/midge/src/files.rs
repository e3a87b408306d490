//! The file system as `config` reads it.

use std::fs;

use midge_server::words;

/// Real files.
pub(crate) struct FileSystem;

impl midge_config::Files for FileSystem {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| words(&error))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(folder).map_err(|error| words(&error))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().map_err(|error| words(&error))
    }
}
