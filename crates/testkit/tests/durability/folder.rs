//! Folders of tests: temporary, and gone with them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with nothing in it. Dropping it removes it with all there is by then.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("midge-durability-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for what is kept");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Lines of configuration that keep things here.
    pub(crate) fn configuration(&self) -> String {
        format!("persistence true\npersistence_location {}\n", self.0.display())
    }

    /// Where the log stands.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join(LOG_FOLDER)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The name of the log's folder in `persistence_location`.
const LOG_FOLDER: &str = "mosquitto.db.midge";
