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
            Error::AlertReceived(alert) => TlsFailure::other(format!("client refuses: {}", alert_name(*alert))),
            other => TlsFailure::other(other.to_string()),
        }
    }

    /// Nothing can be sent, because the handshake is not done or all is said.
    pub(crate) fn out_of_turn() -> TlsFailure {
        TlsFailure::other("nothing can be sent".to_owned())
    }

    /// A message has more pieces than anybody needs.
    pub(super) fn too_long() -> TlsFailure {
        TlsFailure::other("a message of the handshake has too many pieces".to_owned())
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
            "cannot be judged, as the list of revoked certificates has expired, or is not good yet"
        }
        CertificateError::BadEncoding => "is malformed",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "is not for clients",
        CertificateError::BadSignature => "has a wrong signature",
        CertificateError::Other(error) => return not_accepted(&error.to_string()),
        other => return not_accepted(&other.to_string()),
    };
    format!("certificate of the client {what}")
}

fn not_accepted(why: &str) -> String {
    format!("certificate of the client is not accepted: {}", in_words(why))
}

/// What libraries write as Rust names it, such as `UnsupportedCertVersion`; what has words already stays as it is.
pub(crate) fn in_words(text: &str) -> String {
    let (before, name) = text.rfind(": ").map_or(("", text), |at| text.split_at(at + 2));
    // Names within names say what kind of error it is, and the innermost what is wrong.
    let innermost = name.trim_end_matches(')').rsplit('(').next().unwrap_or(name);
    if !innermost.chars().all(char::is_alphanumeric) {
        return text.to_owned();
    }
    format!("{before}{}", separated(innermost, ' '))
}

fn incompatible(error: &PeerIncompatible) -> String {
    let what = match error {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::SupportedVersionsExtensionRequired => "version",
        PeerIncompatible::NoCipherSuitesInCommon => "cipher",
        PeerIncompatible::NoKxGroupsInCommon => "group for the key exchange",
        other => return format!("client is not compatible: {}", in_words(&format!("{other:?}"))),
    };
    format!("client and server have no {what} in common")
}

/// The name of an alert as RFC 8446 writes it.
pub fn alert_name(alert: AlertDescription) -> String {
    separated(&format!("{alert:?}"), '_')
}

/// `UnknownCA` with `_` is `unknown_ca`.
fn separated(name: &str, separator: char) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() && !words.ends_with(|last: char| last.is_ascii_uppercase())
        {
            words.push(separator);
        }
        words.push(letter);
    }
    words.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn alerts_go_by_their_names() {
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::CertificateExpired), "certificate_expired");
    }

    #[test]
    fn what_libraries_name_is_said_in_words() {
        let check = |text: &str, expected: &str| assert_eq!(in_words(text), expected);
        check("UnsupportedCertVersion", "unsupported cert version");
        check("Other(OtherError(UnsupportedCertVersion))", "unsupported cert version");
        check("provided CRL could not be parsed: ParseError", "provided CRL could not be parsed: parse error");
        check("the key is too short (1024 bits)", "the key is too short (1024 bits)");
        let error = rustls::OtherError(std::sync::Arc::new(io::Error::other("PathLenConstraintViolated")));
        let told = TlsFailure::of(&Error::InvalidCertificate(CertificateError::Other(error))).to_string();
        assert_eq!(told, "certificate of the client is not accepted: path len constraint violated");
    }
}
