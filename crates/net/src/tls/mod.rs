//! TLS 1.2 and 1.3 for one Network Connection, as the server's end of it.
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
mod der;
mod failure;
mod key_log;
mod listener;
mod private_key;
mod subject;

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

pub use self::client::TlsClient;
pub use self::failure::TlsFailure;
pub use self::key_log::KeyLog;
pub use self::listener::{TlsError, TlsListener, TlsOptions, TlsVersion};
pub use self::subject::{common_name, distinguished_name};

/// The encryption of one Network Connection.
pub struct Tls {
    connection: UnbufferedServerConnection,
    /// The other side has said that it sends nothing any more.
    is_closed: bool,
    /// We have said our last word, an alert; what comes then is not looked at any more.
    is_ended: bool,
    /// Why, where plaintext came before it that had to be handed over first.
    failure: Option<TlsFailure>,
}

/// What came of ciphertext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decoded {
    /// Bytes of plaintext, at the beginning of the room.
    pub(crate) plaintext: usize,
    /// Where in the room that begins which is not complete.
    pub(crate) used: usize,
}

impl Tls {
    /// Plaintext is put where ciphertext was, but never ahead of where it was read: so much room stands before it.
    pub(crate) const ROOM_BEFORE: usize = RECORD_BYTES_MAX;

    pub(crate) fn new(connection: UnbufferedServerConnection) -> Tls {
        Tls { connection, is_closed: false, is_ended: false, failure: None }
    }

    /// Whether the other side has said that it sends nothing any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What was wrong behind the plaintext that was decoded last.
    pub(crate) fn failure(&self) -> Option<&TlsFailure> {
        self.failure.as_ref()
    }

    /// Whether we have said our last word.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Decodes the ciphertext from `start` to the end of `room`. What is to be answered goes to `outgoing`, also after a
    /// failure.
    pub(crate) fn receive(
        &mut self,
        room: &mut [u8],
        start: usize,
        outgoing: &mut Outgoing,
    ) -> Result<Decoded, TlsFailure> {
        let mut decoded = Decoded { plaintext: 0, used: start };
        self.check()?;
        loop {
            let (done, incoming) = room.split_at_mut(decoded.used);
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(incoming);
            let goes_on = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| TlsFailure::of(&error))?;
                        discard += record.discard;
                        done[decoded.plaintext..][..record.payload.len()].copy_from_slice(record.payload);
                        decoded.plaintext += record.payload.len();
                    }
                    true
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    outgoing.append(|room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(Some(error.required_size)),
                        result => result.map_err(|_| None),
                    })?;
                    true
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.is_closed = true;
                    false
                }
                Ok(_) => false,
                Err(error) => {
                    let failure = self.fail(&error, &mut room[decoded.used + discard..], outgoing);
                    if decoded.plaintext == 0 {
                        return Err(failure);
                    }
                    self.failure = Some(failure);
                    return Ok(Decoded { used: room.len(), ..decoded });
                }
            };
            decoded.used += discard;
            if !goes_on {
                return Ok(decoded);
            }
        }
    }

    fn check(&self) -> Result<(), TlsFailure> {
        if self.is_ended { Err(TlsFailure::out_of_turn()) } else { Ok(()) }
    }

    /// Nothing goes on after `error`. What the other side is told of it goes to `outgoing`.
    fn fail(&mut self, error: &rustls::Error, incoming: &mut [u8], outgoing: &mut Outgoing) -> TlsFailure {
        self.is_ended = true;
        // Once more than there is something to be encoded, and it would look at what comes again and panic.
        while self.connection.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(mut data)) = self.connection.process_tls_records(incoming).state
            else {
                break;
            };
            if outgoing.append(|room| data.encode(room).map_err(|_| None)).is_err() {
                break;
            }
        }
        TlsFailure::of(error)
    }

    /// Encodes `plaintext`, of which nothing may come before the handshake is done. `undecoded` is what [`Tls::receive`] has
    /// left.
    pub(crate) fn send(
        &mut self,
        plaintext: &[u8],
        undecoded: &mut [u8],
        outgoing: &mut Outgoing,
    ) -> Result<(), TlsFailure> {
        self.check()?;
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(undecoded);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return outgoing.append(|room| match traffic.encrypt(plaintext, room) {
                        Err(EncryptError::InsufficientSize(error)) => Err(Some(error.required_size)),
                        result => result.map_err(|_| None),
                    });
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    outgoing.append(|room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(Some(error.required_size)),
                        result => result.map_err(|_| None),
                    })?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.is_closed = true,
                Ok(_) => return Err(TlsFailure::out_of_turn()),
                Err(error) => return Err(self.fail(&error, &mut undecoded[discard..], outgoing)),
            }
        }
    }

    /// Encodes the end of what we send, if the handshake came so far.
    pub(crate) fn close(&mut self, undecoded: &mut [u8], outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
        self.check()?;
        self.is_ended = true;
        match self.connection.process_tls_records(undecoded).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                outgoing.append(|room| traffic.queue_close_notify(room).map_err(|_| None))
            }
            _ => Ok(()),
        }
    }

    /// `TLSv1.3`, once that is agreed.
    pub fn version(&self) -> Option<&'static str> {
        self.connection.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        })
    }

    /// The name of the cipher as OpenSSL and so operators write it, once it is agreed.
    pub fn cipher(&self) -> Option<&'static str> {
        self.connection.negotiated_cipher_suite().map(|suite| ciphers::name(suite.suite()))
    }

    /// The certificate with which the other side has proved who it is.
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.peer_certificates().first().map(AsRef::as_ref)
    }

    /// The same with what stands between it and its root; none before the end of the handshake.
    fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let chain = self.connection.peer_certificates().filter(|_| !self.is_handshaking());
        chain.unwrap_or_default()
    }

    /// Whether keys and certificates are not settled yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("version", &self.version()).field("is_closed", &self.is_closed).finish()
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

/// What one write of 64 KiB needs, encrypted.
const BUFFER_BYTES_KEPT: usize = 72 * 1024 + RECORD_BYTES_MAX;

#[cfg(test)]
pub(crate) mod tests;
