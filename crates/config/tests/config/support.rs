//! A folder of files in memory.

use midge_config::{Config, ConfigError, Files, Loaded, load};

/// The main file of every test.
pub(crate) const MAIN: &str = "m.conf";

/// Paths and contents.
pub(crate) struct Memory(pub(crate) Vec<(&'static str, Vec<u8>)>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let file = self.0.iter().find(|(name, _)| *name == path);
        file.map(|(_, bytes)| bytes.clone()).ok_or_else(|| "no such file".to_owned())
    }

    /// In the reverse order, as a file system may.
    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        let folder = folder.trim_end_matches('/');
        let inside = self.0.iter().rev().filter_map(|(path, _)| path.strip_prefix(folder)?.strip_prefix('/'));
        let names: Vec<String> = inside.map(str::to_owned).collect();
        if names.is_empty() { Err("no such folder".to_owned()) } else { Ok(names) }
    }
}

/// Reads this text as the main file.
pub(crate) fn read(text: impl AsRef<[u8]>) -> Result<Loaded, ConfigError> {
    load(MAIN, &Memory(vec![(MAIN, text.as_ref().to_vec())]))
}

/// What the text says, which must be free of errors.
#[track_caller]
pub(crate) fn config(text: &str) -> Config {
    match read(text) {
        Ok(loaded) => loaded.config,
        Err(error) => panic!("{text:?} gives:\n{error}"),
    }
}

/// The notes about the text, as the operator sees them.
#[track_caller]
pub(crate) fn notes(text: &str) -> Vec<String> {
    match read(text) {
        Ok(loaded) => loaded.notes.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{text:?} gives:\n{error}"),
    }
}

/// The errors of the text, as the operator sees them.
#[track_caller]
pub(crate) fn errors(text: impl AsRef<[u8]>) -> String {
    let bytes = text.as_ref();
    match read(bytes) {
        Ok(_) => panic!("{:?} is accepted", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}
