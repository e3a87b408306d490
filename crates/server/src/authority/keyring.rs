//! The pre-shared keys of a file, where encryption looks them up.

use midge_auth::{FileError, Loaded, PreSharedKeys};

/// See the module.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Keyring(pub(super) PreSharedKeys);

impl Keyring {
    /// Reads what the file at this path holds.
    pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Loaded<Keyring>, FileError> {
        PreSharedKeys::parse(path, bytes).map(|Loaded { content, notes }| Loaded { content: Keyring(content), notes })
    }
}

impl midge_net::tls::PreSharedKeys for Keyring {
    fn key(&self, identity: &str) -> Option<&[u8]> {
        self.0.key(identity)
    }
}
