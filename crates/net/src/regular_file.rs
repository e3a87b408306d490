//! Files that are only read.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// Opens a file to read it. A pipe is refused: it may never be written to, and who opens it would wait.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    }
}

/// Whether a file or folder may be opened to read it. Nobody is waited for, also not by a pipe.
///
/// # Errors
/// Why not.
pub fn check_readable(path: &Path) -> io::Result<()> {
    open(path, OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    Ok(())
}

/// The same of a folder; anything else is none.
///
/// # Errors
/// Why not.
pub fn check_folder(path: &Path) -> io::Result<()> {
    open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(())
}

/// All that such a file holds.
pub fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut open_regular_file(path)?, &mut bytes)?;
    Ok(bytes)
}
