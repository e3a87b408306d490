//! The database of a Mosquitto that is replaced: taken over once, where there is no log yet.
//!
//! What must hold: the database is not touched; it is taken over as a whole or not at all. So it is read to its end before anything
//! is made; the log is then made under another name beside its place, synced, and only then renamed. Who dies in between finds no
//! log at the next start, and begins anew.

mod database;
mod write;

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use midge_broker::Now;
use midge_broker::recovery::Import;
use midge_mosquitto_db::{ReadError, ReadErrorKind, Reader};
use midge_persistence::start::StartError;
use midge_store::{Disk, Locked, Log, OpenError, Repair, SystemDisk};

use self::database::Database;
use self::write::Imported;
use super::recover::store_options;
use super::{Failure, PersistenceOptions};
use crate::clock::Clock;

/// Whether there is a database of Mosquitto, and no log yet.
pub(crate) fn is_due(options: &PersistenceOptions) -> bool {
    is_missing(&options.folder) && fs::metadata(&options.database).is_ok()
}

/// A server has written the database after this one was here last, and what is in it is not looked at.
fn left_alone(options: &PersistenceOptions) -> Option<String> {
    let database = fs::metadata(&options.database).ok()?.modified().ok()?;
    let written = |entry: fs::DirEntry| entry.metadata().ok()?.modified().ok();
    let log = fs::read_dir(&options.folder).ok()?.flatten().filter_map(written).max()?;
    let (path, folder) = (options.database.display(), options.folder.display());
    (database > log).then(|| {
        format!(
            "Warning: {path} is newer than what this server has kept, and is not read: {folder} counts. To take the file over \
             instead, stop the server and move that folder away."
        )
    })
}

/// Makes the log of the database, if that is due. Gives what is to be told.
pub(super) fn import(options: &PersistenceOptions, shards: u16, clock: Clock) -> Result<Vec<String>, Failure> {
    if !is_due(options) {
        return Ok(left_alone(options).into_iter().collect());
    }
    let now = clock.now();
    let refused = |cause: String| Failure::Import { database: options.database.clone(), cause };
    let file = File::open(&options.database).map_err(|error| refused(format!("it cannot be opened: {error}")))?;
    let read = Reader::new(BufReader::new(file)).and_then(|reader| Database::read(reader, now));
    let database = match read {
        Ok(database) => database,
        // To Mosquitto this is the same as none.
        Err(ReadError { kind: ReadErrorKind::Empty, .. }) => return Ok(Vec::new()),
        Err(error) => return Err(refused(error.to_string())),
    };
    let folder = unfinished(&options.folder);
    clear(&folder)?;
    let made = make(options, &folder, &database, shards, now);
    let imported = made.inspect_err(|_| {
        // Where it stays, the next import removes it.
        let _ = fs::remove_dir_all(&folder);
    })?;
    publish(&folder, &options.folder).map_err(|error| refused(format!("the log made of it stays unused: {error}")))?;
    Ok(remarks(&imported, &database, &options.database))
}

/// The whole log, safe on the disk.
fn make(
    options: &PersistenceOptions,
    folder: &Path,
    database: &Database,
    shards: u16,
    now: Now,
) -> Result<Imported, Failure> {
    let opened = Log::open(SystemDisk, folder, store_options(options), Repair::No).map_err(Failure::Open)?;
    let mut log = opened.log;
    let import = Import::new(log.end().0, shards, now);
    let imported = write::write(database, import, |batches| log.write(batches)).map_err(failed)?;
    log.sync().map_err(failed)?;
    Ok(imported)
}

fn failed(error: midge_store::WriteError) -> Failure {
    Failure::Log(StartError::Write(error))
}

/// Where a log is made, before it has its name.
fn unfinished(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".import");
    name.into()
}

/// Removes what an import left that was broken off, unless that still goes on.
fn clear(folder: &Path) -> Result<(), Failure> {
    if is_missing(folder) {
        return Ok(());
    }
    let failed = |error: io::Error| Failure::Import {
        database: folder.to_path_buf(),
        cause: format!("what an import left that was broken off cannot be removed: {error}"),
    };
    match SystemDisk.lock(&folder.join(LOCK)).map_err(failed)? {
        Locked::InUse(process) => Err(Failure::Open(OpenError::InUse { folder: folder.to_path_buf(), process })),
        Locked::Yes(_lock) => fs::remove_dir_all(folder).map_err(failed),
    }
}

/// The log gets its name, for ever.
fn publish(unfinished: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(unfinished, folder)?;
    let around = folder.parent().filter(|around| !around.as_os_str().is_empty());
    SystemDisk.sync_folder(around.unwrap_or_else(|| Path::new(".")))
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn remarks(imported: &Imported, database: &Database, path: &Path) -> Vec<String> {
    let Imported { sessions, subscriptions, messages, retained } = imported;
    let path = path.display();
    let told = format!(
        "Imported {sessions} sessions, {subscriptions} subscriptions, {messages} messages and {retained} retained messages from \
         {path}, which stays as it is."
    );
    let left_out = (database.left_out > 0).then(|| {
        let count = database.left_out;
        format!("Warning: {count} entries of {path} were left out, as their names or topics are not those of MQTT.")
    });
    std::iter::once(told).chain(left_out).collect()
}

/// The file in the folder of a log that is locked.
const LOCK: &str = "lock";

#[cfg(test)]
mod tests;
