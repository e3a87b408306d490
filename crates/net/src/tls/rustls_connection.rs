//! A connection that is encrypted by rustls.
//!
//! It keeps no bytes: what is not complete stands in the caller's buffer, and is decoded there.

use std::borrow::Cow;

use rustls::pki_types::CertificateDer;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use super::{Decoded, Outgoing, TlsFailure, ciphers};

/// See the module.
pub(crate) struct RustlsConnection {
    connection: UnbufferedServerConnection,
    /// The other side has said that it sends nothing any more.
    is_closed: bool,
    /// We have said our last word, an alert; what comes then is not looked at any more.
    is_ended: bool,
    /// Why, where plaintext came before it that had to be handed over first.
    failure: Option<TlsFailure>,
}

impl RustlsConnection {
    pub(crate) fn new(connection: UnbufferedServerConnection) -> RustlsConnection {
        RustlsConnection { connection, is_closed: false, is_ended: false, failure: None }
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
    pub(crate) fn version(&self) -> Option<&'static str> {
        self.connection.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        })
    }

    /// The name of the cipher as OpenSSL and so operators write it, once it is agreed.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.connection.negotiated_cipher_suite().map(|suite| ciphers::name(suite.suite()))
    }

    /// The certificate with which the other side has proved who it is.
    pub(crate) fn peer_certificate(&self) -> Option<Cow<'_, [u8]>> {
        self.chain().first().map(|first| Cow::from(first.as_ref()))
    }

    /// The same with what stands between it and its root; none before the end of the handshake.
    pub(crate) fn peer_certificates(&self) -> Vec<CertificateDer<'_>> {
        self.chain().iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect()
    }

    /// Whether keys and certificates are not settled yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn chain(&self) -> &[CertificateDer<'static>] {
        let chain = self.connection.peer_certificates().filter(|_| !self.is_handshaking());
        chain.unwrap_or_default()
    }
}
