//! Symbolic links in the place of files that decide who comes in, or that are written to.
//!
//! Whoever owns such a link decides what file it is. Containers and administrators link as root, which does no harm; another user
//! of the machine must not have the server read passwords of his, or write where he wants. Mosquitto follows none at all.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a link that neither root nor the user of this process owns, unless the environment says that all are to be followed.
/// What is no link, or not there, is right.
pub(crate) fn check_link(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let is_ours = metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw();
    if !metadata.is_symlink() || is_ours || std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    Err(io::Error::other(format!("it is a symbolic link of another user; to follow it all the same, set {VARIABLE}")))
}

const VARIABLE: &str = "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS";
