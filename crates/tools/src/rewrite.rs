//! Replaces a file as a whole, so that whoever reads it meanwhile, and after a crash, finds the old bytes or the new ones.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process;

use crate::output::reason;

/// Gives the file these bytes; its owner and mode stay. The error is the message for the user.
pub(crate) fn replace(path: &Path, old: &Metadata, bytes: &[u8]) -> Result<(), String> {
    let new = beside(path);
    let replaced = make(&new, old, bytes).and_then(|made| match made {
        Made::Alike => fs::rename(&new, path),
        Made::OfAnotherOwner => Err(io::ErrorKind::PermissionDenied.into()),
    });
    match replaced {
        Ok(()) => sync_folder_of(path).map_err(|error| unwritten(path, &error)),
        // A file that is mounted by itself, as into a container, cannot be replaced, nor one whose owner cannot be kept.
        Err(error) if is_fixed(&error) && new.exists() => overwrite(path, bytes, &new),
        Err(error) => {
            let _ = fs::remove_file(&new);
            Err(unwritten(path, &error))
        }
    }
}

fn is_fixed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::PermissionDenied)
}

/// How the new file came out.
enum Made {
    Alike,
    /// Only root can give files away.
    OfAnotherOwner,
}

fn make(new: &Path, old: &Metadata, bytes: &[u8]) -> io::Result<Made> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    file.write_all(bytes)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (old.uid(), old.gid())
        && let Err(error) = fchown(&file, Some(old.uid()), Some(old.gid()))
    {
        let is_foreign = error.kind() == io::ErrorKind::PermissionDenied;
        return file.sync_all().and(if is_foreign { Ok(Made::OfAnotherOwner) } else { Err(error) });
    }
    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    file.sync_all()?;
    Ok(Made::Alike)
}

/// Writes the file where it is. The new one keeps the bytes until that has gone well.
fn overwrite(path: &Path, bytes: &[u8], new: &Path) -> Result<(), String> {
    let opened = OpenOptions::new().write(true).open(path);
    let written = opened.as_ref().map(|mut file| {
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()
    });
    match written {
        Ok(Err(error)) => {
            let (path, new, why) = (path.display(), new.display(), reason(&error));
            Err(format!("Error: Unable to write {path}. {why}.\nIt may be damaged; what it should hold is in {new}."))
        }
        Ok(Ok(())) => fs::remove_file(new).map_err(|error| unwritten(new, &error)),
        Err(error) => {
            let _ = fs::remove_file(new);
            Err(unwritten(path, error))
        }
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A name in the same folder, hidden. A file that an earlier process has left there is in the way, and that is told.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", process::id()))
}

fn unwritten(path: &Path, error: &io::Error) -> String {
    format!("Error: Unable to write {}. {}.", path.display(), reason(error))
}
