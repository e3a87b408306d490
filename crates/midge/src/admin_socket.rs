//! Where a running server is asked that somebody has named.

use std::path::{Path, PathBuf};

use midge_tools::RunningServer;

use crate::log::find;
use crate::{Status, server};

/// The path of its socket. The error is the exit status; what is wrong was told.
pub(crate) fn of(which: &RunningServer) -> Result<PathBuf, u8> {
    match which {
        RunningServer::Usual => server::admin_socket(None),
        RunningServer::WithConfiguration(file) => server::admin_socket(Some(file.clone())),
        RunningServer::WithFolder(folder) => in_folder(folder),
        RunningServer::AtSocket(path) => Ok(path.clone()),
    }
    .map_err(|status| match status {
        Status::Other(status) => status,
        _ => 1,
    })
}

fn in_folder(folder: &Path) -> Result<PathBuf, Status> {
    find::log_in(folder).map(|log| midge_server::socket_beside(&log)).map_err(|message| {
        eprintln!("Error: {message}.");
        Status::Failure
    })
}
