//! Why a web server does not answer, in words.
//!
//! What is most often wrong with an address that somebody listens at is its beginning: http:// where TLS is spoken, or https:// where it
//! is not. Libraries tell that as what they stumble over; here it is recognised.

use std::fmt;
use std::io::ErrorKind;

use midge_net::tls::speaks_tls;
use midge_net::words;
use ureq::Error;

use super::Response;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// To https:// somebody answers who speaks no TLS.
    NoTls,
    /// To https:// somebody listens who hangs up before anything is agreed on.
    HangsUp,
    /// To http:// somebody answers who speaks TLS only.
    OnlyTls,
    /// A cause in words.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::NoTls => "it answers without TLS: try http://",
            Failure::HangsUp => "it closes the connection where TLS should begin: if it has none, try http://",
            Failure::OnlyTls => "it answers with TLS only: try https://",
            Failure::Other(cause) => cause,
        })
    }
}

impl Failure {
    pub(super) fn of(error: &Error) -> Failure {
        Failure::Other(match error {
            Error::Timeout(_) => "it takes too long".to_owned(),
            Error::Io(error) if speaks_tls(error) == Some(false) => return Failure::NoTls,
            Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                "it closes the connection without an answer".to_owned()
            }
            Error::Io(error) => words(error),
            Error::Protocol(error) => format!("it answers with something else than HTTP ({error})"),
            error => error.to_string(),
        })
    }
}

/// Whether somebody has heard what he was told, and made nothing of it: as one does who expects TLS, or does not.
pub(super) fn is_not_understood(error: &Error) -> bool {
    matches!(error, Error::Protocol(_)) || is_hanging_up(error)
}

/// Whether a connection was there and is closed.
pub(super) fn is_hanging_up(error: &Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let closed = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
    matches!(error, Error::Io(error) if closed.contains(&error.kind()))
}

/// Servers that know what comes to them say so. The words must stand at the beginning: further behind they may be a client's.
pub(super) fn asks_for_tls(response: &Response) -> bool {
    response.status == 400 && ASKING_FOR_TLS.iter().any(|text| response.body.starts_with(text.as_bytes()))
}

/// As Go, nginx and Tomcat put it.
const ASKING_FOR_TLS: [&str; 3] = [
    "Client sent an HTTP request to an HTTPS server.",
    "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title>",
    "Bad Request\r\nThis combination of host and port requires TLS.",
];
