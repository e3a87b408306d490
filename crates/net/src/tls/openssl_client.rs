//! The client's end of connections that are encrypted with a pre-shared key, by OpenSSL.
//!
//! What must hold: no server without the key is believed. None can show a certificate instead, as none is trusted.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::ssl::{
    Error, ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslStream, SslVerifyMode, SslVersion,
};

use super::connector::ConnectorOptions;
use super::listener::{TlsError, TlsVersion};
use super::openssl_connection::{Wire, forget_errors};
use super::openssl_context::reason;
use super::{PreSharedKey, TlsFailure};

/// What all these connections go by.
pub(crate) struct OpenSslConnector(SslContext);

impl OpenSslConnector {
    pub(crate) fn open(options: &ConnectorOptions, psk: &PreSharedKey) -> Result<OpenSslConnector, TlsError> {
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        set_versions(&mut context, options)?;
        let list = options.ciphers.as_deref().unwrap_or(CIPHERS);
        let unable =
            |error: ErrorStack| TlsError::new(format!("Unable to set TLS ciphers \"{list}\": {}.", reason(&error)));
        context.set_cipher_list(list).map_err(unable)?;
        context.set_mode(SslMode::RELEASE_BUFFERS);
        // With nobody to trust.
        context.set_verify(SslVerifyMode::PEER);
        let protocols = options.protocols.iter();
        let protocols: Vec<u8> = protocols.flat_map(|name| [&[name.len() as u8], &name[..]].concat()).collect();
        if !protocols.is_empty() {
            context.set_alpn_protos(&protocols)?;
        }
        if let Some(key_log) = options.key_log.clone() {
            context.set_keylog_callback(move |_, line| key_log.write(line));
        }
        let psk = psk.clone();
        // No room is no error of ours: OpenSSL goes on without the key, and then nobody is trusted.
        context.set_psk_client_callback(move |_, _, identity, key| Ok(give(&psk, identity, key).unwrap_or(0)));
        Ok(OpenSslConnector(context.build()))
    }

    /// The client's end of one more connection. It has said its first words.
    pub(crate) fn begin(&self, host: &str) -> Result<OpenSslClient, TlsError> {
        let mut ssl = Ssl::new(&self.0)?;
        ssl.set_connect_state();
        if host.parse::<IpAddr>().is_err() {
            ssl.set_hostname(host)?;
        }
        let stream = SslStream::new(ssl, Wire::default())?;
        let mut client = OpenSslClient { stream, waiting: Vec::new() };
        client.shake_hands().map_err(|failure| TlsError::new(failure.to_string()))?;
        Ok(client)
    }
}

impl fmt::Debug for OpenSslConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSslConnector").finish_non_exhaustive()
    }
}

/// One connection. It knows no socket.
#[derive(Debug)]
pub struct OpenSslClient {
    stream: SslStream<Wire>,
    /// What is to be sent behind the handshake.
    waiting: Vec<u8>,
}

impl OpenSslClient {
    /// Whether keys are not settled yet.
    pub fn is_handshaking(&self) -> bool {
        !self.stream.ssl().is_init_finished()
    }

    /// Decodes what came, and appends it; also what came before a failure. Gives whether more may come.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<bool, TlsFailure> {
        self.stream.get_mut().incoming.extend_from_slice(bytes);
        if !self.shake_hands()? {
            return Ok(true);
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.send(&waiting)?;
        let mut room = [0; 16 * 1024];
        loop {
            forget_errors();
            match self.stream.ssl_read(&mut room) {
                Ok(count) => plain.extend_from_slice(&room[..count]),
                Err(error) => {
                    self.stream.get_mut().forget_incoming();
                    return match error.code() {
                        ErrorCode::WANT_READ => Ok(true),
                        ErrorCode::ZERO_RETURN => Ok(false),
                        _ => Err(failure(&error)),
                    };
                }
            }
        }
    }

    /// Encodes what is to be sent; before the end of the handshake it waits for that.
    ///
    /// # Errors
    /// When the connection cannot go on.
    pub fn send(&mut self, plain: &[u8]) -> Result<(), TlsFailure> {
        if self.is_handshaking() {
            self.waiting.extend_from_slice(plain);
            return Ok(());
        }
        forget_errors();
        // Into memory, where there is room for everything.
        self.stream.write_all(plain).map_err(|error| TlsFailure::other(error.to_string()))
    }

    /// Encodes the end of what we send.
    pub fn close(&mut self) {
        forget_errors();
        // It says that the other side has not closed yet, or that it is gone.
        let _ = self.stream.shutdown();
    }

    /// Appends what the socket is to be given.
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.stream.get_mut().outgoing);
    }

    /// Whether the handshake is over.
    fn shake_hands(&mut self) -> Result<bool, TlsFailure> {
        if !self.is_handshaking() {
            return Ok(true);
        }
        forget_errors();
        match self.stream.do_handshake() {
            Ok(()) => Ok(true),
            Err(error) => {
                self.stream.get_mut().forget_incoming();
                if error.code() == ErrorCode::WANT_READ { Ok(false) } else { Err(failure(&error)) }
            }
        }
    }
}

fn failure(error: &Error) -> TlsFailure {
    let errors = error.ssl_error().map(|stack| stack.errors()).unwrap_or_default();
    let reason = errors.iter().find_map(openssl::error::Error::reason).unwrap_or("connection lost");
    TlsFailure::other(match reason {
        "wrong version number" | "packet length too long" | "http request" => {
            "the other side does not speak TLS on this port".to_owned()
        }
        reason if IS_ABOUT_THE_KEY.iter().any(|about| reason.contains(about)) => {
            format!("the other side does not know this identity, has another key for it, or takes no keys ({reason})")
        }
        reason => reason.to_owned(),
    })
}

/// What servers say to a key that they do not have, and what we say to a server that goes on without one.
const IS_ABOUT_THE_KEY: [&str; 7] = [
    "alert unknown psk identity",
    "alert decrypt error",
    "alert handshake failure",
    "alert illegal parameter",
    "bad record mac",
    "certificate verify failed",
    "decryption failed",
];

/// Puts identity, with a NUL byte behind it, and key into their rooms; the length of the key.
fn give(psk: &PreSharedKey, mut identity: &mut [u8], mut key: &mut [u8]) -> Option<usize> {
    identity.write_all(psk.identity.as_bytes()).ok()?;
    identity.write_all(&[0]).ok()?;
    key.write_all(&psk.key).ok()?;
    Some(psk.key.len())
}

fn set_versions(context: &mut SslContextBuilder, options: &ConnectorOptions) -> Result<(), ErrorStack> {
    let number = |version| match version {
        TlsVersion::Tls12 => SslVersion::TLS1_2,
        TlsVersion::Tls13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(number(options.version_min)))?;
    context.set_max_proto_version(options.version_max.map(number))
}

/// Of TLS 1.2: those with a key, and with secrets that the key does not betray later first.
const CIPHERS: &str = "kECDHEPSK:kDHEPSK:kPSK:!eNULL:@STRENGTH";
