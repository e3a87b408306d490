//! Why an encrypted connection cannot go on, in words for the operator.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Stands in the `io::Error` that a read or write gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFailure {
    text: String,
    is_refusal: bool,
}

impl TlsFailure {
    pub(crate) fn of(error: &Error) -> TlsFailure {
        match error {
            Error::NoCertificatesPresented => TlsFailure::refusal("client did not provide a certificate"),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                TlsFailure::refusal("client did not connect using TLS")
            }
            Error::InvalidCertificate(error) => TlsFailure::other(certificate(error)),
            Error::PeerIncompatible(error) => TlsFailure::other(incompatible(error)),
            Error::AlertReceived(alert) => TlsFailure::other(format!("client refuses: {}", name(*alert))),
            other => TlsFailure::other(other.to_string()),
        }
    }

    /// Nothing can be sent, because the handshake is not done or all is said.
    pub(crate) fn out_of_turn() -> TlsFailure {
        TlsFailure::other("nothing can be sent".to_owned())
    }

    pub(super) fn refusal(text: &str) -> TlsFailure {
        TlsFailure { text: text.to_owned(), is_refusal: true }
    }

    pub(super) fn other(text: String) -> TlsFailure {
        TlsFailure { text, is_refusal: false }
    }

    /// Whether the client did not do at all what the listener asks for, so that the text goes on `Connection from X rejected`.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsFailure {}

fn certificate(error: &CertificateError) -> String {
    let what = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::Revoked => "is revoked",
        CertificateError::UnknownIssuer => "is of an unknown issuer",
        CertificateError::UnknownRevocationStatus => "is of an issuer without a list of revoked certificates",
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "cannot be judged, as the list of revoked certificates has expired"
        }
        CertificateError::BadEncoding => "is malformed",
        CertificateError::BadSignature => "has a wrong signature",
        other => return format!("certificate of the client is not accepted: {other}"),
    };
    format!("certificate of the client {what}")
}

fn incompatible(error: &PeerIncompatible) -> String {
    let what = match error {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::SupportedVersionsExtensionRequired => "version",
        PeerIncompatible::NoCipherSuitesInCommon => "cipher",
        PeerIncompatible::NoKxGroupsInCommon => "group for the key exchange",
        other => return format!("client is not compatible: {other:?}"),
    };
    format!("client and server have no {what} in common")
}

/// As RFC 8446 writes it.
fn name(alert: AlertDescription) -> String {
    let debug = format!("{alert:?}");
    let mut name = String::new();
    for letter in debug.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() && !name.ends_with(|last: char| last.is_ascii_uppercase()) {
            name.push('_');
        }
        name.push(letter);
    }
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_go_by_their_names() {
        assert_eq!(name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(name(AlertDescription::CertificateExpired), "certificate_expired");
    }
}
