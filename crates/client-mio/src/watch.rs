//! Files of the user's that are watched along with the connections: standard input, a pipe of signals.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

/// A file that is watched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WatchId(pub(crate) usize);

/// What is watched, and whether that is wanted now.
#[derive(Debug)]
pub(crate) struct Watch {
    file: OwnedFd,
    token: Token,
    kind: Kind,
    is_wanted: bool,
    /// It was told that something can be read, and nobody has looked since whether that is still so.
    is_told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The system tells when something can be read.
    Told,
    /// A regular file or the like, of which the system says nothing: it can always be read.
    Always,
}

impl Watch {
    /// Watches a duplicate of the file, which stays as it is: others may share it, so it is not made non-blocking.
    pub(crate) fn new(file: &impl AsFd, token: Token, registry: &Registry) -> io::Result<Watch> {
        let file = file.as_fd().try_clone_to_owned()?;
        let kind = match registry.register(&mut SourceFd(&file.as_raw_fd()), token, Interest::READABLE) {
            Ok(()) => Kind::Told,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Kind::Always,
            Err(error) => return Err(error),
        };
        Ok(Watch { file, token, kind, is_wanted: true, is_told: false })
    }

    pub(crate) fn set_wanted(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
    }

    /// Before the wait: whether there is something to tell without one. Asks the system anew where it has told before, so that
    /// a user who has not read everything is told again.
    pub(crate) fn prepare(&mut self, registry: &Registry) -> io::Result<bool> {
        if !self.is_wanted {
            return Ok(false);
        }
        if self.kind == Kind::Told && std::mem::take(&mut self.is_told) {
            registry.reregister(&mut SourceFd(&self.file.as_raw_fd()), self.token, Interest::READABLE)?;
        }
        Ok(self.kind == Kind::Always)
    }

    /// The system says that something can be read. Whether to tell.
    pub(crate) fn note_ready(&mut self) -> bool {
        self.is_told = true;
        self.is_wanted
    }

    /// Whether to tell without having been told.
    pub(crate) fn is_always_ready(&self) -> bool {
        self.is_wanted && self.kind == Kind::Always
    }

    pub(crate) fn end(&self, registry: &Registry) {
        if self.kind == Kind::Told {
            // The duplicate is closed next: where this fails there is nothing left to do.
            let _ = registry.deregister(&mut SourceFd(&self.file.as_raw_fd()));
        }
    }
}
