//! TLS 1.2 and 1.3 for one Network Connection, as the server's end of it; and what a client's end demands ([`Connector`]).
//!
//! What must hold:
//! * [`Tls`] knows no socket: ciphertext in, plaintext out and the other way round, in buffers of the caller. Between two
//!   calls it holds keys and no bytes;
//! * whatever comes is either decoded or a [`TlsFailure`], which says in words what was wrong;
//! * what a listener demands is read from files into one value ([`TlsListener`]), which another one replaces while connections
//!   live: they keep what they began with.

mod certificates;
mod chain;
mod ciphers;
mod client;
mod client_certificates;
mod connector;
mod der;
mod description;
mod failure;
mod issuers;
mod key_log;
mod listener;
#[cfg(feature = "openssl")]
mod openssl_client;
#[cfg(feature = "openssl")]
mod openssl_connection;
#[cfg(feature = "openssl")]
mod openssl_context;
mod private_key;
#[cfg(feature = "openssl")]
mod psk;
mod revocations;
mod rustls_connection;
mod rustls_context;
mod server_certificates;
mod subject;
mod trust;

use std::borrow::Cow;
use std::fmt;

use rustls::pki_types::CertificateDer;

pub use self::certificates::{check_certificate, check_key};
pub use self::client::{cryptography, issuers, issuers_of_system, speaks_tls};
#[cfg(feature = "openssl")]
pub use self::connector::PreSharedKey;
pub use self::connector::{ClientTls, Connector, ConnectorOptions};
pub use self::description::Description;
pub use self::failure::{TlsFailure, alert_name};
pub use self::key_log::KeyLog;
pub use self::listener::{TlsError, TlsListener, TlsOptions, TlsVersion};
#[cfg(feature = "openssl")]
pub use self::openssl_client::OpenSslClient;
pub use self::subject::{common_name, distinguished_name};

#[cfg(feature = "openssl")]
use self::openssl_connection::OpenSslConnection;
use self::rustls_connection::RustlsConnection;

/// The encryption of one Network Connection.
pub struct Tls(Library);

/// Who encrypts it.
#[cfg_attr(feature = "openssl", expect(clippy::large_enum_variant, reason = "the large one is the usual one"))]
enum Library {
    Rustls(RustlsConnection),
    #[cfg(feature = "openssl")]
    OpenSsl(OpenSslConnection),
}

/// The same of whichever library it is.
macro_rules! of_either {
    ($tls:expr, $connection:ident => $result:expr) => {
        match $tls {
            Library::Rustls($connection) => $result,
            #[cfg(feature = "openssl")]
            Library::OpenSsl($connection) => $result,
        }
    };
}

/// Keys that clients and the server have agreed upon beforehand.
pub trait PreSharedKeys: fmt::Debug + Send + Sync {
    /// The key of this identity.
    fn key(&self, identity: &str) -> Option<&[u8]>;
}

/// What came of ciphertext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decoded {
    /// Bytes of plaintext, at the beginning of the room.
    pub(crate) plaintext: usize,
    /// Where in the room that begins which is not complete.
    pub(crate) used: usize,
}

/// How far a connection has come, whichever library encrypts it.
#[derive(Debug, Default)]
struct Course {
    /// The other side has said that it sends nothing any more.
    is_closed: bool,
    /// We have said our last word, perhaps an alert; what comes then is not looked at any more.
    is_ended: bool,
    /// Why, where plaintext came before it that had to be handed over first.
    failure: Option<TlsFailure>,
    /// The dates of the other side's certificate had to be good when it came.
    has_checked_dates: bool,
}

impl Course {
    fn check(&self) -> Result<(), TlsFailure> {
        if self.is_ended { Err(TlsFailure::out_of_turn()) } else { Ok(()) }
    }
}

impl Tls {
    /// Plaintext is put where ciphertext was, but never ahead of where it was read: so much room stands before it.
    pub(crate) const ROOM_BEFORE: usize = RECORD_BYTES_MAX;

    /// Whether the other side has said that it sends nothing any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.course().is_closed
    }

    /// What was wrong behind the plaintext that was decoded last.
    pub(crate) fn failure(&self) -> Option<&TlsFailure> {
        self.course().failure.as_ref()
    }

    /// Whether we have said our last word.
    pub(crate) fn is_ended(&self) -> bool {
        self.course().is_ended
    }

    fn course(&self) -> &Course {
        of_either!(&self.0, connection => &connection.course)
    }

    /// Decodes the ciphertext from `start` to the end of `room`. What is to be answered goes to `outgoing`, also after a
    /// failure.
    pub(crate) fn receive(
        &mut self,
        room: &mut [u8],
        start: usize,
        outgoing: &mut Outgoing,
    ) -> Result<Decoded, TlsFailure> {
        of_either!(&mut self.0, connection => {
            let decoded = connection.receive(room, start, outgoing)?;
            if room.len() - decoded.used > UNDECODED_BYTES_MAX {
                connection.course.is_ended = true;
                return Err(TlsFailure::too_long());
            }
            Ok(decoded)
        })
    }

    /// Encodes `plaintext`, of which nothing may come before the handshake is done. `undecoded` is what [`Tls::receive`] has
    /// left.
    pub(crate) fn send(
        &mut self,
        plaintext: &[u8],
        undecoded: &mut [u8],
        outgoing: &mut Outgoing,
    ) -> Result<(), TlsFailure> {
        of_either!(&mut self.0, connection => connection.send(plaintext, undecoded, outgoing))
    }

    /// Encodes the end of what we send, if the handshake came so far.
    pub(crate) fn close(&mut self, undecoded: &mut [u8], outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
        of_either!(&mut self.0, connection => connection.close(undecoded, outgoing))
    }

    /// `TLSv1.3`, once that is agreed.
    pub fn version(&self) -> Option<&'static str> {
        of_either!(&self.0, connection => connection.version())
    }

    /// The name of the cipher as OpenSSL and so operators write it, once it is agreed.
    pub fn cipher(&self) -> Option<&'static str> {
        of_either!(&self.0, connection => connection.cipher())
    }

    /// The certificate with which the other side has proved who it is.
    pub fn peer_certificate(&self) -> Option<Cow<'_, [u8]>> {
        of_either!(&self.0, connection => connection.peer_certificate())
    }

    /// The same with what stands between it and its root; none before the end of the handshake.
    fn peer_certificates(&self) -> Vec<CertificateDer<'_>> {
        of_either!(&self.0, connection => connection.peer_certificates())
    }

    /// The identity of the pre-shared key that encrypts the connection.
    pub fn psk_identity(&self) -> Option<&str> {
        match &self.0 {
            Library::Rustls(_) => None,
            #[cfg(feature = "openssl")]
            Library::OpenSsl(connection) => connection.psk_identity(),
        }
    }

    /// Whether the pre-shared key that encrypts the connection is one of these.
    #[cfg(feature = "openssl")]
    fn has_key_of(&self, keys: &dyn PreSharedKeys) -> bool {
        match &self.0 {
            Library::Rustls(_) => false,
            Library::OpenSsl(connection) => connection.has_key_of(keys),
        }
    }

    /// Whether keys and certificates are not settled yet.
    pub fn is_handshaking(&self) -> bool {
        of_either!(&self.0, connection => connection.is_handshaking())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("version", &self.version()).field("is_closed", &self.is_closed()).finish()
    }
}

/// What is encoded and not yet written.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// Initialised; the first `used` bytes count.
    buffer: Vec<u8>,
    used: usize,
}

impl Outgoing {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Gives back what only something extraordinary needs.
    pub(crate) fn shrink(&mut self) {
        self.buffer.truncate(BUFFER_BYTES_KEPT);
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
    }

    /// Adds what is encoded already.
    #[cfg(feature = "openssl")]
    fn extend(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        if self.buffer.len() < end {
            self.buffer.resize(end.max(BUFFER_BYTES_KEPT), 0);
        }
        self.buffer[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }

    /// Has `encode` put something into the room behind what there is. It says how much, or how much room it needs.
    fn append(&mut self, mut encode: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>) -> Result<(), TlsFailure> {
        if self.buffer.len() - self.used < RECORD_BYTES_MAX {
            self.buffer.resize((self.used + RECORD_BYTES_MAX).max(BUFFER_BYTES_KEPT), 0);
        }
        loop {
            match encode(&mut self.buffer[self.used..]) {
                Ok(count) => {
                    self.used += count;
                    return Ok(());
                }
                Err(Some(required)) => self.buffer.resize(self.used + required, 0),
                Err(None) => return Err(TlsFailure::out_of_turn()),
            }
        }
    }
}

/// A record with everything around it: 16 KiB of plaintext, and what encryption may add (RFC 8446, 5.2; RFC 5246, 6.2.3).
const RECORD_BYTES_MAX: usize = 16 * 1024 + 2048 + 5;

/// What may be incomplete. A message of a handshake has at most 64 KiB; whoever cuts it into records of single bytes would have six
/// times as much kept, and copied with each piece that comes.
const UNDECODED_BYTES_MAX: usize = 96 * 1024;

/// What one write of 64 KiB needs, encrypted.
const BUFFER_BYTES_KEPT: usize = 72 * 1024 + RECORD_BYTES_MAX;

#[cfg(test)]
pub(crate) mod tests;
