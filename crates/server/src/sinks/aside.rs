//! What a target refuses for good, with its reason, for people to look at: a comment, and the record as it was sent.

use std::fs::{File, OpenOptions, rename};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use midge_sinks::delivery::SetAside;

/// See the module.
pub(super) struct Aside {
    path: PathBuf,
    file: Option<(File, u64)>,
}

impl Aside {
    pub(super) fn new(path: PathBuf) -> Aside {
        Aside { path, file: None }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Keeps one more.
    pub(super) fn keep(&mut self, refused: &SetAside) -> io::Result<()> {
        if self.file.as_ref().is_some_and(|(_, bytes)| *bytes >= BYTES_MAX) {
            self.file = None;
            rename(&self.path, self.path.with_extension("refused.1"))?;
        }
        let (file, bytes) = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
                let bytes = file.metadata()?.len();
                self.file.insert((file, bytes))
            }
        };
        let reason = refused.reason.replace(['\n', '\r'], " ");
        let text = [b"# ", reason.as_bytes(), b"\n", refused.record.trim_ascii_end(), b"\n"].concat();
        file.write_all(&text)?;
        // What is acknowledged now is nowhere else.
        file.sync_data()?;
        *bytes += text.len() as u64;
        Ok(())
    }
}

/// Then a new one is begun, and one older one is kept.
const BYTES_MAX: u64 = 64 << 20;
