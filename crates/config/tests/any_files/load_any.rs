//! What must hold for any configuration files; run by the test beside this and by the fuzz target.

use midge_config::{Files, load};

/// Reads `data` as a configuration: what is behind the first byte 255, if there is one, is the file `more.conf` in the folder
/// `conf.d`. Nothing may panic, and an error must say what is wrong. Returns whether the configuration is right.
pub(crate) fn load_any(data: &[u8]) -> bool {
    let mut files = data.splitn(2, |byte| *byte == 255);
    let files = TwoFiles { main: files.next().unwrap_or_default(), more: files.next().unwrap_or_default() };
    match load("main.conf", &files) {
        Ok(loaded) => {
            assert!(!loaded.config.listeners.is_empty(), "there is always somewhere to connect to");
            loaded.notes.iter().for_each(|note| assert!(!note.to_string().is_empty()));
            true
        }
        Err(error) => {
            assert!(!error.problems.is_empty() && !error.to_string().is_empty());
            false
        }
    }
}

struct TwoFiles<'a> {
    main: &'a [u8],
    more: &'a [u8],
}

impl Files for TwoFiles<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "main.conf" => Ok(self.main.to_vec()),
            "conf.d/more.conf" => Ok(self.more.to_vec()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, String> {
        match folder.trim_end_matches('/') {
            "conf.d" => Ok(vec!["more.conf".to_owned()]),
            _ => Err("no such folder".to_owned()),
        }
    }
}
