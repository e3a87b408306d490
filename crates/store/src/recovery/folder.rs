//! Entering the folder of a log: it is there, it is ours, and nobody else is in it.

use std::io;
use std::path::Path;

use crate::error::Context;
use crate::{Disk, EntryKind, Failure, Locked, OpenError, Operation, Options};

/// The file that is locked, with the number of the process in it.
const LOCK: &str = "lock";

/// Makes the folder where it is missing, and locks it.
pub(super) fn enter<D: Disk>(disk: &D, folder: &Path, options: &Options) -> Result<D::Lock, OpenError> {
    match disk.kind(folder) {
        Ok(EntryKind::Folder) => {
            // Who made it may have been killed before that was durable.
            let around = folder.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match disk.sync_folder(around) {
                // A folder that only others may look into was not made by us.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                synced => synced.context(Operation::Sync, around)?,
            }
        }
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
    let locked = disk.lock(&path).context(Operation::Lock, &path).map_err(|failure| refused(disk, folder, failure))?;
    match locked {
        Locked::Yes(lock) => Ok(lock),
        Locked::InUse(process) => Err(OpenError::InUse { folder: folder.to_path_buf(), process }),
    }
}

/// Making the lock file is the first thing that takes the right to write: what is said then helps to give it.
fn refused<D: Disk>(disk: &D, folder: &Path, failure: Failure) -> OpenError {
    let is_refused = failure.error.kind() == io::ErrorKind::PermissionDenied;
    match disk.owner(folder).filter(|owner| is_refused && owner.owner != owner.user) {
        Some(owner) => OpenError::NotOurs { failure, folder: folder.to_path_buf(), owner },
        None => failure.into(),
    }
}
