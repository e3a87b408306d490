//! The layer of TLS.

use std::fmt::Display;
use std::io::{ErrorKind, Read, Write};

use midge_net::tls::{ClientTls, Connector, alert_name};
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, InvalidMessage};

use crate::failure::Failure;

/// The encryption of one connection.
#[derive(Debug)]
pub(crate) struct Tls {
    connection: ClientTls,
    host: Box<str>,
}

impl Tls {
    pub(crate) fn begin(connector: &Connector, host: &str) -> Result<Tls, Failure> {
        let mut connection = connector.begin(host).map_err(|error| failure(host, &error))?;
        match &mut connection {
            // How much is written at a time is the caller's.
            ClientTls::Rustls(connection) => connection.set_buffer_limit(None),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(_) => {}
        }
        Ok(Tls { connection, host: host.into() })
    }

    pub(crate) fn is_open(&self) -> bool {
        match &self.connection {
            ClientTls::Rustls(connection) => !connection.is_handshaking(),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(connection) => !connection.is_handshaking(),
        }
    }

    /// `TLSv1_3` and the like, once that is agreed. `None`: certificates have no part in it.
    pub(crate) fn connection(&self) -> Option<&ClientConnection> {
        match &self.connection {
            ClientTls::Rustls(connection) => Some(connection),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(_) => None,
        }
    }

    /// Decodes what came, and appends it; also what came before a failure.
    pub(crate) fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        match &mut self.connection {
            ClientTls::Rustls(connection) => receive(connection, &self.host, bytes, plain),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(connection) => match connection.receive(bytes, plain) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Failure::Closed),
                Err(error) => Err(no_encryption(&self.host, &error)),
            },
        }
    }

    /// Encodes what is to be sent; before the end of the handshake it waits for that.
    pub(crate) fn send(&mut self, plain: &[u8]) -> Result<(), Failure> {
        match &mut self.connection {
            ClientTls::Rustls(connection) => connection.writer().write_all(plain).map_err(Failure::Broken),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(connection) => connection.send(plain).map_err(|error| no_encryption(&self.host, &error)),
        }
    }

    pub(crate) fn close(&mut self) {
        match &mut self.connection {
            ClientTls::Rustls(connection) => connection.send_close_notify(),
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(connection) => connection.close(),
        }
    }

    /// Appends what the socket is to be given.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        match &mut self.connection {
            ClientTls::Rustls(connection) => {
                while connection.wants_write() {
                    // Into memory, which does not fail.
                    if connection.write_tls(out).is_err() {
                        return;
                    }
                }
            }
            #[cfg(feature = "openssl")]
            ClientTls::OpenSsl(connection) => connection.take_output(out),
        }
    }
}

fn receive(
    connection: &mut ClientConnection,
    host: &str,
    mut bytes: &[u8],
    plain: &mut Vec<u8>,
) -> Result<(), Failure> {
    while !bytes.is_empty() {
        // Memory does not fail; what is refused is more than a message of the handshake may have.
        let taken = connection.read_tls(&mut bytes).map_err(Failure::Broken)?;
        let outcome = connection.process_new_packets();
        match connection.reader().read_to_end(plain) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(Failure::Broken(error)),
            _ => {}
        }
        outcome.map_err(|error| failure(host, &error))?;
        if taken == 0 {
            // The other side has said that nothing more comes.
            return Err(Failure::Closed);
        }
    }
    Ok(())
}

fn no_encryption(host: &str, why: &dyn Display) -> Failure {
    Failure::Tls(format!("no encryption with {host}: {why}").into())
}

/// What failed, and what to do.
fn failure(host: &str, error: &Error) -> Failure {
    let sentence = match error {
        Error::InvalidCertificate(error) => format!("the certificate of {host} {}", certificate(error)),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("{host} does not speak TLS on this port: check the port")
        }
        Error::AlertReceived(alert) if is_about_ours(*alert) => {
            format!("{host} wants a certificate of ours that it trusts ({})", alert_name(*alert))
        }
        Error::AlertReceived(alert) => format!("{host} refuses this encryption ({})", alert_name(*alert)),
        Error::PeerIncompatible(_) => {
            format!("{host} has no version or cipher of TLS in common with us ({error})")
        }
        other => return no_encryption(host, other),
    };
    Failure::Tls(sentence.into())
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "is of an issuer that is not trusted: name the file of its authority (cafile)".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names = if presented.is_empty() { "no host".to_owned() } else { presented.join(", ") };
            format!("is for {names}: connect by a name that it has, or ignore names (insecure)")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired: have it renewed, and check the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: check the clock of this machine".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for servers: have another one issued".to_owned()
        }
        other => format!("is not accepted: {other}"),
    }
}

fn is_about_ours(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
    )
}
