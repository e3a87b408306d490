//! Entering the folder of a log: it is there, it is ours, and nobody else is in it.

use std::io;
use std::path::Path;

use crate::error::Context;
use crate::{Disk, EntryKind, Locked, OpenError, Operation, Options};

/// The file that is locked, with the number of the process in it.
const LOCK: &str = "lock";

/// Makes the folder where it is missing, and locks it.
pub(super) fn enter<D: Disk>(disk: &D, folder: &Path, options: &Options) -> Result<D::Lock, OpenError> {
    match disk.kind(folder) {
        Ok(EntryKind::Folder) => {}
        Ok(EntryKind::SymbolicLink) if options.allow_symlinks => {}
        Ok(EntryKind::SymbolicLink) => return Err(OpenError::SymbolicLink(folder.to_path_buf())),
        Ok(_) => return Err(OpenError::NotAFolder(folder.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create_folder(folder).context(Operation::Create, folder)?;
            let around = folder.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
            disk.sync_folder(around).context(Operation::Sync, around)?;
        }
        Err(error) => Err(error).context(Operation::Open, folder)?,
    }
    let path = folder.join(LOCK);
    if !options.allow_symlinks && disk.kind(&path).is_ok_and(|kind| kind == EntryKind::SymbolicLink) {
        return Err(OpenError::SymbolicLink(path));
    }
    match disk.lock(&path).context(Operation::Lock, &path)? {
        Locked::Yes(lock) => Ok(lock),
        Locked::InUse(process) => Err(OpenError::InUse { folder: folder.to_path_buf(), process }),
    }
}
