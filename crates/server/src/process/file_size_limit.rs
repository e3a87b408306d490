//! The limit on the size of files (`ulimit -f`, `LimitFSIZE`): a write beyond it is an error like that of a full disk, and not the
//! end of the process.

use std::io;
use std::sync::Arc;

/// From now on such a write says that the file is too large. Without this, the system ends the process without a word.
///
/// # Errors
///
/// The system does not let the signal be handled.
pub fn outlive_file_size_limit() -> io::Result<()> {
    // Nobody looks at the flag: what was to be written is what has failed.
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default()).map(drop)
}
