//! Entering the folder of a log: it is there, it is ours, and nobody else is in it. Or looking whether it could be entered.

use std::io;
use std::path::Path;

use crate::error::Context;
use crate::segment::sequence_of;
use crate::{Disk, Entry, EntryKind, Failure, Locked, OpenError, Operation, Options};

/// The file that is locked, with the number of the process in it.
const LOCK: &str = "lock";

/// Whether the folder could be entered. Nothing is made or locked, and who is in it is no hindrance.
pub(crate) fn check<D: Disk>(disk: &D, folder: &Path, options: &Options) -> Result<(), OpenError> {
    match disk.kind(folder) {
        Ok(kind) => check_kind(kind, folder, options)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(may_make_in(disk, around(folder)).context(Operation::Create, folder)?);
        }
        Err(error) => Err(error).context(Operation::Open, folder)?,
    }
    check_access(disk, folder)?;
    check_segments(disk, folder, options)?;
    let lock = folder.join(LOCK);
    let may_lock = match disk.kind(&lock) {
        Ok(EntryKind::SymbolicLink) if !options.allow_symlinks => return Err(OpenError::SymbolicLink(lock)),
        Ok(_) => disk.may_write(&lock),
        Err(_) => Ok(()),
    };
    may_lock.context(Operation::Lock, &lock).map_err(|failure| refused(disk, folder, failure))
}

/// Makes the folder where it is missing, and locks it.
pub(super) fn enter<D: Disk>(disk: &D, folder: &Path, options: &Options) -> Result<D::Lock, OpenError> {
    match disk.kind(folder) {
        Ok(EntryKind::Folder) => {
            // Who made it may have been killed before that was durable.
            let around = around(folder);
            match disk.sync_folder(around) {
                // A folder that only others may look into was not made by us.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                synced => synced.context(Operation::Sync, around)?,
            }
        }
        Ok(kind) => check_kind(kind, folder, options)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            disk.create_folder(folder).context(Operation::Create, folder)?;
            let around = around(folder);
            disk.sync_folder(around).context(Operation::Sync, around)?;
        }
        Err(error) => Err(error).context(Operation::Open, folder)?,
    }
    check_access(disk, folder)?;
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

/// A log needs new files all the while, also where those that are there can be written.
fn check_access<D: Disk>(disk: &D, folder: &Path) -> Result<(), OpenError> {
    let access = may_make_in(disk, folder).context(Operation::Write, folder);
    access.map_err(|failure| match disk.owner(folder) {
        Some(owner) if is_denied(&failure) && owner.owner == owner.user => {
            OpenError::Closed { failure, folder: folder.to_path_buf() }
        }
        _ => refused(disk, folder, failure),
    })
}

/// A start opens each of them to write.
fn check_segments<D: Disk>(disk: &D, folder: &Path, options: &Options) -> Result<(), OpenError> {
    let mut entries = disk.list(folder).context(Operation::List, folder)?;
    entries.retain(|entry| sequence_of(&entry.name).is_some());
    for Entry { name, kind } in entries {
        let path = folder.join(name);
        if kind == EntryKind::SymbolicLink && !options.allow_symlinks {
            return Err(OpenError::SymbolicLink(path));
        }
        match disk.may_write(&path) {
            // Whoever is at work there has removed it or given it another name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            may_write => may_write.context(Operation::Open, &path)?,
        }
    }
    Ok(())
}

fn may_make_in<D: Disk>(disk: &D, folder: &Path) -> io::Result<()> {
    // What stands in a folder can be reached only through it.
    disk.may_write(&folder.join("."))
}

fn check_kind(kind: EntryKind, folder: &Path, options: &Options) -> Result<(), OpenError> {
    match kind {
        EntryKind::Folder => Ok(()),
        EntryKind::SymbolicLink if options.allow_symlinks => Ok(()),
        EntryKind::SymbolicLink => Err(OpenError::SymbolicLink(folder.to_path_buf())),
        EntryKind::File | EntryKind::Other => Err(OpenError::NotAFolder(folder.to_path_buf())),
    }
}

fn around(folder: &Path) -> &Path {
    folder.parent().filter(|around| !around.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The right to write is lacking: what is said helps to give it.
fn refused<D: Disk>(disk: &D, folder: &Path, failure: Failure) -> OpenError {
    match disk.owner(folder).filter(|owner| is_denied(&failure) && owner.owner != owner.user) {
        Some(owner) => OpenError::NotOurs { failure, folder: folder.to_path_buf(), owner },
        None => failure.into(),
    }
}

fn is_denied(failure: &Failure) -> bool {
    failure.error.kind() == io::ErrorKind::PermissionDenied
}
