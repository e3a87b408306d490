//! A connection that is encrypted by rustls.
//!
//! It keeps no bytes once the handshake has begun: what is not complete stands in the caller's buffer, and is decoded there.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus};

use super::listener::ALPN;
use super::rustls_context::Rules;
use super::{Course, Decoded, Outgoing, TlsFailure, ciphers};

/// See the module.
pub(crate) struct RustlsConnection {
    /// `None`: the client has not said Hello.
    connection: Option<UnbufferedServerConnection>,
    /// Until the end of the handshake.
    handshake: Option<Box<Handshake>>,
    pub(super) course: Course,
}

/// What is needed for as long as keys and certificates are not settled.
struct Handshake {
    rules: Arc<Rules>,
    acceptor: Acceptor,
    /// Bytes that the acceptor has seen.
    seen: usize,
}

impl RustlsConnection {
    pub(crate) fn new(rules: &Arc<Rules>) -> RustlsConnection {
        let course = Course { has_checked_dates: rules.check_dates(), ..Course::default() };
        let handshake = Handshake { rules: Arc::clone(rules), acceptor: Acceptor::default(), seen: 0 };
        RustlsConnection { connection: None, handshake: Some(Box::new(handshake)), course }
    }

    /// Decodes the ciphertext from `start` to the end of `room`. What is to be answered goes to `outgoing`, also after a
    /// failure.
    pub(crate) fn receive(
        &mut self,
        room: &mut [u8],
        start: usize,
        outgoing: &mut Outgoing,
    ) -> Result<Decoded, TlsFailure> {
        self.course.check()?;
        if let (None, Some(handshake)) = (&self.connection, &mut self.handshake) {
            self.connection = handshake.begin(&room[start..])?;
        }
        let decoded = self.decode(room, start, outgoing)?;
        if self.handshake.is_some() && !self.is_handshaking() {
            self.finish_handshake()?;
        }
        Ok(decoded)
    }

    /// Whoever resumes is judged again: his certificate may have expired since.
    fn finish_handshake(&mut self) -> Result<(), TlsFailure> {
        let handshake = self.handshake.take();
        let is_resumed = self.connection.as_ref().and_then(|it| it.handshake_kind()) == Some(HandshakeKind::Resumed);
        let Some(handshake) = handshake.filter(|_| is_resumed) else { return Ok(()) };
        handshake.rules.judge(&self.peer_certificates()).map_err(|error| {
            self.course.is_ended = true;
            TlsFailure::of(&error)
        })
    }

    fn decode(&mut self, room: &mut [u8], start: usize, outgoing: &mut Outgoing) -> Result<Decoded, TlsFailure> {
        let mut decoded = Decoded { plaintext: 0, used: start };
        loop {
            let Some(connection) = &mut self.connection else { return Ok(decoded) };
            let (done, incoming) = room.split_at_mut(decoded.used);
            let UnbufferedStatus { mut discard, state } = connection.process_tls_records(incoming);
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
                    encode(&mut data, outgoing)?;
                    true
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    true
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.course.is_closed = true;
                    false
                }
                Ok(_) => false,
                Err(error) => {
                    let failure = self.fail(&error, &mut room[decoded.used + discard..], outgoing);
                    if decoded.plaintext == 0 {
                        return Err(failure);
                    }
                    self.course.failure = Some(failure);
                    return Ok(Decoded { used: room.len(), ..decoded });
                }
            };
            decoded.used += discard;
            if !goes_on {
                return Ok(decoded);
            }
        }
    }

    /// Nothing goes on after `error`. What the other side is told of it goes to `outgoing`.
    fn fail(&mut self, error: &rustls::Error, incoming: &mut [u8], outgoing: &mut Outgoing) -> TlsFailure {
        self.course.is_ended = true;
        // Once more than there is something to be encoded, and it would look at what comes again and panic.
        while let Some(connection) = self.connection.as_mut().filter(|it| it.wants_write()) {
            let Ok(ConnectionState::EncodeTlsData(mut data)) = connection.process_tls_records(incoming).state else {
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
        self.course.check()?;
        loop {
            let Some(connection) = &mut self.connection else { return Err(TlsFailure::out_of_turn()) };
            let UnbufferedStatus { discard, state } = connection.process_tls_records(undecoded);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    return outgoing.append(|room| match traffic.encrypt(plaintext, room) {
                        Err(EncryptError::InsufficientSize(error)) => Err(Some(error.required_size)),
                        result => result.map_err(|_| None),
                    });
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, outgoing)?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.course.is_closed = true,
                Ok(_) => return Err(TlsFailure::out_of_turn()),
                Err(error) => return Err(self.fail(&error, &mut undecoded[discard..], outgoing)),
            }
        }
    }

    /// Encodes the end of what we send, if the handshake came so far.
    pub(crate) fn close(&mut self, undecoded: &mut [u8], outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
        self.course.check()?;
        self.course.is_ended = true;
        let state = self.connection.as_mut().map(|connection| connection.process_tls_records(undecoded).state);
        match state {
            Some(Ok(ConnectionState::WriteTraffic(mut traffic))) => {
                outgoing.append(|room| traffic.queue_close_notify(room).map_err(|_| None))
            }
            _ => Ok(()),
        }
    }

    /// `TLSv1.3`, once that is agreed.
    pub(crate) fn version(&self) -> Option<&'static str> {
        self.connection.as_ref()?.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        })
    }

    /// The name of the cipher as OpenSSL and so operators write it, once it is agreed.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.connection.as_ref()?.negotiated_cipher_suite().map(|suite| ciphers::name(suite.suite()))
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
        self.connection.as_ref().is_none_or(|connection| connection.is_handshaking())
    }

    fn chain(&self) -> &[CertificateDer<'static>] {
        let chain = self.connection.as_ref().and_then(|connection| connection.peer_certificates());
        chain.filter(|_| !self.is_handshaking()).unwrap_or_default()
    }
}

impl Handshake {
    /// Begins it once the client has said Hello; `bytes` is all that has come. What is no Hello is judged, and answered, by the
    /// connection itself.
    fn begin(&mut self, bytes: &[u8]) -> Result<Option<UnbufferedServerConnection>, TlsFailure> {
        let mut new = &bytes[self.seen..];
        self.seen = bytes.len();
        let offers_known_protocol = loop {
            let has_read = self.acceptor.read_tls(&mut new.by_ref()).is_ok_and(|count| count > 0);
            match self.acceptor.accept() {
                Ok(None) if has_read => {}
                Ok(None) if new.is_empty() => return Ok(None),
                Ok(Some(accepted)) => break accepted.client_hello().alpn().is_none_or(|mut all| all.any(is_known)),
                _ => break true,
            }
        };
        self.acceptor = Acceptor::default();
        let config = self.rules.config(offers_known_protocol);
        UnbufferedServerConnection::new(config).map(Some).map_err(|error| TlsFailure::of(&error))
    }
}

fn is_known(protocol: &[u8]) -> bool {
    ALPN.contains(&protocol)
}

/// What the handshake has to say.
fn encode<Side>(data: &mut EncodeTlsData<'_, Side>, outgoing: &mut Outgoing) -> Result<(), TlsFailure> {
    outgoing.append(|room| match data.encode(room) {
        Err(EncodeError::InsufficientSize(error)) => Err(Some(error.required_size)),
        result => result.map_err(|_| None),
    })
}
