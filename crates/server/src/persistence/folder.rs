//! The folder of the log, as far as it can be looked at before it is opened.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use midge_broker::record::{Batch, RecordError};
use midge_persistence::start::StartError;
use midge_store::{Inspection, Log, OpenError, Operation, SystemDisk};

use super::recover::store_options;
use super::{Failure, PersistenceOptions, import};
use crate::clock::Clock;
use crate::process::{Account, folder_of, is_on_full_disk};

/// Whether a server could begin with what stands there: all that keeps it from that, and what is to be told. Nothing is made, and
/// a server may be at work there.
pub(crate) fn check(options: &PersistenceOptions, account: Option<&Account>) -> (Vec<Failure>, Vec<String>) {
    let looked = match account.filter(|_| import::is_due(options)) {
        Some(account) => account.act(|| look(options)),
        None => Account::look_at_folder(account, &options.folder, || look(options)),
    };
    looked.unwrap_or_else(|error| (vec![failure(Operation::Open, &options.folder, error)], Vec::new()))
}

fn failure(operation: Operation, path: &Path, error: io::Error) -> Failure {
    Failure::Open(midge_store::Failure { operation, path: path.to_path_buf(), error: Arc::new(error) }.into())
}

/// A disk that is full to the last byte has no room for a log that is not there yet.
fn lack_of_room(folder: &Path) -> Option<io::Error> {
    let mut files = fs::read_dir(folder).into_iter().flatten().flatten();
    // A start that found no room may have left some with nothing in them.
    let has_log = files.any(|file| file.metadata().is_ok_and(|file| file.len() > 0));
    (!has_log && is_on_full_disk(folder_of(folder))).then(|| io::ErrorKind::StorageFull.into())
}

fn look(options: &PersistenceOptions) -> (Vec<Failure>, Vec<String>) {
    if let Err(error) = Log::check_folder(&SystemDisk, &options.folder, &store_options(options)) {
        return (vec![Failure::Open(error)], Vec::new());
    }
    if let Some(error) = lack_of_room(&options.folder) {
        return (vec![failure(Operation::Create, &options.folder, error)], Vec::new());
    }
    let mut warnings = Vec::from_iter(warning(&options.folder));
    let mut failures = damages(&options.folder);
    match import::check(options, Clock::start()) {
        Ok(told) => warnings.extend(told),
        Err(failure) => failures.push(failure),
    }
    (failures, warnings)
}

/// What is wrong with a log, where there is one.
fn damages(folder: &Path) -> Vec<Failure> {
    if fs::symlink_metadata(folder).is_err() {
        return Vec::new();
    }
    let inspection = match Inspection::take(SystemDisk, folder) {
        Ok(inspection) => inspection,
        Err(error) => return vec![Failure::Open(error)],
    };
    let mut record_error = None;
    let examined = inspection.read(|batch| {
        // What a repair has put over a stretch that it gave up means nothing.
        let read = batch.synced.map_or(Ok(()), |_| read_records(batch.position.0, batch.payload));
        record_error = read.err();
        if record_error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let damages = examined.map_or_else(
        |failure| vec![OpenError::Disk(failure)],
        |examined| {
            let missing = examined.missing.into_iter().map(OpenError::from);
            examined.damages.into_iter().map(OpenError::from).chain(missing).collect()
        },
    );
    let of_headers = inspection.into_faults().into_iter();
    let of_records = record_error.map(|error| Failure::Log(StartError::Record(error)));
    of_headers.chain(damages).map(Failure::Open).chain(of_records).collect()
}

fn read_records(address: u64, payload: &[u8]) -> Result<(), RecordError> {
    let mut batch = Batch::open(address, payload)?;
    while batch.next_record()?.is_some() {}
    Ok(())
}

/// What is wrong with a folder that can be used all the same: anybody could remove what is kept there, or put something else in
/// its place. Those that are made here are for this user alone.
pub(super) fn warning(folder: &Path) -> Option<String> {
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o7777;
    let shown = folder.display();
    let text = format!("Warning: every user of this machine can write to {shown} (mode {mode:04o}): chmod 700 {shown}");
    (mode & OTHERS_WRITE != 0).then_some(text)
}

const OTHERS_WRITE: u32 = 0o002;
