//! A connection that is encrypted by OpenSSL.
//!
//! OpenSSL reads and writes a stream of its own; here that is memory ([`Wire`]), which is empty between two calls. What is not
//! complete is kept by OpenSSL.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};

use openssl::error::ErrorStack;
use openssl::ssl::{Error, ErrorCode, Ssl, SslRef, SslStream};
use openssl::x509::X509VerifyResult;
use rustls::pki_types::CertificateDer;

use super::listener::TlsError;
use super::psk::{self, Offer};
use super::{Course, Decoded, Outgoing, PreSharedKeys, TlsFailure};

/// See the module.
pub(crate) struct OpenSslConnection {
    stream: SslStream<Wire>,
    pub(super) course: Course,
}

impl OpenSslConnection {
    pub(crate) fn new(mut ssl: Ssl, has_checked_dates: bool) -> Result<OpenSslConnection, TlsError> {
        ssl.set_accept_state();
        let stream = SslStream::new(ssl, Wire::default()).map_err(|error| TlsError::new(error.to_string()))?;
        Ok(OpenSslConnection { stream, course: Course { has_checked_dates, ..Course::default() } })
    }

    pub(crate) fn receive(
        &mut self,
        room: &mut [u8],
        start: usize,
        outgoing: &mut Outgoing,
    ) -> Result<Decoded, TlsFailure> {
        self.course.check()?;
        forget_errors();
        let is_in_handshake = self.is_handshaking();
        self.stream.get_mut().incoming.extend_from_slice(&room[start..]);
        let mut plaintext = 0;
        // There is always room: what OpenSSL keeps of a record is less than stands before `start`.
        let error = loop {
            match self.stream.ssl_read(&mut room[plaintext..]) {
                Ok(count) => plaintext += count,
                Err(error) => break error,
            }
        };
        self.take_outgoing(outgoing);
        if is_in_handshake && let Some(ssl) = self.agreed() {
            psk::forget_keys(ssl);
        }
        let decoded = Decoded { plaintext, used: room.len() };
        match error.code() {
            ErrorCode::WANT_READ => Ok(decoded),
            ErrorCode::ZERO_RETURN => {
                self.course.is_closed = true;
                Ok(decoded)
            }
            _ => {
                self.course.is_ended = true;
                let failure = self.failure_of(&error);
                if plaintext == 0 {
                    return Err(failure);
                }
                self.course.failure = Some(failure);
                Ok(decoded)
            }
        }
    }

    /// Nothing is left undecoded by [`OpenSslConnection::receive`].
    pub(crate) fn send(&mut self, plaintext: &[u8], _: &mut [u8], outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
        self.course.check()?;
        if !self.stream.ssl().is_init_finished() {
            return Err(TlsFailure::out_of_turn());
        }
        forget_errors();
        let mut rest = plaintext;
        while !rest.is_empty() {
            match self.stream.ssl_write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    self.course.is_ended = true;
                    self.take_outgoing(outgoing);
                    return Err(self.failure_of(&error));
                }
            }
        }
        self.take_outgoing(outgoing);
        Ok(())
    }

    pub(crate) fn close(&mut self, _: &mut [u8], outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
        self.course.check()?;
        self.course.is_ended = true;
        if self.stream.ssl().is_init_finished() {
            forget_errors();
            // It says that the other side has not closed yet, or that it is gone.
            let _ = self.stream.shutdown();
            self.take_outgoing(outgoing);
        }
        Ok(())
    }

    pub(crate) fn version(&self) -> Option<&'static str> {
        self.agreed().map(SslRef::version_str)
    }

    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.agreed()?.current_cipher().map(|cipher| cipher.name())
    }

    pub(crate) fn peer_certificate(&self) -> Option<Cow<'_, [u8]>> {
        let certificate = self.agreed()?.peer_certificate()?;
        certificate.to_der().ok().map(Cow::from)
    }

    /// The same with what stands between it and its root; none before the end of the handshake.
    pub(crate) fn peer_certificates(&self) -> Vec<CertificateDer<'_>> {
        let Some(ssl) = self.agreed() else { return Vec::new() };
        let others = ssl.peer_cert_chain().into_iter().flatten().filter_map(|certificate| certificate.to_der().ok());
        let first = ssl.peer_certificate().and_then(|certificate| certificate.to_der().ok());
        first.into_iter().chain(others).map(CertificateDer::from).collect()
    }

    /// Whether keys and certificates are not settled yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.agreed().is_none()
    }

    /// Whose pre-shared key encrypts the connection.
    pub(crate) fn psk_identity(&self) -> Option<&str> {
        psk::proved(self.agreed()?).map(|(identity, _)| identity)
    }

    /// Whether that is one of `keys`.
    pub(crate) fn has_key_of(&self, keys: &dyn PreSharedKeys) -> bool {
        let proved = self.agreed().and_then(psk::proved);
        proved.is_some_and(|(identity, key)| keys.key(identity) == Some(key))
    }

    fn agreed(&self) -> Option<&SslRef> {
        let ssl = self.stream.ssl();
        ssl.is_init_finished().then_some(ssl)
    }

    /// An idle connection holds no buffer.
    fn take_outgoing(&mut self, outgoing: &mut Outgoing) {
        let wire = std::mem::take(self.stream.get_mut());
        outgoing.extend(&wire.outgoing);
    }

    fn failure_of(&self, error: &Error) -> TlsFailure {
        let ssl = self.stream.ssl();
        let errors = error.ssl_error().map(|stack| stack.errors()).unwrap_or_default();
        let reason = errors.iter().find_map(openssl::error::Error::reason).unwrap_or("connection lost");
        if ssl.is_init_finished() {
            return TlsFailure::other(reason.to_owned());
        }
        match (reason, psk::offer(ssl)) {
            ("wrong version number" | "http request" | "https proxy request", _) => {
                TlsFailure::refusal("client did not connect using TLS")
            }
            ("peer did not return a certificate", _) => TlsFailure::refusal("client did not provide a certificate"),
            ("certificate verify failed", _) if ssl.verify_result() != X509VerifyResult::OK => {
                let why = ssl.verify_result().error_string();
                TlsFailure::other(format!("certificate of the client is not accepted: {why}"))
            }
            (_, Some(Offer::Unknown(identity))) => {
                TlsFailure::other(format!("psk_file has no identity '{}'", identity.escape_debug()))
            }
            (reason, Some(Offer::Known(identity, _))) if WRONG_KEY.contains(&reason) => {
                TlsFailure::other(format!("client has another key for the identity '{}'", identity.escape_debug()))
            }
            (reason, _) => TlsFailure::other(reason.to_owned()),
        }
    }
}

/// OpenSSL keeps a list of errors for the thread, and takes what is on it for this connection's: what another one has left there
/// would end it.
pub(super) fn forget_errors() {
    drop(ErrorStack::get());
}

/// What two different keys look like: in TLS 1.3 the binder shows it, in TLS 1.2 what is encrypted first.
const WRONG_KEY: [&str; 5] = [
    "binder does not verify",
    "decryption failed or bad record mac",
    "bad record mac",
    "digest check failed",
    "cipher operation failed",
];

/// Ciphertext on its way.
#[derive(Debug, Default)]
pub(super) struct Wire {
    pub(super) incoming: Vec<u8>,
    /// So much of it was read.
    read: usize,
    pub(super) outgoing: Vec<u8>,
}

impl Wire {
    /// OpenSSL has read all of it, and keeps what is not complete.
    pub(super) fn forget_incoming(&mut self) {
        self.incoming = Vec::new();
        self.read = 0;
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut rest = &self.incoming[self.read..];
        if rest.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = rest.read(room)?;
        self.read += count;
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
