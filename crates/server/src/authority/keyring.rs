//! The pre-shared keys of a file, where encryption looks them up.

use midge_auth::PreSharedKeys;

/// See the module.
#[derive(Debug)]
pub(super) struct Keyring(pub(super) PreSharedKeys);

impl midge_net::tls::PreSharedKeys for Keyring {
    fn key(&self, identity: &str) -> Option<&[u8]> {
        self.0.key(identity)
    }
}
