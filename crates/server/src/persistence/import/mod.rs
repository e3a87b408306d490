//! The database of a Mosquitto that is replaced: taken over once, where there is no log yet.
//!
//! What must hold: the database is not touched; it is taken over as a whole or not at all. So it is read to its end before anything
//! is made; the log is then made under another name beside its place, synced, and only then renamed. Who dies in between finds no
//! log at the next start, and begins anew.

mod contradictions;
mod database;
mod write;

use std::fs;
use std::io::{self, BufReader};
use std::iter;
use std::path::{Path, PathBuf};

use midge_broker::Now;
use midge_broker::recovery::Import;
use midge_mosquitto_db::{ReadError, ReadErrorKind, Reader};
use midge_net::{open_regular_file, words};
use midge_persistence::start::StartError;
use midge_store::{Disk, Locked, Log, OpenError, Repair, SystemDisk};

use self::database::Database;
use self::write::Imported;
use super::recover::store_options;
use super::{Failure, PersistenceOptions};
use crate::clock::Clock;
use crate::process::folder_of;

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
    let Some(database) = read(&options.database, now)? else { return Ok(vec![empty(&options.database)]) };
    let folder = unfinished(&options.folder);
    clear(&folder)?;
    let made = make(options, &folder, &database, shards, now);
    let imported = made.inspect_err(|_| {
        // Where it stays, the next import removes it.
        let _ = fs::remove_dir_all(&folder);
    })?;
    publish(&folder, &options.folder)
        .map_err(|error| refused(&options.database, format!("the log made of it stays unused: {error}")))?;
    let warnings = warnings(&database, &options.database);
    Ok(iter::once(told(&imported, &options.database)).chain(warnings).collect())
}

/// What a start would say of the database, apart from how much it is. Nothing is made.
pub(super) fn check(options: &PersistenceOptions, clock: Clock) -> Result<Vec<String>, Failure> {
    if !is_due(options) {
        return Ok(left_alone(options).into_iter().collect());
    }
    match read(&options.database, clock.now())? {
        Some(database) => Ok(warnings(&database, &options.database).collect()),
        None => Ok(vec![empty(&options.database)]),
    }
}

fn empty(database: &Path) -> String {
    format!("Warning: {} is empty: there is nothing to take over.", database.display())
}

/// All of a database; `None`: it is empty, which to Mosquitto is the same as none.
fn read(path: &Path, now: Now) -> Result<Option<Database>, Failure> {
    let unreadable = |error| Failure::Unreadable { database: path.to_path_buf(), error };
    let file = open_regular_file(path).map_err(unreadable)?;
    match Reader::new(BufReader::new(file)).and_then(|reader| Database::read(reader, now)) {
        Ok(database) => Ok(Some(database)),
        Err(ReadError { kind: ReadErrorKind::Empty, .. }) => Ok(None),
        Err(error) => Err(refused(path, error.to_string())),
    }
}

fn refused(database: &Path, cause: String) -> Failure {
    Failure::Import { database: database.to_path_buf(), cause }
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
        cause: format!("what an import left that was broken off cannot be removed: {}", words(&error)),
    };
    match SystemDisk.lock(&folder.join(LOCK)).map_err(failed)? {
        Locked::InUse(process) => Err(Failure::Open(OpenError::InUse { folder: folder.to_path_buf(), process })),
        Locked::Yes(_lock) => fs::remove_dir_all(folder).map_err(failed),
    }
}

/// The log gets its name, for ever.
fn publish(unfinished: &Path, folder: &Path) -> io::Result<()> {
    fs::rename(unfinished, folder)?;
    SystemDisk.sync_folder(folder_of(folder))
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn told(imported: &Imported, path: &Path) -> String {
    let Imported { sessions, subscriptions, messages, retained } = imported;
    format!(
        "Imported {sessions} sessions, {subscriptions} subscriptions, {messages} messages and {retained} retained messages from \
         {}, which stays as it is.",
        path.display()
    )
}

/// What does not come over.
fn warnings(database: &Database, path: &Path) -> impl Iterator<Item = String> {
    let path = path.display();
    let left_out = (database.left_out > 0).then(|| {
        let count = database.left_out;
        format!("Warning: {count} entries of {path} were left out, as their names or topics are not those of MQTT.")
    });
    let contradictions = database.contradictions.to_string();
    let lost = (!contradictions.is_empty()).then(|| {
        format!(
            "Warning: {path} is damaged: {contradictions}. All else of it comes over; to have these too, restore it from a copy \
             first."
        )
    });
    left_out.into_iter().chain(lost)
}

/// The file in the folder of a log that is locked.
const LOCK: &str = "lock";

#[cfg(test)]
mod tests;
