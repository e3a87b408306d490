//! Folders of tests: temporary, and gone with them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use midge_testkit::environment::Missing;

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

/// A small file system in memory.
pub(crate) struct Mount {
    pub(crate) folder: Folder,
}

impl Mount {
    pub(crate) fn new(options: &str) -> Result<Mount, Missing> {
        let mount = Mount { folder: Folder::new() };
        if mount.again_with(options) {
            return Ok(mount);
        }
        Err(Missing::new("the right to mount a file system", "run it as root"))
    }

    pub(crate) fn again_with(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.folder.path());
        command.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).output();
    }
}

/// The name of the log's folder in `persistence_location`.
const LOG_FOLDER: &str = "mosquitto.db.midge";
